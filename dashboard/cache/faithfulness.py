"""How far explanations can be trusted, and what heads do: read from the run folder, or worked out beside the pages."""

from __future__ import annotations

import threading
from collections.abc import Callable

import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.cache.runs import RunKey
from dashboard.jobs.background import Work

_one_measurement = threading.Lock()
"""Runs are measured one after another: each keeps a processor busy for a minute or two."""


@st.cache_resource(max_entries=3, show_spinner=False)
def _measurement(key: RunKey) -> Work[engine.Faithfulness]:
    return Work[engine.Faithfulness]()


def faithfulness(key: RunKey) -> Work[engine.Faithfulness]:
    """Where the measurement of a run stands; nothing is begun by asking."""
    work = _measurement(key)
    if work.found is None and not work.goes_on:
        work.found = engine.kept_faithfulness(run_cache.load(key))  # another process may have measured it
    return work


def measure(key: RunKey) -> None:
    """Begin to measure a run, for all sessions, unless that is under way or was done."""
    work, run = faithfulness(key), run_cache.load(key)

    def find(report: Callable[[engine.Progress], None]) -> engine.Faithfulness:
        with _one_measurement:
            return engine.faithfulness_of(run, on_progress=report)

    work.begin(f"faithfulness of {key[1]}", find)


@st.cache_data(max_entries=8, show_spinner=False)
def head_roles(key: RunKey) -> engine.HeadRoles:
    """What each attention head does over many users; seconds at first, then kept in the run folder."""
    return engine.head_roles(run_cache.load(key))


@st.cache_data(max_entries=32, show_spinner=False)
def attention(
    key: RunKey, user: str, view: engine.View, lang: str, reading: str, item: str | None
) -> engine.AttentionMap:
    """Where the network looked, read in one of three ways; see `engine.attention`."""
    return engine.attention(run_cache.load(key), user, view, lang, reading, item)  # pyright: ignore[reportArgumentType]
