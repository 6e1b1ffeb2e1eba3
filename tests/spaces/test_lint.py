"""Every rule of the linter, shown to bite."""

import pytest

from apps.spaces import folder, lint
from core.errors import BadInput


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    place = tmp_path_factory.mktemp("lint")
    return {slug: folder.export(slug, place / slug).folder for slug in ("bear-detector", "rag-chatbot")} | {
        "zero": folder.export("bear-detector", place / "zero", zero=True).folder
    }


def change(space, name, old, new):
    """The text of a file with a change, written; the change must be one."""
    text = (space / name).read_text()
    assert old in text
    (space / name).write_text(text.replace(old, new, 1))


FRONT = [
    ("bear-detector", "title: Bear detector\n", "", "title is missing"),
    ("bear-detector", 'emoji: "🐻"', "emoji: bear", "must be one emoji"),
    ("bear-detector", 'emoji: "🐻"', 'emoji: "🐻🐻🐻🐻🐻🐻🐻🐻🐻"', "must be one emoji"),
    ("bear-detector", "colorFrom: green", "colorFrom: teal", "colorFrom is 'teal'"),
    ("bear-detector", "colorTo: blue\n", "", "colorTo is None"),
    ("bear-detector", "sdk: gradio", "sdk: streamlit", "sdk: streamlit is gone"),
    ("bear-detector", "sdk: gradio", "sdk: flask", "must be one of gradio, docker, static"),
    ("bear-detector", "sdk_version: 6.31.0", "sdk_version: 6.31", "must be a whole version"),
    ("bear-detector", "sdk_version: 6.31.0", "sdk_version: 6.30.0", "Both must be the same"),
    ("bear-detector", 'python_version: "3.11"', "python_version: 3.11", "must be quoted"),
    ("bear-detector", 'python_version: "3.11"', 'python_version: "2.7"', "must be quoted"),
    ("bear-detector", "app_file: app.py", "app_file: main.py", "there is no such file"),
    ("bear-detector", "pinned: false", "pinned: false\napp_port: 7860", "app_port is for Docker"),
    ("bear-detector", "pinned: false", "pinned: false\nsuggested_storage: small", "suggested_storage is no setting of a Space any more"),
    ("bear-detector", "pinned: false", "pinned: false\ncolour: red", "colour is no setting of a Space."),
    ("bear-detector", "license: other", "license: public-domain-ish", "an identifier that the hub knows"),
    ("bear-detector", 'short_description: "', 'short_description: "a very, very, very long one: ', "at most 60 are shown"),
    ("bear-detector", "tags:\n- vitrine\n- bear-detector", "tags: vitrine", "tags must be a list"),
    ("bear-detector", "pinned: false", "pinned: false\nmodels:\n- resnet", "models must name repositories as owner/name"),
    ("rag-chatbot", "pinned: false", 'pinned: false\npython_version: "3.11"', "python_version means nothing with sdk: docker"),
    ("rag-chatbot", "pinned: false", "pinned: false\nsdk_version: 1.2.3", "sdk_version means nothing with sdk: docker"),
    ("rag-chatbot", "app_port: 7860", "app_port: 8501", "does not EXPOSE it"),
    ("zero", 'python_version: "3.12.12"', 'python_version: "3.11"', "ZeroGPU has 3.12.12 and 3.10.13"),
]
OTHER = [
    ("rag-chatbot", "Dockerfile", "python:3.11-slim-bookworm", "python:latest", "names no version of its image"),
    ("rag-chatbot", "Dockerfile", "python:3.11-slim-bookworm", "python", "names no version of its image"),
    ("rag-chatbot", "Dockerfile", "USER 1000\n", "", "runs as root"),
    ("rag-chatbot", "Dockerfile", "HEALTHCHECK", "# HEALTHCHECK", "has no HEALTHCHECK"),
    ("rag-chatbot", "Dockerfile", "EXPOSE 7860\n", "", "does not EXPOSE it"),
    ("rag-chatbot", "Dockerfile", "COPY --chown", "ADD --chown", "COPY, not ADD"),
    ("rag-chatbot", "Dockerfile", "WORKDIR /home/studio/app", "WORKDIR app", "is not absolute"),
    ("rag-chatbot", "Dockerfile", 'CMD ["python", "app.py"]', "CMD python app.py", "CMD must be a list"),
    ("rag-chatbot", "Dockerfile", " --no-cache-dir", "", "--no-cache-dir"),
    ("rag-chatbot", "Dockerfile", "USER 1000", "RUN apt-get update && apt-get install -y ffmpeg\nUSER 1000", "--no-install-recommends"),
    ("rag-chatbot", "Dockerfile", "RUN useradd", "RUN sudo useradd", "sudo has no place"),
    ("bear-detector", "requirements.txt", "torch==2.13.0", "torch", "please write name==version"),
    ("bear-detector", "requirements.txt", "torch==2.13.0", "torch>=2.13.0", "please write name==version"),
    ("bear-detector", "requirements.txt", "torch==2.13.0", "torch==2.13.0+cpu", "a build of this machine"),
    ("bear-detector", "requirements.txt", "torch==2.13.0", "torch==2.13.0\nTorch==2.13.0", "names Torch twice"),
    ("bear-detector", "requirements.txt", "torch==2.13.0", "torch==2.13.0\n-c constraints.txt", "that file alone"),
    ("bear-detector", "requirements.txt", "scipy==", "numpydoc==", "imports scipy, which requirements.txt does not bring"),
    ("bear-detector", "app.py", "bear_detector,", "bear_detector_2,", "app.py imports apps.bear_detector_2"),
    ("bear-detector", "app.py", "demo =", "demo = =", "app.py is not Python"),
    ("zero", "requirements.txt", "torch==2.11.0", "torch==2.13.0", "ZeroGPU has 2.11.0"),
    ("zero", "core/vision/predict.py", "@runtime.accelerated(seconds=15)\n", "", "No function borrows the GPU"),
]


