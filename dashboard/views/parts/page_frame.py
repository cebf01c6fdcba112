"""What every page begins with: the run and the user, and the ways out where there is nothing to show."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.text import i18n
from dashboard.text.i18n import _
from dashboard.ui import components, state
from dashboard.views.parts import bar
from engine import EngineError

METRIC = "ndcg@10"


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

    key: run_cache.RunKey
    run: engine.Run
    user: str
    view: engine.View
    lang: str
    dark: bool


def open_page(about_user: bool = False) -> Page:
    """Load what the page is about; where that cannot be done, say why and stop. The bar is there already."""
    names = run_cache.run_names()
    if not names:
        components.empty_state(run_cache.runs_dir())
        st.stop()
    name = state.chosen("run") or names[0]
    key = run_cache.run_key(name)
    if key is None:
        components.headline(_("There is no run named {name}").format(name=name))
        components.error_panel(
            _("The runs there are: {names}.").format(names=_(", ").join(names)), _("Choose one at the top left.")
        )
        st.stop()
    try:
        run = run_cache.load(key)
        user = bar.chosen_user(key) if about_user else ""
    except EngineError as error:
        components.headline(_("The run {name} cannot be used").format(name=name))
        components.error_panel(error)
        st.stop()
    if about_user:
        _require_user(key, user)
    return Page(key, run, user, state.view(), i18n.language(), state.is_dark())


def _require_user(key: run_cache.RunKey, user: str) -> None:
    """Where the run does not know the user, say so, offer a way out, and stop."""
    try:
        run_cache.profile(key, user, state.view(), i18n.language())
    except EngineError as error:
        components.headline(_("This run knows no user {user}").format(user=user))
        components.error_panel(error, _("Type another id at the top, or take one at random:"))
        with st.container(horizontal=True):
            random_buttons(key)
        st.stop()


def random_buttons(key: run_cache.RunKey) -> None:
    """Buttons that draw a user."""

    def draw(cohort: str) -> None:
        state.choose("user", run_cache.random_user(key, cohort, state.next_draw()))  # pyright: ignore[reportArgumentType]

    for cohort, label in (("tail", _("Random tail user")), ("head", _("Random head user"))):
        some = len(run_cache.find_users(key, "", cohort, (), 1)) > 0
        st.button(
            label, key=f"draw_{cohort}", icon=":material/casino:", on_click=draw, args=(cohort,), disabled=not some
        )


def metric_of(page: Page) -> str:
    """NDCG@10, or NDCG at the first list length the run was measured at."""
    ks = page.run.config.evaluation.ks
    return METRIC if 10 in ks else f"ndcg@{ks[0]}"


def oracle_value(page: Page, metric: str, group: str) -> float | None:
    """The ceiling of a cohort, where the data's generator is known and the cohorts are cut alike."""
    run = page.run
    return engine.oracle_figures(run.oracle, metric, run.evaluation, run.config.evaluation).get(group)
