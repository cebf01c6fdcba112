"""The Shapley values of many users together: by how recent an event is, by its category, and by feature.

For each user one item is explained, by events and by features, as for a single user. Values are in units of the score,
and users are summarised by how much an event, or a feature, matters on average: the mean of absolute values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.explanation.faithfulness import Question
from engine.explanation.feature_attribution import Feature
from engine.explanation.shapley import Solution, shapley_of_items
from engine.recommender import Explainable

RECENCIES = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 20))
"""Spans of places counted back from the newest event, which is 1; those beyond are "earlier"."""

FeatureValues = Callable[[Question], tuple[Sequence[Feature], Solution]]


@dataclass(frozen=True)
class ManyValues:
    """The values of many users.

    Attributes:
        events: one row for each event that is a player, and for each user's group of earlier ones: `row` of the
            question, `back` (1 is the newest event; 0 the group), `item` (its index; 0 the group), `value`, `spread`.
        features: one row for each feature: `row`, `of`, `name`, `value`, `spread`.
        n_evaluations: how many partly hidden histories were scored.
    """

    events: pd.DataFrame
    features: pd.DataFrame
    n_evaluations: int


def many_values(
    recommender: Explainable,
    asked: Sequence[Question],
    features: FeatureValues,
    n_permutations: int = 10,
    max_events: int = 20,
    seed: int = 0,
    on_progress: Callable[[int], None] = lambda done: None,
) -> ManyValues:
    """Values of events and of features for each question.

    Args:
        recommender: the answering model.
        asked: the scores to explain.
        features: returns the values of features for a question.
        n_permutations: sampled orders of a user's events.
        max_events: how many of the newest events are players.
        seed: of the orders.
        on_progress: called with the number of questions done.
    """
    events: list[tuple[int, int, int, float, float]] = []
    parts: list[tuple[int, str, str, float, float]] = []
    evaluations = 0
    for row, question in enumerate(asked):
        groups, found = shapley_of_items(
            recommender,
            question.history,
            np.array([question.item]),
            max_events=max_events,
            n_permutations=n_permutations,
            seed=seed,
            user=question.user,
        )
        n = sum(len(group) for group in groups)
        window = question.history[-n:]
        for group, value, spread in zip(groups, found.values[0], found.spread[0], strict=True):
            alone = len(group) == 1
            back, item = (n - group[0], int(window[group[0]])) if alone else (0, 0)
            events.append((row, back, item, float(value), float(spread)))
        names, parted = features(question)
        for feature, value, spread in zip(names, parted.values[0], parted.spread[0], strict=True):
            parts.append((row, feature.of, feature.name, float(value), float(spread)))
        evaluations += found.n_evaluations + parted.n_evaluations
        on_progress(row + 1)
    return ManyValues(
        pd.DataFrame(events, columns=["row", "back", "item", "value", "spread"]),
        pd.DataFrame(parts, columns=["row", "of", "name", "value", "spread"]),
        evaluations,
    )


def recency(back: np.ndarray) -> np.ndarray:
    """(n,) names of the spans that places lie in, counted back from the newest: "1", "4-5", "earlier"."""
    out = np.full(len(back), "earlier", dtype=object)
    for first, last in RECENCIES:
        out[(back >= first) & (back <= last)] = str(first) if first == last else f"{first}-{last}"
    return out
