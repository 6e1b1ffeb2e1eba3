"""The methods against published numbers and independent libraries; the model as it was, whatever happens."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import BadInput
from core.explain import cam
from core.explain.layers import candidates
from core.explain.predict import finish
from tests.explain import helpers

QUICK = {"gradcam": cam.gradcam, "gradcam++": cam.gradcam_plus_plus, "hirescam": cam.hirescam, "layercam": cam.layercam, "eigencam": cam.eigencam}


class Toy(nn.Module):
    """captum's published case (tests/attr/layer/test_grad_cam.py there): known weights, known answer."""

    def __init__(self, inplace):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.relu = nn.ReLU(inplace=inplace)
        self.fc = nn.Linear(8, 1, bias=False)
        with torch.no_grad():
            self.conv.weight.fill_(1)
            self.conv.bias.copy_(torch.tensor([-50.0, -75.0]))
            self.fc.weight.copy_(torch.tensor([[1.0] * 5 + [-1.0] * 3]))

    def forward(self, x):
        return self.fc(self.relu(self.conv(x)).flatten(1))


@pytest.mark.parametrize("inplace", [False, True])
def test_the_published_toy_case(inplace):
    seen = cam.capture(Toy(inplace), "relu", torch.arange(16.0).view(1, 1, 4, 4), torch.ones(1))
    assert seen.logits.item() == 54
    assert cam.gradcam(seen.a, seen.g).tolist() == [[[0, 4], [28, 32.5]]]


def pictures(count=3, size=64):
    """Blobs of colour: smoother than noise, so that layers have something to say."""
    torch.manual_seed(1)
    return nn.functional.interpolate(torch.rand(count, 3, 4, 4), (size, size), mode="bicubic").clamp(0, 1)


def rival(net, layer, kind, x, label):
    """The map of grad-cam (PyPI) as its method leaves it, before it is scaled and enlarged."""
    import pytorch_grad_cam as library
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    tool, raw = getattr(library, kind)(model=net, target_layers=[cam.find(net, layer)]), []
    inner = tool.get_cam_image
    tool.get_cam_image = lambda *args: raw.append(inner(*args)) or raw[-1]
    tool(x, [ClassifierOutputTarget(label)])
    tool.activations_and_grads.release()
    return np.maximum(raw[0][0], 0), np.maximum(-raw[0][0], 0)


KINDS = {"gradcam": "GradCAM", "gradcam++": "GradCAMPlusPlus", "hirescam": "HiResCAM", "layercam": "LayerCAM", "eigencam": "EigenCAM",
         "scorecam": "ScoreCAM", "ablationcam": "AblationCAM"}  # fmt: skip


# Both end in a ReLU6: where a layer's output may be negative, the library's ablation leaves the paper.
@pytest.mark.parametrize("layer", ["backbone.stages.stage3", "backbone.stages.stage2.0.layers.0"])
@pytest.mark.parametrize("method", KINDS)
def test_maps_equal_those_of_an_independent_library(method, layer):
    net, compared = helpers.plain().eval(), 0
    for x in pictures().split(1):
        for label in range(len(helpers.NAMES)):
            direction = torch.eye(len(helpers.NAMES))[label]
            seen = cam.capture(net, layer, x, direction)
            if method in QUICK:
                ours = QUICK[method](seen.a, seen.g)[0]
            elif method == "scorecam":
                ours = finish(cam.scorecam(seen.a, x, lambda p, d=direction: cam.scores(net(p).detach(), d)))[0]
            else:
                if seen.logits[0, label] <= 0:
                    continue  # the library divides by the score, which turns its map over
                ours = finish(cam.ablationcam(seen.a, lambda f, d=direction, x=x: cam.scores(cam.with_channels(net, layer, x, f), d)))[0]
            theirs, other_sign = rival(net, layer, KINDS[method], x, label)
            pairs = [theirs, other_sign] if method == "eigencam" else [theirs]
            if not any(p.std() for p in pairs):
                assert ours.max() <= 1e-6
                continue
            assert max(np.corrcoef(ours.numpy().ravel(), p.ravel())[0, 1] if p.std() else 0 for p in pairs) >= (0.999 if method in QUICK else 0.99)
            compared += 1
    assert compared >= 3


