"""Heat maps that say where a classifier looked: one function per method, and one way to watch a network run.

The methods work on what a layer gave and on the gradient that reached it. In all of them

    a     (B, C, h, w)  activations of the layer
    g     (B, C, h, w)  d score / d a, the score being a logit or the difference of two
    map   (B, h, w)     >= 0, in units of its own: only its shape over the picture means something
    score images (N, 3, H, W) -> (N,) one logit, or the difference of two, for each

The methods that try many pictures are generators: they yield (tried so far, in all) after each batch and return the
map, so that whoever runs them can show progress and stop anywhere.

`untouched` lends a model out and puts every mode, flag and hook back, whatever happens meanwhile.
"""

import contextlib
import threading
import weakref
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from core.errors import BadInput


def gradcam(a, g):
    """Channels weighted by their mean gradient. Selvaraju et al. 2017 (arXiv:1610.02391), eq. 1 and 2."""
    return (g.mean((2, 3), keepdim=True) * a).sum(1).relu()


def gradcam_plus_plus(a, g, guard=1e-6):
    """Channels weighted by their positive gradients, places that share a channel's evidence counting less.

    Chattopadhay et al. 2018 (arXiv:1710.11063), eq. 5 and 19. `guard` keeps the division from zero, as in the usual
    implementations; it also quietens gradients below its root.
    """
    squared = g * g
    shared = 2 * squared + a.sum((2, 3), keepdim=True) * squared * g + guard
    alpha = torch.where(g != 0, squared / shared, 0)
    return ((alpha * g.relu()).sum((2, 3), keepdim=True) * a).sum(1).relu()


def hirescam(a, g):
    """Every place with its own gradient, nothing averaged. Draelos and Carin 2020 (arXiv:2011.08891), eq. 6."""
    return (g * a).sum(1).relu()


def layercam(a, g):
    """Every place with its own positive gradient: good at early layers. Jiang et al. 2021 (doi:10.1109/TIP.2021.3089943), eq. 6."""
    return (g.relu() * a).sum(1).relu()


def eigencam(a, g=None):
    """The strongest common pattern of all channels, whatever the class. Muhammad and Yeasin 2020 (arXiv:2008.00299).

    First principal component over the places, channels centred. A component's sign is arbitrary: the one taken
    grows with the mean activation.
    """
    x = a.flatten(2)  # (B, C, P)
    x = x - x.mean(2, keepdim=True)
    # The places' Gram matrix is far smaller than the channels' for deep layers, and has the same component.
    small = x.shape[2] <= x.shape[1]
    values, vectors = torch.linalg.eigh((x.mT @ x if small else x @ x.mT).double())
    first = vectors[..., -1]
    along = first * values[:, -1:].clamp(min=0).sqrt() if small else (first[:, None] @ x.double())[:, 0]
    sign = (along * (a.flatten(2).mean(1) - a.mean((1, 2, 3))[:, None])).sum(1, keepdim=True)
    return (along * torch.where(sign < 0, -1.0, 1.0)).view(len(a), *a.shape[2:]).relu().to(a.dtype)


def scorecam(a, images, score, batch=16):
    """Channels weighted by the score of the picture seen through them, softmax over channels. Wang et al. 2020 (arXiv:1910.01279).

    a: (1, C, h, w); images: (1, 3, H, W)
    Channels that are zero everywhere add nothing to the map, whatever their weight, and are not tried. Weak ones are:
    leaving out those with 1 % of the energy already spoils some maps (correlation 0.86).
    """
    alive = a[0].abs().amax((1, 2)).nonzero()[:, 0]
    if not len(alive):
        return torch.zeros_like(a[:, 0])
    seen = []
    for part in alive.split(batch):
        masks = F.interpolate(a[:, part], images.shape[2:], mode="bilinear", align_corners=True)[0]
        low, high = masks.amin((1, 2), keepdim=True), masks.amax((1, 2), keepdim=True)
        seen.append(score(images * ((masks - low) / (high - low + 1e-8))[:, None]))
        yield sum(map(len, seen)), len(alive)
    weights = torch.cat(seen).softmax(0)[None, :, None, None]
    return (weights * a[:, alive]).sum(1).relu()


def ablationcam(a, rescore, batch=64):
    """Channels weighted by how far the score falls without them. Desai and Ramaswamy 2020 (doi:10.1109/WACV45572.2020.9093360).

    rescore: (N, C) multipliers of the layer's channels -> (N,) scores with the channels so changed
    The paper divides each fall by the score; as that only scales the map, and turns it over where the score is
    negative, it is left out. Channels that are zero everywhere change nothing and are not tried.
    """
    count = a.shape[1]
    alive = a[0].abs().amax((1, 2)).nonzero()[:, 0]
    weights, done = a.new_zeros(count), 0
    full = rescore(a.new_ones(1, count))
    for part in alive.split(batch):
        off = a.new_ones(len(part), count)
        off[torch.arange(len(part)), part] = 0
        weights[part] = full - rescore(off)
        done += len(part)
        yield done, len(alive)
    return (weights[None, :, None, None] * a).sum(1).relu()


def occlusion(images, score, window, stride, fill, batch=16):
    """How far the score falls when a square hides each place, averaged over the squares. Zeiler and Fergus 2014 (arXiv:1311.2901).

    images: (1, 3, H, W); window, stride: px; fill: (1, 3, 1, 1) colour of the square
    returns (1, H, W)
    """
    height, width = images.shape[2:]
    corners = [(y, x) for y in _starts(height, window, stride) for x in _starts(width, window, stride)]
    fall, count = images.new_zeros(height, width), images.new_zeros(height, width)
    full, done = score(images), 0
    for start in range(0, len(corners), batch):
        part = corners[start : start + batch]
        hidden = images.repeat(len(part), 1, 1, 1)
        for one, (y, x) in zip(hidden, part, strict=True):
            one[:, y : y + window, x : x + window] = fill[0]
        for drop, (y, x) in zip(full - score(hidden), part, strict=True):
            fall[y : y + window, x : x + window] += drop
            count[y : y + window, x : x + window] += 1
        done += len(part)
        yield done, len(corners)
    return (fall / count.clamp(min=1)).relu()[None]


