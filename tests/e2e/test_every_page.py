"""Every page, in a real browser: accessible in both themes, and whole on a narrow screen."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.conftest import TINY_RUN
from tests.e2e.conftest import PAGES, NewPage, keep, settle

WIDE, NARROW = {"width": 1440, "height": 1000}, {"width": 390, "height": 844}

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
def test_accessible_in_both_themes_and_whole_at_390_pixels(new_page: NewPage, path: str) -> None:
    """Two loads: a wide one in light, and a narrow one in dark, which is then made wide."""
    page = new_page(f"{path}?run={TINY_RUN}")
    open_tables(page)
    keep(page, f"{path}-light")
    assert violations(page) == []

    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark")
    page.reload()
    settle(page)
    keep(page, f"{path}-390")
    assert cut_off(page) == []
    open_tables(page)
    assert cut_off(page) == []
    assert violations(page, runOnly=["color-contrast"]) == []  # a theme changes nothing but colours

    page.set_viewport_size(WIDE)
    settle(page)
    expect(page.get_by_test_id("stSidebarNavLink").first).to_be_visible()
    keep(page, f"{path}-dark")
    assert violations(page, runOnly=["color-contrast"]) == []


def open_tables(page: Page) -> None:
    """Show every chart's table."""
    page.evaluate("""() => document.querySelectorAll('[data-testid=stExpander] summary').forEach((e) => e.click())""")
    for table in page.locator(".sheet details > summary").all():
        table.evaluate("e => e.click()")
    settle(page)


def cut_off(page: Page) -> list[str]:
    """What stands over the right edge of a narrow screen: parts of the page, or their texts."""
    edges = page.evaluate(
        """() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
            .filter((e) => e.scrollWidth > Math.min(e.clientWidth, 390)).map((e) => e.tagName)"""
    )
    return edges + page.evaluate(
        """() => [...document.querySelectorAll('[data-testid="stMain"] :is(h1, h2, p, button, label, svg.main-svg)'),
            ...[...document.querySelectorAll('[data-testid="stMain"] *')].filter(e => e.shadowRoot)
                .flatMap(e => [...e.shadowRoot.querySelectorAll('h1, h2, p, button, svg, summary')])]
        .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > 391)
        .filter(e => !e.closest('[data-testid="stDataFrame"]'))
        .map(e => e.textContent.slice(0, 60))"""
    )
