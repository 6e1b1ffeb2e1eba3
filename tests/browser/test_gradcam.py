"""The Grad-CAM viewer in headless Chromium."""

import re

from playwright.sync_api import expect

from tests.browser.test_browser import browser, phone, pytestmark, visit  # noqa: F401  (fixtures, and when to skip)
from tests.conftest import EXAMPLES


def test_from_the_hub_to_a_map_a_verdict_and_a_box(visit, hub):  # noqa: F811
    visit.goto(hub.url)
    visit.get_by_role("link", name="Grad-CAM viewer").click()
    expect(visit.locator(".verdict h2")).to_have_text("Why does it say so?")
    visit.locator("input[type=file]").first.set_input_files(EXAMPLES / "teddy.jpg")
    expect(visit.locator(".verdict h2")).to_contain_text("Teddy:", timeout=90_000)
    picture = visit.locator("[data-testid=image] img, .image-frame img").last
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    for x, y in ((0.2, 0.1), (0.8, 0.9)):
        picture.click(position={"x": x * box["width"], "y": y * box["height"]})
        expect(visit.get_by_text("opposite corner" if x < 0.5 else "of the map lies in your box").first).to_be_visible()
        visit.wait_for_timeout(500)  # the picture with the mark on it takes the place of the one before
        visit.wait_for_function("[...document.images].every(image => image.complete)")
    visit.get_by_role("radio", name="grizzly").check()
    expect(visit.locator(".verdict h2")).to_contain_text("Grizzly")
    assert visit.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"


def test_the_model_forgets(phone, hub):  # noqa: F811
    phone.goto(hub.url + "/gradcam-viewer/")
    phone.locator("input[type=file]").first.set_input_files(EXAMPLES / "teddy.jpg")
    expect(phone.locator(".verdict h2")).to_contain_text("Teddy", timeout=90_000)
    phone.get_by_role("tab", name="Sanity").click()
    phone.get_by_role("button", name="Let it forget").click()
    expect(phone.get_by_text("rank correlation").first).to_be_visible(timeout=90_000)


def test_the_newest_wish_wins(phone, hub):  # noqa: F811
    phone.goto(hub.url + "/gradcam-viewer/")
    phone.locator("input[type=file]").first.set_input_files(EXAMPLES / "teddy.jpg")
    expect(phone.locator(".verdict h2")).to_contain_text("Teddy:", timeout=90_000)
    drawn, progress = phone.locator(".image-frame img").last, phone.get_by_text("Drawing", exact=False).first
    first = drawn.get_attribute("src")
    for name in ("Score-CAM", "Grad-CAM"):  # the second while the first is being drawn
        phone.get_by_label("Method").click()
        phone.get_by_role("option", name=re.compile(rf"^(✓\s*)?{name}$")).click()
        if name == "Score-CAM":
            expect(progress).to_be_visible()
    expect(progress).to_have_count(0, timeout=90_000)
    expect(phone.locator(".verdict h2")).to_contain_text("Teddy:", timeout=90_000)
    assert drawn.get_attribute("src") == first
    for name in ("grizzly", "black"):
        phone.get_by_role("radio", name=name).click()
    expect(phone.locator(".verdict h2")).to_contain_text("Black:", timeout=90_000)
    expect(phone.get_by_role("radio", name="black")).to_be_checked()
