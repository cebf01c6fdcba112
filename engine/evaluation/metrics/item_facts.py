"""Facts about items for list metrics: popularity, users, categories, and the similarity of two items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import sparse

from engine.data.dataset import Dataset
from engine.data.schema import CATEGORY, LIST_SEPARATOR, UNKNOWN
from engine.data.splits import Split
from engine.evaluation.cohorts import Cohorts

_NOWHERE = np.iinfo(np.int32).max

_CELLS = 8_000_000
"""Terms of a product of matrices held in memory at a time."""


@dataclass(frozen=True)
class ItemFacts:
    """What figures of lists need to know of items. Arrays begin with a place for padding.

    Attributes:
        popularity: (n_items + 1,) int64 training interactions.
        is_head: (n_items + 1,) bool; the other items are tail.
        item_users: (n_items + 1, n_users) CSR of ones: which users have an item in their training history.
        categories: (n_items + 1, n_categories) CSR; an item's row sums to 1 over the categories that it has, and is
            empty where it has none. None where the data knows no category.
        category_names: names of its columns.
    """

    popularity: np.ndarray
    is_head: np.ndarray
    item_users: sparse.csr_array
    categories: sparse.csr_array | None = None
    category_names: tuple[str, ...] = ()

    @property
    def similarity(self) -> Literal["category", "co-occurrence"]:
        """What two items are compared by; see `ild`."""
        return "co-occurrence" if self.categories is None else "category"

    @cached_property
    def information(self) -> np.ndarray:
        """(n_items + 1,) self-information in bits; see `novelty`."""
        readers = np.diff(self.item_users.indptr)
        everybody = max(len(np.unique(self.item_users.indices)), 1)
        return -np.log2(np.maximum(readers, 1) / everybody)

    @cached_property
    def place(self) -> np.ndarray:
        """(n_items + 1,) popularity ranks from 0, ties by lower index; items without interactions come last."""
        order = np.lexsort((np.arange(len(self.popularity)), -self.popularity))
        places = np.empty(len(order), dtype=np.int64)
        places[order] = np.arange(len(order))
        places[self.popularity == 0] = _NOWHERE
        return places


def item_facts(dataset: Dataset | None, split: Split, cohorts: Cohorts) -> ItemFacts:
    """The facts of a split's items; without a dataset, none of them has a category.

    An item belongs to each of the categories in its cell ("Animation|Comedy") for an equal share, as in Steck (2018).
    """
    train = split.train
    popularity = np.bincount(train.items, minlength=split.n_items + 1)
    item_users = matrix(train.items, train.positions(), (split.n_items + 1, len(train)))
    item_users.data[:] = 1.0  # who comes twice is still one user
    categories, names = (None, ()) if dataset is None else _categories(dataset)
    return ItemFacts(popularity, cohorts.item_is_head, item_users, categories, names)


def _categories(dataset: Dataset) -> tuple[sparse.csr_array | None, tuple[str, ...]]:
    if CATEGORY not in dataset.item_table:
        return None, ()
    words = dataset.item_table[CATEGORY].astype(str).str.split(LIST_SEPARATOR).explode().str.strip()
    words = words[~words.isin(["", UNKNOWN])]
    if len(words) == 0:
        return None, ()
    codes, names = words.factorize(sort=True)
    items = words.index.to_numpy() + dataset.items.first
    held = matrix(items, codes, (dataset.n_items + 1, len(names)))
    held.data[:] = 1.0
    return rows_to(held, 1), tuple(str(name) for name in names)


def pair_cosines(shown: np.ndarray, unit: sparse.csr_array) -> np.ndarray:
    """(n_users, k (k - 1) / 2) cosines of the pairs in each list, in the order of `np.triu_indices`; 0 without one."""
    first, second = np.triu_indices(shown.shape[1], 1)
    width = len(unit.indptr) - 1
    low, high = np.minimum(shown[:, first], shown[:, second]), np.maximum(shown[:, first], shown[:, second])
    keys, where = np.unique(low.ravel().astype(np.int64) * width + high.ravel(), return_inverse=True)
    return _cosines(unit, keys // width, keys % width)[where].reshape(low.shape)


def _cosines(unit: sparse.csr_array, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n_pairs,) products of rows, the first of each pair rising; those that share nothing cost nothing."""
    found = np.zeros(len(first))
    lengths, width = np.bincount(unit.indices), len(unit.indptr) - 1
    rows = np.unique(first)
    costs = np.add.reduceat(np.append(lengths[unit.indices], 0), unit.indptr[:-1]) * (np.diff(unit.indptr) > 0)
    parts = np.cumsum(costs[rows]) // _CELLS
    transposed = sparse.csr_array(unit.T)
    for part in np.unique(parts):
        chosen = rows[parts == part]
        block = product(unit[chosen], transposed)
        block.sort_indices()
        held = np.repeat(np.arange(len(chosen)), np.diff(block.indptr)) * width + block.indices
        if len(held) == 0:
            continue
        asked = slice(*np.searchsorted(first, [chosen[0], chosen[-1] + 1]))
        wanted = np.searchsorted(chosen, first[asked]) * width + second[asked]
        at = np.minimum(np.searchsorted(held, wanted), len(held) - 1)
        found[asked] = np.where(held[at] == wanted, block.data[at], 0.0)
    return found


def matrix(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    """How often each pair occurs."""
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)


def product(one: sparse.csr_array, other: sparse.csr_array) -> sparse.csr_array:
    """The product of two matrices, which SciPy's stubs take for anything."""
    return sparse.csr_array(one @ other)


def rows_to(matrix: sparse.csr_array, order: int) -> sparse.csr_array:
    """Rows divided by their length: the sum of their cells (order 1) or its Euclidean kind (order 2)."""
    sizes = np.asarray((abs(matrix) ** order).sum(axis=1)).ravel() ** (1 / order)
    data = matrix.data / np.repeat(sizes, np.diff(matrix.indptr))
    return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
