"""A running dashboard over the tiny run, and a real browser to look at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect, sync_playwright

expect.set_options(timeout=20_000)  # other tests run beside these

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
PAGES = ("overview", "recommendations", "attention", "explain", "what-if", "items", "head-vs-tail", "compare")
NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """The path of a Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    path = find_chromium()
    if path is None:
        how = "no Chromium; to run the browser tests: sudo apt-get install chromium fonts-noto-cjk"
        if os.environ.get("CI") == "true":
            pytest.fail(how)
        pytest.skip(how)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@contextmanager
def serving(runs: Path) -> Iterator[str]:
    """The address of a dashboard that serves these runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "dashboard.server", "--server.port", str(port)],
        cwd=ROOT,
        env={**os.environ, "TAILSCOPE_RUNS": str(runs)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture(scope="session")
def address(tiny_run_dir: Path) -> Iterator[str]:
    """The address of a dashboard that serves the tiny run."""
    with serving(tiny_run_dir) as url:
        yield url


def _wait(url: str, server: subprocess.Popen[bytes], limit: float = 90) -> None:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if server.poll() is not None:
            pytest.fail(f"the dashboard's server ended with exit code {server.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the dashboard did not answer at {url} within {limit:.0f} s")


NewPage = Callable[..., Page]


@contextmanager
def visiting(browser: Browser, address: str) -> Iterator[NewPage]:
    """Opens a fresh visitor's page; keyword arguments are those of a browser context.

    Whatever a test does, no page may ask another server for anything, nor open a dialogue as a script in a title would.
    """
    contexts, foreign, dialogues = [], [], []
    own = (address, address.replace("http", "ws"), "data:", "blob:")

    def dismiss(dialogue: Dialog) -> None:
        dialogues.append(dialogue.message)
        dialogue.dismiss()

    def open_(path: str, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 1000}, "locale": "en-GB", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda asked: None if asked.url.startswith(own) else foreign.append(asked.url))
        page.on("dialog", dismiss)
        page.goto(f"{address}/{path}")
        settle(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert (foreign, dialogues) == ([], [])


@pytest.fixture
def new_page(browser: Browser, address: str) -> Iterator[NewPage]:
    """Opens a fresh visitor's page over the tiny run."""
    with visiting(browser, address) as open_:
        yield open_


def settle(page: Page, limit: float = 60) -> None:
    """Wait until there is a headline and Streamlit has stopped running."""
    end = time.monotonic() + limit
    quiet = 0
    while time.monotonic() < end:
        busy = page.locator(
            '[data-testid="stStatusWidget"], [data-testid="stSkeleton"], [data-testid="stSpinner"], [data-stale="true"]'
        ).count()
        quiet = 0 if busy or not page.locator('[data-testid="stMain"] h1').count() else quiet + 1
        if quiet >= 5:
            return
        page.wait_for_timeout(100)
    pytest.fail(f"the page at {page.url} did not come to rest within {limit:.0f} s")


def headline(page: Page) -> Locator:
    """The page's first line."""
    return page.locator('[data-testid="stMain"] h1')


def keep(page: Page, name: str) -> None:
    """Keep a screenshot of the whole page."""
    SCREENSHOTS.mkdir(exist_ok=True)
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    size = page.viewport_size or {"width": 1440, "height": 1000}
    page.set_viewport_size({"width": size["width"], "height": min(max(size["height"], height + 20), 6000)})
    page.wait_for_timeout(500)
    page.screenshot(path=str(SCREENSHOTS / f"{name}.png"))
    page.set_viewport_size(size)
