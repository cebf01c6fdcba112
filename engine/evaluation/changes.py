"""What changed from one model to another: did the gap between two groups close, who paid, and who gained and lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.config import EvaluationConfig
from engine.errors import EngineError
from engine.evaluation.bootstrap import interval, resampled_group_means
from engine.evaluation.glossary import term_of
from engine.evaluation.group_figures import LOG_RANK, figures_of, membership, too_small
from engine.evaluation.groups import Group
from engine.evaluation.report import Estimate, Evaluation
from engine.evaluation.separation import Moments, p_values


@dataclass(frozen=True)
class Served:
    """A model and where it was measured: two models of one run, or of two runs on the same users and targets.

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
        metric: such as "ndcg@10".
        group: the name of the one group.
        other: of the other.
        n: users of the one who have the figure of both models.
        n_other: of the other.
        old_gap: the group's mean less the other's, by the old model.
        new_gap: by the new one.
        gain: new less old, over the group.
        gain_other: over the other.
        difference: the difference in differences: `gain` less `gain_other`, which is `new_gap` less `old_gap`.
        p_value: two-sided, of the difference; see `engine.evaluation.separation.p_values`.
        significant: the difference's interval leaves out 0, the p-value agrees at the same level, and neither group is
            too small.
        too_small: a group has fewer than 30 users, or all its users changed by one amount.
        narrowed: the new gap is nearer to 0 than the old one.
        paid: names of the groups that are served worse than before: the interval of their gain lies on the worse side
            of 0. Empty for a figure that has no better end.
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
    narrowed: bool
    paid: tuple[str, ...]


def gap_change(
    old: Served,
    new: Served,
    facts: pd.DataFrame,
    group: Group,
    other: Group,
    metric: str = "ndcg@10",
    config: EvaluationConfig | None = None,
) -> GapChange:
    """The difference in differences between two models and two groups: (B_g - A_g) - (B_h - A_h).

    Users keep their figures of both models together when they are resampled, and each group is resampled by itself.

    Args:
        old: model A.
        new: model B.
        facts: of the test users.
        group: g.
        other: h; no user is in both.
        metric: a column of both `evaluation.per_user`.
        config: samples, confidence and seed.

    Raises:
        EngineError: a name is not there, the models were not asked the same, the groups overlap, or one is empty.

    Source: the estimator is that of Card and Krueger, "Minimum wages and employment" (American Economic Review 1994).
    """
    config = config or EvaluationConfig()  # pyright: ignore[reportCallIssue]
    values, inside = _both(old, new, facts, metric), membership((group, other), facts)
    inside = inside & ~np.isnan(values).any(axis=1)
    _check_groups(group, other, inside)
    resamples = resampled_group_means(values, inside, config.bootstrap_samples, config.seed)[0]
    before, after = Moments.of(values, inside).mean.T  # each (2,): the group, the other
    drawn_before, drawn_after = resamples[:, :, 0], resamples[:, :, 1]

    def estimate(value: float, drawn: np.ndarray) -> Estimate:
        low, high = interval(drawn, config.confidence)
        return Estimate(float(value), float(low), float(high))

    gains, drawn_gains = after - before, drawn_after - drawn_before
    gain, gain_other = (estimate(gains[at], drawn_gains[:, at]) for at in (0, 1))
    old_gap = estimate(before[0] - before[1], drawn_before[:, 0] - drawn_before[:, 1])
    new_gap = estimate(after[0] - after[1], drawn_after[:, 0] - drawn_after[:, 1])
    difference = estimate(gains[0] - gains[1], drawn_gains[:, 0] - drawn_gains[:, 1])
    level = 1 - config.confidence
    asked = inside.any(axis=0)
    change, own = (values[asked, 1] - values[asked, 0])[:, None], inside[:1, asked]
    moments = Moments.of(change, own)
    p_value = float(p_values(change, own, moments, level, config.seed)[0, 0])
    small = bool(too_small(moments.n, moments.variance)[0, 0] or too_small(moments.n_rest, moments.variance_rest)[0, 0])
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
        significant=not difference.low <= 0 <= difference.high and p_value <= level and not small,
        too_small=small,
        narrowed=abs(new_gap.value) < abs(old_gap.value),
        paid=tuple(g.name for g, got in ((group, gain), (other, gain_other)) if _is_loss(metric, got)),
    )


def movers(old: Served, new: Served, facts: pd.DataFrame, n: int = 20) -> pd.DataFrame:
    """The users who gained and lost most from one model to another, by the log of their target's rank.

    In logs a step from rank 2 to rank 1 is as long as one from 200 to 100, so that users far down the list, who move by
    hundreds of ranks without noticing, do not fill the table.

    Args:
        old: model A.
        new: model B.
        facts: of the test users.
        n: users of either kind, at most; somebody whose rank is the same is of neither.

    Returns:
        The most first: `side`, "gained" for the first rows and "lost" for the others; `user_idx`; `change`, the new
        log-rank less the old one (below 0 is a gain); `old_rank` and `new_rank` (0 is a miss); `target_idx`; then the
        other columns of the facts.

    Raises:
        EngineError: a model is not there, or the models were not asked the same.
    """
    values = _both(old, new, facts, LOG_RANK)
    change = (values[:, 1] - values[:, 0]).round(12)  # or rounding would part what is equal
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
    about = facts[[column for column in facts if column not in table]].iloc[rows].reset_index(drop=True)
    return pd.concat([table, about], axis=1)


def _both(old: Served, new: Served, facts: pd.DataFrame, metric: str) -> np.ndarray:
    """(n_users, 2) figures of the old and of the new model.

    Raises:
        EngineError: a name is not there, or the models were not asked the same.
    """
    values = np.hstack([figures_of(served.evaluation, facts, (metric,), served.model) for served in (old, new)])
    targets = [_rows(served, facts, ["target_idx"])["target_idx"].to_numpy() for served in (old, new)]
    if other := int((targets[0] != targets[1]).sum()):
        raise EngineError(
            f"{old.model} and {new.model} were asked for different items of {other:,} of the {len(facts):,} users, so "
            "they cannot be compared user by user; compare runs on the same data with the same protocol."
        )
    return values


def _rows(served: Served, facts: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    frame = served.evaluation.per_user
    own = frame.loc[frame["model"] == served.model].set_index("user_idx")
    return own.loc[facts["user_idx"].to_numpy(), columns]


def _check_groups(group: Group, other: Group, inside: np.ndarray) -> None:
    if shared := int(inside.all(axis=0).sum()):
        raise EngineError(
            f"Groups {group.name!r} and {other.name!r} have {shared:,} users in common, so there is no gap between "
            "them; take groups without a user in common."
        )
    for each, members in ((group, inside[0]), (other, inside[1])):
        if not members.any():
            raise EngineError(
                f"Group {each.name!r} ({each.rule}) holds 0 test users with the figure, so there is no gap to it; "
                "take another group."
            )


def _is_loss(metric: str, gain: Estimate) -> bool:
    return {"higher": gain.high < 0, "lower": gain.low > 0, "neither": False}[term_of(metric).better]
