"""Pictures of every page for the README: python -m tests.e2e.screenshots [ADDRESS] [RUN] [FOLDER] [USER]."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.e2e.conftest import PAGES, find_chromium


def main(
    address: str = "http://127.0.0.1:8501",
    run: str = "sample-shop",
    folder: str = "docs/pictures",
    user: str = "",
) -> None:
    """Open each page of a running dashboard at 1440 pixels and keep a picture of few colours."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(viewport={"width": 1440, "height": 1000}, color_scheme="light").new_page()
        for name in PAGES:
            page.goto(f"{address}/{name}?run={run}&lang=en" + (f"&user={user}" if user else ""))
            page.locator('[data-testid="stMain"] h1').first.wait_for(timeout=60_000)
            page.wait_for_timeout(4_000)  # charts draw after the script has ended
            picture = Image.open(BytesIO(page.screenshot())).convert("RGB").quantize(256)
            picture.save(out / f"{name}.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
