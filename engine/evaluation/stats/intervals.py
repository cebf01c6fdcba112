"""Intervals of means over users that keep their promise where hits are rare.

A percentile bootstrap draws from what was seen. Of 30 users with a hit rate of .02 more than half the samples hold no
hit at all, every resample of those is 0 again, and the interval is a point: nominal 95 % intervals hold less than half
of the time. So:

* a rate (every user has 0 or one and the same figure) has Wilson's score interval;
* a mean of few hits (fewer than `FEW_HITS` users have any, or fewer miss the most that can be had) has Wilson's
  interval of a mean between 0 and its largest value, wide on purpose: such a mean varies at most as a rate does;
* any other mean has a bias-corrected and accelerated (BCa) bootstrap interval;
* a difference in which few hits take part is put together from the intervals of its two sides (MOVER).

Sources: Wilson, "Probable inference, the law of succession, and statistical inference" (JASA 1927); Efron, "Better
bootstrap confidence intervals" (JASA 1987), the acceleration of a mean by its jackknife; Newcombe, "Interval estimation
for the difference between independent proportions" (Statistics in Medicine 1998), generalised by Zou and Donner,
"Construction of confidence limits about effect measures" (Statistics in Medicine 2008).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special, stats

from engine.evaluation.stats.bootstrap import Estimate, percentile_estimate

FEW_HITS = 10
"""With fewer users than this who have a hit, a bootstrap does not know how much a mean varies."""

_HITS = ("hr", "ndcg", "mrr", "precision", "recall", "f1", "map", "serendipity", "aplt")
_ROUNDING = 1e-12


def most_of(metric: str) -> float | None:
    """The most that a user with one right item can have of a metric of hits: 1/k for precision; None for others.

    A tail item in a list ("aplt") may be as rare as a hit; of it a user may have 1.
    """
    family, _at, k = metric.partition("@")
    if family not in _HITS or not k.isdigit():
        return None
    return {"precision": 1 / int(k), "serendipity": 1 / int(k), "f1": 2 / (1 + int(k))}.get(family, 1.0)


def wilson(share: np.ndarray, n: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of Wilson's interval of shares of n users each.

    >>> [float(end.round(4)) for end in wilson(np.array(0.0), np.array(30), 0.95)]
    [0.0, 0.1135]
    """
    z = stats.norm.ppf((1 + confidence) / 2)
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(np.maximum(share * (1 - share), 0) / n + z**2 / (4 * n**2))
    # At the ends the formula gives 0 and 1 but for rounding.
    low = np.where(share <= 0, 0.0, np.maximum(middle - half, 0.0))
    return low, np.where(share >= 1, 1.0, np.minimum(middle + half, 1.0))


def few_hits(values: np.ndarray, metric: str) -> bool:
    """Whether fewer than `FEW_HITS` of the users have anything of a metric of hits, or fewer have less than the most.

    Args:
        values: (n_users,) figures.
        metric: such as "ndcg@10"; of another kind than hits, such as "log_rank", the answer is no.
    """
    return bool(_few(np.asarray(values, dtype=np.float64)[:, None], np.ones(len(values)), (metric,))[0])


