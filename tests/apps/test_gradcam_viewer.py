"""The Grad-CAM viewer's page and API give what core gives, to each visitor their own."""

import threading

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from apps import gradcam_tabs, gradcam_viewer, registry
from core.explain import predict
from tests import hostile
from tests.conftest import EXAMPLES

APP = registry.find("gradcam-viewer")
TEDDY, GRIZZLY = EXAMPLES / "teddy.jpg", EXAMPLES / "grizzly.jpg"


@pytest.fixture(scope="module")
def client(hub):
    return Client(hub.url + "/gradcam-viewer/", verbose=False, httpx_kwargs={"timeout": 60})


def last(generator):
    *_, end = generator
    return end


def test_api_and_core_give_equal_answers(client):
    said, picture = client.predict(handle_file(TEDDY), method="layercam", api_name="/explain")
    question = predict.ask(TEDDY)
    heat = predict.finish(predict.draw(question, "layercam"))
    here = predict.describe(question, heat)
    assert said | {"seconds": 0, "classes": 0, "probability": 0} == here | {"seconds": 0, "classes": 0, "probability": 0}
    assert said["classes"] == pytest.approx(here["classes"], abs=1e-4)
    theirs, ours = np.asarray(Image.open(picture).convert("RGB"), int), np.asarray(predict.overlay(question, heat, full=True), int)
    assert theirs.shape == ours.shape and np.abs(theirs - ours).mean() < 1


def test_api_takes_a_class_another_class_and_a_layer(client):
    layer = predict.layer_choices(predict.ask(TEDDY))[1][1]
    said, _ = client.predict(handle_file(TEDDY), label="grizzly", against="teddy", layer=layer, api_name="/explain")
    assert (said["label"], said["against"], said["layer"], said["cells"]) == ("grizzly", "teddy", layer, [14, 14])


def test_api_judges(client):
    said = client.predict(handle_file(TEDDY), method="hirescam", api_name="/judge")
    assert said["verdict"] in ("good", "mixed", "bad") and [row["map"] for row in said["scores"]] == ["this map", *predict.RULERS]


def test_api_is_described(client):
    info = client.view_api(return_format="dict")["named_endpoints"]
    assert set(info) == {"/explain", "/judge"}
    assert [p["parameter_name"] for p in info["/explain"]["parameters"]] == ["photo", "model", "method", "label", "against", "layer", "opacity"]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"label": "unicorn"}, "no class called"), ({"method": "magic"}, "no method called"), ({"layer": "attic"}, "no layer called"),
     ({"model": "own"}, "on the page"), ({"model": "/etc/passwd.safetensors"}, "on the page"), ({"opacity": 7}, "0 to 1"),
     ({"model": "resnet1"}, "Did you mean")],
)  # fmt: skip
def test_wrong_wishes_are_sentences(client, options, words):
    with pytest.raises(Exception, match=words) as caught:
        client.predict(handle_file(TEDDY), **options, api_name="/explain")
    assert "Traceback" not in str(caught.value)


def test_hostile_files_are_sentences(client, tmp_path):
    for name, path in hostile.write_all(tmp_path).items():
        if name in hostile.BAD:
            with pytest.raises(Exception, match=hostile.BAD[name][1]):
                client.predict(handle_file(path), api_name="/explain")


def test_two_visitors_at_once_get_their_own_maps(client):
    alone = {name: client.predict(handle_file(EXAMPLES / f"{name}.jpg"), api_name="/explain")[0]["hottest"] for name in ("teddy", "grizzly")}
    got = {name: [] for name in alone}

    def visit(name):
        for _ in range(4):
            got[name].append(client.predict(handle_file(EXAMPLES / f"{name}.jpg"), api_name="/explain")[0]["hottest"])

    threads = [threading.Thread(target=visit, args=(name,)) for name in alone]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert alone["teddy"] != alone["grizzly"] and got == {name: [where] * 4 for name, where in alone.items()}


def test_the_page_shows_classes_layers_a_map_and_a_verdict():
    question, label, against, layer, panel, own = gradcam_viewer.look(str(TEDDY), "bears", None)
    assert label["value"] == question.name == "teddy" and label["choices"][0][0].startswith("teddy") and layer["value"] == question.layer.name
    assert against["value"] == "" and not own["visible"] and "Bear detector sees teddy" in panel
    heat, picture, note, *_ = last(gradcam_viewer.paint(question, "gradcam", 0.5))
    assert picture.size == (560, 640) and note == heat.note
    panel, table = last(gradcam_viewer.check(question, heat))
    assert "comparisons won" in panel and all(ruler in table for ruler in predict.RULERS)
    assert "The map shows where" in last(gradcam_viewer.check(question, None))[0]  # stopped: the verdict on another map does not stay
    corners, _, words = gradcam_viewer.tap(question, heat, None, 0.5, type("Tap", (), {"index": [5, 5]}))
    assert corners == [(5, 5)] and "opposite" in words
    saved = gradcam_viewer.full_size(question, heat, 0.5)
    assert "560 x 640" in saved.label and Image.open(saved.value if isinstance(saved.value, str) else saved.value["path"]).size == (560, 640)


def test_another_class_keeps_the_layer_and_the_same_class_twice_is_let_go():
    question, *_ = gradcam_viewer.again(str(TEDDY), "bears", None, "grizzly", "grizzly", "backbone.stages.stage4")
    assert question.name == "grizzly" and question.against is None and question.layer.grid == (14, 14)


def test_the_page_says_what_is_wrong_and_shows_no_old_map(tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"nothing")
    question, *_, panel, _ = gradcam_viewer.look(str(bad), "bears", None)
    assert question is None and "not a picture" in panel
    assert last(gradcam_viewer.paint(None, "gradcam", 0.5))[:2] == (None, None)
    assert gradcam_viewer.look(str(TEDDY), "own", None)[-1]["visible"] and "Please add the file" in gradcam_viewer.look(str(TEDDY), "own", None)[-2]
    assert gradcam_viewer.look(None, "bears", None)[4] == gradcam_viewer.WAITING


def test_all_methods_and_the_sanity_check_fill_their_tabs(monkeypatch):
    question, _ = gradcam_viewer.look(str(TEDDY), "bears", None)[:2]
    monkeypatch.setattr(predict, "METHODS", {k: v for k, v in predict.METHODS.items() if k in ("gradcam", "eigencam", "hirescam")})
    maps, words = last(gradcam_tabs.gallery(question, 0.5))
    assert [name for _, name in maps] == ["Grad-CAM", "HiRes-CAM", "Eigen-CAM"] and "whatever the class" in words
    steps, slider, picture, told, verdict = last(gradcam_tabs.forget(question, "hirescam", 0.5))
    assert len(steps) > 5 and picture.size == (560, 640) and "top layer" in told and "rank correlation" in verdict
    assert gradcam_tabs.step(question, steps, 0, 0.5)[1].startswith("All ") and gradcam_tabs.step(None, None, 3, 0.5) == (None, "")
    with pytest.raises(Exception, match="first tab"):
        next(gradcam_tabs.gallery(None, 0.5))
