"""Caches of what the pages What if and Items show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.cache.runs import RunKey

_BY_TEXT: dict[str | type, Callable[[Any], Any]] = {engine.HypotheticalUser: repr}
"""Streamlit would take a history of hundreds of events apart to tell it from another; a line of text is the same."""


@st.cache_resource(max_entries=64, show_spinner=False)
def person(key: RunKey, user: str, view: engine.View) -> engine.HypotheticalUser:
    """A user as the model knows them."""
    return engine.hypothetical_user(run_cache.load(key), user, view)


@st.cache_resource(max_entries=64, show_spinner=False)
def attributes_of(key: RunKey, user: str) -> dict[str, str]:
    """What the model reads of a user."""
    return engine.attributes_of(run_cache.load(key), user)


@st.cache_resource(max_entries=8, show_spinner=False)
def attributes_used(key: RunKey) -> dict[str, tuple[str, ...]]:
    """What the model reads of users, and the values it knows."""
    return engine.attributes_used(run_cache.load(key))


@st.cache_resource(max_entries=8, show_spinner=False)
def temperatures(key: RunKey) -> engine.Temperatures:
    """At which scores are read as shares."""
    return engine.fitted_temperatures(run_cache.load(key))


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=_BY_TEXT)
def scored(key: RunKey, who: engine.HypotheticalUser, lang: str) -> engine.ScoredUser:
    """A person put to the model."""
    with run_cache.one_explanation:
        return engine.score_hypothetical(run_cache.load(key), who, lang)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=_BY_TEXT)
def what_if(
    key: RunKey,
    now: engine.HypotheticalUser,
    before: engine.HypotheticalUser,
    k: int,
    lang: str,
    follow: tuple[str, ...],
) -> engine.WhatIf:
    """What the model answers to a person, against what it answers to another."""
    mine, theirs = scored(key, now, lang), scored(key, before, lang)
    return engine.what_if(run_cache.load(key), mine, theirs, k, lang, follow, temperatures(key))


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=_BY_TEXT)
def explain_quick(
    key: RunKey, now: engine.HypotheticalUser, item: str | None, lang: str
) -> engine.QuickExplanation | None:
    """Where the model looked, and why it offers an item."""
    known = scored(key, now, lang)  # which takes the same lock where it is not held
    with run_cache.one_explanation:
        return engine.explain_quick(run_cache.load(key), known, item, lang)


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=_BY_TEXT)
def confidence_by_event(key: RunKey, now: engine.HypotheticalUser, k: int) -> tuple[tuple[int, engine.Confidence], ...]:
    """How sure lists grew with a person's events."""
    return engine.confidence_by_event(run_cache.load(key), now, k, temperatures=temperatures(key))


@st.cache_resource(max_entries=8, show_spinner=False)
def _measured(key: RunKey) -> dict[str, engine.ColdStartCurve]:
    """What was measured in this server's life, for run folders that cannot be written to."""
    return {}


def kept_cold_start(key: RunKey, metric: str) -> engine.ColdStartCurve | None:
    """The curve over events, if it was measured."""
    found = _measured(key)
    if metric not in found and (held := engine.kept_cold_start(run_cache.load(key), metric)) is not None:
        found[metric] = held
    return found.get(metric)


def measure_cold_start(key: RunKey, metric: str, on_share: Callable[[float], object]) -> None:
    """Measure the curve over events; `on_share` is called with the share done, 0 to 1."""

    def report(progress: engine.Progress) -> None:
        on_share(min(max(progress.done, 0.0), 1.0))

    _measured(key)[metric] = engine.measure_cold_start(run_cache.load(key), metric, report)


class Found(NamedTuple):
    """An item that a search found; `popularity` is its number of training events."""

    item_id: str
    title: str
    category: str | None
    popularity: int


@st.cache_resource(max_entries=128, show_spinner=False)
def find_items(key: RunKey, text: str, lang: str, limit: int) -> tuple[Found, ...]:
    """Items whose title or id holds a text; popular ones for none."""
    table = engine.find_items(run_cache.load(key), text, lang, limit)
    columns = (table[name].tolist() for name in Found._fields)
    return tuple(Found(str(item), title, kind, met) for item, title, kind, met in zip(*columns, strict=True))


@st.cache_data(max_entries=128, show_spinner=False)
def item_profile(key: RunKey, item: str, k: int, lang: str) -> engine.ItemProfile:
    """Who an item is."""
    return engine.item_profile(run_cache.load(key), item, k, lang)


@st.cache_data(max_entries=128, show_spinner=False)
def receivers(key: RunKey, item: str, k: int) -> pd.DataFrame:
    """Whose lists hold an item."""
    return engine.receivers(run_cache.load(key), item, k)


@st.cache_data(max_entries=128, show_spinner=False)
def neighbours(key: RunKey, item: str, space: engine.Space, lang: str) -> tuple[engine.Neighbour, ...]:
    """What is near an item."""
    return engine.neighbours(run_cache.load(key), item, space, lang=lang)


@st.cache_data(max_entries=8, show_spinner=False)
def has_content(key: RunKey) -> bool:
    """Whether items can be compared by content."""
    return engine.has_content(run_cache.load(key))


@st.cache_data(max_entries=32, show_spinner=False)
def item_map(key: RunKey, method: engine.Method, always: tuple[str, ...]) -> engine.ItemMap:
    """Items on a plane."""
    return engine.item_map(run_cache.load(key), method, always)


def has_tsne(key: RunKey) -> bool:
    """Whether the run keeps its t-SNE."""
    return engine.has_tsne(run_cache.load(key))


@st.cache_data(max_entries=32, show_spinner=False)
def item_table(key: RunKey, method: engine.Method, always: tuple[str, ...], k: int, lang: str) -> pd.DataFrame:
    """Facts of the items on a map, with their places: `x`, `y` and `sampled`."""
    found = item_map(key, method, always)
    table = engine.item_table(run_cache.load(key), found.items, k, lang)
    return table.assign(x=found.places[:, 0], y=found.places[:, 1], sampled=found.sampled)
