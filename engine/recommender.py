"""The Recommender protocol, and the trained Transformer behind it: score, rank, recommend."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch

from engine.data.dataset import NOBODY, Histories
from engine.errors import EngineError
from engine.model.chunks import rows_at_once
from engine.model.network.item_vectors import KnownVectors
from engine.model.network.masked_forward import masked_hidden
from engine.model.network.next_item_state import next_item_states, user_rows
from engine.model.network.transformer import Transformer

Answering = Literal["transformer", "ensemble"]
"""The model of a run that recommends and is explained."""

AttentionKind = Literal["causal", "bidirectional", "cross"]

_BLOCK = 32


class Recommender(Protocol):
    """Anything that scores every item for a history. An instance is always fitted.

    Attributes:
        name: lower-case key in reports: "transformer", "ensemble", "popularity", "itemknn", "ease".
        candidates: (n_items + 1,) bool; items that may be recommended. Index 0, padding, is False.
    """

    @property
    def name(self) -> str: ...

    @property
    def candidates(self) -> np.ndarray: ...

    def score(self, histories: Histories) -> np.ndarray:
        """(B, n_items + 1) float32 scores, higher is better, -inf where `candidates` is False.

        Seen items keep their score; the caller decides whether to exclude them.
        """
        ...


@runtime_checkable
class ScoresInPlace(Protocol):
    """A recommender that can write scores into a buffer: allocating one for them costs as much as computing them."""

    def score_into(self, histories: Histories, out: np.ndarray) -> None:
        """Write what `score` gives into `out`, (B, n_items + 1) float32, without masking non-candidates."""
        ...


class Explainable(Recommender, Protocol):
    """A recommender that can score items with events hidden."""

    @property
    def max_len(self) -> int:
        """The number of most recent events that count; earlier ones have no effect."""
        ...

    def score_masked(self, history: np.ndarray, item_idx: int, keep_mask: np.ndarray, user: int = NOBODY) -> np.ndarray:
        """(n,) float64 scores of one item with some events hidden: a column of `scores_masked`."""
        ...

    def scores_masked(
        self, history: np.ndarray, keep_mask: np.ndarray, items: np.ndarray | None = None, user: int = NOBODY
    ) -> np.ndarray:
        """Scores of several items with some events hidden, all from the same hidden histories.

        Args:
            history: (L,) item indices, oldest first, L between 1 and `max_len`.
            keep_mask: (n, L) bool; False hides an event.
            items: (m,) the items to score; None for all V + 1, where column 0 has no meaning.
            user: index of the user, whose attributes stay known; `NOBODY` for an unknown user.

        Returns:
            (n, m) float64 scores; all events present gives those of `score`.
        """
        ...


class TransformerRecommender:
    """A trained network with the items that it may recommend: NumPy in, NumPy out."""

    name: Literal["transformer"] = "transformer"

    def __init__(self, network: Transformer, candidates: np.ndarray) -> None:
        """Wrap a network whose training is done; `candidates` is (n_items + 1,) bool."""
        self._network = network.eval()
        self._vectors: torch.Tensor | None = None
        self._read: KnownVectors | None = None
        self.candidates = candidates

    @property
    def max_len(self) -> int:
        """The number of most recent events that the network reads; earlier ones have no effect."""
        return self._network.config.max_len

    @property
    def n_layers(self) -> int:
        return self._network.config.n_layers

    @property
    def n_heads(self) -> int:
        return self._network.config.n_heads

    @property
    def network(self) -> Transformer:
        """The network, for saving."""
        return self._network

    def with_user_content(self, tokens: np.ndarray, dense: np.ndarray) -> TransformerRecommender:
        """The same recommender, with this content for a user who is not in the data.

        Args:
            tokens: (width,) int64 and
            dense: (n_dense,) float32, from `engine.model.content.tables.one_row` of the users' content.
        """
        network = copy.copy(self._network)  # all but the users' content is shared: a large catalogue is not copied
        network._modules = dict(network._modules)
        network.user_vectors = copy.deepcopy(self._network.user_vectors)
        assert network.user_vectors is not None
        if network.user_vectors.tokens is not None:
            network.user_vectors.tokens[0] = torch.from_numpy(tokens)
        if network.user_vectors.dense is not None:
            network.user_vectors.dense[0] = torch.from_numpy(dense)
        known = TransformerRecommender(network, self.candidates)
        known._vectors, known._read = self._vectors, self._read
        return known

    @torch.inference_mode()
    def output_vectors(self) -> np.ndarray:
        """(n_items + 1, D) float32 vectors that histories are scored against; row 0 is padding."""
        return self._all_vectors().detach().numpy()

    @torch.inference_mode()
    def score(self, histories: Histories) -> np.ndarray:
        """(B, n_items + 1) float32 raw logits of the next item, -inf where an item is not a candidate."""
        scores = np.empty((len(histories), len(self.candidates)), dtype=np.float32)
        self.score_into(histories, scores)
        scores[:, ~self.candidates] = -np.inf
        return scores

    @torch.inference_mode()
    def score_into(self, histories: Histories, out: np.ndarray) -> None:
        """Write the raw logits of all V + 1 items into `out`, (B, n_items + 1) float32."""
        hidden = next_item_states(self._reading(), histories)
        self._network.logits(hidden, vectors=self._all_vectors(), out=torch.from_numpy(out))

    def score_masked(self, history: np.ndarray, item_idx: int, keep_mask: np.ndarray, user: int = NOBODY) -> np.ndarray:
        """(n,) float64 logits of one item with some events hidden: a column of `scores_masked`."""
        return self.scores_masked(history, keep_mask, np.array([item_idx]), user)[:, 0]

    @torch.inference_mode()
    def scores_masked(
        self, history: np.ndarray, keep_mask: np.ndarray, items: np.ndarray | None = None, user: int = NOBODY
    ) -> np.ndarray:
        """Logits of several items with some events hidden.

        A hidden event keeps its place, but its vector is zero and no other event can attend to it.

        Args:
            history: (L,) item indices, oldest first, L between 1 and `max_len`.
            keep_mask: (n, L) bool; False hides an event.
            items: (m,) the items to score; None for all V + 1, where column 0 has no meaning.
            user: index of the user, whose attributes stay known; `NOBODY` for an unknown user.

        Returns:
            (n, m) float64 logits.
        """
        events = torch.from_numpy(np.ascontiguousarray(history, dtype=np.int64))
        there = torch.from_numpy(np.ascontiguousarray(keep_mask, dtype=bool))
        hidden = masked_hidden(self._reading(), events, there, self._users(user, 1))
        if items is None:
            return self._network.logits(hidden, vectors=self._all_vectors()).double().numpy()
        asked = torch.from_numpy(np.asarray(items, dtype=np.int64))
        return self._network.logits(hidden, asked, self._all_vectors()[asked]).double().numpy()

    @property
    def attention_kind(self) -> AttentionKind:
        """What `attentions` holds."""
        kinds: dict[str, AttentionKind] = {"masked": "bidirectional", "encoder-decoder": "cross"}
        return kinds.get(self._network.config.architecture, "causal")

    @torch.inference_mode()
    def attentions(self, history: np.ndarray, user: int = NOBODY) -> np.ndarray:
        """(n_layers, n_heads, query, key) float32 weights over the last L events, L at most `max_len`.

        The next item is read from the last query alone. Causal: L x L, it is the newest event. Bidirectional: L + 1 x
        L + 1, it is [MASK] after the events. Cross: L + 1 x L, the encoder's rows and below them the decoder's
        cross-attention from START, with each decoder layer below the encoder layer of the same number.
        """
        items = torch.from_numpy(np.ascontiguousarray(history[-self.max_len :], dtype=np.int64))[None]
        lengths = torch.tensor([items.shape[1]])
        output = self._reading().next_item_state(items, lengths, attentions=True, users=self._users(user, 1))
        parts = [weights for weights in (output.attentions, output.cross) if weights is not None]
        return torch.cat(parts, dim=-2)[:, 0].numpy()

    def _all_vectors(self) -> torch.Tensor:
        if self._vectors is None:  # normalising a large catalogue's vectors takes longer than using them
            self._vectors = self._network.output_vectors()
        return self._vectors

    def _reading(self) -> Transformer:
        """The network with precomputed item vectors: computing them from content takes longer."""
        if not self._network.item_vectors.has_content:
            return self._network
        if self._read is None:
            self._read = KnownVectors(self._network.item_vectors.all())
        return self._network.with_vectors(self._read, self._network.user_vectors)

    def _users(self, user: int, n: int) -> torch.Tensor | None:
        return user_rows(self._network, np.full(n, user))


def mask_seen(scores: np.ndarray, histories: Histories) -> np.ndarray:
    """(B, n_items + 1) copy of scores with -inf at every item of the row's history."""
    masked = np.array(scores, dtype=np.float32)
    masked[histories.positions(), histories.items] = -np.inf
    return masked


