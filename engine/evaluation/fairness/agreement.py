"""The gap between head and tail by all metrics together, so that a verdict is no more certain than its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.config import EvaluationConfig
from engine.evaluation.fairness.gap import LOG_RANK, Gap, Verdict, gap
from engine.evaluation.report import Evaluation


@dataclass(frozen=True)
class GapByAllMetrics:
    """The gap by one metric and by all others, so that a verdict is no more certain than its evidence.

    Attributes:
        gap: by the chosen metric.
        others: by every other metric of lists of the same length, then by the log of the rank; in the evaluation's
            order.
    """

    gap: Gap
    others: dict[str, Gap]

    @property
    def hits(self) -> Gap | None:
        """The gap by hit rate: whether the target is in the list at all, at any rank; None if that was not measured."""
        return self.others.get(f"hr@{self.gap.metric.partition('@')[2]}")

    def agreeing(self, verdict: Verdict) -> tuple[str, ...]:
        """Names of the metrics with this verdict, the chosen one first."""
        return tuple(metric for metric, found in self._all() if found.verdict == verdict)

    def _all(self) -> list[tuple[str, Gap]]:
        return [(self.gap.metric, self.gap), *self.others.items()]


def gap_by_all_metrics(
    evaluation: Evaluation,
    metric: str,
    model: str = "transformer",
    by: Literal["users", "items"] = "users",
    config: EvaluationConfig | None = None,
) -> GapByAllMetrics:
    """The head-tail gap of a model by one metric and by all others.

    Args: as for `gap`. With one target per user some metrics are equal up to a factor, and agree.

    Raises:
        EngineError: as for `gap`.

    >>> found = engine.gap_by_all_metrics(evaluation, "ndcg@10")
    >>> found.gap.metric, sorted(found.others)
    ('ndcg@10', ['f1@10', 'hr@10', 'log_rank', 'map@10', 'mrr@10', 'precision@10', 'recall@10'])
    """
    _family, _at, k = metric.partition("@")
    names = [name for name in evaluation.metrics if k and name.partition("@")[2] == k]
    names += [LOG_RANK] if LOG_RANK in evaluation.per_user else []
    found = {name: gap(evaluation, name, model, by, config) for name in dict.fromkeys([metric, *names])}
    return GapByAllMetrics(found.pop(metric), found)
