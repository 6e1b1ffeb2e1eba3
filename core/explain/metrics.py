"""Does a heat map mark what the network's answer hangs on? Deletion, insertion, ROAD, and energy in a box.

heat     (H, W) numpy float, larger means more important
picture  (3, H, W) numpy float32 in [0, 1]
answers  (N, 3, H, W) pictures -> (N,) probabilities in [0, 1]
"""

import numpy as np


def ranks(heat, seed=0):
    """(H, W) -> (H, W) int: 0 for the hottest pixel, then 1, ... Ties fall in random order, not along the rows."""
    heat = np.asarray(heat, float)
    shuffled = np.random.default_rng(seed).permutation(heat.size)
    order = shuffled[np.argsort(-heat.ravel()[shuffled], kind="stable")]
    out = np.empty(heat.size, int)
    out[order] = np.arange(heat.size)
    return out.reshape(heat.shape)


def curve(heat, start, end, steps):
    """Pictures on the way from `start` to `end`, the hottest pixels changed first: (steps + 1, 3, H, W), both ends included."""
    place = ranks(heat)
    limits = np.ceil(np.arange(steps + 1) * place.size / steps)
    return np.where(place[None, None] < limits[:, None, None, None], end[None], start[None]).astype(np.float32)


def area(values):
    """Area under values at equal distances over [0, 1], by trapezoids. Both ends are among the values."""
    values = np.asarray(values, float)
    return float((values[1:] + values[:-1]).mean() / 2)


def deletion(heat, picture, blank, answers, steps=8):
    """Mean probability while the hottest pixels go first; lower is better. Petsiuk et al. 2018 (arXiv:1806.07421)."""
    return area(answers(curve(heat, picture, blank, steps)))


def insertion(heat, picture, blurred, answers, steps=8):
    """Mean probability while the hottest pixels come first into the blurred picture; higher is better. Petsiuk et al. 2018."""
    return area(answers(curve(heat, blurred, picture, steps)))


DIAGONAL = 1 / 12  # weight of a diagonal neighbour; a direct one has twice that. Rong et al. 2022, section 4


def road_pictures(heat, picture, shares=(0.2, 0.5, 0.8), noise=0.01, cell=1, seed=0):
    """Pictures with the hottest, then with the coldest, share of the pixels replaced by what their neighbours suggest.

    cell: px; squares of this side go as a whole, which for smooth maps says the same and takes a fraction of the time
    returns (2 * len(shares), 3, H, W): hottest gone for each share, then coldest gone for each share
    Rong et al. 2022 (arXiv:2202.00449): a little noise, as they add it, hides that the holes are too smooth.
    """
    size = picture.shape[1:]
    coarse = shrunk(np.concatenate([picture, np.asarray(heat, np.float32)[None]]), cell)
    place = ranks(coarse[3])
    gone = np.stack([place < share * place.size for share in shares] + [place >= (1 - share) * place.size for share in shares])
    filled = impute(np.broadcast_to(coarse[:3], (len(gone), *coarse[:3].shape)), gone)
    filled = filled + noise * np.random.default_rng(seed).standard_normal(filled.shape) * gone[:, None]
    if cell == 1:
        return filled.astype(np.float32)
    holes = gone.repeat(cell, 1).repeat(cell, 2)[:, : size[0], : size[1]]
    return np.where(holes[:, None], enlarge_all(filled, size), picture).astype(np.float32)


def shrunk(values, cell):
    """(C, H, W) -> (C, ceil(H / cell), ceil(W / cell)): means over squares."""
    import torch
    import torch.nn.functional as F

    return F.avg_pool2d(torch.from_numpy(np.ascontiguousarray(values))[None], cell, ceil_mode=True)[0].numpy()


def road(heat, picture, answers, shares=(0.2, 0.5, 0.8), cell=1):
    """Mean probability with the coldest pixels gone, less that with the hottest gone: in [-1, 1], higher is better."""
    said = np.asarray(answers(road_pictures(heat, picture, shares, cell=cell)), float)
    return float(said[len(shares) :].mean() - said[: len(shares)].mean())


def impute(pictures, gone, tolerance=1e-5, most=2000):
    """Fill holes so that every missing pixel is the weighted mean of its eight neighbours.

    pictures: (N, 3, H, W); gone: (N, H, W) bool; neighbours beyond the border do not count
    The system is symmetric and positive definite as long as a pixel is left, so conjugate gradients solve it;
    `tolerance` is the largest error left in the equations, in units of the picture. Nothing left: grey.
    """
    import torch
    import torch.nn.functional as F

    x = torch.from_numpy(np.ascontiguousarray(pictures, np.float32))
    hole = torch.from_numpy(np.ascontiguousarray(gone))[:, None].float()

    def neighbours(values):
        # 1/12 for diagonal and 1/6 for direct neighbours: the outer product of [1 2 1] with itself, without its middle, times 1/12.
        tall = F.pad(values, (0, 0, 1, 1))
        tall = tall[:, :, :-2] + 2 * tall[:, :, 1:-1] + tall[:, :, 2:]
        wide = F.pad(tall, (1, 1))
        return DIAGONAL * (wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:] - 4 * values)

    total = neighbours(torch.ones_like(hole[:1]))
    known = x * (1 - hole)
    right = neighbours(known) * hole
    guess = _spread(known, 1 - hole) * hole
    rest = right - (total * guess - neighbours(guess)) * hole
    step, size = rest.clone(), (rest * rest).sum((2, 3), keepdim=True)
    for _ in range(most):
        if rest.abs().max() < tolerance:
            break
        onward = (total * step - neighbours(step)) * hole
        along = size / (step * onward).sum((2, 3), keepdim=True).clamp(min=1e-30)
        guess, rest = guess + along * step, rest - along * onward
        size, before = (rest * rest).sum((2, 3), keepdim=True), size
        step = rest + size / before.clamp(min=1e-30) * step
    empty = (hole.mean((2, 3), keepdim=True) == 1).expand_as(x)
    return torch.where(empty, torch.tensor(0.5), known + guess * hole).numpy()


