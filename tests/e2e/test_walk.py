"""A walk through all pages, as a person goes: bar, address, headline and body speak of the same things on each."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, Locator, Page, expect

import engine
from dashboard.text import i18n
from tests.conftest import TINY_RUN, tiny_config
from tests.e2e.conftest import PAGES, NewPage, headline, serving, settle, visiting

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WALKED = TINY_RUN  # the older run, which nobody gets without choosing it
NEWEST = "newest"
NEWEST_LENGTHS = (3, 7)  # list lengths that it alone was measured at
ABOUT_A_USER = ("recommendations", "attention", "explain", "what-if", "items")

PLACE = r"({[^{}]*})"  # of a value in a template

_SEEN = """() => {
    const said = new Set();
    const look = (root) => root.querySelectorAll('*').forEach((e) => {
        if (e.shadowRoot) look(e.shadowRoot);
        if (['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(e.tagName) || !e.checkVisibility()) return;
        for (const name of ['aria-label', 'title', 'placeholder', 'data-title', 'alt'])
            if (e.getAttribute(name)) said.add(e.getAttribute(name).trim());
        for (const node of e.childNodes)
            if (node.nodeType === 3 && node.nodeValue.trim()) said.add(node.nodeValue.trim());
    });
    look(document.body);
    return [...said];
}"""


@pytest.fixture(scope="module")
def walked_address(tiny_log_dir: Path, tiny_run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard over two runs, of which the newer is not the one that is walked through."""
    runs = tmp_path_factory.mktemp("two-runs")
    shutil.copytree(tiny_run_dir / WALKED, runs / WALKED)
    settings = tiny_config(evaluation__ks=str(list(NEWEST_LENGTHS)))
    engine.train_run(tiny_log_dir, name=NEWEST, runs_dir=runs, config=settings)
    with serving(runs) as url:
        yield url


@pytest.fixture(scope="module")
def english() -> re.Pattern[str]:
    """What pages say in English and otherwise in Chinese."""
    with (i18n.LOCALE_DIR / "zh" / "LC_MESSAGES" / "tailscope.po").open("rb") as file:
        entries = [m for m in read_po(file, locale="zh") if m.id]
    templates = set()
    for entry in entries:
        ids, told = ((x,) if isinstance(x, str) else tuple(x) for x in (entry.id, entry.string))
        templates |= {text for text in ids if text not in told and re.search("[A-Za-z]{3}", re.sub(PLACE, "", text))}
    pieces = [
        "".join(".+" if re.fullmatch(PLACE, part) else re.escape(part) for part in re.split(PLACE, t))
        for t in templates
    ]
    return re.compile("|".join(sorted(pieces, key=len, reverse=True)), re.DOTALL)


class Walk:
    """A person who has chosen a run, a user, a view and a language, and looks whether all stay so."""

    def __init__(self, page: Page, english: re.Pattern[str]) -> None:
        self.page, self.english, self.user = page, english, ""

    @property
    def query(self) -> dict[str, str]:
        return {key: values[-1] for key, values in parse_qs(urlsplit(self.page.url).query).items()}

    @property
    def main(self) -> Locator:
        return self.page.get_by_test_id("stMain")

    def fields(self) -> list[str]:
        return [field.input_value() for field in self.page.locator(".st-key-bar input[role=combobox]").all()]

    def pressed(self) -> list[str]:
        return self.page.locator(".st-key-bar [role=radio][aria-checked=true]").all_inner_texts()

    def go(self, name: str) -> None:
        """By the sidebar."""
        self.page.get_by_test_id("stSidebarNavLink").nth(PAGES.index(name)).click()
        self.page.wait_for_url(f"**/{name}?*")
        settle(self.page)
        self.look(name)

    def look(self, name: str) -> None:
        """Everything on this page speaks of the same run, user, view and language."""
        page, about_user = self.page, name in ABOUT_A_USER
        assert urlsplit(page.url).path == f"/{name}"
        expected = {"run": WALKED, "lang": "zh", **({"user": self.user, "view": "full"} if about_user else {})}
        assert expected.items() <= self.query.items(), name
        assert self.fields() == [WALKED, *([self.user] if about_user else [])], name
        assert self.pressed() == [*(["全部事件"] if about_user else []), "中文"], name
        assert page.get_by_test_id("stException").count() == 0, name
        title = page.title().split(" · ")
        assert title[1:] == [*([self.user] if about_user else []), WALKED, "Tailscope"], name
        assert page.evaluate("document.documentElement.lang") == "zh-Hans"
        first = headline(page).first.inner_text()
        assert re.search("[\u4e00-\u9fff]", first), name
        assert self.user in first or name != "recommendations", name
        said = page.evaluate(_SEEN)
        assert [text for text in said if self.english.fullmatch(text)] == [], name
        whole = "\n".join(said)
        assert "None@None" not in whole
        if name in ("overview", "head-vs-tail"):
            assert "@10" in whole, name
            assert not re.search(rf"@({'|'.join(map(str, NEWEST_LENGTHS))})\b", whole), name

    def press(self, control: Locator, name: str) -> None:
        """Press something, and look again."""
        control.click()
        self.page.wait_for_timeout(150)
        settle(self.page)
        self.look(name)

    def open_a_table(self, name: str) -> None:
        """A chart's figures, which a fragment draws."""
        table = self.main.locator("[class*=st-key-table_]").first
        self.press(table.locator("summary"), name)
        expect(table.get_by_test_id("stDataFrame")).to_be_visible()


@pytest.fixture
def visit(browser: Browser, walked_address: str) -> Iterator[NewPage]:
    with visiting(browser, walked_address) as open_:
        yield open_


def test_all_pages_speak_of_what_was_chosen_wherever_one_comes_from(visit: NewPage, english: re.Pattern[str]) -> None:
    walk = Walk(visit("recommendations?lang=en"), english)
    page = walk.page
    assert walk.fields()[0] == NEWEST  # the newest, as long as nobody chose
    _choose(page, 0, WALKED)
    page.locator(".st-key-bar input[role=combobox]").nth(1).click()
    third = page.get_by_role("option").nth(2)
    walk.user = third.inner_text()
    third.click()
    settle(page)
    page.get_by_role("radio", name="All events").click()
    settle(page)
    page.get_by_role("radio", name="中文").click()
    settle(page)
    walk.look("recommendations")
    page.locator(".st-key-bar input[role=combobox]").nth(1).fill("zzq")  # nobody's id: Streamlit offers to add it
    expect(page.get_by_role("option", name="添加：zzq")).to_be_visible()
    page.keyboard.press("Escape")
    for name in PAGES:
        walk.go(name)
        _press_something(walk, name)
    for name in reversed(PAGES):
        walk.go(name)

    _by_links_and_back(walk)


def _choose(page: Page, field: int, text: str) -> None:
    page.locator(".st-key-bar input[role=combobox]").nth(field).click()
    page.get_by_role("option", name=text, exact=True).click()
    settle(page)


def _press_something(walk: Walk, name: str) -> None:
    main = walk.main
    if name == "recommendations":
        walk.press(main.get_by_role("radio", name="前 5"), name)
        assert walk.query["length"] == "5"
    elif name == "explain":
        walk.press(main.get_by_role("radio", name="由大到小"), name)
        assert walk.query["order"] == "size"
    elif name == "what-if":
        history = walk.main.get_by_role("list", name="事件，最新在前").get_by_role("listitem")
        n = history.count()
        walk.press(history.first.get_by_role("button").last, name)
        expect(history).to_have_count(n - 1)
        walk.look(name)
    elif name == "items":
        walk.press(main.get_by_role("radio", name="类别"), name)
        assert walk.query["colour"] == "category"
    elif name == "head-vs-tail":
        walk.press(main.get_by_role("radio", name="相似用户的覆盖"), name)  # in a fragment
        assert walk.query["targets"] == "support"
    if name not in ("explain", "what-if"):  # their tables are on sheets
        walk.open_a_table(name)


def _by_links_and_back(walk: Walk) -> None:
    """One step of Back for each thing done."""
    page = walk.page
    walk.go("recommendations")
    expect(page.get_by_role("radio", name="前 5")).to_be_checked()  # as it was left
    steps = page.evaluate("history.length")
    walk.press(page.get_by_role("radio", name="前 20"), "recommendations")
    walk.press(walk.main.get_by_test_id("stPageLink").filter(has_text="为什么").nth(1).get_by_role("link"), "explain")
    item = walk.query["item"]
    walk.press(walk.main.get_by_test_id("stPageLink").nth(0).get_by_role("link"), "attention")
    assert page.evaluate("history.length") - steps == 3
    for name, there in (
        ("explain", {"item": item}),
        ("recommendations", {"length": "20"}),
        ("recommendations", {"length": "5"}),
    ):
        page.go_back(wait_until="commit")
        page.wait_for_url(f"**/{name}?*")
        page.wait_for_timeout(300)
        settle(page)
        walk.look(name)
        assert there.items() <= walk.query.items()
    expect(page.get_by_role("radio", name="前 5")).to_be_checked()
    page.go_forward(wait_until="commit")
    expect(page.get_by_role("radio", name="前 20")).to_be_checked()
