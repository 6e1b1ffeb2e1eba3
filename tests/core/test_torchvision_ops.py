"""The repair of a torchvision whose compiled operators do not load, each case in a fresh interpreter."""

import numpy as np
import pytest
import torch

from core import torchvision_ops
from tests.conftest import run_python


def brute_force(boxes, scores, limit):
    def overlap(a, b):
        w = max(0, min(a[2], b[2]) - max(a[0], b[0]))
        h = max(0, min(a[3], b[3]) - max(a[1], b[1]))
        union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h
        return w * h / union

    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(overlap(boxes[i], boxes[j]) <= limit for j in kept):
            kept.append(int(i))
    return kept


@pytest.mark.parametrize("limit", [0.1, 0.5, 0.9])
def test_nms_agrees_with_the_definition(limit):
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 60, (150, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 40, (150, 2))], 1)
    scores = rng.random(150)
    assert torchvision_ops.nms(torch.tensor(boxes), torch.tensor(scores), limit).tolist() == brute_force(boxes, scores, limit)


def test_nms_of_nothing_is_nothing():
    assert torchvision_ops.nms(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []


def test_torchvision_and_transformers_import_and_nms_is_right():
    code = """
from core import runtime
torch = runtime.prepare_torch()
import torchvision
from transformers import BertModel
boxes = torch.tensor([[0., 0, 10, 10], [0, 0, 9, 10], [20, 20, 30, 30]])
assert torchvision.ops.nms(boxes, torch.tensor([.5, .9, .7]), .5).tolist() == [1, 2]
assert torchvision.ops.batched_nms(boxes, torch.tensor([.5, .9, .7]), torch.tensor([0, 1, 0]), .5).tolist() == [1, 2, 0]
assert torchvision.models.resnet18()(torch.rand(1, 3, 64, 64)).shape == (1, 1000)
"""
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr


def test_it_does_nothing_where_the_operators_load():
    code = """
import torch
from core import torchvision_ops
torchvision_ops._compiled_operators_load = lambda: True
assert torchvision_ops.install() is False
assert torchvision_ops._library is None
assert not hasattr(torch.ops.torchvision, "nms")
"""
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
