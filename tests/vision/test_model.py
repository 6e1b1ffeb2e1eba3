import json

import pytest
import torch

from core import weights
from core.vision.model import Backbone, Classifier, fold

SHAPE = dict(widths=[4, 6, 8], depths=[1, 2, 1], classes=["a", "b", "c"])


def trained():
    """A tiny network whose normalisation has seen something."""
    torch.manual_seed(0)
    model = Classifier(**SHAPE)
    for _ in range(5):
        model(torch.rand(8, 3, 32, 32))
    return model.eval()


def test_shapes_of_every_stage():
    features = Backbone([4, 6, 8], [1, 2, 1]).features(torch.rand(2, 3, 64, 48))
    assert {k: tuple(v.shape) for k, v in features.items()} == {"stage1": (2, 4, 32, 24), "stage2": (2, 6, 16, 12), "stage3": (2, 8, 8, 6)}
    assert all(v.min() >= 0 for v in features.values())


def test_gradients_reach_every_parameter():
    model = Classifier(**SHAPE)
    model(torch.rand(4, 3, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_folding_changes_nothing_but_the_layers():
    model, x = trained(), torch.rand(3, 3, 40, 56)
    folded = fold(model)
    assert torch.allclose(model(x), folded(x), atol=1e-5)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    assert torch.equal(model(x), model(x))  # folding left the original as it was


def test_saved_and_loaded_it_says_the_same(tmp_path):
    model, x = fold(trained()), torch.rand(2, 3, 32, 32)
    weights.save(tmp_path / "m.safetensors", model.state_dict(), {"shape": json.dumps(model.shape)})
    tensors, metadata = weights.read(tmp_path / "m.safetensors")
    again = Classifier(**json.loads(metadata["shape"])).eval()
    again.load_state_dict(tensors, strict=True)
    assert torch.equal(model(x), again(x))


def test_wrong_shapes_are_refused():
    with pytest.raises(RuntimeError):
        Classifier(**SHAPE).load_state_dict(fold(trained()).state_dict(), strict=True)
    with pytest.raises(ValueError):
        Backbone([4, 6], [1])
