"""How far a model is below its ceiling: the oracle where the data has one, else the best of all models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from engine.config import EvaluationConfig
from engine.data.oracle import fair_ceiling
from engine.evaluation.metrics.glossary import term_of
from engine.evaluation.report import COHORTS, Estimate, Evaluation
from engine.evaluation.stats.bootstrap import Levels, resampled_means
from engine.evaluation.stats.intervals import mean_ends

Kind = Literal["oracle", "best of all models"]


@dataclass(frozen=True)
class CohortCeiling:
    """The distance of a cohort from its ceiling.

    Attributes:
        n: users.
        ceiling: the attainable mean; the oracle's has no interval, its ends are the figure itself.
        shortfall: model minus ceiling, by model; below 0 where something is left to gain (above 0 for a metric where
            lower is better).
    """

    n: int
    ceiling: Estimate
    shortfall: dict[str, Estimate]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        shortfall = {model: estimate.to_dict() for model, estimate in self.shortfall.items()}
        return {"n": self.n, "ceiling": self.ceiling.to_dict(), "shortfall": shortfall}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CohortCeiling:
        """The inverse of to_dict."""
        shortfall = {model: Estimate(**estimate) for model, estimate in values["shortfall"].items()}
        return cls(values["n"], Estimate(**values["ceiling"]), shortfall)


@dataclass(frozen=True)
class Ceiling:
    """The best attainable figures.

    Attributes:
        kind: "oracle": what the generator of the data, which knows the true probabilities, would score from the same
            histories (see `engine.data.oracle.fair_ceiling`). "best of all models": the mean of each user's best figure
            among the models, as if one knew beforehand which model is best for which user. That is optimistic: of
            several models one is right by luck, the more so the more models there are.
        metric: such as "ndcg@10".
        cohorts: "all", "head" and "tail" users; those without a user are left out.
    """

    kind: Kind
    metric: str
    cohorts: dict[str, CohortCeiling]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "kind": self.kind,
            "metric": self.metric,
            "cohorts": {name: cohort.to_dict() for name, cohort in self.cohorts.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Ceiling:
        """The inverse of to_dict."""
        cohorts = {name: CohortCeiling.from_dict(cohort) for name, cohort in values["cohorts"].items()}
        return cls(values["kind"], values["metric"], cohorts)


def ceilings(
    evaluation: Evaluation, metric: str, config: EvaluationConfig, oracle: Mapping[str, Any] | None = None
) -> tuple[Ceiling, ...]:
    """The known ceilings: the oracle's, if it covers this metric and these users, and that of the best model.

    Intervals are over users and those of `engine.evaluation.stats.intervals`; a model and the best of all models are
    paired user by user, and the shortfall is itself a figure of hits, between 0 and the value of one hit. Against the
    oracle only the model's own spread counts: the oracle's file has no figures of single users.

    Args:
        evaluation: what was measured.
        metric: a column of its `per_user`; the glossary says which way is better.
        config: samples, confidence and seed.
        oracle: what `engine.data.oracle.read_oracle` gave.
    """
    models = tuple(evaluation.models)
    rows = {model: evaluation.per_user[evaluation.per_user["model"] == model] for model in models}
    first = rows[models[0]]
    values = np.column_stack([rows[m].set_index("user_idx")[metric].loc[first["user_idx"]] for m in models])
    lower = term_of(metric).better == "lower"
    best = (values.min(axis=1) if lower else values.max(axis=1))[:, None]
    # What each model lacks, never below 0; the shortfall has the sign of model minus best.
    lacks, sign = (values - best, 1.0) if lower else (best - values, -1.0)
    side = np.asarray(first["user_cohort"])
    inside = {"all": np.ones(len(side), dtype=bool), **{cohort: side == cohort for cohort in COHORTS}}
    inside = {cohort: chosen for cohort, chosen in inside.items() if chosen.any()}
    fair = oracle_figures(oracle, metric, evaluation, config)
    fair = fair if set(inside) <= set(fair) else {}
    table = Levels.of(np.column_stack([values, best, lacks]))
    found: dict[Kind, dict[str, CohortCeiling]] = {"oracle": {}, "best of all models": {}}
    for cohort, rng in zip(inside, np.random.default_rng(config.seed).spawn(len(inside)), strict=True):
        chosen = inside[cohort]
        n, size = int(chosen.sum()), len(models)
        every = _means(table, chosen, metric, config, rng)
        short = {m: _signed(e, sign) for m, e in zip(models, every[size + 1 :], strict=True)}
        if size == 1:  # the best of a single model is that model, whoever the users are
            short = {models[0]: Estimate(0.0, 0.0, 0.0)}
        found["best of all models"][cohort] = CohortCeiling(n, every[size], short)
        if cohort in fair:
            top = fair[cohort]
            below = {m: Estimate(e.value - top, e.low - top, e.high - top) for m, e in zip(models, every, strict=False)}
            found["oracle"][cohort] = CohortCeiling(n, Estimate(top, top, top), below)
    return tuple(Ceiling(kind, metric, cohorts) for kind, cohorts in found.items() if cohorts)


def _means(
    table: Levels, chosen: np.ndarray, metric: str, config: EvaluationConfig, rng: np.random.Generator
) -> list[Estimate]:
    """The means of a table's columns over the chosen users; all columns are figures of one metric."""
    counts = np.bincount(table.codes[chosen], minlength=len(table.values))
    drawn = resampled_means(table, chosen, config.bootstrap_samples, rng)
    lows, highs = mean_ends((metric,) * table.values.shape[1], table.values, counts, drawn, config.confidence)
    means = counts @ table.values / counts.sum()
    return [Estimate(float(m), float(low), float(high)) for m, low, high in zip(means, lows, highs, strict=True)]


def _signed(given: Estimate, sign: float) -> Estimate:
    """An estimate, or its negative."""
    return given if sign > 0 else Estimate(0.0 - given.value, 0.0 - given.high, 0.0 - given.low)


def oracle_figures(
    oracle: Mapping[str, Any] | None, metric: str, evaluation: Evaluation, config: EvaluationConfig
) -> dict[str, float]:
    """The oracle's figures for "all", "head" and "tail" users, as far as they apply to what was measured.

    All users of an oracle call this: its figures are of one metric, one protocol and one cut of users, and would be the
    ceiling of something else otherwise. A cohort must also have as many users as the oracle's.

    Args:
        oracle: what `engine.data.oracle.read_oracle` gave; None where the data has none.
        metric: a metric; if it was not measured there is nothing to compare with a ceiling.
        evaluation: what was measured.
        config: of that evaluation; its cut of head and tail counts.

    >>> told = {"metric": "ndcg@10", "protocol": "leave-last-out", "head_share": 0.2, "all": {"value": 0.5, "n": 118}}
    >>> engine.oracle_figures(told, "ndcg@10", evaluation, config.evaluation)
    {'all': 0.5}
    >>> engine.oracle_figures(told, "mrr@10", evaluation, config.evaluation)
    {}
    """
    if oracle is None or (oracle["metric"], oracle["protocol"]) != (metric, evaluation.protocol):
        return {}
    if metric not in evaluation.metrics:
        return {}
    frame = evaluation.per_user
    side = frame.loc[frame["model"] == next(iter(evaluation.models)), "user_cohort"]
    sizes = {"all": len(side)}
    if np.isclose(oracle["head_share"], config.head_share):
        sizes |= {cohort: int((side == cohort).sum()) for cohort in COHORTS}
    fair = fair_ceiling(dict(oracle))
    return {c: float(fair[c]["value"]) for c, n in sizes.items() if n > 0 and fair.get(c, {}).get("n") == n}
