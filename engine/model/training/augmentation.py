"""Random changes to training windows, so that no two epochs show exactly the same data.

Windows are changed at the start of an epoch, before they are batched, so that batches still hold almost no padding.
Rows are windows of two or more items (`engine.model.training.batching.windows`) before and after. Crop and reorder are
those of Xie et al. (ICDE 2022, CL4SRec) and substitution that of Liu et al. (2021, CoSeRec), without the contrastive
loss of either; their masking is `model.event_dropout`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.config import AugmentationConfig, RunConfig
from engine.data.dataset import PAD, Histories
from engine.data.splits import Split
from engine.model.baselines import ItemKNN
from engine.model.training.batching import rows_of_windows

LONGEST_STRETCH = 4
"""`reorder` shuffles at most so many neighbouring items."""

SUBSTITUTED = 0.2
"""Share of a window's events that `substitute` replaces."""

SIMILAR = 10
"""Nearest neighbours of an item that may replace it."""


@dataclass(frozen=True)
class Augmentation:
    """The random changes to windows, and the data they need.

    Attributes:
        settings: shares; 0 is off and draws nothing.
        is_head: (n_windows,) bool; True for windows of a head user. Empty if not needed.
        tail_lengths: training lengths of tail users, at least 2 each. Empty if not needed.
        similar: (n_items + 1, SIMILAR) neighbours of each item, padded with 0 at the right. Empty if not needed.
    """

    settings: AugmentationConfig
    is_head: np.ndarray
    tail_lengths: np.ndarray
    similar: np.ndarray

    def windows(self, windows: Histories, rng: np.random.Generator) -> Histories:
        """The windows of one epoch, in the same order."""
        s = self.settings
        if s.truncate_head and len(self.tail_lengths):
            windows = truncate(windows, self.is_head, self.tail_lengths, s.truncate_head, rng)
        if s.crop:
            windows = crop(windows, s.crop, rng)
        return reorder(windows, s.reorder, rng) if s.reorder else windows

    def inputs(self, items: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(B, L) the changed input of a batch; its targets stay as they were."""
        share = self.settings.substitute
        return substitute(items, self.similar, share, rng) if share else items


def augmentation_of(split: Split, config: RunConfig) -> Augmentation:
    """The augmentation of the settings, prepared on the training part; `config` is resolved."""
    s = config.augmentation
    nothing = np.empty(0, dtype=np.int64)
    is_head, tail_lengths = nothing.astype(bool), nothing
    if s.truncate_head:
        assert config.model.max_len
        lengths = split.train.lengths
        cut = head_cut(lengths, config.evaluation.head_share)
        is_head = (lengths >= cut)[rows_of_windows(split.train, config.model.max_len)]
        tail_lengths = lengths[(lengths >= 2) & (lengths < cut)]
    similar = similar_items(split.train, split.n_items) if s.substitute else nothing
    return Augmentation(s, is_head, tail_lengths, similar)


def crop(windows: Histories, share: float, rng: np.random.Generator) -> Histories:
    """Windows of which a random `share` is replaced by a random contiguous part of at least two items."""
    lengths = windows.lengths
    chosen = rng.random(len(windows)) < share
    kept = np.where(chosen, rng.integers(2, lengths + 1), lengths)
    starts = windows.offsets[:-1] + rng.integers(0, lengths - kept + 1)
    return windows.ranges(starts, starts + kept)


def reorder(windows: Histories, share: float, rng: np.random.Generator) -> Histories:
    """Two to LONGEST_STRETCH neighbouring items shuffled in a random `share` of the windows.

    A window's last item, its newest target, keeps its place, so windows of two items stay as they are.
    """
    lengths = windows.lengths
    chosen = np.flatnonzero((rng.random(len(windows)) < share) & (lengths >= 3))
    free = lengths[chosen] - 1
    stretch = rng.integers(2, np.minimum(free, LONGEST_STRETCH) + 1)
    starts = windows.offsets[chosen] + rng.integers(0, free - stretch + 1)
    places = Histories(windows.offsets, np.arange(len(windows.items))).ranges(starts, starts + stretch, chosen)
    order = np.lexsort((rng.random(len(places.items)), places.positions()))
    items = windows.items.copy()
    items[places.items] = items[places.items[order]]
    return Histories(windows.offsets, items, windows.users)


def truncate(
    windows: Histories, is_head: np.ndarray, lengths: np.ndarray, share: float, rng: np.random.Generator
) -> Histories:
    """The windows, with a random `share` of head users' truncated to the newest items, as many as a tail user has.

    Args:
        windows: rows of two items or more.
        is_head: (n,) bool; windows that may be truncated.
        lengths: one or more lengths of at least 2, from which each truncation draws.
        share: between 0 and 1.
        rng: source of the draws.
    """
    chosen = (rng.random(len(windows)) < share) & is_head
    drawn = np.minimum(rng.choice(lengths, len(windows)), windows.lengths)
    stops = windows.offsets[1:]
    return windows.ranges(stops - np.where(chosen, drawn, windows.lengths), stops)


def substitute(items: np.ndarray, similar: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """SUBSTITUTED of the events of a random `share` of rows replaced, each by one of its neighbours.

    Args:
        items: (B, L) item indices, 0 where there is none; indices past the vocabulary, such as [MASK], stay.
        similar: (n_items + 1, k) from `similar_items`; an item without neighbours stays.
        share: between 0 and 1.
        rng: source of the draws.
    """
    chosen = (rng.random((len(items), 1)) < share) & (rng.random(items.shape) < SUBSTITUTED)
    at = np.nonzero(chosen & (items != PAD) & (items < len(similar)))
    neighbours = similar[items[at]]  # (n, k)
    picked = (rng.random(len(neighbours)) * (neighbours != PAD).sum(axis=1)).astype(np.int64)
    drawn = neighbours[np.arange(len(neighbours)), picked]
    out = items.copy()
    out[at] = np.where(drawn == PAD, items[at], drawn)
    return out


def similar_items(train: Histories, n_items: int) -> np.ndarray:
    """(n_items + 1, SIMILAR) int64 items with the most similar users, by cosine; padded with 0 at the right."""
    columns = ItemKNN(train, n_items, SIMILAR).strongest().matrix.tocsc()
    return Histories(columns.indptr.astype(np.int64), columns.indices).padded(SIMILAR)


def head_cut(lengths: np.ndarray, share: float) -> int:
    """Length of the shortest training history in the head; a test compares it with `engine.evaluation.cohorts`."""
    present = np.sort(lengths[lengths > 0])[::-1]
    return int(present[max(math.ceil(share * len(present) - 1e-9), 1) - 1])
