"""`--push`, against a stand-in for the hub on this machine."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from apps.spaces import folder, push
from core.errors import BadInput, StudioError, Unavailable


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's HTTP interface as a push needs; it keeps what it was sent, and refuses what `refuse` says."""

    refuse = 0

    def do_GET(self):
        if self.path == "/api/whoami-v2":
            return self.answer({"type": "user", "name": "ada"} if self.headers["Authorization"] == "Bearer hf_right" else {}, 200 if self.known else 401)
        self.answer([] if "/tree/" in self.path else {"siblings": [], "sha": "0" * 40, "id": "ada/bears"})

    @property
    def known(self):
        return self.headers["Authorization"] == "Bearer hf_right"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.refuse:
            return self.answer({"error": "no"}, self.refuse)
        if self.path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            return self.answer({"url": f"{self.server.url}/spaces/ada/bears"})
        if "/preupload/" in self.path:
            files = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in json.loads(body)["files"]]
            return self.answer({"files": files})
        if "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return self.answer({"commitUrl": f"{self.server.url}/spaces/ada/bears/commit/1", "commitOid": "1" * 40, "success": True, "hookOutput": ""})
        self.answer({})

    def answer(self, said, status=200):
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.url, server.created, server.files = f"http://127.0.0.1:{server.server_port}", [], {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    monkeypatch.setattr(Hub, "refuse", 0)
    yield server
    server.shutdown()


def test_a_push_makes_the_space_and_sends_every_file(hub, tmp_path):
    done = folder.export("rag-chatbot", tmp_path / "space")
    (done.folder / ".git").mkdir()
    (done.folder / ".git" / "config").write_text("mine")
    said = []
    address = push.push(done.folder, "ada/bears", "docker", said.append)
    assert address.endswith("/spaces/ada/bears") and said == ["Pushing as ada ..."]
    made = hub.created[0]
    assert (made["type"], made["sdk"]) == ("space", "docker") and f"{made.get('organization')}/{made['name']}" in ("None/bears", "ada/bears")
    sent = {path.relative_to(done.folder).as_posix(): path.read_bytes() for path in done.folder.rglob("*") if path.is_file() and ".git" not in path.parts}
    assert hub.files == sent


@pytest.mark.parametrize(
    ("token", "refuse", "kind", "words"),
    [("", 0, BadInput, "hf auth login"), ("hf_wrong", 0, StudioError, "does not know your token"),
     ("hf_right", 403, StudioError, "does not let you write to ada/bears"),
     ("hf_right", 402, StudioError, "your plan"), ("hf_right", 422, StudioError, "refused the Space")],
)  # fmt: skip
def test_refusals_are_one_sentence(hub, monkeypatch, tmp_path, token, refuse, kind, words):
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: token or None)
    monkeypatch.setattr(Hub, "refuse", refuse)
    (tmp_path / "app.py").write_text("")
    with pytest.raises(kind, match=words):
        push.push(tmp_path, "ada/bears", "gradio", lambda text: None)


def test_without_a_hub_or_a_name_it_says_so(hub, monkeypatch, tmp_path):
    with pytest.raises(BadInput, match="user/name"):
        push.push(tmp_path, "bears", "gradio")
    hub.shutdown()
    hub.server_close()
    with pytest.raises(Unavailable, match="cannot be reached"):
        push.push(tmp_path, "ada/bears", "gradio", lambda text: None)
