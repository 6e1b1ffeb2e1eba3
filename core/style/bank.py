"""What the painter practises on: photos to paint, and paintings and made-up styles to paint them in."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps

from core import photos
from core.images import to_array
from core.style import wishes
from core.style.losses import gram
from core.style.model import STYLE_PX, measure
from core.vision.views import batch_of

# The bundled styles' files in paintings.zip, by how the page calls them.
FILES = ("starry_night_google.jpg", "wave.jpg", "the_scream.jpg", "udnie.jpg", "composition_vii.jpg", "water-lilies-1919-2.jpg",
         "woman-with-hat-matisse.jpg", "vg_houses.jpg")  # fmt: skip
STYLES = dict(zip(wishes.STYLES, FILES, strict=True))
# Never learned from, so that the any-painting mode can be measured on paintings it never saw.
UNSEEN = ("Robert_Delaunay,_1906,_Portrait.jpg", "contrast_of_forms.jpg", "tahiti_guaguin.jpg", "vg_olive.jpg")
SAME = ("wave_crop.jpg",)  # a part of another one

PHOTOS = {"imagenet_sample": 1000, "pets": 500, "everyday_photos": 1000, "celeba_10k": 500, "raccoon_boxes": 100, "bears": 250}


def content_photos(folder):
    """The photos to paint: list of PIL RGB whose shorter side is 160 to 256 px; faces among them, so that faces stay faces."""
    out = []
    for name, count in PHOTOS.items():
        path = Path(folder) / f"{name}.zip"
        found = photos.listing(path)
        keep = {key for key in found[:: max(1, len(found) // count)][:count]}
        out += [to_side(p.image, 224) for p in photos.read(path, on_error=lambda sentence: None) if (p.folder, p.name) in keep]
    return out


def paintings(folder, longest=900):
    """{file name: PIL RGB} of paintings.zip, its credit strips at the border cut away."""
    return {p.name: ImageOps.crop(p.image, round(min(p.image.size) * 0.03)) for p in photos.read(Path(folder) / "paintings.zip", longest)}


def to_side(image, side):
    """The picture with its shorter side at `side` px, at most 256 px more than it had."""
    scale = min(side, min(image.size) * 1.6) / min(image.size)
    return image.resize((max(8, round(image.width * scale)), max(8, round(image.height * scale))), Image.Resampling.BICUBIC)


def to_pixels(image, side=STYLE_PX):
    """The picture resized to side * side pixels, its proportions kept: the size at which a style is measured."""
    scale = side / (image.width * image.height) ** 0.5
    return image.resize((max(8, round(image.width * scale)), max(8, round(image.height * scale))), Image.Resampling.LANCZOS)


def view(image, side, rng):
    """A random square of a photo, mirrored half the time: (side, side, 3) uint8."""
    low = min(image.size)
    size = min(low, int(rng.uniform(0.6, 1.0) * low))
    x, y = rng.integers(0, image.width - size + 1), rng.integers(0, image.height - size + 1)
    crop = image.resize((side, side), Image.Resampling.BICUBIC, box=(x, y, x + size, y + size))
    return to_array(ImageOps.mirror(crop) if rng.random() < 0.5 else crop)


def made_up(rng):
    """A picture nobody painted, for the variety of styles: layers of blurred noise, strokes or tiles in a few colours."""
    palette = rng.uniform(0, 255, (int(rng.integers(2, 6)), 3)).astype(np.float32)
    height = np.zeros((256, 256), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        size = (int(rng.choice([8, 16, 32, 64, 128])), int(rng.choice([8, 16, 32, 64, 128])))
        noise = Image.fromarray(rng.integers(0, 256, size[::-1], dtype=np.uint8)).resize((384, 384), Image.Resampling(int(rng.choice([0, 3]))))
        height += np.asarray(noise.rotate(float(rng.uniform(0, 180))).crop((64, 64, 320, 320)), np.float32) * rng.uniform(0.3, 1)
    steps = (height - height.min()) / (np.ptp(height) + 1e-3) * (len(palette) - 1)
    low = np.floor(steps).astype(int).clip(0, len(palette) - 2)
    share = (steps - low)[..., None]
    if rng.random() < 0.5:
        share = (share > 0.5).astype(np.float32)
    return Image.fromarray((palette[low] * (1 - share) + palette[low + 1] * share).astype(np.uint8))


def recoloured(image, rng):
    """Channels in another order, now and then their negative: the same strokes, other colours."""
    a = to_array(image)[..., rng.permutation(3)]
    flip = rng.random(3) < 0.3
    a = np.where(flip, 255 - a, a).astype(np.float32)
    grey = a.mean(2, keepdims=True)
    return Image.fromarray((grey + (a - grey) * rng.uniform(0.3, 1.5)).clip(0, 255).astype(np.uint8))


def random_style(works, others, rng):
    """One style to practise: mostly a part of a painting, recoloured half the time, else a photo or a made-up pattern."""
    kind = rng.random()
    if kind < 0.7:
        image = works[int(rng.integers(len(works)))]
        share = rng.uniform(0.35, 1.0)
        w, h = int(image.width * share), int(image.height * share)
        x, y = int(rng.integers(0, image.width - w + 1)), int(rng.integers(0, image.height - h + 1))
        image = image.crop((x, y, x + w, y + h))
        if rng.random() < 0.5:
            image = recoloured(image, rng)
    elif kind < 0.85:
        image = others[int(rng.integers(len(others)))].filter(ImageFilter.ModeFilter(5) if rng.random() < 0.3 else ImageFilter.SMOOTH)
    else:
        image = made_up(rng)
    if rng.random() < 0.3:
        image = image.rotate(90, expand=True)
    return to_pixels(image, int(STYLE_PX * rng.uniform(0.8, 1.0)))


@torch.no_grad()
def seen_by(eye, image):
    """(measures (D,), Gram matrices) of a picture as the eye sees it."""
    x = batch_of([to_array(image)], "cpu")
    features = eye(x)
    return measure(x, features)[0], [gram(f)[0] for f in features]