def top_of(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k best columns of each row, best first, ties by lower column.

    With many columns, blocks of them are ranked first, then the content of the best blocks: the k best scores lie in
    the k blocks with the best maxima, since every score outside them has at least k ahead of it, and ties go by lower
    column in blocks as in columns.

    Args:
        scores: (B, n_items + 1) scores; -inf marks what must not be recommended.
        k: list length.

    Returns:
        (B, k) int32 item indices and (B, k) float32 scores; 0 and -inf where a row has fewer than k items to offer.
    """
    scores = np.asarray(scores, dtype=np.float32)
    n_columns = scores.shape[1]
    n_blocks = -(-n_columns // _BLOCK)
    if n_blocks <= 2 * k or not len(scores):
        return _top_of_few(scores, k)
    blocks, maxima = top_of(_maxima_of_blocks(scores), k)
    empty = maxima == -np.inf
    order = np.argsort(np.where(empty, n_blocks, blocks), axis=1, kind="stable")
    blocks, empty = np.take_along_axis(blocks, order, axis=1), np.take_along_axis(empty, order, axis=1)
    columns = (blocks[:, :, None] * _BLOCK + np.arange(_BLOCK)).reshape(len(scores), -1)
    inside = np.take_along_axis(scores, np.minimum(columns, n_columns - 1), axis=1)
    inside[(columns >= n_columns) | np.repeat(empty, _BLOCK, axis=1)] = -np.inf
    found, values = _top_of_few(inside, k)
    items = np.take_along_axis(columns, found.astype(np.int64), axis=1).astype(np.int32)
    items[values == -np.inf] = 0
    return items, values


def _maxima_of_blocks(scores: np.ndarray) -> np.ndarray:
    """(B, n_blocks) the greatest of every `_BLOCK` columns; torch takes a third of NumPy's time for it."""
    whole = scores.shape[1] // _BLOCK * _BLOCK
    rows = torch.from_numpy(np.require(scores, requirements="W"))
    maxima = rows[:, :whole].unflatten(1, (-1, _BLOCK)).amax(-1)
    if whole < scores.shape[1]:
        maxima = torch.cat([maxima, rows[:, whole:].amax(1, keepdim=True)], 1)
    return maxima.numpy()


def _top_of_few(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """`top_of` by one partition of whole rows."""
    n_rows, n_columns = scores.shape
    items = np.zeros((n_rows, k), dtype=np.int32)
    values = np.full((n_rows, k), -np.inf, dtype=np.float32)
    width = min(k, n_columns)
    if n_rows == 0 or width == 0:
        return items, values
    cut = np.partition(scores, n_columns - width, axis=1)[:, n_columns - width, None]  # the k-th best of each row
    chosen = scores >= cut
    crowded = np.flatnonzero(np.count_nonzero(chosen, axis=1) > width)
    if len(crowded):  # ties at the cut: take the lowest of the tied columns, as many as fit
        part, equal = scores[crowded], scores[crowded] == cut[crowded]
        better = part > cut[crowded]
        room = width - np.count_nonzero(better, axis=1)[:, None]
        chosen[crowded] = better | (equal & (np.cumsum(equal, axis=1) <= room))
    found = np.nonzero(chosen)[1].reshape(n_rows, width)
    found_scores = np.take_along_axis(scores, found, axis=1)
    order = np.argsort(-found_scores, axis=1, kind="stable")
    values[:, :width] = np.take_along_axis(found_scores, order, axis=1)
    items[:, :width] = np.take_along_axis(found, order, axis=1)
    items[values == -np.inf] = 0
    return items, values


def score_chunks(
    recommender: Recommender, histories: Histories, exclude_seen: bool = True, chunk: int = 512
) -> Iterator[tuple[slice, np.ndarray]]:
    """Rows and their (B, n_items + 1) scores, -inf for what must not be recommended, one chunk of histories at a time.

    A chunk holds at most `chunk` histories, and fewer over a large catalogue (`rows_at_once`). All chunks share one
    buffer, so the scores are valid only until the next chunk.

    Raises:
        EngineError: the recommender gave a score that is not a number.
    """
    barred = np.flatnonzero(~recommender.candidates)
    chunk = rows_at_once(len(recommender.candidates) - 1, chunk)
    memory = np.empty((min(chunk, len(histories)), len(recommender.candidates)), dtype=np.float32)
    for start in range(0, len(histories), chunk):
        rows = slice(start, min(start + chunk, len(histories)))
        part = histories.take(np.arange(rows.start, rows.stop))
        scores = memory[: len(part)]  # allocating for every chunk takes as long as scoring it
        if isinstance(recommender, ScoresInPlace):
            recommender.score_into(part, scores)
        else:
            scores[:] = recommender.score(part)
        if exclude_seen:
            scores[part.positions(), part.items] = -np.inf
        scores[:, barred] = -np.inf
        bad = np.isnan(scores.max(axis=1))  # a NaN makes its row's maximum NaN
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            column = int(np.flatnonzero(np.isnan(scores[row]))[0])
            raise EngineError(
                "Model {recommender_name!r} scored item index {column} as NaN (not a number) for history row "
                "{start}; scores must be numbers or -inf. Train the model again, with a smaller "
                "training.learning_rate if its loss was unsteady.",
                recommender_name=recommender.name,
                column=column,
                start=start + row,
            )
        yield rows, scores


def top_k(
    recommender: Recommender, histories: Histories, k: int, exclude_seen: bool = True, chunk: int = 512
) -> tuple[np.ndarray, np.ndarray]:
    """The k best items for each history, best first, equal scores by lower item index.

    Returns:
        (n, k) int32 item indices and (n, k) float32 scores; 0 and -inf where a user has fewer than k to get.

    Raises:
        EngineError: a score is not a number.
    """
    items = np.zeros((len(histories), k), dtype=np.int32)
    values = np.full((len(histories), k), -np.inf, dtype=np.float32)
    for rows, scores in score_chunks(recommender, histories, exclude_seen, chunk):
        items[rows], values[rows] = top_of(scores, k)
    return items, values
