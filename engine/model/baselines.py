"""The models to beat: popularity, item kNN and EASE. Each is fitted when created and scores like any Recommender.

All three see a history as a set: an item counts once, however often it occurs.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse as sp
from scipy.linalg import get_lapack_funcs

from engine.config import EvaluationConfig
from engine.data.dataset import Histories
from engine.data.splits import Split
from engine.errors import ConfigError
from engine.model.item_similarity import ItemWeights, among_strongest, as_sets, spans, strongest_of

BaselineName = Literal["popularity", "itemknn", "ease"]

MAX_SIMILARITIES = 50_000_000
"""At most so many similarities are kept by item kNN (8 bytes each); a larger catalogue keeps only each item's
strongest."""

DOUBLE_UP_TO = 3_000
"""EASE is solved in double precision up to this many items, where it costs little, and in single precision above."""

SINGLE_UP_TO = 1e5
"""EASE is solved in double precision where its matrix may be worse conditioned than this."""

_BLOCK = 1024

_BLOCK_PRODUCTS = 1 << 23
"""Item kNN multiplies as many rows at a time as need about this many products, which bounds their memory."""


class Popularity:
    """Ranks items by how many training users interacted with them, the same for every user."""

    name: Literal["popularity"] = "popularity"

    def __init__(self, train: Histories, n_items: int) -> None:
        """Count the users of each item.

        Args:
            train: one row a user.
            n_items: size of the vocabulary; item indices run from 1 to n_items.
        """
        counts = np.asarray(as_sets(train, n_items).sum(axis=0)).ravel()
        self.candidates = counts > 0
        self._scores = np.where(self.candidates, counts, -np.inf).astype(np.float32)

    def score(self, histories: Histories) -> np.ndarray:
        """(B, n_items + 1) float32 user counts, -inf where an item is not a candidate."""
        return np.tile(self._scores, (len(histories), 1))


class ItemKNN:
    """Ranks items by their similarity to the history: the sum of cosines between columns of the user-item matrix.

    cos(i, j) = |U_i ∩ U_j| / sqrt(|U_i| |U_j|), where U_i are the training users who interacted with item i; an item is
    not its own neighbour. Source: Sarwar et al., "Item-based collaborative filtering recommendation algorithms" (WWW
    2001), in its form for implicit feedback (Deshpande and Karypis, TOIS 2004).
    """

    name: Literal["itemknn"] = "itemknn"

    def __init__(self, train: Histories, n_items: int, neighbours: int | None = None) -> None:
        """Find the neighbours of every item.

        Args:
            train: one row a user.
            n_items: size of the vocabulary.
            neighbours: strongest neighbours kept for each candidate item, ties by lower index. None keeps all of them
                if they fit into MAX_SIMILARITIES.
        """
        users_items = as_sets(train, n_items)
        counts = np.asarray(users_items.sum(axis=0)).ravel()
        self.candidates = counts > 0
        if neighbours is None:
            neighbours = max(1, MAX_SIMILARITIES // (n_items + 1))
        products = users_items.T @ np.diff(users_items.indptr).astype(
            np.float64
        )  # (n_items + 1,) products that a row takes
        users_items.data *= (1 / np.sqrt(np.maximum(counts, 1))).astype(np.float32)[users_items.indices]
        items_users = sp.csr_array(users_items.T)
        blocks = [
            _strongest(items_users[start:stop] @ users_items, start, neighbours)
            for start, stop in spans(products, _BLOCK_PRODUCTS)
        ]
        self._to_candidates = sp.csr_array(sp.vstack(blocks, format="csr").T)  # row: history item, column: candidate

    def score(self, histories: Histories) -> np.ndarray:
        """(B, n_items + 1) float32 summed cosines, -inf where an item is not a candidate."""
        scores = sp.csr_array(as_sets(histories, len(self.candidates) - 1) @ self._to_candidates).toarray()
        scores[:, ~self.candidates] = -np.inf
        return scores

    def strongest(self) -> ItemWeights:
        """The similarities in the form that a run stores."""
        return strongest_of(self.name, self._to_candidates)


class EASE:
    """Ranks items by a linear model of the history whose item-item weights have a closed form.

    With G = XᵀX + λI over the binary user-item matrix X and P = G⁻¹: B_ij = -P_ij / P_jj off the diagonal, 0 on it;
    scores = x B. Source: Steck, "Embarrassingly shallow autoencoders for sparse data" (WWW 2019), equation 8.
    """

    name: Literal["ease"] = "ease"

    def __init__(self, train: Histories, n_items: int, l2: float = 200.0) -> None:
        """Solve for the weights: one dense (n_items + 1)² matrix, inverted in place.

        Args:
            train: one row a user.
            n_items: size of the vocabulary.
            l2: the ridge penalty λ; more is smoother.

        Raises:
            ConfigError: l2 is too small for the matrix to be inverted.
        """
        users_items = as_sets(train, n_items)
        self.candidates = np.asarray(users_items.sum(axis=0)).ravel() > 0
        gram = users_items.T @ users_items
        # The largest row sum bounds the largest eigenvalue; divided by l2, it bounds how much rounding errors are
        # amplified.
        hard = n_items <= DOUBLE_UP_TO or gram.sum(axis=1).max() > SINGLE_UP_TO * l2
        weights = None
        for precision in (np.float64,) if hard else (np.float32, np.float64):
            dense = gram.astype(precision).toarray(order="F")
            dense[np.diag_indices_from(dense)] += l2
            weights = _inverse_of_positive(dense)
            if weights is not None:
                break
        if weights is None:
            raise ConfigError(
                "evaluation.ease_l2 = {l2:g} is too small: EASE's matrix of {n_items:,} items cannot be inverted "
                "stably; try 100 or more.",
                l2=l2,
                n_items=n_items,
            )
        scale = -1 / np.diag(weights).copy()
        weights *= scale  # column j by -1 / P_jj
        weights[np.diag_indices_from(weights)] = 0
        self._weights = np.ascontiguousarray(weights, dtype=np.float32)

    def score(self, histories: Histories) -> np.ndarray:
        """(B, n_items + 1) float32 scores, -inf where an item is not a candidate."""
        scores = as_sets(histories, len(self.candidates) - 1) @ self._weights
        scores[:, ~self.candidates] = -np.inf
        return scores

    def strongest(self) -> ItemWeights:
        """The weights in the form that a run stores, without those of items that are not candidates."""
        return strongest_of(self.name, np.where(self.candidates, self._weights, np.float32(0)))


def build_baselines(split: Split, config: EvaluationConfig) -> list[Popularity | ItemKNN | EASE]:
    """The baselines of the configuration, fitted on the training part, in the order given.

    EASE is skipped for catalogues of `ease_max_items` items or more.
    """
    return [
        make_baseline(name, split, config)
        for name in config.baselines
        if name != "ease" or split.n_items < config.ease_max_items
    ]


def make_baseline(name: BaselineName, split: Split, config: EvaluationConfig) -> Popularity | ItemKNN | EASE:
    """One baseline, fitted on the training part."""
    if name == "popularity":
        return Popularity(split.train, split.n_items)
    if name == "itemknn":
        return ItemKNN(split.train, split.n_items)
    return EASE(split.train, split.n_items, config.ease_l2)


def _strongest(block: sp.csr_array, first: int, neighbours: int) -> sp.csr_array:
    """A block of similarity rows without the diagonal, at most `neighbours` a row; row 0 is item `first`."""
    rows = np.repeat(np.arange(len(block.indptr) - 1, dtype=np.int32), np.diff(block.indptr))
    others = block.indices != rows + first
    rows, columns, values = rows[others], block.indices[others], block.data[others]
    kept = among_strongest(rows, columns, values, neighbours)
    rows, columns, values = rows[kept], columns[kept], values[kept]
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(block.indptr) - 1))])
    return sp.csr_array((values, columns, starts.astype(np.int32)), shape=block.shape)


def _inverse_of_positive(matrix: np.ndarray) -> np.ndarray | None:
    """The inverse of a symmetric positive definite matrix in Fortran order, in its own memory; None if it has none."""
    factorise, invert = get_lapack_funcs(("potrf", "potri"), (matrix,))
    factor, failed = factorise(matrix, lower=1, overwrite_a=1, clean=0)
    if failed:
        return None
    inverse, failed = invert(factor, lower=1, overwrite_c=1)
    if failed:
        return None
    n = len(inverse)
    for start in range(0, n, _BLOCK):  # LAPACK fills the lower triangle only
        stop = min(start + _BLOCK, n)
        corner = inverse[start:stop, start:stop]
        inverse[start:stop, start:stop] = np.tril(corner) + np.tril(corner, -1).T
        inverse[start:stop, stop:] = inverse[stop:, start:stop].T
    return inverse
