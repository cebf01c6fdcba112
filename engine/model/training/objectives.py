"""The training objective of each architecture for a batch of windows: next items, masked items, or the continuation.

A window is a slice of a history; see `engine.model.training.batching`. Rows are (B, W) int64, padded with 0 at the
right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.data.dataset import PAD
from engine.model.network.config import Architecture


@dataclass(frozen=True)
class Batch:
    """The input of a network, and its targets.

    Attributes:
        items: (B, L) int64, padded with 0 at the right.
        targets: (B, M) int64, the target item at each place of the network's hidden states; 0 where there is none.
        following: (B, M - 1) int64, what a decoder reads after START; None without a decoder.
    """

    items: np.ndarray
    targets: np.ndarray
    following: np.ndarray | None = None


Task = Callable[[np.ndarray, np.random.Generator], Batch]


def task_of(architecture: Architecture, mask: int, mask_share: float) -> Task:
    """The training objective of an architecture."""
    if architecture == "causal":
        return lambda rows, _: next_items(rows)
    if architecture == "masked":
        return lambda rows, rng: masked_items(rows, rng, mask, mask_share)
    return continuation


def next_items(rows: np.ndarray) -> Batch:
    """At each event, predict the one that follows it."""
    return Batch(rows[:, :-1], rows[:, 1:])


def masked_items(rows: np.ndarray, rng: np.random.Generator, mask: int, share: float) -> Batch:
    """Predict masked items from both sides (Devlin et al. 2019; Sun et al. 2019, BERT4Rec).

    In half of the rows only the last item is masked, as when recommending; in the others a random `share` of the items,
    at least one.
    """
    real = rows != PAD
    lengths = real.sum(1)
    hidden = (rng.random(rows.shape) < share) & real
    row = np.arange(len(rows))
    alone = rng.random(len(rows)) < 0.5
    hidden[alone] = False
    hidden[row[alone], lengths[alone] - 1] = True
    bare = ~hidden.any(1)
    hidden[row[bare], (rng.random(len(rows)) * lengths).astype(np.int64)[bare]] = True
    return Batch(np.where(hidden, mask, rows), np.where(hidden, rows, PAD))


def continuation(rows: np.ndarray, rng: np.random.Generator) -> Batch:
    """Predict what follows a random cut, item by item, from what precedes it.

    All rows are cut at the same place, so that neither half holds more padding than the rows did. A cut before the
    first event teaches what to recommend to a new user.
    """
    cut = int(rng.integers(0, int((rows != PAD).sum(1).min())))
    before, after = rows[:, : max(cut, 1)], rows[:, cut:]
    if cut == 0:
        before = np.full_like(before, PAD)
    return Batch(before, after, after[:, :-1])
