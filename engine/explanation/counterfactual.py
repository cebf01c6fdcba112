"""Without which events would an item leave the top k? The smallest such set, or the smallest one found.

An event is removed as in all explanations: hidden at its place (`engine.recommender.Explainable`). Every set tried is
scored against the full catalogue, and seen items stay excluded from the list, hidden or not: otherwise a hidden event's
own item would come back and push others out.

The search: Shapley values of the item's margin over the k-th best of the others order the events; the shortest prefix
of this order without which the item leaves is pruned until no event can be restored. Then all sets of 1, 2, 3, ...
events are tried, from the smallest size up, while they fit into the budget. A set is proven smallest if every smaller
one was tried. If they do not all fit, the rest of the budget goes to a greedy set, built from the event that reduces
the remaining margin most each time, and to smaller sets of the first events in the order.
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
"""Default limit on the sets of events scored."""

_BATCH = 128

_FREE = 1e6  # the margin of an item that nothing can push out

_SHARE = 3  # the values that order the events may use this fraction (1 / n) of the budget


@dataclass(frozen=True)
class Removal:
    """A set of events without which an item leaves the top k.

    Attributes:
        events: (n,) positions in the history, rising; empty if no set was found.
        rank: the item's rank with all events, ties against it.
        rank_without: its rank with these events hidden; equal to `rank` if no set was found.
        scores_without: (V + 1,) scores with these events hidden, -inf for what must not be recommended.
        tried_up_to: every set of so many events, and of fewer, was tried.
        proven: no smaller set works; if none was found, no set at all does.
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
        barred: item indices that must not be recommended, such as those of the full history.
        k: length of the list.
        user: index of the user.
        budget: at most so many sets of events are scored; ordering the events, which comes first, may exceed it
            slightly.
        seed: of the sampled orders behind that.
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
        self._before = max(0, len(history) - recommender.max_len)  # events before the window
        self._history = history[self._before :]
        self._free = recommender.candidates.copy()
        self._free[barred] = False
        self._free[item_idx] = True
        self._scored = 0

    def found(self, seed: int) -> Removal:
        n = len(self._history)
        nothing = self._scores(np.ones((1, n), dtype=bool))
        order = self._order(seed)
        best = self._along(order)
        tried = 0
        while tried < (n if best is None else len(best) - 1) and comb(n, tried + 1) <= self._left:
            smaller = self._any(np.arange(n), tried + 1)
            if smaller is not None:
                best = smaller
                break
            tried += 1
        proven = tried == n if best is None else tried >= len(best) - 1
        if not proven:
            best = self._better(order, best, tried)
        hidden = np.zeros((1, n), dtype=bool)
        hidden[0, [] if best is None else best] = True
        scores = self._scores(~hidden)
        return Removal(
            np.sort(np.array([] if best is None else best, dtype=np.int64)) + self._before,
            self._rank(nothing),
            self._rank(scores),
            scores[0],
            tried,
            proven or (best is not None and tried >= len(best) - 1),
            self._scored,
        )

    @property
    def _left(self) -> int:
        return self._budget - self._scored

    def _order(self, seed: int) -> np.ndarray:
        """Events, ordered by their contribution to the item's margin over the k-th best of the others."""
        n = len(self._history)
        orders = max(1, self._budget // _SHARE // (2 * n)) if n > MAX_EXACT else 1
        found = solve(lambda keep_mask: self._margins(~keep_mask)[:, None], n, min(orders, 10), seed)
        return np.argsort(-found.values[0], kind="stable")

    def _along(self, order: np.ndarray) -> list[int] | None:
        """The shortest prefix of the order without which the item leaves, pruned; None if there is none."""
        n = len(order)
        hidden = np.zeros((n, n), dtype=bool)
        hidden[:, order] = np.tri(n, dtype=bool)
        for start in range(0, n, _BATCH):
            out = self._margins(hidden[start : start + _BATCH]) <= 0
            if out.any():
                return self._pruned(order[: start + int(out.argmax()) + 1].tolist())
        return None

    def _pruned(self, chosen: list[int]) -> list[int]:
        """The set without its dispensable events, checked one after another."""
        while len(chosen) > 1:
            back = np.zeros((len(chosen), len(self._history)), dtype=bool)
            back[:, chosen] = ~np.eye(len(chosen), dtype=bool)
            margins = self._margins(back)
            if margins.min() > 0:
                break
            chosen.pop(int(margins.argmin()))
        return chosen

    def _better(self, order: np.ndarray, best: list[int] | None, tried: int) -> list[int] | None:
        """A smaller set than the best, found with the rest of the budget; else the best."""
        n, chosen = len(order), []
        while len(chosen) < (n if best is None else len(best) - 1) and n - len(chosen) <= self._left:
            rest = np.setdiff1d(np.arange(n), chosen)
            hidden = np.zeros((len(rest), n), dtype=bool)
            hidden[:, chosen] = True
            hidden[np.arange(len(rest)), rest] = True
            margins = self._margins(hidden)
            chosen.append(int(rest[margins.argmin()]))
            if margins.min() <= 0:
                best = self._pruned(chosen)
                break
        for size in range(tried + 1, 0 if best is None else len(best)):
            first = next((m for m in range(n, size - 1, -1) if comb(m, size) <= self._left), 0)
            smaller = self._any(order[:first], size) if first else None
            if smaller is not None:
                return smaller
        return best

    def _any(self, events: np.ndarray, size: int) -> list[int] | None:
        """Of all sets of a size, the one without which the item falls furthest, if it leaves the top k."""
        best, least = None, 0.0
        for part in _batches(combinations(events.tolist(), size)):
            hidden = np.zeros((len(part), len(self._history)), dtype=bool)
            np.put_along_axis(hidden, np.array(part), True, axis=1)
            margins = self._margins(hidden)
            if margins.min() <= least:
                best, least = list(part[int(margins.argmin())]), float(margins.min())
        return best

    def _margins(self, hidden: np.ndarray) -> np.ndarray:
        """(n,) the item's score minus the k-th best other score, with some events hidden; it leaves at 0 or below."""
        out: list[np.ndarray] = []
        for start in range(0, len(hidden), _BATCH):
            scores = self._scores(~hidden[start : start + _BATCH])
            own = scores[:, self._item].copy()
            scores[:, self._item] = -np.inf
            kept = min(self._k, scores.shape[1])
            bar = np.partition(scores, -kept, axis=1)[:, -kept]
            out.append(np.where(np.isfinite(bar), own - bar, _FREE))  # so few items can be recommended that none leaves
        return np.concatenate(out)

    def _rank(self, scores: np.ndarray) -> int:
        """The item's rank, ties against it."""
        return int((scores[0] >= scores[0, self._item]).sum())

    def _scores(self, keep_mask: np.ndarray) -> np.ndarray:
        """(n, V + 1) scores of the full catalogue, -inf for what must not be recommended."""
        self._scored += len(keep_mask)
        scores = self._recommender.scores_masked(self._history, keep_mask, None, self._user)
        scores[:, ~self._free] = -np.inf
        return scores


def _batches(sets: Iterator[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
    while part := list(islice(sets, _BATCH)):
        yield part
