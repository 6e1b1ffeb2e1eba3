"""What is known about a generator's styles: sliders that mean something, and how near it comes to what it learned from.

Both are made by `python -m core.gan.release space` and kept in one weights file beside the generator.
"""

import json
from dataclasses import dataclass

import numpy as np

from core import runtime, weights

SPACES = {"gan-faces": "gan-faces-space"}  # generator -> the weights file with its Space


@dataclass(frozen=True, eq=False)
class Slider:
    """One direction. `delta` (layers, W) is added to a style for +1; the page goes from -3 to 3."""

    name: str
    low: str  # what less of it looks like
    high: str
    fitted: bool  # from measured attributes; else found by principal components and named by looking
    figure: str  # what was measured of it
    delta: np.ndarray


@dataclass(frozen=True)
class Kinship:
    """How near a picture is to its nearest training picture.

    distance:   cosine distance of the vision backbone's features, on 64 principal axes; 0 is the same picture
    percentile: share in percent of unseen real photos that are nearer to a training picture than this one is
    """

    distance: float
    percentile: float

    @property
    def sentence(self):
        if self.percentile < 1:
            return (f"This one is nearer to a training photo than {100 - self.percentile:.0f}% of unseen real photos are. "
                    "It may be close to a copy: better take another seed.")  # fmt: skip
        return f"Of 100 real photos that it never saw, {self.percentile:.0f} are nearer to a training photo than this face is: no sign of a copy."


class Space:
    """tensors: "sliders" (K, layers, W), "mean" (D,), "axes" (D, 64), "training" (N, 64), "real" (M,) sorted; metadata: "sliders" (JSON)."""

    def __init__(self, tensors, metadata):
        t = {key: tensor.numpy() for key, tensor in tensors.items()}
        self.sliders = tuple(Slider(**about, delta=delta) for about, delta in zip(json.loads(metadata["sliders"]), t["sliders"], strict=True))
        self.mean, self.axes, self.training, self.real = t["mean"], t["axes"], t["training"], t["real"]

    def bytes(self):
        return sum(a.nbytes for a in (self.mean, self.axes, self.training, self.real))

    def kinship(self, picture):
        """PIL RGB, as the generator made it -> Kinship."""
        from core.gan.metrics import nearest

        distance = nearest(project(features([picture]), self.mean, self.axes), self.training)[0][0]
        return Kinship(float(distance), float(np.searchsorted(self.real, distance) / len(self.real) * 100))


def features(pictures):
    """PIL RGB pictures -> (N, D) float64: what the vision backbone's last stage says of them."""
    from core.vision.network import backbone

    return backbone().features(pictures).double().numpy()


def project(said, mean, axes):
    """(N, D) features -> (N, 64) on the principal axes."""
    return (said - mean) @ axes


def space(name):
    """The Space of a generator, or None for one that has none."""
    key = SPACES.get(name)
    return runtime.models().get(("gan-space", name), lambda: Space(*weights.load(key)), Space.bytes) if key else None
