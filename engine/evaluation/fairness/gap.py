"""The gap between head and tail, quality along history length, and a model compared with a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from engine.config import EvaluationConfig
from engine.errors import EngineError
from engine.evaluation.groups.standard import bin_label, value_bins
from engine.evaluation.metrics.glossary import term_of
from engine.evaluation.report import Estimate, Evaluation
from engine.evaluation.stats.bootstrap import SMALL, Levels, percentile_estimate, permutation_p_value, resampled_means
from engine.evaluation.stats.hypothesis_tests import FEW
from engine.evaluation.stats.intervals import change_estimate, difference_estimate, few_hits, mean_estimate, most_of

_BINS = 12

LOG_RANK = "log_rank"

Verdict = Literal["worse", "better", "even", "few"]
"""The tail is served clearly worse than the head, or better; no clear difference; or too few users to tell."""


@dataclass(frozen=True)
class Gap:
    """How much worse or better the tail is served than the head.

    Attributes:
        metric: such as "ndcg@10".
        model: whose figures.
        by: "users" by training history, or "items": users whose target is a head or a tail item.
        head: the head's mean and its interval.
        tail: the tail's.
        n_head: users in the head.
        n_tail: users in the tail.
        difference: tail minus head; below 0 the tail is served worse, where higher is better.
        ratio: tail over head; None where the head's interval reaches 0, so that the ratio is unbounded, where the head
            has few hits, and where higher is not better: a ratio of costs such as log-ranks is not meaningful.
        p_value: two-sided permutation test of the difference (see `permutation_p_value`).
        significant: the difference's interval excludes 0 and the permutation test agrees at the same level.
        too_small: a cohort has fewer than 30 users.
        few_hits: fewer than ten users of a cohort have a hit, so that intervals are deliberately wide.
    """

    metric: str
    model: str
    by: Literal["users", "items"]
    head: Estimate
    tail: Estimate
    n_head: int
    n_tail: int
    difference: Estimate
    ratio: Estimate | None
    p_value: float
    significant: bool
    too_small: bool
    few_hits: bool = False

    @property
    def verdict(self) -> Verdict:
        """The verdict on the tail compared with the head."""
        if self.too_small:
            return "few"
        return ("worse" if self.worse else "better") if self.significant else "even"

    @property
    def worse(self) -> bool:
        """Whether the tail's figure is worse than the head's, clearly or not."""
        return (self.difference.value < 0) == (term_of(self.metric).better != "lower") and self.difference.value != 0


@dataclass(frozen=True)
class Comparison:
    """Two models compared on the same users.

    Attributes:
        metric: such as "ndcg@10".
        model: the first model.
        baseline: the other model.
        cohort: "all", "head" or "tail" users.
        n: users compared.
        model_mean: mean over them.
        baseline_mean: likewise.
        difference: model minus baseline, user by user, and its interval.
        p_value: two-sided paired t-test; a sign test where all users differ by the same amount.
        effect_size: Cohen's d of paired differences: their mean over their standard deviation; 0.2 is called small.
            None where all users differ by the same amount.
        significant: the difference's interval excludes 0 and the t-test agrees at the same level.
        too_small: fewer than 30 users.
    """

    metric: str
    model: str
    baseline: str
    cohort: Literal["all", "head", "tail"]
    n: int
    model_mean: float
    baseline_mean: float
    difference: Estimate
    p_value: float
    effect_size: float | None
    significant: bool
    too_small: bool


def gap(
    evaluation: Evaluation,
    metric: str,
    model: str = "transformer",
    by: Literal["users", "items"] = "users",
    config: EvaluationConfig | None = None,
) -> Gap:
    """The head-tail gap of a model.

    Each cohort is resampled separately: the cut is fixed, and the users of one are independent of those of the other.

    Args:
        evaluation: what was measured.
        metric: such as "ndcg@10".
        model: name of a model in the evaluation.
        by: cohorts of "users" or of "items".
        config: samples, confidence and seed.

    Raises:
        EngineError: the metric or model is not in the evaluation, or a cohort is empty and no gap can be measured.

    >>> found = engine.gap(evaluation, "ndcg@10")
    >>> found.n_head, found.n_tail
    (26, 92)
    >>> abs(found.tail.value - found.head.value - found.difference.value) < 1e-9
    True
    """
    config = config or EvaluationConfig()
    frame = _rows(evaluation, metric, model)
    column = {"users": "user_cohort", "items": "item_cohort"}[by]
    values = {side: frame.loc[frame[column] == side, metric].to_numpy() for side in ("head", "tail")}
    if not all(len(part) for part in values.values()):
        raise _no_gap(by, len(values["head"]), len(values["tail"]), config)
    if most_of(metric) is None and min(len(v) for v in values.values()) >= FEW:
        return _of_many(values["head"], values["tail"], metric, model, by, config)
    rng = np.random.default_rng(config.seed)
    means = {side: _resample(values[side], config, rng) for side in ("head", "tail")}
    few = {side: few_hits(values[side], metric) for side in means}
    head, tail = (mean_estimate(values[s], metric, means[s], config.confidence) for s in ("head", "tail"))
    difference = difference_estimate(tail, head, means["tail"] - means["head"], config.confidence, any(few.values()))
    p_value = permutation_p_value(values["head"], values["tail"], config.bootstrap_samples, rng)
    return Gap(
        metric=metric,
        model=model,
        by=by,
        head=head,
        tail=tail,
        n_head=len(values["head"]),
        n_tail=len(values["tail"]),
        difference=difference,
        ratio=None if few["head"] else _ratio(metric, head, tail, means, config),
        p_value=p_value,
        significant=_significant(difference, p_value, config),
        too_small=min(len(v) for v in values.values()) < SMALL,
        few_hits=any(few.values()),
    )


def _of_many(
    head: np.ndarray, tail: np.ndarray, metric: str, model: str, by: Literal["users", "items"], config: EvaluationConfig
) -> Gap:
    """The gap by a metric that every user has, such as log-rank, with hundreds of users in each cohort: by Welch's t.

    Such metrics have as many values as users, so that resampling takes seconds and gives the same as t.
    """
    z, estimates = stats.norm.ppf((1 + config.confidence) / 2), []
    for values in (head, tail):
        mean, half = float(values.mean()), float(z * values.std(ddof=1) / len(values) ** 0.5)
        estimates.append(Estimate(mean, mean - half, mean + half))
    found: Any = stats.ttest_ind(tail, head, equal_var=False)  # scipy's stubs lack its fields
    flat = head.std() < 1e-12 and tail.std() < 1e-12
    ends = found.confidence_interval(config.confidence) if not flat else None
    value = estimates[1].value - estimates[0].value
    difference = Estimate(value, value, value) if ends is None else Estimate(value, float(ends.low), float(ends.high))
    p_value = (1.0 if abs(value) < 1e-12 else 0.0) if flat else float(found.pvalue)
    return Gap(
        metric=metric,
        model=model,
        by=by,
        head=estimates[0],
        tail=estimates[1],
        n_head=len(head),
        n_tail=len(tail),
        difference=difference,
        ratio=None,
        p_value=p_value,
        significant=_significant(difference, p_value, config),
        too_small=False,
    )


def paired_difference(
    evaluation: Evaluation,
    metric: str,
    model: str,
    baseline: str,
    cohort: Literal["all", "head", "tail"] = "all",
    config: EvaluationConfig | None = None,
) -> Comparison:
    """How much better a model serves the same users than a baseline does.

    Args:
        evaluation: what was measured.
        metric: such as "ndcg@10".
        model: name of a model in the evaluation.
        baseline: name of another.
        cohort: "all" users, or those of the "head" or the "tail".
        config: samples, confidence and seed.

    Raises:
        EngineError: the metric or a model is not in the evaluation, or the cohort is empty.

    >>> found = engine.paired_difference(evaluation, "ndcg@10", "transformer", "popularity", cohort="tail")
    >>> found.n
    92
    >>> abs(found.model_mean - found.baseline_mean - found.difference.value) < 1e-9
    True
    """
    config = config or EvaluationConfig()
    ours, theirs = (_rows(evaluation, metric, name).set_index("user_idx") for name in (model, baseline))
    if cohort != "all":
        ours = ours[ours["user_cohort"] == cohort]
    if len(ours) == 0:
        raise EngineError(
            "{model} and {baseline} cannot be compared on the {cohort} cohort: it holds 0 test users. "
            "Compare on 'all', or set evaluation.head_share to another share.",
            model=model,
            baseline=baseline,
            cohort=cohort,
        )
    one, other = np.asarray(ours[metric]), np.asarray(theirs.loc[ours.index, metric])
    change = one - other
    resampled = _resample(change, config, np.random.default_rng(config.seed))
    difference = change_estimate(change, metric, resampled, config.confidence)
    spread = float(change.std(ddof=1)) if len(change) > 1 else 0.0
    if spread > 1e-12:
        p_value, effect = float(stats.ttest_rel(one, other).pvalue), difference.value / spread
    else:  # without spread t is undefined; by chance all n signs agree once in 2^(n - 1)
        p_value, effect = (1.0 if abs(difference.value) < 1e-12 else 0.5 ** (len(change) - 1)), None
    return Comparison(
        metric=metric,
        model=model,
        baseline=baseline,
        cohort=cohort,
        n=len(change),
        model_mean=float(one.mean()),
        baseline_mean=float(other.mean()),
        difference=difference,
        p_value=p_value,
        effect_size=effect,
        significant=_significant(difference, p_value, config),
        too_small=len(change) < SMALL,
    )


def quality_by_length(
    evaluation: Evaluation, metric: str, models: Sequence[str] | None = None, config: EvaluationConfig | None = None
) -> pd.DataFrame:
    """Quality along the length of the training history.

    Bins are ranges of lengths with at least 30 users and a twelfth of all users each, if there are enough; they are the
    same for every model.

    Args:
        evaluation: what was measured.
        metric: such as "ndcg@10".
        models: names in the evaluation; all of them when not given.
        config: samples, confidence and seed.

    Returns:
        One row a model and bin: `model`, `low_length`, `high_length` (both inside the bin), `label` such as "3", "4–5",
        "51+" (the last), `middle`, the median length of its users, `n` users, `value` and the `low` and
        `high` ends of its interval.

    Raises:
        EngineError: the metric or a model is not in the evaluation.

    >>> engine.quality_by_length(evaluation, "ndcg@10", models=["transformer"]).columns.tolist()
    ['model', 'low_length', 'high_length', 'label', 'middle', 'n', 'value', 'low', 'high']
    """
    config = config or EvaluationConfig()
    rows = []
    for model in evaluation.models if models is None else models:
        frame = _rows(evaluation, metric, model)
        lengths, values = frame["history_length"].to_numpy(), frame[metric].to_numpy()
        bins = length_bins(lengths)
        rng = np.random.default_rng(config.seed)
        for low, high in bins:
            here = (lengths >= low) & (lengths <= high)
            inside, middle = values[here], float(np.median(lengths[here]))
            estimate = mean_estimate(inside, metric, _resample(inside, config, rng), config.confidence)
            label = bin_label(low, high, last=(low, high) == bins[-1])
            rows.append((model, low, high, label, middle, len(inside), estimate.value, estimate.low, estimate.high))
    columns = ["model", "low_length", "high_length", "label", "middle", "n", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def length_bins(lengths: np.ndarray) -> list[tuple[int, int]]:
    """Bins (lowest, highest length) that hold all users, shortest first; see `value_bins`."""
    return [(int(low), int(high)) for low, high in value_bins(lengths, _BINS)]


def _no_gap(by: Literal["users", "items"], n_head: int, n_tail: int, config: EvaluationConfig) -> EngineError:
    if by == "users":
        return EngineError(
            "There is no head-tail gap by users to measure: of {n:,} test users {n_head:,} are head and {n_tail:,} "
            "tail. Set evaluation.head_share (now {share}) to another share, or use a log whose users differ more.",
            n=n_head + n_tail,
            n_head=n_head,
            n_tail=n_tail,
            share=config.head_share,
        )
    return EngineError(
        "There is no head-tail gap by items to measure: of {n:,} test targets {n_head:,} are head items and {n_tail:,} "
        "tail items. Set evaluation.item_head_share (now {share}) to another share, or use a log whose items differ "
        "more.",
        n=n_head + n_tail,
        n_head=n_head,
        n_tail=n_tail,
        share=config.item_head_share,
    )


def _rows(evaluation: Evaluation, metric: str, model: str) -> pd.DataFrame:
    known = (*evaluation.metrics, *(column for column in (LOG_RANK,) if column in evaluation.per_user))
    if metric not in known:
        raise EngineError(
            "No metric {metric!r} was measured; there are {known}.", metric=metric, known=", ".join(known)
        )
    if model not in evaluation.models:
        raise EngineError(
            "No model {model!r} was measured; there are {models}.", model=model, models=", ".join(evaluation.models)
        )
    frame = evaluation.per_user
    return frame.loc[frame["model"] == model]


def _ratio(
    metric: str, head: Estimate, tail: Estimate, means: dict[str, np.ndarray], config: EvaluationConfig
) -> Estimate | None:
    """Tail over head; None where it is unbounded: see `Gap.ratio`."""
    if term_of(metric).better != "higher" or head.low <= 0 or not (means["head"] > 0).all():
        return None
    return percentile_estimate(tail.value / head.value, means["tail"] / means["head"], config.confidence)


def _resample(values: np.ndarray, config: EvaluationConfig, rng: np.random.Generator) -> np.ndarray:
    """(samples,) resampled means of (n,) figures."""
    levels = Levels.of(values[:, None])
    return resampled_means(levels, np.arange(len(values)), config.bootstrap_samples, rng)[:, 0]


def _significant(difference: Estimate, p_value: float, config: EvaluationConfig) -> bool:
    return not difference.low <= 0 <= difference.high and p_value <= 1 - config.confidence
