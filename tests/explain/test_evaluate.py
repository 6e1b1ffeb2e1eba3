"""The evaluation's own arithmetic, on made-up photos with boxes; and its command line."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from core.errors import BadInput
from core.explain import evaluate, models
from tests.conftest import SHARED, run_python
from tests.explain import helpers

XML = """<annotation><size><width>64</width><height>64</height></size>
<object><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>32</xmax><ymax>64</ymax></bndbox></object></annotation>"""


@pytest.fixture
def boxed(tmp_path):
    """A zip of two photos, bright on the left, with a box around that half; and one without a box."""
    picture, data = np.repeat(np.where(np.arange(64) < 32, 250, 5)[None], 64, 0).astype(np.uint8), io.BytesIO()
    Image.fromarray(picture).save(data, "PNG")
    path = tmp_path / "boxed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a", "b", "c"):
            archive.writestr(f"{name}.png", data.getvalue())
        for name in ("a", "b"):
            archive.writestr(f"{name}.xml", XML)
    return path


@pytest.fixture
def looks_left(monkeypatch):
    monkeypatch.setattr(models, "load", lambda *_: helpers.subject(helpers.LooksLeft(), names=("left", "dark")))


def test_boxes_become_shares_and_whole_pixels(boxed):
    assert evaluate.boxes_of(boxed) == {"a": [(0, 0, 0.5, 1)], "b": [(0, 0, 0.5, 1)]}
    assert evaluate.on_map([(0, 0, 0.5, 1), (0.99, 0.99, 1, 1)], 8) == [(0, 0, 4, 8), (7, 7, 8, 8)]
    heat = np.zeros((8, 8))
    heat[0, 0], heat[0, 7] = 3, 1
    assert evaluate.energy(heat, [(0, 0, 4, 8), (0, 0, 2, 2)]) == 0.75  # what two boxes share counts once
    assert evaluate.energy(heat * 0, [(0, 0, 8, 8)]) == 0


def test_a_network_that_looks_left_points_left(boxed, looks_left):
    report = evaluate.boxes(boxed, ["hirescam"])
    assert report["n"] == 2 and report["boxes_cover"] == 0.5 and report["asked_about"] == {"left": 2}
    ours, blob = report["methods"]["hirescam"], report["methods"]["centred blob"]
    assert ours["energy_in_box"] > 0.95 and ours["pointing_accuracy"] == 1 and ours["empty"] == 0
    assert blob["energy_in_box"] == pytest.approx(0.5, abs=0.01)


def test_verdicts_are_counted(boxed, looks_left):
    report = evaluate.verdicts(boxed, ["hirescam"], count=2)
    assert report["n"] == 2 and report["methods"]["hirescam"]["good"] == 2 and report["methods"]["hirescam"]["beats a random map"] == 2


def test_refusals_are_sentences(tmp_path):
    (tmp_path / "x.xml").write_text("<annotation>")
    with pytest.raises(BadInput, match="no Pascal VOC file"):
        evaluate.boxes_of(tmp_path)
    (tmp_path / "x.xml").unlink()
    with pytest.raises(BadInput, match="no photos with a box"):
        evaluate.boxes(tmp_path, ["gradcam"])
    with pytest.raises(BadInput, match="neither a folder nor a zip"):
        evaluate.boxes_of(tmp_path / "gone.zip")


@pytest.mark.truth
@pytest.mark.skipif(not (SHARED / "data" / "raccoon_boxes.zip").exists(), reason="../shared/data is not here: its raccoons are needed to measure")
def test_the_command_measures_raccoons():
    done = run_python("-m", "core.explain.evaluate", "boxes", SHARED / "data" / "raccoon_boxes.zip", "--count", "4", "--methods", "gradcam", "--json")
    report = json.loads(done.stdout)
    assert report["n"] == 4 and set(report["methods"]) == {"gradcam", "centred blob", "random"}
    assert all(0 <= row["energy_in_box"] <= 1 for row in report["methods"].values())
