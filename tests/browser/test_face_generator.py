"""The face generator in headless Chromium."""

from playwright.sync_api import expect

from tests.browser.test_browser import browser, desktop, pytestmark, visit  # noqa: F401  (fixtures, and when to skip)


def test_from_the_hub_to_a_wall_a_picked_face_and_a_slider(visit, hub):  # noqa: F811
    visit.goto(hub.url)
    visit.get_by_role("link", name="Face generator").click()
    wall = visit.locator(".image-frame img").first
    expect(wall).to_be_visible(timeout=90_000)
    box = wall.bounding_box()
    wall.click(position={"x": 0.6 * box["width"], "y": 0.6 * box["height"]})
    expect(visit.get_by_text("Seed 11.").first).to_be_visible(timeout=30_000)
    expect(visit.get_by_text("training photo").first).to_be_visible()
    assert visit.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
    visit.get_by_role("tab", name="Edit").click()
    edited = visit.get_by_role("tabpanel").locator("img:visible").first
    expect(edited).to_be_visible(timeout=30_000)
    before = edited.get_attribute("src")
    slider = visit.get_by_role("tabpanel").locator("input[type=range]:visible").first
    slider.focus()
    slider.press("End")
    expect(edited).not_to_have_attribute("src", before, timeout=30_000)
    visit.get_by_label("Reset to default value").locator("visible=true").first.click()
    expect(edited).to_have_attribute("src", before, timeout=30_000)


def test_truncation_by_keyboard(desktop, hub):  # noqa: F811
    desktop.goto(hub.url + "/face-generator/")
    wall = desktop.locator(".image-frame img").first
    expect(wall).to_be_visible(timeout=90_000)
    before, slider = wall.get_attribute("src"), desktop.get_by_label("range slider for Truncation")
    for _ in range(4):
        slider.press("ArrowLeft")
    expect(wall).not_to_have_attribute("src", before)
    for _ in range(4):
        slider.press("ArrowRight")
    expect(wall).to_have_attribute("src", before)
