"""The folder that `export` writes: whole, trimmed, refused where it would do harm."""

import ast
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from apps import registry
from apps.__main__ import main
from apps.spaces import docker, folder, lint, readme, zerogpu
from core import catalog, runtime
from core.errors import BadInput, WeightsError
from tests.conftest import ROOT


@pytest.mark.parametrize("slug", [*(app.slug for app in registry.APPS), "hub"])
def test_every_export_keeps_the_rules(tmp_path, slug):
    done = folder.export(slug, tmp_path / "space")
    assert lint.lint(done.folder) == []
    assert done.bytes == sum(path.stat().st_size for path in done.folder.rglob("*") if path.is_file())
    said, _ = lint.front_matter(done.folder)
    assert said["sdk"] == ("gradio" if folder.find(slug).framework == "gradio" else "docker") and len(said["short_description"]) <= 60


def test_export_on_the_command_line(tmp_path, capsys):
    assert main(["export", "rag-chatbot", str(tmp_path / "space"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["app"] == "rag-chatbot" and said["requirements"]["streamlit"] and main(["lint", said["folder"]]) == 0
    (tmp_path / "space" / "Dockerfile").unlink()
    assert main(["lint", said["folder"]]) == 1 and "Dockerfile is missing" in capsys.readouterr().out


def test_an_earlier_export_is_replaced_and_a_strangers_folder_is_not(tmp_path):
    space = tmp_path / "space"
    folder.export("rag-chatbot", space)
    (space / ".git").mkdir()
    (space / ".git" / "HEAD").write_text("ref")
    folder.export("bear-detector", space)
    assert not (space / "core" / "rag").exists() and not (space / "Dockerfile").exists() and (space / ".git" / "HEAD").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInput, match="is not empty"):
        folder.export("bear-detector", tmp_path / "mine")
    with pytest.raises(BadInput, match="is a file"):
        folder.export("bear-detector", tmp_path / "mine" / "thesis.txt")
    for place in (ROOT, ROOT.parent):
        with pytest.raises(BadInput, match="holds the studio itself"):
            folder.export("bear-detector", place)


def test_a_new_space_of_the_hub_holds_a_readme_and_may_be_filled(tmp_path):
    (tmp_path / "README.md").write_text("---\ntitle: x\n---\n")
    (tmp_path / ".gitattributes").write_text("")
    assert folder.export("rag-chatbot", tmp_path).files > 20


def test_damaged_weights_are_not_exported_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(catalog.ENTRIES, "bears", dataclasses.replace(catalog.ENTRIES["bears"], sha256="0" * 64))
    with pytest.raises(WeightsError, match="SHA-256"):
        folder.export("bear-detector", tmp_path / "space")
    assert not (tmp_path / "space").exists()


def test_the_registry_and_the_catalogue_are_trimmed_to_what_is_there(tmp_path):
    folder.export("rag-chatbot", tmp_path)
    code = "from apps import registry; from core import catalog; print([a.slug for a in registry.APPS], list(catalog.ENTRIES), registry.APPS[0].lead)"
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True).stdout
    assert said.startswith("['rag-chatbot'] ['reader'] ") and "demos" not in said


def test_trimming_takes_whole_rows():
    source = 'ROWS = (\n    App(\n        slug="a",\n    ),\n    App(slug="b"),\n)\nOTHER = (1, 2)\n'
    assert folder.trimmed(source, "App", "slug", {"b"}) == 'ROWS = (\n    App(slug="b"),\n)\nOTHER = (1, 2)\n'


@pytest.mark.parametrize(
    ("blurb", "words"),
    [("A short one.", "A short one"), ("Ask your documents: the answer is quoted from the page it stands on, or they do not say it.", "Ask your documents"),
     ("word " * 30, "word word word word word word word word word word word word")],
)  # fmt: skip
def test_short_descriptions(blurb, words):
    assert readme.short(blurb) == words


def test_yaml_is_what_was_meant():
    import yaml

    said = {
        "title": "Yes: a #1",
        "license": "no",
        "emoji": "🐻",
        "python_version": "3.10",
        "sdk_version": "6.31.0",
        "app_port": 7860,
        "pinned": False,
        "tags": ["a", "b"],
    }
    assert yaml.safe_load(readme.yaml(said)) == said


def test_the_dockerfile_of_the_repository_is_the_exports(tmp_path):
    assert (ROOT / "Dockerfile").read_text() == docker.of_the_repository() and (ROOT / ".dockerignore").read_text() == docker.IGNORE
    assert list(lint.dockerfile(ROOT, 7860)) == []


@pytest.mark.parametrize("apt", [(), ("ffmpeg",)])
def test_hadolint_finds_nothing(tmp_path, apt):
    (tmp_path / "Dockerfile").write_text(docker.file("A title", apt=apt))
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), "--ignore", "DL3008", "Dockerfile"], cwd=tmp_path, capture_output=True, text=True
    )  # Debian keeps no old versions
    assert (done.returncode, done.stdout) == (0, "") and list(lint.dockerfile(tmp_path, 7860)) == []


def test_for_zerogpu_python_torch_and_the_borrowed_call_are_its(tmp_path):
    done = folder.export("bear-detector", tmp_path / "space", zero=True)
    assert lint.lint(done.folder) == [] and done.requirements["torch"] in zerogpu.TORCHES and "spaces" in done.requirements
    said, _ = lint.front_matter(done.folder)
    assert said["python_version"] == zerogpu.PYTHON
    names = [ast.unparse(node) for node in ast.parse((done.folder / "app.py").read_text()).body]
    assert names[1] == "import spaces" and names.index("runtime.borrow_gpu(spaces.GPU)") < names.index("demo = bear_detector.build()")
    for slug, words in (("rag-chatbot", "Gradio apps only"), ("gradcam-viewer", "worth borrowing")):
        with pytest.raises(BadInput, match=words):
            folder.export(slug, tmp_path / slug, zero=True)


def test_a_borrowed_gpu_is_used_in_the_process_that_has_it_and_nowhere_else(monkeypatch):
    import os

    monkeypatch.setattr(runtime, "_lender", None)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setenv("STUDIO_DEVICE", "cpu")  # so that what is set below is forgotten again
    monkeypatch.delenv("STUDIO_DEVICE")
    asked = []

    def lender(duration):
        asked.append(duration)
        return lambda function: function

    runtime.borrow_gpu(lender)
    here = runtime.accelerated(seconds=7)(lambda x: (x, os.environ["STUDIO_DEVICE"]))
    assert here(1) == (1, "cpu") and asked == [7]
    runtime.models().get("kept on the CPU", lambda: 1)
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as in the process that has the GPU
    assert here(2) == (2, "cuda") and "kept on the CPU" not in runtime.models().keys()
