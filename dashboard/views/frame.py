"""What every page has round it: the bar at the top, and the ways out where there is nothing to show."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

import engine
from dashboard import cache, components, i18n, state
from dashboard.i18n import _
from engine import EngineError

WATCH_SECONDS = 10
METRIC = "ndcg@10"
OFFERED_USERS = 200
"""Users offered in the bar; any other can be typed."""


@dataclass(frozen=True)
class Page:
    """What a page works on.

    Attributes:
        key: the run's key in the cache.
        run: the run.
        user: the chosen user; empty on pages about no user.
        view: "evaluated" or "full".
        lang: language of titles.
        dark: draw charts for a dark ground.
    """

    key: cache.RunKey
    run: engine.Run
    user: str
    view: engine.View
    lang: str
    dark: bool


@st.fragment(run_every=WATCH_SECONDS)
def _watch(seen: list[str]) -> None:
    """Draw the page anew when another process has added or removed a run."""
    if cache.run_names() != seen:
        st.rerun()


def open_page(about_user: bool = False) -> Page:
    """Draw the bar and load the run; where that cannot be done, say why and stop."""
    names = cache.run_names()
    _watch(names)
    if not names:
        with st.container(horizontal=True, horizontal_alignment="right"):
            _language_switch()
        components.empty_state(cache.runs_dir())
        st.stop()
    asked = state.chosen("run")
    name = asked or names[0]
    key = cache.run_key(name)
    if key is None:
        _bar(names, None, None)
        components.headline(_("There is no run named {name}").format(name=name))
        components.error_panel(
            _("The runs there are: {names}.").format(names=_(", ").join(names)), _("Choose one at the top left.")
        )
        st.stop()
    state.settle("run", name)
    try:
        with st.spinner(_("Loading the run…")):
            run = cache.load(key)
        user = _user(key) if about_user else None
    except EngineError as error:
        _bar(names, name, None)
        components.headline(_("The run {name} cannot be used").format(name=name))
        components.error_panel(error)
        st.stop()
    _bar(names, name, (key, user) if user is not None else None)
    state.show_in_address("run", "lang", *(("user", "view") if about_user else ()))
    if user is not None:
        _require_user(key, user)
    return Page(key, run, user or "", state.view(), i18n.language(), state.is_dark())


def _user(key: cache.RunKey) -> str:
    """The chosen user, else one of the tail."""
    user = state.chosen("user")
    if user is None:
        user = cache.first_user(key)
        state.settle("user", user)
    return user


def _require_user(key: cache.RunKey, user: str) -> None:
    """Where the run does not know the user, say so, offer a way out, and stop."""
    try:
        cache.profile(key, user, state.view(), i18n.language())
    except EngineError as error:
        components.headline(_("This run knows no user {user}").format(user=user))
        components.error_panel(error, _("Type another id at the top, or take one at random:"))
        with st.container(horizontal=True):
            random_buttons(key)
        st.stop()


def random_buttons(key: cache.RunKey) -> None:
    """Buttons that draw a user."""

    def draw(cohort: str) -> None:
        state.choose("user", cache.random_user(key, cohort, state.next_draw()))  # pyright: ignore[reportArgumentType]

    for cohort, label in (("tail", _("Random tail user")), ("head", _("Random head user"))):
        some = len(cache.find_users(key, "", cohort, (), 1)) > 0
        st.button(
            label, key=f"draw_{cohort}", icon=":material/casino:", on_click=draw, args=(cohort,), disabled=not some
        )


def _bar(names: list[str], name: str | None, user: tuple[cache.RunKey, str] | None) -> None:
    """Run, user, view and language in one slim row."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar"):
        options = names if name is None or name in names else [name, *names]
        if name is not None:
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
        if user is not None:
            _user_box(*user)
            _view_switch()
        st.space("stretch")
        _language_switch()


def _user_box(key: cache.RunKey, user: str) -> None:
    offered = cache.find_users(key, "", "all", (), OFFERED_USERS)["user_id"].astype(str).tolist()
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


def metric_of(page: Page) -> str:
    """NDCG@10, or NDCG at the first list length the run was measured at."""
    ks = page.run.config.evaluation.ks
    return METRIC if 10 in ks else f"ndcg@{ks[0]}"


def oracle_value(page: Page, metric: str, group: str) -> float | None:
    """The ceiling of a cohort, where the data's generator is known and the cohorts are cut alike."""
    oracle = page.run.oracle
    if not oracle or oracle.get("metric") != metric or oracle.get("protocol") != page.run.split.protocol:
        return None
    if group != "all" and oracle.get("head_share") != page.run.config.evaluation.head_share:
        return None
    part = engine.fair_ceiling(oracle).get(group)
    return float(part["value"]) if part else None
