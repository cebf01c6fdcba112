"""Groups that people keep with a run, on the page Head vs tail: a name and a rule; to forget one undoes it."""

from __future__ import annotations

import streamlit as st

from dashboard.cache import runs as run_cache
from dashboard.text import i18n
from dashboard.text.i18n import _
from dashboard.ui import components, state
from dashboard.views.parts.page_frame import Page
from engine import EngineError

TROUBLE = "group_trouble"


def keep_group(page: Page, rule: str) -> None:
    """Save the chosen group under a name, with its rule or another; forget it where it is saved."""
    try:
        saved = run_cache.saved_groups(page.key)
    except EngineError as error:
        components.error_panel(error)
        return
    if rule in saved:
        st.button(
            _("Forget the group {name}").format(name=components.escape_markdown(saved[rule])),
            icon=":material/bookmark_remove:",
            key="forget_group",
            on_click=_forget,
            args=(page, saved[rule]),
        )
    else:
        with st.popover(_("Save as a group"), icon=":material/bookmark_add:"), st.form("save_group", border=False):
            name, text = "group_name", f"group_text_{rule}"
            st.text_input(_("Name"), max_chars=80, key=name)
            st.text_input(_("Rule"), value=rule, key=text)
            components.note(
                _("column=value|value or column=low..high; & joins them, as in: user_cohort=tail & history_length=3..5")
            )
            st.form_submit_button(_("Save"), on_click=_save, args=(page, name, text))
    if trouble := state.widget(TROUBLE):
        components.error_panel(str(trouble))
        state.set_widget(TROUBLE, None)


def _save(page: Page, name: str, text: str) -> None:
    try:
        rule = run_cache.save_group(page.key, str(state.widget(name)).strip(), str(state.widget(text)))
    except EngineError as error:
        state.set_widget(TROUBLE, i18n.translate(error))
    else:
        state.choose("group", rule)
        state.set_widget(name, "")


def _forget(page: Page, name: str) -> None:
    try:
        run_cache.delete_group(page.key, name)
    except EngineError as error:
        state.set_widget(TROUBLE, i18n.translate(error))
