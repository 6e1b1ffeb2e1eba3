"""The pair learns two faces, is saved and taken up again, and swaps with the expression kept."""

import json

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from core.errors import BadInput, WeightsError
from core.provenance import predict as provenance
from core.swap import evaluate, geometry, predict, train
from tests.conftest import ROOT, zip_photos

FACES = ROOT / "assets" / "examples" / "deepfake-swap"


@pytest.fixture(autouse=True)
def own_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path_factory.getbasetemp() / "studio"))


@pytest.fixture(scope="module")
def trainer():
    faces = []
    for name in ("collins", "hopper"):
        scene = predict.look(FACES / f"{name}.jpg")
        face = Image.fromarray(train.aligned(scene.array, scene.points[0], 64))
        faces.append(np.stack([np.asarray(ImageEnhance.Brightness(face).enhance(0.8 + 0.05 * k)) for k in range(8)]))
    trainer = train.Trainer(*faces, side=64)
    for _ in range(6):
        trainer.step()
    return trainer


def test_every_part_learns_and_the_loss_falls(trainer):
    assert trainer.losses[-1] < trainer.losses[0] and trainer.figures()["steps"] == 6
    trainer.step()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trainer.net.parameters())


def test_shapes_of_a_small_and_a_large_pair():
    torch = pytest.importorskip("torch")
    from core.swap.model import Pair

    for side in train.SIDES:
        assert Pair(side)(torch.zeros(2, 3, side, side), 1).shape == (2, 3, side, side)


def test_pictures_of_the_training(trainer):
    assert trainer.grid(4).size == (6 * 64 * 2, 4 * 64 * 2) and trainer.curve().size == (640, 160)


def test_saved_and_taken_up_again_it_paints_the_same(trainer, tmp_path):
    path = trainer.export(tmp_path / "pair.safetensors")
    assert path.stat().st_size < 25 * 2**20
    again = train.Trainer(*trainer.faces, side=64, seed=5)
    again.resume(path)
    few = trainer.faces[0][:2]
    assert np.abs(again.paint(few, 1).astype(int) - trainer.paint(few, 1)).max() <= 3 and again.steps == trainer.steps


def test_it_swaps_a_photo_and_says_so(trainer, tmp_path):
    path = trainer.export(tmp_path / "pair.safetensors")
    out = tmp_path / "out.png"
    said = predict.run([FACES / "collins.jpg"], out, consent="yes", pair=path, face="2")
    assert said["faces"][0]["to_source"] is None and "Distance to the face it replaced" in said["sentence"]
    verdict = provenance.verify(out)
    assert verdict.status == "made here" and verdict.model == "autoencoder pair"
    with pytest.raises(BadInput, match="confirm first"):
        predict.swap_pair(predict.open_pair(path), predict.look(FACES / "collins.jpg"))


def test_a_pair_is_judged_beside_the_other_ways(trainer, tmp_path, capsys):
    path = trainer.export(tmp_path / "pair.safetensors")
    for name in ("collins", "hopper"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.jpg").write_bytes((FACES / f"{name}.jpg").read_bytes())
    told = ["pairs", str(tmp_path / "hopper"), str(tmp_path / "collins"), "--pair", str(path), "--count", "1", "--json"]
    evaluate.main(told)
    said = json.loads(capsys.readouterr().out)
    assert said["n"] == 1 and set(said["methods"]) == {"trained pair", *evaluate.METHODS}
    with pytest.raises(SystemExit, match="two folders"):
        evaluate.main([*told[:2], *told[3:]])


def test_a_wrong_file_is_refused(trainer, tmp_path):
    with pytest.raises(WeightsError, match="no face pair"):
        predict.open_pair(ROOT / "assets" / "weights" / "bears.safetensors")
    (tmp_path / "x.safetensors").write_text("no")
    with pytest.raises(WeightsError, match="not a readable"):
        predict.open_pair(tmp_path / "x.safetensors")


def test_faces_are_gathered_and_those_left_out_are_named(tmp_path):
    scene = predict.look(FACES / "collins.jpg")
    face = scene.image.crop((140, 20, 320, 220))
    photos = [("a", f"{k}.png", ImageEnhance.Brightness(face).enhance(0.9 + 0.02 * k)) for k in range(8)]
    path = tmp_path / "a.zip"
    path.write_bytes(zip_photos([*photos, ("a", "sky.png", Image.new("RGB", (200, 200), "skyblue"))]))
    crops = train.finish(train.gather(path))
    assert crops.faces.shape == (8, 64, 64, 3) and crops.refused == ("sky.png: no face was found.",)
    with pytest.raises(BadInput, match="at least 8"):
        train.finish(train.gather([str(FACES / "hopper.jpg")]))


def test_faces_are_laid_straight():
    angle = np.deg2rad(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = predict.look(FACES / "hopper.jpg").points[0] @ turn.T * 1.7 + 50
    placed = points @ train.placing(points, 64)[:, :2].T + train.placing(points, 64)[:, 2]
    assert abs(placed[36:42].mean(0)[1] - placed[42:48].mean(0)[1]) < 0.01 and 0 < placed[17:].min() and placed[17:].max() < 64
    assert geometry.eye_distance(placed) == pytest.approx(64 / train.SPACE, rel=0.35)
