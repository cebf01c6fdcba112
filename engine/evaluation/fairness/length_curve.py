"""Quality against history length as a smooth curve with a band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy.sparse as sp

from engine.config import EvaluationConfig
from engine.evaluation.fairness.gap import SMALL
from engine.evaluation.report import Evaluation
from engine.evaluation.stats.bootstrap import interval

POINTS = 40

SPAN = 0.3
"""Share of users that the estimate at a point looks at."""

NARROWEST = 0.35
"""Least half-width of a window, in natural logarithms of length: from 10 to 7 and 14. Whole lengths are far apart where
histories are short, and a window that holds a single one has no slope."""

_CELLS = 8_000_000


def quality_curve(
    evaluation: Evaluation,
    metric: str,
    config: EvaluationConfig,
    models: Sequence[str] | None = None,
    points: int = POINTS,
) -> pd.DataFrame:
    """Quality along the length of the training history, smoothed, for every model.

    At a length x a straight line in log length is fitted to the users around it by weighted least squares, and its
    height at x is the estimate. Weights are tricube, w(u) = (1 - |u|³)³ with u the distance in log length over the
    half-width; the half-width reaches the nearest 30 % of users, and is at least 0.35. There are no robustness steps:
    most users' NDCG is 0, and those for whom it is not would be called outliers. The band is a percentile bootstrap
    over users, point by point; models share the resamples. Sources: Cleveland, "Robust locally weighted regression and
    smoothing scatterplots" (JASA 1979); Fan and Gijbels, "Local polynomial modelling and its applications" (1996).

    Args:
        evaluation: what was measured.
        metric: a column of its `per_user`.
        config: samples, confidence and seed.
        models: names in the evaluation; all of them when not given.
        points: lengths at which the curve is worked out: evenly spaced in logarithms, from the shortest history to the
            one that only 30 users' are as long as or longer, since further out a few users make the curve.

    Returns:
        One row a model and point: `model`, `length`, `value`, `low`, `high`, and `n`, users in the window.

    >>> curve = engine.quality_curve(evaluation, "ndcg@10", config.evaluation, models=["transformer"], points=3)
    >>> len(curve), curve.columns.tolist()
    (3, ['model', 'length', 'value', 'low', 'high', 'n'])
    """
    models = tuple(evaluation.models if models is None else models)
    rows = {model: evaluation.per_user[evaluation.per_user["model"] == model] for model in models}
    first = rows[models[0]]
    values = np.column_stack([rows[m].set_index("user_idx")[metric].loc[first["user_idx"]] for m in models])
    distinct, codes = np.unique(np.maximum(np.asarray(first["history_length"]), 1), return_inverse=True)
    counts, places = np.bincount(codes), np.log(distinct)
    grid = _grid(distinct, counts, points)
    offsets = np.log(grid)[:, None] - places  # (points, n_lengths)
    kernel, n = _kernel(np.abs(offsets), counts)
    rng = np.random.default_rng(config.seed)
    columns = _cells(codes, values, len(distinct))  # (n_users, (1 + models) * n_lengths)
    measured = np.asarray(columns.sum(axis=0))[None]
    sums = np.concatenate([measured, _resampled_sums(columns, len(codes), config.bootstrap_samples, rng)])
    sums = sums.reshape(len(sums), 1 + len(models), len(distinct))
    frames = []
    for number, model in enumerate(models, start=1):
        curves = local_lines(sums[:, 0], sums[:, number], kernel, offsets)
        lows, highs = interval(curves[1:], config.confidence)
        frame = {"model": model, "length": grid, "value": curves[0], "low": lows, "high": highs, "n": n}
        frames.append(pd.DataFrame(frame))
    return pd.concat(frames, ignore_index=True)


def _grid(distinct: np.ndarray, counts: np.ndarray, points: int) -> np.ndarray:
    longer = np.cumsum(counts[::-1])[::-1]  # users with at least each length
    enough = longer >= min(SMALL, longer[0])
    ends = distinct[0], distinct[enough][-1]
    return np.geomspace(*ends, points) if ends[1] > ends[0] else np.array([float(ends[0])])


def _kernel(distances: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(points, n_lengths) tricube weights, and (points,) users whose weight is not 0."""
    order = np.argsort(distances, axis=1, kind="stable")
    held = np.cumsum(counts[order], axis=1)
    at = (held >= SPAN * counts.sum()).argmax(axis=1)
    reach = np.take_along_axis(distances, order, axis=1)[np.arange(len(distances)), at]
    width = np.maximum(reach, NARROWEST)[:, None] * (1 + 1e-9)
    kernel = np.where(distances < width, (1 - np.minimum(distances / width, 1) ** 3) ** 3, 0.0)
    return kernel, (kernel > 0) @ counts


def local_lines(counts: np.ndarray, sums: np.ndarray, kernel: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(samples, points) heights at each point of the line fitted around it; the mean where no slope can be told.

    It is (S_2 T_0 - S_1 T_1) / (S_2 S_0 - S_1²) with S_j = sum over users of w (x - x_i)^j and T_j that of
    w (x - x_i)^j y_i.

    Args:
        counts: (samples, n_lengths) users of each length.
        sums: (samples, n_lengths) their figures' sum.
        kernel: (points, n_lengths) weights w.
        offsets: (points, n_lengths) the point less the length, in logarithms.
    """
    powers = [kernel, kernel * offsets, kernel * offsets**2]
    s0, s1, s2 = (counts @ power.T for power in powers)
    t0, t1 = (sums @ power.T for power in powers[:2])
    flat = t0 / np.maximum(s0, 1e-12)
    spread = s2 * s0 - s1**2
    sloped = spread > 1e-9 * s0**2
    return np.where(sloped, (s2 * t0 - s1 * t1) / np.where(sloped, spread, 1.0), flat)


def _cells(codes: np.ndarray, values: np.ndarray, n_lengths: int) -> sp.csr_array:
    """(n_users, (1 + models) * n_lengths); a user has a 1, and each model's figure, in the columns of their length."""
    n, width = len(codes), 1 + values.shape[1]
    data = np.column_stack([np.ones(n), values]).ravel()
    columns = (codes[:, None] + n_lengths * np.arange(width)).ravel()
    return sp.csr_array((data, columns, np.arange(n + 1) * width), shape=(n, width * n_lengths))


def _resampled_sums(columns: sp.csr_array, n: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    """(samples, n_columns) sums over as many users drawn with replacement."""
    size = max(1, _CELLS // n)
    drawn = (rng.multinomial(n, np.full(n, 1 / n), size=min(size, samples - at)) for at in range(0, samples, size))
    return np.concatenate([(columns.T @ part.T).T for part in drawn])
