"""Whether groups of users differ from everybody else: moments, p-values and effect sizes of many groups together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

FEW = 200
"""With fewer users than this on one side, a significant result is checked by shuffling."""

SHUFFLES = 4_999
"""Shuffles of such a check, at least; no p-value of it lies below 1 / (SHUFFLES + 1)."""

_FLAT = 1e-12  # a spread below this share of the overall spread is rounding error


@dataclass(frozen=True)
class Moments:
    """Moments of groups of users and of everybody outside them; all (n_groups, n_columns).

    Attributes:
        n: users inside with a figure.
        n_rest: users outside with one.
        mean: their mean inside; NaN without anybody.
        mean_rest: outside.
        variance: with divisor n - 1; NaN for fewer than two; exactly 0 where all are equal.
        variance_rest: outside.
    """

    n: np.ndarray
    n_rest: np.ndarray
    mean: np.ndarray
    mean_rest: np.ndarray
    variance: np.ndarray
    variance_rest: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, inside: np.ndarray) -> Moments:
        """Moments of (n_users, n_columns) figures, NaN where there is none, over (n_groups, n_users) bool groups."""
        known = ~np.isnan(values)
        counts = np.maximum(known.sum(axis=0), 1)
        middle = np.where(known, values, 0).sum(axis=0) / counts
        centred = np.where(known, values - middle, 0)
        floor = _FLAT * (centred**2).sum(axis=0) / counts
        sides: list[np.ndarray] = []
        for part in (inside.astype(np.float64), (~inside).astype(np.float64)):
            with np.errstate(invalid="ignore", divide="ignore"):
                n = part @ known
                mean = part @ centred / n
                variance = (part @ centred**2 - n * mean**2) / (n - 1)
            variance = np.where(variance <= floor, 0.0, variance)
            sides += [n.astype(np.int64), mean + middle, np.where(n > 1, variance, np.nan)]
        return cls(sides[0], sides[3], sides[1], sides[4], sides[2], sides[5])


def p_values(values: np.ndarray, inside: np.ndarray, moments: Moments, level: float, seed: int) -> np.ndarray:
    """(n_groups, n_columns) two-sided p-values of groups against everybody outside; NaN where a side is empty.

    The larger of two: Welch's t, which holds when the sides differ in spread, and Student's t, which holds when one has
    too few users to estimate its spread (a group of 20 without a hit has none, and would always differ by Welch's).
    Both rely on the normal distribution in the far tails, which rare hits do not follow. So if one side has fewer than
    200 users and the p-value is at or below the level, it is replaced by that of 4,999 shuffles of the users
    (statistic: Welch's t) if that is larger. That check gives no p-value below 1/5,000, so among hundreds of
    comparisons a small group is rarely called different: so few users cannot show it.

    Args:
        values: (n_users, n_columns) figures, NaN where there is none.
        inside: (n_groups, n_users) bool.
        moments: of the two.
        level: such as 0.05.
        seed: of the shuffles.

    Source: Welch, "The generalization of Student's problem" (Biometrika 1947); Chung and Romano, "Exact and
    asymptotically robust permutation tests" (Annals of Statistics 2013).
    """
    found = np.fmax(_welch(moments), _student(moments))
    few = np.minimum(moments.n, moments.n_rest) < FEW
    streams = np.random.default_rng(seed).spawn(len(inside))
    for group, column in np.argwhere(few & (found <= level)):
        known = ~np.isnan(values[:, column])
        shuffled = _shuffled(values[known, column], inside[group, known], streams[group])
        found[group, column] = max(found[group, column], shuffled)
    return found


def _welch(moments: Moments) -> np.ndarray:
    one, other = moments.variance / moments.n, moments.variance_rest / np.maximum(moments.n_rest, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = (one + other) ** 2 / (one**2 / (moments.n - 1) + other**2 / (moments.n_rest - 1))
    return _t_test(moments.mean - moments.mean_rest, one + other, freedom)


def _student(moments: Moments) -> np.ndarray:
    freedom = (moments.n + moments.n_rest - 2).astype(np.float64)
    squares = np.nan_to_num(moments.variance) * (moments.n - 1) + np.nan_to_num(moments.variance_rest) * (
        moments.n_rest - 1
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = squares / freedom * (1 / moments.n + 1 / moments.n_rest)
    return _t_test(moments.mean - moments.mean_rest, np.where(freedom > 0, variance, np.nan), freedom)


def _t_test(difference: np.ndarray, variance: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Two-sided p-values; without any spread, 1 for equal means and 0 for different ones."""
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * stats.t.sf(np.abs(difference) / np.sqrt(variance), freedom)
    flat = np.where(np.abs(difference) < 1e-12, 1.0, 0.0)
    p = np.where(variance == 0, flat, p)
    return np.where(np.isnan(difference), np.nan, p)


def _shuffled(values: np.ndarray, inside: np.ndarray, rng: np.random.Generator) -> float:
    """The share of shuffles with a difference at least as large as the observed one, which itself counts as one.

    A shuffle of all users is divided into as many groups of the smaller side's size as fit: each is a draw without
    replacement.
    """
    n = int(min(inside.sum(), (~inside).sum()))
    values = values - values.mean()
    sums, squares = values.sum(), (values**2).sum()

    def apart(part: np.ndarray) -> np.ndarray:
        """|Welch's t| of (..., n) users against all others; the plain difference where one side is a single user."""
        rest = len(values) - n
        inner, inner_squares = part.sum(axis=-1), (part**2).sum(axis=-1)
        mean, other = inner / n, (sums - inner) / rest
        difference = np.abs(mean - other)
        if min(n, rest) < 2:
            return difference
        variance = np.maximum(inner_squares / n - mean**2, 0) / (n - 1)
        variance += np.maximum((squares - inner_squares) / rest - other**2, 0) / (rest - 1)
        flat = np.where(difference < 1e-12, 0.0, np.inf)
        spread = variance > 1e-14 * squares / len(values) ** 2
        return np.where(spread, difference / np.sqrt(np.where(spread, variance, 1)), flat)

    seen = apart(values[inside if inside.sum() == n else ~inside])
    blocks = len(values) // n
    turns = -(-SHUFFLES // blocks)
    order = values.copy()
    extreme = 0
    for _ in range(turns):
        rng.shuffle(order)
        extreme += int((apart(order[: blocks * n].reshape(blocks, n)) >= seen * (1 - 1e-9)).sum())
    return (1 + extreme) / (1 + turns * blocks)


def cliffs_delta(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(n_groups, n_columns) Cliff's delta of groups against everybody outside; NaN where a side is empty.

    The chance that a user inside has a larger figure than one outside, less the chance of a smaller one: from -1 to 1,
    0 where neither is likelier. It asks nothing of the figures' distribution, and log-ranks and their reciprocals give
    the same but for the sign; where most users have no hit it is small however the others do.

    Source: Cliff, "Dominance statistics: ordinal analyses to answer ordinal questions" (Psychological Bulletin 1993);
    by the Mann-Whitney U, delta = 2U / (n m) - 1.
    """
    delta = np.empty((len(inside), values.shape[1]))
    for column in range(values.shape[1]):
        known = ~np.isnan(values[:, column])
        ranks = stats.rankdata(values[known, column])
        part = inside[:, known].astype(np.float64)
        n = part.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            delta[:, column] = 2 * (part @ ranks - n * (n + 1) / 2) / (n * (len(ranks) - n)) - 1
    return delta


def magnitude(delta: float) -> str:
    """A word for a Cliff's delta: "negligible" below 0.147, "small" below 0.33, "medium" below 0.474, else "large".

    Source: Romano et al., "Appropriate statistics for ordinal level data" (Florida Association of Institutional
    Research 2006).

    >>> engine.magnitude(0.1), engine.magnitude(-0.5)
    ('negligible', 'large')
    """
    words = ((0.147, "negligible"), (0.33, "small"), (0.474, "medium"))
    return next((word for below, word in words if abs(delta) < below), "large")
