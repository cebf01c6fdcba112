"""Languages and numbers."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given, strategies as st

import engine
from dashboard.text import i18n
from dashboard.text.i18n import _, count, day, figure, ngettext, percent, signed


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    yield
    i18n.use("en")


@pytest.mark.parametrize(
    ("locale", "lang"),
    [("zh-CN", "zh"), ("zh_TW", "zh"), ("ZH", "zh"), ("en-US", "en"), ("de-DE", "en"), ("", "en"), (None, "en")],
)
def test_the_browsers_language_decides(locale: str | None, lang: str) -> None:
    assert i18n.best_language(locale) == lang


def test_messages_come_in_the_language_in_use() -> None:
    assert _("Overview") == "Overview"
    i18n.use("zh")
    assert _("Overview") == "概览"
    assert ngettext("{n} earlier event", "{n} earlier events", 3) == "更早的 {n} 个事件"
    assert (_("Attention head"), _("Head")) == ("注意力头", "头部")
    i18n.use("xx")
    assert (i18n.language(), ngettext("{n} earlier event", "{n} earlier events", 1)) == ("en", "{n} earlier event")


def elsewhere() -> str:
    """The language in a thread that nobody told one."""
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(i18n.language()))
    thread.start()
    thread.join()
    return seen[0]


def test_what_runs_elsewhere_does_not_take_over_a_language() -> None:
    i18n.use("zh")
    assert (elsewhere(), i18n.language()) == ("en", "zh")


def test_the_reader_is_asked_for_the_language_each_time_wherever_none_is_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = iter(["zh", "en", "zh"])
    monkeypatch.setattr(i18n, "_reader", lambda: next(reads))
    i18n.use(None)
    assert [_("Overview"), _("Overview")] == ["概览", "Overview"]
    i18n.use("en")
    assert (elsewhere(), _("Overview")) == ("zh", "Overview")  # what is in use is in use here alone


def test_a_language_is_spoken_for_as_long_as_a_block_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_reader", lambda: "zh")
    i18n.use(None)
    with i18n.speaking("en"):
        assert _("Overview") == "Overview"
    assert _("Overview") == "概览"  # the reader is asked again, not held to what they read at the time


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.041234, "0.0412"),
        (-1.2, "−1.20"),
        (12345.6, "12,300"),
        (63.0, "63"),
        (0.0, "0"),
        (0.99996, "1.00"),
        (1e-9, "≈0"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_figures_have_three_significant_digits(x: float, text: str) -> None:
    assert figure(x) == text


def test_an_interval_takes_over_the_decimals_of_its_figure() -> None:
    assert (figure(0.0047, like=0.0274), figure(0.0001, like=0.0274)) == ("0.0047", "0.0001")


@given(st.floats(1e-4, 1e9))
def test_figures_stay_within_half_a_digit(x: float) -> None:
    assert float(figure(x).replace(",", "")) == pytest.approx(x, rel=0.006)


def test_signs_shares_counts_and_days() -> None:
    assert (signed(0.5), signed(-0.5), signed(0)) == ("+0.500", "−0.500", "0")
    assert (percent(0.284), count(22363), day(datetime(2026, 3, 4))) == ("28\u202f%", "22,363", "4 Mar 2026")
    i18n.use("zh")
    assert (percent(0.284), count(22363), day(datetime(2026, 3, 4))) == ("28%", "22,363", "2026年3月4日")


def test_what_the_engine_says_is_told_in_the_readers_language(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"{rows} rows, {reason}": "{rows} 行,{reason}", "no user": "没有用户"}
    monkeypatch.setattr(i18n, "_", lambda message: words.get(message, message))
    error = engine.EngineError("{rows} rows, {reason}", rows=3, reason=engine.Message("no user"))
    assert i18n.translate(error) == "3 行,没有用户"
    assert i18n.translate(engine.EngineError("said {by}", by="nobody")) == "said nobody"
