"""The figures against closed forms and hand-counted cases."""

import math

import numpy as np
import pytest

from core import metrics


def test_auroc_counts_pairs():
    scores, positive = np.array([0.1, 0.4, 0.4, 0.8, 0.9]), np.array([False, False, True, True, True])
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    assert metrics.auroc(scores, positive) == pytest.approx(np.mean(pairs))
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 9, 200), rng.random(200) < 0.3
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    assert metrics.auroc(scores, positive) == pytest.approx(np.mean(pairs))
    assert metrics.auroc([1, 2], [True, False]) == 0 and math.isnan(metrics.auroc([1], [True]))


def test_ece_of_a_known_case():
    # Ten answers at 0.8 of which six are right: off by 0.2. Ten at 0.55 of which five are right: off by 0.05.
    confidence = [0.8] * 10 + [0.55] * 10
    right = [1] * 6 + [0] * 4 + [1] * 5 + [0] * 5
    assert metrics.ece(confidence, right) == pytest.approx((0.2 + 0.05) / 2)
    assert metrics.ece([1.0, 1.0], [1, 1]) == 0


def test_fpr_at_recall():
    positive = np.array([True] * 20 + [False] * 4)
    scores = np.concatenate([np.arange(20), [0.5, 1.0, 5, -3]])
    # 95 % of 20 are 19: the lowest kept positive scores 1, and of the four others 1.0 and 5 reach it.
    assert metrics.fpr_at_recall(scores, positive) == 0.5


def test_wilson_interval():
    low, high = metrics.wilson(95, 100)
    assert low == pytest.approx(0.8882, abs=1e-3) and high == pytest.approx(0.9785, abs=1e-3)
    assert metrics.wilson(10, 10)[1] == pytest.approx(1)
