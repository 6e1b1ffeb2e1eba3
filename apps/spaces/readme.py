"""The README of an export: the front matter that a Space is configured by, then what a visitor wants to know."""

import json
import re

from apps.registry import ROOT
from apps.spaces import requirements as pins
from apps.spaces import zerogpu
from core import catalog

PYTHON = "3.11"  # what the tests run on
LONGEST = 60  # characters of a short description
OPEN = ("Apache-2.0", "MIT", "CC0")  # how a licence begins that allows every use
TAG = "vitrine"
PLAIN = re.compile(r"[A-Za-z][\w ./-]*|\d+\.\d+\.\d+")  # what is text in YAML without quotes


def sdk(app):
    """Spaces know Gradio; everything else comes as a Docker image."""
    return "gradio" if app.framework == "gradio" else "docker"


def front_matter(app, found, zero=False):
    """-> dict, in the order in which it is written"""
    said = {"title": app.title, "emoji": app.emoji, "colorFrom": "green", "colorTo": "blue", "sdk": sdk(app)}
    if sdk(app) == "gradio":
        said |= {"sdk_version": pins.pins()["gradio"], "python_version": zerogpu.PYTHON if zero else PYTHON, "app_file": "app.py"}
    else:
        said |= {"app_port": 7860}
    said |= {"pinned": False, "license": licence(found), "short_description": short(app.blurb), "tags": [TAG, app.slug]}
    models = sorted({entry.hub.repo for entry in (catalog.ENTRIES[name] for name in found.weights) if entry.hub})
    return said | ({"models": models} if models else {})


def licence(found):
    """The code's licence where every weights file allows what it allows; "other" where one does not."""
    return "apache-2.0" if all(text.startswith(OPEN) for _, text in licences(found)) else "other"


def licences(found):
    """[(file, licence)] of the weights."""
    rows = [(catalog.ENTRIES[name].file, catalog.ENTRIES[name].licence) for name in sorted(found.weights)]
    return rows + [(f"{name} (in {catalog.INSTALLED[name].package})", catalog.INSTALLED[name].licence) for name in sorted(found.installed)]


def short(blurb):
    """As much of a blurb as a short description may hold: whole clauses, or else whole words."""
    blurb = blurb.rstrip(".")
    if len(blurb) <= LONGEST:
        return blurb
    ends = [match.start() for match in re.finditer(r"[:;,.]", blurb[: LONGEST + 1])]
    return blurb[: ends[-1]] if ends and ends[-1] > 12 else blurb[: LONGEST + 1].rpartition(" ")[0]


def yaml(said):
    """A dict of texts, numbers, flags and lists of texts -> YAML; texts are written as JSON, which is YAML."""
    lines = []
    for key, value in said.items():
        plain = (
            isinstance(value, str)
            and key != "python_version"
            and PLAIN.fullmatch(value)
            and value.lower() not in ("true", "false", "yes", "no", "on", "off", "null")
        )
        if isinstance(value, list):
            lines += [f"{key}:", *(f"- {item}" for item in value)]
        else:
            lines.append(f"{key}: {value if plain else json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines)


def text(app, found, rows, wanted, zero=False):
    """The whole README.md. rows: the registry's, of the apps that are in the export."""
    shown = next(iter(rows))
    parts = [f"---\n{yaml(front_matter(app, found, zero))}\n---", f"# {app.title}", app.blurb]
    parts += [f"![{shown.title}](assets/shots/{shown.slug}.webp)"] if shown.picture.is_file() else []
    parts += [f"**Measured** {shown.title}: {shown.quality}." for shown in rows]
    run = ["## Run it", "    pip install -r requirements.txt && python app.py"]
    if sdk(app) == "docker":
        run.append("    docker build -t vitrine . && docker run --rm -p 7860:7860 vitrine")
    parts += [*run, "It answers on port 7860; nothing is downloaded after the installation, and what is uploaded stays on the machine that runs it."]
    if table := variables(found):
        parts += ["## Settings", "Variables of the environment (in a Space: Settings, Variables and secrets).", table]
    weak = [f"- {line}" for row in rows for line in row.read_card()["weaknesses"]]
    parts += ["## Known weaknesses", "\n".join(weak), "## Licences", "The code is Apache-2.0 ([LICENSE](LICENSE)); the weights:"]
    parts.append("\n".join(f"- `{file}`: {words}" for file, words in licences(found)))
    return "\n\n".join(parts) + "\n"


def variables(found):
    """The rows of the studio's own table of variables that this export reads."""
    table = re.findall(r"^(\| `(\w+)` \|.*\|)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    rows = [line for line, name in table if name in found.variables]
    return "\n".join(["| variable | meaning | default |", "|---|---|---|", *rows]) if rows else ""


def is_ours(folder):
    """Whether a folder's README says that it was exported from here."""
    path = folder / "README.md"
    return path.is_file() and f"\n- {TAG}\n" in path.read_text(encoding="utf-8", errors="replace").partition("\n---\n")[0] + "\n"
