"""Attention: where did the model look while it read this history?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import engine
from dashboard.cache import faithfulness as faithfulness_cache
from dashboard.charts import attention as charts
from dashboard.text.i18n import _, count, ngettext, percent
from dashboard.ui import components, state
from dashboard.views.parts.attention import cell as cell_part, controls, heads, summary as parts, window as window_part
from dashboard.views.parts.page_frame import Page, open_page, random_buttons
from engine import EngineError

# On a narrow screen every third column is named, the last one among them: all names would lie on each other.
NARROW = """<style>@media (max-width: 640px) {
.st-key-map .xtick:not(:nth-last-child(3n + 1)) text { display: none } }</style>"""


@dataclass(frozen=True)
class Shown:
    """What the page shows of a user's attention.

    Attributes:
        found: all of it.
        at: layer and head of the large map, from 0.
        lifted: whether weights are shown as lifts over uniform.
        window: the part of the maps that is drawn.
        values: that part of every head's map, (n_layers, n_heads, rows, columns).
    """

    found: engine.AttentionMap
    at: tuple[int, int]
    lifted: bool
    window: charts.Window
    values: np.ndarray

    @property
    def top(self) -> float:
        """Top of the one colour scale of all heads."""
        return charts.ceiling(self.values, self.lifted)

    @property
    def n_hidden(self) -> int:
        """Events that lie outside the window."""
        return self.found.n_events - int(np.sum(self.window.columns < self.found.n_events))

    @property
    def is_long(self) -> bool:
        """Whether so many events are shown that the map takes the page's whole width."""
        return len(self.window.columns) > charts.READOUT_LIMIT


def large_map(page: Page, shown: Shown) -> None:
    """The chosen head's map, the cell that is chosen in it or beside it, and both as tables."""
    found, at = shown.found, shown.at
    cell = cell_part.chosen(found)
    fig = charts.chosen_map(
        shown.values[at],
        [found.labels[i] for i in shown.window.rows],
        [found.positions[i] for i in shown.window.rows],
        shown.lifted,
        shown.top,
        page.dark,
        cell_part.drawn(cell, shown.window),
    )
    st.html(NARROW)
    alt = _("Heatmap of attention: rows are events being read, columns events looked at.")
    components.chart(fig, "map", alt, on_point=lambda: state.choose_point("cell", "map"))
    cell_part.lists(found, cell)
    cell_part.describe(found, at, cell, shown.window)
    notes(shown)
    title = map_title(found, *at)
    for (table, addresses), about, label in (
        (cell_part.row_table(found, at, cell), _("{map}: one row").format(map=title), _("The row as a table")),
        (cell_part.map_table(found, at, shown.window), title, _("The map as a table")),
    ):
        components.data_table(table, about, label, chooses=("cell", addresses))


def notes(shown: Shown) -> None:
    """What the rows are, where that is not plain, and what lies outside the window."""
    found = shown.found
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
    last = found.weights[shown.at][-1]
    hidden = shown.n_hidden
    if hidden and found.reading != "gradient":
        components.note(
            ngettext(
                "{n} event lies outside the window; {share} of the last row's attention goes there.",
                "{n} events lie outside the window; {share} of the last row's attention goes there.",
                hidden,
            ).format(n=count(hidden), share=percent(float(np.nansum(last) - np.nansum(last[shown.window.columns]))))
        )


def map_title(found: engine.AttentionMap, layer: int, head: int) -> str:
    """What the large map is of."""
    if found.reading == "rollout":
        return _("After layer {layer}").format(layer=layer + 1)
    return _("Layer {layer}, attention head {head}").format(layer=layer + 1, head=head + 1)


def small_maps(page: Page, shown: Shown) -> None:
    """Every head's map, or every layer's where attention flows through all heads."""
    flow = shown.found.reading == "rollout"
    components.section(_("All layers, one scale") if flow else _("All attention heads, one scale"))
    fig = charts.all_heads(shown.values, shown.at, shown.lifted, shown.top, page.dark, flow)
    alt = (
        _("A small map of the flow after every layer; the chosen one is framed.")
        if flow
        else _("A small map for every layer and attention head; the chosen one is framed.")
    )
    components.chart(fig, "heads", alt)


def draw() -> None:
    """Draw the page."""
    page = open_page(about_user=True)
    top_of_page = st.container()
    reading, item = controls.choose_reading(page)
    try:
        with top_of_page, st.spinner(_("Reading attention…")):
            found = faithfulness_cache.attention(page.key, page.user, page.view, page.lang, reading, item)
    except EngineError as error:
        components.headline(_("There is no history to look at"))
        components.error_panel(error, _("Type another id at the top, or take one at random:"))
        with st.container(horizontal=True):
            random_buttons(page.key)
        st.stop()
    at = controls.chosen_head(found)
    with top_of_page:
        parts.first_line(found, *at)
    lifted = controls.controls(found, *at)
    span = window_part.choose(page, found)
    oldest = found.positions[0]
    n_rows, n_keys = found.weights.shape[-2:]
    window = charts.window((n_rows, n_keys), found.n_events, span[0] - oldest, span[1] - oldest)
    values = window.of(engine.lift_over_uniform(found.weights) if lifted else found.weights)
    shown = Shown(found, at, lifted, window, values)
    large, small, side = places(shown.is_long)
    with large:
        components.section(map_title(found, *at))
        if controls.by_category_chosen(found):
            parts.category_map(page, found, at, lifted)
            if shown.n_hidden:
                components.note(_("All {n} events count here, not only those shown.").format(n=count(found.n_events)))
        else:
            large_map(page, shown)
    with small:
        small_maps(page, shown)
    with side:
        parts.heads_summary(found)
        parts.caution(page)
    heads.roles(page)


def places(is_long: bool) -> tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator]:
    """Where the large map, the small ones and the rest go: a long map has the page's whole width."""
    if is_long:
        whole = st.container()
        left, right = st.columns([7, 5], gap="large")
        return whole, left, right
    left, right = st.columns([7, 5], gap="large")
    return left, right, right


draw()
