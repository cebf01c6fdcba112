"""Whether the tail has harder targets: of which kind they are, and how well similar users' data covers them.

A user's figure depends on the target as well as on the user. So targets are classified, by kind and by how many similar
users interacted with them, and the gap is recomputed as if the tail's targets were of the same kinds as the head's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from engine.config import EvaluationConfig
from engine.data.splits import Split
from engine.evaluation.cohorts import Cohorts
from engine.evaluation.fairness.gap import SMALL
from engine.evaluation.report import COHORTS, Estimate, Evaluation
from engine.evaluation.stats.bootstrap import Levels, percentile_estimate, resampled_means
from engine.evaluation.stats.intervals import combination, few_hits, mean_estimate, rare_estimate, wilson
from engine.model.item_similarity import among_strongest, as_sets, spans

NEIGHBOURS = 50
"""Number of similar users considered for a target."""

KINDS = ("repeat", "popular", "novel", "unseen")
SUPPORTS = ("none", "weak", "strong")

_PRODUCTS = 1 << 23

By = Literal["kind", "support"]


@dataclass(frozen=True)
class TargetGroup:
    """Targets of one kind in one cohort.

    Attributes:
        cohort: "head" or "tail" users.
        name: the kind, of `KINDS` or of `SUPPORTS`.
        n: users whose target is of that kind.
        share: of the cohort's users, between 0 and 1.
        quality: mean figure of each model over those users; empty when n is 0.
        too_small: fewer than 30 users.
    """

    cohort: str
    name: str
    n: int
    share: Estimate
    quality: dict[str, Estimate]
    too_small: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        quality = {model: estimate.to_dict() for model, estimate in self.quality.items()}
        return vars(self) | {"share": self.share.to_dict(), "quality": quality}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TargetGroup:
        """The inverse of to_dict."""
        quality = {model: Estimate(**estimate) for model, estimate in values["quality"].items()}
        return cls(**{**values, "share": Estimate(**values["share"]), "quality": quality})


@dataclass(frozen=True)
class EqualTargets:
    """A model's gap, recomputed at equal targets.

    With p_k(h) the share of the head's targets that are of kind k, and q_k(t) the tail's mean figure on them, the tail
    would score sum over k of p_k(h) q_k(t) if its targets were of the head's kinds (direct standardisation). The
    difference between that and the head is the gap at equal targets; the rest comes from the mix of targets. Source:
    Kitagawa, "Components of a difference between two rates" (JASA 1955).

    Attributes:
        gap: tail minus head, over the users counted.
        equal: what is left of it at equal targets.
        mix: what comes from the tail's targets being of other kinds; gap = equal + mix.
        n: users counted.
        n_left_out: users whose targets are of a kind that the other cohort lacks.
    """

    gap: Estimate
    equal: Estimate
    mix: Estimate
    n: int
    n_left_out: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {key: value.to_dict() if isinstance(value, Estimate) else value for key, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EqualTargets:
        """The inverse of to_dict."""
        plain: dict[str, Any] = {k: Estimate(**v) if isinstance(v, dict) else v for k, v in values.items()}
        return cls(**plain)


@dataclass(frozen=True)
class Targets:
    """The targets of head and tail users by kind, and how well each kind is served.

    Attributes:
        by: "kind": what the (first) target is: "repeat", an item of the user's own history (a certain miss where seen
            items are excluded); else "popular", a head item; "novel", a tail item; "unseen", not in the training data,
            so that nothing could be learnt about it from interactions. "support": how many of the similar users
            interacted with it: "none", or "weak" and "strong", split at the median of those with any.
        groups: every cohort and kind.
        equal: the gap of each model at equal targets; empty where no kind is common to both cohorts.
    """

    by: By
    groups: tuple[TargetGroup, ...]
    equal: dict[str, EqualTargets]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        equal = {model: found.to_dict() for model, found in self.equal.items()}
        return {"by": self.by, "groups": [group.to_dict() for group in self.groups], "equal": equal}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Targets:
        """The inverse of to_dict."""
        groups = tuple(TargetGroup.from_dict(group) for group in values["groups"])
        return cls(values["by"], groups, {m: EqualTargets.from_dict(found) for m, found in values["equal"].items()})


def neighbour_support(
    split: Split, neighbours: int = NEIGHBOURS, on_progress: Callable[[float], None] | None = None
) -> np.ndarray:
    """(n_test_users,) share of a user's most similar training users who interacted with the target, between 0 and 1.

    Similar is the cosine between a user's test history and others' training histories as sets of items,
    |A ∩ B| / sqrt(|A| |B|), ties by lower index; users are not their own neighbours. The share is of `neighbours`,
    however few have anything in common with the user, so that a user who resembles nobody has no support. With several
    targets it is the mean. Source: Herlocker et al., "An algorithmic framework for performing collaborative filtering"
    (SIGIR 1999), in its form for sets.

    Short histories find neighbours less reliably, so that support is lower for them even if tastes are the same;
    compare with the truncation experiment before blaming others' data.

    Args:
        split: the test users, and the training part.
        neighbours: how many similar users are considered.
        on_progress: called with the share of users done.
    """
    train, asked = as_sets(split.train, split.n_items), as_sets(split.test.histories, split.n_items)
    sizes = np.diff(train.indptr)
    theirs = sp.csr_array(train, copy=True)
    theirs.data *= np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes).astype(np.float32)
    columns = sp.csr_array(theirs.T)
    met = np.asarray(train.sum(axis=0)).ravel()
    products = np.maximum(asked @ met, neighbours * max(float(sizes.mean()), 1))
    targets, owners = split.test.targets, split.test.targets.positions()
    counts = np.zeros(len(targets.items))
    for start, stop in spans(products, _PRODUCTS):
        nearest = _nearest(asked[start:stop] @ columns, split.test.users[start:stop], neighbours)
        first, last = targets.offsets[start], targets.offsets[stop]
        votes = sp.csr_array(nearest @ train)
        counts[first:last] = votes[owners[first:last] - start, targets.items[first:last]]
        if on_progress:
            on_progress(stop / len(split.test))
    return np.add.reduceat(counts, targets.offsets[:-1]) / targets.lengths / neighbours


def _nearest(similar: sp.csr_array, own: np.ndarray, neighbours: int) -> sp.csr_array:
    """(B, n_users) matrix with a 1 at the `neighbours` most similar users of each row, its own user left out."""
    rows = np.repeat(np.arange(len(own)), np.diff(similar.indptr))
    others = (similar.indices != own[rows]) & (similar.data > 0)
    rows, users, values = rows[others], similar.indices[others], similar.data[others]
    kept = among_strongest(rows, users, values, neighbours)
    ones = np.ones(int(kept.sum()), dtype=np.float32)
    return sp.csr_array((ones, (rows[kept], users[kept])), shape=similar.shape)


def target_kinds(split: Split, cohorts: Cohorts) -> np.ndarray:
    """(n_test_users,) number in `KINDS` of each user's first target; see `Targets.by`."""
    test = split.test
    target = test.targets.items[test.targets.offsets[:-1]]
    again = np.zeros(len(test), dtype=bool)
    histories = test.histories
    owners = histories.positions()
    again[owners[histories.items == target[owners]]] = True
    kinds = np.where(cohorts.item_is_head[target], KINDS.index("popular"), KINDS.index("novel"))
    met = np.bincount(split.train.items, minlength=split.n_items + 1)[target] > 0
    return np.where(again, KINDS.index("repeat"), np.where(met, kinds, KINDS.index("unseen")))


