"""What stands between a title from a file and the page."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from dashboard.ui.components import escape_markdown

SPECIAL = set("\\`*_{}[]()#+-.!|~<>$:&=^'\"")


@pytest.mark.parametrize(
    "title",
    [
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "![x](http://e/x.png)",
        ":red[danger] :material/delete:",
        "$\\LaTeX$ `code` **bold** # heading",
        "&lt;b&gt;",
        "1. item",
        "| a | b |",
    ],
)
def test_every_special_character_is_escaped(title: str) -> None:
    bare = re.sub(r"\\.", "", escape_markdown(title))
    assert not SPECIAL & set(bare)


@pytest.mark.parametrize("title", ["see https://evil.example now", "www.evil.example", "me@evil.example", "HTTP://X"])
def test_no_address_becomes_a_link(title: str) -> None:
    shown = re.sub(r"\\(.)", r"\1", escape_markdown(title))
    assert not re.search(r"(?i)https?://|www\.|\w@\w", shown)
    assert shown.replace("\u2060", "") == title


@given(st.text())
def test_what_is_shown_is_the_title(title: str) -> None:
    shown = re.sub(r"\\(.)", r"\1", escape_markdown(title)).replace("\u2060", "")
    spaces = re.compile(r"[ \t\r\n\v\f\x85\u2028\u2029]+")
    assert spaces.sub(" ", shown) == spaces.sub(" ", title.replace("\u2060", ""))


def test_a_title_stays_on_one_line_and_keeps_no_break_spaces() -> None:
    assert "\n" not in escape_markdown("a\n# b\r\nc")
    assert "28\u202f%" in escape_markdown("28\u202f%")
