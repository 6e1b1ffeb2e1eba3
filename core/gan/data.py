"""Training pictures, as one uint8 tensor.

The sets of ../shared/data by name, or any folder of pictures. One in five is held out by its place in the list, never
trained on, and is what every figure is measured against.
"""

import gzip
import struct
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from core import images, photos
from core.errors import BadInput

HELD_OUT = 5  # one in so many
# The aligned CelebA photo is 89 x 109; this square has the whole face in it and little else.
FACE_BOX = (8, 24, 80, 96)
PIXELS = 250_000_000  # what a folder may hold at the size trained on


def faces(data, side):
    """CelebA's aligned faces -> (N, 3, side, side) uint8."""
    with zipfile.ZipFile(Path(data) / "celeba_10k.zip") as file:
        names = sorted(n for n in file.namelist() if n.endswith(".jpg"))
        return stack(images.open_image(file.read(n), n).resize((side,) * 2, Image.Resampling.LANCZOS, box=FACE_BOX) for n in names)


def digits(data, side):
    """MNIST's test digits -> (N, 1, side, side) uint8, the 28 px squares framed in black rather than enlarged."""
    raw = _mnist(data, "images")
    _, count, height, width = struct.unpack(">IIII", raw[:16])
    pixels = np.frombuffer(raw, np.uint8, offset=16).reshape(count, 1, height, width)
    edge = (side - height) // 2
    return torch.from_numpy(np.pad(pixels, ((0, 0), (0, 0), (edge, edge), (edge, edge))))


def digit_labels(data):
    """Which digits they are -> (N,) uint8."""
    return torch.from_numpy(np.frombuffer(_mnist(data, "labels"), np.uint8, offset=8).copy())


def _mnist(data, part):
    with zipfile.ZipFile(Path(data) / "mnist_test_idx.zip") as file:
        name = next(n for n in file.namelist() if part in n)
        raw = file.read(name)
    return gzip.decompress(raw) if name.endswith(".gz") else raw


def folder(source, side, most=None):
    """Every picture of a folder or zip, its middle square -> (N, 3, side, side) uint8; raises BadInput for too few or too many."""
    _check(len(photos.listing(source)), side, most)
    return stack(_square(photo.image, side) for photo in photos.read(source, longest=None))


def squares(files, side, most=None):
    """The same for a list of pictures, each anything that images.open_image takes."""
    _check(len(files), side, most)
    return stack(_square(images.open_image(file), side) for file in files)


def _check(count, side, most):
    if count < 20:
        raise BadInput(f"{count} pictures are too few to learn from. Please give at least 20; some hundreds of one kind of thing are better.")
    most = most or PIXELS // (3 * side * side)
    if count > most:
        raise BadInput(f"{count} pictures are too many. Please give at most {most}.")


def _square(image, side):
    return images.centre_square(image).resize((side,) * 2, Image.Resampling.LANCZOS)


def stack(pictures):
    """PIL RGB pictures of one size -> (N, 3, H, W) uint8."""
    return torch.from_numpy(np.stack([np.asarray(p) for p in pictures])).permute(0, 3, 1, 2).contiguous()


def split(pictures):
    """(to learn from, held out)."""
    out = torch.arange(len(pictures)) % HELD_OUT == HELD_OUT - 1
    return pictures[~out], pictures[out]


SETS = {"faces": (faces, 64, 3), "digits": (digits, 32, 1)}  # name -> reader, side, channels
JUDGED = {"faces"}  # sets whose generator the backbone judges too (judges.py), unless told otherwise
