"""How sure a mean over users is: percentile bootstrap, and a permutation test between two groups of users.

Metrics of ranks take few distinct values (with one target, NDCG@10 takes eleven). A resample of n users is therefore a
multinomial draw over the distinct rows of the table, which has the same distribution as drawing users one by one and
costs the same for a thousand users as for a million.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SMALL = 30
"""With fewer users than this in a group, intervals and tests are rough and the answer says so."""

_CELLS = 8_000_000
"""Resampling counts held in memory at a time (8 bytes each)."""


@dataclass(frozen=True)
class Estimate:
    """A figure and the ends of its interval."""

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
    """(samples, n_columns) means of the chosen users, each over as many users drawn with replacement.

    All columns of one sample share its draw, so that differences between columns are paired.

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


def interval(resamples: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of the percentile interval, over the first axis of the resamples.

    Args:
        resamples: (samples, ...) values of a statistic.
        confidence: coverage wanted, such as 0.95.
    """
    low, high = np.quantile(resamples, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return low, high


def permutation_p_value(first: np.ndarray, second: np.ndarray, samples: int, rng: np.random.Generator) -> float:
    """Two-sided p-value of a difference between the means of two groups of users, between 1 / (samples + 1) and 1.

    The group labels are shuffled; the statistic is Welch's t, which keeps the test honest when the groups differ in
    spread as well (Chung and Romano, "Exact and asymptotically robust permutation tests", Annals of Statistics 2013).
    With a single user in a group there is no spread to divide by, and the plain difference is used.

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
    # Two constant groups have no spread: equal ones show nothing, different ones could not differ more.
    flat = np.where(np.abs(difference) < 1e-12, 0.0, np.copysign(np.inf, difference))
    return np.where(variance > 1e-24, difference / np.sqrt(np.maximum(variance, 1e-24)), flat)


def _portions(samples: int, width: int) -> Iterator[int]:
    """Sizes that add up to `samples`, each of at most _CELLS cells."""
    size = max(1, _CELLS // max(width, 1))
    for start in range(0, samples, size):
        yield min(size, samples - start)
