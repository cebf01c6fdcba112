"""The bar at the top of every page: run, user, view and language.

It is drawn by `app.py`, before the page runs, so that its widgets are the same ones on all pages: a widget that a page
draws is another on the next page, and begins there with its default.
"""

from __future__ import annotations

import streamlit as st

from dashboard.cache import runs as run_cache
from dashboard.text import i18n
from dashboard.text.i18n import _
from dashboard.ui import state
from engine import EngineError

WATCH_SECONDS = 10
OFFERED_USERS = 200  # any other can be typed
MOST_DAMAGED = 20  # runs told of by name


@st.fragment(run_every=WATCH_SECONDS)
def _watch(seen: list[str]) -> None:
    """Draw the page anew when another process has added or removed a run."""
    if run_cache.run_names() != seen:
        st.rerun()


def draw(about_user: bool) -> None:
    """Draw the bar over what can be loaded of what is chosen; what cannot is left to the page to explain.

    Args:
        about_user: whether the page is about a user; on others, user and view stay chosen and are not shown.
    """
    names = run_cache.run_names()
    _watch(names)
    name = state.chosen("run") or (names[0] if names else None)
    key = run_cache.run_key(name) if name is not None else None
    user = None
    if name is not None and key is not None:
        state.settle("run", name)
        try:
            with st.spinner(_("Loading the run…")):
                run_cache.load(key)
            user = chosen_user(key) if about_user else None
        except EngineError:
            pass
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar"):
        if names:
            _run_box(names, name if key is not None else None)
        _damaged_runs()
        if key is not None and user is not None:
            _user_box(key, user)
            _view_switch()
        st.space("stretch")
        _language_switch()


def chosen_user(key: run_cache.RunKey) -> str:
    """The chosen user, else one of the tail.

    Raises:
        EngineError: the run has none.
    """
    user = state.chosen("user")
    if user is None:
        user = run_cache.first_user(key)
        state.settle("user", user)
    return user


def _run_box(names: list[str], name: str | None) -> None:
    options = names if name is None or name in names else [name, *names]
    state.set_widget("bar_run", name)
    st.selectbox(
        _("Run"),
        options,
        index=None if name is None else 0,  # 0 is no choice of ours: what it shows is set above
        key="bar_run",
        icon=":material/database:",
        placeholder=_("Choose a run"),
        label_visibility="collapsed",
        width=230,
        on_change=state.choose_from,
        args=("run", "bar_run"),
    )


def _damaged_runs() -> None:
    """Say which runs are not offered, and why; nothing where all can be read."""
    damaged = run_cache.damaged_runs()
    if damaged:
        with st.popover(
            "",
            icon=":material/warning:",
            type="tertiary",
            help=_("Some runs cannot be read and are not offered"),
        ):
            st.text(_("These runs cannot be read and are not offered:"))
            for run in damaged[:MOST_DAMAGED]:
                st.text(f"{run.name}\n{i18n.translate(run.reason)}")
            if len(damaged) > MOST_DAMAGED:
                st.text(_("and {n} more").format(n=i18n.count(len(damaged) - MOST_DAMAGED)))


def _user_box(key: run_cache.RunKey, user: str) -> None:
    offered = run_cache.find_users(key, "", "all", (), OFFERED_USERS)["user_id"].astype(str).tolist()
    state.set_widget("bar_user", user)
    st.selectbox(
        _("User"),
        offered if user in offered else [user, *offered],
        key="bar_user",
        icon=":material/person:",
        placeholder=_("Type a user id"),
        accept_new_options=True,
        label_visibility="collapsed",
        width=190,
        on_change=state.choose_from,
        args=("user", "bar_user"),
    )


def _view_switch() -> None:
    state.set_widget("bar_view", state.view())
    names = {"evaluated": _("As evaluated"), "full": _("All events")}
    st.segmented_control(
        _("Events known to the model"),
        state.VIEWS,
        format_func=lambda view: names[view],
        key="bar_view",
        required=True,
        help=_(
            "As evaluated: what was held out is hidden, as when the model was measured. All events: nothing is hidden."
        ),
        label_visibility="collapsed",
        on_change=state.choose_from,
        args=("view", "bar_view"),
    )


def _language_switch() -> None:
    state.set_widget("bar_lang", i18n.language())
    st.segmented_control(
        _("Language"),
        list(i18n.LANGUAGES),
        format_func=lambda lang: i18n.LANGUAGES[lang],
        key="bar_lang",
        required=True,
        label_visibility="collapsed",
        on_change=state.choose_from,
        args=("lang", "bar_lang"),
    )
