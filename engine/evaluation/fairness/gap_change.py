"""What changed from one model to another: whether the gap between two groups closed, who paid, who gained and lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.config import EvaluationConfig
from engine.errors import EngineError
from engine.evaluation.fairness.group_table import LOG_RANK, figures_of, membership, too_small
from engine.evaluation.groups.standard import Group
from engine.evaluation.metrics.glossary import term_of
from engine.evaluation.report import Estimate, Evaluation
from engine.evaluation.stats.bootstrap import interval, resampled_group_means
from engine.evaluation.stats.hypothesis_tests import Moments, p_values
from engine.evaluation.stats.intervals import (
    change_estimate,
    difference_estimate,
    few_changes,
    few_hits,
    mean_estimate,
    most_of,
    sum_estimate,
)

_ROUNDING = 1e-12


@dataclass(frozen=True)
class ModelRun:
    """A model and its evaluation, to compare two models of one run, or of two runs on the same users and targets.

    Attributes:
        evaluation: what was measured.
        model: name of a model in it.
    """

    evaluation: Evaluation
    model: str


@dataclass(frozen=True)
class GapChange:
    """What a change of models did to the gap between two groups.

    Attributes:
        metric: such as "ndcg@10". group: the name of the first group.
        other: of the other.
        n: users of the group who have the figure for both models.
        n_other: likewise of the other group.
        old_gap: the group's mean minus the other's, by the old model.
        new_gap: by the new one.
        gain: new minus old, over the group.
        gain_other: over the other.
        difference: the difference in differences: `gain` minus `gain_other`, which is `new_gap` minus `old_gap`. It
            says who gained more; if the gap changes sign it says nothing about its size.
        p_value: two-sided, of the difference; see `engine.evaluation.stats.hypothesis_tests.p_values`.
        significant: the difference's interval excludes 0, the p-value agrees at the same level, and neither group is
            too small.
        too_small: a group has fewer than 30 users, or all its users changed by the same amount.
        size: |new_gap| minus |old_gap|: below 0 the groups are closer to each other than before.
        size_p: two-sided p-value of `size`, given the observed signs of both gaps.
        size_significant: the interval of `size` excludes 0, its p-value agrees, and neither group is too small.
        narrowed: the new gap is closer to 0 than the old one, clearly or not.
        turned: the gaps have opposite signs: the group that was behind is ahead.
        paid: names of the groups that are served worse than before: the interval of their gain is on the worse side of
            0. Empty for a metric without a better direction.
    """

    metric: str
    group: str
    other: str
    n: int
    n_other: int
    old_gap: Estimate
    new_gap: Estimate
    gain: Estimate
    gain_other: Estimate
    difference: Estimate
    p_value: float
    significant: bool
    too_small: bool
    size: Estimate
    size_p: float
    size_significant: bool
    narrowed: bool
    turned: bool
    paid: tuple[str, ...]


def gap_change(
    old: ModelRun,
    new: ModelRun,
    facts: pd.DataFrame,
    group: Group,
    other: Group,
    metric: str = "ndcg@10",
    config: EvaluationConfig | None = None,
) -> GapChange:
    """What a change of models does to the gap between two groups: its size, and the difference in differences.

    The size changes by |B_g - B_h| - |A_g - A_h|; the difference in differences is (B_g - A_g) - (B_h - A_h). The two
    are equal up to sign as long as the gap keeps its sign.

    A user's figures of both models are resampled together, and each group is resampled separately. With many hits,
    intervals are percentile bootstraps: a paired difference is then nearly symmetric about its mean, and in 300
    simulations with 30 and 120 users and a hit rate of .4 they covered the truth 92 to 96 times in a hundred (that of
    `size` always). With few hits, percentile intervals covered it 82 times in a hundred; there the intervals are those
    of `engine.evaluation.stats.intervals`, combined from both groups.

    Args:
        old: model A.
        new: model B.
        facts: of the test users.
        group: g.
        other: h; no user is in both.
        metric: a column of both `evaluation.per_user`.
        config: samples, confidence and seed.

    Raises:
        EngineError: a name does not exist, the models had different targets, the groups overlap, or one is empty.

    Source: the estimator is that of Card and Krueger, "Minimum wages and employment" (American Economic Review 1994).

    >>> old, new = engine.ModelRun(evaluation, "popularity"), engine.ModelRun(evaluation, "transformer")
    >>> short, long = [engine.Group(rule, engine.Rule.parse(f"history_length={rule}")) for rule in ("..5", "6..")]
    >>> found = engine.gap_change(old, new, facts, short, long)
    >>> found.n, found.n_other
    (61, 57)
    >>> abs(found.new_gap.value - found.old_gap.value - found.difference.value) < 1e-9
    True
    """
    config = config or EvaluationConfig()
    values, inside = _both(old, new, facts, metric), membership((group, other), facts)
    inside = inside & ~np.isnan(values).any(axis=1)
    _check_groups(group, other, inside)
    resamples = resampled_group_means(values, inside, config.bootstrap_samples, config.seed)[0]
    drawn_before, drawn_after = resamples[:, :, 0], resamples[:, :, 1]

    both = values[inside[0]], values[inside[1]]
    old_gap, new_gap = (_gap(metric, both, drawn, m, config) for m, drawn in enumerate((drawn_before, drawn_after)))
    gain, gain_other = (
        change_estimate(side[:, 1] - side[:, 0], metric, (drawn_after - drawn_before)[:, at], config.confidence)
        for at, side in enumerate(both)
    )
    few = any(few_changes(side[:, 1] - side[:, 0], metric) for side in both)
    difference = difference_estimate(gain, gain_other, _apart(drawn_after - drawn_before), config.confidence, few)
    size = _size(metric, both, (drawn_before, drawn_after), (old_gap, new_gap), difference, config)
    level, asked = 1 - config.confidence, inside.any(axis=0)
    # What each user adds to the growth of the gap: the new figure minus the old one, each with the sign of its gap.
    signs = _signs(old_gap, new_gap)
    changes = values[asked] @ np.array([[-1.0, -signs[0]], [1.0, signs[1]]])
    changes[np.abs(changes) < _ROUNDING] = 0
    own = inside[:1, asked]
    moments = Moments.of(changes, own)
    p_value, size_p = (float(p) for p in p_values(changes, own, moments, level, config.seed)[0])
    few = too_small(moments.n, moments.variance) | too_small(moments.n_rest, moments.variance_rest)
    small = bool(few[0, 0])
    return GapChange(
        metric=metric,
        group=group.name,
        other=other.name,
        n=int(inside[0].sum()),
        n_other=int(inside[1].sum()),
        old_gap=old_gap,
        new_gap=new_gap,
        gain=gain,
        gain_other=gain_other,
        difference=difference,
        p_value=p_value,
        significant=_leaves_out_0(difference) and p_value <= level and not small,
        too_small=small,
        size=size,
        size_p=size_p,
        size_significant=_leaves_out_0(size) and size_p <= level and not few.any(),
        narrowed=size.value < 0,
        turned=old_gap.value * new_gap.value < 0,
        paid=tuple(g.name for g, got in ((group, gain), (other, gain_other)) if _is_loss(metric, got)),
    )


def rank_changes(old: ModelRun, new: ModelRun, facts: pd.DataFrame, n: int = 20) -> pd.DataFrame:
    """The users who gained and lost most from one model to another, by the log of their target's rank.

    In logarithms a step from rank 2 to 1 is as large as one from 200 to 100, so that users with targets far down the
    list, where hundreds of ranks mean little, do not fill the table.

    Args:
        old: model A.
        new: model B.
        facts: of the test users.
        n: at most so many users of either kind; users with an unchanged rank are of neither.

    Returns:
        The most first: `side`, "gained" for the first rows and "lost" for the others; `user_idx`; `change`, the new
        log-rank less the old one (below 0 is a gain); `old_rank` and `new_rank` (0 is a miss); `target_idx`; then the
        other columns of the facts.

    Raises:
        EngineError: a model does not exist, or the models had different targets.

    >>> old, new = engine.ModelRun(evaluation, "popularity"), engine.ModelRun(evaluation, "transformer")
    >>> changes = engine.rank_changes(old, new, facts, n=3)
    >>> len(changes), changes.columns[:5].tolist()
    (6, ['side', 'user_idx', 'change', 'old_rank', 'new_rank'])
    """
    values = _both(old, new, facts, LOG_RANK)
    change = (values[:, 1] - values[:, 0]).round(12)  # otherwise rounding would separate equal values
    order = np.argsort(change, kind="stable")
    gained = order[change[order] < 0][:n]
    lost = order[change[order] > 0]
    lost = lost[np.argsort(-change[lost], kind="stable")][:n]
    rows = np.concatenate([gained, lost])
    before, after = (_rows(served, facts, ["rank", "target_idx"]) for served in (old, new))
    table = pd.DataFrame(
        {
            "side": np.repeat(["gained", "lost"], [len(gained), len(lost)]),
            "user_idx": facts["user_idx"].to_numpy()[rows],
            "change": change[rows],
            "old_rank": before["rank"].to_numpy()[rows],
            "new_rank": after["rank"].to_numpy()[rows],
            "target_idx": before["target_idx"].to_numpy()[rows],
        }
    )
    columns = facts[[column for column in facts if column not in table]].iloc[rows].reset_index(drop=True)
    return pd.concat([table, columns], axis=1)


def _gap(
    metric: str, both: tuple[np.ndarray, np.ndarray], drawn: np.ndarray, model: int, config: EvaluationConfig
) -> Estimate:
    """The gap by one of the models, given (samples, 2) resampled means of the groups."""
    means = [mean_estimate(rows[:, model], metric, drawn[:, at], config.confidence) for at, rows in enumerate(both)]
    few = any(few_hits(rows[:, model], metric) for rows in both)
    return difference_estimate(means[0], means[1], _apart(drawn), config.confidence, few)


def _signs(old_gap: Estimate, new_gap: Estimate) -> np.ndarray:
    """The observed signs of both gaps; if one is 0, that of the other for both."""
    gaps = np.array([old_gap.value, new_gap.value])
    return np.sign(gaps) if gaps.all() else np.full(2, np.sign(gaps.sum()))


def _size(
    metric: str,
    both: tuple[np.ndarray, np.ndarray],
    drawn: tuple[np.ndarray, np.ndarray],
    gaps: tuple[Estimate, Estimate],
    difference: Estimate,
    config: EvaluationConfig,
) -> Estimate:
    """By how much the gap's size changes; with few hits, given the observed signs of both gaps.

    Args:
        metric: what is measured.
        both: (n_users, 2) figures of either group.
        drawn: (samples, 2) resampled means of the groups, by the old and by the new model.
        gaps: the old and the new one.
        difference: new gap less old gap.
        config: confidence.
    """
    value = abs(gaps[1].value) - abs(gaps[0].value)
    if not _few(metric, both):
        low, high = interval(np.abs(_apart(drawn[1])) - np.abs(_apart(drawn[0])), config.confidence)
        return Estimate(value, float(low), float(high))
    signs = _signs(*gaps)
    if signs[0] == signs[1]:  # the change, in the direction of the gap; without any gap, in both directions
        ends = (difference.low, difference.high) if signs[0] > 0 else (-difference.high, -difference.low)
        if signs[0] == 0:
            far = max(map(abs, ends))
            ends = (-far, far)
        return Estimate(value, *ends)
    sums = [
        sum_estimate(side, metric, drawn[0][:, at] + drawn[1][:, at], config.confidence) for at, side in enumerate(both)
    ]
    one, other = sums if signs[1] > 0 else sums[::-1]
    return difference_estimate(one, other, np.empty(0), config.confidence, few=True)


def _few(metric: str, both: tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether a gap or its change rests on few hits."""
    if most_of(metric) is None:
        return False
    changes = (side[:, 1] - side[:, 0] for side in both)
    return any(few_changes(change, metric) for change in changes) or any(
        few_hits(rows[:, model], metric) for rows in both for model in (0, 1)
    )


