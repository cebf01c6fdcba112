"""Part of the Explain page: without which events the item would leave the list, and what would take its place."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import explain as explain_cache
from dashboard.text import explain as explain_text
from dashboard.text.i18n import _, count, figure
from dashboard.ui import components
from dashboard.ui.components import escape_markdown
from dashboard.views.parts.page_frame import Page

LENGTHS = (1, 3, 5, 10)


def without(page: Page, answer: engine.Attribution) -> None:
    """The smallest set found, whether it is proven smallest, and the list without it."""
    lengths = [k for k in LENGTHS if answer.rank is not None and answer.rank <= k]
    if not lengths:
        components.note(
            _("This item is not among the first {k}, so there is no list that it could leave.").format(
                k=count(LENGTHS[-1])
            )
        )
        return
    k = st.segmented_control(
        _("Would leave the top"), lengths, default=lengths[-1], format_func=count, key="without_k", required=True
    )
    with st.spinner(_("Looking for the smallest set of events…")):
        found = explain_cache.explain_without(
            page.key, page.user, answer.item_id, k or lengths[-1], page.view, page.lang
        )
    st.markdown(f"**{escape_markdown(explain_text.without(found))}**")
    st.markdown(escape_markdown(explain_text.how_small(found)))
    if found.events:
        components.figures(
            [
                (_("Rank now"), count(found.rank), None),
                (_("With them hidden"), count(found.rank_hidden), None),
                (_("Had they never happened"), count(found.rank_deleted), None),
            ]
        )
        if found.replaced_by:
            st.markdown(escape_markdown(explain_text.takes_its_place(found)))
        st.markdown(escape_markdown(explain_text.had_they_never_been(found)))
        rows = [(event.position, event.title, event.item_id) for event in found.events]
        components.frame(
            pd.DataFrame(rows, columns=[_("Event"), _("Title"), _("Item")]),
            hide_index=True,
            alt=_("Events without which the item would leave the list"),
        )
    components.note(
        _(
            "A hidden event is masked at its place, as in the values above. Every set that was tried was scored "
            "against the whole catalogue, {n} sets in {seconds} seconds; what the user has had stays out of the list, "
            "hidden or not. Events are first looked at by their Shapley values of the item's lead over the last place "
            "of the list."
        ).format(n=count(found.n_evaluations), seconds=figure(found.seconds, 2))
    )
