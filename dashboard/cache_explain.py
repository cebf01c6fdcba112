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


@st.cache_data(max_entries=128, show_spinner=False)
def explain_features(key: RunKey, user: str, item: str, view: engine.View, lang: str) -> engine.FeatureAttribution:
    """Which of the things known moved an item's score."""
    run = cache.load(key)
    with cache.one_explanation:
        return engine.explain_features(run, user, item, view, lang)


@st.cache_data(max_entries=128, show_spinner=False)
def explain_without(key: RunKey, user: str, item: str, k: int, view: engine.View, lang: str) -> engine.Counterfactual:
    """Without which events an item would leave the top k."""
    run = cache.load(key)
    with cache.one_explanation:
        return engine.explain_without(run, user, item, k, view, lang)