@pytest.fixture
def space(whole, tmp_path):
    """slug -> a copy that a test may spoil; links save the time to copy weights"""

    def copy(slug):
        for path in whole[slug].rglob("*"):
            if path.is_file():
                place = folder.place(tmp_path / path.relative_to(whole[slug]))
                place.write_bytes(path.read_bytes()) if path.stat().st_size < 100_000 else place.hardlink_to(path)
        return tmp_path

    return copy


@pytest.mark.parametrize(("slug", "old", "new", "words"), FRONT, ids=lambda value: str(value)[:30])
def test_rules_of_the_front_matter(space, slug, old, new, words):
    place = space(slug)
    change(place, "README.md", old, new)
    assert [fault for fault in lint.lint(place) if words in fault]


@pytest.mark.parametrize(("slug", "name", "old", "new", "words"), OTHER, ids=lambda value: str(value)[:30])
def test_rules_of_the_other_files(space, slug, name, old, new, words):
    place = space(slug)
    change(place, name, old, new)
    assert [fault for fault in lint.lint(place) if words in fault]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [("big.bin", b"0" * (10 * 2**20 + 1), "git-xet"), ("model.pt", b"", "may run code"), ("core/__pycache__/x.cpython-311.pyc", b"", "is byte code"),
     (".env", b"TOKEN=1", "looks like a secret"), ("core/late.py", b"def f():\n    import pandas_profiling", "imports pandas_profiling"),
     ("core/late.py", b"from core.nowhere import x", "imports core.nowhere, which is not in the folder")],
)  # fmt: skip
def test_files_that_do_not_belong_there(space, name, content, words):
    place = space("bear-detector")
    folder.place(place / name).write_bytes(content)
    assert [fault for fault in lint.lint(place) if words in fault]


def test_links_and_missing_files(space):
    place = space("rag-chatbot")
    (place / "link").symlink_to("app.py")
    (place / "requirements.txt").unlink()
    (place / "Dockerfile").unlink()
    faults = " ".join(lint.lint(place))
    assert "link is a link" in faults and "requirements.txt is missing" in faults and "Dockerfile is missing" in faults


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "README.md is missing"),
        ("# Title\n", "does not begin with front matter"),
        ("---\na: [\n---\n", "is not YAML"),
        ("---\n- a\n---\n", "holds no settings"),
    ],
)
def test_a_readme_that_configures_nothing(tmp_path, text, words):
    if text is not None:
        (tmp_path / "README.md").write_text(text)
    assert words in lint.lint(tmp_path)[0]


def test_a_folder_that_is_none_is_a_sentence(tmp_path):
    with pytest.raises(BadInput, match="There is no folder"):
        lint.lint(tmp_path / "gone")
