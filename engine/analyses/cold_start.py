"""The cold-start curve: lists for real users from only their newest n events, for n = 0, 1, 2, 3, 5, 8, ...

The users are the same at every n, so that only n differs along the curve. What the model learnt from them stays, as in
`engine.evaluation.fairness.truncation`: the curve shows the effect of known events for a model that has seen similar
users. It is compared with the mean of all test users with full histories, on shared resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.data.splits import Holdout
from engine.errors import EngineError
from engine.evaluation.fairness.truncation import rank_truncated
from engine.evaluation.metrics.accuracy import per_user_metrics
from engine.evaluation.stats.bootstrap import SMALL, Estimate, percentile_estimate, resampled_group_means
from engine.evaluation.stats.intervals import FEW_HITS, difference_estimate, few_hits, mean_estimate, wilson
from engine.progress import OnProgress, Progress, ignore
from engine.queries.confidence import confidence_of, fitted_temperatures
from engine.runs.kept import Kept, settings_of
from engine.runs.store import Run

GROWTH = "growth.json"
"""File in the run folder with the result of `measure_cold_start`. It can be deleted at any time."""

LENGTHS = (0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 135, 200)
"""Numbers of known events; each about one and a half times the one before."""

LONG_SHARE = 0.3
"""The curve covers at least this share of the test users: those with the longest histories."""

MOST_USERS = 2_000
"""At most so many users, drawn at random from those with long histories."""

BINS = 5
"""Number of bins of lists by confidence."""

_VERSION = 2


@dataclass(frozen=True)
class ColdStartPoint:
    """The lists of users with their newest n events.

    Attributes:
        n: events.
        quality: mean of the metric.
        against: that minus the mean of all test users with full histories, on the same resamples.
        hits: mean hit rate at the same k.
        share: mean confidence of the lists; see `engine.queries.confidence`.
    """

    n: int
    quality: Estimate
    against: Estimate
    hits: Estimate
    share: float


@dataclass(frozen=True)
class Reliability:
    """Lists of similar confidence, and how often they held the next item.

    Attributes:
        low, high: bounds of the bin's confidence; `share` is its mean.
        hits: share of them that held the user's next item.
        n: lists.
    """

    low: float
    high: float
    share: float
    hits: Estimate
    n: int


@dataclass(frozen=True)
class ColdStartCurve:
    """The quality of lists by the number of known events.

    Attributes:
        metric: such as "ndcg@10".
        model: the answering model.
        k: length of the lists.
        n_users: on the curve, drawn from `n_long` users with long enough histories, of `n_tested`.
        n_long, n_tested: likewise.
        shortest: the shortest history on the curve, and its last n.
        average: of all test users, with full histories.
        whole: of the users of the curve, with full histories.
        points: by n.
        enough: the first n at which the curve reaches the average; None if it never does.
        earliest, latest: ends of the interval of that n over resamples; None if it is never reached.
        never: share of resamples in which the curve never reaches the average.
        reliability: lists of the curve by confidence, rising; empty with too few lists.
    """

    metric: str
    model: str
    k: int
    n_users: int
    n_long: int
    n_tested: int
    shortest: int
    average: Estimate
    whole: Estimate
    points: tuple[ColdStartPoint, ...]
    enough: int | None
    earliest: int | None
    latest: int | None
    never: float
    reliability: tuple[Reliability, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ColdStartCurve:
        """The inverse of to_dict."""
        points = tuple(
            ColdStartPoint(**{**p, **{key: Estimate(**p[key]) for key in ("quality", "against", "hits")}})
            for p in values["points"]
        )
        bins = tuple(Reliability(**{**b, "hits": Estimate(**b["hits"])}) for b in values["reliability"])
        ends = {key: Estimate(**values[key]) for key in ("average", "whole")}
        return cls(**{**values, **ends, "points": points, "reliability": bins})

    def expected_hits(self, share: float) -> Reliability | None:
        """The bin of lists with this confidence; None if nothing was measured."""
        inside = [b for b in self.reliability if share <= b.high]
        return (inside or list(self.reliability[-1:]) or [None])[0]


def kept_cold_start(run: Run, metric: str = "ndcg@10") -> ColdStartCurve | None:
    """The kept result of `measure_cold_start`; None if there is none, or it is for other settings.

    >>> _ = engine.measure_cold_start(run)
    >>> engine.kept_cold_start(run).metric, engine.kept_cold_start(run, "mrr@10")
    ('ndcg@10', None)
    """
    return _KEPT.load(run, **_depends_on(run, metric))


def measure_cold_start(run: Run, metric: str = "ndcg@10", on_progress: OnProgress = ignore) -> ColdStartCurve:
    """The quality of the run's lists by number of known events. Kept in the run folder, if that is writable.

    Args:
        run: the run.
        metric: one that was measured, at some k.
        on_progress: called as the work proceeds.

    Raises:
        EngineError: the metric was not measured.

    >>> curve = engine.measure_cold_start(run)
    >>> [point.n for point in curve.points]
    [0, 1, 2, 3, 5, 8]
    >>> curve.points[0].quality.low <= curve.points[0].quality.value <= curve.points[0].quality.high
    True
    >>> curve.reliability[0]
    Reliability(low=..., high=..., share=..., hits=Estimate(...), n=...)
    """
    if (held := kept_cold_start(run, metric)) is not None:
        return held
    if metric not in run.evaluation.metrics:
        raise EngineError(
            "No metric {metric!r} was measured; there are {metrics}.",
            metric=metric,
            metrics=", ".join(run.evaluation.metrics),
        )
    return _KEPT.save(run, _measure(run, metric, on_progress), **_depends_on(run, metric))


def _depends_on(run: Run, metric: str) -> dict[str, Any]:
    return {
        "metric": metric,
        "model": run.answers,
        "settings": settings_of(run),
        "lengths": list(LENGTHS),
        "users": [LONG_SHARE, MOST_USERS],
    }


_KEPT = Kept(
    GROWTH,
    _VERSION,
    lambda curve: {"growth": curve.to_dict()},
    lambda kept: ColdStartCurve.from_dict(kept["growth"]),
)


def chosen_lengths(lengths: np.ndarray) -> tuple[tuple[int, ...], np.ndarray]:
    """The numbers of events, and (n,) bool which users have long enough histories for all of them.

    The last is the longest that a share of `LONG_SHARE` of the users has, and at least `SMALL` of them; with fewer
    users, the longest that half of them have.
    """
    wanted = min(max(int(np.ceil(LONG_SHARE * len(lengths))), SMALL), max(1, -(-len(lengths) // 2)))
    reached = int(np.sort(lengths)[::-1][wanted - 1])
    asked = tuple(n for n in LENGTHS if n <= reached)
    return asked, lengths >= asked[-1]


def _measure(run: Run, metric: str, on_progress: OnProgress) -> ColdStartCurve:
    test, config = run.split.test, run.config.evaluation
    k = int(metric.partition("@")[2])
    asked, long = chosen_lengths(test.histories.lengths)
    rows = np.flatnonzero(long)
    if len(rows) > MOST_USERS:
        rows = np.sort(np.random.default_rng(config.seed).choice(rows, MOST_USERS, replace=False))
    chosen = test.take(rows)
    figures = np.zeros((len(rows), len(asked), 3))  # metric, hit rate, share
    for turn, n in enumerate(asked):

        def report(share: float, turn: int = turn, n: int = n) -> None:
            on_progress(Progress("evaluate", (turn + share) / len(asked), f"Ranking with {n} events known"))

        figures[:, turn] = _figures(run, chosen, n, metric, k, report)
    own = run.evaluation.per_user
    own = own.loc[own["model"] == run.answers].set_index("user_idx").loc[test.users, metric].to_numpy(dtype=np.float64)
    table = np.full((len(test), 2 + 2 * len(asked)), np.nan)
    table[:, 0] = own
    table[rows, 1] = own[rows]
    table[rows, 2 : 2 + len(asked)] = figures[:, :, 0]
    table[rows, 2 + len(asked) :] = figures[:, :, 1]
    everybody = np.ones((1, len(test)), dtype=bool)
    samples = resampled_group_means(table, everybody, config.bootstrap_samples, config.seed)[0][:, 0]
    means = np.nanmean(table, axis=0)
    metrics = [*[metric] * (2 + len(asked)), *[f"hr@{k}"] * len(asked)]
    columns = [column[~np.isnan(column)] for column in table.T]
    ends = [
        mean_estimate(column, name, samples[:, at], config.confidence)
        for at, (column, name) in enumerate(zip(columns, metrics, strict=True))
    ]
    curve, resampled = means[2 : 2 + len(asked)], samples[:, 2 : 2 + len(asked)]
    firsts = _first(resampled >= samples[:, :1], asked)
    tails = [(1 - config.confidence) / 2, (1 + config.confidence) / 2]
    low, high = np.quantile(firsts, tails, method="inverted_cdf").tolist()  # one of the lengths, or infinity
    first = float(_first(curve[None] >= means[0], asked)[0])
    points = tuple(
        ColdStartPoint(
            n,
            ends[2 + at],
            difference_estimate(
                ends[2 + at],
                ends[0],
                resampled[:, at] - samples[:, 0],
                config.confidence,
                few_hits(columns[2 + at], metric) or few_hits(columns[0], metric),
            ),
            ends[2 + len(asked) + at],
            float(figures[:, at, 2].mean()),
        )
        for at, n in enumerate(asked)
    )
    return ColdStartCurve(
        metric, run.answers, k, len(rows), int(long.sum()), len(test), asked[-1], ends[0], ends[1], points,
        _finite(first), _finite(low), _finite(high), float(np.isinf(firsts).mean()),
        _reliability(figures[:, :, 2], figures[:, :, 1], config.bootstrap_samples, config.confidence, config.seed),
    )  # fmt: skip


def _figures(run: Run, chosen: Holdout, n: int, metric: str, k: int, report: Callable[[float], None]) -> np.ndarray:
    """(n_users, 3) the metric, the hit rate and the confidence of lists from the newest n events."""
    shares, temperature = np.zeros(len(chosen)), fitted_temperatures(run).at(n)

    def watch(rows: slice, scores: np.ndarray) -> None:
        for row, own in enumerate(scores, start=rows.start):
            confidence = confidence_of(own, k, temperature)
            shares[row] = 0.0 if confidence is None else confidence.share

    lengths = np.full(len(chosen), n)
    ranks = rank_truncated(
        run.serving, chosen, lengths, run.config.evaluation.seen_left_out, on_progress=report, watch=watch
    )
    found = per_user_metrics(ranks, chosen.targets.offsets, (k,))
    return np.column_stack([found[metric], found[f"hr@{k}"], shares])


def _first(reached: np.ndarray, asked: tuple[int, ...]) -> np.ndarray:
    """(B,) the first length at which each row of (B, n_lengths) is True; infinity if there is none."""
    return np.where(reached.any(axis=1), np.asarray(asked, dtype=np.float64)[reached.argmax(axis=1)], np.inf)


def _reliability(
    shares: np.ndarray, hits: np.ndarray, samples: int, confidence: float, seed: int
) -> tuple[Reliability, ...]:
    """Hit rates of (n_users, n_lengths) lists in bins of equal size by share, over resamples of users."""
    edges = np.unique(np.quantile(shares, np.linspace(0, 1, BINS + 1)))
    if len(edges) < 2 or shares.size < BINS * SMALL:
        return ()
    bins = np.clip(np.searchsorted(edges, shares, side="left") - 1, 0, len(edges) - 2)
    weights = np.random.default_rng(seed).poisson(1.0, (samples, len(shares))).astype(np.float64)
    found: list[Reliability] = []
    for at in range(len(edges) - 1):
        inside = bins == at
        sizes, sums = inside.sum(axis=1), np.where(inside, hits, 0.0).sum(axis=1)
        if sizes.sum() == 0:
            continue
        value = float(sums.sum() / sizes.sum())
        drawn = weights @ sizes
        means = np.divide(weights @ sums, drawn, out=np.full(samples, value), where=drawn > 0)
        ends, share = (float(edges[at]), float(edges[at + 1])), float(shares[inside].mean())
        hit = percentile_estimate(value, means, confidence)
        if min(sums.sum(), sizes.sum() - sums.sum()) < FEW_HITS:  # of users, since lists of one user are alike
            low, high = wilson(np.array(value), np.array((sizes > 0).sum()), confidence)
            hit = Estimate(value, float(low), float(high))
        found.append(Reliability(*ends, share, hit, int(sizes.sum())))
    return tuple(found)


def _finite(n: float) -> int | None:
    return int(n) if np.isfinite(n) else None
