"""The metric that a page tells its findings in: a family and a list length, both in the address."""

from __future__ import annotations

import streamlit as st

from dashboard.text import common as common_text
from dashboard.text.i18n import _
from dashboard.ui import state
from dashboard.views.parts.page_frame import Page

FAMILIES = ("ndcg", "hr", "mrr", "map", "precision", "recall", "f1")


def choose_metric(page: Page) -> str:
    """Choose a metric and a list length; what the address asks for counts where the run has measured it."""
    ks = page.run.config.evaluation.ks
    single = page.run.evaluation.protocol == "leave-last-out"  # with one target a user, MAP is MRR
    offered = [f for f in FAMILIES if f"{f}@{ks[0]}" in page.run.evaluation.metrics and not (single and f == "map")]
    names = {family: common_text.metric_name(family) for family in offered}
    tops = {k: _("top {k}").format(k=k) for k in ks}
    asked = state.chosen("family")
    state.set_widget("family", asked if asked in offered else offered[0])
    length = state.chosen("metric_k")
    state.set_widget("metric_k", next((k for k in ks if str(k) == length), 10 if 10 in ks else ks[0]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        family = st.segmented_control(
            _("Metric"),
            offered,
            format_func=names.__getitem__,
            key="family",
            required=True,
            on_change=state.choose_from,
            args=("family", "family"),
        )
        k = st.segmented_control(
            _("List length"),
            ks,
            format_func=tops.__getitem__,
            key="metric_k",
            required=True,
            on_change=state.choose_from,
            args=("metric_k", "metric_k"),
        )
    return f"{family}@{k}"
