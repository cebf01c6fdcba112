"""Why items were scored as they were: Shapley values over the events of one history.

Players are the most recent events and one group of all earlier ones. The value explained is the item's score: of the
Transformer, its raw logit. An absent event keeps its place, but its vector is zero and no other event can look at it;
deleting it instead would shift the places of all the others and explain that shift. Training with `model.event_dropout`
teaches the network such gaps. In an ensemble an absent event is masked so for the Transformer and left out of the set
for EASE and item kNN, while the members' weights and scales stay those of the full history.

Several items are explained from the same hidden histories and the same orders, so that their values can be subtracted:
Shapley values are linear, and the values of a difference of two scores are the difference of their values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial

import numpy as np

from engine.data.dataset import NOBODY
from engine.errors import EngineError
from engine.recommender import Explainable

MAX_EXACT = 8
"""Up to this many players all subsets are evaluated; with more, permutations are sampled."""

N_PERMUTATIONS = 10
"""Default number of sampled orders."""

_BATCH = 128
"""Sets of players that are evaluated at a time by default."""

_EVENT_SETS = 2048
"""Sets of events that are evaluated at a time: a recommender processes them in chunks of its own."""

Game = Callable[[np.ndarray], np.ndarray]
"""(n, n_players) bool, which players are present -> (n, m) values of m outcomes."""


@dataclass(frozen=True)
class Solution:
    """The Shapley values of a game with m outcomes, such as the scores of m items.

    Attributes:
        by_order: (n_orders, m, n_players) float64 values in each sampled order walked forwards and backwards
            (antithetic); one entry, when exact.
        base: (m,) value with every player absent.
        score: (m,) value with every player present.
        n_evaluations: how many sets of players were evaluated.
        exact: whether all subsets were.
    """

    by_order: np.ndarray
    base: np.ndarray
    score: np.ndarray
    n_evaluations: int
    exact: bool

    @property
    def values(self) -> np.ndarray:
        """(m, n_players); base plus their sum is the score."""
        return self.by_order.mean(axis=0)

    @property
    def spread(self) -> np.ndarray:
        """(m, n_players) standard error over orders; 0 when exact, NaN for a single order."""
        return _standard_error(self.by_order, self.exact)

    def difference(self, first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
        """(n_players,) values of one outcome minus another's, and their standard error, paired order by order."""
        apart = self.by_order[:, first] - self.by_order[:, second]
        return apart.mean(axis=0), _standard_error(apart, self.exact)


def _standard_error(by_order: np.ndarray, exact: bool) -> np.ndarray:
    n = len(by_order)
    if exact:
        return np.zeros(by_order.shape[1:])
    return by_order.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.full(by_order.shape[1:], np.nan)


