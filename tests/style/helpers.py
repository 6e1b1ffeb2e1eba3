"""Pictures and tiny networks for the style transfer's tests."""

import numpy as np
import torch
from PIL import Image

from core.style.model import Eye


def photo(width=96, height=64, seed=0):
    """Soft blobs and an edge: something to see at every scale."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    a = np.asarray(small).copy()
    a[height // 2 :, width // 2 :] //= 2
    return Image.fromarray(a)


def tiny_eye(seed=0):
    """An eye of four stages with two channels more each, random."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [(3, 4), (4, 6), (6, 8), (8, 10)]
    return Eye([[(0.4 * torch.randn(o, i, 3, 3, generator=generator), 0.1 * torch.ones(o))] for i, o in sizes], (0.5,) * 3, (0.25,) * 3)
