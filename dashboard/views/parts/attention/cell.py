"""One cell of the large map of the Attention page: in words, in lists and tables that choose it, its row as a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

import engine
from dashboard.charts import attention as charts
from dashboard.text.i18n import _, figure, percent
from dashboard.ui import components, state
from dashboard.ui.components import escape_markdown
from dashboard.views.parts.attention import window as window_part


@dataclass(frozen=True)
class Cell:
    """What is chosen: indices of a query and a key, None where that is left open."""

    query: int | None
    key: int | None


def chosen(found: engine.AttentionMap) -> Cell:
    """The cell that the address names; what this history does not reach is left open."""
    query, _dot, key = (state.chosen("cell") or "").partition(".")

    def place(text: str, limit: int) -> int | None:
        at = int(text) - found.positions[0] if text.isdecimal() and len(text) < 10 else -1
        return at if 0 <= at < limit else None

    n_rows, n_keys = found.weights.shape[-2:]
    return Cell(place(query, n_rows), place(key, n_keys))


def _choose_from_lists() -> None:
    """Callback of the two lists: choose what they hold."""
    query, key = state.widget("cell_query"), state.widget("cell_key")
    state.choose("cell", None if query is None and key is None else charts.cell_address(query, key))


def lists(found: engine.AttentionMap, cell: Cell) -> None:
    """Two lists that choose a cell, which a keyboard reaches; they show what was chosen anywhere."""
    n_rows, n_keys = found.weights.shape[-2:]

    def called(position: int) -> str:
        return _("{position}. {title}").format(position=position, title=found.labels[position - found.positions[0]])

    with st.container(horizontal=True, vertical_alignment="bottom"):
        for name, text, limit, at in (
            ("cell_query", _("While reading"), n_rows, cell.query),
            ("cell_key", _("looked at"), n_keys, cell.key),
        ):
            state.set_widget(name, None if at is None else found.positions[at])
            st.selectbox(
                text,
                list(found.positions[:limit])[::-1],
                index=None,
                format_func=called,
                placeholder=_("Choose an event"),
                key=name,
                width=280,
                on_change=_choose_from_lists,
            )


def describe(found: engine.AttentionMap, at: tuple[int, int], cell: Cell, window: charts.Window) -> None:
    """The cell in words; where the window leaves it out, a button brings it in."""
    if cell.query is None or cell.key is None:
        components.note(
            _("Choose a cell to read it in words. The framed row at the bottom alone decides the next item.")
        )
        return
    row = found.weights[at[0], at[1], cell.query]
    if not np.isfinite(row[cell.key]):
        components.note(_("That event comes later, so it cannot be looked at."))
        return
    weight, visible = float(row[cell.key]), int(np.isfinite(row).sum())
    names = {"query": found.labels[cell.query], "key": found.labels[cell.key]}
    if found.reading == "gradient":
        text = _("While reading “{query}”, looking at “{key}” accounts for {points} points of the score.").format(
            points=figure(weight), **names
        )
    elif found.reading == "rollout":
        text = _(
            "The place of “{query}” draws {share} of what it holds from “{key}”, {lift} times an even spread."
        ).format(share=percent(weight), lift=figure(weight * visible), **names)
    else:
        text = _(
            "While reading “{query}”, the attention head put {share} on “{key}”, {lift} times an even spread."
        ).format(share=percent(weight), lift=figure(weight * visible), **names)
    st.markdown(escape_markdown(text))
    if drawn(cell, window) is None:
        components.note(_("This cell lies outside the events shown."))
        st.button(
            _("Show it in the map"),
            key="cover",
            icon=":material/center_focus_strong:",
            on_click=window_part.cover,
            args=(found, cell.query, cell.key),
        )


def drawn(cell: Cell, window: charts.Window) -> tuple[int, int] | None:
    """Row and column of the cell in the map as it is drawn; None where it is not in it."""
    if cell.query is None or cell.key is None:
        return None
    if cell.query not in window.rows or cell.key not in window.columns:
        return None
    return int(np.searchsorted(window.rows, cell.query)), int(np.searchsorted(window.columns, cell.key))


def row_table(found: engine.AttentionMap, at: tuple[int, int], cell: Cell) -> tuple[pd.DataFrame, list[str]]:
    """The row chosen among cells, else the readout row, most attended first; and the address of each cell."""
    query = found.weights.shape[-2] - 1 if cell.query is None else cell.query
    keys = np.flatnonzero(np.isfinite(found.weights[at[0], at[1], query]))
    return _table(found, at, np.full(len(keys), query), keys)


def map_table(found: engine.AttentionMap, at: tuple[int, int], window: charts.Window) -> tuple[pd.DataFrame, list[str]]:
    """All cells of the map as it is drawn, the largest weight first; and the address of each."""
    rows, columns = np.nonzero(np.isfinite(window.of(found.weights[at])))
    return _table(found, at, window.rows[rows], window.columns[columns])


def _table(
    found: engine.AttentionMap, at: tuple[int, int], queries: np.ndarray, keys: np.ndarray
) -> tuple[pd.DataFrame, list[str]]:
    weights = found.weights[at]
    order = np.argsort(-weights[queries, keys], kind="stable")
    queries, keys = queries[order], keys[order]
    labels, items, positions = (np.array(a, dtype=object) for a in (found.labels, found.item_ids, found.positions))
    weight = weights[queries, keys]
    columns = {
        _("Event"): positions[keys].astype(int),
        _("Title"): labels[keys],
        _("Points of the score") if found.reading == "gradient" else _("Weight"): weight,
        _("Times uniform"): weight * np.isfinite(weights).sum(axis=-1)[queries],
        _("Item"): items[keys],
        _("Reading event"): positions[queries].astype(int),
        _("While reading"): labels[queries],
    }
    if found.reading == "gradient":  # points of a score are no shares of a row
        del columns[_("Times uniform")]
    addresses = [
        charts.cell_address(found.positions[q], found.positions[k])
        for q, k in zip(queries.tolist(), keys.tolist(), strict=True)
    ]
    return pd.DataFrame(columns), addresses
