"""One Gradio and one Streamlit export, started on their own and asked over HTTP; `export --check` does it for all, with an installation of each."""

import dataclasses
import subprocess
import sys

import pytest

from apps import registry
from apps.endpoints import Call, Endpoint, Parameter
from apps.spaces import check, folder
from core.errors import StudioError
from core.images import open_image
from core.provenance import watermark
from tests.conftest import EXAMPLES, ROOT


@pytest.mark.parametrize("slug", ["bear-detector", "rag-chatbot"])
def test_an_export_runs_without_the_repository_and_gives_the_studios_answers(slug):
    row = check.check(registry.find(slug), install=False)
    assert row.slug == slug and row.calls >= 1 and row.first_answer_s > 0 and row.folder_mb < 25
    if sys.platform == "linux":
        assert 50 < row.resident_mb < 900


def test_an_answer_that_is_wrong_is_told(monkeypatch, tmp_path):
    call = Call(Endpoint("detect", "", (Parameter("photo", "file", True, None, ""),), ""), {"photo": EXAMPLES / "teddy.jpg"}, {"label": "teddy"})
    app, here = registry.find("bear-detector"), check.here(registry.find("bear-detector"), None or call, tmp_path)
    check.right(app, call, here, tmp_path)
    with pytest.raises(StudioError, match="should say"):
        check.right(app, call, here | {"label": "grizzly"}, tmp_path)
    with pytest.raises(StudioError, match="something else than the studio"):
        check.right(app, call, here | {"bear": 0.1}, tmp_path)


def test_an_export_that_does_not_start_says_why(tmp_path):
    (tmp_path / "app.py").write_text("raise SystemExit('no port today')")
    with pytest.raises(StudioError, match="no port today"), check.started(sys.executable, tmp_path, tmp_path):
        pass


def test_requirements_that_cannot_be_installed_are_a_sentence(tmp_path, monkeypatch):
    real = subprocess.run

    def refused(command, **options):
        return real([sys.executable, "-c", "import sys; sys.exit('no such version')"], **options) if "pip" in command else real([sys.executable, "-c", ""])

    monkeypatch.setattr(subprocess, "run", refused)
    with pytest.raises(StudioError, match="cannot be installed: no such version"):
        check.installed(tmp_path, tmp_path / "environment")


def test_a_failing_app_does_not_keep_the_others_from_being_checked(monkeypatch, capsys):
    good = check.Row("x", 1.0, None, None, 2.0, 1.0, 100, 1)

    def one(app):
        if app.slug == "rag-chatbot":
            raise StudioError("It does not start.")
        return dataclasses.replace(good, slug=app.slug)

    monkeypatch.setattr(check, "check", one)
    assert check.run([], False) == 1
    said = capsys.readouterr()
    assert "rag-chatbot: It does not start." in said.err and said.out.startswith(check.HEAD) and "| `hub` |" in said.out


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [({"a": 1.0, "seconds": 3}, {"a": 1.0004, "seconds": 9}, True), ({"a": 1.0}, {"a": 1.1}, False), ({"a": 1}, {"b": 1}, False), ([1, 2], [1], False),
     ("0" * 32, "f" * 32, True), ("2026-11-21T08:37:43+00:00", "2026-11-21T09:00:00+00:00", True), ("a", "b", False), (None, None, True), ("x", 1.0, False)],
)  # fmt: skip
def test_what_counts_as_the_same_answer(one, other, same):
    assert check.alike(one, other) is same


def test_pictures_are_compared_pixel_by_pixel(tmp_path, photo):
    photo.save(tmp_path / "a.png")
    assert (
        check.alike(str(tmp_path / "a.png"), photo)
        and not check.alike(str(tmp_path / "a.png"), photo.rotate(180))
        and not check.alike(str(tmp_path / "a.png"), photo.resize((9, 9)))
    )


def test_one_pixel_counts_unless_a_mark_of_another_minute_may_have_changed_it(tmp_path):
    scene = open_image(ROOT / "assets" / "examples" / "deepfake-swap" / "collins.jpg")
    touched = scene.copy()
    touched.putpixel((5, 5), (1, 2, 3))
    touched.save(tmp_path / "touched.png")
    assert not check.alike(str(tmp_path / "touched.png"), scene)
    early, late = (watermark.mark(scene, bytes([0, 0, 0, minute])) for minute in (1, 200))
    early.save(tmp_path / "early.png")
    assert early.tobytes() != late.tobytes() and check.alike(str(tmp_path / "early.png"), late)
    assert not check.alike(str(tmp_path / "early.png"), late.rotate(180))


def test_what_must_stand_in_an_answer():
    assert check.holds({"a": [{"b": 1, "c": 2}, 3]}, {"a": [{"b": 1}]}) and not check.holds({"a": []}, {"a": [1]}) and not check.holds({}, {"a": 1})


def test_the_hub_is_asked_app_by_app():
    assert [app.slug for app, _ in check.asked(folder.HUB, "http://127.0.0.1:1")] == [app.slug for app in registry.APPS]
