"""The truncation experiment: does a gap come from short histories, or from who the tail users are?

Head users are measured again with histories as short as the tail's. What their figure loses is explained by short
histories; what then remains between them and the tail is explained by different users. The two sum to the gap.

Only the histories at prediction time are truncated. What the model learnt from head users stays, so that their items
and patterns are known as well as before: had they never had long histories, the model itself would be different. The
experiment does not cover that part; see `engine.evaluation.fairness.target_mix`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.config import EvaluationConfig
from engine.data.splits import Holdout, Split
from engine.errors import EngineError
from engine.evaluation.fairness.gap_decomposition import GapDecomposition, decompose
from engine.evaluation.metrics.accuracy import log_ranks, per_user_metrics
from engine.evaluation.ranking import ranks_in
from engine.evaluation.report import Evaluation
from engine.recommender import Recommender, score_chunks

DRAWS = 5
"""Lengths drawn for each head user."""

LOG_RANK = "log_rank"

_SCORING_SHARE = 0.9  # share of the progress


@dataclass(frozen=True)
class Truncation:
    """The result of the experiment for one model.

    Attributes:
        model: whose figures.
        n_head: head users.
        n_tail: tail users with whom they are compared.
        draws: lengths drawn for each head user, whose figures are averaged.
        head_length: mean length of the head's histories.
        cut_length: the same after truncation.
        tail_length: the same for the tail; `cut_length` is lower if a head user has fewer events than drawn.
        parts: the split of the gap, by metric.
    """

    model: str
    n_head: int
    n_tail: int
    draws: int
    head_length: float
    cut_length: float
    tail_length: float
    parts: dict[str, GapDecomposition]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return vars(self) | {"parts": {metric: parts.to_dict() for metric, parts in self.parts.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Truncation:
        """The inverse of to_dict."""
        parts = {metric: GapDecomposition.from_dict(given) for metric, given in values["parts"].items()}
        return cls(**{**values, "parts": parts})


def truncation_experiment(
    recommenders: Sequence[Recommender],
    split: Split,
    evaluation: Evaluation,
    config: EvaluationConfig,
    draws: int = DRAWS,
    forget: bool = False,
    on_progress: Callable[[str, float], None] | None = None,
) -> dict[str, Truncation]:
    """The gap of every recommender, split into what short histories and what different users explain.

    Every head user is measured `draws` times, each time with as many of the newest events as some tail user has; all
    recommenders get the same lengths. The figures with full histories come from the evaluation. Intervals are
    percentile bootstraps over users within each cohort; a head user keeps the figures of all draws, and all models and
    metrics share the resamples, so that all comparisons are paired.

    Args:
        recommenders: those that were measured, each by its name in the evaluation.
        split: the one that was measured.
        evaluation: what was measured.
        config: intervals, seed, and whether seen items are excluded.
        draws: 1 or more.
        forget: seen items that are truncated become candidates again; see `rank_truncated`.
        on_progress: called with what is being done and the share done, from 0 to 1.

    Raises:
        EngineError: a cohort is empty, a recommender was not measured, or a score is not a number.
    """
    if not recommenders:
        return {}
    report = on_progress or (lambda message, share: None)
    test, metrics = split.test, [*evaluation.metrics, LOG_RANK]
    is_head = (_frame(evaluation, recommenders[0].name, test)["user_cohort"] == "head").to_numpy()
    if is_head.all() or not is_head.any():
        raise EngineError(
            "Head users cannot be cut to the tail's lengths: of {n_is_head:,} test users {is_head:,} are "
            "head. Set evaluation.head_share (now {head_share}) to another share.",
            n_is_head=len(is_head),
            is_head=int(is_head.sum()),
            head_share=config.head_share,
        )
    for_lengths, for_head, for_tail = np.random.default_rng(config.seed).spawn(3)
    head, known = test.take(np.flatnonzero(is_head)), test.histories.lengths
    lengths = draw_lengths(known[is_head], known[~is_head], draws, for_lengths)
    full_figures: list[np.ndarray] = []  # (n_users, n_metrics) of each model
    truncated_figures: list[np.ndarray] = []  # (n_head, n_metrics)
    for turn, recommender in enumerate(recommenders):

        def report_share(share: float, turn: int = turn, name: str = recommender.name) -> None:
            report(f"Ranking with {name}, histories cut short", _SCORING_SHARE * (turn + share) / len(recommenders))

        frame = _frame(evaluation, recommender.name, test)
        full_figures.append(frame[metrics].to_numpy())
        seen = config.seen_left_out if evaluation.targets is None else evaluation.targets.seen_left_out, forget
        truncated_figures.append(_truncated_figures(recommender, head, lengths, evaluation.metrics, seen, report_share))
    report("Intervals of the parts", _SCORING_SHARE)
    tables = np.stack(full_figures), np.stack(truncated_figures)
    found = decompose(metrics, tables, is_head, config, for_head, for_tail)
    report("Truncated", 1.0)
    return {
        recommender.name: Truncation(
            model=recommender.name,
            n_head=len(head),
            n_tail=int((~is_head).sum()),
            draws=draws,
            head_length=float(known[is_head].mean()),
            cut_length=float(lengths.mean()),
            tail_length=float(known[~is_head].mean()),
            parts=parts,
        )
        for recommender, parts in zip(recommenders, found, strict=True)
    }


def draw_lengths(own: np.ndarray, others: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(n, draws) int64 lengths drawn from those of others, none above the history's own.

    Each draw takes one length from each of n equal slices of the others' distribution and assigns them at random, so
    that every draw follows that distribution closely (stratified sampling).

    Args:
        own: (n,) lengths of the histories to truncate.
        others: (m,) lengths to draw from, at least one.
        draws: how many for each history.
        rng: source of the draws.
    """
    n = len(own)
    places = (np.arange(n)[:, None] + rng.random((n, draws))) / n
    ordered = np.sort(others)
    drawn = ordered[np.minimum((places * len(ordered)).astype(np.int64), len(ordered) - 1)]
    return np.minimum(rng.permuted(drawn, axis=0), own[:, None])


