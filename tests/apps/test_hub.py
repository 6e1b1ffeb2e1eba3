import json
import os
import time

import numpy as np
import pytest
from gradio_client import Client, handle_file
from streamlit.testing.v1 import AppTest

from apps import registry
from core import catalog, weights
from core.images import open_image
from core.vision import predict
from core.vision.workshop import part_of
from tests import hostile
from tests.conftest import EXAMPLES, ROOT, Server, get, zip_photos


@pytest.fixture(scope="module")
def client(hub):
    return Client(hub.url + "/bear-detector/", verbose=False, httpx_kwargs={"timeout": 60})


def test_the_landing_page_shows_every_app(hub):
    status, page = get(hub.url + "/")
    assert status == 200
    for app in registry.APPS:
        assert app.title in page and app.blurb in page and f"/picture/{app.slug}" in page
        assert get(f"{hub.url}/picture/{app.slug}")[0] == 200
    assert get(hub.url + "/picture/unicorn")[0] == 404 and "All" not in get(hub.url + "/picture/unicorn")[1]
    status, page = get(hub.url + "/unicorn")
    assert status == 404 and "Back to all demos" in page


def test_torch_is_loaded_only_when_an_app_is_opened():
    with Server() as server:
        get(server.url + "/")
        maps = open(f"/proc/{server.process.pid}/maps").read() if os.path.exists("/proc/self/maps") else ""
        assert "libtorch" not in maps
        states = [get(server.url + "/readyz")]
        assert states[0][0] == 503 and json.loads(states[0][1])["waiting"] == [app.slug for app in registry.APPS]
        while states[-1][0] != 200 and len(states) < 1200:  # every model, on a machine that may be busy
            time.sleep(0.1)
            states.append(get(server.url + "/readyz"))
        assert states[-1][0] == 200 and json.loads(states[-1][1]) == {"ready": True, "waiting": [], "errors": {}}


def test_readyz_stays_false_and_says_why_when_a_model_fails(monkeypatch):
    from apps.server import Readiness

    def broken():
        raise RuntimeError("no weights")

    monkeypatch.setattr(predict, "ready", broken)
    readiness = Readiness(registry.APPS)
    readiness.state()
    readiness.thread.join()
    state, status = readiness.state()
    assert status == 503 and state["errors"] == {"bear-detector": "no weights"}


def test_an_app_that_fails_to_open_says_so_and_opens_at_the_next_visit():
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route
    from starlette.testclient import TestClient

    from apps.server import Lazy

    tries = []

    def build():
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("a library is missing")
        return Starlette(routes=[Route("/", lambda request: PlainTextResponse("open"))])

    with TestClient(Starlette(routes=[Mount("/app", Lazy(build))])) as visitor:
        first, second = visitor.get("/app/"), visitor.get("/app/")
    assert first.status_code == 503 and "did not open" in first.text and "library" not in first.text
    assert second.status_code == 200 and second.text == "open"


@pytest.mark.parametrize("name", ["teddy", "grizzly", "black", "coffee", "chelsea"])
def test_api_and_core_give_equal_answers(client, name):
    said = client.predict(handle_file(EXAMPLES / f"{name}.jpg"), api_name="/detect")
    here = {"file": f"{name}.jpg"} | predict.detect(EXAMPLES / f"{name}.jpg").as_dict()
    assert said | {"seconds": 0} == here | {"seconds": 0}


def test_api_takes_several_photos(client, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"nothing")
    said = client.predict([handle_file(EXAMPLES / "teddy.jpg"), handle_file(bad)], api_name="/detect_photos")
    assert said[0]["label"] == "teddy" and "not a picture" in said[1]["error"]


def test_api_is_described(client):
    info = client.view_api(return_format="dict")["named_endpoints"]
    assert set(info) == {"/detect", "/detect_photos", "/train_classifier", "/classify"}
    assert info["/detect"]["parameters"][0]["parameter_name"] == "photo" and "Name the bear" in json.dumps(info["/detect"])


