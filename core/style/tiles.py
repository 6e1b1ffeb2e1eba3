"""Paint pictures of any size with the painter: small ones at once, large ones in tiles that leave no seam.

Instance normalisation looks at the whole picture, so a large one is painted in two passes: its statistics are measured
on a reduced copy, then every tile is painted with these. A tile is cut with a margin as wide as what the network sees
around a pixel, and the margin is thrown away: the tiles fit to the last bit but for rounding in the convolutions.
"""

import numpy as np
from PIL import Image

from core.images import to_array

WHOLE = 640 * 640  # pixels that are painted at once, and measured of a larger picture
TILE, MARGIN = 512, 64  # px; the painter sees 50 px around a pixel
SMALLEST = 16  # px a side; less is padded by repeating the border


def paint(painter, photo, style, progress=None, statistics=None, tile=TILE):
    """A generator of (done, in all) that returns the painting, PIL RGB of the photo's size.

    style: (1, P); statistics: what Painter.statistics gave for another picture, to paint alike; tile: px
    """
    if statistics is None and photo.width * photo.height <= WHOLE:
        yield 0, 1
        return to_image(_run(painter, pixels(photo), style, None))
    frozen = statistics or measure(painter, photo, style)
    whole = np.asarray(photo)
    out = np.empty_like(whole)
    boxes = list(_boxes(photo.width, photo.height, tile))
    for index, (x0, y0, x1, y1) in enumerate(boxes):
        yield index, len(boxes)
        a, b = max(0, x0 - MARGIN), max(0, y0 - MARGIN)
        part = whole[b : min(photo.height, y1 + MARGIN), a : min(photo.width, x1 + MARGIN)]
        painted = to_array(to_image(_run(painter, pixels(part), style, frozen)))
        out[y0:y1, x0:x1] = painted[y0 - b : y1 - b, x0 - a : x1 - a]
    return Image.fromarray(out)


def enlarged(picture, scale, size=None):
    """PIL RGB at `scale` times its size, or at `size` px; the picture itself where nothing changes."""
    size = size or tuple(max(1, round(side * scale)) for side in picture.size)
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def measure(painter, photo, style):
    """The statistics that freeze a style's look on this photo, measured on at most WHOLE pixels of it."""
    scale = min(1.0, (WHOLE / (photo.width * photo.height)) ** 0.5)
    small = photo.resize((max(1, round(photo.width * scale)), max(1, round(photo.height * scale))), Image.Resampling.LANCZOS) if scale < 1 else photo
    x = padded(pixels(small))
    return painter.statistics(x, style)


def pixels(image):
    """PIL RGB or (H, W, 3) uint8 -> (1, 3, H, W) float in [0, 1], channels last."""
    import torch

    x = torch.from_numpy(np.array(image, dtype=np.uint8)).permute(2, 0, 1)[None].float() / 255
    return x.contiguous(memory_format=torch.channels_last)


def padded(x):
    """(1, 3, H, W) with its last row and column repeated until H and W are multiples of 4, at least SMALLEST."""
    import torch.nn.functional as F

    height, width = x.shape[2:]
    down, right = (max(SMALLEST, -(-size // 4) * 4) - size for size in (height, width))
    return F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x


def to_image(x):
    """(1, 3, H, W) in [0, 1] -> PIL RGB."""
    return Image.fromarray(x[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy())


def _run(painter, x, style, frozen):
    import torch

    with torch.inference_mode():
        return painter(padded(x), style, frozen)[..., : x.shape[2], : x.shape[3]]


def _boxes(width, height, tile):
    for y in range(0, height, tile):
        for x in range(0, width, tile):
            yield x, y, min(width, x + tile), min(height, y + tile)
