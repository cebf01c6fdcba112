"""How unevenly a model serves its users: between the groups of a partition, in the worst share, and user by user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from engine.config import EvaluationConfig
from engine.errors import EngineError
from engine.evaluation.fairness.group_table import figures_of, membership, too_small
from engine.evaluation.groups.standard import Group
from engine.evaluation.metrics.glossary import term_of
from engine.evaluation.report import Estimate, Evaluation
from engine.evaluation.stats.bootstrap import Levels, percentile_estimate, resampled_group_means, resampled_statistic
from engine.evaluation.stats.hypothesis_tests import Moments

Better = Literal["higher", "lower"]

ALPHA = 0.2
"""The share of users that count as the worst served."""


@dataclass(frozen=True)
class GroupRange:
    """How far apart the groups of a partition are, among those that are large enough to be informative.

    Attributes:
        groups: their names.
        best: the group that is served best.
        worst: the one that is served worst.
        worst_value: its mean.
        difference: the largest mean minus the smallest.
        by_chance: that difference on average when users are shuffled between the groups: the largest and the smallest
            of many noisy means are apart even where no group differs.
        p_value: how often it is at least as large when users are shuffled.
        ratio: the smallest mean over the largest, from 0 to 1; None where the interval of the largest reaches 0, or a
            mean is negative.
    """

    groups: tuple[str, ...]
    best: str
    worst: str
    worst_value: Estimate
    difference: Estimate
    by_chance: float
    p_value: float
    ratio: Estimate | None


@dataclass(frozen=True)
class Disparity:
    """How unevenly a model serves its users by one metric.

    Attributes:
        metric: such as "ndcg@10".
        model: whose figures.
        better: which way is better.
        n: users for whom it is defined.
        mean: over all of them.
        between: how far apart the groups are; None with fewer than two large enough ones.
        too_small: groups left out, since they have fewer than 30 users or all of those have the same figure.
        alpha: the share of users that `worst_share` is of.
        worst_share: mean over that share of users, the worst served: the conditional value at risk.
        gini: Gini index of the figure over users: 0 when all have the same, near 1 when a few have everything. None
            where lower is better, since a cost is not a good to be shared, and where all figures are 0.
    """

    metric: str
    model: str
    better: Better
    n: int
    mean: Estimate
    between: GroupRange | None
    too_small: tuple[str, ...]
    alpha: float
    worst_share: Estimate
    gini: Estimate | None


def disparity(
    evaluation: Evaluation,
    facts: pd.DataFrame,
    groups: Sequence[Group],
    metric: str = "ndcg@10",
    model: str = "transformer",
    config: EvaluationConfig | None = None,
    alpha: float = ALPHA,
    better: Better | None = None,
) -> Disparity:
    """How unevenly a model serves its users.

    Intervals are percentile bootstraps over users. That of the largest difference is too high where groups are similar,
    since every resample has its own extremes; `by_chance` and `p_value` help to interpret it.

    Args:
        evaluation: what was measured.
        facts: of its test users.
        groups: no user is in two of them.
        metric: a column of `evaluation.per_user`.
        model: name of a model in the evaluation.
        config: samples, confidence and seed.
        alpha: the share of users that counts as the worst served, above 0 and at most 1.
        better: which way is better; the glossary says, where it is not given.

    Raises:
        EngineError: the metric or model does not exist, groups overlap, alpha is out of range, nobody has the figure,
            or the metric has no better direction and none was given.

    >>> groups = [engine.Group(rule, engine.Rule.parse(f"history_length={rule}")) for rule in ("..5", "6..")]
    >>> found = engine.disparity(evaluation, facts, groups)
    >>> found.n, found.alpha, found.between.groups
    (118, 0.2, ('..5', '6..'))
    >>> found.worst_share.value <= found.mean.value
    True
    """
    config = config or EvaluationConfig()
    if not 0 < alpha <= 1:
        raise EngineError(
            "alpha ({alpha}) is the share of users who are served worst: above 0 and at most 1, like 0.2.", alpha=alpha
        )
    values = figures_of(evaluation, facts, (metric,), model)
    direction = better or _direction(metric)
    inside = membership(groups, facts)
    _check_apart(groups, inside)
    known = ~np.isnan(values[:, 0])
    if not known.any():
        raise EngineError(
            "Nobody has a figure for {metric!r} of {model}, so there is nothing to compare.", metric=metric, model=model
        )
    moments = Moments.of(values, inside)
    small = too_small(moments.n, moments.variance)[:, 0]
    large = np.flatnonzero(~small)
    between = None
    if len(large) >= 2:
        between = _range_of(
            [group.name for group, no in zip(groups, small, strict=True) if not no],
            values,
            inside[large],
            direction,
            config,
        )
    levels = Levels.of(values[known])

    def estimate(statistic: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Estimate:
        counts = np.bincount(levels.codes, minlength=len(levels.values))
        resamples = resampled_statistic(levels, statistic, config.bootstrap_samples, np.random.default_rng(config.seed))
        return percentile_estimate(float(statistic(counts[None], levels.values[:, 0])[0]), resamples, config.confidence)

    shared_out = direction == "higher" and levels.values.min() >= 0 and levels.values.max() > 0
    return Disparity(
        metric=metric,
        model=model,
        better=direction,
        n=int(known.sum()),
        mean=estimate(lambda counts, of: counts @ of / counts.sum(axis=1)),
        between=between,
        too_small=tuple(group.name for group, is_small in zip(groups, small, strict=True) if is_small),
        alpha=alpha,
        worst_share=estimate(lambda counts, of: worst_share(counts, of, alpha, direction)),
        gini=estimate(gini) if shared_out else None,
    )


def worst_share(counts: np.ndarray, values: np.ndarray, alpha: float, better: Better = "higher") -> np.ndarray:
    """(samples,) means over the share alpha of users who are served worst.

    With the n users in order, worst first: (x_1 + … + x_⌊αn⌋ + (αn - ⌊αn⌋) x_⌊αn⌋+1) / (αn): the conditional value at
    risk, where the user on the boundary counts in part.

    Args:
        counts: (samples, n_levels) how many users have each value.
        values: (n_levels,) rising.
        alpha: above 0 and at most 1.
        better: with "lower", the largest values are the worst.

    Source: Rockafellar and Uryasev, "Optimization of conditional value-at-risk" (Journal of Risk 2000); the partial
    user as in their "Conditional value-at-risk for general loss distributions" (Journal of Banking and Finance 2002).

    >>> float(worst_share(np.array([[3, 1, 1]]), np.array([0.0, 0.5, 1.0]), alpha=0.8))
    0.125
    """
    if better == "lower":
        counts, values = counts[:, ::-1], values[::-1]
    wanted = alpha * counts.sum(axis=1, keepdims=True)
    before = np.cumsum(counts, axis=1) - counts
    return np.clip(wanted - before, 0, counts) @ values / wanted[:, 0]


def gini(counts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(samples,) Gini indices of what users get: 0 when all get the same, (n - 1) / n when one of n gets everything.

    The mean difference of all pairs over twice the mean, Σ_i Σ_j |x_i - x_j| / (2 n² x̄), which is one less twice the
    area under the Lorenz curve; 0 where nobody gets anything.

    Args:
        counts: (samples, n_levels) how many users get each value.
        values: (n_levels,) rising, not below 0.

    Source: Gini, "Variabilità e mutabilità" (1912); indices of inequality between users' benefits as a measure of
    unfairness: Speicher et al., "A unified approach to quantifying algorithmic unfairness" (KDD 2018).

    >>> gini(np.array([[1, 1], [2, 0], [0, 2]]), np.array([0.0, 1.0])).tolist()
    [0.5, 0.0, 0.0]
    """
    got = counts * values
    upto = np.cumsum(got, axis=1)
    total, n = upto[:, -1], counts.sum(axis=1)
    doubled_area = (counts * (2 * upto - got)).sum(axis=1)
    return 1 - np.divide(doubled_area, n * total, out=np.ones(len(counts)), where=total > 0)


