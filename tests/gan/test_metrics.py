"""Closed forms of the distances between sets of pictures."""

import numpy as np
import pytest

from core.gan import metrics

RNG = np.random.default_rng(0)


def test_frechet_of_equal_covariances_is_the_squared_distance_of_the_means():
    a = RNG.normal(size=(6, 6))
    cov = a @ a.T
    assert metrics.frechet(np.zeros(6), cov, np.arange(6.0), cov) == pytest.approx(55)


def test_frechet_of_zeros_against_ones_is_the_dimension():
    zeros = np.zeros((2048, 2048))
    assert metrics.frechet(np.zeros(2048), zeros, np.ones(2048), zeros) == pytest.approx(2048)


def test_frechet_of_two_diagonals():
    a, b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 1.0, 9.0])
    assert metrics.frechet(np.zeros(3), np.diag(a), np.zeros(3), np.diag(b)) == pytest.approx(((np.sqrt(a) - np.sqrt(b)) ** 2).sum())


def test_fid_of_a_set_with_itself_is_nothing():
    x = RNG.normal(size=(200, 8))
    assert metrics.fid(x, x) == pytest.approx(0, abs=1e-8)


def test_kid_of_two_halves_of_one_set_is_nothing_within_its_interval():
    x = RNG.normal(size=(2000, 16))
    mean, low, high = metrics.kid_interval(x[:1000], x[1000:], subset=200)
    assert abs(mean) < 0.05 and low < mean < high


def test_kid_is_unbiased_where_the_biased_estimate_is_not():
    """Over many small pairs of one distribution the mean is nothing; with the diagonal kept it would not be."""
    pairs = [RNG.normal(size=(2, 20, 4)) for _ in range(300)]
    values = np.array([metrics.kid(a, b) for a, b in pairs])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))


def test_kid_grows_with_the_shift():
    x, y = RNG.normal(size=(2, 400, 8))
    assert metrics.kid(x, y) < metrics.kid(x, y + 0.5) < metrics.kid(x, y + 1)


def test_precision_and_recall_tell_a_narrow_set_from_a_wild_one():
    real = RNG.normal(size=(400, 4))
    precision, recall = metrics.precision_recall(real, real * 0.2)
    assert precision > 0.9 and recall < 0.3
    precision, recall = metrics.precision_recall(real, real * 6)
    assert precision < 0.3


def test_the_nearest_is_found():
    others = np.eye(5)
    distance, which = metrics.nearest(np.array([[0, 3.0, 0, 0, 0.1]]), others)
    assert which.tolist() == [1] and distance[0] < 0.01
