"""What is chosen: the only owner of session_state and query_params.

A choice lives in the address, so that a page can be linked to, and in the session, so that it survives a change of page
(Streamlit clears the address then). The address wins.

The address is written as a whole: Streamlit makes of every single write a step that Back has to go through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

import engine
from dashboard.text import i18n
from dashboard.text.spreadsheets import typed

VIEWS: tuple[engine.View, ...] = ("evaluated", "full")
"""With the last event held out, as measured; or with every event known."""

_LONGEST = 500
_LONGEST_OF = {"events": 1500}
"""Characters that an address may give for a choice; a whole edit of a history takes more. Together they stay under the
2,000 that every browser and mail program carries."""

_EDIT = ("start", "events", "about")

PICTURES = ("png", "svg")
"""Formats in which a chart can be saved."""

_FOLLOWS = {
    "run": (
        "user",
        "item",
        "other",
        "layer",
        "head",
        "cell",
        "window",
        "group",
        "by",
        "beside",
        "before",
        "after",
        *_EDIT,
    ),
    "user": ("item", "other", "cell", "window", *_EDIT),
    "beside": ("before", "after"),
    "view": ("events",),
    "start": ("events", "about"),
}
"""What a new choice makes meaningless."""

_MOST_UNDONE = 100

_EVERYWHERE = ("run", "lang")
_ABOUT_A_USER = ("user", "view")
_OF_PAGE: dict[str, tuple[str, ...]] = {
    "recommendations": ("length",),
    "attention": ("reading", "layer", "head", "scale", "newest", "window", "map", "cell"),
    "explain": ("item", "order", "evidence"),
    "what-if": ("item", *_EDIT),
    "items": ("item", "layout", "colour"),
    "head-vs-tail": ("family", "metric_k", "group", "by", "targets"),
    "compare": ("family", "metric_k", "beside", "before", "after"),
}
"""What a page depends on beside run, user, view and language, so that its address holds it."""


def _memory() -> dict[str, str]:
    return st.session_state.setdefault("chosen", {})


def chosen(key: str) -> str | None:
    """The value chosen for a key: from the address, else from earlier in this session."""
    value = st.query_params.get(key)
    if value is not None and len(value) <= longest(key):
        if _memory().get(key, value) != value:  # a link came with another one: what hung on the old is forgotten
            for name in _FOLLOWS.get(key, ()):
                _memory().pop(name, None)
        _memory()[key] = value
        return value
    return _memory().get(key)


def longest(key: str) -> int:
    """Characters that an address may give for a choice."""
    return _LONGEST_OF.get(key, _LONGEST)


def too_long(*keys: str) -> list[str]:
    """Those of the choices for which the address gives more than can be read; they count as not given."""
    return [key for key in keys if len(st.query_params.get(key) or "") > longest(key)]


def begin() -> None:
    """Begin to draw, before anything is said: who went back to a time before a language was chosen has none chosen."""
    _forget_unwritten("lang")


def arrive(page: str, about_user: bool) -> None:
    """Begin a page: who went back to a time before a choice of its was made has it not made.

    Args:
        page: its name in the address.
        about_user: whether it is about a user.
    """
    _forget_unwritten(*_OF_PAGE.get(page, ()), *(("view",) if about_user else ()))


def _forget_unwritten(*keys: str) -> None:
    """Where the page is drawn because somebody went back or forward, what its address does not hold is not chosen."""
    if getattr(get_script_run_ctx(suppress_warning=True), "is_history_navigation", False):
        for key in keys:
            if key not in st.query_params:
                _memory().pop(key, None)


def show_page_in_address(page: str, about_user: bool) -> None:
    """Write what a page depends on into its address, in one step."""
    show_in_address(*_EVERYWHERE, *(_ABOUT_A_USER if about_user else ()), *_OF_PAGE.get(page, ()))


def _write(changes: Mapping[str, str | None]) -> None:
    """Write into the address, if that changes it; None takes a key out."""
    before = st.query_params.to_dict()
    after = {key: value for key, value in {**before, **changes}.items() if value is not None}
    if after != before:
        st.query_params.from_dict(after)


def choose(key: str, value: str | None) -> None:
    """Choose a value, here and in the address; what hung on the old value is forgotten."""
    if value == chosen(key) and (value is not None or key not in st.query_params):
        return
    follows = (key, *_FOLLOWS.get(key, ()))
    for name in follows:
        _memory().pop(name, None)
    if value is not None:
        _memory()[key] = value
    _write({**dict.fromkeys(follows), key: value})


def choose_all(choices: dict[str, str | None]) -> None:
    """Choose several values at once; `undo_choices` takes them back."""
    undone = st.session_state.setdefault("undone", [])
    undone.append((_place(), {key: chosen(key) for key in choices}))
    del undone[:-_MOST_UNDONE]
    for key, value in choices.items():
        choose(key, value)


def undo_choices() -> None:
    """Take back what `choose_all` chose last."""
    if can_undo():
        for key, value in st.session_state["undone"].pop()[1].items():
            choose(key, value)


def can_undo() -> bool:
    """Whether there is anything to take back; not what was chosen for another user."""
    undone = st.session_state.get("undone", [])
    return bool(undone) and undone[-1][0] == _place()


def _place() -> tuple[str | None, ...]:
    return tuple(chosen(key) for key in ("run", "user", "view"))


def settle(key: str, value: str) -> None:
    """Fix a default that nobody chose; nothing else is forgotten."""
    _memory()[key] = value


def choose_from(key: str, widget: str) -> None:
    """Callback of a widget: choose what it holds now."""
    value = st.session_state.get(widget)
    if value is not None:
        choose(key, typed(str(value)))


def choose_point(key: str, chart: str) -> None:
    """Callback of a chart: choose what the clicked point stands for, the last of its custom data."""
    points = (st.session_state.get(chart) or {}).get("selection", {}).get("points", [])
    if points and points[0].get("customdata"):
        choose(key, str(points[0]["customdata"][-1]))


def show_in_address(*keys: str) -> None:
    """Write the choices that a page depends on into its address, so that it can be copied."""
    _write({key: value for key in keys if (value := chosen(key)) is not None})


def set_widget(key: str, value: Any) -> None:
    """Make a widget show a value; call before the widget is drawn.

    It is written even where it seems to hold the value already: that may be what a widget of that key held on the page
    before, while this page's begins with its default.
    """
    st.session_state[key] = value


def widget(key: str) -> Any:
    """What a widget holds."""
    return st.session_state.get(key)


def selected_rows(table: str) -> list[int]:
    """Rows that are selected in a table that is drawn with this key."""
    return list((st.session_state.get(table) or {}).get("selection", {}).get("rows", []))


def link(**changes: str | None) -> dict[str, str]:
    """Query parameters of a link to another page: the present choices with some changed."""
    held = {key: chosen(key) for key in ("run", "user", "view", "lang")}
    return {key: value for key, value in {**held, **changes}.items() if value is not None}


def one_of(key: str, values: Iterable[str]) -> str:
    """The chosen one of several values; the first where none of them is chosen."""
    offered = list(values)
    asked = chosen(key)
    return asked if asked in offered else offered[0]


def view() -> engine.View:
    """The view of a user's history: one of `VIEWS`."""
    value = chosen("view")
    return "full" if value == "full" else "evaluated"


def picture() -> str:
    """The format in which charts are saved: one of `PICTURES`."""
    value = chosen("picture")
    return value if value in PICTURES else PICTURES[0]


def language() -> str:
    """The language: chosen, or the browser's; English outside a page."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return "en"
    value = chosen("lang")
    return value if value in i18n.LANGUAGES else i18n.best_language(st.context.locale)


i18n.ask(language)


def is_dark() -> bool:
    """Whether the page is drawn on a dark ground."""
    return st.context.theme.type == "dark"


def once(key: str, value: str) -> bool:
    """Whether this value is another than when this was last asked: a chart's selection stays until the next click."""
    held = st.session_state.setdefault("once", {})
    fresh = held.get(key) != value
    held[key] = value
    return fresh


def presses(element: str) -> int:
    """Presses of an element's buttons that were answered in this session."""
    return st.session_state.get("presses", {}).get(element, 0)


def count_press(element: str) -> None:
    """Count one more."""
    st.session_state.setdefault("presses", {})[element] = presses(element) + 1


def next_draw() -> int:
    """A new seed for every press of a random button in this session."""
    st.session_state["draws"] = st.session_state.get("draws", 0) + 1
    return int(st.session_state["draws"])
