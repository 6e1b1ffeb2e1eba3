"""A visitor in front of a camera that shows a real face: enrol, check in, see the record, export, erase."""

import json

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.test_browser import CHROMIUM, FLAGS, HARMLESS, NARROW
from tests.conftest import LOCAL, ROOT, Server

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: install it, or name it in the variable CHROMIUM")]
expect.set_options(timeout=60_000)
FACE = ROOT / "assets" / "examples" / "attendance" / "collins.jpg"


@pytest.fixture
def server(tmp_path):
    with Server("serve", "attendance", STUDIO_ATTENDANCE=str(tmp_path / "register")) as server:
        yield server


@pytest.fixture
def page(tmp_path):
    """Chromium as on a phone, whose camera shows FACE; requests that leave the machine and console errors fail the test."""
    camera, faults = tmp_path / "face.mjpeg", []
    camera.write_bytes(FACE.read_bytes() * 20)
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, f"--use-file-for-fake-video-capture={camera}"])
        page = chromium.new_page(viewport=NARROW)
        page.set_default_timeout(60_000)
        page.on("request", lambda r: r.url.startswith(("data:", "blob:")) or r.url.split("/")[2].split(":")[0] in LOCAL or faults.append(r.url))
        page.on("console", lambda m: m.type == "error" and not m.location.get("url", "").endswith(HARMLESS) and faults.append(m.text))
        yield page
        chromium.close()
    assert faults == []


def photograph(page):
    """Wait for the camera's picture, then take it."""
    page.wait_for_function("[...document.querySelectorAll('video')].some(v => v.videoWidth > 0 && !v.paused && v.offsetParent)")
    page.get_by_role("button", name="Take Photo").locator("visible=true").click()


def tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def test_enrol_check_in_record_export_erase(page, server):
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Attendance")).to_be_visible()
    page.get_by_role("button", name="Go on without a passcode").click()

    tab(page, "Enrol")
    photograph(page)
    expect(page.get_by_text("1 photo ready.")).to_be_visible()
    page.get_by_label("Name", exact=True).locator("visible=true").fill("Eileen Collins")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Enrol", exact=True).locator("visible=true").click()
    expect(page.get_by_text("Eileen Collins has not agreed yet").locator("visible=true")).to_be_visible()
    page.get_by_text("The person has agreed to this").locator("visible=true").click()
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Enrol", exact=True).locator("visible=true").click()
    expect(page.get_by_text("Eileen Collins is enrolled with 1 of 1 photos.")).to_be_visible()

    tab(page, "Check in")
    photograph(page)
    expect(page.get_by_text("Eileen Collins checked in.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"

    tab(page, "Register")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV", exact=True).click()
    assert "Eileen Collins" in download.value.path().read_text() and "webcam" in download.value.path().read_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download for Excel", exact=True).click()
    assert download.value.path().read_bytes()[:2] == b"PK"

    tab(page, "People")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export everything").click()
    said = json.loads(download.value.path().read_text())
    assert said["person"]["name"] == "Eileen Collins" and len(said["faces"][0]["vector"]) == 128 and said["records"][0]["source"] == "webcam"
    page.get_by_role("button", name="Erase Eileen Collins").click()
    expect(page.get_by_text("Eileen Collins was erased")).to_be_visible()
    expect(page.get_by_text("Nobody is enrolled.")).to_be_visible()
