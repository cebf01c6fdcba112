"""Tables of groups of users: their figures, each group against everybody outside it, and two models within each group.

Every function takes an evaluation, facts about its test users and groups over them
(`engine.evaluation.groups.standard`), and returns a table. Figures are the metric columns of `Evaluation.per_user`;
users without a figure (NaN) are excluded, and `n` counts the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from engine.config import EvaluationConfig
from engine.errors import EngineError
from engine.evaluation.groups.rules import members
from engine.evaluation.groups.standard import Group
from engine.evaluation.report import Evaluation
from engine.evaluation.stats.bootstrap import SMALL, interval, resampled_group_means
from engine.evaluation.stats.hypothesis_tests import Moments, cliffs_delta, p_values
from engine.evaluation.stats.intervals import change_ends, few_changes, few_hits, mean_estimate, most_of, mover
from engine.evaluation.stats.multiple_testing import holm

LOG_RANK = "log_rank"

INTEREST = 0.1
"""The default smallest difference of interest: this share of the mean over all users."""

_CELLS = 12_000_000
"""Resampled means held in memory at a time (8 bytes each, about four copies)."""


@dataclass(frozen=True)
class GroupTables:
    """Figures and gaps of the same groups, from the same resamples.

    Attributes:
        figures: see `group_figures`.
        gaps: see `group_gaps`.
    """

    figures: pd.DataFrame
    gaps: pd.DataFrame


def group_figures(
    evaluation: Evaluation,
    facts: pd.DataFrame,
    groups: Sequence[Group],
    metrics: Sequence[str] | None = None,
    models: Sequence[str] | None = None,
    config: EvaluationConfig | None = None,
    smallest: float | None = None,
) -> pd.DataFrame:
    """The mean of every figure over every group, with its interval.

    Args:
        evaluation: what was measured.
        facts: of its test users.
        groups: their rules fit the facts.
        metrics: columns of `evaluation.per_user`; its metrics and the log-rank when not given.
        models: names in the evaluation; all of them when not given.
        config: samples, confidence and seed.
        smallest: the smallest difference of interest; a tenth of the mean over all users when not given.

    Returns:
        One row a model, group and metric: `model`, `group`, `rule`, `metric`, `n` users with that figure, `value`, and
        the `low` and `high` ends of its interval (NaN where n is 0); `too_small`: n is below 30, or all n have the same
        figure (no hit at all, say), so that the interval is meaningless; `n_needed`: see `users_needed` (missing where
        no number of users would be enough).

    Raises:
        EngineError: a metric, model or column does not exist, or the facts are of other users.

    >>> tail = engine.Group("Tail", engine.Rule.parse("user_cohort=tail"))
    >>> table = engine.group_figures(evaluation, facts, [tail], metrics=["ndcg@10"], models=["transformer"])
    >>> table.loc[0, ["model", "group", "metric"]].tolist(), int(table.loc[0, "n"])
    (['transformer', 'Tail', 'ndcg@10'], 92)
    >>> {"value", "low", "high"} <= set(table.columns)
    True
    """
    return group_tables(evaluation, facts, groups, metrics, models, config, smallest).figures


def group_gaps(
    evaluation: Evaluation,
    facts: pd.DataFrame,
    groups: Sequence[Group],
    metrics: Sequence[str] | None = None,
    models: Sequence[str] | None = None,
    config: EvaluationConfig | None = None,
    smallest: float | None = None,
) -> pd.DataFrame:
    """Each group against everybody outside it, corrected for all comparisons of the table.

    Args: as for `group_figures`.

    Returns:
        One row a model, group and metric, without groups that are empty or hold everybody: `model`, `group`, `rule`,
        `metric`, `n` and `n_rest`, the means `value` and `rest`, `difference` (value minus rest) and the `low` and
        `high` ends of its bootstrap interval, `p_value` (see `engine.evaluation.stats.hypothesis_tests.p_values`),
        `p_holm` (Holm 1979, over all rows), `effect_size` (Cliff's delta; see `cliffs_delta`), `significant` (neither
        side is too small, the interval excludes 0, and `p_holm` agrees at the same level), `too_small` (either side),
        `n_needed`.

    Raises:
        EngineError: as for `group_figures`.

    >>> tail = engine.Group("Tail", engine.Rule.parse("user_cohort=tail"))
    >>> table = engine.group_gaps(evaluation, facts, [tail], metrics=["ndcg@10"], models=["transformer"])
    >>> int(table.loc[0, "n"]), int(table.loc[0, "n_rest"])
    (92, 26)
    >>> {"difference", "low", "high", "p_holm", "significant"} <= set(table.columns)
    True
    """
    return group_tables(evaluation, facts, groups, metrics, models, config, smallest).gaps


def group_tables(
    evaluation: Evaluation,
    facts: pd.DataFrame,
    groups: Sequence[Group],
    metrics: Sequence[str] | None = None,
    models: Sequence[str] | None = None,
    config: EvaluationConfig | None = None,
    smallest: float | None = None,
) -> GroupTables:
    """`group_figures` and `group_gaps` from the same resamples, in half the time of both calls.

    >>> tail = engine.Group("Tail", engine.Rule.parse("user_cohort=tail"))
    >>> tables = engine.group_tables(evaluation, facts, [tail], metrics=["ndcg@10"])
    >>> tables.figures["model"].tolist()
    ['transformer', 'popularity', 'itemknn', 'ease']
    >>> tables.gaps["group"].unique().tolist()
    ['Tail']
    """
    config = config or EvaluationConfig()
    names = tuple(evaluation.models) if models is None else tuple(models)
    wanted = default_metrics(evaluation) if metrics is None else tuple(metrics)
    values = np.hstack([figures_of(evaluation, facts, wanted, name) for name in names] or [np.empty((len(facts), 0))])
    inside = membership(groups, facts)
    moments = Moments.of(values, inside)
    lows, highs, gap_lows, gap_highs = _intervals(values, inside, config, wanted * len(names))
    needed = users_needed(values, moments, config.confidence, smallest)
    few, few_rest = too_small(moments.n, moments.variance), too_small(moments.n_rest, moments.variance_rest)
    cells = _Cells(names, groups, wanted)
    figures = cells.table(
        {"n": moments.n, "value": moments.mean, "low": lows, "high": highs, "too_small": few, "n_needed": needed}
    )
    level = 1 - config.confidence
    gaps = cells.table(
        {
            "n": moments.n,
            "n_rest": moments.n_rest,
            "value": moments.mean,
            "rest": moments.mean_rest,
            "difference": moments.mean - moments.mean_rest,
            "low": gap_lows,
            "high": gap_highs,
            "p_value": p_values(values, inside, moments, level, config.seed),
            "effect_size": cliffs_delta(values, inside),
            "too_small": few | few_rest,
            "n_needed": needed,
        }
    )
    return GroupTables(figures, _judged(gaps.loc[(gaps["n"] > 0) & (gaps["n_rest"] > 0)], level))


def paired_in_groups(
    evaluation: Evaluation,
    facts: pd.DataFrame,
    groups: Sequence[Group],
    model: str,
    baseline: str,
    metrics: Sequence[str] | None = None,
    config: EvaluationConfig | None = None,
) -> pd.DataFrame:
    """How much better a model serves each group than a baseline, user by user, corrected for all rows.

    Args:
        evaluation: what was measured.
        facts: of its test users.
        groups: their rules fit the facts.
        model: name of a model in the evaluation.
        baseline: name of another.
        metrics: columns of `evaluation.per_user`; its metrics and the log-rank when not given.
        config: samples, confidence and seed.

    Returns:
        One row a group and metric, without empty groups: `group`, `rule`, `metric`, `n` users who have the figure of
        both models, `model_mean`, `baseline_mean`, `difference` (model minus baseline) and the `low` and `high` ends of
        its interval, `p_value` (paired t-test; a sign test where all differ by one amount), `p_holm` (over all rows),
        `effect_size` (Cohen's d of paired differences; missing where all differ by one amount), `significant`,
        `too_small` (fewer than 30 users, or all differ by one amount).

    Raises:
        EngineError: as for `group_figures`.

    >>> tail = engine.Group("Tail", engine.Rule.parse("user_cohort=tail"))
    >>> table = engine.paired_in_groups(evaluation, facts, [tail], "transformer", "popularity", metrics=["ndcg@10"])
    >>> table.loc[0, ["group", "metric"]].tolist(), int(table.loc[0, "n"])
    (['Tail', 'ndcg@10'], 92)
    >>> {"model_mean", "baseline_mean", "difference", "p_holm"} <= set(table.columns)
    True
    """
    config = config or EvaluationConfig()
    wanted = default_metrics(evaluation) if metrics is None else tuple(metrics)
    ours, theirs = (figures_of(evaluation, facts, wanted, name) for name in (model, baseline))
    change, inside = ours - theirs, membership(groups, facts)
    both = np.where(np.isnan(change), np.nan, 0.0)
    moments = Moments.of(change, inside)
    lows, highs, _, _ = _intervals(change, inside, config)
    for column, metric in enumerate(wanted):
        for row, chosen in enumerate(inside):
            own = change[chosen & ~np.isnan(change[:, column]), column]
            if len(own) and few_changes(own, metric):
                lows[row, column], highs[row, column] = change_ends(own, metric, config.confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(moments.variance)
        t = moments.mean / spread * np.sqrt(moments.n)
        # Without spread t is undefined; by chance all n signs agree once in 2^(n - 1).
        alike = np.where(np.abs(moments.mean) < 1e-12, 1.0, 0.5 ** np.maximum(moments.n - 1.0, 0))
        p = np.where(spread > 0, 2 * stats.t.sf(np.abs(t), np.maximum(moments.n - 1, 1)), alike)
        effect = np.where(spread > 0, moments.mean / spread, np.nan)
    table = _Cells((model,), groups, wanted).table(
        {
            "n": moments.n,
            "model_mean": Moments.of(ours + both, inside).mean,
            "baseline_mean": Moments.of(theirs + both, inside).mean,
            "difference": moments.mean,
            "low": lows,
            "high": highs,
            "p_value": p,
            "effect_size": effect,
            "too_small": too_small(moments.n, moments.variance),
        }
    )
    return _judged(table.loc[table["n"] > 0].drop(columns="model"), 1 - config.confidence)


def too_small(n: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Which groups are uninformative: fewer than 30 users, or all with the same figure (no hit at all, say)."""
    return (n < SMALL) | ~(variance > 0)


def users_needed(values: np.ndarray, moments: Moments, confidence: float, smallest: float | None = None) -> np.ndarray:
    """(n_groups, n_columns) how many users a group would need; NaN where no number would be enough.

    Enough that the interval of the group's difference from everybody outside is narrower than the smallest difference
    of interest d, so that a true difference of d would hardly be missed. The interval is 2 z √(s²/n + r²/m) wide, with
    the group's variance s² (everybody's, where the group has fewer than 30 users or no spread), the others' r²
    and m as they are, and z the normal quantile of the confidence; so n = s² / (d² / 4z² - r²/m), and at least 30.

    Args:
        values: (n_users, n_columns) figures.
        moments: of groups of them.
        confidence: such as 0.95.
        smallest: d; a tenth of the column's mean over all users when not given.

    Source: sample size planned for the width of an interval (accuracy in parameter estimation): Kelley, Maxwell and
    Rausch, "Obtaining power or obtaining precision" (Evaluation & the Health Professions 2003).
    """
    everybody = Moments.of(values, np.ones((1, len(values)), dtype=bool))
    wanted = np.abs(INTEREST * everybody.mean[0]) if smallest is None else np.full(values.shape[1], float(smallest))
    own = (moments.n >= SMALL) & (moments.variance > 0)
    variance = np.where(own, moments.variance, everybody.variance[0])
    z = stats.norm.ppf((1 + confidence) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        room = wanted**2 / (4 * z**2) - np.nan_to_num(moments.variance_rest) / moments.n_rest
        needed = np.ceil(variance / room)
    return np.where((room > 0) & (variance > 0) & (moments.n_rest > 0), np.maximum(needed, SMALL), np.nan)


def default_metrics(evaluation: Evaluation) -> tuple[str, ...]:
    """The accuracy metrics, and the log-rank where it was measured."""
    return (*evaluation.metrics, *([LOG_RANK] if LOG_RANK in evaluation.per_user else []))


def figures_of(evaluation: Evaluation, facts: pd.DataFrame, metrics: Sequence[str], model: str) -> np.ndarray:
    """(n_users, n_metrics) a model's figures, in the order of the facts.

    Raises:
        EngineError: a metric or the model was not measured, or the facts are of other users.
    """
    frame = evaluation.per_user
    known = [str(c) for c in frame.columns if "@" in str(c) or c == LOG_RANK]
    for metric in metrics:
        if metric not in known:
            raise EngineError(
                "No metric {metric!r} was measured; there are {known}.", metric=metric, known=", ".join(known)
            )
    if model not in evaluation.models:
        raise EngineError(
            "No model {model!r} was measured; there are {models}.", model=model, models=", ".join(evaluation.models)
        )
    own = frame.loc[frame["model"] == model]
    measured, users = own["user_idx"].to_numpy(), facts["user_idx"].to_numpy()
    rows = pd.Index(measured).get_indexer(pd.Index(users))
    if len(measured) != len(users) or (rows < 0).any():
        raise EngineError(
            "The facts are of {n_users:,} users, and {model} was measured on {n_measured:,}, not all of them "
            "the same; take the facts of the run that the evaluation belongs to.",
            n_users=len(users),
            model=model,
            n_measured=len(measured),
        )
    return own[list(metrics)].to_numpy(dtype=np.float64)[rows]


def membership(groups: Sequence[Group], facts: pd.DataFrame) -> np.ndarray:
    """(n_groups, n_users) bool: who is in which group.

    Raises:
        EngineError: a rule does not fit the facts.
    """
    return np.array([members(group.rule, facts) for group in groups], dtype=bool).reshape(len(groups), len(facts))


@dataclass(frozen=True)
class _Cells:
    """The rows of a table: models, then groups, then metrics."""

    models: tuple[str, ...]
    groups: Sequence[Group]
    metrics: tuple[str, ...]

    def table(self, figures: dict[str, np.ndarray]) -> pd.DataFrame:
        """A table of (n_groups, n_models * n_metrics) arrays."""
        shape = (len(self.models), len(self.groups), len(self.metrics))
        at = np.indices(shape).reshape(3, -1)
        columns: dict[str, Any] = {
            "model": np.array(self.models, dtype=object)[at[0]],
            "group": np.array([group.name for group in self.groups], dtype=object)[at[1]],
            "rule": np.array([str(group.rule) for group in self.groups], dtype=object)[at[1]],
            "metric": np.array(self.metrics, dtype=object)[at[2]],
        }
        for name, cells in figures.items():
            flat = cells.reshape(shape[1], shape[0], shape[2]).transpose(1, 0, 2).ravel()
            columns[name] = pd.array(flat).astype("Int64") if name == "n_needed" else flat
        return pd.DataFrame(columns)


def _judged(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """The table with Holm's correction over all its rows, and the verdict."""
    table = table.reset_index(drop=True)
    p_holm = np.array(holm(table["p_value"].tolist()))
    apart = ~((table["low"] <= 0) & (table["high"] >= 0))
    place = int(np.flatnonzero(table.columns == "p_value")[0]) + 1
    table.insert(place, "p_holm", p_holm)
    table.insert(place + 2, "significant", (apart & (p_holm <= level) & ~table["too_small"]).to_numpy(dtype=bool))
    return table


def _intervals(
    values: np.ndarray, inside: np.ndarray, config: EvaluationConfig, metrics: Sequence[str] = ()
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ends of the intervals of the groups' means, and of their differences to everybody outside.

    Args:
        values: (n_users, n_columns) figures, NaN where a user has none.
        inside: (n_groups, n_users) bool.
        config: samples, confidence and seed.
        metrics: names of the columns, where they are figures and not changes: those of hits have the intervals of
            `engine.evaluation.stats.intervals`.
    """
    ends = np.full((4, len(inside), values.shape[1]), np.nan)
    samples = config.bootstrap_samples
    width = max(1, _CELLS // (samples * max(len(inside), 1)))
    for start in range(0, values.shape[1] if len(inside) else 0, width):
        columns = slice(start, start + width)
        # The seed is the same for every portion, so that all columns share their draws.
        own, rest = resampled_group_means(values[:, columns], inside, samples, config.seed)
        ends[:2, :, columns] = interval(own, config.confidence)
        ends[2:, :, columns] = interval(own - rest, config.confidence)
        for place, metric in enumerate(metrics[columns]):
            if most_of(metric) is not None:
                column = start + place
                _of_hits(ends[:, :, column], values[:, column], inside, (own, rest), place, metric, config.confidence)
    return ends[0], ends[1], ends[2], ends[3]


def _of_hits(
    ends: np.ndarray,
    values: np.ndarray,
    inside: np.ndarray,
    drawn: tuple[np.ndarray, np.ndarray],
    place: int,
    metric: str,
    confidence: float,
) -> None:
    """Set the (4, n_groups) ends of one column of hits; those of differences only where hits are few."""
    known = ~np.isnan(values)
    for group, chosen in enumerate(inside):
        sides = [values[chosen & known], values[~chosen & known]]
        if not len(sides[0]):
            continue
        own = mean_estimate(sides[0], metric, drawn[0][:, group, place], confidence)
        ends[:2, group] = own.low, own.high
        if len(sides[1]) and any(few_hits(side, metric) for side in sides):
            rest = mean_estimate(sides[1], metric, drawn[1][:, group, place], confidence)
            ends[2:, group] = mover(own, rest)
