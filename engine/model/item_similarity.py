"""Item kNN and EASE in the compact form that a run stores: for each item, the strongest weights for or against it.

Both models score a history as a sum over its items, so a sparse matrix of item-to-item weights defines them fully. Up
to `MAX_WEIGHTS` weights are all kept; a larger matrix keeps the strongest of each column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp

from engine.data.dataset import Histories

MAX_WEIGHTS = 4_000_000
"""Most weights kept, at 8 bytes each. EASE on 12,101 items then keeps 330 of each column and loses .0003 ± .0005 of
NDCG@10 on validation; up to 2,000 items it is complete."""

_BLOCK = 512

_BLOCK_ENTRIES = 1 << 23

SetModel = Literal["ease", "itemknn"]


@dataclass(frozen=True)
class ItemWeights:
    """What each item of a history adds to the score of every item. A history counts as a set.

    Attributes:
        name: the model that the weights come from.
        matrix: (n_items + 1, n_items + 1) float32; row: an item of the history, column: an item to score. Columns are
            sorted within a row, without duplicates.
    """

    name: SetModel
    matrix: sp.csr_array

    @property
    def n_items(self) -> int:
        """Size of the vocabulary."""
        return len(self.matrix.indptr) - 2

    def sums(self, histories: Histories) -> sp.csr_array:
        """(B, n_items + 1) float32 scores; 0 for an item without weights, such as one that training never saw."""
        return sp.csr_array(as_sets(histories, self.n_items) @ self.matrix)

    def of_events(self, events: np.ndarray, items: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The weights of different events' items: summed for every item, and one by one for m items, or for all.

        Returns:
            (n_items + 1,) float64 sums, and (E, m) float32 weights; m is n_items + 1 where no items are given.
        """
        rows = self.matrix[events]
        sums = np.bincount(rows.indices, weights=rows.data, minlength=self.n_items + 1)
        return sums, rows.toarray() if items is None else rows[:, items].toarray()


def as_sets(histories: Histories, n_items: int) -> sp.csr_array:
    """(n, n_items + 1) float32 matrix with a 1 where a row holds an item."""
    ones = np.ones(len(histories.items), dtype=np.float32)
    fits = len(histories.items) <= np.iinfo(np.int32).max  # wider indices would make a product copy the other factor's
    parts = (ones, histories.items, histories.offsets.astype(np.int32) if fits else histories.offsets)
    matrix = sp.csr_array(parts, shape=(len(histories), n_items + 1), copy=True)  # what follows works in place
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def strongest_of(name: SetModel, weights: np.ndarray | sp.csr_array, limit: int = MAX_WEIGHTS) -> ItemWeights:
    """The largest weights of each column by absolute value, ties by lower row; all of them if `limit` allows.

    Args:
        name: the model that the weights come from.
        weights: (n, n), row: an item of the history, column: an item to score.
        limit: most weights kept in all; every column keeps at least one.
    """
    n = len(weights) if isinstance(weights, np.ndarray) else len(weights.indptr) - 1
    kept = max(1, limit // n)
    if isinstance(weights, np.ndarray):
        crowded = weights.size > limit and np.count_nonzero(weights) > limit
        blocks = (weights[:, start : start + _BLOCK] for start in range(0, n, _BLOCK))
        columns = sp.hstack([_of_block(block, kept) if crowded else sp.csc_array(block) for block in blocks], "csc")
    else:
        columns = sp.csc_array(weights)
        columns.eliminate_zeros()
        if columns.nnz > limit:
            parts = spans(np.diff(columns.indptr), _BLOCK_ENTRIES)
            columns = sp.hstack([_cut(columns[:, start:stop], kept) for start, stop in parts], "csc")
    rows = sp.csr_array(columns)
    rows.sort_indices()
    return ItemWeights(name, packed(rows.data, rows.indices, rows.indptr))


def packed(data: np.ndarray, indices: np.ndarray, starts: np.ndarray) -> sp.csr_array:
    """(n, n) matrix in the types with which products are fastest; its columns are sorted within each row."""
    n = len(starts) - 1
    kind = np.int32 if len(data) <= np.iinfo(np.int32).max else np.int64
    parts = (data.astype(np.float32, copy=False), indices.astype(kind, copy=False), starts.astype(kind, copy=False))
    matrix = sp.csr_array(parts, shape=(n, n), copy=False)
    matrix.has_sorted_indices = True  # otherwise the first product would check all of it
    return matrix


def _of_block(block: np.ndarray, kept: int) -> sp.csc_array:
    """The `kept` largest of each column of a dense block."""
    size = np.abs(block)
    least = np.partition(size, len(size) - kept, axis=0)[len(size) - kept]
    return _cut(sp.csc_array(np.where(size >= least, block, 0)), kept)


def _cut(block: sp.csc_array, kept: int) -> sp.csc_array:
    """The `kept` largest entries of each column of a sparse block, ties by lower row."""
    columns = np.repeat(np.arange(len(block.indptr) - 1), np.diff(block.indptr))
    strong = among_strongest(columns, block.indices, np.abs(block.data), kept)
    return sp.csc_array((block.data[strong], (block.indices[strong], columns[strong])), shape=block.shape)


def among_strongest(groups: np.ndarray, members: np.ndarray, values: np.ndarray, kept: int) -> np.ndarray:
    """(n,) bool; True for the `kept` largest values of each group, ties by lower member.

    Args:
        groups: (n,) group of each entry, ascending from 0.
        members: (n,) distinguishes the entries of a group.
        values: (n,) float32, none below 0.
        kept: how many of a group stay.
    """
    counts = np.bincount(groups)
    crowded = np.flatnonzero((counts > kept)[groups])
    strong = np.ones(len(groups), dtype=bool)
    if len(crowded) == 0:
        return strong
    group, value = groups[crowded], np.asarray(values[crowded], dtype=np.float32)
    # The bits of non-negative floats, read as integers, are in the order of their values: one integer sort orders all
    # groups.
    keys = (group.astype(np.uint64) << np.uint64(32)) | (~value.view(np.uint32)).astype(np.uint64)
    keys.sort()
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    least = np.zeros(len(counts), dtype=np.float32)
    least[group[starts]] = (~keys[starts + kept - 1].astype(np.uint32)).view(np.float32)
    above, equal = value > least[group], np.flatnonzero(value == least[group])
    room = kept - np.bincount(group[above], minlength=len(counts))
    equal = equal[np.lexsort((members[crowded[equal]], group[equal]))]
    place = np.arange(len(equal)) - np.searchsorted(group[equal], group[equal])
    above[equal[place < room[group[equal]]]] = True
    strong[crowded] = above
    return strong


def spans(sizes: np.ndarray, most: float) -> list[tuple[int, int]]:
    """Slices (start, stop) that together cover all of `sizes`, each with a sum of at most `most` or a single size."""
    ends = np.cumsum(sizes)
    out: list[tuple[int, int]] = []
    start = 0
    while start < len(sizes):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
        out.append((start, stop))
        start = stop
    return out
