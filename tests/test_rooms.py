"""The rooms of DESIGN: which module may import which, and what may be written where. Each rule is shown to bite."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED_ROOMS = {"errors", "catalog", "weights", "runtime", "images", "layers", "metrics", "photos", "tables", "torchvision_ops"}
SHARED_ROOMS |= {"keyfile", "provenance", "work", "zips"}
EDGES = {"explain": {"vision"}, "style": {"vision"}, "attendance": {"faces"}, "swap": {"faces"}, "gan": {"faces", "vision"}}
TOOLKITS = {"gradio", "streamlit"}


def imports(tree):
    """Every dotted name that a module imports, at its top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree):
    """Every call as text: "Image.open", "torch.load"."""
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def offences(path, source):
    """What a file at `path` (as "core/vision/model.py") may not do, as sentences."""
    parts, tree = Path(path).parts, ast.parse(source)
    names, out = list(imports(tree)), []
    for name in names:
        top, *rest = name.split(".")
        if parts[0] == "core":
            if top in TOOLKITS or top == "apps":
                out.append(f"core imports {top}")
            if top == "core" and rest and rest[0] not in SHARED_ROOMS and len(parts) > 2 and rest[0] != parts[1] and rest[0] not in EDGES.get(parts[1], ()):
                out.append(f"{parts[1]} imports {rest[0]}")
            if top == "core" and rest and len(parts) == 2 and rest[0] not in SHARED_ROOMS:
                out.append(f"the shared module {parts[1]} imports {rest[0]}")
            if parts[-1] == "errors.py":
                out.append("errors imports something")
        if parts[0] == "apps" and top in ("torch", "torchvision", "numpy", "PIL"):
            out.append(f"apps imports {top}")
        if path == "apps/registry.py" and top not in ("json", "dataclasses", "pathlib"):
            out.append("the registry imports more than the standard library's little")
    if parts[0] == "core" and parts[-1] == "model.py" and any(n.split(".")[0] in ("PIL", "pathlib", "os") for n in names):
        out.append("a model knows of paths or pictures")
    for call in calls(tree):
        if call.endswith("Image.open") and path != "core/images.py":
            out.append("opens an image outside core/images.py")
        if call in ("torch.load", "pickle.load", "pickle.loads", "joblib.load", "eval", "exec"):
            out.append(f"calls {call}")
        if call in ("safe_open", "load_file", "hf_hub_download") and path != "core/weights.py":
            out.append("opens weights outside core/weights.py")
    return out


def files():
    return [p.relative_to(ROOT).as_posix() for folder in ("core", "apps") for p in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", files())
def test_every_file_is_in_its_room(path):
    assert offences(path, (ROOT / path).read_text()) == []


@pytest.mark.parametrize(
    ("path", "source", "said"),
    [
        ("core/vision/predict.py", "import gradio", "core imports gradio"),
        ("core/vision/predict.py", "def f():\n    import streamlit.web", "core imports streamlit"),
        ("core/vision/predict.py", "from apps import ui", "core imports apps"),
        ("core/vision/predict.py", "from core.faces import detect", "vision imports faces"),
        ("core/style/model.py", "from core.gan import model", "style imports gan"),
        ("core/weights.py", "from core.vision import model", "the shared module weights.py imports vision"),
        ("core/provenance/predict.py", "from core.faces import detect", "provenance imports faces"),
        ("core/errors.py", "import os", "errors imports something"),
        ("apps/x.py", "import torch", "apps imports torch"),
        ("apps/x.py", "from PIL import Image", "apps imports PIL"),
        ("apps/registry.py", "import yaml", "the registry imports more than the standard library's little"),
        ("core/gan/model.py", "from pathlib import Path", "a model knows of paths or pictures"),
        ("core/faces/detect.py", "from PIL import Image\nImage.open('x')", "opens an image outside core/images.py"),
        ("core/faces/detect.py", "import PIL.Image\nPIL.Image.open('x')", "opens an image outside core/images.py"),
        ("core/gan/predict.py", "import torch\ntorch.load('x')", "calls torch.load"),
        ("core/gan/predict.py", "from safetensors import safe_open\nsafe_open('x')", "opens weights outside core/weights.py"),
    ],
)
def test_each_rule_can_fail(path, source, said):
    assert said in offences(path, source)


@pytest.mark.parametrize(
    ("path", "source"),
    [("core/style/predict.py", "from core.vision import model"), ("core/swap/blend.py", "from core.faces import detect"),
     ("core/gan/predict.py", "from core.provenance import predict"),
     ("core/vision/predict.py", "from core import runtime, weights"), ("apps/x.py", "import gradio as gr\nfrom core.vision import predict")],
)  # fmt: skip
def test_the_allowed_edges_are_allowed(path, source):
    assert offences(path, source) == []


def test_no_page_is_longer_than_120_lines():
    pages = [p for p in (ROOT / "apps").glob("*.py") if "import gradio" in p.read_text() or "import streamlit" in p.read_text()]
    assert pages and {p.name: n for p in pages if p.name != "hub.py" and (n := sum(bool(line.strip()) for line in p.open())) > 120} == {}
