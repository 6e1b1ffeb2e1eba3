"""A loaded generator: numbers in, pictures out. Safe to share between threads.

A seed makes the same pixels on every machine, with any number of threads, alone or among others. In float32 it would not:
the last digits go by the order in which a processor adds, and turn one of some 200,000 bytes over (measured on 16 faces).
So pictures are drawn in float64, whose last digits never reach a byte, and seeds go through the one generator of random
numbers that NumPy has promised never to change (NEP 19), where torch's gives other numbers on other processors.
"""

import itertools
import json

import numpy as np

from core import catalog, runtime, weights
from core.errors import BadInput, StudioError

# What the menu shows, in its order. The first is what everything begins with.
NAMES = {"gan-faces": "Faces", "gan-faces-dcgan": "Plain DCGAN", "gan-faces-style": "Style-based", "gan-digits": "Digits"}
FACES = [name for name in NAMES if name.startswith("gan-faces")]
SEEDS = 2**31
LOOKS = 4096  # styles that the mean is taken over
AT_ONCE = 16  # pictures drawn as one batch


class Maker:
    """tensors, metadata: as core.weights reads them; metadata holds "kind", "shape" (JSON) and "title".

    A style `w` is a (layers, W) float32 array: one row for each layer, coarse to fine. Generators without styles
    (DCGAN) have one row, their z.
    """

    def __init__(self, name, tensors, metadata):
        self.torch = runtime.prepare_torch()
        from core.gan.model import KINDS, StyleGenerator

        self.name, self.title, self.kind = name, metadata["title"], metadata["kind"]
        self.model = KINDS[self.kind](**json.loads(metadata["shape"]))
        self.model.load_state_dict(tensors, strict=True)
        self.model.eval().double().to(memory_format=self.torch.channels_last)
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        self.side, self.layers, self.styled = self.model.side, self.model.layers, isinstance(self.model, StyleGenerator)
        self.mean = self.styles(range(LOOKS)).mean(0, np.float64).astype(np.float32) if self.styled else np.zeros(self.model.style, np.float32)

    def bytes(self):
        return sum(p.numel() * p.element_size() for p in self.model.parameters())

    def styles(self, seeds):
        """Seeds -> (N, W) float32, one style each, untruncated."""
        z = np.stack([np.random.RandomState(seed).standard_normal(self.model.latent) for seed in seeds])
        with self.torch.inference_mode():
            return self.model.mapping(self.torch.from_numpy(z)).numpy().astype(np.float32)

    def first(self, z):
        """(N, Z) -> (N, D) float64: what a DCGAN's first layer makes of them."""
        with self.torch.inference_mode():
            return self.model.net[:3](self.torch.from_numpy(z.astype(np.float64))[:, :, None, None]).flatten(1).numpy()

    def style(self, seed, truncation=1.0):
        """(layers, W) of a seed, pulled towards the mean: 1 leaves it alone, 0 is the mean face. "Truncation trick", Karras et al. 2019, sec. B."""
        w = self.mean + truncation * (self.styles([seed])[0] - self.mean)
        return np.repeat(w[None], self.layers, 0).astype(np.float32)

    def arrays(self, styles):
        """Iterable of (layers, W) -> yields (H, W, C) uint8; up to AT_ONCE are drawn when the first of them is asked for."""
        styles = iter(styles)
        while batch := list(itertools.islice(styles, AT_ONCE)):
            with self.torch.inference_mode():
                x = self.model.synthesise(self.torch.from_numpy(np.stack(batch).astype(np.float64)))
                x = x.add(1).mul(127.5).round().clamp(0, 255).byte()
            yield from x.permute(0, 2, 3, 1).numpy()

    def pictures(self, styles):
        """Iterable of (layers, W) -> yields PIL RGB of `side` px."""
        from PIL import Image

        for array in self.arrays(styles):
            yield Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array).convert("RGB")


def maker(name=None):
    """The generator of a name (a key of NAMES; None: the first), loaded once. Raises BadInput for another name."""
    name = name or next(iter(NAMES))
    if name not in NAMES or name not in catalog.ENTRIES:
        raise BadInput(f"There is no generator called {name!r}. There are: {', '.join(NAMES)}.")
    return runtime.models().get(("gan", name), lambda: Maker(name, *weights.load(name)), Maker.bytes)


def seed_of(value):
    """Whatever a visitor wrote as a seed -> int; raises BadInput."""
    try:
        seed = int(str(value).strip())
    except ValueError:
        seed = -1
    if not 0 <= seed < SEEDS:
        raise BadInput(f"A seed is a whole number from 0 to {SEEDS - 1}; {str(value)[:20]!r} is none.")
    return seed


def ready():
    """Load the default generator and draw once; raises StudioError if that fails."""
    model = maker()
    if next(model.arrays([model.style(0)])).std() < 1:
        raise StudioError("The face generator does not answer as it should.")
