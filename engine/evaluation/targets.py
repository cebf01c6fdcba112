"""Facts about the test targets that need no model, and accuracy under the other rule for seen items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.data.repeats import is_repeat
from engine.data.splits import Split
from engine.evaluation.stats.bootstrap import Estimate

WORTH_SAYING = 0.01
"""From this share of repeats on, both rules are measured and reports mention them."""


@dataclass(frozen=True)
class TargetFacts:
    """Facts about the targets, and the rule for seen items.

    Attributes:
        n: test targets.
        n_items: items of the training part, which are ranked.
        seen: share of the targets that are already in their histories.
        untrained: share of the targets that do not occur in training.
        lost: share of the targets that are untrained, or seen and excluded: misses for any model that ranks training
            items.
        seen_left_out: whether the main figures exclude seen items from every list.
        otherwise: model -> "all", "head" or "tail" users -> metric of accuracy, under the other rule; empty where
            repeats are too few to matter, and in older runs.
    """

    n: int
    n_items: int
    seen: float
    untrained: float
    lost: float
    seen_left_out: bool
    otherwise: dict[str, dict[str, dict[str, Estimate]]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        otherwise = {
            model: {
                cohort: {metric: estimate.to_dict() for metric, estimate in figures.items()}
                for cohort, figures in cohorts.items()
            }
            for model, cohorts in self.otherwise.items()
        }
        return vars(self) | {"otherwise": otherwise}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TargetFacts:
        """The inverse of to_dict."""
        otherwise = {
            model: {
                cohort: {metric: Estimate(**estimate) for metric, estimate in figures.items()}
                for cohort, figures in cohorts.items()
            }
            for model, cohorts in values["otherwise"].items()
        }
        return cls(**{**values, "otherwise": otherwise})


def target_facts(split: Split, seen_left_out: bool) -> TargetFacts:
    """The facts of a split's test part, without the other rule's figures."""
    seen = is_repeat(split.test)
    untrained = ~split.candidates[split.test.targets.items]
    lost = untrained | (seen & seen_left_out)
    n = max(len(seen), 1)
    return TargetFacts(
        n=len(seen),
        n_items=int(split.candidates.sum()),
        seen=float(seen.sum() / n),
        untrained=float(untrained.sum() / n),
        lost=float(lost.sum() / n),
        seen_left_out=seen_left_out,
    )
