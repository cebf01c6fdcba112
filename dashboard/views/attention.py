"""Attention: where did the model look while it read this history?"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import streamlit as st

import engine
from dashboard import cache_trust, components, state, trust
from dashboard.charts import attention as charts
from dashboard.components import escape_markdown
from dashboard.i18n import _, count, ngettext, percent, pgettext
from dashboard.views import attention_parts as parts
from dashboard.views import heads
from dashboard.views.frame import Page, open_page, random_buttons
from engine import EngineError

# On a narrow screen every third column is named, the last one among them: all names would lie on each other.
NARROW = """<style>@media (max-width: 640px) {
.st-key-map .xtick:not(:nth-last-child(3n + 1)) text { display: none } }</style>"""

WINDOWS = (10, 20, 30, 50, 100)
SHOWN = 30


def chosen_head(found: engine.AttentionMap) -> tuple[int, int]:
    """(layer, head) from 0: from the address where it names one, else the last layer's first head."""
    n_layers, n_heads = found.weights.shape[:2]

    def number(key: str, default: int, limit: int) -> int:
        text = state.chosen(key) or ""
        return int(text) - 1 if text.isdecimal() and len(text) < 4 and 1 <= int(text) <= limit else default

    return number("layer", n_layers - 1, n_layers), number("head", 0, n_heads)


