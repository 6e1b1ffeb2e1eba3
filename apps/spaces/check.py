"""Prove that exports work: install each one's own requirements, start it with the repository off the path, ask it over HTTP.

The answers must hold what assets/examples/SLUG/calls.json says and be the studio's own, from the same functions here.
What is measured: the folder's size, what the installation takes, the seconds from the start to the first answer, and
the memory that the process holds after the last one.
"""

import contextlib
import importlib
import inspect
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from apps import endpoints, registry
from apps.spaces import folder, lint
from core.errors import StudioError

PATIENCE = 180  # seconds until a server must answer
PASSING = {"seconds", "index_seconds"}  # parts of an answer that are another time's
NEARLY = 2.0  # of 255: the mean difference that two minutes' invisible marks and a JPEG make
IDS = re.compile(r"[0-9a-f]{32}|\d{4}-\d\d-\d\dT[\d:.+Z-]+")  # as values: of records, and of moments


@dataclass(frozen=True)
class Row:
    """What one export measured."""

    slug: str
    folder_mb: float
    installed_mb: float | None  # None where nothing was installed
    install_s: float | None
    first_answer_s: float
    processor_s: float | None  # that the process used until then, on all cores: what a busy machine does not change
    resident_mb: float
    calls: int  # right answers; a wrong one raises


def run(slugs, as_json=False):
    """Check the apps, or all and the hub; print a table (or JSON). Returns the exit code."""
    rows, failed = [], 0
    for slug in slugs or [*(app.slug for app in registry.APPS), folder.HUB.slug]:
        try:
            rows.append(check(folder.find(slug)))
        except StudioError as error:
            failed += 1
            print(f"{slug}: {error}", file=sys.stderr)
        else:
            print(line(rows[-1]), file=sys.stderr, flush=True)
    print(json.dumps([asdict(row) for row in rows], indent=1) if as_json else table(rows))
    return 1 if failed else 0


def check(app, install=True):
    """Export, install, start and ask one app, or the hub -> Row; raises StudioError where an answer is wrong.

    install: False runs it with the packages of this Python instead, for tests
    """
    with tempfile.TemporaryDirectory(prefix="vitrine-export-") as place:
        space, home = Path(place) / "space", Path(place) / "home"
        home.mkdir()
        done = folder.export(app.slug, space)
        if faults := lint.lint(space):
            raise StudioError(" ".join(faults))
        python, seconds, size = installed(space, Path(place) / "environment") if install else (sys.executable, None, None)
        with started(python, space, home) as server:
            first, used, calls = None, None, 0
            for one, where in asked(app, server.url):
                for call in endpoints.calls(one, known(one)):
                    said, calls = where.ask(call), calls + 1
                    first, used = first or time.monotonic() - server.since, used or processor_seconds(server.process.pid)
                    right(one, call, said, home)
            if first is None:
                raise StudioError(f"Nobody wrote down what to ask it. Please write assets/examples/{app.slug}/calls.json.")
            if app is folder.HUB:
                server.get("/pages/")
            return Row(app.slug, round(done.bytes / 1e6, 1), size, seconds, round(first, 1), used, round(resident(server.process.pid) / 1e6), calls)


def installed(space, environment):
    """Make an environment of the export's own requirements -> (its Python, seconds, MB)."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = subprocess.run([python, "-m", "pip", "install", "-q", "-r", "requirements.txt"], cwd=space, capture_output=True, text=True)
    if done.returncode:
        raise StudioError(f"Its requirements cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    size = sum(path.stat().st_size for path in environment.rglob("*") if path.is_file() and not path.is_symlink())
    return python, round(time.monotonic() - start, 1), round(size / 1e6)


@dataclass
class Started:
    """A server of an export that runs."""

    process: subprocess.Popen
    url: str
    since: float
    log: Path

    def get(self, path):
        return urllib.request.urlopen(self.url + path, timeout=PATIENCE).read()

    def wait(self):
        while time.monotonic() - self.since < PATIENCE and self.process.poll() is None:
            try:
                return self.get("/")
            except OSError:
                time.sleep(0.1)
        raise StudioError("It does not start.")


@contextlib.contextmanager
def started(python, space, home):
    """`with started(...) as server:` the export's app.py in a process that knows nothing of this repository."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STUDIO_", "GRADIO_", "VIRTUAL_ENV"))}
    own = {"HOME": home, "PORT": port, "HF_HUB_OFFLINE": 1, "STUDIO_DATA": home / "data", "STUDIO_ATTENDANCE": home / "attendance"}
    log, since = home / "log", time.monotonic()
    with open(log, "w") as out:
        process = subprocess.Popen([python, "app.py"], cwd=space, env=kept | {k: str(v) for k, v in own.items()}, stdout=out, stderr=subprocess.STDOUT)
    try:
        server = Started(process, f"http://127.0.0.1:{port}", since, log)
        server.wait()
        yield server
    except Exception as error:
        raise StudioError(f"{error}\nIts log ends: {log.read_text(errors='replace').strip()[-1500:]}") from error
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def resident(pid):
    """Bytes that a process holds in memory; 0 where the system does not tell."""
    try:
        return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024
    except OSError:
        return 0


def processor_seconds(pid):
    """Seconds of processor time that a process has used; None where the system does not tell."""
    try:
        user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return round((int(user) + int(system)) / os.sysconf("SC_CLK_TCK"), 1)
    except OSError:
        return None


def asked(app, url):
    """[(App, how to ask it)] of an export: the hub holds every app, at its own address."""
    if app is folder.HUB:
        return [(one, ByGradio(f"{url}/{one.slug}/")) for one in registry.APPS]
    return [(app, ByGradio(url) if app.framework == "gradio" else ByForm(url))]