def with_relu(net, inplace):
    for module in net.modules():
        if isinstance(getattr(module, "relu", None), nn.ReLU6):
            module.relu = nn.ReLU(inplace=inplace)
    return net


def test_occlusion_and_guided_backpropagation_equal_captum():
    from captum.attr import GuidedBackprop, Occlusion

    net, x = helpers.plain().eval(), pictures(1)
    direction = torch.tensor([0.0, 1, 0, 0])
    ours = finish(cam.occlusion(x, lambda p: cam.scores(net(p).detach(), direction), 16, 8, torch.full((1, 3, 1, 1), 0.5)))[0]
    theirs = Occlusion(net).attribute(x, target=1, sliding_window_shapes=(3, 16, 16), strides=(3, 8, 8), baselines=0.5)[0].mean(0).detach()
    assert torch.allclose(ours, theirs.relu(), atol=1e-6) and ours.max() > 0
    # captum knows no ReLU6, and its hooks cannot live with one in place; ours can do both.
    theirs = GuidedBackprop(with_relu(net, inplace=False)).attribute(x.clone().requires_grad_(), target=1)
    assert torch.allclose(cam.guided_backprop(with_relu(helpers.plain(), inplace=True), x, direction), theirs, atol=1e-6) and theirs.abs().max() > 0


def test_eigencam_by_either_road_is_the_first_principal_component():
    torch.manual_seed(0)
    for shape in ((1, 40, 3, 3), (1, 4, 9, 9)):  # more channels than places, and the other way round
        a = torch.rand(shape)
        x = a[0].flatten(1).T.double().numpy()
        _, _, v = np.linalg.svd(x - x.mean(0), full_matrices=False)
        along = ((x - x.mean(0)) @ v[0]).reshape(shape[2:])
        ours = cam.eigencam(a)[0].numpy()
        assert min(np.abs(ours - np.maximum(s * along, 0)).max() for s in (1, -1)) < 1e-5


def test_why_this_and_not_that_is_the_gradient_of_the_difference():
    net, x = helpers.plain(), pictures(1)
    one, other, both = (cam.capture(net, "backbone.stages.stage3", x, torch.tensor(d)) for d in ([1.0, 0, 0, 0], [0.0, 1, 0, 0], [1.0, -1, 0, 0]))
    assert torch.allclose(both.g, one.g - other.g, atol=1e-7)


def state(model):
    return ([m.training for m in model.modules()], [p.requires_grad for p in model.parameters()], [p.grad is None for p in model.parameters()],
            [len(m._forward_hooks) for m in model.modules()], {k: v.clone() for k, v in model.state_dict().items()})  # fmt: skip


def same(a, b):
    return a[:4] == b[:4] and all(torch.equal(v, b[4][k]) for k, v in a[4].items())


def mixed():
    """A network with a mode and flags of its own, which no well-behaved visitor may change."""
    net = helpers.resnet18().train()
    net.layer2.eval()
    net.layer1.requires_grad_(False)
    return net


def boom(*_):
    raise ZeroDivisionError("in the middle of it")


def test_the_model_is_as_it_was_after_every_method():
    net, x, d = mixed(), pictures(1), torch.tensor([1.0, 0, 0, 0])
    before = state(net)
    seen = cam.capture(net, "layer4", x, d)
    for method in QUICK.values():
        assert method(seen.a, seen.g).shape == (1, 2, 2)
    cam.guided_backprop(net, x, d)
    finish(cam.ablationcam(seen.a, lambda f: cam.scores(cam.with_channels(net, "layer4", x, f), d), batch=512))
    candidates(net, 64)
    assert same(before, state(net))


@pytest.mark.parametrize("work", ["capture", "guided", "channels", "layers", "generator"])
def test_the_model_is_as_it_was_after_any_exception(work):
    net, x, d = mixed(), pictures(1), torch.tensor([1.0, 0, 0, 0])
    bomb = net.fc.register_forward_pre_hook(boom)
    before = state(net)
    with pytest.raises(ZeroDivisionError):
        if work == "capture":
            cam.capture(net, "layer4", x, d)
        elif work == "guided":
            cam.guided_backprop(net, x, d)
        elif work == "channels":
            cam.with_channels(net, "layer4", x, torch.ones(2, 512))
        elif work == "layers":
            candidates(net, 64)
        else:
            finish(cam.ablationcam(torch.rand(1, 512, 2, 2), lambda f: cam.scores(cam.with_channels(net, "layer4", x, f), d)))
    assert same(before, state(net))
    bomb.remove()
    assert cam.capture(net, "layer4", x, d).a.shape == (1, 512, 2, 2)  # and nobody is left waiting for its lock


