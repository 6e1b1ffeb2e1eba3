"""The measures against closed forms and independent solvers."""

import numpy as np
import pytest
import scipy.stats
import torch

from core import runtime
from core.explain import metrics

SIZE = (8, 8)
WHITE, BLACK = np.ones((3, *SIZE), np.float32), np.zeros((3, *SIZE), np.float32)
LEFT = np.tile(np.where(np.arange(8) < 4, 1.0, 0.0), (8, 1))


def brightness(pictures):
    return pictures.mean((1, 2, 3))


def left_brightness(pictures):
    return pictures[..., :4].mean((1, 2, 3))


def test_area_has_both_ends():
    assert metrics.area([1, 0]) == 0.5 and metrics.area([1, 1, 1]) == 1 and metrics.area([1, 0, 0]) == 0.25


@pytest.mark.parametrize(
    ("heat", "answers", "deleted", "inserted"),
    [
        (LEFT, brightness, 0.5, 0.5),  # every pixel counts the same: a straight line
        (LEFT, left_brightness, 0.25, 0.75),  # what counts goes first: 1 to 0 over the first half, then 0
        (-LEFT, left_brightness, 0.75, 0.25),  # and last
        (LEFT * 0, lambda p: np.full(len(p), 0.3), 0.3, 0.3),
    ],
)
def test_deletion_and_insertion_in_closed_form(heat, answers, deleted, inserted):
    assert metrics.deletion(heat, WHITE, BLACK, answers) == pytest.approx(deleted)
    assert metrics.insertion(heat, WHITE, BLACK, answers) == pytest.approx(inserted)


def test_the_curve_begins_whole_and_ends_blank_and_grows_by_equal_parts():
    steps = metrics.curve(np.random.default_rng(0).random(SIZE), WHITE, BLACK, 5)
    assert steps.shape == (6, 3, 8, 8) and (steps[0] == 1).all() and (steps[-1] == 0).all()
    assert [int(64 - s[0].sum()) for s in steps] == [0, 13, 26, 39, 52, 64]


def test_ties_fall_at_random_but_always_the_same():
    ranks = metrics.ranks(np.zeros((20, 20)))
    assert (ranks == metrics.ranks(np.zeros((20, 20)))).all() and sorted(ranks.ravel()) == list(range(400))
    assert abs(np.corrcoef(ranks.ravel(), np.arange(400))[0, 1]) < 0.2
    assert metrics.ranks(np.array([[0.1, 0.9]])).tolist() == [[1, 0]]


def test_one_missing_pixel_is_a_sixth_of_its_direct_and_a_twelfth_of_its_diagonal_neighbours():
    rng = np.random.default_rng(0)
    picture, gone = rng.random((1, 3, 5, 5)).astype(np.float32), np.zeros((1, 5, 5), bool)
    gone[0, 2, 2] = True
    filled = metrics.impute(picture, gone)[0]
    p = picture[0]
    direct = p[:, 1, 2] + p[:, 3, 2] + p[:, 2, 1] + p[:, 2, 3]
    diagonal = p[:, 1, 1] + p[:, 1, 3] + p[:, 3, 1] + p[:, 3, 3]
    assert filled[:, 2, 2] == pytest.approx(direct / 6 + diagonal / 12, abs=1e-5)
    assert (filled[:, ~gone[0]] == p[:, ~gone[0]]).all()


def test_a_missing_corner_knows_only_the_neighbours_it_has():
    picture, gone = np.zeros((1, 3, 3, 3), np.float32), np.zeros((1, 3, 3), bool)
    picture[0, :, 0, 1], picture[0, :, 1, 0], picture[0, :, 1, 1], gone[0, 0, 0] = 0.6, 0.3, 0.9, True
    assert metrics.impute(picture, gone)[0, 0, 0, 0] == pytest.approx((0.6 / 6 + 0.3 / 6 + 0.9 / 12) / (1 / 6 + 1 / 6 + 1 / 12), abs=1e-5)


def test_a_slope_is_filled_without_a_trace():
    slope = np.broadcast_to(np.linspace(0, 1, 12, dtype=np.float32), (1, 3, 12, 12)).copy()
    gone = np.zeros((1, 12, 12), bool)
    gone[0, 3:9, 3:9] = True
    assert metrics.impute(slope, gone) == pytest.approx(slope, abs=1e-3)


def test_big_holes_equal_the_library_s_sparse_solution():
    runtime.prepare_torch()
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer

    rng = np.random.default_rng(1)
    picture = rng.random((3, 20, 20)).astype(np.float32)
    gone = rng.random((20, 20)) < 0.8
    theirs = NoisyLinearImputer(noise=0)(torch.from_numpy(picture), torch.from_numpy((~gone).astype(np.float32))).numpy()
    assert metrics.impute(picture[None], gone[None])[0] == pytest.approx(theirs, abs=2e-3)


def test_nothing_left_is_grey():
    assert (metrics.impute(WHITE[None], np.ones((1, *SIZE), bool)) == 0.5).all()


@pytest.mark.parametrize("cell", [1, 2])
def test_road_tells_the_map_that_marks_what_counts(cell):
    rng = np.random.default_rng(0)
    picture = np.repeat(np.where(np.arange(32) < 8, 1.0, 0.0)[None], 32, 0)[None].repeat(3, 0).astype(np.float32)
    heat = picture[0] + 0.01 * rng.random((32, 32))

    def bright(p):
        return p[..., :8].mean((1, 2, 3))

    good, bad = (metrics.road(m, picture, bright, cell=cell) for m in (heat, -heat))
    assert good > 0.3 and bad == pytest.approx(-good, abs=0.02)
    assert metrics.road_pictures(heat, picture, cell=cell).shape == (6, 3, 32, 32)


def test_pointing_and_energy():
    heat = np.zeros(SIZE)
    heat[2, 3], heat[6, 6] = 3, 1
    assert metrics.energy_in_box(heat, (3, 2, 4, 3)) == 0.75 and metrics.hottest(heat) == (2, 3)
    assert metrics.points_into(heat, [(6, 6, 8, 8), (0, 0, 4, 4)]) and not metrics.points_into(heat, [(0, 0, 3, 4)])
    assert np.isnan(metrics.energy_in_box(heat * 0, (0, 0, 8, 8)))
    assert metrics.hottest(np.pad(np.ones((3, 3)), 2)) == (3, 3)  # of a plateau, its middle


def test_rank_correlation_is_spearman_s():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, (6, 6)), rng.random((6, 6))
    assert metrics.rank_correlation(a, b) == pytest.approx(scipy.stats.spearmanr(a.ravel(), b.ravel()).statistic)
    assert metrics.rank_correlation(a, a * 0) == 0


def test_maps_that_know_nothing():
    picture = np.zeros((3, 32, 32), np.float32)
    picture[:, :, 8:] = 1
    edges = metrics.edges(picture, (4, 4))
    assert edges.shape == (32, 32) and edges[16, 6:10].min() > edges[16, 28]
    assert metrics.hottest(metrics.blob((31, 31))) == (15, 15)
    one, other = metrics.random_map((32, 32), (4, 4), 0), metrics.random_map((32, 32), (4, 4), 1)
    assert one.min() >= 0 and (one != other).any() and (one == metrics.random_map((32, 32), (4, 4), 0)).all()
    soft = metrics.blurred(picture)
    assert soft.shape == picture.shape and 0.2 < soft[0, 16, 8] < 0.8 and np.abs(np.diff(soft[0, 16])).max() < 0.3
