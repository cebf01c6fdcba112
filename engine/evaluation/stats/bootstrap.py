"""The uncertainty of a mean over users: percentile bootstrap, and a permutation test between two groups of users.

Metrics of ranks take few distinct values (with one target, NDCG@10 takes eleven). A resample of n users is therefore a
multinomial draw over the distinct rows of the table, which has the same distribution as drawing users one by one and
costs the same for a thousand users as for a million.

With many groups, or columns with many values, all share one draw instead: every user counts a Poisson number of times,
and a group's resampled mean is the weighted mean of its users (`resampled_group_means`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

SMALL = 30
"""With fewer users than this in a group, intervals and tests are rough, and results say so."""

_CELLS = 8_000_000
"""Resampling counts held in memory at a time (8 bytes each)."""


@dataclass(frozen=True)
class Estimate:
    """A figure and the ends of its interval.

    >>> engine.Estimate(0.31, 0.25, 0.37).to_dict()
    {'value': 0.31, 'low': 0.25, 'high': 0.37}
    """

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Plain values."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Levels:
    """A table of users by columns, as its distinct rows.

    Attributes:
        values: (n_levels, n_columns) distinct rows.
        codes: (n_users,) which of them each user has.
    """

    values: np.ndarray
    codes: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Levels:
        """Levels of an (n_users, n_columns) table."""
        distinct, codes = np.unique(np.asarray(values, dtype=np.float64), axis=0, return_inverse=True)
        return cls(distinct, codes.ravel())


def resampled_means(levels: Levels, rows: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """(samples, n_columns) means of the chosen users, resampled with replacement.

    All columns of a sample share its draw, so that differences between columns are paired.

    Args:
        levels: the table.
        rows: (n_users,) bool, or indices; at least one user.
        samples: how many resamples.
        rng: source of the draws.

    Source: Efron, "Bootstrap methods: another look at the jackknife" (Annals of Statistics 1979).
    """
    counts = np.bincount(levels.codes[rows], minlength=len(levels.values))
    present = counts > 0
    counts, values = counts[present], levels.values[present]
    n = int(counts.sum())
    means = [rng.multinomial(n, counts / n, size=size) @ values / n for size in _portions(samples, len(counts))]
    return np.concatenate(means)


def resampled_statistic(
    levels: Levels, statistic: Callable[[np.ndarray, np.ndarray], np.ndarray], samples: int, rng: np.random.Generator
) -> np.ndarray:
    """(samples,) values of a statistic of one column, over users resampled with replacement.

    Args:
        levels: a table of one column.
        statistic: of (size, n_levels) counts of users and the (n_levels,) values they have, rising; gives (size,).
        samples: how many resamples.
        rng: source of the draws.
    """
    counts = np.bincount(levels.codes, minlength=len(levels.values))
    n, values = int(counts.sum()), levels.values[:, 0]
    drawn = (rng.multinomial(n, counts / n, size=size) for size in _portions(samples, len(counts)))
    return np.concatenate([statistic(part, values) for part in drawn])


def resampled_group_means(
    values: np.ndarray, inside: np.ndarray, samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Resampled means of groups of users, and of everybody else; all groups and columns share the resamples.

    In a sample each user counts w times, w drawn from a Poisson distribution of mean 1, and a mean is Σwx / Σw over
    those who have a figure. Given its size, the draw from a group is a sample of its users with replacement, and
    disjoint groups are independent. A sample that draws nobody from a group, which happens only with a handful of
    users, counts with the group's plain mean.

    Args:
        values: (n_users, n_columns) figures, NaN where a user has none.
        inside: (n_groups, n_users) bool.
        samples: how many resamples.
        seed: of the draws.

    Returns:
        Two (samples, n_groups, n_columns) arrays: means inside, and outside; NaN where there is no figure to draw from.

    Source: Chamandy et al., "Estimating uncertainty for massive data streams" (Google, 2012), section 2; Hanley and
    MacGibbon, "Creating non-parametric bootstrap samples using Poisson frequencies" (Computer Methods and Programs in
    Biomedicine 2006).
    """
    known = ~np.isnan(values)
    # After centring, single precision is exact enough, and a constant column stays exactly constant.
    middle = np.divide(np.where(known, values, 0).sum(axis=0), known.sum(axis=0), where=known.any(axis=0),
                       out=np.zeros(values.shape[1]))  # fmt: skip
    centred = np.where(known, values - middle, 0)
    patterns, pattern_of = np.unique(known, axis=1, return_inverse=True)
    pattern_of = pattern_of.ravel()
    table = np.hstack([centred, patterns]).astype(np.float32)
    sums, total = _weighted_sums(table, inside, samples, seed)
    n_columns = values.shape[1]
    means: list[np.ndarray] = []
    for part, members in ((sums, inside), (total[:, None] - sums, ~inside)):
        held = members.astype(np.float64)
        counts = (held @ patterns)[:, pattern_of]
        with np.errstate(invalid="ignore", divide="ignore"):
            plain = held @ centred / counts
            drawn = part[:, :, n_columns:][:, :, pattern_of]
            means.append(np.where(drawn > 0, part[:, :, :n_columns] / drawn, plain) + middle)
    return means[0], means[1]


