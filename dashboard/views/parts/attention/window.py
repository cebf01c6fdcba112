"""Part of the Attention page: which window of a long history the maps show."""

from __future__ import annotations

import numpy as np
import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.text.i18n import _, count, day
from dashboard.ui import components, state
from dashboard.views.parts.attention import controls
from dashboard.views.parts.page_frame import Page

SIZES = (10, 20, 30, 50, 100)
SHOWN = 30
ALL = "all"

# An event is named as what was looked at where it holds at least this share of what a row gives, and at least so many
# times an even spread, which is much in a short history; else the row was spread.
STANDS_OUT = 0.2
LIFT = 1.5

Span = tuple[int, int]  # positions of the oldest and the newest event shown, in the whole history; 1 is the oldest


def chosen_span(found: engine.AttentionMap) -> Span:
    """The window that was placed by hand, else one over the newest events; as far as this history reaches."""
    oldest, newest = found.positions[0], found.positions[found.n_events - 1]
    placed = _placed()
    if placed is not None and placed[0] <= newest and placed[1] >= oldest:
        return max(placed[0], oldest), min(placed[1], newest)
    if state.chosen("newest") is None and (span := _weighty(found)) is not None:
        return span
    asked = _size(found)
    size = found.n_events if asked == ALL else int(asked)
    return newest - size + 1, newest


def looks(found: engine.AttentionMap, layer: int, head: int) -> np.ndarray:
    """(n_events,) what the last row of the chosen attention head gives to each event, or what each counts else."""
    row = found.weights[layer, head, -1] if found.reading == "raw" else found.relevance
    return np.nan_to_num(row[: found.n_events])


def dominates(row: np.ndarray) -> bool:
    """Whether one event stands out so far that it may be named as what was looked at."""
    total = float(row.sum())
    return total > 0 and float(row.max()) >= max(STANDS_OUT, LIFT / len(row)) * total


def _weighty(found: engine.AttentionMap) -> Span | None:
    """The window that holds most of what was looked at, where that over the newest events holds little of it."""
    if found.n_events <= SHOWN:
        return None
    row = looks(found, *controls.chosen_head(found))
    held = np.convolve(row, np.ones(SHOWN), "valid")  # by the window's first event
    most = int(row.argmax())
    if held[-1] >= row.sum() / 2 and not (dominates(row) and most < found.n_events - SHOWN):
        return None
    starts = np.arange(len(held))
    if dominates(row):
        held = np.where((starts <= most) & (most < starts + SHOWN), held, -1.0)
    first = found.positions[0] + len(held) - 1 - int(held[::-1].argmax())  # the newest of equals
    return first, first + SHOWN - 1


def _placed() -> Span | None:
    first, _dash, last = (state.chosen("window") or "").partition("-")
    if not (first.isdecimal() and last.isdecimal() and max(len(first), len(last)) < 10):
        return None
    return (int(first), int(last)) if int(first) <= int(last) else None


def _size(found: engine.AttentionMap) -> str:
    """How many of the newest events are shown where no window was placed: a number, or ALL."""
    asked = state.chosen("newest") or ""
    size = asked if asked in (ALL, *map(str, SIZES)) else str(SHOWN)
    return size if size != ALL and int(size) < found.n_events else ALL


def _place(found: engine.AttentionMap, span: Span) -> None:
    """Choose a window; one over the newest events is kept as such, so that it fits other histories too."""
    oldest, newest = found.positions[0], found.positions[found.n_events - 1]
    size = span[1] - span[0] + 1
    if span == (oldest, newest):
        _show_newest(ALL)
    elif span[1] == newest and size in SIZES:
        _show_newest(str(size))
    else:
        state.choose("window", f"{span[0]}-{span[1]}")


def _show_newest(size: str) -> None:
    state.choose("window", None)
    state.choose("newest", size)


def cover(found: engine.AttentionMap, query: int, key: int) -> None:
    """Callback of a button: place the window such that it shows a cell, given by the indices of its query and its key.

    Its size stays where that is enough. The row that reads out is always shown, so of that one only the column counts.
    """
    oldest, newest = found.positions[0], found.positions[found.n_events - 1]
    first, last = chosen_span(found)
    rows = [] if query == found.weights.shape[-2] - 1 else [query]
    needed = [min(oldest + place, newest) for place in (key, *rows)]  # [MASK] comes with the newest event
    low, high = min(needed), max(needed)
    size = max(last - first, high - low) + 1
    start = min(max((low + high + 1 - size) // 2, oldest), newest - size + 1)
    _place(found, (start, start + size - 1))


def choose(page: Page, found: engine.AttentionMap) -> Span:
    """Place the window: by its size, step by step, or freely by its two ends. Nothing to choose in a short history."""
    span = chosen_span(found)
    oldest, newest = found.positions[0], found.positions[found.n_events - 1]
    if found.n_events <= SIZES[0]:
        return span
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _size_box(found, span)
        size = span[1] - span[0] + 1
        for key, text, icon, to, off in (
            ("earlier", _("Earlier"), "chevron_left", max(span[0] - size, oldest), span[0] == oldest),
            ("later", _("Later"), "chevron_right", min(span[0] + size, newest - size + 1), span[1] == newest),
        ):
            st.button(
                text,
                key=f"window_{key}",
                icon=f":material/{icon}:",
                disabled=off,
                on_click=_place,
                args=(found, (to, to + size - 1)),
            )
    state.set_widget("pick_window", span)
    st.slider(
        _("Window over the history"),
        oldest,
        newest,
        key="pick_window",
        on_change=lambda: _place(found, state.widget("pick_window")),
        help=_("Events are counted from the oldest of the history. Drag either end, or move it with the arrow keys."),
    )
    _say(page, found, span)
    return span


def _size_box(found: engine.AttentionMap, span: Span) -> None:
    names = {str(n): _("last {n}").format(n=count(n)) for n in SIZES if n < found.n_events}
    names[ALL] = _("all {n}").format(n=count(found.n_events))
    oldest, newest = found.positions[0], found.positions[found.n_events - 1]
    now = ALL if span == (oldest, newest) else str(span[1] - span[0] + 1)
    if span[1] != newest or now not in names:
        now = f"{span[0]}–{span[1]}"
        names = {now: now, **names}
    state.set_widget("pick_newest", now)

    def go() -> None:
        if state.widget("pick_newest") in (ALL, *map(str, SIZES)):
            _show_newest(state.widget("pick_newest"))

    st.selectbox(
        _("Events shown"),
        list(names),
        format_func=names.__getitem__,
        key="pick_newest",
        width=140,
        on_change=go,
    )


def _say(page: Page, found: engine.AttentionMap, span: Span) -> None:
    """The window in words, with its dates where the log has times."""
    events = run_cache.profile(page.key, page.user, page.view, page.lang).events
    days = [day(time) for time in (events[position - 1].time for position in span) if time is not None]
    if len(days) < len(span):
        text = _("Shown: events {first} to {last} of {n}.")
    elif days[0] == days[1]:
        text = _("Shown: events {first} to {last} of {n}, all on {start}.")
    else:
        text = _("Shown: events {first} to {last} of {n}, {start} to {end}.")
    text = text.format(
        first=count(span[0]), last=count(span[1]), n=count(len(events)), start="".join(days[:1]), end="".join(days[1:])
    )
    if len(events) > found.n_events:
        text += " " + _("The model reads the newest {n}.").format(n=count(found.n_events))
    components.note(text)
