"""The ensemble: a weighted sum of Transformer, EASE and item kNN, with weights that depend on the history's length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp

from engine.data.dataset import NOBODY, Histories
from engine.model.item_similarity import ItemWeights
from engine.recommender import Explainable

EVERY_EVENT = 2**31 - 1
"""A `max_len` that no history reaches: set-models use histories of any length."""


@dataclass(frozen=True)
class EnsembleWeights:
    """The weights of the members, by the length of the history.

    Attributes:
        members: their names; the Transformer first.
        longest: (n_bins - 1,) int64, rising: the longest history of each length bin but the last, which is open.
        weights: (n_bins, n_members) float64, 0 or more; each row sums to 1.
        spreads: (n_members,) float64 mean standard deviation of a member's scores over the candidates of a user.
        validation: NDCG@10 of each member alone, and of the "ensemble", on the validation users used, between 0 and 1.
        by_length: the same by bin: (n_bins,) float64 each, NaN where a bin has no validation user.
        n_users: (n_bins,) int64 validation users.
        beats_transformer: whether the ensemble beats the Transformer on validation: by weights learnt on one half of
            the users, on the other half, by more than the standard error; and on all validation users asked.

    >>> found = engine.EnsembleWeights(
    ...     members=("transformer", "ease"),
    ...     longest=np.array([5]),
    ...     weights=np.array([[0.9, 0.1], [0.4, 0.6]]),
    ...     spreads=np.ones(2),
    ...     validation={"transformer": 0.2, "ease": 0.1, "ensemble": 0.25},
    ...     by_length={},
    ...     n_users=np.array([30, 20]),
    ...     beats_transformer=True,
    ... )
    >>> found.of_lengths(np.array([0, 5, 6])).tolist()
    [[1.0, 0.0], [0.9, 0.1], [0.4, 0.6]]
    """

    members: tuple[str, ...]
    longest: np.ndarray
    weights: np.ndarray
    spreads: np.ndarray
    validation: Mapping[str, float]
    by_length: Mapping[str, np.ndarray]
    n_users: np.ndarray
    beats_transformer: bool

    @property
    def influence(self) -> np.ndarray:
        """(n_bins, n_members) float64 shares of weight times spread: the effect of a weight depends on the spread."""
        moved = self.weights * self.spreads
        return moved / moved.sum(axis=1, keepdims=True)

    def bins_of(self, lengths: np.ndarray) -> np.ndarray:
        """(n,) the bin of each length."""
        return np.searchsorted(self.longest, lengths)

    def of_lengths(self, lengths: np.ndarray) -> np.ndarray:
        """(n, n_members) float64 weights for histories of given lengths; the Transformer alone answers an empty one."""
        weights = self.weights[self.bins_of(lengths)]
        weights[lengths == 0] = np.eye(len(self.members))[0]  # a set-model has no scores for it
        return weights


@dataclass(frozen=True)
class Ensemble:
    """A recommender whose score is a weighted sum of its members' scores.

    score(i) = w_T logit(i) + sum over set-models m of w_m l(s_m(i) / d_m),  l(x) = sign(x) log(1 + |x|)

    Here logit is that of the Transformer, s_m a set-model's sum over the history's items, d_m the standard deviation of
    that sum over all items, and w the weights for a history of this length. Dividing by d_m brings short and long
    histories to the same scale; l makes sums logarithmic, like logits, so that the few items with high set-model scores
    do not dominate, and keeps their order. Subtracting a constant from a row would not change the ranking, so none is
    subtracted.

    Attributes:
        transformer: the first member; its candidates are the ensemble's.
        parts: the set-models, in the order of the weights.
        weights: how much each member counts.
    """

    transformer: Explainable
    parts: tuple[ItemWeights, ...]
    weights: EnsembleWeights

    name: Literal["ensemble"] = "ensemble"

    @property
    def candidates(self) -> np.ndarray:
        """(n_items + 1,) bool; the Transformer's."""
        return self.transformer.candidates

    @property
    def max_len(self) -> int:
        """All events count, even those before the Transformer's window of `max_len`: a set-model has no window."""
        return EVERY_EVENT

    def score(self, histories: Histories) -> np.ndarray:
        """(B, n_items + 1) float32 mixed scores, -inf where an item is not a candidate."""
        given = member_scores(self.transformer, self.parts, histories)
        scores = mixed(given, self.weights.of_lengths(histories.lengths))
        scores[:, ~self.candidates] = -np.inf
        return scores

    def score_masked(self, history: np.ndarray, item_idx: int, keep_mask: np.ndarray, user: int = NOBODY) -> np.ndarray:
        """(n,) float64 scores of one item with some events hidden: a column of `scores_masked`."""
        return self.scores_masked(history, keep_mask, np.array([item_idx]), user)[:, 0]

    def scores_masked(
        self, history: np.ndarray, keep_mask: np.ndarray, items: np.ndarray | None = None, user: int = NOBODY
    ) -> np.ndarray:
        """Items' scores with some events hidden; weights and deviations stay those of the full history.

        The Transformer's hidden events keep their places and are masked, as in its own explanation. A set-model ignores
        order: a hidden event is removed from its set, unless the same item occurs in an event that is present. w and d
        are fixed on purpose: otherwise the change of scale would be explained along with the events.

        Args:
            history: (L,) item indices, oldest first, L at least 1.
            keep_mask: (n, L) bool; False hides an event.
            items: (m,) the items to score; None for all V + 1, where column 0 has no meaning.
            user: index of the user, whose attributes stay known to the Transformer.

        Returns:
            (n, m) float64 scores.
        """
        keep_mask = np.asarray(keep_mask, dtype=bool)
        weight = self.weights.of_lengths(np.array([len(history)]))[0, 0]
        window = min(len(history), self.transformer.max_len)
        logits = self.transformer.scores_masked(history[-window:], keep_mask[:, -window:], items, user)
        return sum(self._of_sets(history, items, keep_mask), weight * logits)

    def shares(self, history: np.ndarray, item_idx: int, score: float) -> dict[str, float]:
        """Each member's part of an item's score, for a history of at least one event; they sum to the score."""
        others = self.parts_of_sets(history, item_idx)
        return {self.weights.members[0]: score - sum(others.values()), **others}

    def parts_of_sets(self, history: np.ndarray, item_idx: int) -> dict[str, float]:
        """The part of each member but the Transformer of an item's score, for at least one event."""
        everything = np.ones((1, len(history)), dtype=bool)
        parts = self._of_sets(history, np.array([item_idx]), everything)
        return {name: float(part[0, 0]) for name, part in zip(self.weights.members[1:], parts, strict=True)}

    def _of_sets(self, history: np.ndarray, items: np.ndarray | None, keep_mask: np.ndarray) -> Iterator[np.ndarray]:
        """(n, m) float64 of every member but the Transformer, in the order of the weights."""
        weights = self.weights.of_lengths(np.array([len(history)]))[0]
        events, which = np.unique(history, return_inverse=True)
        order = np.argsort(which, kind="stable")
        firsts = np.searchsorted(which[order], np.arange(len(events)))
        there = np.logical_or.reduceat(keep_mask[:, order], firsts, axis=1).astype(np.float64)  # (n, distinct items)
        for weight, part in zip(weights[1:], self.parts, strict=True):
            sums, between = part.of_events(events, items)
            yield weight * logarithmic(there @ between.astype(np.float64) / deviation(sums, part.n_items))


