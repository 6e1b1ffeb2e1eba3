"""The rules of Spaces, and ours, held against a folder: each fault is one sentence that says what to change.

The rules are those of the Spaces documentation of August 2026: `sdk: streamlit` is gone, Python is 3.10 unless the front
matter says otherwise, files over 10 MB do not belong in plain git, ZeroGPU lists its versions.
"""

import ast
import re
import sys
from pathlib import Path

from apps.spaces import requirements as pins
from apps.spaces import zerogpu
from core.errors import BadInput

COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
SDKS = ("gradio", "docker", "static")
KEYS = """title emoji colorFrom colorTo sdk sdk_version python_version app_file app_port app_build_command base_path fullWidth header
short_description models datasets tags thumbnail pinned license suggested_hardware hf_oauth hf_oauth_scopes hf_oauth_expiration_minutes
disable_embedding startup_duration_timeout custom_headers preload_from_hub""".split()
LICENCES = """apache-2.0 mit bsd bsd-2-clause bsd-3-clause isc unlicense cc cc0-1.0 cc-by-4.0 cc-by-sa-4.0 cc-by-nc-4.0 cc-by-nc-sa-4.0
cc-by-nc-nd-4.0 gpl gpl-2.0 gpl-3.0 lgpl lgpl-3.0 agpl-3.0 mpl-2.0 openrail other unknown""".split()
MAX_BYTES = 10 * 2**20
RUNNABLE = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".ckpt")  # formats that may run code when they are opened


def lint(folder):
    """A folder -> list of faults, empty if it is ready to push."""
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}. Please name what `python -m apps export` wrote.")
    said, faults = front_matter(folder)
    if faults:
        return faults
    rules = [named, coloured, described, licensed, built, started, pinned, imported, light, clean]
    return [fault for rule in rules for fault in rule(folder, said)]


def front_matter(folder):
    """-> (dict, faults): the YAML between the two lines of --- at the top of README.md"""
    import yaml

    path = folder / "README.md"
    if not path.is_file():
        return {}, ["README.md is missing: a Space is configured by its first lines."]
    found = re.match(r"---\n(.*?)\n---\n", path.read_text(encoding="utf-8"), re.S)
    if not found:
        return {}, ["README.md does not begin with front matter: a line of ---, the settings, a line of ---."]
    try:
        said = yaml.safe_load(found.group(1))
    except yaml.YAMLError as error:
        return {}, [f"The front matter of README.md is not YAML ({str(error).splitlines()[0]})."]
    return (said, []) if isinstance(said, dict) else ({}, ["The front matter of README.md holds no settings."])


def named(folder, said):
    """title, emoji, and no key that Spaces do not know"""
    for key in said:
        if key not in KEYS:
            yield f"{key} is no setting of a Space{' any more' if key == 'suggested_storage' else ''}. Please leave it out."
    if not isinstance(said.get("title"), str) or not said["title"].strip():
        yield "title is missing."
    emoji = said.get("emoji")
    if not isinstance(emoji, str) or not 1 <= len(emoji) <= 8 or emoji.isascii():
        yield f"emoji is {emoji!r}; it must be one emoji."


def coloured(folder, said):
    for key in ("colorFrom", "colorTo"):
        if said.get(key) not in COLOURS:
            yield f"{key} is {said.get(key)!r}; it must be one of {', '.join(COLOURS)}."


def described(folder, said):
    """short_description, tags, models and datasets"""
    words = said.get("short_description", "")
    if not isinstance(words, str) or len(words) > 60:
        yield f"short_description has {len(str(words))} characters; at most 60 are shown."
    for key in ("tags", "models", "datasets"):
        items = said.get(key, [])
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            yield f"{key} must be a list of texts."
        elif key != "tags" and not all(re.fullmatch(r"[\w.-]+/[\w.-]+", item) for item in items):
            yield f"{key} must name repositories as owner/name."


