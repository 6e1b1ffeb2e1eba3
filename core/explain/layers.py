"""Which layers of a network a heat map can be made of, the one to begin with, and what to call them."""

import re
from dataclasses import dataclass

import torch
from torch import nn

from core.errors import BadInput
from core.explain.cam import as_maps, untouched

# They only hand on what another layer made.
PASSIVE = (nn.Identity, nn.Dropout, nn.AdaptiveAvgPool2d, nn.AvgPool2d, nn.MaxPool2d, nn.Flatten)
ENOUGH = 7  # cells a side that a map should have: what the usual networks have at the end
MIN_CHANNELS = 8  # fewer, and it is the picture itself


@dataclass(frozen=True)
class Layer:
    """A layer by its module's name, in plain words, and with the cells (rows, columns) of its maps."""

    name: str
    words: str
    grid: tuple


def candidates(model, size):
    """The layers to choose from, the best one first. size: px of the model's square input.

    Convolutional networks (and Swin): of every resolution the last layer, from the deepest on, because Grad-CAM is at
    its best where the network has said all but the verdict (arXiv:1610.02391, section 3); but the one to begin with is
    the deepest that has 7 x 7 cells, as a map of fewer hardly says where.
    Vision transformers: the normalisation before each block's attention. After the last attention only the class
    token is read on, so that the gradient at the other tokens is zero there.
    """
    seen = _outputs(model, size)
    tokens = [(name, grid) for name, grid, is_tokens in seen if is_tokens]
    maps = [(name, grid) for name, grid, is_tokens in seen if not is_tokens]
    found = _blocks(tokens) if len(tokens) > len(maps) else _resolutions(maps)
    if not found:
        raise BadInput("This model has no layer that a heat map could be made of: it needs convolutions or image tokens.")
    return found


def _outputs(model, size):
    """(name, grid, whether it is tokens) of every module with a picture-like output, in the order they finish."""
    seen, device = [], next(model.parameters()).device

    def note(name):
        def hook(module, inputs, output):
            maps = as_maps(output) if isinstance(output, torch.Tensor) else None
            if maps is not None and maps.shape[1] >= MIN_CHANNELS and min(maps.shape[2:]) > 1:
                seen.append((name, tuple(maps.shape[2:]), output.dim() == 3))

        return hook

    with untouched(model) as add, torch.inference_mode():
        for name, module in model.named_modules():
            if name and not isinstance(module, PASSIVE) and type(module).__name__ != "Permute":
                add(module.register_forward_hook(note(name)))
        model(torch.zeros(1, 3, size, size, device=device))
    return seen


def _resolutions(maps):
    """Of every resolution the last of the largest units: a stage rather than the next stage's first convolution, which has its maps' size too."""
    last = {}
    for name, grid in maps:
        if grid not in last or name.count(".") <= last[grid].count("."):
            last.pop(grid, None)
            last[grid] = name
    deepest_first = list(last.items())[::-1]
    words = ["deepest"] + ["earlier"] * max(0, len(last) - 2) + ["first"] * (len(last) > 1)
    found = [Layer(name, f"{word}, {_cells(grid)} ({name})", grid) for word, (grid, name) in zip(words, deepest_first, strict=True)]
    best = next((layer for layer in found if min(layer.grid) >= ENOUGH), found[0] if found else None)
    return sorted(found, key=lambda layer: layer is not best)  # the rest keep their order


def _blocks(tokens):
    before = [(name, grid) for name, grid in tokens if re.search(r"\.(ln_1|norm1)$", name)]
    out = [Layer(name, f"block {k} of {len(before)}, before its attention, {_cells(grid)}", grid) for k, (name, grid) in enumerate(before, 1)][::-1]
    name, grid = tokens[-1]
    return [*out, Layer(name, f"after the last block, {_cells(grid)} ({name})", grid)]


def _cells(grid):
    return f"{grid[0]} x {grid[1]} cells"