def member_scores(transformer: Explainable, parts: Sequence[ItemWeights], histories: Histories) -> Iterator[np.ndarray]:
    """(B, n_items + 1) float32 scores of one member after another, on their common scale.

    Non-candidates of the Transformer score 0 there, since a weight of 0 times -inf would be NaN.
    """
    logits = transformer.score(histories)
    logits[:, ~transformer.candidates] = 0
    yield logits
    for part in parts:
        yield _standardised(part, histories)


def _standardised(part: ItemWeights, histories: Histories) -> np.ndarray:
    """(B, n_items + 1) float32 scores of a set-model, divided by their row's deviation, on a logarithmic scale."""
    sums = part.sums(histories)
    sums.data *= np.repeat((1 / deviations(sums, part.n_items)).astype(np.float32), np.diff(sums.indptr))
    sums.data = logarithmic(sums.data)
    return sums.toarray()


def logarithmic(sums: np.ndarray) -> np.ndarray:
    """sign(x) log(1 + |x|) of every x."""
    return np.sign(sums) * np.log1p(np.abs(sums))


def mixed(given: Iterable[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """(B, n_items + 1) float32 sum of members' scores, weighted by the (B, n_members) weights."""
    total: np.ndarray | None = None
    for scores, own in zip(given, weights.astype(np.float32).T, strict=True):
        weighted = scores * own[:, None]
        total = weighted if total is None else np.add(total, weighted, out=total)
    assert total is not None
    return total


def deviation(sums: np.ndarray, n_items: int) -> float:
    """Standard deviation of (n_items + 1,) sums over all items; 1 where they are constant."""
    variance = float(sums @ sums) / n_items - (float(sums.sum()) / n_items) ** 2
    return math.sqrt(variance) if variance > 0 else 1.0


def deviations(sums: sp.csr_array, n_items: int) -> np.ndarray:
    """(B,) float64 standard deviation of each row over all items; 1 where a row is constant."""
    shape = len(sums.indptr) - 1, n_items + 1
    ones = np.ones(n_items + 1)  # of float64, in which the products then add up
    squares = sp.csr_array((np.square(sums.data, dtype=np.float64), sums.indices, sums.indptr), shape=shape)
    mean, square = (rows @ ones / n_items for rows in (sums, squares))
    variance = np.maximum(square - mean**2, 0)
    return np.where(variance > 0, np.sqrt(variance), 1.0)
