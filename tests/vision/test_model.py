import json

import pytest
import torch

from core import weights
from core.vision.model import DEPTHWISE, FUSED, Backbone, Block, Classifier, fold

SHAPE = dict(classes=["a", "b", "c"], stages=[[[FUSED, 2, 4]], [[FUSED, 3, 6], [DEPTHWISE, 2, 6]], [[DEPTHWISE, 2, 8]]], stem=5, last=9)


def trained():
    """A tiny network whose normalisation has seen something."""
    torch.manual_seed(0)
    model = Classifier(**SHAPE)
    for _ in range(5):
        model(torch.rand(8, 3, 32, 32))
    return model.eval()


def test_shapes_of_every_stage():
    backbone = Backbone(SHAPE["stages"], stem=5, last=9)
    features = backbone.features(torch.rand(2, 3, 64, 45))
    assert {k: tuple(v.shape) for k, v in features.items()} == {"stage1": (2, 4, 32, 23), "stage2": (2, 6, 16, 12), "stage3": (2, 9, 8, 6)}
    assert backbone.widths == [4, 6, 9] and 0 <= features["stage3"].min() and features["stage3"].max() <= 6
    x = torch.rand(1, 3, 32, 32)
    y = x * 2 - 1
    for step in backbone.eval().steps():
        y = step(y)
    assert torch.equal(y, backbone.features(x)["stage3"]) and len(backbone.steps()) == 5


@pytest.mark.parametrize("kind", [FUSED, DEPTHWISE])
def test_a_block_adds_what_went_in_where_it_can(kind):
    x = torch.rand(1, 4, 8, 8)
    for outputs, stride, adds in ((4, 1, True), (6, 1, False), (4, 2, False)):
        block = Block(4, kind, 2, outputs, stride, folded=True)
        torch.nn.init.zeros_(block.layers[-1].conv.weight)
        torch.nn.init.zeros_(block.layers[-1].conv.bias)
        assert torch.equal(block(x), x if adds else torch.zeros(1, outputs, 8 // stride, 8 // stride))


@pytest.mark.parametrize(("side", "cell"), [(8, 1), (9, 0)])
def test_cells_lie_where_tensorflow_puts_them(side, cell):
    """SAME, stride 2: the middle of the first 3x3 window is pixel 1 of an even side and pixel 0 of an odd one."""
    block = Block(1, FUSED, 1, 1, stride=2, folded=True)
    conv = block.layers[0].conv
    conv.weight.data.zero_()
    conv.bias.data.zero_()
    conv.weight.data[0, 0, 1, 1] = 1
    x = torch.zeros(1, 1, side, side)
    x[0, 0, cell, cell] = 1
    assert block.layers[0](x)[0, 0, 0, 0] == 1


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
    assert torch.equal(model(x), again(x)) and again.shape == model.shape


def test_wrong_shapes_are_refused():
    with pytest.raises(RuntimeError):
        Classifier(**SHAPE).load_state_dict(fold(trained()).state_dict(), strict=True)
    with pytest.raises(ValueError):
        Backbone([[["round", 2, 4]]])