def rank_truncated(
    recommender: Recommender,
    holdout: Holdout,
    lengths: np.ndarray,
    exclude_seen: bool = True,
    forget: bool = False,
    on_progress: Callable[[float], None] | None = None,
    watch: Callable[[slice, np.ndarray], None] | None = None,
) -> np.ndarray:
    """(n_targets in all,) int32 ranks of the targets when only the newest events of each history are known.

    The items excluded from the ranking are those of the full history, not only of what is left: the candidates are
    exactly those for the full history. Otherwise items of the truncated part would come back, which the user does not
    want again but a good model ranks high, and truncation would be blamed for them. So a model that ignores the history
    has the same ranks before and after.

    That is right if a tail user's history is complete. If it is the end of a longer, unrecorded one, its earlier items
    cannot be excluded either: `forget` then treats the head in the same way.

    Args:
        recommender: the model to measure.
        holdout: full histories and the targets that followed.
        lengths: (n,) newest events that each history keeps.
        exclude_seen: exclude seen items from the ranking.
        forget: of those, exclude only the items of the truncated history.
        on_progress: called with the share of users done.
        watch: called with rows and their (B, n_items + 1) scores, -inf for excluded items; they are valid until it
            returns.

    Raises:
        EngineError: a score is not a number.
    """
    ranks = np.zeros(len(holdout.targets.items), dtype=np.int32)
    offsets = holdout.targets.offsets
    known = holdout.histories.lengths
    truncated = holdout.histories.ranges(
        holdout.histories.offsets[1:] - np.minimum(lengths, known), holdout.histories.offsets[1:]
    )
    for rows, scores in score_chunks(recommender, truncated, exclude_seen=False):
        chosen = np.arange(rows.start, rows.stop)
        if exclude_seen:
            seen = (truncated if forget else holdout.histories).take(chosen)
            scores[seen.positions(), seen.items] = -np.inf
        ranks[offsets[rows.start] : offsets[rows.stop]] = ranks_in(scores, holdout.targets.take(chosen))
        if watch:
            watch(rows, scores)
        if on_progress:
            on_progress(rows.stop / len(holdout))
    return ranks


def _frame(evaluation: Evaluation, model: str, holdout: Holdout) -> pd.DataFrame:
    """The model's rows of `per_user`, in the order of the holdout.

    Raises:
        EngineError: the model was not measured.
    """
    if model not in evaluation.models:
        raise EngineError(
            "No model {model!r} was measured; there are {models}.", model=model, models=", ".join(evaluation.models)
        )
    rows = evaluation.per_user.loc[evaluation.per_user["model"] == model].set_index("user_idx")
    return rows.loc[holdout.users]


def _truncated_figures(
    recommender: Recommender,
    head: Holdout,
    lengths: np.ndarray,
    metrics: Sequence[str],
    seen: tuple[bool, bool],
    on_progress: Callable[[float], None],
) -> np.ndarray:
    """(n_head, n_metrics + 1) figures of head users with short histories, log-rank last, averaged over the draws."""
    ks = sorted({int(metric.partition("@")[2]) for metric in metrics})
    draws = lengths.shape[1]
    total = np.zeros((len(head), len(metrics) + 1))
    offsets = head.targets.offsets
    for draw in range(draws):

        def report_share(share: float, draw: int = draw) -> None:
            on_progress((draw + share) / draws)

        ranks = rank_truncated(recommender, head, lengths[:, draw], *seen, report_share)
        figures = per_user_metrics(ranks, offsets, ks)
        best = np.minimum.reduceat(np.where(ranks > 0, ranks, np.iinfo(ranks.dtype).max), offsets[:-1])
        best = np.where(best == np.iinfo(ranks.dtype).max, 0, best)
        total += np.column_stack(
            [*(figures[metric] for metric in metrics), log_ranks(best, int(recommender.candidates.sum()))]
        )
    return total / draws
