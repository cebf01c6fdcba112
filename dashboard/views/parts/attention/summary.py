"""Parts of the Attention page: its first line, events by category, heads as a table, and what attention is not."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
import streamlit as st

import engine
from dashboard.charts import attention as charts
from dashboard.text import faithfulness as faithfulness_text
from dashboard.text.common import category
from dashboard.text.i18n import _, count, percent
from dashboard.ui import components, state
from dashboard.ui.components import escape_markdown
from dashboard.views.parts.attention.window import dominates, looks
from dashboard.views.parts.page_frame import Page

FEW = 5  # events that are not called many


def first_line(found: engine.AttentionMap, layer: int, head: int) -> None:
    """The page's first line: what the readout row of the chosen head looked at most, or what counts most by another."""
    row = looks(found, layer, head)
    most, total = int(row.argmax()), float(row.sum())
    names = {"title": found.labels[most], "item": found.title, "n": count(found.n_events)}
    if found.reading != "raw":
        text = {
            "rollout": _("Through all layers, the next guess draws most on “{title}”")
            if dominates(row)
            else _("Through all layers, the next guess draws on many events, on none of them much"),
            "gradient": _("For “{item}”, attention counts most on “{title}”")
            if dominates(row)
            else _("For “{item}”, attention counts on many events, on none of them much")
            if total > 0
            else _("For “{item}”, attention counts on no event"),
        }[found.reading]
        components.headline(text.format(**names))
        components.note(faithfulness_text.about_reading(found.reading))
        return
    if dominates(row):
        text = _("Before its next guess, this attention head looked most at “{title}”")
        about = _(
            "Layer {layer}, attention head {head} put {share} of its attention on event {position}; "
            "an even spread would be {even}."
        )
    else:
        text = _("Before its next guess, this attention head spread its attention over many events")
        if found.n_events <= FEW:
            text = _("Before its next guess, this attention head looked at all of its events about alike")
        about = _(
            "Layer {layer}, attention head {head}: the most, {share}, lay on “{title}” (event {position}); "
            "an even spread would be {even}."
        )
    components.headline(text.format(**names))
    components.note(
        about.format(
            layer=layer + 1,
            head=head + 1,
            share=percent(float(row[most])),
            position=found.positions[most],
            even=percent(1 / found.weights.shape[-1]),
            **names,
        )
    )


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
    components.data_table(table, _("Attention by category"))


def heads_table(found: engine.AttentionMap) -> pd.DataFrame:
    """How each head spreads its last row."""
    table = found.heads.copy()
    names = {
        "layer": _("Layer"),
        "head": _("Attention head"),
        "entropy": _("Entropy"),
        "first_share": _("First"),
        "recent_share": _("Previous"),
        "own_share": _("Newest"),
    }
    return table.loc[:, list(names)].rename(columns=names)


def share_columns() -> dict[Any, Any]:
    """Columns that hold shares, shown as percentages."""
    share, number = "percent", "%.2f"
    looks: dict[str, tuple[int, Literal["percent", "%.2f"] | None]] = {
        _("Layer"): (44, None),
        _("Attention head"): (106, None),
        _("Entropy"): (62, number),
        _("First"): (66, share),
        _("Previous"): (72, share),
        _("Newest"): (68, share),
    }
    return {name: st.column_config.NumberColumn(width=width, format=form) for name, (width, form) in looks.items()}


def heads_summary(found: engine.AttentionMap) -> None:
    """What each head's last row looks at, whatever the maps show."""
    components.section(_("What the last row of each attention head looks at"))
    components.frame(
        heads_table(found),
        hide_index=True,
        alt=_("What the last row of each attention head looks at"),
        column_config=share_columns(),
    )
    components.note(
        _("Entropy: 0 is all on one event, 1 an even spread. First, previous, newest: their shares of the last row.")
    )


def caution(page: Page) -> None:
    """What attention is, and what it is not."""
    if page.run.answers == "ensemble":
        components.note(
            _(
                "The ensemble answers in this run; these attentions are those of its Transformer, "
                "which is one member among others."
            )
        )
    with st.container(border=True):
        st.markdown(
            ":material/info: "
            + escape_markdown(
                _(
                    "Attention says where the model looked while it read, not why an item ranks where it does: "
                    "a weight can be high and change nothing. For the reasons behind one item, see Explain."
                )
            )
        )
    st.page_link(
        "views/explain.py",
        label=_("Why was an item recommended?"),
        icon=":material/help_center:",
        query_params=state.link(),
    )
