"""What is done to a painting after the network: strength, the photo's colours, a region only. PIL in, PIL out."""

import numpy as np
from PIL import Image, ImageFilter

from core.errors import BadInput


def finish(photo, painted, strength=1.0, keep_colours=False, mask=None):
    """photo, painted: RGB of one size -> RGB.

    strength: 0 returns the photo, 1 the painting
    keep_colours: the painting's brightness with the photo's colours (Gatys et al. 2016, arXiv:1606.05897, section 3.2)
    mask: L of the same size, 255 where the painting is wanted; its edge is softened
    """
    if keep_colours:
        light, _, _ = painted.convert("YCbCr").split()
        painted = Image.merge("YCbCr", (light, *photo.convert("YCbCr").split()[1:])).convert("RGB")
    if strength < 1:
        painted = Image.blend(photo, painted, strength)
    if mask is not None:
        painted = Image.composite(painted, photo, mask.filter(ImageFilter.GaussianBlur(max(1, max(photo.size) / 200))))
    return painted


def mask_of(image, size):
    """A visitor's mask as L of `size`: what is brighter than half grey is painted. Raises BadInput when nothing is."""
    grey = image.convert("L").point(lambda v: 255 if v > 127 else 0).resize(size, Image.Resampling.BILINEAR)
    if not np.asarray(grey).any():
        raise BadInput("The mask is empty. Please mark the region to paint, or paint the whole photo.")
    return grey