def support_levels(support: np.ndarray) -> np.ndarray:
    """(n_test_users,) number in `SUPPORTS` of each user's support."""
    some = support > 0
    middle = np.median(support[some]) if some.any() else 0.0
    return np.where(some, np.where(support > middle, 2, 1), 0)


def targets_by(
    by: By, codes: np.ndarray, users: np.ndarray, evaluation: Evaluation, metric: str, config: EvaluationConfig
) -> Targets:
    """How well head and tail users are served for each kind of target, and their gap at equal targets.

    Intervals are percentile bootstraps over users within each cohort; all models share the resamples.

    Args:
        by: what the codes number.
        codes: (n_users,) from `target_kinds` or `support_levels`.
        users: (n_users,) user indices, all of them in the evaluation.
        evaluation: what was measured.
        metric: a column of its `per_user`.
        config: samples, confidence and seed.
    """
    names = KINDS if by == "kind" else SUPPORTS
    models = tuple(evaluation.models)
    rows = evaluation.per_user.set_index("user_idx")
    values = np.column_stack([rows.loc[rows["model"] == model, metric].loc[users] for model in models])
    side = rows.loc[rows["model"] == models[0], "user_cohort"].loc[users].to_numpy()
    sums = {}
    for cohort, rng in zip(COHORTS, np.random.default_rng(config.seed).spawn(len(COHORTS)), strict=True):
        inside = side == cohort
        sums[cohort] = _kind_sums(codes[inside], values[inside], len(names), config.bootstrap_samples, rng)
    groups = []
    for cohort in COHORTS:
        for kind, name in enumerate(names):
            chosen = (side == cohort) & (codes == kind)
            sizes = int(chosen.sum()), int((side == cohort).sum())
            groups.append(_group(cohort, name, sizes, sums[cohort][:, kind], metric, values[chosen], models, config))
    present = {cohort: np.bincount(codes[side == cohort], minlength=len(names)) > 0 for cohort in COHORTS}
    common = present["head"] & present["tail"]
    n = int(common[codes].sum())
    equal = {}
    for m, model in enumerate(models) if common.any() else ():
        figures = {cohort: [values[(side == cohort) & (codes == kind), m] for kind in np.flatnonzero(common)]
                   for cohort in COHORTS}  # fmt: skip
        if any(few_hits(np.concatenate(figures[cohort]), metric) for cohort in COHORTS):
            equal[model] = _equal_of_few(figures["head"], figures["tail"], metric, (n, len(codes) - n), config)
        else:
            equal[model] = _equal(sums["head"][:, common], sums["tail"][:, common], m, (n, len(codes) - n), config)
    return Targets(by, tuple(groups), equal)


