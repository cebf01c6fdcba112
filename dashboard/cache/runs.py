"""Every cache, and the only caller of the engine. Keyed on run names, the time a run was written, and plain values."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st

import engine
from dashboard.jobs.diagnose import diagnose_aside
from dashboard.text import gap as gap_text, i18n

RunKey = tuple[str, str, float]
"""Runs directory, run name and the time its folder was written: a run trained anew under its old name is another."""

TOO_OLD = 3
"""Seconds after which the list of runs is read again: another process may have finished one."""

one_explanation = threading.Lock()
"""Explanations are made one at a time: whoever asks while many users are explained waits for one of them, not for all,
and no two share the processor."""

_diagnoses: dict[RunKey, threading.Lock] = {}
"""One for each run that is diagnosed: a page that asks during the warm-up waits for the one that is under way."""

FEW_ITEMS = 3_000
"""Runs over more items are diagnosed in a process of their own; over fewer, that takes longer than the diagnosis."""

WARM_UP_DELAY = 3.0
"""Seconds between loading a run and warming it up, so that the first page does not share the processor with it."""


def runs_dir() -> str:
    """The directory of runs, from the environment variable TAILSCOPE_RUNS."""
    return os.environ.get("TAILSCOPE_RUNS") or "runs"


@st.cache_data(ttl=TOO_OLD, max_entries=8, show_spinner=False)
def _runs(directory: str) -> tuple[engine.RunSummary, ...]:
    return engine.list_runs(directory)


def runs() -> tuple[engine.RunSummary, ...]:
    """The runs there are, newest first."""
    return _runs(runs_dir())


@st.cache_data(ttl=TOO_OLD, max_entries=8, show_spinner=False)
def _damaged(directory: str) -> tuple[engine.DamagedRun, ...]:
    return engine.damaged_runs(directory)


def damaged_runs() -> tuple[engine.DamagedRun, ...]:
    """The runs that are damaged or of another version, by name."""
    return _damaged(runs_dir())


def run_names() -> list[str]:
    """Names of the runs there are."""
    return [run.name for run in runs()]


def run_key(name: str) -> RunKey | None:
    """The key of a run, looked up among the runs there are; a name is never joined to a path."""
    for run in runs():
        if run.name == name:
            # Not the folder's own time: a diagnosis kept in it later would make another run of it.
            try:
                return (runs_dir(), name, (Path(run.path) / "config.json").stat().st_mtime)
            except OSError:  # deleted a moment ago
                return None
    return None


@st.cache_resource(max_entries=3, show_spinner=False)
def _load(key: RunKey) -> engine.Run:
    directory, name, _written = key
    return engine.load_run(name, directory)


def load(key: RunKey) -> engine.Run:
    """A run, loaded once for all sessions; what takes long at first use is warmed up beside it."""
    run = _load(key)
    _warm_up(key)
    return run


def _diagnose(key: RunKey, metric: str = "ndcg@10") -> engine.Diagnosis:
    run = _load(key)
    if engine.is_diagnosed(run):  # what is kept is read at once, whatever else goes on
        return engine.diagnose_run(run, metric)
    with _diagnoses.setdefault(key, threading.Lock()):
        if run.dataset.n_items > FEW_ITEMS and not engine.is_diagnosed(run):
            diagnose_aside(*key[:2], metric)
        return engine.diagnose_run(run, metric)


def prepare_newest() -> None:
    """Load the newest run before anybody asks for it; a run that cannot be loaded is left to its page to explain."""
    for newest in runs()[:1]:
        key = run_key(newest.name)
        with contextlib.suppress(engine.EngineError):
            if key is not None:
                load(key)


@st.cache_resource(max_entries=3, show_spinner=False)
def _warm_up(key: RunKey) -> threading.Timer:
    """What the first explanation loads, and the diagnosis, are there before a person asks."""
    run = _load(key)

    def warm_up() -> None:
        with one_explanation:
            engine.warm_up(run)
        with contextlib.suppress(engine.EngineError):
            _diagnose(key)  # kept in the run folder, so that Head vs tail finds it there

    timer = threading.Timer(WARM_UP_DELAY, warm_up)
    timer.daemon = True
    timer.start()
    return timer


@st.cache_data(max_entries=256, show_spinner=False)
def find_users(
    key: RunKey, text: str, cohort: str, attributes: tuple[tuple[str, str], ...], limit: int
) -> pd.DataFrame:
    """Users by id, cohort and attributes."""
    return engine.find_users(_load(key), text, cohort, dict(attributes), limit)


@st.cache_data(max_entries=64, show_spinner=False)
def attribute_values(key: RunKey) -> dict[str, list[str]]:
    """Attributes of users that are worth filtering by, with their values."""
    table = _load(key).dataset.user_table
    values = {c: sorted(table[c].dropna().astype(str).unique()) for c in engine.display_columns(table)}
    return {c: v for c, v in values.items() if 1 < len(v) <= 60}


@st.cache_data(max_entries=16, show_spinner=False)
def first_user(key: RunKey) -> str:
    """Whom pages show until somebody is chosen: the tail user with the longest history, for there is most to see."""
    run = _load(key)
    for cohort in ("tail", "all"):
        found = engine.find_users(run, cohort=cohort, limit=run.dataset.n_users)
        if len(found):
            return str(found["user_id"].iloc[int(found["history_length"].to_numpy().argmax())])
    raise engine.RunError("Run {run_name!r} has no users; train it again on a log that has some.", run_name=run.name)


def random_user(key: RunKey, cohort: Literal["head", "tail", "all"], seed: int) -> str:
    """A user of a cohort, drawn by a seed."""
    return engine.random_user(_load(key), cohort, seed)


@st.cache_resource(max_entries=256, show_spinner=False)
def profile(key: RunKey, user: str, view: engine.View, lang: str) -> engine.UserProfile:
    """Who a user is."""
    return engine.profile(_load(key), user, view, lang)


@st.cache_data(max_entries=256, show_spinner=False)
def recommend(key: RunKey, user: str, k: int, view: engine.View, lang: str) -> engine.Recommendations:
    """The k best items for a user."""
    return engine.recommend(_load(key), user, k, view, lang)


@st.cache_data(max_entries=32, show_spinner=False)
def attention(key: RunKey, user: str, view: engine.View, lang: str) -> engine.AttentionMap:
    """Where every head looked."""
    return engine.attention(_load(key), user, view, lang)


@st.cache_data(max_entries=256, show_spinner=False)
def explain(key: RunKey, user: str, item: str | None, view: engine.View, lang: str) -> engine.Attribution:
    """What moved an item's score."""
    run = _load(key)
    with one_explanation:
        return engine.explain(run, user, item, view, lang)


