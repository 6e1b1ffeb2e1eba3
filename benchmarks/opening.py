"""How long a visitor waits: the hub's start, each page's opening, and the face generator's first wall, in headless Chromium.

    python benchmarks/opening.py [--rounds 3] [--json]

Every round starts a fresh hub for each app, waits on its landing page as long as it takes to read a card (`READING`), then
clicks on one. The clock runs from that click: torch, the app and its model are all still to be loaded. Medians of the rounds.
It needs what the browser tests need: Playwright (requirements-dev.txt) and Chromium.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from apps import registry  # noqa: E402
from tests.browser.test_browser import CHROMIUM, FLAGS  # noqa: E402
from tests.conftest import Server  # noqa: E402  (its register and its byte code are as a visitor's would be)

READING = 3  # seconds
WALL = "[...document.querySelectorAll('.image-frame img')].some(i => i.complete && i.naturalWidth > 100)"


def visit(browser, app):
    """{"start", "page", and for the face generator "wall"}: seconds of one visit to a hub that was just started."""
    with Server() as hub:
        took, page = {"start": time.monotonic() - hub.started}, browser.new_page()
        page.goto(hub.url)
        time.sleep(READING)
        begun = time.perf_counter()
        page.get_by_role("link", name=app.title).click()
        page.get_by_role("heading", name=app.title).wait_for(timeout=60_000)
        took["page"] = time.perf_counter() - begun
        if app.slug == "face-generator":
            page.wait_for_function(WALL, timeout=60_000)
            took["wall"] = time.perf_counter() - begun
        page.close()
    return took


def main():
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        rounds = {app.slug: [visit(browser, app) for _ in range(args.rounds)] for app in registry.APPS}
        browser.close()
    report = {slug: {key: round(statistics.median(took[key] for took in all_of), 1) for key in all_of[0]} for slug, all_of in rounds.items()}
    print(json.dumps(report, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
