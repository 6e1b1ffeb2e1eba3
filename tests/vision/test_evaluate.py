"""The figures on the card, against closed forms and hand-counted cases."""

import json

import numpy as np
import pytest
import torch

from core.vision import evaluate, release
from tests.conftest import run_python, zip_photos


def test_measure_by_hand():
    p = [[0.9, 0.05, 0.03, 0.02], [0.1, 0.5, 0.1, 0.3], [0.2, 0.3, 0.1, 0.4], [0.0, 0.0, 0.3, 0.7], [0.0, 0.1, 0.7, 0.2]]
    report = evaluate.measure(p, [0, 1, 0, 3, 3], threshold=0.65)
    assert (report["n"], report["n_bears"], report["n_other"]) == (5, 3, 2)
    assert report["accuracy"] == pytest.approx(2 / 3)  # the third is called black
    assert report["verdict_accuracy"] == pytest.approx(3 / 5)
    assert report["miss_rate"] == pytest.approx(1 / 3) and report["false_alarm_rate"] == 0.5
    assert report["confusion"]["other"] == {"grizzly": 0, "black": 0, "teddy": 1, "none": 1}
    json.dumps(report)


def test_measure_says_none_for_what_a_set_cannot_show():
    report = evaluate.measure([[0, 0, 0, 1.0]], [3], 0.5)
    assert report["accuracy"] is None and report["auroc_no_bear"] is None and report["false_alarm_rate"] == 0
    assert "NaN" not in json.dumps(report | {"accuracy_interval": None})


@pytest.mark.parametrize(("folder", "name"), [("grizzly", "grizzly"), ("Black Bears", "black"), ("teddy_bear", "teddy"), ("teddys", "teddy"),
                                              ("brown", "grizzly"), ("polar", "other"), ("other", "other"), ("", "other")])  # fmt: skip
def test_folder_names(folder, name):
    assert evaluate.CLASSES[evaluate.class_of(folder)] == name


def test_temperature_is_found_again():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 4))
    true = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    labels = np.array([rng.choice(4, p=row) for row in true])
    sharp = np.exp(2.5 * logits - np.logaddexp.reduce(2.5 * logits, axis=1, keepdims=True))
    temperature, _ = release.temperature_of(sharp, labels)
    assert temperature == pytest.approx(2.5, rel=0.1)


def test_classes_and_their_groups_are_counted_apart():
    """An English setter taken for an Irish one is the wrong class and the right group; a car is wrong in both."""
    setter, irish, car = 212, 213, 817
    said = np.full((4, 1000), 1e-6)
    for row, first, second in ((0, setter, irish), (1, irish, setter), (2, car, setter), (3, car, irish)):
        said[row, first], said[row, second] = 0.6, 0.3
    report = evaluate.top_of(said, [setter] * 4)
    assert (report["n"], report["classes"], report["top1"]["share"], report["top5"]["share"]) == (4, 1000, 0.25, 0.75)
    assert report["groups"]["count"] == 67 and report["groups"]["top1"]["share"] == 0.5 and report["groups"]["top3"]["share"] == 1
    low, high = report["top1"]["interval"]
    assert low < 0.25 < high
    everyday = evaluate.top_of(evaluate.grouped(said), [setter] * 4)
    assert "top1" not in everyday and everyday["groups"] == report["groups"] and everyday["classes"] == 67
    assert len(list(release.headlines(report))) == 2 and len(list(release.headlines(everyday))) == 1


def test_a_centred_head_says_the_same_and_holds_nothing_that_all_classes_share():
    torch.manual_seed(0)
    tensors, x = {"head.weight": torch.randn(5, 8) - 3, "head.bias": torch.randn(5) - 9, "other": torch.ones(2)}, torch.rand(4, 8)
    after = release.centred(tensors)
    said = [(x @ t["head.weight"].T + t["head.bias"]).softmax(1) for t in (tensors, after)]
    assert torch.allclose(*said, atol=1e-5) and torch.equal(after["other"], tensors["other"])
    assert after["head.weight"].sum(0).abs().max() < 1e-5 and after["head.bias"].sum().abs() < 1e-5


def test_threshold_separates():
    scores = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    assert 0.3 < release.threshold_of(scores, scores > 0.5) < 0.7


def test_the_command_prints_one_json_object(tmp_path, photo):
    (tmp_path / "photos.zip").write_bytes(zip_photos([("grizzly", "1.png", photo), ("polar", "2.png", photo)]))
    (tmp_path / "more").mkdir()
    photo.save(tmp_path / "more" / "3.png")
    (tmp_path / "more" / "4.png").write_bytes(b"no picture")
    done = run_python("-m", "core.vision.evaluate", "bears", tmp_path / "photos.zip", "--other", tmp_path / "more", "--json")
    report = json.loads(done.stdout)
    assert (report["n"], report["n_bears"], report["n_other"]) == (3, 1, 2)
    assert {"accuracy", "ece", "auroc_no_bear"} <= set(report) and len(report["skipped"]) == 1
    assert {name: row["taken_as"] for name, row in report["folders"].items()} == {"grizzly": "grizzly", "polar": "other", "": "other"}


def test_the_command_refuses_in_words(tmp_path):
    for args in (["nowhere.zip"], [tmp_path]):
        done = run_python("-m", "core.vision.evaluate", "bears", *args, "--json")
        assert done.returncode == 1 and "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
