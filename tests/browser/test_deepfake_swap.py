"""The face swap in headless Chromium: consent, swap, label, verify."""

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from tests.browser.test_browser import browser, pytestmark, visit  # noqa: F401  (fixtures, and when to skip)


def test_swap_see_the_label_and_verify(visit, hub, tmp_path):  # noqa: F811
    visit.goto(hub.url)
    visit.get_by_role("link", name="Deepfake swap").click()
    expect(visit.get_by_role("heading", name="Deepfake swap")).to_be_visible()
    panel = visit.locator(".verdict h2").first
    visit.get_by_role("row").nth(1).click()  # the first example: both photos
    expect(visit.get_by_text("1 face found in the").first).to_be_visible(timeout=90_000)
    visit.get_by_role("button", name="Swap", exact=True).click()
    expect(panel).to_have_text("Not yet")
    visit.get_by_label("I have the right to use both faces").first.check()
    visit.get_by_role("button", name="Swap", exact=True).click()
    expect(panel).to_have_text("Swapped, labelled, marked and signed", timeout=90_000)
    assert visit.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
    with visit.expect_download() as download:
        visit.get_by_role("button", name="Download, sealed").or_(visit.get_by_role("link", name="Download, sealed")).first.click()
    saved = tmp_path / "swap.png"
    download.value.save_as(saved)
    corner = np.asarray(Image.open(saved).convert("L"))[-60:, :160]
    assert corner.min() < 60 and corner.max() > 240  # white letters on a dark plate
    visit.get_by_role("tab", name="Verify", exact=True).click()
    visit.locator("input[type=file]").last.set_input_files(saved)
    expect(visit.locator(".verdict h2").last).to_have_text("Made here: swapped", timeout=60_000)
