"""Take the pictures of real results that the README and the hub show, in a running studio.

python assets/shots/make.py [SLUG...]      (needs the development requirements and Chromium)
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

from core.attendance import service as attendance_service  # noqa: E402
from tests.conftest import Server  # noqa: E402  (its register is a folder of its own)


def bear_detector(page, url):
    page.goto(f"{url}/bear-detector/")
    page.locator("input[type=file]").first.set_input_files(ROOT / "assets" / "examples" / "bear-detector" / "teddy.jpg")
    expect(page.locator(".verdict h2")).to_have_text("Teddy bear", timeout=60_000)


def gradcam_viewer(page, url):
    page.goto(f"{url}/gradcam-viewer/", timeout=120_000)
    page.locator("input[type=file]").first.set_input_files(ROOT / "assets" / "examples" / "gradcam-viewer" / "black.jpg")
    expect(page.locator(".verdict h2")).to_contain_text(":", timeout=120_000)


def attendance(page, url):
    examples = ROOT / "assets" / "examples" / "attendance"
    for name, photo in (("Eileen Collins", "collins"), ("Grace Hopper", "hopper")):
        attendance_service.attendance().enrol(name, [(photo, examples / f"{photo}.jpg")], consent=True)
    page.goto(f"{url}/attendance")
    page.get_by_role("button", name="Go on without a passcode").click(timeout=60_000)
    page.get_by_text("Photo", exact=True).click(timeout=60_000)
    page.get_by_text("Both of them").click(timeout=60_000)
    expect(page.get_by_text("checked in").first).to_be_visible(timeout=120_000)
    page.locator("img").first.scroll_into_view_if_needed()
    page.mouse.move(560, 350)
    page.mouse.wheel(0, 190)


def rag_chatbot(page, url):
    page.goto(f"{url}/pages/rag-chatbot")
    folder = ROOT / "assets" / "examples" / "rag-chatbot"
    page.locator("input[type=file]").set_input_files([folder / "lighthouse.pdf", folder / "bakery.md"])
    asked = page.get_by_placeholder("Ask your documents")
    asked.fill("Who designed the lighthouse?", timeout=120_000)
    asked.press("Enter")
    expect(page.get_by_text("Agnes Holloway").first).to_be_visible(timeout=60_000)


def face_generator(page, url):
    page.goto(f"{url}/face-generator/", timeout=120_000)
    wall = page.locator(".image-frame img").first
    expect(wall).to_be_visible(timeout=120_000)
    box = wall.bounding_box()
    wall.click(position={"x": 0.4 * box["width"], "y": 0.4 * box["height"]})
    expect(page.get_by_text("training photo").first).to_be_visible(timeout=60_000)


def deepfake_swap(page, url):
    page.goto(f"{url}/deepfake-swap/", timeout=120_000)
    page.get_by_role("row").nth(1).click()
    for which in ("source", "target"):
        expect(page.get_by_text(f"1 face found in the {which} photo.")).to_be_visible(timeout=180_000)
    page.get_by_label("I have the right to use both faces").first.check()
    page.get_by_role("button", name="Swap", exact=True).click()
    expect(page.locator(".verdict h2").first).to_have_text("Swapped, labelled, marked and signed", timeout=180_000)
    page.locator(".verdict").first.evaluate("box => box.scrollIntoView({block: 'start'})")


def style_transfer(page, url):
    page.goto(f"{url}/style-transfer/", timeout=240_000)
    page.locator("input[type=file]").first.set_input_files(ROOT / "assets" / "examples" / "style-transfer" / "astronaut.jpg")
    expect(page.get_by_text("Instant, like").first).to_be_visible(timeout=240_000)
    page.wait_for_timeout(3000)  # the two pictures of the slider come one after the other


SHOTS = {
    "bear-detector": bear_detector,
    "gradcam-viewer": gradcam_viewer,
    "deepfake-swap": deepfake_swap,
    "style-transfer": style_transfer,
    "attendance": attendance,
    "rag-chatbot": rag_chatbot,
    "face-generator": face_generator,
}


def sheet(slugs, path, width=440, columns=3):
    """All the pictures on one, for the top of the README."""
    shots = [Image.open(Path(__file__).with_name(f"{slug}.webp")) for slug in slugs]
    height, gap = round(width * 700 / 1120), 8
    rows = -(-len(shots) // columns)
    out = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + gap) + gap), "#d6d3d1")
    for k, shot in enumerate(shots):
        out.paste(shot.resize((width, height), Image.Resampling.LANCZOS), (gap + k % columns * (width + gap), gap + k // columns * (height + gap)))
    out.save(path, quality=86, method=6)


def faces(path):
    """36 generated faces, seeds 1 to 36, untruncated and unpicked."""
    from core.gan import predict

    predict.labelled(predict.sheet(predict.wall(1, 36, 1), 6, 128)).save(path, quality=88, method=6)


def main():
    server = Server(STUDIO_DATA=tempfile.mkdtemp())
    try:
        server.wait()
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
            page = browser.new_page(viewport={"width": 1120, "height": 700})
            for slug in sys.argv[1:] or SHOTS:
                SHOTS[slug](page, server.url)
                page.wait_for_timeout(1500)  # bars grow, pictures fade in
                Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(Path(__file__).with_name(f"{slug}.webp"), quality=88, method=6)
            browser.close()
        sheet(SHOTS, Path(__file__).with_name("studio.webp"))
        faces(Path(__file__).with_name("faces.webp"))
    finally:
        server.process.kill()
        server.process.wait()


if __name__ == "__main__":
    main()
