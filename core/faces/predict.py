"""A picture in, its faces out: where each is, its points, and the vector that says whose it may be.

faces = predict.find(photo)                      all of them, largest first
predict.distance(a.vector, b.vector) < 0.6       probably one person (dlib's threshold; better: evaluate your own)
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from core.errors import StudioError
from core.faces.detect import Box, detector, to_points
from core.faces.embed import embedder
from core.images import open_image, to_array


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a picture. All positions in px of the full picture, x to the right, y down."""

    box: Box
    five: np.ndarray  # (5, 2) float32: corners of the eyes and the base of the nose; what alignment uses
    vector: np.ndarray | None  # (128,) float32; None unless asked for
    landmarks: np.ndarray | None  # (68, 2) float32, iBUG's order; None unless asked for
    chip: np.ndarray  # (150, 150, 3) uint8: the face aligned

    def as_dict(self):
        """What JSON can carry: the box as XYXY px and the score."""
        return {"box": [self.box.left, self.box.top, self.box.right, self.box.bottom], "score": self.box.score}


def find(source, smallest=None, persistent=False, vectors=True, landmarks=False, careful=False):
    """All faces of a picture in one call, largest first.

    source:     path, bytes, file object or PIL picture
    smallest:   px, width of the smallest face wanted; None: 80, and a closer look where that finds none or only small ones
    persistent: look with every means where none is found; for photos that surely show a face
    vectors, landmarks: whether to compute them
    careful:    steadier points and a mean over six views: fewer mistakes, six times the work; compare only with its like
    returns     tuple of Face, empty if there is none; raises BadInput if it is no picture
    """
    image = open_image(source)
    return describe(image, detector().boxes(image, smallest, persistent), vectors, landmarks, careful)


def describe(image, boxes, vectors=True, landmarks=False, careful=False):
    """PIL RGB and the Boxes of its faces -> tuple of Face, in their order; options as in find()."""
    array, finder = to_array(image), detector()
    fives = [finder.steady_points(array, box) if careful else finder.points(array, box, "five-points") for box in boxes]
    chips = [finder.chip(array, five) for five in fives]
    said = embedder()(chips, careful) if vectors else [None] * len(boxes)
    marks = [to_points(finder.points(array, box, "landmarks")) if landmarks else None for box in boxes]
    return tuple(Face(b, to_points(f), v, m, c) for b, f, v, m, c in zip(boxes, fives, said, marks, chips, strict=True))


def distance(a, b):
    """Euclidean distance between vectors, (..., 128) each; 0 is the same photo, around 0.6 the same person begins."""
    return np.linalg.norm(np.asarray(a) - np.asarray(b), axis=-1)


def ready():
    """Load the models and answer once; raises StudioError if that fails."""
    vector = embedder()([np.zeros((150, 150, 3), np.uint8)])[0]
    finder, blank = detector(), np.zeros((90, 90, 3), np.uint8)
    finder.boxes(Image.fromarray(blank), 80)
    for name in ("five-points", "landmarks"):
        finder.points(blank, Box(5, 5, 85, 85, 0), name)
    if not np.isfinite(vector).all():
        raise StudioError("The face network does not answer as it should.")
