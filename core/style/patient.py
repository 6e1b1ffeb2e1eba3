"""The patient mode: optimise the picture itself until it is painted (Gatys et al. 2016), coarse to fine.

Coarse and fine waves of the picture are optimised together, the coarse ones faster (`Waves`). A large picture is painted
small first, where a step costs a quarter, and each finer size starts from the coarser result (Gatys et al. 2017,
arXiv:1611.07865, section 6). A sitting can be stopped after any step, keeps the picture so far, and goes on later.
"""

import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image

from core.style import losses, tiles, wishes
from core.style.model import CONTENT, STAGES

DEPTH = STAGES.index(CONTENT)
OUTSIDE = 10.0  # weight of what lies beyond [0, 1]
LEARNING_RATE = {"adam": 0.02, "lbfgs": 1.0}  # Adam's in units of the picture's range
FIRST_STEP = 0.01  # of the picture's range, on average


@dataclass
class State:
    """Where a sitting stands: the size it works at, the steps done there, and the picture so far as (1, 3, H, W)."""

    level: int = 0
    step: int = 0
    picture: torch.Tensor | None = None


class Sitting:
    """One painting in progress.

    photo:  PIL RGB at the size to paint; eye: model.Eye; wish: wishes.Wish
    style:  a painting, PIL RGB, or the Gram matrices of one, (1, C, C) a stage; these know no sliced Wasserstein distance
    losses: [(style, content, total)] of every step so far, distances as in core/style/losses.py
    stops:  the steps after which it was interrupted; the optimiser forgets its history there
    """

    def __init__(self, photo, style, wish, eye):
        self.photo, self.style, self.wish, self.eye = photo, style, wish, eye
        # The eye halves a picture three times: what is smaller than 16 px a side is painted larger, and reduced again.
        self.levels = [(max(16, w), max(16, h), steps) for w, h, steps in wishes.levels(wish, *photo.size)]
        self.total = sum(steps for *_, steps in self.levels)
        self.state, self.losses, self.stops = State(), [], []
        self.seconds = 0.0
        self._working = 0  # in units of steps times pixels, for the estimate

    @property
    def done(self):
        """Steps so far, in all sizes."""
        return sum(steps for *_, steps in self.levels[: self.state.level]) + self.state.step

    def left(self):
        """Seconds that the rest will take, by the work done so far; None before the first step."""
        work = [w * h * steps for w, h, steps in self.levels]
        if not self._working:
            return None
        here = self.state.level
        ahead = sum(work[here:]) - (self.state.step * work[here] / self.levels[here][2] if here < len(work) else 0)
        return self.seconds * ahead / self._working

    def picture(self):
        """The picture so far, PIL RGB at the photo's size."""
        if self.state.picture is None:
            return self.photo
        return tiles.to_image(_resized(self.state.picture, self.photo.width, self.photo.height))

    def run(self):
        """A generator of (done, in all) steps; closing it keeps what there is, another `run` goes on from there."""
        if self.done:
            self.stops.append(self.done)
        while self.state.level < len(self.levels):
            yield from self._level(*self.levels[self.state.level])
            self.state = State(self.state.level + 1, 0, self.state.picture)

    def _level(self, width, height, steps):
        basis = Waves(width, height) if self.wish.optimiser == "lbfgs" else Plain
        x = basis.of(self._begin(width, height)).requires_grad_()
        cost = self._cost(width, height)
        optimiser = _optimiser(x, self.wish.optimiser)
        scale = None
        while self.state.step < steps:
            started = time.perf_counter()
            seen = []

            def closure(seen=seen):
                nonlocal scale
                optimiser.zero_grad()
                style, content, total = cost(basis.picture(x), self.state.step)
                total.backward()
                # A step along the bare gradient, which L-BFGS takes first and wherever it sees no curvature, becomes a sensible one.
                scale = scale or FIRST_STEP / max(float(x.grad.abs().mean()), 1e-30)
                x.grad.mul_(scale)
                seen.append((style.item(), content.item(), total.item()))
                return total

            optimiser.step(closure)
            optimiser.param_groups[0]["lr"] = LEARNING_RATE[self.wish.optimiser]
            self.losses.append(seen[0])
            self.state = State(self.state.level, self.state.step + 1, basis.picture(x.detach()))
            self.seconds += time.perf_counter() - started
            self._working += width * height
            yield self.done, self.total

    def _begin(self, width, height):
        """The picture to start a size from: the coarser one enlarged, else the photo or noise."""
        if self.state.picture is not None:
            return _resized(self.state.picture, width, height).clone(memory_format=torch.contiguous_format)
        if self.wish.start == "photo":
            return _pixels(self.photo, width, height)
        generator = torch.Generator().manual_seed(self.wish.seed)
        return 0.5 + 0.1 * torch.randn(1, 3, height, width, generator=generator)

    def _cost(self, width, height):
        """A function (picture, step) -> style distance, content distance, and the whole that is made smaller."""
        wish, eye = self.wish, self.eye
        with torch.no_grad():
            shown = eye(_pixels(self.photo, width, height), upto=DEPTH + 1)[DEPTH]
            painted = self._seen_style(width, height)
            grams = [losses.gram(f) for f in painted] if painted else self.style

        def style_of(features, step):
            if wish.loss == "gram":
                return losses.gram_distance([losses.gram(f) for f in features], grams)[0]
            generator = torch.Generator().manual_seed(wish.seed * 1000 + step if wish.optimiser == "adam" else wish.seed)
            along = [losses.directions(f.shape[1], f.shape[1], generator) for f in features]
            return sum(losses.sliced(f, p, v) for f, p, v in zip(features, painted, along, strict=True))

        def cost(x, step):
            features = eye(x)
            style, content = style_of(features, step), losses.content_distance(features[DEPTH], shown)[0]
            beyond = (x - x.clamp(0, 1)).pow(2).mean()
            return style, content, wish.style_weight * style + content + wish.smooth * losses.total_variation(x)[0] + OUTSIDE * beyond

        return cost

    def _seen_style(self, width, height):
        """The painting's features at a size's number of pixels; None where only its Gram matrices are known."""
        if isinstance(self.style, list):
            return None
        scale = self.wish.style_scale * (width * height / (self.style.width * self.style.height)) ** 0.5
        return self.eye(_pixels(self.style, *(max(16, round(side * scale)) for side in self.style.size)))


