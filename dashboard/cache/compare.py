"""What the page Compare asks of the engine, cached as in `dashboard.cache.runs`."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.cache.runs import RunKey

Side = tuple[RunKey, str]
"""A run, and one of the models that it measured."""

MOVERS = 20
"""Users who gained, and users who lost, at most."""


@st.cache_resource(max_entries=8, show_spinner=False)
def measured(key: RunKey) -> engine.Measured:
    """A run's figures and settings, without its data and weights."""
    directory, name, _written = key
    return engine.measured_run(name, directory)


@st.cache_data(max_entries=32, show_spinner=False)
def models(keys: tuple[RunKey, ...], metric: str) -> tuple[tuple[str, str], ...]:
    """Run and model of each row of a comparison.

    Raises:
        EngineError: the runs cannot be compared.
    """
    return engine.comparable_models([measured(key) for key in keys], metric)


@st.cache_data(max_entries=64, show_spinner=False)
def comparable(key: RunKey, other: RunKey | None) -> bool:
    """Whether two runs can be compared at all."""
    try:
        return other is not None and bool(engine.comparable_models([measured(key), measured(other)]))
    except engine.EngineError:
        return False


@st.cache_data(max_entries=32, show_spinner=False)
def compared(keys: tuple[RunKey, ...], metric: str, base: tuple[str, str]) -> engine.RunComparison:
    """The models of runs in one table, each against a base."""
    return engine.compare([measured(key) for key in keys], metric, base)


@st.cache_data(max_entries=64, show_spinner=False)
def gap_change(key: RunKey, old: Side, new: Side, metric: str) -> engine.GapChange:
    """What a change of models did to the gap between tail and head users; `key` is a loaded run on the same data.

    Raises:
        EngineError: one of the groups is empty, or the models were not asked the same.
    """
    tail, head = (engine.Group(side, engine.Rule.parse(f"user_cohort={side}")) for side in ("tail", "head"))
    config = run_cache.load(key).config.evaluation
    return engine.gap_change(_served(old), _served(new), run_cache.facts(key), tail, head, metric, config)


@st.cache_data(max_entries=32, show_spinner=False)
def rank_changes(key: RunKey, old: Side, new: Side, lang: str) -> pd.DataFrame:
    """The users who gained and lost most from one model to another.

    Returns:
        `side` ("gained" or "lost"), `user_id`, `cohort`, `history_length`, `old_rank` and `new_rank` (0 is a miss) of
        their held-out item, and its `title`.
    """
    run = run_cache.load(key)
    found = engine.rank_changes(_served(old), _served(new), run_cache.facts(key), MOVERS)
    titles = [run.dataset.title(int(item), lang) for item in found["target_idx"]]
    return pd.DataFrame(
        {
            "side": found["side"],
            "user_id": run.dataset.users.ids_of(found["user_idx"].to_numpy()),
            "cohort": found["user_cohort"],
            "history_length": found["history_length"],
            "old_rank": found["old_rank"],
            "new_rank": found["new_rank"],
            "title": titles,
        }
    )


def _served(side: Side) -> engine.ModelRun:
    return engine.ModelRun(measured(side[0]).evaluation, side[1])
