"""What a picture shows and how it is painted, as numbers that can be made smaller.

Features are non-negative maps (B, C, H, W) of a frozen network, scaled so that each stage's mean is about 1 (model.py).
All distances are relative to the target, so that stages, styles and networks can share one set of weights.
"""

import torch

TINY = 1e-6  # keeps a flat style, whose features may be all zero, from dividing by nothing


class Gram(torch.autograd.Function):
    """`gram` with its gradient in one product instead of two and a sum."""

    @staticmethod
    def forward(ctx, features):
        x = features.permute(0, 2, 3, 1).flatten(1, 2)  # no copy of maps with channels last
        ctx.save_for_backward(x)
        ctx.size = features.shape[2:]
        return x.transpose(1, 2) @ x / x.shape[1]

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return (x @ ((g + g.transpose(1, 2)) / x.shape[1])).unflatten(1, ctx.size).permute(0, 3, 1, 2)


def gram(features):
    """Gram matrices, the correlations of channels over the picture (Gatys et al. 2016, eq. 3), divided by H * W.

    (B, C, H, W) -> (B, C, C), symmetric and positive semi-definite
    """
    return Gram.apply(features)


def gram_distance(grams, targets):
    """Squared difference of Gram matrices relative to the target's, summed over stages: lists of (B, C, C) -> (B,)."""
    return sum(_relative(g, t) for g, t in zip(grams, targets, strict=True))


def content_distance(features, targets):
    """Squared difference of feature maps relative to the target's (Gatys et al. 2016, eq. 1). 2 x (B, C, H, W) -> (B,)."""
    return _relative(features, targets)


def total_variation(image):
    """Mean absolute difference of neighbouring pixels (Rudin et al. 1992, anisotropic). (B, 3, H, W) -> (B,)."""
    across = (image[..., 1:] - image[..., :-1]).abs().flatten(1).sum(1)
    down = (image[..., 1:, :] - image[..., :-1, :]).abs().flatten(1).sum(1)
    return (across + down) / image[0].numel()


def directions(channels, count, generator):
    """Random unit vectors for `sliced`. -> (count, channels)"""
    v = torch.randn(count, channels, generator=generator)
    return v / v.norm(dim=1, keepdim=True)


def sliced(features, targets, along):
    """Sliced Wasserstein distance of two sets of pixels' features (Heitz et al. 2021, arXiv:2006.07229, eq. 7).

    features: (1, C, H, W); targets: (1, C, H', W'), another size is fine; along: (K, C) unit vectors
    returns scalar: mean squared difference of the sorted projections, relative to the target's mean square; 0 for equal sets
    """
    ours = (along @ features[0].flatten(1)).sort(dim=1).values
    theirs = (along @ targets[0].flatten(1)).sort(dim=1).values
    if theirs.shape != ours.shape:
        theirs = _quantiles(theirs, ours.shape[1])
    return (ours - theirs).pow(2).mean() / (theirs.pow(2).mean() + TINY)


def _quantiles(values, count):
    """Rows of sorted values -> `count` of them, evenly spaced: the same distribution with another number of samples."""
    at = torch.linspace(0, values.shape[1] - 1, count, device=values.device)
    low = at.long().clamp(max=max(values.shape[1] - 2, 0))
    high = (low + 1).clamp(max=values.shape[1] - 1)
    return torch.lerp(values[:, low], values[:, high], at - low)


def _relative(x, target):
    return (x - target).pow(2).flatten(1).mean(1) / (target.pow(2).flatten(1).mean(1) + TINY)
