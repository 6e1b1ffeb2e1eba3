"""How far two sets of pictures are apart, from their features. NumPy and SciPy; every set is (N, D) float64.

Figures in one feature space say nothing about figures in another: here the features are those of the MobileNetV2
teacher (evaluate.py), so no figure may be held against a published FID, which uses Inception.
"""

import numpy as np
from scipy import linalg


def frechet(mean_a, cov_a, mean_b, cov_b):
    """Squared Frechet distance of two normals: |m - n|^2 + tr(A + B - 2 (A B)^1/2). Dowson and Landau 1982; FID: Heusel et al. 2017, eq. 6.

    The trace of the root is the sum of the roots of A B's eigenvalues, taken from the symmetric A^1/2 B A^1/2.
    """
    values, vectors = linalg.eigh(cov_a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    middle = linalg.eigvalsh(root @ cov_b @ root).clip(0)
    gap = mean_a - mean_b
    return float(max(0.0, gap @ gap + np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(middle).sum()))


def fid(a, b):
    """Frechet distance of two sets under a normal fit. Biased upwards for few samples, so compare equal sizes only."""
    return frechet(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))


def kid(a, b):
    """Kernel distance: the unbiased squared MMD with the kernel (x.y / D + 1)^3. Binkowski et al. 2018, arXiv:1801.01401, sec. 4."""
    return _mmd(_kernel(a, a), _kernel(b, b), _kernel(a, b))


def kid_interval(a, b, subset=500, draws=100, seed=0):
    """(mean, low, high): KID of `draws` pairs of random subsets, with the 2.5 and 97.5 % points of their mean's bootstrap."""
    rng = np.random.default_rng(seed)
    size = min(subset, len(a), len(b))
    values = np.array([kid(a[rng.choice(len(a), size, replace=False)], b[rng.choice(len(b), size, replace=False)]) for _ in range(draws)])
    means = rng.choice(values, (2000, draws)).mean(1)
    return float(values.mean()), *(float(p) for p in np.percentile(means, (2.5, 97.5)))


def fid_interval(a, b, draws=20, seed=0):
    """(value, low, high): FID with the 2.5 and 97.5 % points over bootstrap draws of both sets."""
    rng = np.random.default_rng(seed)
    values = [fid(a[rng.integers(len(a), size=len(a))], b[rng.integers(len(b), size=len(b))]) for _ in range(draws)]
    value = fid(a, b)
    # A bootstrap draw repeats members, which adds a bias of its own: the spread is kept and moved to the value.
    return value, *(float(value + p - np.mean(values)) for p in np.percentile(values, (2.5, 97.5)))


def precision_recall(real, fake, nearest=3):
    """(precision, recall): the share of fakes within the real set's manifold and the other way. Kynkaanniemi et al. 2019, arXiv:1904.06991, eq. 2."""
    return _within(fake, real, nearest), _within(real, fake, nearest)


def nearest(points, others):
    """Cosine distance of each point to the nearest of `others`, and which it is: (N,) float, (N,) int."""
    apart = 1 - unit(points) @ unit(others).T
    which = apart.argmin(1)
    return apart[np.arange(len(points)), which], which


def unit(x):
    """Rows of length 1."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _within(points, base, k):
    radius = np.sort(_squared(base, base), axis=1)[:, k]  # [0] is the point itself
    return float((_squared(points, base) <= radius).any(1).mean())


def _squared(a, b):
    return (a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T


def _kernel(a, b):
    return (a @ b.T / a.shape[1] + 1) ** 3


def _mmd(aa, bb, ab):
    n, m = len(aa), len(bb)
    return float((aa.sum() - np.trace(aa)) / (n * (n - 1)) + (bb.sum() - np.trace(bb)) / (m * (m - 1)) - 2 * ab.mean())
