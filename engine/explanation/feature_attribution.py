"""Which features decided a score: Shapley values of the content of items and the attributes of the user, not of events.

Players are the parts of items' vectors and the attributes of the user. Every item's vector is a sum: an id vector, and
what each column of categories, its text and each number add. An absent part is replaced, in every item of the history
and in the scored item, by the mean of that part over all items that can be recommended: items then no longer differ in
this respect, while vectors keep the size that the network is used to. With all parts absent, an average item is scored
for a history of average items. An absent attribute of the user is unknown, as for users without that attribute (which
`model.user_dropout` has trained).

Only the Transformer uses content. The other members of an ensemble use only which items are in the history: by
linearity a member's full term is its own value, and the Transformer's values are scaled by its weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.dataset import NOBODY
from engine.ensemble.ensemble import Ensemble
from engine.explanation.shapley import Solution, solve
from engine.model.content.tables import Content, Contents
from engine.model.network.content_vectors import ContentVectors
from engine.model.network.transformer import Transformer, unit
from engine.recommender import TransformerRecommender

OWN, TEXT = "own", "text"
"""Names of two parts of an item: its id vector, and what its text adds."""

_ROWS = 65_536


@dataclass(frozen=True)
class Feature:
    """A feature: a part of all items, an attribute of the user, or another member of the ensemble.

    Attributes:
        of: what it is part of.
        name: "own", "text" or a column; of a member, the model's name.
    """

    of: Literal["items", "user", "member"]
    name: str


@dataclass(frozen=True)
class _Columns:
    """The place of one part of a content: its tokens, or its columns of numbers."""

    name: str
    tokens: Tensor
    dense: Tensor


@dataclass(frozen=True)
class Parts:
    """The parts of a run's vectors; computed once by `parts_of` and used for every explanation.

    Attributes:
        recommender: the network.
        items: the parts of items' content.
        users: the attributes of users.
        means: (1 + len(items), D) mean of every part over the candidates; the first is that of the id vectors.
        bias: mean of the candidates' biases; 0 where there are none.
    """

    recommender: TransformerRecommender
    items: tuple[_Columns, ...]
    users: tuple[_Columns, ...]
    means: Tensor
    bias: float


@torch.inference_mode()
def parts_of(recommender: TransformerRecommender, contents: Contents) -> Parts:
    """The parts of what a network reads, and the mean of each over the items that can be recommended.

    Args:
        recommender: the network.
        contents: of items and users, for the names of their columns.
    """
    network = recommender.network
    candidates = torch.from_numpy(np.flatnonzero(recommender.candidates))
    items = _columns(contents.items)
    sums = [
        torch.stack([part.sum(dim=0) for part in _pieces(network, items, rows)]) for rows in candidates.split(_ROWS)
    ]
    bias = 0.0 if network.bias is None else float(network.bias[candidates].mean())
    return Parts(recommender, items, _columns(contents.users), torch.stack(sums).sum(dim=0) / len(candidates), bias)


def feature_values(
    parts: Parts, history: np.ndarray, item_idx: int, user: int = NOBODY, n_permutations: int = 10, seed: int = 0
) -> tuple[tuple[Feature, ...], Solution]:
    """Shapley values of features for one item's logit, in the order of the features.

    Args:
        parts: of the network.
        history: (L,) item indices, oldest first, at least one; only the last `max_len` count.
        item_idx: a candidate.
        user: index of the user; `NOBODY` for a new user.
        n_permutations: sampled orders, if there are too many features for all subsets.
        seed: of the orders.

    Returns:
        The features, and a solution with one outcome.
    """
    window = history[-parts.recommender.max_len :]
    known = _known_of(parts, user)
    features = (
        Feature("items", OWN),
        *(Feature("items", column.name) for column in parts.items),
        *(Feature("user", column.name) for column in known),
    )
    asked = _Asked(parts, known, window, item_idx, user)
    return features, solve(asked.logits, len(features), n_permutations, seed)


def member_values(
    ensemble: Ensemble, history: np.ndarray, item_idx: int, features: tuple[Feature, ...], found: Solution
) -> tuple[tuple[Feature, ...], Solution]:
    """The values for an ensemble's score: those of its Transformer, weighted, and one for each other member."""
    weight = float(ensemble.weights.of_lengths(np.array([len(history)]))[0, 0])
    others = ensemble.parts_of_sets(history, item_idx)
    more = np.broadcast_to(np.array([*others.values()]), (*found.by_order.shape[:2], len(others)))
    return (
        (*features, *(Feature("member", name) for name in others)),
        Solution(
            np.concatenate([weight * found.by_order, more], axis=2),
            weight * found.base,
            weight * found.score + sum(others.values()),
            found.n_evaluations,
            found.exact,
        ),
    )


