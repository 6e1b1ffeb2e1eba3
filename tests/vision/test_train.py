"""The training script itself, small: a made-up world of coloured squares, and a teacher of three lines."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from core import weights
from core.vision import distil, groups, photos, train, views
from core.vision.model import DEPTHWISE, FUSED, Classifier
from tests.conftest import SHARED, zip_photos

TEACHER = '''
import torch
import torch.nn.functional as F

STAGES = [(1, 1, 1), (2, 2, 2)]

class Teacher(torch.nn.Module):
    """A MobileNetV2 of eleven convolutions, whose first three channels carry red, green and blue through."""
    def __init__(self):
        super().__init__()
        chance = torch.Generator().manual_seed(0)
        def conv(inputs, outputs, side):
            weight = torch.randn(outputs, inputs, side, side, generator=chance) * 0.1
            weight[:3] = 0
            for c in range(3):
                weight[c, min(c, inputs - 1)] = 1 / side**2
            return weight
        self.weights = [conv(3, 8, 3) / 2, conv(1, 8, 3), conv(8, 8, 1), conv(8, 16, 1), conv(1, 16, 3), conv(16, 12, 1),
                        conv(12, 24, 1), conv(1, 24, 3), conv(24, 12, 1), conv(12, 20, 1), torch.zeros(1001, 20, 1, 1)]
        for place, sign in ((818, 1), (295, -1)):  # a sports car where it is blue, a brown bear where it is brown
            self.weights[-1][place, 2], self.weights[-1][place, 0] = 20 * sign, -20 * sign

    def _conv(self, x, index, stride=1, depthwise=False):
        weight = self.weights[index]
        if weight.shape[-1] == 3:
            x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        bias = torch.full((len(weight),), 0.5) if index == 0 else None
        return F.conv2d(x, weight, bias, stride, groups=x.shape[1] if depthwise else 1)

    @torch.no_grad()
    def forward(self, x):
        x = self._conv(F.relu6(self._conv(F.relu6(self._conv(x * 2 - 1, 0, 2)), 1, 1, True)), 2)
        x = self._conv(F.relu6(self._conv(F.relu6(self._conv(x, 3)), 4, 2, True)), 5)
        x = x + self._conv(F.relu6(self._conv(F.relu6(self._conv(x, 6)), 7, 1, True)), 8)
        maps = F.relu6(self._conv(x, 9))
        return self._conv(maps.mean((2, 3), keepdim=True), 10).flatten(1)[:, 1:], maps

def load_teacher():
    return Teacher()
'''
COLOURS = {"grizzly": (150, 90, 40), "black": (20, 20, 25), "teddy": (240, 190, 140)}


def world(folder):
    """The zips that training reads, with every class a colour."""
    rng = np.random.default_rng(0)

    def picture(colour):
        coarse = np.asarray(colour) + rng.normal(0, 18, (7, 9, 3))
        return Image.fromarray(coarse.clip(0, 255).astype(np.uint8)).resize((64, 48), Image.Resampling.BICUBIC)

    bears = [(name, f"b_{i}.png", picture(colour)) for name, colour in COLOURS.items() for i in range(30)]
    (folder / "bears.zip").write_bytes(zip_photos(bears))
    for name in photos.OTHERS:
        blue = [("x", f"{name.replace('_', '')}{i}_sports_car.png", picture((40, 90, 200))) for i in range(40 if "imagenet" in name else 10)]
        (folder / f"{name}.zip").write_bytes(zip_photos(blue))
    (folder / "mobilenet_v2.py").write_text(TEACHER)
    return folder


@pytest.fixture
def arguments(tmp_path, monkeypatch):
    monkeypatch.setattr(distil, "SHAPE", {"stages": [[[FUSED, 2, 8]], [[FUSED, 2, 12], [DEPTHWISE, 2, 12]]], "stem": 8, "last": 20})
    for module in (distil, train):
        monkeypatch.setattr(module, "TEACHER_SIZE", 32)
    folder = world(tmp_path)
    run = tmp_path / "run"

    def command(views, name="bears", *more):
        return [name, "--data", folder, "--teachers", folder, "--run", run, "--views", views, "--batch", 16, "--apart", 320, "--lr", 2e-2,
                "--small", 24, "--size", 32, "--check", 40, *more]  # fmt: skip

    return lambda *words: [str(word) for word in command(*words)], run


def test_training_learns_writes_and_resumes(arguments, capsys):
    command, run = arguments
    train.main(command(480))
    tensors, metadata = weights.read(run / "bears.safetensors")
    model = Classifier(**json.loads(metadata["shape"])).eval()
    model.load_state_dict(tensors, strict=True)
    assert not any("norm" in key for key in tensors) and metadata["views"] == "480" and float(metadata["seconds"]) > 0
    train.main(command(3200))
    out = capsys.readouterr().out
    assert "resumed at 480 of 3200 views" in out and "min left" not in out.splitlines()[0]
    reports = [json.loads(line.split(" val ")[1]) for line in out.splitlines() if " val {" in line]
    assert reports[-1]["32"]["accuracy"] >= 0.8 and reports[-1]["32"]["auroc"] >= 0.9
    assert float(weights.read(run / "bears.safetensors")[1]["seconds"]) > float(metadata["seconds"])


def test_a_run_stopped_among_blocks_that_learn_apart_goes_on_as_if_it_had_not(arguments, tmp_path):
    command, run = arguments
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # two may round differently
    try:
        train.main(command(160))
        train.main(command(400))
        train.main([*command(400), "--run", str(tmp_path / "at once")])
    finally:
        torch.set_num_threads(before)
    once, twice = (weights.read(folder / "bears.safetensors")[0] for folder in (tmp_path / "at once", run))
    assert all(torch.equal(once[key], twice[key]) for key in once)


def test_a_finished_run_is_left_as_it_is(arguments):
    command, run = arguments
    train.main(command(400))
    before = (run / "bears.safetensors").read_bytes()
    train.main(command(400))
    assert (run / "bears.safetensors").read_bytes() == before


def test_the_backbone_learns_groups_and_bears_begin_with_it(arguments, capsys, tmp_path):
    command, run = arguments
    train.main(command(1600, "backbone", "--vocabulary", "everyday"))
    reports = [json.loads(line.split(" val ")[1]) for line in capsys.readouterr().out.splitlines() if " val {" in line]
    assert reports[-1]["32"]["groups_top1"] >= 0.9  # of blue pictures that are called sports cars
    tensors, metadata = weights.read(run / "backbone.safetensors")
    assert json.loads(metadata["shape"])["classes"] == list(groups.GROUPS)
    begun = tmp_path / "bears"
    train.main([*command(16, "bears", "--begin", run / "backbone.safetensors", "--lr", 1e-9), "--run", str(begun)])
    assert "began with" in capsys.readouterr().out
    after, metadata = weights.read(begun / "bears.safetensors")
    assert json.loads(metadata["before"])["views"] == 1600
    assert all(torch.allclose(after[key], tensors[key], atol=1e-3) for key in after if key.startswith("backbone"))


def test_blocks_learn_what_the_teachers_blocks_do(arguments):
    """Each for itself, from random numbers; lessons are the teacher's own way, block by block."""
    torch.manual_seed(0)
    folder = arguments[1].parent
    teacher = distil.load_teacher(folder)
    images = torch.rand(12, 3, 32, 32)
    maps, probabilities = distil.lessons(teacher, images)
    logits, features = teacher(images)
    assert torch.equal(maps[-1], features) and torch.equal(probabilities, logits.softmax(1)) and len(maps) == 4
    model = Classifier("ab", **distil.SHAPE)
    assert [tuple(m.shape) for m in maps[:2]] == [(12, 8, 16, 16), (12, 12, 8, 8)]
    optimiser = torch.optim.Adam(model.backbone.parameters(), lr=2e-2)
    began = None
    for _ in range(120):
        images = torch.rand(12, 3, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
        maps, _ = distil.lessons(teacher, images)
        apart, last = distil.differences(model, images, maps, apart=True)
        assert last is maps[-1]
        began = began or apart
        optimiser.zero_grad()
        sum(apart).backward()
        optimiser.step()
    assert all(now < 0.5 * then for now, then in zip(apart, began, strict=True))
    whole, last = distil.differences(model, images, maps, apart=False)
    assert last.shape == maps[-1].shape and all(torch.isfinite(d) for d in whole)


@pytest.mark.skipif(not (SHARED / "teachers" / "mobilenet_v2.py").exists(), reason="../shared/teachers is not here: the frozen teacher is needed")
def test_lessons_are_the_teachers_own_way_and_fit_the_network():
    teacher = distil.load_teacher(SHARED / "teachers")
    images = torch.rand(1, 3, 96, 64)
    maps, probabilities = distil.lessons(teacher, images)
    logits, features = teacher(images)
    assert torch.equal(maps[-1], features) and torch.allclose(probabilities, logits.softmax(1))
    x = images * 2 - 1
    for step, theirs in zip(Classifier("ab").eval().backbone.steps(), maps, strict=True):
        x = step(x)
        assert x.shape == theirs.shape


def test_unlike_is_nothing_for_the_same_and_one_for_a_constant():
    torch.manual_seed(0)
    theirs, before = torch.randn(64, 3, 8, 8) * torch.tensor([1.0, 5, 0.2]).view(1, 3, 1, 1), torch.randn(64, 3, 8, 8)
    assert distil.unlike(theirs, theirs) == 0
    constant = theirs.mean((0, 2, 3), keepdim=True).expand_as(theirs)
    assert 0.5 < distil.unlike(constant, theirs) <= 1  # a twentieth of the mean variance keeps quiet channels from counting
    assert distil.unlike(before + 0.5 * theirs, before + theirs, before) == pytest.approx(0.25 * float(distil.unlike(0 * theirs, theirs)), rel=0.05)


def test_a_mixed_view_shows_both():
    rng = np.random.default_rng(0)
    black, white = np.zeros((50, 50, 3), np.uint8), np.full((50, 50, 3), 255, np.uint8)
    means = [views.mixed(black, white, rng).mean() / 255 for _ in range(40)]
    assert 0.1 < min(means) and max(means) < 0.6 and not black.any()


def test_views_are_pictures_of_the_photo():
    rng = np.random.default_rng(0)
    brown = Image.new("RGB", (300, 100), (150, 90, 40))
    seen = np.stack([views.random_view(brown, rng, 224) for _ in range(30)])
    assert seen.shape == (30, 224, 224, 3) and seen.dtype == np.uint8
    assert np.median(seen[..., 0].astype(int) - seen[..., 2]) > 40  # still brown, mostly
    assert len({view.tobytes() for view in seen}) > 15


def test_coats_make_black_fur_brown_and_brown_fur_black():
    rng = np.random.default_rng(0)
    for colour, there in (((36, 34, 34), lambda r, b: r > b * 1.5), ((110, 80, 60), lambda r, b: r < 65)):
        fur = Image.new("RGB", (80, 80), colour)
        shares = []
        for coats in (0.0, 0.3):
            seen = np.stack([views.random_view(fur, rng, 32, coats=coats) for _ in range(200)]).mean((1, 2))
            shares.append(there(seen[:, 0], seen[:, 2]).mean())
        assert shares[1] > 2 * shares[0] + 0.03, (colour, shares)