def _weighted_sums(table: np.ndarray, inside: np.ndarray, samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(samples, n_groups, n_columns) sums of a table over each group's users, and (samples, n_columns) over all."""
    rng = np.random.default_rng(seed)
    sums = np.zeros((len(inside), samples, table.shape[1]))
    total = np.zeros((samples, table.shape[1]))
    size = max(1, _CELLS // (4 * samples))
    for start in range(0, len(table), size):
        part = table[start : start + size]
        weights = rng.poisson(1.0, size=(len(part), samples)).astype(np.float32)
        total += weights.T @ part
        for group, members in enumerate(inside[:, start : start + size]):
            rows = np.flatnonzero(members)
            sums[group] += weights[rows].T @ part[rows]
    return sums.transpose(1, 0, 2), total


def interval(resamples: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of the percentile interval, over the first axis of the resamples.

    Args:
        resamples: (samples, ...) values of a statistic.
        confidence: coverage wanted, such as 0.95.
    """
    low, high = np.quantile(resamples, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return low, high


def percentile_estimate(value: float, resamples: np.ndarray, confidence: float) -> Estimate:
    """A figure with the percentile interval of (samples,) resampled ones."""
    low, high = interval(resamples, confidence)
    return Estimate(float(value), float(low), float(high))


def permutation_p_value(first: np.ndarray, second: np.ndarray, samples: int, rng: np.random.Generator) -> float:
    """Two-sided p-value of a difference between the means of two groups of users, between 1 / (samples + 1) and 1.

    The group labels are shuffled; the statistic is Welch's t, which keeps the test valid when the groups also differ in
    spread (Chung and Romano, "Exact and asymptotically robust permutation tests", Annals of Statistics 2013). With a
    single user in a group there is no spread to divide by, and the plain difference is used.

    Args:
        first: (n,) figures of one group, at least one.
        second: (m,) figures of the other.
        samples: how many shuffles.
        rng: source of the shuffles.
    """
    small, large = sorted((np.asarray(first, float), np.asarray(second, float)), key=len)
    values, codes = np.unique(np.concatenate([small, large]), return_inverse=True)
    pooled = np.bincount(codes.ravel())
    observed = np.bincount(codes.ravel()[: len(small)], minlength=len(values))
    seen = abs(float(_welch(observed[None], pooled, values)[0]))
    extreme = 0
    for size in _portions(samples, len(values)):
        shuffled = rng.multivariate_hypergeometric(pooled, len(small), size=size, method="marginals")
        extreme += int((np.abs(_welch(shuffled, pooled, values)) >= seen * (1 - 1e-9)).sum())
    return (1 + extreme) / (1 + samples)


def _welch(part: np.ndarray, pooled: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(samples,) Welch's t of (samples, n_levels) counts of one group against the rest of the pool."""
    rest = pooled - part
    n, m = int(part[0].sum()), int(rest[0].sum())
    mean, other = part @ values / n, rest @ values / m
    difference = mean - other
    if min(n, m) < 2:
        return difference
    variance = np.maximum(part @ values**2 / n - mean**2, 0) / (n - 1)
    variance += np.maximum(rest @ values**2 / m - other**2, 0) / (m - 1)
    # Two constant groups have no spread: if equal they show no difference, if not they could not differ more.
    flat = np.where(np.abs(difference) < 1e-12, 0.0, np.copysign(np.inf, difference))
    return np.where(variance > 1e-24, difference / np.sqrt(np.maximum(variance, 1e-24)), flat)


def _portions(samples: int, width: int) -> Iterator[int]:
    """Sizes that add up to `samples`, each of at most _CELLS cells."""
    size = max(1, _CELLS // max(width, 1))
    for start in range(0, samples, size):
        yield min(size, samples - start)