def licensed(folder, said):
    if said.get("license") not in LICENCES:
        yield f"license is {said.get('license')!r}; please write an identifier that the hub knows, such as apache-2.0, or other."


def built(folder, said):
    """sdk, and the versions it is built with"""
    sdk = said.get("sdk")
    if sdk == "streamlit":
        yield "sdk: streamlit is gone since April 2025. Please write sdk: docker, app_port, and a Dockerfile."
    elif sdk not in SDKS:
        yield f"sdk is {sdk!r}; it must be one of {', '.join(SDKS)}."
    if sdk != "gradio":
        for key in ("sdk_version", "python_version"):
            if key in said:
                yield f"{key} means nothing with sdk: {sdk}. Please leave it out."
        return
    version, listed = said.get("sdk_version"), requirements(folder).get("gradio")
    if not isinstance(version, str) or not re.fullmatch(r"\d+\.\d+\.\d+", version):
        yield f"sdk_version is {version!r}; it must be a whole version such as 6.31.0."
    elif listed and listed != version:
        yield f"sdk_version is {version}, and requirements.txt asks for gradio {listed}. Both must be the same."
    python = said.get("python_version")
    if not isinstance(python, str) or not re.fullmatch(r"3\.\d+(\.\d+)?", python):
        yield f'python_version is {python!r}; it must be quoted, such as "3.11" (3.10 without quotes is the number 3.1, and nothing is 3.10).'
    elif "import spaces" in _read(folder / str(said.get("app_file", "app.py"))):
        yield from lent(folder, python)


def lent(folder, python):
    """What ZeroGPU lists"""
    torch = requirements(folder).get("torch")
    if python not in zerogpu.PYTHONS:
        yield f"python_version is {python}; ZeroGPU has {' and '.join(zerogpu.PYTHONS)}."
    if torch not in zerogpu.TORCHES:
        yield f"requirements.txt asks for torch {torch}; ZeroGPU has {', '.join(zerogpu.TORCHES)}."
    if not any("@spaces.GPU" in text or "@runtime.accelerated(" in text for text in map(_read, folder.rglob("*.py"))):
        yield "No function borrows the GPU: a Space on ZeroGPU does not start without one that is marked @spaces.GPU."


def started(folder, said):
    """app_file of a Gradio Space, Dockerfile of a Docker one"""
    if said.get("sdk") == "gradio":
        name = said.get("app_file", "app.py")
        if not (folder / str(name)).is_file():
            yield f"app_file is {name}, and there is no such file."
        if "app_port" in said:
            yield "app_port is for Docker Spaces; Gradio listens on 7860. Please leave it out."
    if said.get("sdk") == "docker":
        yield from dockerfile(folder, said.get("app_port", 7860))


def dockerfile(folder, port):
    """The rules of a Dockerfile, among them hadolint's that concern ours (its numbers in brackets)."""
    text = _read(folder / "Dockerfile").replace("\\\n", " ")
    if not text:
        yield "Dockerfile is missing, which sdk: docker is built from."
        return
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    orders = {}
    for word, *rest in lines:
        orders.setdefault(word, []).append(" ".join(rest))
    for image in orders.get("FROM", [""]):
        if ":" not in image or image.endswith(":latest"):
            yield f"FROM {image} names no version of its image (DL3006, DL3007)."
    if orders.get("USER", ["root"])[-1].split(":")[0] in ("root", "0"):
        yield "The Dockerfile runs as root; its last USER must be another one (DL3002)."
    if "HEALTHCHECK" not in orders:
        yield "The Dockerfile has no HEALTHCHECK."
    if str(port) not in " ".join(orders.get("EXPOSE", [])).split():
        yield f"app_port is {port}, and the Dockerfile does not EXPOSE it."
    if "ADD" in orders:
        yield "Please write COPY, not ADD (DL3020)."
    for place in orders.get("WORKDIR", []):
        if not place.startswith("/"):
            yield f"WORKDIR {place} is not absolute (DL3000)."
    for command in orders.get("CMD", [""])[-1:]:
        if not command.startswith("["):
            yield 'CMD must be a list, ["python", "app.py"], so that the program gets the signal to stop (DL3025).'
    for command in orders.get("RUN", []):
        if "pip install" in command and "--no-cache-dir" not in command:
            yield "pip install wants --no-cache-dir, or the image carries every wheel twice (DL3042)."
        if "apt-get install" in command and not ("--no-install-recommends" in command and "rm -rf /var/lib/apt/lists" in command):
            yield "apt-get install wants --no-install-recommends, and its lists removed afterwards (DL3009, DL3015)."
        if re.search(r"\bsudo\b", command):
            yield "sudo has no place in a Dockerfile (DL3004)."


