"""Figures that say how good a classifier is, each with its source, and how a chance is written. Two rooms and more use them."""

import numpy as np


def auroc(scores, positive):
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    scores: (N,) float; positive: (N,) bool; nan if one side is empty. Mann and Whitney 1947.
    """
    scores, positive = np.asarray(scores, float), np.asarray(positive, bool)
    p, n = positive.sum(), (~positive).sum()
    if not p or not n:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - p * (p + 1) / 2) / (p * n))


def ece(confidence, right, bins=10):
    """Expected calibration error, equal-width bins: mean |confidence - accuracy| weighted by bin size.

    confidence: (N,) in [0, 1]; right: (N,) bool. Guo et al. 2017, arXiv:1706.04599, eq. 3.
    """
    confidence, right = np.asarray(confidence, float), np.asarray(right, float)
    where = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[where == b].sum() - right[where == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(confidence))


def fpr_at_recall(scores, positive, recall=0.95):
    """Share of negatives that score at least as high as the threshold that keeps `recall` of the positives."""
    scores, positive = np.asarray(scores, float), np.asarray(positive, bool)
    if not positive.any() or positive.all():
        return float("nan")
    kept = np.sort(scores[positive])[::-1]
    threshold = kept[int(np.ceil(recall * len(kept))) - 1]
    return float((scores[~positive] >= threshold).mean())


def wilson(right, n, z=1.96):
    """95 % interval of a proportion, [low, high]. Wilson 1927, doi:10.1080/01621459.1927.10502953."""
    if not n:
        return [float("nan")] * 2
    p = right / n
    centre, spread = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return [float((centre - spread) / (1 + z * z / n)), float((centre + spread) / (1 + z * z / n))]


def temperature_of(probabilities, labels):
    """The T that minimises the negative log-likelihood of softmax(log p / T). Guo et al. 2017, arXiv:1706.04599, sec. 4.2."""
    logits, labels = np.log(np.maximum(probabilities, 1e-12)), np.asarray(labels)

    def loss(t):
        z = logits / t
        return -(z - np.logaddexp.reduce(z, axis=1, keepdims=True))[np.arange(len(labels)), labels].mean()

    return float(min(np.geomspace(0.25, 4, 200), key=loss)), loss


def percent(p):
    """A probability in words that never claim certainty: "under 1%", "97%", "over 99%"."""
    return "under 1%" if p < 0.005 else "over 99%" if p > 0.99 else f"{p:.0%}"
