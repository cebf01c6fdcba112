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
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Locator, Page, expect, sync_playwright

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
Scheme = Literal["light", "dark"]


_contexts: dict[tuple[Browser, str], BrowserContext] = {}


def _context(browser: Browser, locale: str) -> BrowserContext:
    """A browser context that tests share: what a page loads again comes from its cache. Its visitor is a new one."""
    if (browser, locale) not in _contexts:
        _contexts[browser, locale] = browser.new_context(locale=locale)
    context = _contexts[browser, locale]
    context.clear_cookies()
    return context


@contextmanager
def visiting(browser: Browser, address: str) -> Iterator[NewPage]:
    """Opens a fresh visitor's page; keyword arguments are its viewport, colour scheme and locale.

    Whatever a test does, no page may ask another server for anything, nor open a dialogue as a script in a title would.
    """
    pages, foreign, dialogues = [], [], []
    own = (address, address.replace("http", "ws"), "data:", "blob:")

    def dismiss(dialogue: Dialog) -> None:
        dialogues.append(dialogue.message)
        dialogue.dismiss()

    def open_(
        path: str, viewport: tuple[int, int] = (1440, 1000), scheme: Scheme = "light", locale: str = "en-GB"
    ) -> Page:
        page = _context(browser, locale).new_page()
        pages.append(page)
        page.set_viewport_size({"width": viewport[0], "height": viewport[1]})
        page.emulate_media(color_scheme=scheme)
        page.on("request", lambda asked: None if asked.url.startswith(own) else foreign.append(asked.url))
        page.on("dialog", dismiss)
        page.goto(f"{address}/{path}")
        settle(page)
        return page

    yield open_
    for page in pages:
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
        page.close()
    assert (foreign, dialogues) == ([], [])


@pytest.fixture
def new_page(browser: Browser, address: str) -> Iterator[NewPage]:
    """Opens a fresh visitor's page over the tiny run."""
    with visiting(browser, address) as open_:
        yield open_


_AT_REST = """(limit) => new Promise((answer) => {
    const began = performance.now();
    const within = (root) => root?.querySelector('h1')  // What if draws its headline on a sheet
        || [...(root?.querySelectorAll('*') ?? [])].some((e) => e.shadowRoot?.querySelector('h1'));
    let quiet = 0;
    const look = setInterval(() => {
        const app = document.querySelector('.stApp');
        const rests = app?.dataset.testScriptState === 'notRunning' && app.dataset.testConnectionState === 'CONNECTED'
            && within(document.querySelector('[data-testid=stMain]'))
            && !document.querySelector('[data-testid=stSkeleton], [data-testid=stSpinner], [data-stale=true]');
        quiet = rests ? quiet + 1 : 0;
        if (quiet < 6 && performance.now() - began < limit) return;
        clearInterval(look);
        answer(quiet >= 6);
    }, 50);
})"""


def settle(page: Page, limit: float = 60) -> None:
    """Wait until there is a headline and Streamlit has had nothing to do for .3 s; `limit` in seconds."""
    end = time.monotonic() + limit
    while (left := end - time.monotonic()) > 0:
        try:
            if page.evaluate(_AT_REST, left * 1000):
                return
        except Error:  # another document has taken this one's place meanwhile
            page.wait_for_timeout(50)
    pytest.fail(f"the page at {page.url} did not come to rest within {limit:.0f} s")


def headline(page: Page) -> Locator:
    """The page's first line."""
    return page.locator('[data-testid="stMain"] h1')


def keep(page: Page, name: str) -> None:
    """Keep a screenshot of the whole page, where TAILSCOPE_SCREENSHOTS is set: for people, since no test reads it."""
    if not os.environ.get("TAILSCOPE_SCREENSHOTS"):
        return
    SCREENSHOTS.mkdir(exist_ok=True)
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    size = page.viewport_size or {"width": 1440, "height": 1000}
    page.set_viewport_size({"width": size["width"], "height": min(max(size["height"], height + 20), 6000)})
    page.wait_for_timeout(500)
    page.screenshot(path=str(SCREENSHOTS / f"{name}.png"))
    page.set_viewport_size(size)
