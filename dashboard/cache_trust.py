"""How far explanations can be trusted, and what heads do: read from the run folder, or worked out beside the pages."""

from __future__ import annotations

import threading

import streamlit as st

import engine
from dashboard import cache
from dashboard.background import Work
from dashboard.cache import RunKey

_one_measurement = threading.Lock()
"""Runs are measured one after another: each keeps a processor busy for a minute or two."""


@st.cache_resource(max_entries=3, show_spinner=False)
def _measurement(key: RunKey) -> Work[engine.Faithfulness]:
    return Work[engine.Faithfulness]()


def faithfulness(key: RunKey) -> Work[engine.Faithfulness]:
    """Where the measurement of a run stands; nothing is begun by asking."""
    work = _measurement(key)
    if work.found is None and (work.thread is None or not work.thread.is_alive()):
        work.found = engine.held_faithfulness(cache.load(key))  # another process may have measured it
    return work


def measure(key: RunKey) -> None:
    """Begin to measure a run, for all sessions, unless that is under way."""
    work, run = _measurement(key), cache.load(key)
    if work.thread is not None and work.thread.is_alive():
        return

    def tell(progress: engine.Progress) -> None:
        work.done = progress.done

    def work_out() -> None:
        try:
            with _one_measurement:
                work.found = engine.faithfulness_of(run, on_progress=tell)
        except engine.EngineError as error:
            work.error = str(error)

    work.error = None
    work.thread = threading.Thread(target=work_out, daemon=True)
    work.thread.start()


@st.cache_data(max_entries=8, show_spinner=False)
def head_roles(key: RunKey) -> engine.HeadRoles:
    """What each attention head does over many users; seconds at first, then kept in the run folder."""
    return engine.head_roles(cache.load(key))


@st.cache_data(max_entries=32, show_spinner=False)
def attention(
    key: RunKey, user: str, view: engine.View, lang: str, reading: str, item: str | None
) -> engine.AttentionMap:
    """Where the network looked, read in one of three ways; see `engine.attention`."""
    return engine.attention(cache.load(key), user, view, lang, reading, item)  # pyright: ignore[reportArgumentType]
