"""A visitor in headless Chromium: from the hub to a verdict, with nothing leaving this machine."""

import contextlib
import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from tests import hostile
from tests.conftest import EXAMPLES, LOCAL, ROOT

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: install it, or name it in the variable CHROMIUM"),
]
# Streamlit asks these of every page's own folder before it asks the right one; see its issue on sub-page addresses.
expect.set_options(timeout=30_000)  # a first answer loads torch, on a machine that may be busy
HARMLESS = ("_stcore/health", "_stcore/host-config")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextlib.contextmanager
def visiting(browser, size):
    """A page that fails its test on requests that leave the machine, on console errors and on uncaught exceptions."""
    context = browser.new_context(viewport=size, color_scheme="dark" if size == NARROW else "light")
    page, faults = context.new_page(), []
    page.set_default_timeout(60_000)

    def on_request(asked):
        if not asked.url.startswith(("data:", "blob:", "about:")) and asked.url.split("/")[2].split(":")[0] not in LOCAL:
            faults.append(f"request to {asked.url}")

    def on_console(message):
        url = message.location.get("url", "")
        if message.type == "error" and not url.endswith(HARMLESS):
            faults.append(f"console: {message.text} at {url}")

    page.on("request", on_request)
    page.on("websocket", lambda socket: socket.url.split("/")[2].split(":")[0] in LOCAL or faults.append(socket.url))
    page.on("console", on_console)
    page.on("pageerror", lambda error: faults.append(f"exception: {error}"))
    yield page
    context.close()
    assert faults == []


@pytest.fixture(params=[WIDE, NARROW], ids=["desktop", "phone"])
def visit(browser, request):
    """For what every visitor does first, on a desktop and on a phone."""
    with visiting(browser, request.param) as page:
        yield page


@pytest.fixture
def phone(browser):
    """For what comes after: on a phone, where there is the least room for it."""
    with visiting(browser, NARROW) as page:
        yield page


@pytest.fixture
def desktop(browser):
    with visiting(browser, WIDE) as page:
        yield page


def open_detector(page, hub):
    page.goto(hub.url)
    page.get_by_role("link", name="Bear detector").click()
    expect(page.get_by_role("heading", name="Bear detector")).to_be_visible()
    expect(page.locator(".verdict h2")).to_have_text("Which bear is it?")


def test_from_the_hub_to_a_verdict(visit, hub):
    open_detector(visit, hub)
    visit.locator("input[type=file]").first.set_input_files(EXAMPLES / "teddy.jpg")
    expect(visit.locator(".verdict h2")).to_have_text("Teddy bear")
    assert visit.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"


def test_an_example_and_then_a_broken_file_and_then_a_good_one(phone, hub, tmp_path):
    open_detector(phone, hub)
    phone.locator(".gallery button, .gallery-item").nth(3).click()
    expect(phone.locator(".verdict h2")).to_have_text("No bear here")
    paths = hostile.write_all(tmp_path)
    for name in ("text.jpg", "bomb.png", "heavy.png"):
        phone.get_by_label("Remove Image").click()
        expect(phone.locator(".verdict h2")).to_have_text("Which bear is it?")
        expect(phone.get_by_text("Drop Image Here").first).to_be_visible()
        phone.locator("input[type=file]").first.set_input_files(paths[name])
        expect(phone.locator(".verdict p")).to_contain_text(hostile.BAD[name][1])


def test_the_webcam(phone, hub):
    open_detector(phone, hub)
    phone.get_by_label("Capture from camera").click()
    phone.get_by_text("Click to Access Webcam").click()
    phone.wait_for_function("[...document.querySelectorAll('video')].some(v => v.videoWidth > 0 && !v.paused)")
    phone.get_by_label("capture photo").click()
    expect(phone.locator(".verdict h2")).not_to_have_text("Which bear is it?")


def test_several_photos(phone, hub):
    open_detector(phone, hub)
    phone.get_by_role("tab", name="Several").click()
    phone.locator("input[type=file][multiple]").set_input_files([EXAMPLES / "teddy.jpg", EXAMPLES / "coffee.jpg"])
    expect(phone.locator("[aria-label='coffee.jpg']").last).to_be_visible()
    phone.get_by_role("button", name="Look at all of them").click()
    expect(phone.get_by_role("gridcell", name="teddy bear").or_(phone.locator("td", has_text="teddy bear")).first).to_be_visible()
    with phone.expect_download() as download:
        phone.get_by_role("button", name="Download as CSV").or_(phone.get_by_role("link", name="Download as CSV")).first.click()
    assert download.value.path().read_text().count("\n") == 3