def mean_ends(
    metrics: Sequence[str], values: np.ndarray, counts: np.ndarray, resamples: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of the intervals of means, one a column.

    Args:
        metrics: names of the columns.
        values: (n_levels, n_columns) figures.
        counts: (n_levels,) how many users have each row; at least one user in all.
        resamples: (samples, n_columns) resampled means of the same users.
        confidence: coverage wanted, such as 0.95.
    """
    present = counts > 0
    values, counts = values[present], counts[present]
    n = counts.sum()
    means = counts @ values / n
    low, high = bca(values, counts, means, resamples, confidence)
    few = _few(values, counts, metrics)
    for column, metric in enumerate(metrics):
        most = most_of(metric)
        if most is None:
            continue
        most = max(most, float(values[:, column].max()))
        rate = bool(((values[:, column] < _ROUNDING) | (values[:, column] > most - _ROUNDING)).all())
        if rate or few[column]:
            ends = wilson(np.clip(means[column] / most, 0, 1), n, confidence)
            low[column], high[column] = (float(end) * most for end in ends)
    return low, high


def mean_estimate(values: np.ndarray, metric: str, resamples: np.ndarray, confidence: float) -> Estimate:
    """The mean of (n_users,) figures with its interval, given (samples,) resampled means."""
    table = np.asarray(values, dtype=np.float64)[:, None]
    low, high = mean_ends((metric,), table, np.ones(len(table)), np.asarray(resamples)[:, None], confidence)
    return Estimate(float(table.mean()), float(low[0]), float(high[0]))


def bca(
    values: np.ndarray, counts: np.ndarray, means: np.ndarray, resamples: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the bias-corrected and accelerated intervals of means; arguments as of `mean_ends`."""
    samples = len(resamples)
    below = (resamples < means - _ROUNDING).sum(axis=0) + 0.5 * (np.abs(resamples - means) <= _ROUNDING).sum(axis=0)
    bias = special.ndtri(np.clip(below / samples, 0.5 / samples, 1 - 0.5 / samples))
    apart = values - means
    squares = counts @ apart**2
    acceleration = np.divide(
        counts @ apart**3, 6 * squares**1.5, out=np.zeros(len(means)), where=squares > _ROUNDING * counts.sum()
    )
    ends = []
    for z in special.ndtri([(1 - confidence) / 2, (1 + confidence) / 2]):
        at = special.ndtr(bias + (bias + z) / np.maximum(1 - acceleration * (bias + z), _ROUNDING))
        ends.append([np.quantile(resamples[:, column], share) for column, share in enumerate(at)])
    return np.array(ends[0], dtype=np.float64), np.array(ends[1], dtype=np.float64)


def difference_estimate(
    one: Estimate, other: Estimate, resamples: np.ndarray, confidence: float, few: bool
) -> Estimate:
    """One mean less another of other users: a percentile interval, or of few hits one made of both sides' intervals.

    Args:
        one: mean of the one group of users.
        other: of the other.
        resamples: (samples,) resampled differences.
        confidence: coverage wanted.
        few: whether either mean is of few hits.
    """
    value = one.value - other.value
    if few:
        return Estimate(value, *mover(one, other))
    return percentile_estimate(value, resamples, confidence)


def mover(one: Estimate, other: Estimate) -> tuple[float, float]:
    """Ends of the interval of one figure less another that is independent of it, from the ends of both."""
    value = one.value - other.value
    low = value - float(np.hypot(one.value - one.low, other.high - other.value))
    return low, value + float(np.hypot(one.high - one.value, other.value - other.low))


def rare_estimate(values: np.ndarray, metric: str, confidence: float) -> Estimate:
    """The mean of (n_users,) figures of few hits, with Wilson's interval; 0 to the most there can be of no user."""
    most = max(most_of(metric) or 0.0, float(np.max(values, initial=0.0)))
    if len(values) == 0 or most == 0:
        return Estimate(0.0, 0.0, most)
    low, high = wilson(np.array(values.mean() / most), np.array(len(values)), confidence)
    return Estimate(float(values.mean()), float(low) * most, float(high) * most)


def combination(parts: Sequence[Estimate], weights: np.ndarray) -> Estimate:
    """The weighted sum of figures of different users, with an interval from the ends of theirs (MOVER)."""
    value = float(sum(weight * part.value for weight, part in zip(weights, parts, strict=True)))
    below, above = 0.0, 0.0
    for weight, part in zip(weights, parts, strict=True):
        ends = weight * (part.low - part.value), weight * (part.high - part.value)
        below, above = np.hypot(below, min(ends)), np.hypot(above, max(ends))
    return Estimate(value, value - float(below), value + float(above))


def change_estimate(change: np.ndarray, metric: str, resamples: np.ndarray, confidence: float) -> Estimate:
    """The mean change of users' figures from one model to another, with its interval.

    Where hits change for few users, the interval is made of Wilson's intervals of what is gained and what is lost.

    Args:
        change: (n_users,) new less old.
        metric: what changed.
        resamples: (samples,) resampled means of it.
        confidence: coverage wanted.
    """
    if few_changes(change, metric):
        return Estimate(float(change.mean()), *change_ends(change, metric, confidence))
    return percentile_estimate(float(change.mean()), resamples, confidence)


def sum_estimate(both: np.ndarray, metric: str, resamples: np.ndarray, confidence: float) -> Estimate:
    """The mean of the sum of two figures of each user, given their (n_users, 2) figures and resampled means of sums."""
    half = mean_estimate(both.sum(axis=1) / 2, metric, resamples / 2, confidence)  # as much as one figure can be
    return Estimate(2 * half.value, 2 * half.low, 2 * half.high)


def few_changes(change: np.ndarray, metric: str) -> bool:
    """Whether fewer than `FEW_HITS` of the users have another figure of hits than before."""
    return most_of(metric) is not None and int((np.abs(change) > _ROUNDING).sum()) < FEW_HITS


def change_ends(change: np.ndarray, metric: str, confidence: float) -> tuple[float, float]:
    """Ends of the interval of the mean of few changes: see `change_estimate`."""
    most = max(most_of(metric) or 0.0, float(np.abs(change).max()))
    sides = []
    for part in (np.maximum(change, 0), np.maximum(-change, 0)):
        low, high = wilson(np.array(part.mean() / most), np.array(len(part)), confidence)
        sides.append(Estimate(float(part.mean()), float(low) * most, float(high) * most))
    return mover(sides[0], sides[1])


def _few(values: np.ndarray, counts: np.ndarray, metrics: Sequence[str]) -> np.ndarray:
    """(n_columns,) whether a column's mean is of few hits."""
    found = np.zeros(len(metrics), dtype=bool)
    for column, metric in enumerate(metrics):
        most = most_of(metric)
        if most is not None:
            own = values[:, column]
            some, less = counts[own > _ROUNDING].sum(), counts[own < max(most, own.max()) - _ROUNDING].sum()
            found[column] = min(some, less) < FEW_HITS
    return found
