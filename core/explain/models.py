"""The models a visitor can look into: the bundled ones, a file of their own, and torchvision's classifiers.

Every one becomes a Subject: it takes square RGB pictures in [0, 1] and gives logits, whatever it was made for.
"""

import difflib
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from core import catalog, runtime, weights
from core.errors import BadInput

BUNDLED = ("bears", "backbone")  # shown in this order, those the catalogue has
OWN = "own"
SIZES = (64, 512)  # px that the studio's own networks may be shown, which take any
# Offered by name, with the megabytes they cost; any other classifier of torchvision can be typed in.
TORCHVISION = {
    "resnet18": 45, "resnet50": 98, "mobilenet_v3_large": 21, "efficientnet_b0": 20, "convnext_tiny": 109, "regnet_y_400mf": 17,
    "densenet121": 31, "vgg16": 528, "vit_b_16": 330, "swin_t": 108, "swin_v2_t": 109, "maxvit_t": 119,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Subject:
    """A classifier to be explained. Safe to share between threads: passes take turns."""

    key: str
    title: str
    net: object = field(repr=False)  # (B, 3, S, S) RGB in [0, 1] -> (B, K) logits
    names: tuple  # of the K classes
    size: int  # S, px
    temperature: float = 1.0  # the logits are divided by it before the softmax

    @property
    def bytes(self):
        return sum(p.numel() * p.element_size() for p in self.net.parameters())

    def at(self, size):
        """The same classifier shown larger or smaller pictures: larger ones give finer maps, of a network less at home in them. size: px or None."""
        if size in (None, ""):
            return self
        wanted = int(size) if str(size).isdigit() else 0
        if self.key not in (*BUNDLED, OWN) and wanted != self.size:
            raise BadInput(f"{self.title} takes pictures of {self.size} px only.")
        if not SIZES[0] <= wanted <= SIZES[1]:
            raise BadInput(f"The size is a whole number of pixels from {SIZES[0]} to {SIZES[1]}, not {size!r}.")
        return replace(self, size=wanted)

    def picture(self, image):
        """PIL RGB -> (1, 3, S, S) tensor in [0, 1]: the whole photo squashed to a square, so that the map covers all of it."""
        from core.vision.views import batch_of, whole

        return batch_of([whole(image, self.size)], next(self.net.parameters()).device)

    def logits(self, pictures):
        """(N, 3, S, S) -> (N, K), without gradients."""
        import torch

        from core.explain.cam import untouched

        with untouched(self.net), torch.inference_mode():
            return self.net(pictures.contiguous(memory_format=torch.channels_last))

    def class_of(self, label):
        """A class's name or number -> its number; raises BadInput with the closest names."""
        text = str(label).strip().lower()
        names = [name.lower() for name in self.names]
        if text in names:
            return names.index(text)
        if text.isdigit() and int(text) < len(names):
            return int(text)
        close = difflib.get_close_matches(text, names, 3) or names[:5]
        raise BadInput(f"{self.title} knows no class called {label!r}. It knows, for example: {', '.join(close)}.")


def choices():
    """[(title, key)] for a menu."""
    bundled = [(weights.card(name)["title"], name) for name in BUNDLED if name in catalog.ENTRIES]
    offered = [(f"{name} (torchvision, {size} MB, fetched once)", name) for name, size in TORCHVISION.items()]
    return [*bundled, ("Your own classifier (add its file below)", OWN), *offered]


def default():
    return next(name for name in BUNDLED if name in catalog.ENTRIES)


def load(key, own=None, progress=None):
    """The Subject of a menu's key, of a torchvision classifier's name, or of a safetensors file's path.

    own:      path of the visitor's file, for the key "own"
    progress: called with (bytes so far, bytes in all) while weights are fetched
    raises BadInput, WeightsError, or Unavailable when weights cannot be fetched
    """
    key = str(key or default()).strip()
    if key == OWN and not own:
        raise BadInput("Please add the file of your own classifier (.safetensors), or choose another model.")
    if key == OWN or key.endswith(".safetensors"):
        path = Path(own if key == OWN else key)
        return _pooled(f"explain:{_checksum(path)}", lambda: _own(path))
    if key in catalog.ENTRIES and key in BUNDLED:
        return _pooled(f"explain:{key}", lambda: _bundled(key))
    return _pooled(f"explain:{key}", lambda: torchvision(key, progress))


def _pooled(key, make):
    return runtime.models().get(key, make, lambda subject: subject.bytes)


def _checksum(path):
    try:
        return weights.sha256(path)
    except OSError:
        raise BadInput(f"There is no file {path.name}. Please check the path.") from None


def _own(path):
    from core.vision.own import open_classifier

    return _of_network(OWN, f"Your classifier ({path.name})", open_classifier(path))


def _bundled(key):
    from core.vision.network import Network

    return _of_network(key, weights.card(key)["title"], Network(*weights.load(key)))


def _of_network(key, title, network):
    """A Subject from one of the studio's own networks."""
    return _subject(key, title, network.model, tuple(network.classes), network.size, network.temperature)


def _subject(key, title, net, names, size, temperature=1.0):
    torch = runtime.prepare_torch()
    net = net.eval().requires_grad_(False).to(runtime.device(), memory_format=torch.channels_last)
    return Subject(key, title, net, names, size, temperature)


_importing = threading.Lock()


def torchvision(name, progress=None, pretrained=True):
    """A Subject from torchvision's model zoo; the weights are fetched at first use and kept.

    pretrained: False gives random weights (for tests: nothing is fetched)
    """
    runtime.prepare_torch()
    with _importing:
        from torchvision import models
    known = models.list_models(module=models)
    if name not in known:
        close = difflib.get_close_matches(name, [*BUNDLED, *known], 3) or list(TORCHVISION)[:4]
        raise BadInput(f"There is no model called {name!r}. Did you mean {', '.join(close)}? A classifier of your own is named by its .safetensors file.")
    choice = models.get_model_weights(name).DEFAULT
    options = {"transform_input": False} if name in ("googlenet", "inception_v3") else {}
    if name in ("googlenet", "inception_v3"):
        options |= {"init_weights": not pretrained, "aux_logits": pretrained}
    net = models.get_model(name, weights=None, **options)
    if pretrained:
        net.load_state_dict(weights.fetch_torchvision(name, choice, progress), strict=True)
    recipe = choice.transforms()
    title = f"{name} (torchvision)"
    return _subject(name, title, normalised(net, recipe.mean, recipe.std), tuple(choice.meta["categories"]), recipe.crop_size[0])


def normalised(net, mean, std):
    """`net` behind the scaling it was trained with: takes RGB in [0, 1]."""
    import torch
    from torch import nn

    class Normalised(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net
            self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
            self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

        def forward(self, pictures):
            return self.net((pictures - self.mean) / self.std)

    return Normalised()