def _spread(known, weight):
    """A first guess for the holes: the mean of what is known nearby, from as coarse a copy as it takes."""
    import torch
    import torch.nn.functional as F

    height, width = known.shape[2:]
    if max(height, width) <= 2:
        return known.sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp(min=1e-12) + torch.zeros_like(known)
    sums, counts = (F.avg_pool2d(t, 2, ceil_mode=True, count_include_pad=False) for t in (known, weight))
    below = _spread(sums, counts)
    coarse = F.interpolate(below, (height, width), mode="bilinear")
    return torch.where(weight > 0, known / weight.clamp(min=1e-12), coarse)


def energy_in_box(heat, box):
    """Share of the map's energy inside a box, in [0, 1]; nan for a map of zeros. box: XYXY px, the far edges exclusive.

    The "energy-based pointing game" of Wang et al. 2020 (arXiv:1910.01279), section 4.3.
    """
    heat = np.asarray(heat, float)
    x0, y0, x1, y1 = box
    return float(heat[y0:y1, x0:x1].sum() / heat.sum()) if heat.sum() > 0 else float("nan")


def points_into(heat, boxes):
    """Whether the hottest pixel lies in one of the boxes. The pointing game of Zhang et al. 2016 (arXiv:1608.00507), no tolerance."""
    y, x = hottest(heat)
    return any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in boxes)


def hottest(heat):
    """(row, column) of the hottest pixel; of several, the one nearest to their middle."""
    rows, columns = np.nonzero(np.asarray(heat) == np.max(heat))
    k = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    return int(rows[k]), int(columns[k])


def rank_correlation(one, two):
    """Spearman's correlation of two maps in [-1, 1], ties sharing their rank; 0 if one of them is flat."""
    a, b = (_shared_ranks(np.ravel(m)) for m in (one, two))
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _shared_ranks(values):
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def random_map(size, grid, seed):
    """A map that knows nothing, as coarse as the one it is compared with. size, grid: (rows, columns) -> (H, W) in [0, 1]."""
    return enlarge(np.random.default_rng(seed).random(grid), size)


def edges(picture, grid):
    """Where the picture is busy: the gradient's length (Sobel 1968), averaged over the cells of `grid`. -> (H, W)"""
    grey = picture.mean(0)
    padded = np.pad(grey, 1, mode="edge")
    smooth_y = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    smooth_x = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    strength = np.hypot(smooth_y[:, 2:] - smooth_y[:, :-2], smooth_x[2:] - smooth_x[:-2])
    rows, columns = (np.linspace(0, n, k + 1).round().astype(int) for n, k in zip(strength.shape, grid, strict=True))
    cells = np.add.reduceat(np.add.reduceat(strength, rows[:-1], 0), columns[:-1], 1)
    return enlarge(cells / np.outer(np.diff(rows), np.diff(columns)), strength.shape)


def blob(size, spread=0.25):
    """A Gaussian in the middle: where photographers put things. spread: standard deviation as share of the side."""
    y, x = (np.linspace(-0.5, 0.5, n) for n in size)
    return np.exp(-(y[:, None] ** 2 + x[None] ** 2) / (2 * spread**2))


def blurred(picture, spread=0.08):
    """The picture without its things: a Gaussian blur, spread as share of the side. (3, H, W) -> (3, H, W)"""
    from PIL import Image, ImageFilter

    pixels = Image.fromarray((picture.transpose(1, 2, 0) * 255).round().astype(np.uint8))
    soft = pixels.filter(ImageFilter.GaussianBlur(spread * max(pixels.size)))
    return np.asarray(soft, np.float32).transpose(2, 0, 1) / 255


def enlarge(heat, size):
    """(h, w) -> (H, W) float64, smoothly; never below zero for a map that is not."""
    return enlarge_all(np.asarray(heat, float)[None, None], size)[0, 0]


def enlarge_all(values, size):
    """(N, C, h, w) -> (N, C, H, W), bilinear."""
    import torch
    import torch.nn.functional as F

    if values.shape[2:] == tuple(size):
        return values
    return F.interpolate(torch.from_numpy(np.ascontiguousarray(values)), tuple(size), mode="bilinear", align_corners=False).numpy()
