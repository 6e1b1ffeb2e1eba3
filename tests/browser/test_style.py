"""The style transfer in headless Chromium."""

from playwright.sync_api import expect

from apps import registry
from tests.browser.test_browser import browser, phone, pytestmark, visit  # noqa: F401  (fixtures, and when to skip)

CUP = registry.find("style-transfer").examples[0][0]


def test_from_the_hub_to_a_painting_and_another_style(visit, hub):  # noqa: F811
    visit.goto(hub.url)
    visit.get_by_role("link", name="Style transfer").click()
    expect(visit.get_by_text("Add a photo, or pick an example").first).to_be_visible(timeout=60_000)
    visit.locator("input[type=file]").first.set_input_files(CUP)
    expect(visit.get_by_text("Instant, like Starry night").first).to_be_visible(timeout=90_000)
    expect(visit.get_by_text("Any painting about").first).to_be_visible()
    visit.get_by_text("The scream", exact=True).first.click()
    expect(visit.get_by_text("Instant, like The scream").first).to_be_visible(timeout=60_000)
    assert visit.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"


def test_patience_can_be_stopped_and_gone_on_with(phone, hub):  # noqa: F811
    phone.goto(hub.url + "/style-transfer/")
    phone.locator("input[type=file]").first.set_input_files(CUP)
    expect(phone.get_by_text("Instant, like").first).to_be_visible(timeout=90_000)
    phone.get_by_role("tab", name="Patient").click()
    phone.get_by_role("button", name="Paint", exact=True).click()
    expect(phone.get_by_text("left.").first).to_be_visible(timeout=90_000)
    phone.get_by_role("button", name="Stop", exact=True).click()
    expect(phone.get_by_text("Stopped after").first).to_be_visible(timeout=60_000)
    phone.get_by_role("button", name="Go on").click()
    expect(phone.get_by_text("left.").first).to_be_visible(timeout=90_000)
