"""The face swap in headless Chromium: consent, swap, label, verify."""

import numpy as np
from PIL import Image, ImageEnhance
from playwright.sync_api import expect

from core.images import open_image
from tests.browser.test_browser import browser, phone, pytestmark, visit  # noqa: F401  (fixtures, and when to skip)
from tests.conftest import ROOT, zip_photos


def test_swap_see_the_label_and_verify(visit, hub, tmp_path):  # noqa: F811
    visit.goto(hub.url)
    visit.get_by_role("link", name="Deepfake swap").click()
    expect(visit.get_by_role("heading", name="Deepfake swap")).to_be_visible()
    panel = visit.locator(".verdict h2").first
    visit.get_by_role("row").nth(1).click()  # the first example: both photos
    expect(visit.locator(".image-frame img").locator("visible=true")).to_have_count(2)
    visit.get_by_role("button", name="Swap", exact=True).click()  # while both may still be looked at
    expect(visit.get_by_text("Please confirm first")).to_be_visible(timeout=90_000)
    for which in ("source", "target"):
        expect(visit.get_by_text(f"1 face found in the {which} photo.")).to_be_visible(timeout=90_000)
    expect(panel).to_have_text("Not yet")  # what the looking found does not take its place
    visit.get_by_label("I have the right to use both faces").first.check()
    visit.get_by_role("button", name="Swap", exact=True).click()
    expect(panel).to_have_text("Swapped, labelled, marked and signed", timeout=90_000)
    assert visit.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
    expect(visit.locator(".image-frame img").locator("visible=true")).to_have_count(3)
    visit.wait_for_function("[...document.images].every(image => image.complete)")  # until then the result may push the button away
    with visit.expect_download() as download:
        visit.get_by_role("button", name="Download, sealed").or_(visit.get_by_role("link", name="Download, sealed")).first.click()
    saved = tmp_path / "swap.png"
    download.value.save_as(saved)
    corner = np.asarray(Image.open(saved).convert("L"))[-60:, :160]
    assert corner.min() < 60 and corner.max() > 240  # white letters on a dark plate
    visit.get_by_role("tab", name="Verify", exact=True).click()
    visit.locator("input[type=file]").last.set_input_files(saved)
    expect(visit.locator(".verdict h2").last).to_have_text("Made here: swapped", timeout=60_000)


def people(folder):
    """Eight photos of each of two people -> the paths of two zips."""
    for name in ("collins", "hopper"):
        photo = open_image(ROOT / "assets" / "examples" / "deepfake-swap" / f"{name}.jpg")
        rows = [(name, f"{k}.png", ImageEnhance.Brightness(photo).enhance(0.8 + 0.05 * k)) for k in range(8)]
        (folder / f"{name}.zip").write_bytes(zip_photos(rows))
    return folder / "collins.zip", folder / "hopper.zip"


def test_train_a_pair_pause_and_paint_with_it(phone, hub, tmp_path):  # noqa: F811
    phone.goto(hub.url + "/deepfake-swap/")
    phone.get_by_role("tab", name="Train", exact=True).click()
    panel = phone.locator(".verdict h2:visible").first
    phone.get_by_role("button", name="Train", exact=True).click()
    expect(panel).to_have_text("Not yet")
    shown = phone.get_by_role("tabpanel").filter(has_text="The classic deepfake").locator("input[type=file]")
    for k, path in enumerate(people(tmp_path)):
        shown.nth(k).set_input_files(path)
        expect(phone.get_by_text(path.name).first).to_be_visible()
    phone.get_by_role("button", name="Find faces").click()
    expect(panel).to_have_text("Ready to train", timeout=120_000)
    phone.get_by_label("Minutes").fill("5")
    phone.get_by_role("button", name="Train", exact=True).click()
    expect(panel).to_have_text("Training", timeout=120_000)
    phone.get_by_role("button", name="Pause").click()
    phone.get_by_text("Use it on a photo").click()
    empty = phone.get_by_role("button", name="Drop an image file here to upload").locator("visible=true")
    expect(empty).to_have_count(1)  # the accordion is open, its inputs are there
    shown.last.set_input_files(ROOT / "assets" / "examples" / "deepfake-swap" / "collins.jpg")
    expect(empty).to_have_count(0)
    phone.get_by_label("I have the right to use both faces").last.check()
    phone.get_by_role("button", name="Swap with the pair").click()
    expect(phone.get_by_text("Swapped, labelled, marked and signed").last).to_be_visible(timeout=120_000)
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
    phone.screenshot(path=str(tmp_path / "train.png"), full_page=True)
