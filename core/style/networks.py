"""The shipped networks, loaded once, and styles in the forms that the three ways of painting take."""

import json
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core import runtime, weights
from core.errors import BadInput
from core.style import eyes, tiles


class Networks:
    """Painter, reader and bundled styles from one weights file; `eye` measures paintings for the reader.

    Of each bundled painting the file holds no pixel, but what the painter needs (`table`), what the reader was
    shown (`measures`, (S, D)), and how it is painted (`grams`, per stage (S, C, C)).
    """

    def __init__(self, tensors, metadata):
        torch = runtime.prepare_torch()
        from core.style.model import STAGES, Atelier, Painter, Reader

        tensors = dict(tensors)
        eye = {key: tensors.pop(key) for key in list(tensors) if key.startswith("eye.")}
        self.measures = tensors.pop("measures")
        self.grams = [tensors.pop(f"grams.{stage}") for stage in STAGES]
        atelier = Atelier(Painter(**json.loads(metadata["painter"])), Reader(**json.loads(metadata["reader"])), json.loads(metadata["names"]))
        atelier.load_state_dict(tensors)
        self.atelier = atelier.eval().requires_grad_(False).to(runtime.device(), memory_format=torch.channels_last)
        self.painter, self.names = self.atelier.painter, self.atelier.names
        self.eye = eyes.eye_of(eye).level(json.loads(metadata["means"]))


@dataclass(frozen=True)
class Model:
    """What to paint like: one of the bundled styles, or a painting.

    name: for sentences; picture: PIL RGB, None for a bundled style; index: of a bundled style, else None
    """

    name: str
    picture: Image.Image | None = None
    index: int | None = None

    def vector(self, networks, corrected=False):
        """The style for the painter, (1, P). corrected: with the correction a bundled style was trained with (instant mode)."""
        import torch

        with torch.inference_mode():
            if self.index is None:
                return networks.atelier.reader(measured(networks.eye, self.picture))
            return networks.atelier.reader(networks.measures[self.index][None]) if not corrected else networks.atelier.table[self.index][None]

    def grams(self, networks):
        """Gram matrices of each stage, (1, C, C), as the networks' eye sees it at STYLE_PX."""
        import torch

        from core.style import losses

        if self.index is not None:
            return [gram[self.index][None] for gram in networks.grams]
        with torch.inference_mode():
            return [losses.gram(f) for f in networks.eye(tiles.pixels(at_style_size(self.picture)))]


def bundled(name):
    """The Model of a bundled style."""
    from core.style.wishes import STYLES

    return Model(name, index=STYLES.index(name))


def mixed(models, shares, networks, corrected=False):
    """Several Models blended by weight -> (1, P); no weights means equal ones."""
    if shares and len(shares) != len(models):
        raise BadInput(f"There are {len(models)} paintings and {len(shares)} weights. Please give one weight for each painting.")
    shares = np.array(shares or [1.0] * len(models))
    return sum(float(share) * model.vector(networks, corrected) for model, share in zip(models, shares / shares.sum(), strict=True))


def at_style_size(picture):
    """The picture with as many pixels as the paintings that the reader learned from."""
    from core.style.model import STYLE_PX

    scale = STYLE_PX / (picture.width * picture.height) ** 0.5
    return picture.resize([max(16, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS)


def _reduced(picture):
    from core.style.model import STYLE_PX

    return at_style_size(picture) if picture.width * picture.height > STYLE_PX**2 else picture


def measured(eye, picture):
    """What the reader sees of a painting, (1, D)."""
    from core.style.model import measure

    x = tiles.pixels(at_style_size(picture))
    return measure(x, eye(x))


def load():
    """The bundled Networks."""
    return runtime.models().get("style", _open, lambda networks: 4 * sum(p.numel() for p in networks.atelier.parameters()))


def _open():
    torch = runtime.prepare_torch()
    with torch.inference_mode(False):  # whoever loads them first: the patient mode needs gradients through the eye
        return Networks(*weights.load("style"))


def seen(picture, networks):
    """(content features, Gram matrices) of a picture as the eye sees it, at STYLE_PX but never enlarged."""
    import torch

    from core.style import losses
    from core.style.patient import DEPTH

    with torch.inference_mode():
        features = networks.eye(tiles.padded(tiles.pixels(_reduced(picture))))
        return features[DEPTH], [losses.gram(f) for f in features]


def distances(shown, grams, got):
    """How far a painting is from what the photo shows and from how the model is painted -> {"content", "style"}.

    shown: the photo's content features; grams: the model's; got: what `seen` gave of the painting
    Both are relative to the target (core/style/losses.py): 0 is the same.
    """
    from core.style import losses

    return {"content": float(losses.content_distance(got[0], shown)[0]), "style": float(losses.gram_distance(got[1], grams)[0])}
