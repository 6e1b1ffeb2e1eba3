"""Let `import torchvision` work beside a torch it was not compiled for.

A CPU torch next to a CUDA torchvision (what `pip install` gives on machines with a local torch) cannot load
torchvision's compiled operators; the import then dies with "operator torchvision::nms does not exist", and with
it everything that imports torchvision: transformers, sentence-transformers. `install` gives torch the two operator
schemas that the import wants, and a working `torchvision.ops.nms`. Where the compiled operators load, it does
nothing. Call it before the first import of torchvision; `core.runtime.prepare_torch` does.
"""

import importlib.util
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path

import torch

_library = None  # torch unregisters the operators when this object is collected


def install():
    """Define what is missing; returns True if something was, False if the compiled operators work."""
    global _library
    if _library is not None:
        return True
    if "torchvision" in sys.modules or _compiled_operators_load():
        return False
    _library = torch.library.Library("torchvision", "DEF")
    _library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _library.impl("nms", nms, "CPU")
    sys.meta_path.insert(0, _AllowNms())
    return True


def nms(boxes, scores, iou_threshold):
    """Greedy non-maximum suppression, as torchvision documents it.

    boxes:  (N, 4) XYXY px; scores: (N,)
    returns (M,) int64: kept boxes, best score first; a box goes if it overlaps a better kept one by more than
            `iou_threshold` (intersection over union, 0 to 1)
    """
    order = scores.sort(stable=True, descending=True).indices
    boxes = boxes[order].double()
    areas = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)
    alive = torch.ones(len(boxes), dtype=torch.bool)
    for i in range(len(boxes)):
        if not alive[i]:
            continue
        rest = boxes[i + 1 :]
        inner = torch.minimum(boxes[i, 2:], rest[:, 2:]) - torch.maximum(boxes[i, :2], rest[:, :2])
        inner = inner.clamp(min=0).prod(1)
        alive[i + 1 :] &= ~(inner > iou_threshold * (areas[i] + areas[i + 1 :] - inner))
    return order[alive]


def _compiled_operators_load():
    found = importlib.util.find_spec("torchvision")
    if found is None:
        return True  # no torchvision, nothing to repair
    for path in Path(found.origin).parent.glob("_C.*"):
        try:
            torch.ops.load_library(path)
            return True
        except OSError:
            continue
    return False


class _AllowNms(MetaPathFinder):
    """Take torchvision.ops.boxes' "are the compiled operators there?" check away when it is imported."""

    def find_spec(self, name, path, target=None):
        if name != "torchvision.ops.boxes":
            return None
        spec = PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            module._assert_has_ops = lambda: None

        spec.loader.exec_module = exec_module
        return spec
