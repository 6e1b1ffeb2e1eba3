"""Weights: hash, atomic writing, single loading, and the hub path against a stand-in on this machine."""

import hashlib
import http.server
import json
import threading

import pytest
import torch
from safetensors.torch import save

from core import catalog, weights
from core.errors import Unavailable, WeightsError
from tests.conftest import run_python

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTENT = save({"w": torch.arange(300_000, dtype=torch.float16)}, {"shape": "{}"})


def entry(**changes):
    fields = dict(
        name="far", file="far.safetensors", sha256=hashlib.sha256(CONTENT).hexdigest(), bytes=len(CONTENT),
        licence="test", remake="none", hub=catalog.Hub("someone/something", COMMIT, "model.safetensors"),
    )  # fmt: skip
    return catalog.Entry(**{**fields, **changes})


class StandIn(http.server.BaseHTTPRequestHandler):
    """The two calls of a model hub that a download needs, HEAD and GET of resolve/COMMIT/FILE."""

    content, asked = CONTENT, []

    def do_HEAD(self):
        self.answer(send=False)

    def do_GET(self):
        self.answer(send=True)

    def answer(self, send):
        type(self).asked.append((self.command, self.path))
        if self.path != f"/someone/something/resolve/{COMMIT}/model.safetensors":
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.send_header("ETag", '"' + hashlib.sha256(self.content).hexdigest() + '"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if send:
            self.wfile.write(self.content)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(monkeypatch, tmp_path):
    handler = type("Handler", (StandIn,), {"asked": [], "content": CONTENT})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(catalog.ENTRIES, "far", entry())
    yield handler
    server.shutdown()


def test_a_hub_file_is_fetched_once_with_progress_and_its_hash(hub):
    seen = []
    tensors, metadata = weights.load("far", lambda done, total: seen.append((done, total)))
    assert tensors["w"].dtype == torch.float32 and metadata == {"shape": "{}"}
    assert seen and seen[-1] == (len(CONTENT), len(CONTENT)) and seen == sorted(seen)
    asked = len(hub.asked)
    weights.load("far")
    assert len(hub.asked) == asked
    assert all(COMMIT in path for _, path in hub.asked if path != "/")  # pinned, never "main"


def test_a_wrong_hash_is_refused_and_nothing_stays(hub, tmp_path):
    hub.content = CONTENT[:-2] + b"\1\1"
    with pytest.raises(WeightsError, match="SHA-256"):
        weights.find("far")
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    hub.content = CONTENT
    assert weights.find("far").is_file()


def test_a_damaged_cached_file_is_refused(hub):
    path = weights.find("far")
    path.write_bytes(b"x" * 100)
    with pytest.raises(WeightsError, match="damaged"):
        weights.find("far")


def test_what_the_hub_does_not_have_is_said(hub, monkeypatch):
    monkeypatch.setitem(catalog.ENTRIES, "far", entry(hub=catalog.Hub("someone/else", COMMIT, "model.safetensors")))
    with pytest.raises(Unavailable, match="someone/else"):
        weights.find("far")


def test_offline_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: nobody listens
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path))
    monkeypatch.setitem(catalog.ENTRIES, "far", entry())
    with pytest.raises(Unavailable, match="connect to the internet") as caught:
        weights.find("far")
    assert "\n" not in str(caught.value) and "far.safetensors" in str(caught.value)


def test_bundled_weights_need_no_hub(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path))
    for name, row in catalog.ENTRIES.items():
        if row.hub is None:
            assert weights.find(name).parent == weights.BUNDLED


def test_unknown_and_missing_weights(monkeypatch, tmp_path):
    with pytest.raises(WeightsError, match="bears"):
        weights.find("unicorns")
    monkeypatch.setattr(weights, "BUNDLED", tmp_path)
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="clone the studio again"):
        weights.find("bears")


def test_saving_is_all_or_nothing(tmp_path):
    path = tmp_path / "w.safetensors"
    weights.save(path, {"w": torch.ones(2)}, {"k": "v"})
    with pytest.raises((TypeError, AttributeError)):
        weights.save(path, {"w": "no tensor"}, {})
    assert weights.read(path)[0]["w"].tolist() == [1, 1]
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_file_that_is_no_safetensors_is_refused(tmp_path):
    path = tmp_path / "evil.safetensors"
    path.write_bytes(b"\x80\x04\x95pickle me")
    with pytest.raises(WeightsError, match="not a readable"):
        weights.read(path)


def test_every_entry_has_file_card_and_hash():
    files = {p.name for p in weights.BUNDLED.glob("*.safetensors")}
    assert files == {row.file for row in catalog.ENTRIES.values() if row.hub is None}
    for name, row in catalog.ENTRIES.items():
        if row.hub is None:
            path = weights.find(name)
            assert path.stat().st_size == row.bytes <= 10 * 2**20
            card = weights.card(name)
            missing = {"title", "headline", "data", "licence", "weaknesses", "seed", "hardware", "hours", "quality", "measure", "remake"} - set(card)
            assert not missing and card["licence"] == row.licence
            assert weights.load(name)[1]  # what shapes it travels with it


def test_core_imports_no_torch_and_no_toolkit_until_asked():
    modules = "core.catalog, core.weights, core.runtime, core.images, core.vision.predict, apps.hub, apps.registry"
    code = f"import sys, {modules}; print(sorted({{'torch', 'gradio', 'streamlit'}} & set(sys.modules)))"
    assert run_python("-c", code).stdout.strip() == "[]"


def test_the_card_is_json_that_a_person_can_read():
    for path in weights.BUNDLED.glob("*.json"):
        assert json.loads(path.read_text())["weaknesses"]
