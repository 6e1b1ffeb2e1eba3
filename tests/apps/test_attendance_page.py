"""The attendance page without a browser: passcode, sentences, and where it may be served."""

import gc
from datetime import time

import pytest
from streamlit.testing.v1 import AppTest

from core.attendance import service
from tests.conftest import ROOT, Server, get, run_python

FACES = ROOT / "assets" / "examples" / "attendance"
SCRIPT = "from apps import attendance; attendance.main()"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_ATTENDANCE", str(tmp_path / "data"))
    for name in ("DATABASE_URL", "STUDIO_ATTENDANCE_KEY", "STUDIO_ATTENDANCE_PASSCODE", "STUDIO_HOST"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "data"


def visit():
    return AppTest.from_string(SCRIPT, default_timeout=60).run()


def shown(page):
    assert not page.exception
    return " ".join(e.value for kind in (page.error, page.success, page.info, page.warning) for e in kind)


def press(page, label):
    next(b for b in page.button if b.label == label).click()
    return page.run()


def enter(page, passcode, label):
    page.text_input[0].set_value(passcode)
    return press(page, label)


def test_the_first_visitor_chooses_a_passcode_and_the_next_is_asked_for_it():
    page = visit()
    assert "6 characters" in shown(enter(page, "short", "Set passcode")) and not page.tabs
    assert enter(page, "long enough", "Set passcode").tabs
    page = visit()
    assert "not the passcode" in shown(enter(page, "wrong one", "Open")) and not page.tabs
    assert enter(page, "long enough", "Open").tabs and "Nobody is enrolled yet" in shown(page)


def test_beyond_this_machine_the_page_stays_shut_without_a_passcode(monkeypatch):
    monkeypatch.setenv("STUDIO_HOST", "0.0.0.0")
    page = visit()
    assert "not served on 0.0.0.0 without a passcode" in shown(page) and not page.text_input and not page.button
    monkeypatch.setenv("STUDIO_ATTENDANCE_PASSCODE", "from outside")
    assert [b.label for b in visit().button] == ["Open"]


def test_serve_refuses_to_start_beyond_this_machine_without_a_passcode(tmp_path):
    done = run_python("-m", "apps", "serve", "attendance", "--host", "0.0.0.0", STUDIO_ATTENDANCE=str(tmp_path / "register"))
    assert done.returncode == 1 and "without a passcode" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_damaged_register_and_a_wrong_key_are_one_sentence_on_the_page(folder):
    service.attendance()
    key = (folder / "register.key").read_text()
    service._opened.cache_clear()
    (folder / "register.key").write_text("A" * 43 + "=")
    assert "key does not fit" in shown(visit())
    gc.collect()  # a register that is still open would write its log over the damage below
    (folder / "register.key").write_text(key)
    (folder / "register.sqlite").write_bytes(b"nothing of a database" * 500)
    for log in ("register.sqlite-wal", "register.sqlite-shm"):
        (folder / log).unlink(missing_ok=True)
    page = visit()
    assert "is damaged" in shown(page) and len(page.error) == 1


def test_a_camera_that_is_none_is_a_sentence():
    service.attendance().enrol("Grace", [("a", FACES / "hopper.jpg")], consent=True)
    page = press(visit(), "Go on without a passcode (this machine only)")
    page.segmented_control[0].set_value("Network camera") if hasattr(page, "segmented_control") else page.button_group[0].set_value(["Network camera"])
    page.run()
    next(t for t in page.text_input if t.label == "Address").set_value("/etc/passwd").run()
    assert "begins with http" in shown(press(page, "Start"))


def test_looking_makes_no_session_and_a_changed_start_is_kept():
    register = service.attendance()
    press(visit(), "Go on without a passcode (this machine only)")
    assert register.register.sessions() == []
    register.open_session("Day", "08:00")
    page = press(visit(), "Go on without a passcode (this machine only)")
    assert page.time_input[0].value.hour == 8
    page.time_input[0].set_value(time(8, 30)).run()
    assert [s.starts for s in register.register.sessions()] == ["08:30"] and not page.exception


def test_the_hub_sends_the_slug_to_the_page(hub):
    status, body = get(hub.url + "/attendance")
    assert status == 200 and "streamlit" in body.lower()


def test_served_alone_it_is_the_first_page():
    with Server("serve", "attendance") as server:
        assert get(server.url + "/")[0] == 200 and get(server.url + "/_stcore/health")[0] == 200