class ByGradio:
    """Asks as gradio_client does."""

    def __init__(self, url):
        self.url, self.client = url, None

    def ask(self, call):
        from gradio_client import Client, handle_file

        self.client = self.client or Client(self.url, verbose=False, httpx_kwargs={"timeout": PATIENCE})
        wrap = {"file": handle_file, "files": lambda paths: [handle_file(path) for path in paths]}
        kinds = {p.name: p.kind for p in call.endpoint.parameters}
        return self.client.predict(**{name: wrap.get(kinds[name], lambda v: v)(v) for name, v in call.inputs.items()}, api_name=f"/{call.endpoint.name}")


class ByForm:
    """Asks as a form does: curl -F."""

    def __init__(self, url):
        self.url = url

    def ask(self, call):
        import httpx

        kinds = {p.name: p.kind for p in call.endpoint.parameters}
        files = [
            (name, (path.name, path.read_bytes()))
            for name, v in call.inputs.items()
            if kinds[name] in ("file", "files")
            for path in (v if isinstance(v, list) else [v])
        ]
        texts = {name: value for name, value in call.inputs.items() if kinds[name] not in ("file", "files")}
        said = httpx.post(f"{self.url}/api/{call.endpoint.name}", data=texts, files=files, timeout=PATIENCE)
        if said.status_code != 200:
            raise StudioError(f"/api/{call.endpoint.name} answers {said.status_code}: {said.text[:300]}")
        return said.json()


def known(app):
    """The Endpoints of an app, from the studio's own code."""
    if app.framework == "streamlit":
        return [endpoints.of_function(function) for function in endpoints.functions(app)]
    return endpoints.of_blocks(importlib.import_module(app.module).build())


def here(app, call, home):
    """The studio's own answer to a call, from the function that the endpoint is made of."""
    os.environ["STUDIO_ATTENDANCE"] = str(home / "here")
    if app.framework == "streamlit":
        function = next(f for f in endpoints.functions(app) if f.__name__ == call.endpoint.name)
    else:
        page = importlib.import_module(app.module).build()
        function = next(f.fn for f in page.fns.values() if f.api_name == call.endpoint.name and f.api_visibility == "public")
        defaults = {p.name: p.default for p in call.endpoint.parameters if not p.required}
        call = endpoints.Call(call.endpoint, defaults | call.inputs, call.says)
    said = function(*(call.inputs[p.name] for p in call.endpoint.parameters if p.name in call.inputs)) if app.framework == "gradio" else function(**call.inputs)
    return list(said)[-1] if inspect.isgenerator(said) else said


def right(app, call, said, home):
    """Raise StudioError unless an answer holds what it should and is the studio's own."""
    first = words_of(said)
    if not holds(first, call.says):
        raise StudioError(f"{app.slug}/{call.endpoint.name} should say {call.says}, and says {str(first)[:300]}")
    own = here(app, call, home)
    if not alike(said, own):
        both = f"{str(first)[:900]}, and the studio {str(words_of(own))[:900]}"
        raise StudioError(f"{app.slug}/{call.endpoint.name} says something else than the studio: {both}")


def words_of(said):
    """The first dict of an answer: a picture comes with one of what is said of it, several with a list of them."""
    parts = said if isinstance(said, (list, tuple)) else [said]
    return next((word for part in parts for word in (part if isinstance(part, list) else [part]) if isinstance(word, dict)), said)


def holds(said, wanted):
    """Whether an answer holds what is wanted of it: some keys of a dict, the first items of a list, equal otherwise."""
    if isinstance(wanted, dict):
        return isinstance(said, dict) and all(key in said and holds(said[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(said, list) and len(said) >= len(wanted) and all(map(holds, said, wanted))
    return said == wanted


def alike(one, other):
    """Whether two answers are the same: numbers to a thousandth, pictures pixel by pixel where they are kept exactly and carry no mark."""
    if isinstance(other, dict):
        return isinstance(one, dict) and one.keys() == other.keys() and all(alike(one[k], other[k]) for k in one if k not in PASSING)
    if isinstance(other, (list, tuple)):
        return isinstance(one, (list, tuple)) and len(one) == len(other) and all(map(alike, one, other))
    if isinstance(other, (int, float)) and isinstance(one, (int, float)):
        return abs(one - other) <= 1e-3 * max(1, abs(other))
    if hasattr(other, "tobytes") and hasattr(other, "size"):
        return same_picture(one, other)
    if isinstance(one, str) and isinstance(other, str) and (IDS.fullmatch(other) or Path(other).is_absolute()):
        return bool(IDS.fullmatch(one) or Path(one).is_absolute())
    return one == other


def same_picture(path, picture):
    from core.images import open_image, to_array
    from core.provenance import watermark

    got, wanted = open_image(path), picture.convert("RGB")
    if got.size != wanted.size:
        return False
    if str(path).endswith(".png") and not watermark.read(got).data:
        return got.tobytes() == wanted.tobytes()
    return abs(to_array(got).astype(int) - to_array(wanted)).mean() < NEARLY  # a mark holds the minute it was made in


HEAD = """| export | folder, MB | installed, MB | pip install, s | start to first answer, s | of the processor, s | memory, MB |
|---|---|---|---|---|---|---|
"""


def line(row):
    installed_as = (f"{row.installed_mb:,}", f"{row.install_s:.0f}") if row.installed_mb else ("-", "-")
    return f"| `{row.slug}` | {row.folder_mb} | {' | '.join(installed_as)} | {row.first_answer_s} | {row.processor_s or '-'} | {row.resident_mb:,} |"


def table(rows):
    return HEAD + "\n".join(map(line, rows))
