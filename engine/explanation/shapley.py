"""Why an item was scored as it was: Shapley values over the events of one history.

Players are the most recent events and one group of all earlier ones. The value explained is the item's score: of the
Transformer, its raw logit. An absent event keeps its place, but its vector is zero and no other event can look at it;
deleting it instead would shift the places of all the others and explain that shift. Training with `model.event_dropout`
teaches the network such gaps. In an ensemble an absent event is masked so for the Transformer and left out of the set
for EASE and item kNN, while the members' weights and scales stay those of the whole history.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.data.dataset import NOBODY
from engine.errors import EngineError
from engine.recommender import Explainable

MAX_EXACT = 8
"""Up to this many players all subsets are evaluated; beyond, permutations are sampled."""


@dataclass(frozen=True)
class ShapleyValues:
    """How far each player moved the score away from the base.

    Attributes:
        groups: one tuple of positions (0 = oldest event of the window) for each player, oldest first.
        values: (n_players,) float64, in units of the score; base plus their sum is the score.
        spread: (n_players,) standard deviation over permutations, divided by the square root of their number; 0 when
            exact.
        base: the score with every event absent.
        score: the score with every event present.
        n_evaluations: how many masked histories were scored.
        exact: whether all subsets were evaluated.
    """

    groups: tuple[tuple[int, ...], ...]
    values: np.ndarray
    spread: np.ndarray
    base: float
    score: float
    n_evaluations: int
    exact: bool


def shapley_values(
    recommender: Explainable,
    history: np.ndarray,
    item_idx: int,
    max_events: int = 20,
    n_permutations: int = 10,
    seed: int = 0,
    user: int = NOBODY,
) -> ShapleyValues:
    """Shapley values (Shapley 1953; Lundberg and Lee 2017) of the events behind one item's score.

    Args:
        recommender: the trained network, or an ensemble with it.
        history: (L,) item indices, oldest first; only the last `max_len` count.
        item_idx: the item to explain.
        max_events: events that are players of their own; earlier ones form one player.
        n_permutations: sampled orders, each walked forwards and backwards (antithetic), when not exact.
        seed: of the sampled orders.
        user: index of the user; what is known of them stays in sight throughout, so it is part of the base.

    Raises:
        EngineError: the history is empty, or the item cannot be recommended.
    """
    if len(history) == 0:
        raise EngineError("An empty history has no events to explain with; choose a user with at least one event.")
    if not recommender.candidates[item_idx]:
        raise EngineError(
            f"Item index {item_idx} was never met in training, so it is not ranked and has no score to explain; "
            "choose one of the recommended items."
        )
    history = history[-recommender.max_len :]
    groups = players(len(history), max_events)
    scored = 0

    def value(present: np.ndarray) -> np.ndarray:
        nonlocal scored
        scored += len(present)
        events = np.zeros((len(present), len(history)), dtype=bool)
        for player, group in enumerate(groups):
            events[:, group] = np.asarray(present)[:, [player]] > 0.5
        return recommender.score_with_absences(history, item_idx, events, user)

    ends = value(np.stack([np.zeros(len(groups)), np.ones(len(groups))]))
    exact = len(groups) <= MAX_EXACT
    if len(groups) == 1:
        values, spread = np.array([ends[1] - ends[0]]), np.zeros(1)
    else:
        values, spread = _estimate(value, len(groups), n_permutations, seed, exact)
    return ShapleyValues(groups, values, spread, float(ends[0]), float(ends[1]), scored, exact)


def players(length: int, max_events: int) -> tuple[tuple[int, ...], ...]:
    """Positions of each player, oldest first: one group of all early events, then the last `max_events` alone."""
    earlier = length - max_events
    alone = tuple((position,) for position in range(max(0, earlier), length))
    return ((tuple(range(earlier)), *alone)) if earlier > 0 else alone


def _estimate(
    value: Callable[[np.ndarray], np.ndarray], n_players: int, n_permutations: int, seed: int, exact: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Values and their standard error, by shap."""
    import shap

    everyone = np.ones((1, n_players))

    def keep(mask: np.ndarray, x: np.ndarray) -> np.ndarray:
        return (mask * x).reshape(1, -1)

    if exact:
        explanation = shap.ExactExplainer(value, keep)(
            everyone, max_evals=2**n_players, batch_size=2**n_players, silent=True
        )
        return np.asarray(explanation.values, dtype=np.float64)[0], np.zeros(n_players)
    explainer = shap.PermutationExplainer(value, keep, seed=seed)
    evaluations = n_permutations * (2 * n_players + 1)
    explanation: Any = explainer(
        everyone, max_evals=evaluations, error_bounds=True, batch_size=2 * n_players + 1, silent=True
    )
    spread = np.asarray(explanation.error_std, dtype=np.float64)[0] / np.sqrt(n_permutations)
    return np.asarray(explanation.values, dtype=np.float64)[0], spread