class Plain:
    """A picture as its pixels."""

    of = staticmethod(lambda pixels: pixels.detach().clone(memory_format=torch.contiguous_format))
    picture = staticmethod(lambda x: x)


class Waves:
    """A picture so that L-BFGS gets on faster: its coarse waves count more, and large strokes form in the first steps.

    Natural pictures differ most in their coarse waves, as 1 / frequency; optimising in frequencies weighed like this is the
    preconditioning of Olah et al. 2017 (Feature Visualization, distill.pub). With the SHARE-th power of it the patient mode
    reaches a loss in two thirds of the steps (benchmarks/style.py); with 0.5 in about as many, with 1 it gains nothing.
    """

    SHARE = 0.35

    def __init__(self, width, height):
        across, down = torch.fft.rfftfreq(width)[None], torch.fft.fftfreq(height)[:, None]
        frequency = (across**2 + down**2).sqrt().clamp(min=1 / max(width, height))
        self.size, self.weights = (height, width), (frequency.max() / frequency) ** self.SHARE

    def of(self, pixels):
        """(1, 3, H, W) -> the numbers, as many, that `picture` makes it from."""
        return torch.fft.irfft2(torch.fft.rfft2(pixels.detach()) / self.weights.to(pixels.device), s=self.size)

    def picture(self, x):
        return torch.fft.irfft2(torch.fft.rfft2(x) * self.weights.to(x.device), s=self.size)


def _optimiser(x, name):
    if name == "adam":
        return torch.optim.Adam([x], lr=LEARNING_RATE[name])
    # One iteration a step, so that every step can be shown, stopped after, and timed; the history lasts over the steps.
    history = wishes.history(x.numel() // 3)
    # Its first step is lr divided by the sum of the gradient.
    return torch.optim.LBFGS([x], lr=FIRST_STEP * x.numel(), max_iter=1, history_size=history, tolerance_grad=0, tolerance_change=0)


def _pixels(image, width, height):
    return tiles.pixels(image.resize((width, height), Image.Resampling.LANCZOS)).contiguous()


def _resized(x, width, height):
    return F.interpolate(x, size=(height, width), mode="bicubic", align_corners=False) if x.shape[2:] != (height, width) else x
