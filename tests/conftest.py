"""What all tests share: no network beyond this machine, made-up pictures, and one running hub."""

import io
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# The tests start dozens of processes. Where byte code is switched off, each would compile torch and gradio anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

import apps  # noqa: E402, F401  (telemetry off, sleeping threads: before anything imports gradio or torch)

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
EXAMPLES = ROOT / "assets" / "examples" / "bear-detector"
os.environ["STUDIO_ATTENDANCE"] = tempfile.mkdtemp(prefix="vitrine-attendance-")  # never the register of whoever runs the tests
LOCAL = ("127.0.0.1", "::1", "localhost", "0.0.0.0")


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """Any connection that would leave this machine fails the test that makes it."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOCAL:
            raise AssertionError(f"a test tried to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def run_python(*args, timeout=120, **environment):
    """Run `python ARGS` from the repository's root as a visitor would; -> CompletedProcess with text."""
    return subprocess.run([sys.executable, *map(str, args)], cwd=ROOT, timeout=timeout, capture_output=True, text=True, env={**os.environ, **environment})


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url, timeout=60):
    """(status, body) of a GET, whatever the status."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def zip_photos(photos):
    """(folder, file name, PIL image) triples -> bytes of a zip with a folder per class."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for folder, name, image in photos:
            data = io.BytesIO()
            image.save(data, "PNG")
            archive.writestr(f"{folder}/{name}", data.getvalue())
    return buffer.getvalue()


class Server:
    """`python -m apps ...` in a process of its own, which may connect to nothing but this machine (tests/offline).

    `with Server(...) as server:` waits until it answers, ends it, and fails if it tried to reach anything else.
    """

    def __init__(self, *args, **environment):
        self.log = Path(tempfile.mkdtemp()) / "connections"
        guarded = {"PYTHONPATH": str(ROOT / "tests" / "offline"), "STUDIO_TEST_CONNECTIONS": str(self.log), "STUDIO_DATA": str(self.log.parent / "data")}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "apps", *args, "--port", str(self.port)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **guarded, **environment},
        )  # fmt: skip

    def __enter__(self):
        try:
            self.wait()
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, kind, *about):
        self.process.kill()
        self.process.communicate()
        assert kind or self.connections() == []

    def connections(self):
        """Every address outside this machine that the process tried to reach or look up."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def wait(self, seconds=60):
        """Until /healthz answers; returns the seconds since the start."""
        while time.monotonic() - self.started < seconds:
            assert self.process.poll() is None, self.process.stdout.read()
            try:
                if get(self.url + "/healthz", 5)[0] == 200:
                    return time.monotonic() - self.started
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"no answer within {seconds} s")

    def stop(self, sign):
        """Send a signal; -> (exit code, everything it printed)."""
        self.process.send_signal(sign)
        out, _ = self.process.communicate(timeout=20)
        return self.process.returncode, out


@pytest.fixture(scope="session")
def hub():
    with Server() as server:
        yield server


@pytest.fixture(scope="session")
def photo():
    """A made-up colour picture, 120 x 90, nothing on it."""
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