class _Asked:
    """The game played with the network: an item's logit for a history, with parts of its input absent."""

    def __init__(self, parts: Parts, known: tuple[_Columns, ...], window: np.ndarray, item_idx: int, user: int) -> None:
        self._parts, self._known, self._item, self._user = parts, known, item_idx, user
        distinct, self._places = np.unique(np.append(window, item_idx), return_inverse=True)
        network = parts.recommender.network
        with torch.inference_mode():
            pieces = torch.stack(list(_pieces(network, parts.items, torch.from_numpy(distinct.astype(np.int64)))))
            self._apart = pieces - parts.means[:, None]  # (parts, K, D): what each item adds to the mean

    @torch.inference_mode()
    def logits(self, keep_mask: np.ndarray) -> np.ndarray:
        """(n, 1) float64 logits for (n, n_features) bool."""
        parts, network = self._parts, self._parts.recommender.network
        of_items = len(self._apart)
        combinations, which = np.unique(keep_mask[:, :of_items], axis=0, return_inverse=True)
        there = torch.from_numpy(combinations.astype(np.float32))  # (C, parts)
        vectors = torch.einsum("cp,pkd->ckd", there, self._apart) + parts.means.sum(dim=0)
        n_distinct = vectors.shape[1]
        places = torch.from_numpy(which.reshape(-1, 1) * n_distinct + self._places[None] + 1)  # (n, L + 1)
        places = places + (places >= network.mask).long()  # that index stands for [MASK] in any case
        table = torch.zeros(int(places.max()) + 2, vectors.shape[2])
        rows = torch.arange(len(combinations) * n_distinct) + 1
        table[rows + (rows >= network.mask).long()] = vectors.flatten(0, 1)
        users, of_user = self._users(keep_mask[:, of_items:])
        twin = network.with_vectors(_table(table), None if users is None else _table(users))
        events = places[:, :-1]
        lengths = torch.full((len(events),), events.shape[1])
        hidden = twin.next_item_state(events, lengths, users=of_user).hidden
        target = table[places[:, -1]]
        if network.config.output == "cosine":
            out = (unit(hidden) * unit(target)).sum(-1) / network.config.temperature
        else:
            assert network.bias is not None
            own = torch.from_numpy(keep_mask[:, 0])
            out = (hidden * target).sum(-1) + torch.where(own, network.bias[self._item], parts.bias)
        return out[:, None].double().numpy()

    def _users(self, keep_mask: np.ndarray) -> tuple[Tensor | None, Tensor | None]:
        """(C + 1, D) vectors of the user with attributes unknown, row 0 for nobody; and (n,) the row of each set."""
        vectors = self._parts.recommender.network.user_vectors
        if vectors is None:
            return None, None
        combinations, which = np.unique(keep_mask, axis=0, return_inverse=True)
        made = [_vector(vectors, self._known, row, self._user + 1) for row in combinations]
        table = torch.cat([torch.zeros_like(made[0]), *made])
        return table, torch.from_numpy(which.reshape(-1) + 1)


def _table(vectors: Tensor) -> nn.Embedding:
    return nn.Embedding.from_pretrained(vectors, freeze=True)


def _columns(content: Content | None) -> tuple[_Columns, ...]:
    """A content's parts, in the order of its columns."""
    if content is None:
        return ()
    tokens: dict[str, list[int]] = {}
    for token, column in enumerate(content.token_columns, start=1):
        tokens.setdefault(column, []).append(token)
    dense: dict[str, list[int]] = {}
    n_text = 0 if content.text is None else len(content.text.components)  # they come first
    for at, name in enumerate(content.dense_names):
        dense.setdefault(TEXT if at < n_text else name, []).append(at)
    nothing = torch.zeros(0, dtype=torch.int64)
    return (
        *(_Columns(name, torch.tensor(held), nothing) for name, held in tokens.items()),
        *(_Columns(name, nothing, torch.tensor(held)) for name, held in dense.items()),
    )


def _pieces(network: Transformer, columns: tuple[_Columns, ...], rows: Tensor) -> Iterator[Tensor]:
    """(N, D) what each part adds to the vectors of (N,) items, id vectors first; they sum to the vectors."""
    yield network.item_vectors.own.weight[rows]
    content = network.item_vectors.content
    for column in columns:
        assert content is not None
        yield _piece(content, column, rows)


def _piece(content: ContentVectors, column: _Columns, rows: Tensor) -> Tensor:
    """(N, D) what one column adds: its share of the mean over all tokens of a row, or its part of the linear map."""
    if len(column.tokens):
        assert content.categories is not None
        assert content.tokens is not None
        tokens = content.tokens[rows]  # (N, width)
        count = (tokens != 0).sum(dim=1, keepdim=True).clamp(min=1)
        held = torch.where(torch.isin(tokens, column.tokens), tokens, 0)
        return F.embedding_bag(held, content.categories.weight, mode="sum", padding_idx=0) / count
    assert content.dense_map is not None
    assert content.dense is not None
    return content.dense[rows][:, column.dense] @ content.dense_map.weight[:, column.dense].T


def _known_of(parts: Parts, user: int) -> tuple[_Columns, ...]:
    """The attributes that are known of this user."""
    vectors = parts.recommender.network.user_vectors
    if vectors is None:
        return ()
    return tuple(column for column in parts.users if _holds(vectors, column, user + 1))


def _holds(content: ContentVectors, column: _Columns, row: int) -> bool:
    if len(column.tokens):
        assert content.tokens is not None
        return bool(torch.isin(content.tokens[row], column.tokens).any())
    assert content.dense is not None
    return bool((content.dense[row, column.dense] != 0).any())


def _vector(content: ContentVectors, columns: tuple[_Columns, ...], keep_mask: np.ndarray, row: int) -> Tensor:
    """(1, D) the row's vector as if only the present columns were known."""
    held = [column for column, there in zip(columns, keep_mask.tolist(), strict=True) if there]
    vectors: list[Tensor] = []
    if content.tokens is not None and content.categories is not None:
        known = torch.cat([torch.zeros(0, dtype=torch.int64), *(column.tokens for column in held)])
        tokens = content.tokens[row : row + 1]
        kept = torch.where(torch.isin(tokens, known), tokens, 0)
        vectors.append(F.embedding_bag(kept, content.categories.weight, mode="mean", padding_idx=0))
    if content.dense is not None and content.dense_map is not None:
        known = torch.cat([torch.zeros(0, dtype=torch.int64), *(column.dense for column in held)])
        dense = torch.zeros_like(content.dense[row : row + 1])
        dense[:, known] = content.dense[row : row + 1, known]
        vectors.append(content.dense_map(dense))
    return sum(vectors[1:], vectors[0])
