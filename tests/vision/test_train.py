"""The training script itself, small: a made-up world of coloured squares, and a teacher of three lines."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from core import weights
from core.vision import distil, groups, photos, train
from core.vision.model import Classifier
from tests.conftest import zip_photos

TEACHER = '''
import torch

class Teacher(torch.nn.Module):
    """Looks at the mean colour of 4 x 4 squares."""
    def forward(self, x):
        with torch.no_grad():
            grid = torch.nn.functional.adaptive_avg_pool2d(x, 4).flatten(1)
            maps = torch.cat([grid, grid ** 2, torch.zeros(len(x), 1280 - 96)], 1)[:, :, None, None]
            logits = torch.zeros(len(x), 1000)
            logits[:, 817] = 40 * (x[:, 2] - x[:, 0]).mean((1, 2))   # a sports car where it is blue
            logits[:, 294] = 40 * (x[:, 0] - x[:, 2]).mean((1, 2))   # a brown bear where it is brown
            return logits, maps

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
    monkeypatch.setattr(distil, "WIDTHS", (8, 8, 8))
    monkeypatch.setattr(distil, "DEPTHS", (1, 1, 1))
    for module in (distil, train):
        monkeypatch.setattr(module, "TEACHER_SIZE", 32)
    folder = world(tmp_path)
    run = tmp_path / "run"

    def command(views, name="bears", *more):
        return [name, "--data", folder, "--teachers", folder, "--run", run, "--views", views, "--batch", 16, "--ring", 256, "--warm-ring", 64,
                "--small", 24, "--size", 32, "--check", 20, "--reuse", 4, *more]  # fmt: skip

    return lambda *words: [str(word) for word in command(*words)], run


def test_training_learns_writes_and_resumes(arguments, capsys):
    command, run = arguments
    train.main(command(640))
    tensors, metadata = weights.read(run / "bears.safetensors")
    model = Classifier(**json.loads(metadata["shape"])).eval()
    model.load_state_dict(tensors, strict=True)
    assert not any("norm" in key for key in tensors) and metadata["views"] == "640" and float(metadata["seconds"]) > 0
    train.main(command(4800))
    out = capsys.readouterr().out
    assert "resumed at step 40 of 300" in out and "min left" not in out.splitlines()[0]
    reports = [json.loads(line.split(" val ")[1]) for line in out.splitlines() if " val {" in line]
    assert reports[-1]["32"]["accuracy"] >= 0.8 and reports[-1]["32"]["auroc"] >= 0.9
    assert float(weights.read(run / "bears.safetensors")[1]["seconds"]) > float(metadata["seconds"])


def test_a_finished_run_is_left_as_it_is(arguments):
    command, run = arguments
    train.main(command(160))
    before = (run / "bears.safetensors").read_bytes()
    train.main(command(160))
    assert (run / "bears.safetensors").read_bytes() == before


def test_the_backbone_learns_groups_and_bears_begin_with_it(arguments, capsys, tmp_path):
    command, run = arguments
    train.main(command(2400, "backbone"))
    reports = [json.loads(line.split(" val ")[1]) for line in capsys.readouterr().out.splitlines() if " val {" in line]
    assert reports[-1]["32"]["top1"] >= 0.9  # of blue pictures that are called sports cars
    tensors, metadata = weights.read(run / "backbone.safetensors")
    assert json.loads(metadata["shape"])["classes"] == list(groups.GROUPS)
    begun = tmp_path / "bears"
    train.main([*command(16, "bears", "--begin", run / "state.safetensors", "--lr", 1e-9), "--run", str(begun)])
    assert "began with" in capsys.readouterr().out
    after, metadata = weights.read(begun / "bears.safetensors")
    assert json.loads(metadata["before"])["views"] == 2400
    first = "backbone.stages.stage1.0.conv.weight"
    assert torch.nn.functional.cosine_similarity(after[first].flatten(), tensors[first].flatten(), dim=0) > 0.8


def test_a_mixed_view_shows_both():
    rng = np.random.default_rng(0)
    black, white = np.zeros((50, 50, 3), np.uint8), np.full((50, 50, 3), 255, np.uint8)
    means = [distil.mixed(black, white, rng).mean() / 255 for _ in range(40)]
    assert 0.1 < min(means) and max(means) < 0.6 and not black.any()


def test_doubtful_labels_are_found():
    torch.manual_seed(0)
    labels = torch.arange(200) % 4
    features = torch.nn.functional.one_hot(labels, 4).float() @ torch.randn(4, 20) * 3 + torch.randn(200, 20) * 0.3
    wrong = labels.clone()
    wrong[[10, 77, 150]] = (wrong[[10, 77, 150]] + 1) % 4
    keep = train.clean(features, wrong)
    assert not keep[[10, 77, 150]].any() and keep.float().mean() > 0.95


def test_views_are_pictures_of_the_photo():
    rng = np.random.default_rng(0)
    brown = Image.new("RGB", (300, 100), (150, 90, 40))
    views = np.stack([distil.random_view(brown, rng) for _ in range(30)])
    assert views.shape == (30, 224, 224, 3) and views.dtype == np.uint8
    assert np.median(views[..., 0].astype(int) - views[..., 2]) > 40  # still brown, mostly
    assert len({view.tobytes() for view in views}) > 15