def pinned(folder, said):
    """requirements.txt: every line name==version, once"""
    path, seen = folder / "requirements.txt", set()
    if not path.is_file():
        if said.get("sdk") != "static":
            yield "requirements.txt is missing."
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.partition("#")[0].strip()
        found = re.fullmatch(r"([\w.-]+)(?:\[[\w,-]+\])?==([\w.!+]+)", line)
        if not line:
            continue
        if line.startswith("-"):
            yield f"requirements.txt says {line!r}; a Space's builder sees that file alone. Please write the versions into it."
        elif not found:
            yield f"requirements.txt says {line!r}; please write name==version."
        elif "+" in found.group(2):
            yield f"{line} is a build of this machine, which the Space cannot have. Please leave out what follows the +."
        elif pins.key(found.group(1)) in seen:
            yield f"requirements.txt names {found.group(1)} twice."
        else:
            seen.add(pins.key(found.group(1)))


def imported(folder, said):
    """Every import is of the standard library, of the folder, or of a requirement"""
    listed = requirements(folder).keys()
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        try:
            tree = ast.parse(_read(path))
        except SyntaxError as error:
            yield f"{name} is not Python (line {error.lineno})."
            continue
        for module in sorted(set(modules(tree, folder))):
            top = module.split(".")[0]
            if (folder / top).is_dir():
                if not is_module(folder, module):
                    yield f"{name} imports {module}, which is not in the folder."
            elif top not in sys.stdlib_module_names and not (folder / f"{top}.py").is_file() and not (pins.distributions(top) or {pins.key(top)}) & listed:
                yield f"{name} imports {top}, which requirements.txt does not bring."


def modules(tree, folder):
    """Every module that a source imports, at its top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module
            package = folder.joinpath(*node.module.split("."))
            if package.is_dir():
                yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name not in _read(package / "__init__.py"))


def is_module(folder, module):
    place = folder.joinpath(*module.split("."))
    return place.with_suffix(".py").is_file() or place.is_dir()


def light(folder, said):
    for path in files(folder):
        if path.stat().st_size > MAX_BYTES:
            yield f"{path.relative_to(folder)} has {path.stat().st_size / 2**20:.1f} MB; over 10 MB it must go through git-xet, or be downloaded."


def clean(folder, said):
    """Nothing that does not belong into a repository"""
    for path in files(folder):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            yield f"{name} is a link; please put the file itself there."
        elif path.suffix in RUNNABLE:
            yield f"{name} may run code when it is opened. Please store weights as safetensors."
        elif "__pycache__" in path.parts or path.suffix == ".pyc":
            yield f"{name} is byte code. Please delete it."
        elif path.name in (".env", "secrets.toml") or path.suffix in (".pem", ".key"):
            yield f"{name} looks like a secret, which belongs into the Space's settings."


def files(folder):
    return [path for path in sorted(folder.rglob("*")) if ".git" not in path.relative_to(folder).parts and (path.is_file() or path.is_symlink())]


def requirements(folder):
    """{distribution: version} of a folder's requirements.txt"""
    return {pins.key(name): version for name, version in pins.PIN.findall(_read(folder / "requirements.txt"))}


def _read(path):
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
