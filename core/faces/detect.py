"""Where the faces of a picture are, by dlib's HOG detector, and the points on them.

The detector sees faces from 80 px up in what it is shown. It is shown a grey copy, brought to the size at which the
smallest face wanted has those 80 px; landmarks and vectors are taken from the full picture. That copy, and nothing
else, is why this is faster than looking at an enlarged colour picture.
"""

import threading
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core import runtime, weights
from core.images import to_array

SEEN_FROM = 80  # px: dlib's sliding window
LONGEST = 1920  # px: larger photos are shown reduced
NEAR_THE_FLOOR = 1.05  # a face this close to the smallest size that can be seen suggests smaller ones beside it
DOUBTFUL = -0.4  # a score that counts only where nothing better is found
SHAKE = 0.06  # of a face's width, by which a box is moved and grown for steady points
BYTES = 200 * 2**20  # what the models hold together, towards runtime's budget


@dataclass(frozen=True)
class Box:
    """A found face: edges in px of the full picture, and the detector's score (from 0 up; clear faces above 1)."""

    left: int
    top: int
    right: int
    bottom: int
    score: float

    @property
    def width(self):
        return self.right - self.left

    @property
    def centre(self):
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


class Detector:
    """dlib's models, each loaded when first asked for. Safe to share: one picture at a time is searched.

    dlib lets go of Python's lock while it searches, and its detector keeps its pyramid between calls: two threads at
    once would find faces of one picture in the other.
    """

    def __init__(self):
        import dlib

        self.dlib = dlib
        self.searching = threading.Lock()
        self.hog = dlib.get_frontal_face_detector()
        self.predictors = {}
        self.cnn = None

    def boxes(self, image, smallest=None, persistent=False, wanted=lambda box: True):
        """All faces of a picture, largest first.

        image:      PIL RGB
        smallest:   px; width of the smallest face wanted; None: 80, and 40 where that finds none or only small ones
        persistent: where nothing is found, also take doubtful finds, and ask the slower CNN detector
        wanted:     Box -> whether it counts as found
        returns     list of Box
        """
        floor = smallest or max(SEEN_FROM, SEEN_FROM * max(image.size) / LONGEST)
        found = self._hog(image, floor)
        if smallest is None and (not found or min(b.width for b in found) < NEAR_THE_FLOOR * floor):
            found = self._hog(image, floor / 2) or found
        found = [box for box in found if wanted(box)]
        if persistent and not found:
            found = [box for box in self._hog(image, floor, DOUBTFUL) if wanted(box)][:1]
        if persistent and not found:
            found = [box for box in self._cnn(image) if wanted(box)]
        return sorted(found, key=lambda b: -b.width)

    def points(self, array, box, name):
        """(H, W, 3) uint8, Box -> dlib's landmarks; name "five-points" (for aligning) or "landmarks" (68)."""
        if name not in self.predictors:
            self.predictors[name] = self.dlib.shape_predictor(str(weights.installed(name)))
        return self.predictors[name](array, self.dlib.rectangle(box.left, box.top, box.right, box.bottom))

    def steady_points(self, array, box):
        """The five points as the mean over the box and six like it: the points of a single one shake by a pixel or two."""
        step = max(2, round(SHAKE * box.width))
        shapes = [self.points(array, shifted(box, *by), "five-points") for by in shifts(step)]
        mean = np.mean([to_points(shape) for shape in shapes], 0).round().astype(int)
        return self.dlib.full_object_detection(shapes[0].rect, [self.dlib.point(int(x), int(y)) for x, y in mean])

    def chip(self, array, five, side=150, padding=0.25):
        """(H, W, 3) uint8 and five points -> (side, side, 3) uint8: the face upright, eyes at fixed places."""
        return self.dlib.get_face_chip(array, five, side, padding)

    def _hog(self, image, floor, threshold=0.0):
        grey, scale = resized(image.convert("L"), SEEN_FROM / floor)
        with self.searching:
            rects, scores, _ = self.hog.run(to_array(grey), 0, threshold)
        return [_box(rect, score, scale) for rect, score in zip(rects, scores, strict=True)]

    def _cnn(self, image):
        # Slow on a CPU (about 1 s for 0.1 megapixels), so it is shown a picture of at most 400 px.
        if self.cnn is None:
            self.cnn = self.dlib.cnn_face_detection_model_v1(str(weights.installed("face-finder")))
        small, scale = resized(image, min(1.0, 400 / max(image.size)))
        with self.searching:
            return [_box(hit.rect, hit.confidence, scale) for hit in self.cnn(to_array(small), 0)]


def shifts(d):
    """(right, down, grow) in px: as it is, moved four ways, larger, smaller."""
    return (0, 0, 0), (d, 0, 0), (-d, 0, 0), (0, d, 0), (0, -d, 0), (0, 0, d), (0, 0, -d)


def shifted(box, right, down, grow):
    return Box(box.left + right - grow, box.top + down - grow, box.right + right + grow, box.bottom + down + grow, box.score)


def resized(image, scale):
    """(picture `scale` times as large, that scale as exactly as whole pixels allow)"""
    if scale == 1:
        return image, 1.0
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0), size[0] / image.width


def _box(rect, score, scale):
    left, top, right, bottom = (round(v / scale) for v in (rect.left(), rect.top(), rect.right(), rect.bottom()))
    return Box(left, top, right, bottom, round(float(score), 3))


def to_points(shape):
    """dlib's landmarks -> (N, 2) float32 px"""
    return np.array([(p.x, p.y) for p in shape.parts()], np.float32)


def detector():
    """The shared Detector, made at first use."""
    return runtime.models().get("dlib", Detector, lambda _: BYTES)
