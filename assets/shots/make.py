"""Take the pictures of real results that the README and the hub show, in a running studio.

python assets/shots/make.py      (needs the development requirements and Chromium)
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.conftest import Server  # noqa: E402


def bear_detector(page, url):
    page.goto(f"{url}/bear-detector/")
    page.locator("input[type=file]").first.set_input_files(ROOT / "assets" / "examples" / "bear-detector" / "teddy.jpg")
    expect(page.locator(".verdict h2")).to_have_text("Teddy bear", timeout=60_000)


def rag_chatbot(page, url):
    page.goto(f"{url}/pages/rag-chatbot")
    folder = ROOT / "assets" / "examples" / "rag-chatbot"
    page.locator("input[type=file]").set_input_files([folder / "lighthouse.pdf", folder / "bakery.md"])
    asked = page.get_by_placeholder("Ask your documents")
    asked.fill("Who designed the lighthouse?", timeout=120_000)
    asked.press("Enter")
    expect(page.get_by_text("Agnes Holloway").first).to_be_visible(timeout=60_000)


def main():
    server = Server(STUDIO_DATA=tempfile.mkdtemp())
    try:
        server.wait()
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
            page = browser.new_page(viewport={"width": 1120, "height": 700})
            for slug, show in {"bear-detector": bear_detector, "rag-chatbot": rag_chatbot}.items():
                show(page, server.url)
                page.wait_for_timeout(1500)  # bars grow, pictures fade in
                Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(Path(__file__).with_name(f"{slug}.webp"), quality=88, method=6)
            browser.close()
    finally:
        server.process.kill()
        server.process.wait()


if __name__ == "__main__":
    main()