def _range_of(
    names: list[str], values: np.ndarray, inside: np.ndarray, better: Better, config: EvaluationConfig
) -> GroupRange:
    """How far apart disjoint groups are; (n_users, 1) values."""
    known = ~np.isnan(values[:, 0])
    means = Moments.of(values, inside).mean[:, 0]
    resamples = resampled_group_means(values, inside, config.bootstrap_samples, config.seed)[0][:, :, 0]
    order = np.argsort(means, kind="stable")
    worst, best = (order[0], order[-1]) if better == "higher" else (order[-1], order[0])
    smallest, largest = resamples.min(axis=1), resamples.max(axis=1)
    difference = float(np.ptp(means))
    shuffled = _shuffled_ranges(values[known, 0], inside[:, known], config)
    top = percentile_estimate(float(means.max()), largest, config.confidence)
    ratio = None
    if top.low > 0 and values[known].min() >= 0:
        ratios = np.divide(smallest, largest, out=np.ones(len(largest)), where=largest > 0)
        ratio = percentile_estimate(float(means.min() / means.max()), ratios, config.confidence)
    extreme = int((shuffled >= difference - 1e-9 * np.ptp(values[known])).sum())
    return GroupRange(
        groups=tuple(names),
        best=names[best],
        worst=names[worst],
        worst_value=percentile_estimate(float(means[worst]), resamples[:, worst], config.confidence),
        difference=percentile_estimate(difference, largest - smallest, config.confidence),
        by_chance=float(shuffled.mean()),
        p_value=(1 + extreme) / (1 + len(shuffled)),
        ratio=ratio,
    )


def _shuffled_ranges(values: np.ndarray, inside: np.ndarray, config: EvaluationConfig) -> np.ndarray:
    """(samples,) largest group mean minus the smallest, with the users of all groups shuffled between them."""
    someone = inside.any(axis=0)
    values, labels = values[someone].copy(), np.argmax(inside[:, someone], axis=0)
    sizes = np.bincount(labels, minlength=len(inside))
    rng = np.random.default_rng(config.seed)
    ranges = np.empty(config.bootstrap_samples)
    for sample in range(config.bootstrap_samples):
        rng.shuffle(values)
        ranges[sample] = np.ptp(np.bincount(labels, weights=values, minlength=len(inside)) / sizes)
    return ranges


def _direction(metric: str) -> Better:
    better = term_of(metric).better
    if better == "neither":
        raise EngineError(
            "{metric!r} has no better end, so that no group is served worst by it; say which way is better, "
            'as in better="higher".',
            metric=metric,
        )
    return better


def _check_apart(groups: Sequence[Group], inside: np.ndarray) -> None:
    shared = np.flatnonzero(inside.sum(axis=0) > 1)
    if len(shared):
        names = [group.name for group, members in zip(groups, inside, strict=True) if members[shared[0]]][:2]
        raise EngineError(
            "Groups {names!r} and {names_2!r} have users in common ({n_shared:,} users are in more than one "
            "group), so they cannot be set against each other; take groups along one column.",
            names=names[0],
            names_2=names[1],
            n_shared=len(shared),
        )