def test_api_trains_a_classifier_and_uses_it(client, tmp_path):
    rng, photos = np.random.default_rng(0), []
    for label, file in (("mug", "coffee"), ("cat", "chelsea")):
        picture = open_image(EXAMPLES / f"{file}.jpg")
        photos += [(label, f"{k}.png", part_of(picture, rng)) for k in range(8)]
    (tmp_path / "photos.zip").write_bytes(zip_photos(photos))
    figures, file = client.predict(handle_file(tmp_path / "photos.zip"), api_name="/train_classifier")
    assert figures["n"] == 16 and figures["accuracy"] > 0.7
    said = client.predict(handle_file(EXAMPLES / "coffee.jpg"), handle_file(file), api_name="/classify")
    assert said["label"] == "mug" and sum(said["probabilities"].values()) == pytest.approx(1)
    with pytest.raises(Exception, match="not a classifier that was saved here"):
        client.predict(handle_file(EXAMPLES / "coffee.jpg"), handle_file(tmp_path / "photos.zip"), api_name="/classify")


def test_hostile_files_get_a_picture_or_a_sentence_from_the_api_and_the_server_lives(client, hub, tmp_path):
    for name, path in hostile.write_all(tmp_path).items():
        if name in hostile.GOOD:
            assert client.predict(handle_file(path), api_name="/detect")["label"] in predict.NAMES
        else:
            with pytest.raises(Exception) as caught:
                client.predict(handle_file(path), api_name="/detect")
            sentence = str(caught.value)
            assert hostile.BAD[name][1] in sentence and "Traceback" not in sentence and "\n" not in sentence.strip(), name
    assert get(hub.url + "/healthz")[0] == 200
    assert client.predict(handle_file(EXAMPLES / "teddy.jpg"), api_name="/detect")["label"] == "teddy"


def test_the_server_gives_out_no_other_files(hub, client):
    for path in ("/etc/passwd", str(ROOT / "core" / "catalog.py"), str(ROOT / "assets" / "weights" / "bears.safetensors")):
        assert get(f"{hub.url}/bear-detector/gradio_api/file={path}")[0] in (403, 404)


def test_streamlit_pages_are_in_the_same_process(hub):
    assert get(hub.url + "/pages/")[0] == 200
    assert get(hub.url + "/pages/_stcore/health") == (200, "ok")


def test_model_cards_page():
    page = AppTest.from_file(str(ROOT / "apps" / "streamlit_pages.py"), default_timeout=30).run()
    assert not page.exception
    assert [h.value for h in page.header] == [weights.card(name)["title"] for name in catalog.ENTRIES] and len(page.button) == len(catalog.ENTRIES)
    page.button[0].click().run()
    assert "tested with" in page.success[0].value


def test_model_cards_page_tells_of_a_damaged_file(monkeypatch):
    import dataclasses

    monkeypatch.setitem(catalog.ENTRIES, "bears", dataclasses.replace(catalog.ENTRIES["bears"], sha256="0" * 64))
    page = AppTest.from_file(str(ROOT / "apps" / "streamlit_pages.py"), default_timeout=30).run()
    page.button(key="bears").click().run()
    assert not page.exception and "SHA-256 differs" in page.error[0].value


def test_the_page_fills_its_table_and_writes_a_csv(tmp_path):
    from apps import bear_detector

    steps = list(bear_detector.show_many([str(EXAMPLES / f"{n}.jpg") for n in ("teddy", "coffee")]))
    assert [len(rows) for rows, _ in steps] == [1, 2, 2]
    assert open(steps[-1][1].value if isinstance(steps[-1][1].value, str) else steps[-1][1].value["path"]).read().count("\n") == 3


def test_a_confusion_matrix_as_a_table():
    from apps import cards

    table = cards.matrix({"grizzly": {"grizzly": 3, "none": 1}, "other": {"grizzly": 0, "none": 9}})
    assert table.splitlines() == ["| | grizzly | none |", "|---|---|---|", "| **grizzly** | 3 | 1 |", "| **other** | 0 | 9 |"]


def test_the_page_shows_what_core_says():
    from apps import bear_detector

    said = predict.detect(EXAMPLES / "teddy.jpg")
    verdict, bars, timing = bear_detector.show(str(EXAMPLES / "teddy.jpg"), bear_detector.BEARS, None)
    assert said.sentence in verdict and bars["teddy bear"] == pytest.approx(said.probabilities["teddy"]) and "560 x 640" in timing
    assert bear_detector.show(None, bear_detector.BEARS, None) == (bear_detector.WAITING, None, "")
