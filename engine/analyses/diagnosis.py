"""The diagnosis of the gap between head and tail, for a run or for external lists."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.config import EvaluationConfig
from engine.data.splits import Split
from engine.errors import EngineError
from engine.evaluation.cohorts import Cohorts
from engine.evaluation.fairness.ceiling import Ceiling, ceilings
from engine.evaluation.fairness.gap import Gap, gap
from engine.evaluation.fairness.length_curve import quality_curve
from engine.evaluation.fairness.target_mix import (
    NEIGHBOURS,
    By,
    Targets,
    neighbour_support,
    support_levels,
    target_kinds,
    targets_by,
)
from engine.evaluation.fairness.truncation import DRAWS, LOG_RANK, Truncation, truncation_experiment
from engine.evaluation.report import COHORTS, Estimate, Evaluation
from engine.pipeline.fitting import fit_baselines
from engine.progress import OnProgress, Progress, ignore
from engine.recommender import Recommender
from engine.runs.kept import Kept, settings_of
from engine.runs.store import Run

DIAGNOSIS = "diagnosis.json"
"""File in the run folder with the results of `diagnose_run`, by metric. It can be deleted at any time."""

_VERSION = 3

_FITTING, _CUTTING = 0.15, 0.75  # share of the progress until this is done


@dataclass(frozen=True)
class Diagnosis:
    """Why head and tail users are served as they are, by one metric.

    Attributes:
        metric: such as "ndcg@10", or "log_rank", where lower is better.
        protocol: how targets were held out.
        models: names, as in the evaluation.
        n_head: test users of the head.
        n_tail: test users of the tail.
        gaps: of every model, between head and tail users; empty if a cohort has no users, when only `ceilings` and
            `curve` are available.
        truncation: of every model, the gap split into what short histories and what different users explain, for every
            metric; None if there is no recommender to run again.
        targets: head and tail by kind of target and by how many similar users interacted with it; see `Targets`.
        support: mean share of similar users who interacted with the target, for "head" and for "tail" users.
        ceilings: the best attainable figures.
        curve: quality against history length; see `quality_curve`.
        seconds: time it took.
    """

    metric: str
    protocol: str
    models: tuple[str, ...]
    n_head: int
    n_tail: int
    gaps: dict[str, Gap]
    truncation: dict[str, Truncation] | None
    targets: tuple[Targets, ...]
    support: dict[str, float]
    ceilings: tuple[Ceiling, ...]
    curve: pd.DataFrame
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; holds no NaN."""
        cut = self.truncation
        return {
            **vars(self),
            "models": list(self.models),
            "gaps": {model: asdict(found) for model, found in self.gaps.items()},
            "truncation": None if cut is None else {model: found.to_dict() for model, found in cut.items()},
            "targets": [found.to_dict() for found in self.targets],
            "ceilings": [found.to_dict() for found in self.ceilings],
            "curve": self.curve.to_dict("list"),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Diagnosis:
        """The inverse of to_dict."""
        cut = values["truncation"]
        given: dict[str, Any] = {
            **values,
            "models": tuple(values["models"]),
            "gaps": {model: _gap(found) for model, found in values["gaps"].items()},
            "truncation": None if cut is None else {m: Truncation.from_dict(found) for m, found in cut.items()},
            "targets": tuple(Targets.from_dict(found) for found in values["targets"]),
            "ceilings": tuple(Ceiling.from_dict(found) for found in values["ceilings"]),
            "curve": pd.DataFrame(values["curve"]),
        }
        return cls(**given)


def _gap(values: Mapping[str, Any]) -> Gap:
    plain: dict[str, Any] = {k: Estimate(**v) if isinstance(v, dict) else v for k, v in values.items()}
    return Gap(**plain)


def diagnose_run(run: Run, metric: str = "ndcg@10", on_progress: OnProgress = ignore) -> Diagnosis:
    """The diagnosis of how a run's models serve head and tail.

    Baselines are fitted again, since a run does not keep them. The result is kept in the run folder, if that is
    writable, and read from there the next time; the truncation experiment serves all metrics.

    Args:
        run: a whole run.
        metric: one that was measured, or "log_rank".
        on_progress: called as the work proceeds.

    Raises:
        EngineError: the metric was not measured.

    >>> found = engine.diagnose_run(run)
    >>> found.n_head, found.n_tail, sorted(found.truncation)
    (26, 92, ['ease', 'itemknn', 'popularity', 'transformer'])
    >>> part = found.truncation["transformer"].parts["ndcg@10"]
    >>> abs(part.length.value + part.users.value - part.gap.value) < 1e-9
    True
    >>> [ceiling.kind for ceiling in found.ceilings], sorted(found.ceilings[0].cohorts["tail"].shortfall)
    (['best of all models'], ['ease', 'itemknn', 'popularity', 'transformer'])
    >>> [targets.by for targets in found.targets], sorted(found.targets[0].equal)
    (['kind', 'support'], ['ease', 'itemknn', 'popularity', 'transformer'])
    >>> same = found.targets[0].equal["transformer"]
    >>> abs(same.equal.value + same.mix.value - same.gap.value) < 1e-9
    True
    """
    _check(run.evaluation, metric)
    depends_on = _depends_on(run)
    held = _KEPT.load(run, **depends_on) or {}
    if metric in held:
        return held[metric]
    start = time.perf_counter()
    cut = next((found.truncation for found in held.values()), None)
    if cut is None and _both(run.evaluation):
        cut = _cut(run, on_progress)
    found = diagnose_evaluation(
        run.evaluation, run.split, run.cohorts, run.config.evaluation, metric, run.oracle, cut, on_progress, start
    )
    _KEPT.update(run, lambda kept: (kept or {}) | {metric: found}, **depends_on)
    return found


def diagnose_evaluation(
    evaluation: Evaluation,
    split: Split,
    cohorts: Cohorts,
    config: EvaluationConfig,
    metric: str = "ndcg@10",
    oracle: Mapping[str, Any] | None = None,
    truncation: dict[str, Truncation] | None = None,
    on_progress: OnProgress = ignore,
    start: float | None = None,
) -> Diagnosis:
    """The diagnosis of figures without recommenders, such as those of external lists.

    Args:
        evaluation: what was measured.
        split: of the evaluation.
        cohorts: of the same split.
        config: samples, confidence and seed.
        metric: one that was measured, or "log_rank".
        oracle: from `engine.data.oracle.read_oracle`.
        truncation: the result of `truncation_experiment`, if there were recommenders.
        on_progress: called as the work proceeds.
        start: `time.perf_counter()` when the work began; now when not given.

    Raises:
        EngineError: the metric was not measured.

    >>> found = engine.diagnose_evaluation(evaluation, run.split, run.cohorts, run.config.evaluation)
    >>> found.n_head, found.n_tail, found.truncation is None
    (26, 92, True)
    >>> [(group.cohort, group.name) for group in found.targets[0].groups][:3]
    [('head', 'repeat'), ('head', 'popular'), ('head', 'novel')]
    """
    _check(evaluation, metric)
    start = time.perf_counter() if start is None else start
    report = _reporter(on_progress)
    report("Looking for similar users", _CUTTING)
    support = neighbour_support(
        split, on_progress=lambda share: report("Looking for similar users", _CUTTING + 0.1 * share)
    )
    users = split.test.users
    first = evaluation.per_user[evaluation.per_user["model"] == next(iter(evaluation.models))]
    side = np.asarray(first.set_index("user_idx").loc[users, "user_cohort"])
    both = _both(evaluation)
    kinds: list[tuple[By, np.ndarray]] = [
        ("kind", target_kinds(split, cohorts)),
        ("support", support_levels(support)),
    ]
    report("Comparing at equal targets", _CUTTING + 0.1)
    found = Diagnosis(
        metric=metric,
        protocol=evaluation.protocol,
        models=tuple(evaluation.models),
        n_head=int((side == "head").sum()),
        n_tail=int((side == "tail").sum()),
        gaps={model: gap(evaluation, metric, model, config=config) for model in evaluation.models} if both else {},
        truncation=truncation,
        targets=tuple(targets_by(by, codes, users, evaluation, metric, config) for by, codes in kinds if both),
        support={cohort: float(support[side == cohort].mean()) for cohort in COHORTS if (side == cohort).any()},
        ceilings=ceilings(evaluation, metric, config, oracle),
        curve=quality_curve(evaluation, metric, config),
        seconds=time.perf_counter() - start,
    )
    report("Diagnosed", 1.0)
    return found


def _cut(run: Run, on_progress: OnProgress) -> dict[str, Truncation]:
    """The truncation experiment for every model of the run."""
    report = _reporter(on_progress)
    alone = run.config.replace({"model": {"ensemble": ()}})  # the run has its own ensemble, so no members need fitting
    fitted = fit_baselines(run.split, alone, lambda at: report(at.message, _FITTING * at.done))
    models: Sequence[Recommender] = [run.recommender, *([run.ensemble] if run.ensemble else []), *fitted.values()]
    measured = [model for model in models if model.name in run.evaluation.models]
    span = _CUTTING - _FITTING
    return truncation_experiment(
        measured,
        run.split,
        run.evaluation,
        run.config.evaluation,
        on_progress=lambda message, share: report(message, _FITTING + span * share),
    )


def is_diagnosed(run: Run) -> bool:
    """Whether the run folder holds the slow part of a run's diagnosis, for any metric.

    >>> _ = engine.diagnose_run(run)
    >>> engine.is_diagnosed(run)
    True
    """
    return bool(_KEPT.load(run, **_depends_on(run)))


def _depends_on(run: Run) -> dict[str, Any]:
    return {
        "models": list(run.evaluation.models),
        "settings": settings_of(run),
        "draws": DRAWS,
        "neighbours": NEIGHBOURS,
    }


_KEPT: Kept[dict[str, Diagnosis]] = Kept(
    DIAGNOSIS,
    _VERSION,
    lambda held: {"diagnoses": {metric: one.to_dict() for metric, one in held.items()}},
    lambda kept: {metric: Diagnosis.from_dict(found) for metric, found in kept["diagnoses"].items()},
)


def _both(evaluation: Evaluation) -> bool:
    return set(evaluation.per_user["user_cohort"]) == set(COHORTS)


def _check(evaluation: Evaluation, metric: str) -> None:
    if metric not in (*evaluation.metrics, LOG_RANK):
        raise EngineError(
            "No metric {metric!r} was measured; there are {metrics}, {log_rank}.",
            metric=metric,
            metrics=", ".join(evaluation.metrics),
            log_rank=LOG_RANK,
        )


def _reporter(on_progress: OnProgress) -> Callable[[str, float], None]:
    return lambda message, share: on_progress(Progress("evaluate", share, message))