def controls(found: engine.AttentionMap, layer: int, head: int) -> tuple[bool, int]:
    """Choose a layer, a head, the scale and the window. Returns (lifted, columns shown)."""
    n_layers, n_heads = found.weights.shape[:2]
    length = found.n_events
    about_scale = (
        _(
            "A row spreads a total of 1 over all events up to its own, so later rows look paler. "
            "Times uniform undoes that: 1 is an even spread."
        )
        if found.kind == "causal"
        else _("A row spreads a total of 1 over all columns. Times uniform multiplies by their number: 1 is even.")
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for key, n, now, text in (
            ("layer", n_layers, layer, _("Layer")),
            ("head", n_heads, head, pgettext("attention", "Head")),
        ):
            if n == 1:
                continue
            state.set_widget(f"pick_{key}", str(now + 1))
            st.selectbox(
                text,
                [str(i + 1) for i in range(n)],
                key=f"pick_{key}",
                width=90,
                on_change=state.choose_from,
                args=(key, f"pick_{key}"),
            )
        scale = "raw"
        if found.reading != "gradient":  # points of a score are no shares of a row
            names = {"lift": _("Times uniform"), "raw": _("Raw weight")}
            scale = st.segmented_control(
                _("Scale"),
                list(names),
                default="lift",
                format_func=lambda s: names[s],
                key="scale",
                required=True,
                help=about_scale,
            )
        sizes = {w: _("last {n}").format(n=count(w)) for w in WINDOWS if w < length}
        sizes[length] = _("all {n}").format(n=count(length))
        size = length
        if len(sizes) > 1:
            size = st.selectbox(
                _("Events shown"),
                list(sizes),
                index=next(i for i, w in enumerate(sizes) if w >= min(SHOWN, length)),
                format_func=sizes.__getitem__,
                key="window",
                width=130,
            )
    return scale == "lift", size + found.weights.shape[-1] - length


def first_line(found: engine.AttentionMap, layer: int, head: int) -> None:
    """The page's first line: what the readout row of the chosen head looked at most, or what counts most by another."""
    if found.reading != "raw":
        most = int(found.relevance.argmax())
        text = {
            "rollout": _("Through all layers, the next guess draws most on “{title}”"),
            "gradient": _("For “{item}”, attention counts most on “{title}”"),
        }[found.reading]
        components.headline(text.format(title=found.labels[most], item=found.title))
        components.note(trust.about_reading(found.reading))
        return
    last = found.weights[layer, head, -1]
    most = int(last[: found.n_events].argmax())  # the event; [MASK] looks at itself as well
    components.headline(_("Before its next guess, this head looked most at “{title}”").format(title=found.labels[most]))
    components.note(
        _(
            "Layer {layer}, head {head} put {share} of its attention on event {position}; "
            "an even spread would be {even}."
        ).format(
            layer=layer + 1,
            head=head + 1,
            share=percent(float(last[most])),
            position=found.positions[most],
            even=percent(1 / len(last)),
        )
    )


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
    parts.cell(found, at, clicked)
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


def heads_table(found: engine.AttentionMap) -> pd.DataFrame:
    """How each head spreads its last row."""
    table = found.heads.copy()
    names = {
        "layer": _("Layer"),
        "head": pgettext("attention", "Head"),
        "entropy": _("Entropy"),
        "first_share": _("First"),
        "recent_share": _("Previous"),
        "own_share": _("Newest"),
    }
    return table.loc[:, list(names)].rename(columns=names)


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


def map_title(found: engine.AttentionMap, layer: int, head: int) -> str:
    """What the large map is of."""
    if found.reading == "rollout":
        return _("After layer {layer}").format(layer=layer + 1)
    return _("Layer {layer}, head {head}").format(layer=layer + 1, head=head + 1)


def by_category_chosen(found: engine.AttentionMap) -> bool:
    """Whether events are to be put together by category; asked only where there are some."""
    if len(set(found.categories) - {None}) < 2:
        return False
    return st.toggle(_("By category"), key="by_category")


def draw() -> None:
    """Draw the page."""
    page = open_page(about_user=True)
    top_of_page = st.container()
    reading, item = parts.choose_reading(page)
    try:
        with top_of_page, st.spinner(_("Reading attention…")):
            found = cache_trust.attention(page.key, page.user, page.view, page.lang, reading, item)
    except EngineError as error:
        components.headline(_("There is no history to look at"))
        components.error_panel(str(error), _("Type another id at the top, or take one at random:"))
        with st.container(horizontal=True):
            random_buttons(page.key)
        st.stop()
    layer, head = chosen_head(found)
    with top_of_page:
        first_line(found, layer, head)
    lifted, size = controls(found, layer, head)
    values = engine.lift_over_uniform(found.weights) if lifted else found.weights
    shown = charts.window(values, size)
    top = charts.ceiling(shown, lifted)
    left, right = st.columns([7, 5], gap="large")
    with left:
        components.section(map_title(found, layer, head))
        if by_category_chosen(found):
            parts.category_map(page, found, (layer, head), lifted)
        else:
            large_map(page, found, values, (layer, head), lifted, size, top)
    with right:
        components.section(_("All heads, one scale"))
        fig = charts.all_heads(shown, (layer, head), lifted, top, page.dark)
        components.chart(fig, "heads", _("A small attention map for every layer and head; the chosen one is framed."))
        components.section(_("What the last row of each head looks at"))
        st.dataframe(
            heads_table(found),
            hide_index=True,
            alt=_("What the last row of each head looks at"),
            column_config=share_columns(),
        )
        components.note(
            _(
                "Entropy: 0 is all on one event, 1 an even spread. "
                "First, previous, newest: their shares of the last row."
            )
        )
        caution(page)
    components.table_twin(
        last_row_table(found, (layer, head)),
        map_title(found, layer, head),
        _("The row as a table"),
    )
    heads.roles(page)


def share_columns() -> dict[Any, Any]:
    """Columns that hold shares, shown as percentages."""
    share, number = "percent", "%.2f"
    looks: dict[str, tuple[int, Literal["percent", "%.2f"] | None]] = {
        _("Layer"): (44, None),
        pgettext("attention", "Head"): (62, None),
        _("Entropy"): (62, number),
        _("First"): (66, share),
        _("Previous"): (72, share),
        _("Newest"): (68, share),
    }
    return {name: st.column_config.NumberColumn(width=width, format=form) for name, (width, form) in looks.items()}


draw()
