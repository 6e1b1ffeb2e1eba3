"""The patient mode: losses fall, seeds repeat, and a sitting can be stopped and gone on with."""

import pytest
import torch

from core.style import losses, networks, patient, sheet, wishes
from tests.style.helpers import photo, tiny_eye


def sitting(picture=None, **settings):
    wanted = wishes.wish(mode="patient", **{"steps": 12, "size": 96} | settings)
    return patient.Sitting(picture or photo(), photo(80, 80, seed=3), wanted, tiny_eye())


def run(s, stop=None):
    seen = []
    for done, _ in s.run():
        seen.append(done)
        if done == stop:
            break
    return seen


@pytest.mark.parametrize("settings", [{}, {"optimiser": "adam"}, {"loss": "sliced"}, {"loss": "sliced", "optimiser": "adam"}, {"start": "noise", "steps": 40}])
def test_losses_fall_and_the_same_seed_gives_the_same_pixels(settings):
    first, second = sitting(**settings), sitting(**settings)
    assert run(first) == run(second) == list(range(1, first.total + 1))
    finest = first.losses[-first.levels[-1][2] :]
    assert finest[-1][2] < finest[0][2] and first.losses[-1][2] < 0.7 * first.losses[0][2]
    assert first.picture().tobytes() == second.picture().tobytes() and first.picture().size == (96, 64)


def test_another_seed_gives_other_pixels_from_noise():
    a, b = sitting(start="noise", seed=1), sitting(start="noise", seed=2)
    run(a), run(b)
    assert a.picture().tobytes() != b.picture().tobytes()


def test_a_large_picture_goes_coarse_to_fine_and_a_small_one_is_painted_at_once():
    wanted = wishes.wish(mode="patient", steps=100)
    levels = wishes.levels(wanted, 1200, 900)
    assert [(w, h) for w, h, _ in levels] == [(300, 225), (600, 450), (1200, 900)]
    assert [steps for *_, steps in levels] == sorted((steps for *_, steps in levels), reverse=True) and abs(sum(s for *_, s in levels) - 100) <= 1
    assert wishes.levels(wanted, 400, 300) == [(400, 300, 100)]


@pytest.mark.parametrize("size", [(12, 9), (17, 16), (1, 1), (30, 2)])
def test_waves_make_the_same_picture_and_coarse_ones_move_further(size):
    pixels = torch.rand(1, 3, size[1], size[0], generator=torch.Generator().manual_seed(0))
    waves = patient.Waves(*size)
    assert torch.allclose(waves.picture(waves.of(pixels)), pixels, atol=1e-5)
    if min(size) > 8:  # the same step on every wave changes the flat part most, and the finest checkerboard least
        flat, fine = torch.ones_like(pixels), torch.ones_like(pixels)
        fine[..., ::2], fine[..., 1::2] = 1, -1
        assert waves.picture(flat).abs().mean() > 1.5 * waves.picture(fine).abs().mean()


def test_waves_reach_a_loss_in_fewer_steps_than_pixels(monkeypatch):
    def painted():
        s = patient.Sitting(sheet.example_photos()[0].resize((96, 96)), sheet.example_photos()[2], wishes.wish(mode="patient", steps=40), networks.load().eye)
        run(s)
        return [total for *_, total in s.losses]

    ours = painted()
    monkeypatch.setattr(patient.Waves, "SHARE", 0.0)
    plain = painted()
    assert next(k for k, total in enumerate(ours) if total <= plain[-1]) < 36


def test_stopping_keeps_the_picture_and_going_on_ends_where_it_should():
    s = sitting(steps=20)
    assert s.picture().tobytes() == s.photo.tobytes() and s.left() is None
    assert run(s, stop=5)[-1] == 5
    kept = s.picture()
    assert kept.tobytes() != s.photo.tobytes() and s.left() > 0
    assert run(s)[0] == 6 and s.done == s.total and s.stops == [5] and s.left() == pytest.approx(0, abs=1e-6)
    assert s.losses[-1][2] < s.losses[4][2] or len(s.levels) > 1


def test_stopping_at_the_end_of_a_size_and_running_a_finished_one_again_are_fine(monkeypatch):
    monkeypatch.setattr(wishes, "COARSEST", 64)
    s = sitting(photo(160, 128), steps=10)
    first = s.levels[0][2]
    assert len(s.levels) == 2
    run(s, stop=first)
    assert run(s)[-1] == s.total and run(s) == []


def test_gram_matrices_alone_are_enough():
    eye, painting = tiny_eye(), photo(80, 80, seed=3)
    with torch.no_grad():
        grams = [losses.gram(f) for f in eye(patient._pixels(painting, 80, 80))]
    s = patient.Sitting(photo(), grams, wishes.wish(mode="patient", steps=10, size=96), eye)
    run(s)
    assert s.losses[-1][2] < s.losses[0][2]


def test_odd_pictures():
    for size, style in (((1, 1), (40, 40)), ((300, 2), (40, 40)), ((40, 40), (1, 1))):
        wanted = wishes.wish(mode="patient", steps=3)
        s = patient.Sitting(photo(*size), photo(*style, seed=1), wanted, tiny_eye())
        run(s)
        assert s.picture().size == size
