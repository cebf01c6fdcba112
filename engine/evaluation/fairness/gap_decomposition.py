"""A gap between head and tail split in two, by the head's figures with histories as short as the tail's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from engine.config import EvaluationConfig
from engine.evaluation.fairness.gap import SMALL
from engine.evaluation.report import Estimate
from engine.evaluation.stats.bootstrap import Levels, percentile_estimate, resampled_means
from engine.evaluation.stats.intervals import few_hits, mean_estimate

Verdict = Literal["length", "users", "both", "neither", "unclear"]

_ROUNDING = 1e-12


@dataclass(frozen=True)
class GapDecomposition:
    """The gap of one metric, split in two.

    With h the head's mean, c the head's mean with truncated histories and t the tail's mean:
    gap = t - h, length = c - h, users = t - c, and gap = length + users. It is a decomposition in the manner of Oaxaca
    and Blinder, whose counterfactual is measured rather than modelled. Source: Blinder, "Wage discrimination: reduced
    form and structural estimates" (Journal of Human Resources 1973).

    Attributes:
        metric: such as "ndcg@10", or "log_rank", where lower is better.
        head: h, as measured.
        truncated: c.
        tail: t, as measured.
        gap: t - h.
        length: c - h: what short histories explain.
        users: t - c: what different users explain.
        length_share: length / gap; None unless the gap's interval excludes 0. Below 0 or above 1 where the two parts
            have opposite signs. Resamples whose gap has the other sign, fewer than lie beyond one end of an interval,
            are ignored.
        users_share: users / gap, likewise; the two shares sum to 1.
        verdict: a part counts if its interval excludes 0. "length": only that part counts. "users": only that one.
            "both": both count. "neither": neither counts, nor does the gap. "unclear": neither counts but the gap does,
            so that the two cannot be separated; or a cohort has fewer than 30 users, or few hits.
        dominant: the larger of the two parts, by absolute size, if the interval of the difference of their sizes
            excludes 0 and the verdict is not one of the last two; else None.
    """

    metric: str
    head: Estimate
    truncated: Estimate
    tail: Estimate
    gap: Estimate
    length: Estimate
    users: Estimate
    length_share: Estimate | None
    users_share: Estimate | None
    verdict: Verdict
    dominant: Literal["length", "users"] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {key: value.to_dict() if isinstance(value, Estimate) else value for key, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GapDecomposition:
        """The inverse of to_dict."""
        plain: dict[str, Any] = {k: Estimate(**v) if isinstance(v, dict) else v for k, v in values.items()}
        return cls(**plain)


def decompose(
    metrics: Sequence[str],
    tables: tuple[np.ndarray, np.ndarray],
    is_head: np.ndarray,
    config: EvaluationConfig,
    for_head: np.random.Generator,
    for_tail: np.random.Generator,
) -> list[dict[str, GapDecomposition]]:
    """The parts of every metric, model by model.

    Args:
        metrics: names of the columns.
        tables: (n_models, n_users, n_metrics) figures as measured, and (n_models, n_head, n_metrics) with short
            histories.
        is_head: (n_users,) bool.
        config: intervals.
        for_head: source of the draws of head users.
        for_tail: source of the draws of tail users.
    """
    full_figures, truncated_figures = tables
    n_models = len(full_figures)
    change = truncated_figures - full_figures[:, is_head]
    change[np.abs(change) < _ROUNDING] = 0  # an average of equal figures may differ from them in the last digit
    head, tail = np.concatenate([full_figures[:, is_head], change]), full_figures[:, ~is_head]
    means = np.concatenate([head.mean(axis=1), tail.mean(axis=1)])  # (3 n_models, n_metrics)
    resampled = np.concatenate(
        [_resampled(head, config.bootstrap_samples, for_head), _resampled(tail, config.bootstrap_samples, for_tail)],
        axis=1,
    )
    per_user = full_figures[:, is_head], tail
    return [
        {
            metric: _parts(
                metric,
                means[model::n_models, m],
                resampled[:, model::n_models, m].T,
                (per_user[0][model, :, m], per_user[1][model, :, m]),
                config,
            )
            for m, metric in enumerate(metrics)
        }
        for model in range(n_models)
    ]


def _resampled(tables: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """(samples, n_tables, n_metrics) means of (n_tables, n_users, n_metrics) figures over users drawn anew."""
    n_tables, n_users, n_metrics = tables.shape
    rows = np.arange(n_users)
    levels = Levels(tables.transpose(1, 0, 2).reshape(n_users, -1), rows)  # hardly any two rows are equal
    return resampled_means(levels, rows, samples, rng).reshape(samples, n_tables, n_metrics)


def _parts(
    metric: str,
    means: np.ndarray,
    resampled: np.ndarray,
    figures: tuple[np.ndarray, np.ndarray],
    config: EvaluationConfig,
) -> GapDecomposition:
    """The split of one model's gap in one metric.

    Args:
        metric: its name.
        means: (3,) head, its change when cut short, tail.
        resampled: (3, samples) the same of every resample.
        figures: (n_head,) and (n_tail,) of single users, as measured.
        config: confidence.
    """
    too_small = any(len(side) < SMALL or few_hits(side, metric) for side in figures)

    def estimate(value: float | np.ndarray, samples: np.ndarray) -> Estimate:
        return percentile_estimate(float(value), samples, config.confidence)

    (head, length, tail), (heads, lengths, tails) = means, resampled
    # If all figures are equal, a rounding error between two equal means is not a gap and has no sign.
    gap, gaps = _settled(tail - head), _settled(tails - heads)
    users, others = _settled(gap - length), _settled(gaps - lengths)
    found, by_length, by_users = estimate(gap, gaps), estimate(length, lengths), estimate(users, others)
    length_share = users_share = None
    if counts(found):
        same = gaps * gap > 0
        length_share = estimate(length / gap, lengths[same] / gaps[same])
        users_share = estimate(users / gap, others[same] / gaps[same])
    verdict: Verdict = "unclear" if too_small else _verdict(found, by_length, by_users)
    larger = estimate(abs(length) - abs(users), np.abs(lengths) - np.abs(others))
    dominant: Literal["length", "users"] | None = None
    if verdict not in ("unclear", "neither") and counts(larger):
        dominant = "length" if larger.value > 0 else "users"
    return GapDecomposition(
        metric=metric,
        head=mean_estimate(figures[0], metric, heads, config.confidence),
        truncated=estimate(head + length, heads + lengths),
        tail=mean_estimate(figures[1], metric, tails, config.confidence),
        gap=found,
        length=by_length,
        users=by_users,
        length_share=length_share,
        users_share=users_share,
        verdict=verdict,
        dominant=dominant,
    )


def _settled(differences: np.ndarray) -> np.ndarray:
    """Differences of means, 0 where they are only rounding errors."""
    return np.where(np.abs(differences) < _ROUNDING, 0.0, differences)


def _verdict(gap: Estimate, length: Estimate, users: Estimate) -> Verdict:
    """See `GapDecomposition.verdict`."""
    if counts(length):
        return "both" if counts(users) else "length"
    if counts(users):
        return "users"
    return "unclear" if counts(gap) else "neither"


def counts(estimate: Estimate) -> bool:
    """Whether the interval excludes 0."""
    return not estimate.low <= 0 <= estimate.high