def test_a_stopped_generator_leaves_nothing_behind():
    net, x, d = mixed(), pictures(1), torch.tensor([1.0, 0, 0, 0])
    before = state(net)
    work = cam.ablationcam(torch.rand(1, 512, 2, 2), lambda f: cam.scores(cam.with_channels(net, "layer4", x, f), d), batch=8)
    assert next(work) == (8, 512)
    work.close()
    assert same(before, state(net))


def test_threads_on_one_model_get_their_own_maps():
    net, xs = helpers.plain(), pictures(4)
    alone = [cam.gradcam(*_ag(net, x)) for x in xs.split(1)]
    together, wrong = {}, []

    def visit(k):
        for _ in range(10):
            together[k] = cam.gradcam(*_ag(net, xs[k : k + 1]))
            if not torch.allclose(together[k], alone[k], atol=1e-5):
                wrong.append(k)

    threads = [threading.Thread(target=visit, args=(k,)) for k in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len(together) == 4 and wrong == []
    assert not torch.allclose(alone[0], alone[1], atol=1e-3)


def _ag(net, x):
    seen = cam.capture(net, "backbone.stages.stage3", x, torch.tensor([1.0, 0, 0, 0]))
    return seen.a, seen.g


def test_layers_are_chosen_and_named():
    found = candidates(helpers.plain(), 64)
    assert [layer.grid for layer in found] == [(8, 8), (16, 16), (32, 32)] and found[0].name == "backbone.stages.stage3"
    assert found[0].words == "deepest, 8 x 8 cells (backbone.stages.stage3)"
    found = candidates(helpers.resnet18(), 64)
    assert [layer.name for layer in found][:3] == ["layer2", "layer4", "layer3"]  # at 64 px only the first stages have 7 x 7 cells
    assert [layer.name for layer in candidates(helpers.resnet18(), 224)][:2] == ["layer4", "layer3"]
    assert candidates(helpers.torchvision.models.densenet121(weights=None), 64)[0].grid == (8, 8)


def test_transformers_get_a_layer_that_works():
    x, d = pictures(1), torch.tensor([1.0, 0, 0, 0])
    found = candidates(helpers.vit(), 64)
    assert found[0].name == "encoder.layers.encoder_layer_1.ln_1" and found[0].grid == (4, 4) and "after the last" in found[-1].words
    good, dead = (cam.capture(helpers.vit(), layer.name, x, d) for layer in (found[0], found[-1]))
    assert good.a.shape == (1, 16, 4, 4) and good.g.abs().max() > 0 and dead.g.abs().max() == 0
    found = candidates(helpers.swin(), 64)
    seen = cam.capture(helpers.swin(), found[0].name, x, d)
    assert seen.a.shape == (1, 16, 8, 8) and seen.g.abs().max() > 0
    assert cam.with_channels(helpers.swin(), found[0].name, x, torch.ones(3, 16)).shape == (3, 4)
    assert cam.with_channels(helpers.vit(), "encoder.layers.encoder_layer_1.ln_1", x, torch.ones(3, 16)).shape == (3, 4)


def test_a_relu_that_overwrites_the_layer_does_not_reach_the_map():
    seen = cam.capture(Toy(True), "conv", torch.arange(16.0).view(1, 1, 4, 4), torch.ones(1))
    assert seen.a.min() == -30  # densenet, for one, applies an in-place ReLU to the layer that suits it best


@pytest.mark.parametrize(("layer", "words"), [("nowhere", "no layer called"), ("head", "nothing like a picture")])
def test_wrong_layers_are_refused_in_words(layer, words):
    with pytest.raises(BadInput, match=words):
        cam.capture(helpers.plain(), layer, pictures(1))
