"""Where the face of a photo is, as the generator frames it: a search window by window, then two looks more closely.

The network is our own (`gan-framer`, core/gan/framing.py trains it), because the frame has to be that of the training
pictures and because a Space that makes faces should need no other face library.
"""

from dataclasses import dataclass

import numpy as np

from core import runtime, weights
from core.errors import BadInput
from core.images import open_image, shrink

SIDE = 40  # px of a window
SEARCHED = 320  # px, the longer side of what is searched: a face must fill an eighth of it
STRIDE = 12
LARGER = 1.4  # from one size of windows to the next
CLOSER = 3  # looks at a candidate, each framed by the last
CANDIDATES = 12
SURE = 0.98  # least mean probability of the last two looks
AGREE = 2  # windows that must lead to one frame: to a face many do, to what only resembles one mostly one


@dataclass(frozen=True)
class Frame:
    """A face found. matrix: (2, 3), from the unit square [-1, 1]^2 to the photo's pixels; score: 0 to 1."""

    matrix: np.ndarray
    score: float

    @property
    def width(self):
        """Of the frame, in px of the photo."""
        return 2 * float(np.hypot(*self.matrix[:, 0]))


class Framer:
    """Finds faces. Safe to share between threads."""

    def __init__(self):
        self.torch = runtime.prepare_torch()
        from core.gan.model import Framer as Network

        self.network = Network()
        self.network.load_state_dict(weights.load("gan-framer")[0])
        self.network.eval().requires_grad_(False)

    def bytes(self):
        return sum(p.numel() * p.element_size() for p in self.network.parameters())

    def look(self, windows):
        """(N, 3, SIDE, SIDE) in [0, 1] -> (probability of a face (N,), correction of the frame (N, 2, 3))."""
        with self.torch.inference_mode():
            said = self.network(windows)
            return said[:, 0].sigmoid().numpy(), corrections(said[:, 1:].numpy())

    def search(self, image):
        """PIL RGB -> Frames found, those that most windows lead to first."""
        small = shrink(image, SEARCHED)
        found = [pair for size in _sizes(small) for pair in self._windows(small, size)]
        found = sorted(found, key=lambda pair: -pair[0])[:CANDIDATES]
        back = np.diag([image.width / small.width, image.height / small.height])
        frames = self._closer(image, [back @ matrix for score, matrix in found if score > 0.2])
        return agreed([frame for frame in frames if frame.score >= SURE])

    def _windows(self, small, size):
        """[(probability, matrix)] of every window of `size` px."""
        factor = SIDE / size
        scaled = small.resize((max(SIDE, round(small.width * factor)), max(SIDE, round(small.height * factor))))
        picture = self.torch.from_numpy(np.asarray(scaled, np.float32) / 255)
        tops, lefts = (sorted({*range(0, length - SIDE, STRIDE), length - SIDE}) for length in picture.shape[:2])
        places = [(left, top) for top in tops for left in lefts]
        scores, corrections = self.look(self.torch.stack([picture[y : y + SIDE, x : x + SIDE].permute(2, 0, 1) for x, y in places]))
        back = np.array([small.width / scaled.width, small.height / scaled.height])
        out = []
        for (x, y), score, correction in zip(places, scores, corrections, strict=True):
            half = SIDE / 2 * back
            out.append((float(score), compose(np.array([[half[0], 0, (x + SIDE / 2) * back[0]], [0, half[1], (y + SIDE / 2) * back[1]]]), correction)))
        return out

    def _closer(self, image, matrices):
        """Frames to begin with -> where they lead."""
        scores = []
        for _ in range(CLOSER if matrices else 0):
            windows = np.stack([np.asarray(crop(image, matrix, SIDE), np.float32) / 255 for matrix in matrices])
            score, correction = self.look(self.torch.from_numpy(windows).permute(0, 3, 1, 2))
            scores.append(score)
            matrices = list(map(compose, matrices, correction))
        return [Frame(matrix, float(score)) for matrix, score in zip(matrices, np.mean(scores[1:], 0), strict=True)] if matrices else []


def agreed(frames):
    """Frames -> one for each place that at least AGREE of them share, their mean; the most shared first."""
    groups = []
    for frame in sorted(frames, key=lambda frame: -frame.score):
        group = next((group for group in groups if _same(group[0], frame)), None)
        groups.append([frame]) if group is None else group.append(frame)
    groups = sorted((group for group in groups if len(group) >= AGREE), key=len, reverse=True)
    return [Frame(np.mean([f.matrix for f in group], 0), float(np.mean([f.score for f in group]))) for group in groups]


def _same(one, other):
    apart = np.hypot(*(one.matrix[:, 2] - other.matrix[:, 2]))
    return apart < 0.175 * one.width and 0.7 < other.width / one.width < 1 / 0.7


def _sizes(small):
    size, out = float(SIDE), []
    while size <= min(small.size):
        out.append(size)
        size *= LARGER
    return out or [float(min(small.size))]


def corrections(said):
    """(N, 4): shift x and y, log of the scale, angle in radians -> (N, 2, 3) similarities of the unit square."""
    x, y, scale, angle = said.T
    cos, sin = np.exp(scale) * np.cos(angle), np.exp(scale) * np.sin(angle)
    return np.stack([np.stack([cos, -sin, x], 1), np.stack([sin, cos, y], 1)], 1)


def compose(outer, inner):
    """(2, 3) and (2, 3) -> the motion that does `inner` first."""
    return np.hstack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2:] + outer[:, 2:]])


def crop(image, matrix, side):
    """What lies under the frame -> PIL RGB, side px; drawn larger first where the photo is finer, so that nothing aliases."""
    from PIL import Image

    zoom = max(1, int(2 * np.hypot(*matrix[:, 0]) / side))
    unit = 2 / (side * zoom)  # of the unit square, a pixel
    fine = compose(matrix, np.array([[unit, 0, -1], [0, unit, -1]]))
    large = image.transform((side * zoom,) * 2, Image.Transform.AFFINE, tuple(fine.flatten()), Image.Resampling.BICUBIC)
    return large.resize((side, side), Image.Resampling.BOX)


def framer():
    """The shared Framer."""
    return runtime.models().get("gan-framer", Framer, Framer.bytes)


def framed(photo, side=64):
    """The largest face of a photo, turned and cropped as the training pictures are -> PIL RGB, side px. Raises BadInput if there is none."""
    image = open_image(photo)
    found = framer().search(image)
    if not found:
        raise BadInput("No face was found in this photo. Please give one where a face looks towards the camera and fills an eighth of the picture's width.")
    return crop(image, max(found, key=lambda frame: frame.width).matrix, side)
