"""Write an app, or the hub, as a folder that is ready to push as a Hugging Face Space."""

import ast
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from apps import registry
from apps.registry import ROOT
from apps.spaces import docker, readme, requirements, zerogpu
from apps.spaces.closure import closure
from core import catalog, weights
from core.errors import BadInput

HUB = registry.App("hub", "Vitrine", "Deep-learning demos that answer on a CPU, say when they do not know, and show how good they are.", "docker",
                   "apps.hub", "", "", emoji="🪟")  # fmt: skip
OWN = {"README.md", "app.py", "requirements.txt", "packages.txt", "Dockerfile", ".dockerignore", "LICENSE", "apps", "core", "assets"}
GRADIO = '''"""{title}: {blurb}

    pip install -r requirements.txt && python app.py
"""

{first}import apps  # noqa: F401  (switches telemetry off before anything else is imported)
from apps import {imports}

demo = {page}.build()

if __name__ == "__main__":
    gradio_server.launch(registry.find("{slug}"), demo)
'''
SERVED = '''"""{title}: {blurb}

    pip install -r requirements.txt && python app.py
"""

import os
import sys

import apps  # noqa: F401  (switches telemetry off before anything else is imported)
from apps import {imports}

if __name__ == "__main__":
    host, port = os.environ.get("HOST") or "127.0.0.1", int(os.environ.get("PORT") or 7860)
    sys.exit(listen.serve({served}, host, port, "{title}"))
'''


@dataclass(frozen=True)
class Export:
    """What was written, for those who print it."""

    folder: Path
    app: registry.App
    files: int
    bytes: int
    requirements: dict


def find(slug):
    """The App of a slug, or the hub's; raises BadInput."""
    app = HUB if slug == HUB.slug else registry.find(slug)
    if app is None:
        raise BadInput(f"There is no app called {slug!r}. The apps: {', '.join(a.slug for a in registry.APPS)}; hub for all of them.")
    return app


def export(slug, folder, zero=False):
    """Write the app called `slug`, or the hub, into a folder that is new, empty, or holds an earlier export -> Export.

    zero: for ZeroGPU, with the Python and the torch that it lists
    Nothing is written before everything is known to be there: a missing or damaged file raises WeightsError first.
    """
    app, folder = find(slug), Path(folder)
    check_folder(folder)
    texts, copies, wanted = contents(app, zero)
    for name in OWN & {path.name for path in folder.iterdir()} if folder.is_dir() else ():
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, text in texts.items():
        place(folder / name).write_text(text, encoding="utf-8")
    for source in copies:
        shutil.copyfile(source, place(folder / source.relative_to(ROOT)))
    written = [folder / name for name in (*texts, *(source.relative_to(ROOT) for source in copies))]
    return Export(folder, app, len(written), sum(path.stat().st_size for path in written), wanted)


def place(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def check_folder(folder):
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is a file. Please name a new or an empty folder.")
    if ROOT.resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"{folder} holds the studio itself. Please name another folder.")
    held = {path.name for path in folder.iterdir()} - {".git", ".gitattributes"} if folder.exists() else set()
    ours = held <= {"README.md"} or readme.is_ours(folder)  # a Space that was just made holds a README and nothing else
    if held and not ours:
        raise BadInput(f"{folder} is not empty, and was not exported from here. Please name a new or an empty folder.")


def contents(app, zero=False):
    """-> ({path in the folder: text}, [files of the repository to copy], {distribution: version})"""
    program, apps = entry(app, zero), registry.APPS if app is HUB else [app]
    opened = [name for one in apps for name in (one.module, one.core, one.api) if name]  # by their names, which no import shows
    found = closure(program, opened)
    rows = [one for one in registry.APPS if one in apps or one.slug in found.slugs]
    found.packages.discard("spaces")  # ZeroGPU brings it; only its exports ask for it
    wanted = requirements.direct(found)
    also = requirements.pulled_in(wanted) if readme.sdk(app) == "docker" else {}  # a Gradio Space installs packages of its own beside ours
    if zero:
        wanted, also = zerogpu.requirements(app, found, wanted), {}
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in found.modules.values()}
    texts["apps/registry.py"] = trimmed(texts["apps/registry.py"], "App", "slug", {row.slug for row in rows})
    # Weights that are still in training are a row without a file: the app knows that, and does not offer them.
    found.weights = {name for name in found.weights if catalog.ENTRIES[name].hub or (weights.BUNDLED / catalog.ENTRIES[name].file).is_file()}
    packages = {catalog.INSTALLED[name].package for name in found.installed}
    there = {name for name, entry in catalog.INSTALLED.items() if entry.package in packages}
    texts["core/catalog.py"] = trimmed(trimmed(texts["core/catalog.py"], "Entry", "name", found.weights), "Installed", "name", there)
    texts |= {"app.py": program, "requirements.txt": requirements.text(wanted, also), "README.md": readme.text(app, found, rows, wanted, zero)}
    apt = sorted(found.apt)
    if apt and readme.sdk(app) == "gradio":
        texts["packages.txt"] = "\n".join(apt) + "\n"
    if readme.sdk(app) == "docker":
        texts |= {"Dockerfile": docker.file(app.title, apt=apt), ".dockerignore": docker.IGNORE}
    copies = [path for path in (*found.files, *assets(found, rows)) if path.relative_to(ROOT).as_posix() not in texts]
    return texts, sorted(set(copies)), wanted


def entry(app, zero=False):
    """The text of app.py."""
    words = {"title": app.title, "blurb": app.blurb, "slug": app.slug}
    if app is HUB:
        return SERVED.format(imports="hub, listen", served="hub.build_hub()", **words)
    if app.framework == "streamlit":
        return SERVED.format(imports="listen, registry, streamlit_server", served=f'streamlit_server.build_alone(registry.find("{app.slug}"))', **words)
    page = app.module.removeprefix("apps.")
    imports = ", ".join(sorted((page, "gradio_server", "registry")))
    return GRADIO.format(page=page, imports=imports, first=zerogpu.FIRST if zero else "", **words)


def assets(found, rows):
    """Weights with their cards, and the apps' cards, pictures and examples; the weights are checked on the way."""
    folder, paths = weights.BUNDLED, [ROOT / "LICENSE", ROOT / "assets" / "examples" / "CREDITS.md"]
    for name in sorted(found.weights):
        entry = catalog.ENTRIES[name]
        if entry.hub is None:
            card = (folder / entry.file).with_suffix(".json")
            paths += [weights.find(name), *([card] if card.is_file() else [])]
    for row in rows:
        paths += [
            folder / f"{row.card}.json",
            *([row.picture] if row.picture.is_file() else []),
            *(path for path in row.examples_folder.iterdir() if path.is_file()),
        ]
    return paths


def trimmed(source, name, keyword, keep):
    """A Python text without the elements `name(keyword=...)` of its tuples whose keyword is not in `keep`."""
    lines = source.splitlines(keepends=True)
    for node in [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Tuple)]:
        for call in node.elts:
            if isinstance(call, ast.Call) and ast.unparse(call.func) == name:
                value = next(k.value.value for k in call.keywords if k.arg == keyword)
                if value not in keep:
                    lines[call.lineno - 1 : call.end_lineno] = [""] * (call.end_lineno - call.lineno + 1)
    text = "".join(lines)
    ast.parse(text)
    return text


def as_json(said):
    return json.dumps({"folder": str(said.folder), "app": said.app.slug, "files": said.files, "bytes": said.bytes, "requirements": said.requirements}, indent=2)
