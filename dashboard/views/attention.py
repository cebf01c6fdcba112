"""Attention: where did the model look while it read this history?"""

from __future__ import annotations

import numpy as np
import streamlit as st

import engine
from dashboard import cache_trust, components
from dashboard.charts import attention as charts
from dashboard.i18n import _, count, ngettext, percent
from dashboard.views import attention_cell, attention_controls, heads
from dashboard.views import attention_parts as parts
from dashboard.views.frame import Page, open_page, random_buttons
from engine import EngineError

# On a narrow screen every third column is named, the last one among them: all names would lie on each other.
NARROW = """<style>@media (max-width: 640px) {
.st-key-map .xtick:not(:nth-last-child(3n + 1)) text { display: none } }</style>"""


def large_map(
    page: Page, found: engine.AttentionMap, values: np.ndarray, at: tuple[int, int], lifted: bool, size: int, top: float
) -> None:
    """The chosen head's map, and the cell that is picked in it."""
    layer, head = at
    part = charts.window(values[layer, head], size)
    titles, positions = found.labels[-len(part) :], found.positions[-len(part) :]
    fig = charts.chosen_map(part, titles, positions, lifted, top, page.dark)
    st.html(NARROW)
    alt = _("Heatmap of attention: rows are events being read, columns events looked at.")
    picked = st.plotly_chart(
        fig,
        theme=None,
        key="map",
        alt=alt,
        config={"displayModeBar": False},
        on_select="rerun",
        selection_mode="points",
    )
    points = picked["selection"]["points"]
    clicked = None
    if points:
        query, key = int(points[0]["customdata"][0]), int(points[0]["customdata"][1])
        clicked = (query + found.weights.shape[-2] - len(part), key + found.weights.shape[-1] - size)
    attention_cell.cell(found, at, clicked)
    if found.kind == "bidirectional":
        components.note(
            _(
                "This model reads in both directions, so no event is in the future of another. "
                "The framed row is that of [MASK], which stands where the next item would be."
            )
        )
    elif found.kind == "cross":
        components.note(
            _(
                "The rows above are the encoder's, which reads in both directions. The framed row is the decoder's: "
                "from START, it looks at what the encoder's last layer made of each event."
            )
        )
    hidden = found.weights.shape[-1] - size
    if hidden and found.reading != "gradient":
        outside = float(np.nansum(found.weights[layer, head, -1, :hidden]))
        components.note(
            ngettext(
                "{n} earlier event is not shown; {share} of the last row's attention lies there.",
                "{n} earlier events are not shown; {share} of the last row's attention lies there.",
                hidden,
            ).format(n=count(hidden), share=percent(outside))
        )


def map_title(found: engine.AttentionMap, layer: int, head: int) -> str:
    """What the large map is of."""
    if found.reading == "rollout":
        return _("After layer {layer}").format(layer=layer + 1)
    return _("Layer {layer}, head {head}").format(layer=layer + 1, head=head + 1)


def draw() -> None:
    """Draw the page."""
    page = open_page(about_user=True)
    top_of_page = st.container()
    reading, item = attention_controls.choose_reading(page)
    try:
        with top_of_page, st.spinner(_("Reading attention…")):
            found = cache_trust.attention(page.key, page.user, page.view, page.lang, reading, item)
    except EngineError as error:
        components.headline(_("There is no history to look at"))
        components.error_panel(str(error), _("Type another id at the top, or take one at random:"))
        with st.container(horizontal=True):
            random_buttons(page.key)
        st.stop()
    layer, head = attention_controls.chosen_head(found)
    with top_of_page:
        parts.first_line(found, layer, head)
    lifted, size = attention_controls.controls(found, layer, head)
    values = engine.lift_over_uniform(found.weights) if lifted else found.weights
    shown = charts.window(values, size)
    top = charts.ceiling(shown, lifted)
    left, right = st.columns([7, 5], gap="large")
    with left:
        components.section(map_title(found, layer, head))
        if attention_controls.by_category_chosen(found):
            parts.category_map(page, found, (layer, head), lifted)
        else:
            large_map(page, found, values, (layer, head), lifted, size, top)
    with right:
        components.section(_("All heads, one scale"))
        fig = charts.all_heads(shown, (layer, head), lifted, top, page.dark)
        components.chart(fig, "heads", _("A small attention map for every layer and head; the chosen one is framed."))
        components.section(_("What the last row of each head looks at"))
        st.dataframe(
            parts.heads_table(found),
            hide_index=True,
            alt=_("What the last row of each head looks at"),
            column_config=parts.share_columns(),
        )
        components.note(
            _(
                "Entropy: 0 is all on one event, 1 an even spread. "
                "First, previous, newest: their shares of the last row."
            )
        )
        parts.caution(page)
    components.table_twin(
        attention_cell.last_row_table(found, (layer, head)),
        map_title(found, layer, head),
        _("The row as a table"),
    )
    heads.roles(page)


draw()
