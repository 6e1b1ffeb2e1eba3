"""A photo's face -> the generator's nearest face: projection into the latent space.

After Abdal et al. 2019 (Image2StyleGAN, arXiv:1904.03189): the styles themselves are optimised by Adam, one for each
layer. Begun at the best of many random faces, and held to where random faces lie, or the result would be no face.
"""

import copy
from dataclasses import dataclass

import numpy as np

from core.errors import BadInput
from core.gan.frame import framed
from core.gan.maker import maker
from core.gan.predict import Sample, drawn

STEPS = 160
TRIES = 256  # random faces that the search may begin with
RATE = 0.05
PULL = 0.004  # what a deviation from the mean style costs
SHOW_EVERY = 20


@dataclass(frozen=True, eq=False)
class Found:
    """The search so far. target: PIL, the photo's face as the generator would frame it; gap: mean difference of a pixel, 0 to 255."""

    target: object
    sample: Sample
    gap: float

    @property
    def sentence(self):
        close = "very close" if self.gap < 14 else "a likeness" if self.gap < 24 else "only a faint likeness"
        return f"{close.capitalize()}: a pixel differs by {self.gap:.0f} of 255 on average. This is the generator's nearest face, not the person."


def find(photo, generator=None, steps=STEPS, seed=0):
    """Generator of (done, in all, Found or None); returns the last Found. Raises BadInput without a face, or for a generator that makes none."""
    model = maker(generator)
    if not model.name.startswith("gan-faces"):
        raise BadInput(f"{model.title} cannot look for a face. Please choose the generator Faces.")
    target = framed(photo, model.side)
    yield 0, steps, None
    search = Search(model, target, seed)
    for step in range(1, steps + 1):
        search.step(step / steps)
        last = step == steps
        found = Found(target, drawn(model.name, search.style(), "found in a photo"), search.gap) if last or step % SHOW_EVERY == 0 else None
        yield step, steps, found
    return found


class Search:
    """Adam on the styles, under the difference of the pictures at three sizes."""

    def __init__(self, model, target, seed):
        torch = self.torch = model.torch
        self.mean = torch.from_numpy(model.mean)
        self._draw = copy.deepcopy(model.model).float().synthesise  # a search needs no digit that float64 has beyond float32's
        self.target = torch.from_numpy(np.asarray(target, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1)
        styles = torch.from_numpy(model.styles(range(seed, seed + TRIES)))
        self.deviation = styles.std(0) + 1e-6
        with torch.inference_mode():
            costs = torch.cat([self.distance(self._draw(w[None, None].expand(-1, model.layers, -1))) for w in styles])
        best = styles[costs.argmin()].clone()  # in units of the deviation, so that each number moves alike
        self.offset = ((best - self.mean) / self.deviation)[None, None].repeat(1, model.layers, 1).requires_grad_()
        self.adam = torch.optim.Adam([self.offset], RATE)
        self.gap = 0.0

    def distance(self, x):
        """(B,): mean squared differences at full, half and quarter size, where coarse likeness counts as much as fine."""
        pool = self.torch.nn.functional.avg_pool2d
        gaps = [(x - self.target).square().mean((1, 2, 3))]
        for size in (2, 4):
            gaps.append((pool(x, size) - pool(self.target, size)).square().mean((1, 2, 3)))
        return sum(gaps)

    def step(self, done):
        for group in self.adam.param_groups:
            group["lr"] = RATE * min(1, 2 * (1 - done) + 0.05)
        x = self._draw(self.mean + self.offset * self.deviation)
        spread = (self.offset - self.offset.mean(1, keepdim=True)).square().mean()  # the layers may differ, at a price
        loss = self.distance(x).sum() + PULL * (self.offset.square().mean() + spread)
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        self.adam.step()
        self.gap = float((x.detach().clamp(-1, 1) - self.target).abs().mean() * 127.5)

    def style(self):
        return (self.mean + self.offset.detach() * self.deviation)[0].numpy().astype(np.float32)
