"""How unevenly users are served, on the page Head vs tail: between groups, in the worst share, and user by user."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.text import fairness as fairness_text
from dashboard.text.i18n import _
from dashboard.ui import components
from dashboard.views.parts.page_frame import Page
from engine import EngineError


@st.fragment
def disparity(page: Page, metric: str, rules: tuple[str, ...]) -> None:
    """The worst group of a kind, and where users have several targets the worst-served share and the Gini index."""
    try:
        with st.spinner(_("Resampling users…")):
            found = run_cache.disparity(page.key, metric, rules)
            ranks = run_cache.disparity(page.key, "log_rank", ())
    except EngineError as error:
        components.error_panel(error)
        return
    st.subheader(_("How unevenly users are served"), anchor=False)
    st.markdown(components.escape_markdown(fairness_text.uneven(found, ranks, page.run.evaluation.protocol)))
    if found.between is not None:
        components.note(fairness_text.apart(found.between))
    components.data_table(
        uneven_table(found, ranks, page.run.evaluation.protocol), _("How unevenly users are served"), has_chart=False
    )


def uneven_table(found: engine.Disparity, ranks: engine.Disparity, protocol: str) -> pd.DataFrame:
    """Every figure with its interval."""
    rows = fairness_text.uneven_rows(found, ranks, protocol)
    columns = [_("Figure"), _("Value"), _("Low"), _("High"), _("Meaning")]
    return pd.DataFrame([(name, e.value, e.low, e.high, meaning) for name, e, meaning in rows], columns=columns)
