"""Caches of what the Explain page shows beside one item's values. Explanations are made one at a time."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.cache.runs import RunKey
from dashboard.jobs.background import Work


@st.cache_data(max_entries=64, show_spinner=False)
def explain_list(key: RunKey, user: str, k: int, view: engine.View, lang: str) -> tuple[engine.Attribution, ...]:
    """What moved the scores of a whole list."""
    run = run_cache.load(key)
    with run_cache.one_explanation:
        return engine.explain_list(run, user, k, view, lang)


@st.cache_data(max_entries=128, show_spinner=False)
def explain_instead(key: RunKey, user: str, item: str, other: str, view: engine.View, lang: str) -> engine.Contrast:
    """What puts one item above another."""
    run = run_cache.load(key)
    with run_cache.one_explanation:
        return engine.explain_instead(run, user, item, other, view, lang)


@st.cache_data(max_entries=128, show_spinner=False)
def explain_features(key: RunKey, user: str, item: str, view: engine.View, lang: str) -> engine.FeatureAttribution:
    """Which of the things known moved an item's score."""
    run = run_cache.load(key)
    with run_cache.one_explanation:
        return engine.explain_features(run, user, item, view, lang)


@st.cache_data(max_entries=128, show_spinner=False)
def explain_without(key: RunKey, user: str, item: str, k: int, view: engine.View, lang: str) -> engine.Counterfactual:
    """Without which events an item would leave the top k."""
    run = run_cache.load(key)
    with run_cache.one_explanation:
        return engine.explain_without(run, user, item, k, view, lang)


@st.cache_resource(max_entries=3, show_spinner=False)
def _explanation(key: RunKey) -> Work[engine.ExplainedUsers]:
    return Work[engine.ExplainedUsers]()


def many_users(key: RunKey) -> Work[engine.ExplainedUsers]:
    """The values of many users: read from the run folder, or begun here and done beside the pages, for all sessions."""
    work, run = _explanation(key), run_cache.load(key)
    if work.may_begin:
        work.found = engine.kept_explained_users(run)
    if work.may_begin:
        work.begin(
            f"explanation of many users of {key[1]}", lambda report: engine.explain_users(run, on_progress=report)
        )
    return work


@st.cache_data(max_entries=16, show_spinner=False)
def many_values(key: RunKey, by: str, lang: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every value of the users explained with its group, and how far each group moves scores by cohort."""
    run = run_cache.load(key)
    found = many_users(key).found
    assert found is not None
    values = engine.values_by(run, found, by, lang)  # pyright: ignore[reportArgumentType]
    settings = run.config.evaluation
    return values, engine.value_sizes(values, settings.bootstrap_samples, settings.confidence)