@dataclass(frozen=True)
class ShapleyValues:
    """How far each player moved one item's score away from the base.

    Attributes:
        groups: one tuple of positions (0 = oldest event of the window) for each player, oldest first.
        values: (n_players,) float64, in units of the score; base plus their sum is the score.
        spread: (n_players,) standard error over sampled orders; 0 when exact.
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
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
    user: int = NOBODY,
) -> ShapleyValues:
    """Shapley values (Shapley 1953; Lundberg and Lee 2017) of the events behind one item's score.

    Args:
        recommender: the trained network, or an ensemble with it.
        history: (L,) item indices, oldest first; only the last `max_len` count.
        item_idx: the item to explain.
        max_events: how many of the newest events are players; earlier ones form one more player.
        n_permutations: sampled orders, each walked forwards and backwards (antithetic), when not exact.
        seed: of the sampled orders.
        user: index of the user; their attributes stay known throughout, so they are part of the base.

    Raises:
        EngineError: the history is empty, or the item cannot be recommended.
    """
    groups, found = shapley_of_items(recommender, history, np.array([item_idx]), max_events, n_permutations, seed, user)
    return ShapleyValues(
        groups,
        found.values[0],
        found.spread[0],
        float(found.base[0]),
        float(found.score[0]),
        found.n_evaluations,
        found.exact,
    )


def shapley_of_items(
    recommender: Explainable,
    history: np.ndarray,
    items: np.ndarray,
    max_events: int = 20,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
    user: int = NOBODY,
) -> tuple[tuple[tuple[int, ...], ...], Solution]:
    """Shapley values for several items together: the positions of each player, and one outcome per item, in order.

    The masked histories go through the network once for all items, so ten cost little more than one.

    Raises:
        EngineError: the history is empty, or an item cannot be recommended.
    """
    if len(history) == 0:
        raise EngineError("An empty history has no events to explain with; choose a user with at least one event.")
    for item in items.tolist():
        if not recommender.candidates[item]:
            raise EngineError(
                "Item index {item} does not occur in the training data, so it is not ranked and has no score to "
                "explain; choose one of the recommended items.",
                item=item,
            )
    history = history[-recommender.max_len :]
    groups = players(len(history), max_events)

    def scores(keep_mask: np.ndarray) -> np.ndarray:
        return recommender.scores_masked(history, spread_out(keep_mask, groups, len(history)), items, user)

    return groups, solve(scores, len(groups), n_permutations, seed, _EVENT_SETS)


def players(length: int, max_events: int) -> tuple[tuple[int, ...], ...]:
    """Positions of each player, oldest first: one group of all early events, then the last `max_events` alone."""
    earlier = length - max_events
    alone = tuple((position,) for position in range(max(0, earlier), length))
    return ((tuple(range(earlier)), *alone)) if earlier > 0 else alone


def spread_out(keep_mask: np.ndarray, groups: tuple[tuple[int, ...], ...], length: int) -> np.ndarray:
    """(n, length) bool, which events are present, from (n, n_players) bool, which players are."""
    events = np.zeros((len(keep_mask), length), dtype=bool)
    for player, group in enumerate(groups):
        events[:, group] = keep_mask[:, [player]]
    return events


def solve(
    game: Game, n_players: int, n_permutations: int = N_PERMUTATIONS, seed: int = 0, batch: int = _BATCH
) -> Solution:
    """Shapley values of a game: exact for up to `MAX_EXACT` players, else from sampled orders.

    All sets of players are drawn first and then evaluated in large batches, for all outcomes together.

    Args:
        game: the value function.
        n_players: at least 1.
        n_permutations: orders when not exact, each walked forwards and backwards.
        seed: of the orders.
        batch: sets that are evaluated at a time.
    """
    if n_players <= MAX_EXACT:
        sets = (np.arange(2**n_players)[:, None] >> np.arange(n_players)) & 1 > 0  # row 0: nobody; the last: everybody
        worth = _played(game, sets, batch)
        values = (_weights(sets) @ worth).T
        return Solution(values[None], worth[0], worth[-1], len(sets), True)
    forwards = np.random.default_rng(seed).permuted(np.tile(np.arange(n_players), (n_permutations, 1)), axis=1)
    places = np.stack([forwards, n_players - 1 - forwards], axis=1)  # (orders, 2 directions, players): when each joins
    joined = np.arange(1, n_players)[:, None]  # the empty and the full set are evaluated once, not in every order
    sets = (places[:, :, None, :] < joined).reshape(-1, n_players)
    ends = np.array([[False], [True]]).repeat(n_players, axis=1)
    worth = _played(game, np.concatenate([ends, sets]), batch)
    base, score = worth[0], worth[1]
    steps = np.empty((n_permutations, 2, n_players + 1, len(base)))
    steps[:, :, 0], steps[:, :, -1] = base, score
    steps[:, :, 1:-1] = worth[2:].reshape(n_permutations, 2, n_players - 1, len(base))
    gains = np.take_along_axis(np.diff(steps, axis=2), places[:, :, :, None], axis=2)  # (orders, 2, players, m)
    return Solution(gains.mean(axis=1).transpose(0, 2, 1), base, score, len(worth), False)


def _played(game: Game, sets: np.ndarray, batch: int) -> np.ndarray:
    """(n, m) float64 values of (n, n_players) sets, evaluated in batches."""
    parts = [game(sets[start : start + batch]) for start in range(0, len(sets), batch)]
    return np.concatenate(parts).astype(np.float64)


def _weights(sets: np.ndarray) -> np.ndarray:
    """(n_players, 2^n_players) weight of each set's value in each player's Shapley value.

    A set S without the player has the weight -|S|! (n - |S| - 1)! / n!, and the same set with the player the opposite
    weight (Shapley 1953).
    """
    n = sets.shape[1]
    share = np.array([factorial(size) * factorial(n - size - 1) / factorial(n) for size in range(n)])
    sizes = sets.sum(axis=1)
    with_them, without = share[np.maximum(sizes - 1, 0)], share[np.minimum(sizes, n - 1)]
    return np.where(sets.T, with_them, -without)