def test_train_your_own_and_use_it_at_once(phone, hub, tmp_path):
    open_detector(phone, hub)
    phone.get_by_role("tab", name="Train", exact=True).click()
    phone.get_by_role("button", name="Train", exact=True).click()
    expect(phone.get_by_text("Please add photos of at least two classes first.")).to_be_visible()
    phone.get_by_role("button", name="Fill with our examples").click()
    expect(phone.locator(".chips li")).to_have_text(["mug 8 photos", "cat 8 photos", "teddy 8 photos"])
    phone.get_by_label("Class", exact=True).fill("bear")
    phone.locator("input[type=file][multiple]").last.set_input_files([EXAMPLES / f"{name}.jpg" for name in ("black", "grizzly")])
    expect(phone.locator("[aria-label='grizzly.jpg']").last).to_be_visible()  # a click before the upload is done finds no photos
    phone.get_by_role("button", name="Add to the class").click()
    expect(phone.locator(".chips li").last).to_have_text("bear 2 photos")
    phone.get_by_role("button", name="Train", exact=True).click()
    expect(phone.get_by_text("The class bear has 2 photos; at least 5 are needed.")).to_be_visible()
    for left in (1, 0):
        phone.locator(".grid-wrap button").last.click()
        phone.get_by_role("button", name="Delete").click()
        expect(phone.get_by_text(f"bear {left} photo")).to_be_visible() if left else expect(phone.locator(".chips li")).to_have_count(3)
    phone.get_by_role("button", name="Train", exact=True).click()
    expect(phone.locator(".charts svg")).to_have_count(2)
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
    with phone.expect_download() as download:
        phone.get_by_role("button", name="Download the classifier").or_(phone.get_by_role("link", name="Download the classifier")).first.click()
    assert 4e6 < download.value.path().stat().st_size < 10e6
    phone.get_by_role("tab", name="Photo", exact=True).click()
    phone.locator("input[type=file]").first.set_input_files(EXAMPLES / "coffee.jpg")
    expect(phone.locator(".verdict h2").first).to_have_text("Mug")


def test_the_keyboard_reaches_every_card(desktop, hub):
    desktop.goto(hub.url)
    desktop.keyboard.press("Tab")
    assert desktop.evaluate("document.activeElement.matches('[data-app]')")
    desktop.keyboard.press("Enter")
    expect(desktop.get_by_role("heading", name="Bear detector")).to_be_visible()


def test_model_cards(phone, hub):
    phone.goto(hub.url)
    phone.get_by_role("link", name="Model cards").click()
    expect(phone.get_by_text("Known weaknesses").first).to_be_visible()
    phone.get_by_role("button", name="Check the file now").first.click()
    expect(phone.get_by_text("the one this studio was tested with")).to_be_visible()


def test_the_chatbot_answers_shows_its_source_and_says_what_is_not_there(visit, hub):
    visit.goto(hub.url)
    visit.get_by_role("link", name="RAG chatbot").click()
    expect(visit.get_by_role("heading", name="RAG chatbot")).to_be_visible()
    folder = ROOT / "assets" / "examples" / "rag-chatbot"
    visit.locator("input[type=file]").set_input_files([folder / "lighthouse.pdf", folder / "bakery.md"])
    expect(visit.get_by_text("Added lighthouse.pdf, bakery.md.")).to_be_visible(timeout=90_000)
    asked = visit.get_by_placeholder("Ask your documents")
    asked.fill("Who designed the lighthouse?")
    asked.press("Enter")
    expect(visit.get_by_text("Agnes Holloway").first).to_be_visible()
    visit.get_by_role("button", name="lighthouse.pdf, page 1").click()
    expect(visit.get_by_role("dialog").locator("mark")).to_contain_text("Agnes Holloway")
    expect(visit.get_by_role("dialog").locator("img")).to_be_visible()
    visit.keyboard.press("Escape")
    asked.fill("Who won the football world cup in Brazil?")
    asked.press("Enter")
    expect(visit.get_by_text("The documents do not say.").first).to_be_visible()
    assert visit.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
