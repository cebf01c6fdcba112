"""Without which events would an item leave the top k? The smallest set of them, or the smallest that was found.

An event is taken away as everywhere in explanations: hidden at its place (`engine.recommender.Explainable`). Every set
that is tried is scored against the whole catalogue, and what the user has met stays barred from the list throughout,
hidden or not: else a hidden event's own item would come back and push others out by itself.

The search: Shapley values of the item's margin over the k-th best of the others order the events; the shortest stretch
from the top of this order without which the item leaves is pruned until no event of it can come back. Then all sets of
1, 2, 3, ... events are tried, from the smallest size up, while they fit into the budget. A set is proven smallest if
every smaller one was tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from math import comb

import numpy as np

from engine.data.dataset import NOBODY
from engine.explanation.shapley import MAX_EXACT, solve
from engine.recommender import Explainable

BUDGET = 3000
"""Sets of events that are scored at most, unless it is said otherwise."""

_BATCH = 64

_SHARE = 3  # the values that order the events may take this part of the budget, one over


@dataclass(frozen=True)
class Removal:
    """A set of events without which an item leaves the top k.

    Attributes:
        events: (n,) positions in the history, rising; empty where none was found.
        rank: the item's rank with every event there, ties against it.
        rank_without: its rank with these events hidden; the same where none was found.
        scores_without: (V + 1,) scores with these events hidden, -inf for what may not be recommended.
        tried_up_to: every set of so many events, and of fewer, was tried.
        proven: no smaller set does it; where none was found, no set at all does.
        n_evaluations: how many sets were scored.
    """

    events: np.ndarray
    rank: int
    rank_without: int
    scores_without: np.ndarray
    tried_up_to: int
    proven: bool
    n_evaluations: int


def smallest_removal(
    recommender: Explainable,
    history: np.ndarray,
    item_idx: int,
    barred: np.ndarray,
    k: int = 10,
    user: int = NOBODY,
    budget: int = BUDGET,
    seed: int = 0,
) -> Removal:
    """The smallest set of events without which an item leaves the top k, within a budget of scored sets.

    Args:
        recommender: the trained network, or an ensemble with it.
        history: (L,) item indices, oldest first, at least one; only the last `max_len` count.
        item_idx: an item that is among the top k now.
        barred: item indices that may not be recommended, such as those of the whole history.
        k: length of the list.
        user: index of the user.
        budget: sets of events that are scored at most; what comes first, the order of the events, may pass it a little.
        seed: of the orders behind that.
    """
    return _Search(recommender, history, item_idx, barred, k, user, budget).found(seed)


class _Search:
    def __init__(
        self,
        recommender: Explainable,
        history: np.ndarray,
        item_idx: int,
        barred: np.ndarray,
        k: int,
        user: int,
        budget: int,
    ) -> None:
        self._recommender, self._item, self._k, self._user, self._budget = recommender, item_idx, k, user, budget
        self._before = max(0, len(history) - recommender.max_len)  # events too early to count
        self._history = history[self._before :]
        self._free = recommender.candidates.copy()
        self._free[barred] = False
        self._free[item_idx] = True
        self._scored = 0

    def found(self, seed: int) -> Removal:
        n = len(self._history)
        nothing = self._rank(np.zeros((1, n), dtype=bool))[0]
        best = self._greedy(self._order(seed))
        tried = 0
        for size in range(1, n + 1 if best is None else len(best)):
            if comb(n, size) > self._budget - self._scored:
                break
            smaller = self._any(size)
            tried = size
            if smaller is not None:
                best = smaller
                tried = size - 1
                break
        proven = tried == n if best is None else tried >= len(best) - 1
        hidden = np.zeros((1, n), dtype=bool)
        hidden[0, best if best is not None else []] = True
        scores = self._scores(~hidden)[0]
        return Removal(
            np.sort(np.array(best if best is not None else [], dtype=np.int64)) + self._before,
            nothing,
            int(self._ranks(scores[None])[0]),
            scores,
            tried,
            proven,
            self._scored,
        )

    def _order(self, seed: int) -> np.ndarray:
        """Events, first those that hold the item's margin over the k-th best of the others up the most."""
        n = len(self._history)

        def margin(present: np.ndarray) -> np.ndarray:
            scores = self._scores(present)
            own = scores[:, self._item].copy()
            scores[:, self._item] = -np.inf
            kept = min(self._k, scores.shape[1] - 1)
            bar = np.partition(scores, -kept, axis=1)[:, -kept]
            return np.where(np.isfinite(bar), own - bar, 0.0)[:, None]

        orders = max(1, self._budget // _SHARE // (2 * n)) if n > MAX_EXACT else 1
        return np.argsort(-solve(margin, n, min(orders, 10), seed).values[0], kind="stable")

    def _greedy(self, order: np.ndarray) -> list[int] | None:
        """The shortest stretch from the top of the order without which the item leaves, pruned; None if none does."""
        n = len(order)
        hidden = np.zeros((n, n), dtype=bool)
        hidden[:, order] = np.tri(n, dtype=bool)
        leaves: int | None = None
        for start in range(0, n, _BATCH):
            out = self._rank(hidden[start : start + _BATCH]) > self._k
            if out.any():
                leaves = start + int(out.argmax())
                break
        if leaves is None:
            return None
        chosen = order[: leaves + 1].tolist()
        while len(chosen) > 1:
            back = np.zeros((len(chosen), n), dtype=bool)
            back[:, chosen] = ~np.eye(len(chosen), dtype=bool)
            ranks = self._rank(back)
            if not (ranks > self._k).any():
                break
            chosen.pop(int(ranks.argmax()))
        return chosen

    def _any(self, size: int) -> list[int] | None:
        """Of all sets of a size, the one without which the item falls furthest, if it leaves the top k."""
        n = len(self._history)
        best, fallen = None, self._k
        for part in _batches(combinations(range(n), size)):
            hidden = np.zeros((len(part), n), dtype=bool)
            np.put_along_axis(hidden, np.array(part), True, axis=1)
            ranks = self._rank(hidden)
            if ranks.max() > fallen:
                best, fallen = list(part[int(ranks.argmax())]), int(ranks.max())
        return best

    def _rank(self, hidden: np.ndarray) -> np.ndarray:
        """(n,) rank of the item with some events hidden, ties against it."""
        return np.concatenate(
            [self._ranks(self._scores(~hidden[start : start + _BATCH])) for start in range(0, len(hidden), _BATCH)]
        )

    def _ranks(self, scores: np.ndarray) -> np.ndarray:
        return (scores >= scores[:, [self._item]]).sum(axis=1)

    def _scores(self, present: np.ndarray) -> np.ndarray:
        """(n, V + 1) scores of the whole catalogue, -inf for what may not be recommended."""
        self._scored += len(present)
        scores = self._recommender.scores_with_absences(self._history, present, None, self._user)
        scores[:, ~self._free] = -np.inf
        return scores


def _batches(sets: Iterator[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
    while part := list(islice(sets, _BATCH)):
        yield part
