"""Caches of what the Explain page shows beside one item's values. Explanations are made one at a time."""

from __future__ import annotations

import streamlit as st

import engine
from dashboard import cache
from dashboard.cache import RunKey


@st.cache_data(max_entries=64, show_spinner=False)
def explain_list(key: RunKey, user: str, k: int, view: engine.View, lang: str) -> tuple[engine.Attribution, ...]:
    """What moved the scores of a whole list."""
    run = cache.load(key)
    with cache.one_explanation:
        return engine.explain_list(run, user, k, view, lang)


@st.cache_data(max_entries=128, show_spinner=False)
def explain_instead(key: RunKey, user: str, item: str, other: str, view: engine.View, lang: str) -> engine.Contrast:
    """What puts one item above another."""
    run = cache.load(key)
    with cache.one_explanation:
        return engine.explain_instead(run, user, item, other, view, lang)
