"""Controls of the Attention page: how attention is read, which head, on what scale, by event or by category."""

from __future__ import annotations

import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.text import faithfulness as faithfulness_text
from dashboard.text.i18n import _
from dashboard.ui import state
from dashboard.views.parts.page_frame import Page

READINGS = ("raw", "rollout", "gradient")
OFFERED = 10
BY_CATEGORY = "categories"


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
            help=faithfulness_text.about_readings(),
        )
        if reading != "gradient":
            return reading, None
        answer = run_cache.recommend(page.key, page.user, OFFERED, page.view, page.lang)
        offered = {i.item_id: _("{rank}. {title}").format(rank=i.rank, title=i.title) for i in answer.items}
        item = state.chosen("item") or next(iter(offered), None)
        if item is None:
            return reading, None
        if item not in offered:
            offered[item] = _("Item {item}").format(item=item)
        state.show_in_address("item")
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


def chosen_head(found: engine.AttentionMap) -> tuple[int, int]:
    """(layer, head) from 0: from the address where it names one, else the last layer's first head."""
    n_layers, n_heads = found.weights.shape[:2]

    def number(key: str, default: int, limit: int) -> int:
        text = state.chosen(key) or ""
        return int(text) - 1 if text.isdecimal() and len(text) < 4 and 1 <= int(text) <= limit else default

    return number("layer", n_layers - 1, n_layers), number("head", 0, n_heads)


def controls(found: engine.AttentionMap, layer: int, head: int) -> bool:
    """Choose a layer, a head and the scale. Returns whether weights are to be shown as lifts over uniform."""
    n_layers, n_heads = found.weights.shape[:2]
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
            ("head", n_heads, head, _("Attention head")),
        ):
            if n == 1:
                continue
            state.set_widget(f"pick_{key}", str(now + 1))
            st.selectbox(
                text,
                [str(i + 1) for i in range(n)],
                key=f"pick_{key}",
                width=90 if key == "layer" else 140,
                on_change=state.choose_from,
                args=(key, f"pick_{key}"),
            )
        if found.reading == "gradient":  # points of a score are no shares of a row
            return False
        names = {"lift": _("Times uniform"), "raw": _("Raw weight")}
        scale = "raw" if state.chosen("scale") == "raw" else "lift"
        state.set_widget("pick_scale", scale)
        st.segmented_control(
            _("Scale"),
            list(names),
            format_func=names.__getitem__,
            key="pick_scale",
            required=True,
            help=about_scale,
            on_change=state.choose_from,
            args=("scale", "pick_scale"),
        )
    return scale == "lift"


def by_category_chosen(found: engine.AttentionMap) -> bool:
    """Whether events are to be put together by category; asked only where there are some."""
    if len(set(found.categories) - {None}) < 2:
        return False
    state.set_widget("by_category", state.chosen("map") == BY_CATEGORY)
    return st.toggle(
        _("By category"),
        key="by_category",
        on_change=lambda: state.choose("map", BY_CATEGORY if state.widget("by_category") else None),
    )
