"""Parts of the Attention page: how attention is read, one cell in words, and events put together by category."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

import engine
from dashboard import cache, components, state, trust
from dashboard.charts import attention as charts
from dashboard.components import escape_markdown
from dashboard.i18n import _, figure, percent
from dashboard.views.frame import Page
from dashboard.words import category

READINGS = ("raw", "rollout", "gradient")
OFFERED = 10


def choose_reading(page: Page) -> tuple[str, str | None]:
    """How attention is read, and for which item where that matters. Returns (reading, item id or None)."""
    names = {"raw": _("Weights"), "rollout": _("Flow through layers"), "gradient": _("For one item")}
    asked = state.chosen("reading")
    reading = asked if asked in READINGS else "raw"
    state.set_widget("pick_reading", reading)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            _("Attention as"),
            READINGS,
            format_func=names.__getitem__,
            key="pick_reading",
            required=True,
            on_change=state.choose_from,
            args=("reading", "pick_reading"),
            help=trust.about_readings(),
        )
        if reading != "gradient":
            return reading, None
        answer = cache.recommend(page.key, page.user, OFFERED, page.view, page.lang)
        offered = {i.item_id: _("{rank}. {title}").format(rank=i.rank, title=i.title) for i in answer.items}
        item = state.chosen("item") or next(iter(offered), None)
        if item is None:
            return reading, None
        if item not in offered:
            offered[item] = _("Item {item}").format(item=item)
        state.set_widget("pick_looked_for", item)
        st.selectbox(
            _("Item"),
            list(offered),
            format_func=offered.__getitem__,
            key="pick_looked_for",
            width=420,
            on_change=state.choose_from,
            args=("item", "pick_looked_for"),
        )
    return reading, item


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


def category_map(page: Page, found: engine.AttentionMap, at: tuple[int, int], lifted: bool) -> None:
    """The chosen head's map with events put together by category."""
    grouped = engine.by_category(found.weights, found.categories)
    values = (grouped.lift if lifted else grouped.weights)[at]
    others = _("all others")
    names = [others if name is None else category(name) for name in grouped.names]
    rows = [*names, _("the next guess")]
    counts = [*grouped.counts, 1]
    fig = charts.chosen_map(values, rows, counts, lifted, charts.ceiling(values, lifted), page.dark)
    components.chart(fig, "categories", _("Heatmap of attention between categories of events."))
    components.note(
        _(
            "Rows: events of a category while they are read, averaged; columns: all events of a category together. The "
            "figure after a name is its number of events."
        )
    )
    table = pd.DataFrame(
        [
            (q, k, grouped.weights[at][i, j], grouped.lift[at][i, j])
            for i, q in enumerate(rows)
            for j, k in enumerate(names)
        ],
        columns=[_("While reading"), _("looked at"), _("Weight"), _("Times uniform")],
    )
    components.table_twin(table, _("Attention by category"))
