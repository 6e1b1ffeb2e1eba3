"""A linear head on frozen features, fitted in moments: multinomial logistic regression."""

import numpy as np
import torch


class LogisticRegression:
    """Fitted at once, by SciPy's L-BFGS, on standardised features.

    features: (N, D) float tensor; labels: (N,) int64 tensor in [0, classes)
    shares:   (N,) how much each photo counts; None counts all the same
    decay:    weight of the squared weights in the loss; smoothing: share of each target spread over all classes
              (Szegedy et al. 2016, arXiv:1512.00567, sec. 7)
    """

    def __init__(self, features, labels, classes, shares=None, decay=1e-2, smoothing=0.02):
        self.mean, self.std = features.mean(0), features.std(0) + 1e-3
        z = self.standardise(features).cpu().double().numpy()
        target = np.eye(classes)[labels.cpu().numpy()] * (1 - smoothing) + smoothing / classes
        shares = np.ones(len(z)) if shares is None else np.asarray(shares)
        weight, bias = _fit(np.ascontiguousarray(z), target, shares[:, None] / shares.sum(), decay)
        self.weight, self.bias = (torch.from_numpy(a).to(features) for a in (weight, bias))

    def standardise(self, features):
        return (features - self.mean) / self.std

    def __call__(self, features):
        """(B, D) -> (B, K) probabilities."""
        return (self.standardise(features) @ self.weight.T + self.bias).softmax(1)

    def linear(self):
        """(weight (K, D), bias (K,)) of the same head on features that are not standardised."""
        weight = self.weight / self.std
        return weight, self.bias - weight @ self.mean


def _fit(z, target, shares, decay):
    """(N, D), (N, K), (N, 1) -> weight (K, D), bias (K,) of least mean cross-entropy + decay * |weight|^2."""
    from scipy.optimize import minimize

    d, k = z.shape[1], target.shape[1]

    # einsum and not @: with matrices this small, BLAS's threads mostly wait for each other.

    def loss(flat):
        weight, bias = flat[: k * d].reshape(k, d), flat[k * d :]
        logits = np.einsum("nd,kd->nk", z, weight) + bias
        logits -= logits.max(1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        slope = (np.exp(log_p) - target) * shares
        value = -(shares * target * log_p).sum() + decay * np.square(weight).sum()
        return value, np.concatenate([(np.einsum("nk,nd->kd", slope, z) + 2 * decay * weight).ravel(), slope.sum(0)])

    found = minimize(loss, np.zeros(k * d + k), jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-7}).x
    return found[: k * d].reshape(k, d), found[k * d :]