def _starts(length, window, stride):
    """Where the squares begin so that they reach the far edge; the last may hang over it."""
    return range(0, max(1, -(-(length - window) // stride) * stride + 1), stride)


def guided_backprop(model, images, direction):
    """The gradient at the pixels, letting only positive gradients back through each ReLU. Springenberg et al. 2014 (arXiv:1412.6806).

    direction: (K,) what the score is made of, see `scores`
    returns (B, 3, H, W) signed; without any ReLU module in the model it is the plain gradient
    """

    def only_positive(module, inputs, output):
        output.register_hook(lambda grad: grad.clamp(min=0))

    with untouched(model) as add, torch.enable_grad():
        for module in model.modules():
            if isinstance(module, RELUS):
                add(module.register_forward_hook(only_positive))
        images = images.detach().clone().requires_grad_()
        return torch.autograd.grad(scores(model(images), direction).sum(), images)[0]


RELUS = (nn.ReLU, nn.ReLU6)


def scores(logits, direction):
    """(B, K) logits, (K,) +1 at the class in question and perhaps -1 at another -> (B,) logit, or difference of two."""
    return logits @ direction.to(logits)


_locks = weakref.WeakKeyDictionary()
_making = threading.Lock()


@contextlib.contextmanager
def untouched(model):
    """The model for one thread at a time, in evaluation mode and with no parameter asking for gradients.

    Yields a function that keeps a hook's handle. However the block ends, every hook is gone, every module in the mode
    and every parameter with the flag it had before, and no parameter has gained a gradient.
    """
    with _making:
        lock = _locks.setdefault(model, threading.RLock())
    with lock:
        modes = [(module, module.training) for module in model.modules()]
        flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
        handles = []
        try:
            for module, _ in modes:
                module.training = False
            for parameter, _ in flags:
                parameter.requires_grad_(False)
            yield handles.append
        finally:
            for handle in handles:
                handle.remove()
            for module, mode in modes:
                module.training = mode
            for parameter, flag in flags:
                parameter.requires_grad_(flag)


@dataclass(frozen=True)
class Captured:
    """One pass through a model: logits (B, K); a layer's activations and gradients, (B, C, h, w) each, gradients for one score."""

    logits: torch.Tensor
    a: torch.Tensor
    g: torch.Tensor


def capture(model, layer, images, direction=None):
    """One forward pass, and one backward pass that ends at the layer: all the gradient methods live on its result.

    layer:     name of a module, as in model.named_modules()
    direction: (K,) see `scores`; None explains each picture's likeliest class
    raises BadInput if there is no such layer, or it gives nothing like a picture
    """
    kept = []

    def keep(module, inputs, output):
        if not isinstance(output, torch.Tensor) or as_maps(output) is None:
            raise BadInput(f"The layer {layer} gives nothing like a picture, so there is no map of it. Please choose another layer.")
        # What lies before the layer needs no graph; what follows may change its input in place (a ReLU often does).
        kept.append(output.detach().requires_grad_())
        return kept[-1].clone()

    with untouched(model) as add, torch.enable_grad():
        add(find(model, layer).register_forward_hook(keep))
        logits = model(images)
        if not kept:
            raise BadInput(f"The layer {layer} takes no part in the answer. Please choose another layer.")
        wanted = F.one_hot(logits.argmax(1), logits.shape[1]) if direction is None else direction
        score = (logits * wanted.to(logits)).sum()
        # A layer that nothing reads gets no gradient; zeros say the same.
        g = torch.autograd.grad(score, kept[-1], allow_unused=True)[0] if score.requires_grad else None
    a = kept[-1].detach()
    return Captured(logits.detach(), as_maps(a), as_maps(torch.zeros_like(a) if g is None else g))


def with_channels(model, layer, images, factors):
    """Logits (N, K) of one picture with the layer's channels multiplied: images (1, 3, H, W), factors (N, C).

    What lies before the layer runs once for all N.
    """

    def change(module, inputs, output):
        if output.dim() == 4 and not channels_last(output):
            return output * factors[:, :, None, None]
        return output * factors.view(len(factors), *[1] * (output.dim() - 2), -1)

    with untouched(model) as add, torch.inference_mode():
        add(find(model, layer).register_forward_hook(change))
        return model(images)


def find(model, layer):
    """The module of that name; raises BadInput."""
    modules = dict(model.named_modules())
    if layer not in modules:
        raise BadInput(f"This model has no layer called {layer!r}. Please choose one from the list.")
    return modules[layer]


def channels_last(output):
    """Whether a (B, ., ., .) output is (B, h, w, C), as Swin's blocks give it. Our pictures are square, so h = w tells."""
    return output.shape[1] == output.shape[2] != output.shape[3]


def as_maps(output):
    """A layer's output as (B, C, h, w), or None: convolutions, Swin's (B, h, w, C), a ViT's (B, tokens, C) with or without class token."""
    if output.dim() == 4:
        return output.permute(0, 3, 1, 2) if channels_last(output) else output
    if output.dim() == 3:
        for extra in (0, 1):
            side = round(max(0, output.shape[1] - extra) ** 0.5)
            if side > 1 and side * side == output.shape[1] - extra:
                return output[:, extra:].transpose(1, 2).reshape(len(output), -1, side, side)
    return None