@st.cache_data(max_entries=128, show_spinner=False)
def gap(key: RunKey, metric: str, model: str, by: Literal["users", "items"]) -> engine.Gap:
    """Tail against head."""
    run = _load(key)
    return engine.gap(run.evaluation, metric, model, by, run.config.evaluation)


@st.cache_data(max_entries=64, show_spinner=False)
def verdict(key: RunKey, metric: str, model: str, lang: str, by: Literal["users", "items"] = "users"):
    """The verdict on a model from all that was measured, in a language."""
    assert lang == i18n.language()
    run = _load(key)
    return gap_text.verdict_of(run.evaluation, metric, model, run.config, by)


@st.cache_data(max_entries=64, show_spinner=False)
def against_best_baseline(key: RunKey, metric: str) -> engine.Comparison | None:
    """The answering model against the best baseline on the same users; None where no baseline was measured."""
    run = _load(key)
    models = run.evaluation.models.items()
    baselines = {m: r.overall.metrics[metric].value for m, r in models if m not in ("transformer", "ensemble")}
    if not baselines:
        return None
    choose = min if engine.term_of(metric).better == "lower" else max
    best = choose(baselines, key=baselines.__getitem__)
    return engine.paired_difference(run.evaluation, metric, run.answers, best, "all", run.config.evaluation)


@st.cache_data(max_entries=64, show_spinner=False)
def quality_by_length(key: RunKey, metric: str, models: tuple[str, ...]) -> pd.DataFrame:
    """Quality against history length."""
    run = _load(key)
    return engine.quality_by_length(run.evaluation, metric, models, run.config.evaluation)