def _kind_sums(
    codes: np.ndarray, values: np.ndarray, n_kinds: int, samples: int, rng: np.random.Generator
) -> np.ndarray:
    """(1 + samples, n_kinds, 1 + n_models) share of users of each kind, and their figures' sum over all users.

    The first is as measured, the others are resampled.
    """
    if len(codes) == 0:
        return np.zeros((1 + samples, n_kinds, 1 + values.shape[1]))
    is_kind = codes[:, None] == np.arange(n_kinds)
    cells = (is_kind[:, :, None] * np.column_stack([np.ones(len(codes)), values])[:, None, :]).reshape(len(codes), -1)
    levels = Levels(cells, np.arange(len(codes)))
    drawn = resampled_means(levels, levels.codes, samples, rng)
    return np.concatenate([cells.mean(axis=0)[None], drawn]).reshape(1 + samples, n_kinds, -1)


def _group(
    cohort: str,
    name: str,
    sizes: tuple[int, int],
    sums: np.ndarray,
    metric: str,
    values: np.ndarray,
    models: Sequence[str],
    config: EvaluationConfig,
) -> TargetGroup:
    """Share and quality of one kind in one cohort, from (1 + samples, 1 + n_models) sums and its users' figures."""
    some = sums[:, 0] > 0  # a resample may hold no such user; it is ignored for their figures
    n, of = sizes
    quality = {}
    if n:
        drawn = sums[some, 1:][1:] / sums[some, :1][1:]
        quality = {
            model: mean_estimate(values[:, m], metric, drawn[:, m] if len(drawn) else values[:, m], config.confidence)
            for m, model in enumerate(models)
        }
    share = n / max(of, 1)
    low, high = wilson(np.array(share), np.array(max(of, 1)), config.confidence)
    return TargetGroup(cohort, name, n, Estimate(share, float(low), float(high)), quality, n < SMALL)


def _equal(
    head: np.ndarray, tail: np.ndarray, model: int, counted: tuple[int, int], config: EvaluationConfig
) -> EqualTargets:
    """The gap at equal targets, from (1 + samples, n_kinds, 1 + n_models) sums over kinds that both cohorts have."""
    whole = (head[:, :, 0] > 0).any(axis=1) & (tail[:, :, 0] > 0).all(axis=1)
    head, tail = head[whole], tail[whole]
    p_head = head[:, :, 0] / head[:, :, 0].sum(axis=1, keepdims=True)
    standard = (p_head * tail[:, :, 1 + model] / tail[:, :, 0]).sum(axis=1)
    means = [part[:, :, 1 + model].sum(axis=1) / part[:, :, 0].sum(axis=1) for part in (head, tail)]
    gap, equal, mix = means[1] - means[0], standard - means[0], means[1] - standard
    return EqualTargets(_estimate(gap, config), _estimate(equal, config), _estimate(mix, config), *counted)


def _equal_of_few(
    head: Sequence[np.ndarray],
    tail: Sequence[np.ndarray],
    metric: str,
    counted: tuple[int, int],
    config: EvaluationConfig,
) -> EqualTargets:
    """The same of few hits, from the figures of each kind's users: resamples of hardly any hit say too much.

    The intervals are made of Wilson's for each kind; how many users there are of each kind is taken as it is.
    """
    confidence = config.confidence
    sizes = [np.array([len(kind) for kind in part], dtype=np.float64) for part in (head, tail)]
    p_head, p_tail = (size / size.sum() for size in sizes)
    kinds = [rare_estimate(kind, metric, confidence) for kind in tail]
    own, other = (rare_estimate(np.concatenate(part), metric, confidence) for part in (tail, head))
    gap = combination([own, other], np.array([1.0, -1.0]))
    equal = combination([*kinds, other], np.append(p_head, -1.0))
    return EqualTargets(gap, equal, combination(kinds, p_tail - p_head), *counted)


def _estimate(values: np.ndarray, config: EvaluationConfig) -> Estimate:
    """From a figure as measured, followed by its resamples."""
    return percentile_estimate(float(values[0]), values[1:] if len(values) > 1 else values, config.confidence)
