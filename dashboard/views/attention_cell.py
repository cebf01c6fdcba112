"""One cell of the large map of the Attention page: in words, and its row as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

import engine
from dashboard import components, state
from dashboard.components import escape_markdown
from dashboard.i18n import _, figure, percent


def cell(found: engine.AttentionMap, at: tuple[int, int], clicked: tuple[int, int] | None) -> None:
    """One cell in words: the one that was clicked, or chosen from two lists, which a keyboard reaches."""
    n_rows, n_keys = found.weights.shape[-2:]
    if clicked is not None and clicked != state.widget("cell_clicked") and clicked[0] < n_rows and clicked[1] < n_keys:
        state.set_widget("cell_query", clicked[0])
        state.set_widget("cell_key", clicked[1])
    state.set_widget("cell_clicked", clicked)
    for name, limit in (("cell_query", n_rows), ("cell_key", n_keys)):
        held = state.widget(name)
        if held is not None and held >= limit:  # of a longer history
            state.set_widget(name, None)

    def called(place: int) -> str:
        return _("{position}. {title}").format(position=found.positions[place], title=found.labels[place])

    with st.container(horizontal=True, vertical_alignment="bottom"):
        query = st.selectbox(
            _("While reading"),
            list(range(n_rows))[::-1],
            index=None,
            format_func=called,
            placeholder=_("Choose an event"),
            key="cell_query",
            width=280,
        )
        key = st.selectbox(
            _("looked at"),
            list(range(n_keys))[::-1],
            index=None,
            format_func=called,
            placeholder=_("Choose an event"),
            key="cell_key",
            width=280,
        )
    if query is None or key is None:
        components.note(
            _("Choose a cell to read it in words. The framed row at the bottom alone decides the next item.")
        )
        return
    row = found.weights[at[0], at[1], query]
    if not np.isfinite(row[key]):
        components.note(_("That event comes later, so it cannot be looked at."))
        return
    weight, visible = float(row[key]), int(np.isfinite(row).sum())
    names = {"query": found.labels[query], "key": found.labels[key]}
    if found.reading == "gradient":
        text = _("While reading “{query}”, looking at “{key}” accounts for {points} points of the score.").format(
            points=figure(weight), **names
        )
    elif found.reading == "rollout":
        text = _(
            "The place of “{query}” draws {share} of what it holds from “{key}”, {lift} times an even spread."
        ).format(share=percent(weight), lift=figure(weight * visible), **names)
    else:
        text = _("While reading “{query}”, the head put {share} on “{key}”, {lift} times an even spread.").format(
            share=percent(weight), lift=figure(weight * visible), **names
        )
    st.markdown(escape_markdown(text))


def last_row_table(found: engine.AttentionMap, at: tuple[int, int]) -> pd.DataFrame:
    """The row chosen among cells, else the readout row, as a table, most attended first."""
    query = state.widget("cell_query")
    query = found.weights.shape[-2] - 1 if query is None else query
    row = found.weights[at[0], at[1], query]
    row = row[np.isfinite(row)]
    table = pd.DataFrame(
        {
            _("Event"): found.positions[: len(row)],
            _("Title"): found.labels[: len(row)],
            _("Weight"): row,
            _("Times uniform"): row * len(row),
            _("Item"): found.item_ids[: len(row)],
            _("While reading"): found.labels[query],
        }
    )
    return table.sort_values(by=_("Weight"), ascending=False, kind="stable", ignore_index=True)