@st.cache_data(max_entries=64, show_spinner=False)
def quality_curve(key: RunKey, metric: str) -> pd.DataFrame:
    """Quality along history length, smoothed, for every model."""
    run = _load(key)
    return engine.quality_curve(run.evaluation, metric, run.config.evaluation)


@st.cache_data(max_entries=32, show_spinner=False)
def diagnosis(key: RunKey, metric: str) -> engine.Diagnosis:
    """Why head and tail fare as they do."""
    return _diagnose(key, metric)


@st.cache_data(max_entries=16, show_spinner=False)
def facts(key: RunKey) -> pd.DataFrame:
    """What is known of each tested user."""
    return engine.run_facts(_load(key))


def saved_groups(key: RunKey) -> dict[str, str]:
    """Rule -> name of the groups saved with a run; a small file, read anew each time.

    Raises:
        EngineError: the file is damaged.
    """
    return {str(group.rule): group.name for group in engine.load_groups(_load(key))}


def save_group(key: RunKey, name: str, rule: str) -> str:
    """Save a group with a run.

    Returns:
        Its rule as it is spelt.

    Raises:
        EngineError: the rule cannot be read or does not fit, the name is taken, or the folder cannot be written to.
    """
    group = engine.Group(name, engine.Rule.parse(rule))
    engine.save_group(_load(key), group)
    return str(group.rule)


def delete_group(key: RunKey, name: str) -> None:
    """Forget a saved group.

    Raises:
        EngineError: there is none, or the folder cannot be written to.
    """
    engine.delete_group(_load(key), name)


@st.cache_data(max_entries=32, show_spinner=False)
def group_tables(key: RunKey, metric: str, saved: tuple[str, ...]) -> engine.GroupTables:
    """The answering model's figures over the standard groups of users and those of other rules that were saved."""
    run = _load(key)
    known = facts(key)
    groups = engine.standard_groups(engine.user_columns(known))
    rules = {str(group.rule) for group in groups}
    own = [engine.Group(rule, engine.Rule.parse(rule)) for rule in saved if rule not in rules]
    return engine.group_tables(run.evaluation, known, [*groups, *own], [metric], [run.answers], run.config.evaluation)


@st.cache_data(max_entries=64, show_spinner=False)
def disparity(key: RunKey, metric: str, rules: tuple[str, ...]) -> engine.Disparity:
    """How unevenly the answering model serves its users; between groups too, where no user is in two of them."""
    run, known = _load(key), facts(key)
    groups = [engine.Group(rule, engine.Rule.parse(rule)) for rule in rules]
    try:
        return engine.disparity(run.evaluation, known, groups, metric, run.answers, run.config.evaluation)
    except engine.EngineError:
        if not groups:
            raise
        return engine.disparity(run.evaluation, known, (), metric, run.answers, run.config.evaluation)


@st.cache_data(max_entries=64, show_spinner=False)
def users_behind(key: RunKey, metric: str, rule: str, model: str) -> pd.DataFrame:
    """Tested users of a group, the worst served first.

    Returns:
        `user_id`, `cohort`, `history_length`, `rank` (0 is a miss) and `value`, the metric.

    Raises:
        EngineError: the rule does not fit what is known of the users.
    """
    run = _load(key)
    table = run.evaluation.per_user
    chosen = run.split.test.users[engine.members(engine.Rule.parse(rule), facts(key))]
    rows = table.loc[(table["model"] == model) & table["user_idx"].isin(chosen.tolist())]
    found = pd.DataFrame(
        {
            "user_id": run.dataset.users.ids_of(np.asarray(rows["user_idx"])),
            "cohort": np.asarray(rows["user_cohort"].astype(str)),
            "history_length": np.asarray(rows["history_length"]),
            "rank": np.asarray(rows["rank"]),
            "value": np.asarray(rows[metric]),
        }
    )
    far = found["rank"].where(found["rank"] > 0, np.inf)  # a miss is further away than any rank
    return found.iloc[np.argsort(-far.to_numpy(), kind="stable")].reset_index(drop=True)
