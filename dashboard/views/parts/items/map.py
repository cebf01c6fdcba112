"""The map of the catalogue and exposure against popularity, on the page Items."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

import engine
from dashboard.cache import runs as run_cache, what_if as what_if_cache
from dashboard.charts import items as charts
from dashboard.text import common as common_text
from dashboard.text.i18n import _, count, percent, translate
from dashboard.ui import components, state
from dashboard.views.parts.page_frame import Page
from engine import EngineError

MOST_EVENTS = 100  # a user's newest events that are put on the map


def section(page: Page, about: engine.ItemProfile) -> None:
    """Both charts, side by side where there is room."""
    answer = run_cache.recommend(page.key, page.user, 10, page.view, page.lang)
    history = tuple(event.item_id for event in answer.history[-MOST_EVENTS:])
    listed = tuple(item.item_id for item in answer.items)
    components.section(_("A map of the catalogue"))
    method, colour = _controls(page)
    always = tuple(dict.fromkeys((about.item_id, *listed, *history)))
    try:
        with st.spinner(_waiting(page, method)):
            found = what_if_cache.item_map(page.key, method, always)
    except EngineError as error:  # too few items to lie on a plane
        components.note(translate(error))
        return
    with st.spinner(_waiting(page, method)):
        table = what_if_cache.item_table(page.key, method, always, about.k, page.lang)
    left, right = st.columns([7, 5], gap="large")
    with left:
        fig = charts.catalogue(table, colour, about.item_id, history, listed, page.dark, page.run.cohorts.item_cut)
        alt = _("Items as points, near each other where the model scores them alike, with a user's history and list.")
        _clickable(fig, "catalogue", alt)
        components.note(_note(found, page.user))
        _data_table(table, history, listed, _("A map of the catalogue"))
    with right:
        components.section(_("Recommended against popular"))
        alt = _(
            "Each item's rank by lists against its rank by popularity; on the line, it is recommended as often as "
            "its popularity suggests."
        )
        _clickable(charts.exposure(table, about.item_id, page.dark), "exposure", alt)
        n_unseen = int((table["exposure"].to_numpy() == 0).sum())
        components.note(
            _(
                "Above the dotted line: recommended more often than its popularity suggests. Ranks are among all "
                "items; {n} of the {total} items on the map are in no list and not drawn."
            ).format(n=count(n_unseen), total=count(len(table)))
        )
        _data_table(
            table.sort_values("exposure_rank", kind="stable"), history, listed, _("Recommended against popular")
        )


def _controls(page: Page) -> tuple[engine.Method, str]:
    methods = {"pca": _("Principal components"), "tsne": _("t-SNE")}
    colours = {"popularity": _("Popularity"), "category": _("Category")}
    if not any(column.startswith("category") for column in page.run.dataset.item_table.columns):
        del colours["category"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state.set_widget("map_method", state.one_of("layout", methods))
        method = st.segmented_control(
            _("Layout"),
            list(methods),
            format_func=methods.__getitem__,
            key="map_method",
            required=True,
            on_change=state.choose_from,
            args=("layout", "map_method"),
        )
        state.set_widget("map_colour", state.one_of("colour", colours))
        colour = st.segmented_control(
            _("Colour"),
            list(colours),
            format_func=colours.__getitem__,
            key="map_colour",
            required=True,
            on_change=state.choose_from,
            args=("colour", "map_colour"),
        )
    return ("tsne" if method == "tsne" else "pca"), colour or "popularity"


def _waiting(page: Page, method: engine.Method) -> str:
    if method == "tsne" and not what_if_cache.has_tsne(page.key):
        return _("Laying out the items by t-SNE, once per run: ten seconds to a minute…")
    return _("Drawing the map…")


def _clickable(fig: go.Figure, key: str, alt: str) -> None:
    """A chart a click on which chooses an item."""
    picked = st.plotly_chart(
        fig,
        theme=None,
        key=key,
        alt=alt,
        config={"displayModeBar": False, "scrollZoom": key == "catalogue"},
        on_select="rerun",
        selection_mode="points",
    )
    points = picked["selection"]["points"]
    item = str(points[0]["customdata"][0]) if points and points[0].get("customdata") else None
    seen = f"{key}_picked"
    if item is not None and state.once(seen, item):
        state.choose("item", item)
        st.rerun()


def _note(found: engine.ItemMap, user: str) -> str:
    n = int(found.sampled.sum())
    if n < found.n_items:
        which = _("{n} of {total} items, drawn at random, and those of {user} and the chosen one.").format(
            n=count(n), total=count(found.n_items), user=user
        )
    else:
        which = _("All {n} items that can be recommended.").format(n=count(n))
    if found.kept is not None:
        how = _("The plane holds {share} of the variance of the model's vectors.").format(share=percent(found.kept))
    else:
        how = _("Near points are near in the model; distances far apart mean nothing.")
        if not found.sampled.all():
            how += " " + _("Items outside the draw stand among their nearest ones.")
    return " ".join([which, how, _("Click a point to choose the item.")])


def _data_table(table: pd.DataFrame, history: tuple[str, ...], listed: tuple[str, ...], about: str) -> None:
    shown = pd.DataFrame(
        {
            _("Title"): table["title"],
            _("Category"): table["category"].map(common_text.category),
            _("Item cohort"): table["item_cohort"].map(common_text.cohort_name),
            _("Training events"): table["popularity"],
            _("Rank by popularity"): table["popularity_rank"],
            _("Lists"): table["exposure"],
            _("Rank by lists"): table["exposure_rank"],
            _("In the history"): table["item_id"].isin(history),
            _("Recommended"): table["item_id"].isin(listed),
            _("Item"): table["item_id"],
        }
    )
    components.data_table(shown, about)
