"""What a network is shown: a whole photo, and while it learns random parts of photos, recoloured, now and then two at once."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

GAP = 3  # a photo is first shrunk by whole numbers to no less than this times the size that is wanted


def batch_of(arrays, device):
    """List of (H, W, 3) uint8 -> (B, 3, H, W) float in [0, 1]."""
    x = torch.from_numpy(np.stack(arrays)).to(device).permute(0, 3, 1, 2)
    return x.float().div_(255).contiguous(memory_format=torch.channels_last)


def whole(image, side):
    """PIL RGB -> (side, side, 3) uint8: all of the photo, its aspect ratio given up so that nothing is cut away.

    A triangle filter as wide as the reduction, so that large photos do not alias. torch's gives what Pillow's gives to
    within one step of 255, in half the time.
    """
    by = tuple(max(1, int(length / (side * GAP))) for length in image.size)
    pixels = torch.from_numpy(np.array(image.reduce(by) if max(by) > 1 else image)).permute(2, 0, 1)[None]
    return F.interpolate(pixels, (side, side), mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()


def random_view(image, rng, side, scale=(0.2, 1.0), coats=0.0):
    """A random part of the picture, maybe mirrored and recoloured, as (side, side, 3) uint8.

    Random resized crop (Szegedy et al. 2015, arXiv:1409.4842) in PIL, small parts as often as large ones, then
    brightness, contrast and saturation; now and then grey or washed out, so that colour alone never makes a bear.

    coats: deviation of the exponents (log) that dark and warm tones are bent by: 0.3 makes of black fur brown, and of brown black
    """
    width, height = image.size
    area, ratio = width * height * math.exp(rng.uniform(*np.log(scale))), math.exp(rng.uniform(-0.4, 0.4))
    w, h = min(width, math.sqrt(area * ratio)), min(height, math.sqrt(area / ratio))
    x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
    view = image.resize((side, side), Image.Resampling.BILINEAR, box=(x, y, x + w, y + h), reducing_gap=2.0)
    a = np.asarray(view, dtype=np.float32)
    if rng.random() < 0.5:
        a = a[:, ::-1]
    if coats and rng.random() < 0.7:
        dark, warm = rng.normal(0, coats, 2)
        a = 255 * (a / 255) ** np.exp(np.float32([dark - warm, dark, dark + warm]))
    if rng.random() < 0.8:
        grey = a @ np.float32([0.299, 0.587, 0.114])
        colour = 0.0 if rng.random() < 0.08 else rng.uniform(0.5, 1.4)
        a = grey[..., None] * (1 - colour) + a * colour
        a = (a - a.mean()) * rng.uniform(0.6, 1.4) + a.mean() * rng.uniform(0.6, 1.35)
        a = a * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    return a.clip(0, 255).astype(np.uint8)


def mixed(a, b, rng):
    """Two views (S, S, 3) uint8 -> one that shows both: blended, or a box of the second pasted into the first.

    Zhang et al. 2018 (mixup, arXiv:1710.09412); Yun et al. 2019 (CutMix, arXiv:1905.04899). The teacher is asked what
    it sees in the mixture, so no label has to be mixed.
    """
    if rng.random() < 0.5:
        keep = rng.uniform(0.5, 0.8)
        return (a * keep + b * (1 - keep)).astype(np.uint8)
    side = len(a)
    h, w = (int(side * rng.uniform(0.35, 0.75)) for _ in range(2))
    y, x = int(rng.integers(0, side - h + 1)), int(rng.integers(0, side - w + 1))
    out = a.copy()
    out[y : y + h, x : x + w] = b[y : y + h, x : x + w]
    return out


def views(task, count, side, rng, scale):
    """`count` fresh views, list of (side, side, 3) uint8, and the places of their photos in task.images."""
    picks = rng.choice(len(task.images), size=count, p=task.shares).tolist()
    seeds = rng.integers(0, 2**63, count)

    def view(k):
        own = np.random.default_rng(seeds[k])
        array = random_view(task.images[picks[k]], own, side, scale, task.coats)
        if own.random() < task.mix:
            other = task.images[own.choice(len(task.images), p=task.shares)]
            array = mixed(array, random_view(other, own, side, scale, task.coats), own)
        return array

    return [view(k) for k in range(count)], picks
