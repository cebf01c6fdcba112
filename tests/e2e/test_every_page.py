"""Every page, in a real browser: accessible in both themes, and whole on a narrow screen."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.conftest import TINY_RUN
from tests.e2e.conftest import PAGES, NewPage, keep, settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def violations(page: Page, **options: object) -> list[tuple[str, str, str]]:
    """What axe finds: the rule, the element and what would mend it."""
    options |= {"resultTypes": ["violations"]}  # a fifth of the time: elements that pass are not written down
    return [
        (violation["id"], node["html"][:160], node["failureSummary"][:300])
        for violation in Axe().run(page, options=options).response["violations"]
        for node in violation["nodes"]
        # Streamlit's own data frame leaves the header of its marker column empty; nothing of ours can fill it.
        if not (violation["id"] == "empty-table-header" and "gdg" in str(node["html"]) + str(node["target"]))
        # Its file uploader's drop zone calls itself presentation and bears a label; the button in it is sound.
        if not (violation["id"] == "presentation-role-conflict" and "stFileUploaderDropzone" in str(node["html"]))
    ]


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_in_either_theme(new_page: NewPage, path: str) -> None:
    page = new_page(f"{path}?run={TINY_RUN}", color_scheme="light")
    open_twins(page)
    keep(page, f"{path}-light")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    page.reload()
    settle(page)
    open_twins(page)
    keep(page, f"{path}-dark")
    assert violations(page, runOnly=["color-contrast"]) == []  # a theme changes nothing but colours


def open_twins(page: Page) -> None:
    """Show every chart's table."""
    for twin in page.get_by_test_id("stExpander").all():
        twin.locator("summary").click()
    for twin in page.locator(".sheet details > summary").all():
        twin.click()
    settle(page)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_cut_at_390_pixels(new_page: NewPage, path: str) -> None:
    page = new_page(f"{path}?run={TINY_RUN}", viewport={"width": 390, "height": 844})
    keep(page, f"{path}-390")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    main = page.get_by_test_id("stMain")
    assert main.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
    outside = page.evaluate(
        """() => [...document.querySelectorAll('[data-testid="stMain"] :is(h1, h2, p, button, label, svg.main-svg)'),
            ...[...document.querySelectorAll('[data-testid="stMain"] *')].filter(e => e.shadowRoot)
                .flatMap(e => [...e.shadowRoot.querySelectorAll('h1, h2, p, button, svg, summary')])]
        .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > 391)
        .filter(e => !e.closest('[data-testid="stDataFrame"]'))
        .map(e => e.textContent.slice(0, 60))"""
    )
    assert outside == []