def _both(old: ModelRun, new: ModelRun, facts: pd.DataFrame, metric: str) -> np.ndarray:
    """(n_users, 2) figures of the old and of the new model.

    Raises:
        EngineError: a name does not exist, or the models had different targets.
    """
    values = np.hstack([figures_of(served.evaluation, facts, (metric,), served.model) for served in (old, new)])
    targets = [_rows(served, facts, ["target_idx"])["target_idx"].to_numpy() for served in (old, new)]
    if other := int((targets[0] != targets[1]).sum()):
        raise EngineError(
            "{model} and {model_2} were asked for different items of {other:,} of the {n_facts:,} users, so "
            "they cannot be compared user by user; compare runs on the same data with the same protocol.",
            model=old.model,
            model_2=new.model,
            other=other,
            n_facts=len(facts),
        )
    return values


def _rows(served: ModelRun, facts: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    frame = served.evaluation.per_user
    own = frame.loc[frame["model"] == served.model].set_index("user_idx")
    return own.loc[facts["user_idx"].to_numpy(), columns]


def _check_groups(group: Group, other: Group, inside: np.ndarray) -> None:
    if shared := int(inside.all(axis=0).sum()):
        raise EngineError(
            "Groups {group_name!r} and {other_name!r} have {shared:,} users in common, so there is no gap "
            "between them; take groups without a user in common.",
            group_name=group.name,
            other_name=other.name,
            shared=shared,
        )
    for each, members in ((group, inside[0]), (other, inside[1])):
        if not members.any():
            raise EngineError(
                "Group {each_name!r} ({rule}) holds 0 test users with the figure, so there is no gap to it; take "
                "another group.",
                each_name=each.name,
                rule=each.rule,
            )


def _apart(means: np.ndarray) -> np.ndarray:
    """(samples,) the group's means minus the other's."""
    return means[:, 0] - means[:, 1]


def _leaves_out_0(found: Estimate) -> bool:
    return not found.low <= 0 <= found.high


def _is_loss(metric: str, gain: Estimate) -> bool:
    return {"higher": gain.high < 0, "lower": gain.low > 0, "neither": False}[term_of(metric).better]
