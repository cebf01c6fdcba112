"""Models of several runs in one table: figures by cohort, differences user by user, and the settings that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from engine.config import RunConfig
from engine.errors import EngineError
from engine.evaluation.fairness.gap import Comparison, paired_difference
from engine.evaluation.report import Estimate, Evaluation
from engine.evaluation.stats.multiple_testing import holm
from engine.model.baselines import BaselineName

Users = Literal["all", "head", "tail"]

USERS: tuple[Users, ...] = get_args(Users)


@dataclass(frozen=True)
class Measured:
    """The parts of a run that a comparison needs.

    Attributes:
        run: its name.
        fingerprint: a hash of its data; see `engine.runs.folder.fingerprint`.
        config: its settings, with the defaults chosen by the data filled in.
        train_seconds: time in training the network.
        epochs: passes over the training part.
        evaluation: its figures.
        answers: its model that recommends.
    """

    run: str
    fingerprint: str
    config: RunConfig
    train_seconds: float
    epochs: int
    evaluation: Evaluation
    answers: str = "transformer"


@dataclass(frozen=True)
class Difference:
    """How much better a model serves the same users than the first of the table.

    Attributes:
        comparison: the paired difference; its own p-value and verdict are uncorrected.
        p_holm: the p-value corrected for all differences of the table (Holm 1979).
        significant: the interval of the difference excludes 0 and `p_holm` agrees at the same level.
    """

    comparison: Comparison
    p_holm: float
    significant: bool


@dataclass(frozen=True)
class ComparedModel:
    """A row of the table.

    Attributes:
        run: the run that measured it.
        model: its name there, such as "transformer".
        train_seconds: time in training; None for a baseline, whose fitting is not timed.
        figures: mean and interval for "all", "head" and "tail" users; a cohort without users is left out.
        differences: against the first row, by cohort likewise; empty for the first row itself.
    """

    run: str
    model: str
    train_seconds: float | None
    figures: dict[Users, Estimate]
    differences: dict[Users, Difference]


@dataclass(frozen=True)
class RunComparison:
    """The table.

    Attributes:
        metric: such as "ndcg@10".
        protocol: how targets were held out.
        confidence: coverage of the intervals.
        runs: names, in the order given.
        sizes: test users in "all", "head" and "tail".
        models: the rows: the base, if one was chosen; then what each run trained, then the baselines. A baseline for
            which several runs have the same figures appears once, under the first of them.
        settings: "section.key" -> its value in each run, for settings that are not the same in all.
    """

    metric: str
    protocol: str
    confidence: float
    runs: tuple[str, ...]
    sizes: dict[Users, int]
    models: tuple[ComparedModel, ...]
    settings: dict[str, tuple[Any, ...]]


def comparable_models(runs: Sequence[Measured], metric: str = "ndcg@10") -> tuple[tuple[str, str], ...]:
    """Run and model of each row that `compare` gives, in its order.

    Args:
        runs: of different names, on the same data.
        metric: one that all of them measured.

    Raises:
        EngineError: no run is given, one is named twice, the runs differ in data, protocol, test users or cohorts, or
            one has not measured the metric.

    >>> engine.comparable_models([engine.measured_run("tiny", runs)])
    (('tiny', 'transformer'), ('tiny', 'popularity'), ('tiny', 'itemknn'), ('tiny', 'ease'))
    """
    return tuple((run.run, model) for run, model in _checked_rows(runs, metric))


def compare(runs: Sequence[Measured], metric: str = "ndcg@10", base: tuple[str, str] | None = None) -> RunComparison:
    """The models of runs on the same test users, each against the first.

    Intervals are those of the runs' own evaluations; differences are paired by user and use the first run's bootstrap
    settings.

    Args:
        runs: of different names, on the same data.
        metric: one that all of them measured.
        base: run and model of the first row, with which the others are compared; see `comparable_models`.

    Raises:
        EngineError: as for `comparable_models`, or the base is not one of its rows.

    >>> table = engine.compare([engine.measured_run("tiny", runs)])
    >>> table.sizes
    {'all': 118, 'head': 26, 'tail': 92}
    >>> [(row.model, sorted(row.differences)) for row in table.models[:2]]
    [('transformer', []), ('popularity', ['all', 'head', 'tail'])]
    >>> 0 <= table.models[1].differences["tail"].p_holm <= 1
    True
    """
    rows = _checked_rows(runs, metric)
    if base is not None:
        first = [row for row in rows if (row[0].run, row[1]) == base]
        if not first:
            known = ", ".join(f"{run.run}/{model}" for run, model in rows)
            raise EngineError(
                "There is no {base}/{base_2} to compare with; there are {known}.",
                base=base[0],
                base_2=base[1],
                known=known,
            )
        rows = [*first, *(row for row in rows if row is not first[0])]
    merged = _merged(rows, metric)
    settings = runs[0].config.evaluation
    user_cohorts = _users_of(runs[0].evaluation)["user_cohort"].to_numpy()
    sizes: dict[Users, int] = {c: len(user_cohorts) if c == "all" else int((user_cohorts == c).sum()) for c in USERS}
    present: list[Users] = [cohort for cohort in USERS if sizes[cohort]]
    found: list[dict[Users, Comparison]] = [
        {c: paired_difference(merged, metric, _key(*row), _key(*rows[0]), c, settings) for c in present}
        for row in rows[1:]
    ]
    corrected = iter(holm([comparison.p_value for cells in found for comparison in cells.values()]))
    judged: list[dict[Users, Difference]] = [
        {c: _difference(cell, next(corrected), settings.confidence) for c, cell in cells.items()} for cells in found
    ]
    no_differences: dict[Users, Difference] = {}
    models = tuple(
        ComparedModel(
            run.run, model, None if _is_baseline(model) else run.train_seconds, _figures(run, model, metric), cells
        )
        for (run, model), cells in zip(rows, [no_differences, *judged], strict=True)
    )
    names = tuple(run.run for run in runs)
    return RunComparison(
        metric, runs[0].evaluation.protocol, settings.confidence, names, sizes, models, different_settings(runs)
    )


def different_settings(runs: Sequence[Measured]) -> dict[str, tuple[Any, ...]]:
    """ "section.key" -> its value in each run, for settings that are not the same in all of them."""
    flat = [
        {f"{section}.{key}": value for section, values in run.config.model_dump(mode="json").items()
         for key, value in values.items()}
        for run in runs
    ]  # fmt: skip
    values = {key: tuple(settings[key] for settings in flat) for key in flat[0]}
    return {key: held for key, held in values.items() if any(value != held[0] for value in held[1:])}


def _checked_rows(runs: Sequence[Measured], metric: str) -> list[tuple[Measured, str]]:
    """The rows of a comparison, after checking that the runs can be compared."""
    if not runs:
        raise EngineError("There is nothing to compare: name at least one run; `tailscope runs` lists them.")
    for at, run in enumerate(runs):
        if run.run in [other.run for other in runs[:at]]:
            raise EngineError("Run {run!r} is named twice; name each run once.", run=run.run)
        _check_comparable(runs[0], run, metric)
    return _rows(runs, metric)


def _check_comparable(first: Measured, run: Measured, metric: str) -> None:
    pair = {"one": first.run, "other": run.run}
    if metric not in run.evaluation.metrics:
        raise EngineError(
            "Run {run!r} has not measured {metric!r}; it has {metrics}. evaluation.ks sets the list lengths.",
            run=run.run,
            metric=metric,
            metrics=", ".join(run.evaluation.metrics),
        )
    if run.fingerprint != first.fingerprint:
        raise EngineError(
            "Runs {one!r} and {other!r} were trained on different data, so their figures cannot be compared user by "
            "user (fingerprints {fingerprint} and {fingerprint_2}); train both on one log with the same data "
            "settings.",
            **pair,
            fingerprint=first.fingerprint[:12],
            fingerprint_2=run.fingerprint[:12],
        )
    if run.evaluation.protocol != first.evaluation.protocol:
        raise EngineError(
            "Runs {one!r} and {other!r} hold out differently ({protocol} and {protocol_2}); train one of them again "
            "with the same evaluation.protocol.",
            **pair,
            protocol=first.evaluation.protocol,
            protocol_2=run.evaluation.protocol,
        )
    ours, theirs = first.config.evaluation, run.config.evaluation
    if theirs.exclude_seen != ours.exclude_seen:
        raise EngineError(
            "Runs {one!r} and {other!r} rank different items (evaluation.exclude_seen is {exclude_seen} and "
            "{exclude_seen_2}); train one of them again with the same value.",
            **pair,
            exclude_seen=ours.exclude_seen,
            exclude_seen_2=theirs.exclude_seen,
        )
    left, right = (_users_of(each.evaluation) for each in (first, run))
    if not np.array_equal(left["user_idx"].to_numpy(), right["user_idx"].to_numpy()):
        raise EngineError(
            "Runs {one!r} and {other!r} were tested on different users ({n_left:,} and {n_right:,}), so they cannot "
            "be compared user by user; train one of them again with the evaluation settings of the other.",
            **pair,
            n_left=len(left),
            n_right=len(right),
        )
    if not np.array_equal(left["user_cohort"].to_numpy(), right["user_cohort"].to_numpy()):
        raise EngineError(
            "Runs {one!r} and {other!r} cut head and tail differently (evaluation.head_share is {head_share} and "
            "{head_share_2}); train one of them again with the same value.",
            **pair,
            head_share=ours.head_share,
            head_share_2=theirs.head_share,
        )


def _users_of(evaluation: Evaluation) -> pd.DataFrame:
    frame = evaluation.per_user
    return frame.loc[frame["model"] == next(iter(evaluation.models)), ["user_idx", "user_cohort"]]


def _is_baseline(model: str) -> bool:
    return model in get_args(BaselineName)


def _rows(runs: Sequence[Measured], metric: str) -> list[tuple[Measured, str]]:
    """The models that each run trained, run by run, then the baselines, without those that repeat another's figures."""
    rows = [(run, model) for run in runs for model in run.evaluation.models if not _is_baseline(model)]
    shown: dict[str, list[np.ndarray]] = {}
    for run in runs:
        for model in filter(_is_baseline, run.evaluation.models):
            frame = run.evaluation.per_user
            figures = frame.loc[frame["model"] == model, metric].to_numpy()
            held = shown.setdefault(model, [])
            if not any(np.array_equal(figures, other) for other in held):
                held.append(figures)
                rows.append((run, model))
    return rows


def _key(run: Measured, model: str) -> str:
    return f"{run.run}/{model}"


def _merged(rows: Sequence[tuple[Measured, str]], metric: str) -> Evaluation:
    """One evaluation with every row's figures under a distinct name."""
    frames, models = [], {}
    for run, model in rows:
        frame = run.evaluation.per_user
        own = frame.loc[frame["model"] == model, ["user_idx", "user_cohort", metric]]
        frames.append(own.assign(model=_key(run, model)))
        models[_key(run, model)] = run.evaluation.models[model]
    return Evaluation(rows[0][0].evaluation.protocol, models, pd.concat(frames, ignore_index=True))


def _figures(run: Measured, model: str, metric: str) -> dict[Users, Estimate]:
    report = run.evaluation.models[model]
    parts: Mapping[Users, Any] = {"all": report.overall, "head": report.users["head"], "tail": report.users["tail"]}
    return {cohort: part.metrics[metric] for cohort, part in parts.items() if part.n}


def _difference(comparison: Comparison, p_holm: float, confidence: float) -> Difference:
    apart = not comparison.difference.low <= 0 <= comparison.difference.high
    return Difference(comparison, p_holm, apart and p_holm <= 1 - confidence)
