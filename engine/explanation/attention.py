"""Attention weights of one history, labelled, with a summary for each head.

A weight says where a head looked, not why an item was ranked (Jain and Wallace 2019; Wiegreffe and Pinter 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data.dataset import NOBODY
from engine.explanation.attention_readings import Reading, maps, relevance, trace
from engine.recommender import AttentionKind, TransformerRecommender


@dataclass(frozen=True)
class Attention:
    """Attention over one history.

    Attributes:
        weights: (n_layers, n_heads, query, key) float32; each row sums to 1 over the keys that it can attend to, and is
            NaN elsewhere. The next item is read from the last row. For L events: causal: L x L; the future is NaN; the
            last row is the newest event's. bidirectional: L + 1 x L + 1; the last place is [MASK], where the next item
            would be. cross: L + 1 x L; the encoder's rows, then the decoder's row, which starts from START.
        heads: one row a head, for the last query: `layer`, `head` (from 1), `entropy` (0: one key, 1: uniform),
            and the shares of the first event, `first_share`, of the event before the newest, `recent_share`, and of the
            newest, `own_share`, all between 0 and 1.
        kind: one of these three.
        reading: "raw": weights as above. "rollout": one map per layer instead of one per head, of how far each place
            draws on each event after that layer. "gradient": weight times gradient of the item's logit, where that is
            positive. `heads` always describes the raw weights.
        relevance: (L,) float64 how much each event counts by this reading; see `engine.explanation.attention_readings`.
    """

    weights: np.ndarray
    heads: pd.DataFrame
    kind: AttentionKind
    reading: Reading
    relevance: np.ndarray


def attend(
    recommender: TransformerRecommender,
    history: np.ndarray,
    user: int = NOBODY,
    reading: Reading = "raw",
    item_idx: int | None = None,
) -> Attention:
    """Attention of every layer and head over the last `max_len` events of a user's history.

    Args:
        recommender: the trained network.
        history: item indices, oldest first.
        user: index of the user.
        reading: how attention is read.
        item_idx: the item whose logit is differentiated; only for "gradient".

    Raises:
        EngineError: the history is empty.
    """
    seen = trace(recommender, history, item_idx if reading == "gradient" else None, user)
    kind = seen.kind
    raw, weights = (maps(seen, how).astype(np.float32) for how in ("raw", reading))
    if kind == "causal":
        for values in (raw, weights):
            values[..., np.triu(np.ones(values.shape[-2:], dtype=bool), k=1)] = np.nan
    return Attention(weights, describe_heads(raw, kind), kind, reading, relevance(seen, reading))


def describe_heads(weights: np.ndarray, kind: AttentionKind = "causal") -> pd.DataFrame:
    """The summary of each head's last row; see `Attention.heads`."""
    length = weights.shape[-1]
    newest = length - 2 if kind == "bidirectional" else length - 1  # after it comes [MASK]
    rows: list[dict[str, float]] = []
    for layer, head in np.ndindex(*weights.shape[:2]):
        last = weights[layer, head, -1].astype(np.float64)
        surprise = -(last * np.log(np.maximum(last, 1e-30))).sum()
        rows.append(
            {
                "layer": layer + 1,
                "head": head + 1,
                "entropy": float(surprise / np.log(length)) if length > 1 else 0.0,
                "first_share": float(last[0]),
                "recent_share": float(last[newest - 1]) if newest > 0 else 0.0,
                "own_share": float(last[newest]),
            }
        )
    return pd.DataFrame(rows)


def lift_over_uniform(weights: np.ndarray) -> np.ndarray:
    """Weights times the number of keys that their row can attend to: 1 is uniform, so rows can be compared.

    >>> engine.lift_over_uniform(np.array([[1.0, 0.0], [0.25, 0.75]])).tolist()
    [[2.0, 0.0], [0.5, 1.5]]
    """
    return weights * np.isfinite(weights).sum(axis=-1, keepdims=True).astype(weights.dtype)


MAX_CATEGORIES = 12
"""Categories that a map shows; rarer ones are merged into the last."""


@dataclass(frozen=True)
class CategoryMap:
    """Attention between categories of events.

    Attributes:
        names: C categories, the most frequent first; the last may be None, for all other events.
        counts: events of each category.
        weights: (n_layers, n_heads, C + 1, C) float64 weight that events of one category (rows) put on all events of
            another together, averaged over the events; the last row is that of the next-item state's place. NaN where
            there was nothing to attend to.
        lift: the same relative to uniform attention.
    """

    names: tuple[str | None, ...]
    counts: tuple[int, ...]
    weights: np.ndarray
    lift: np.ndarray


def by_category(weights: np.ndarray, categories: Sequence[str | None]) -> CategoryMap:
    """Attention maps aggregated by category.

    Args:
        weights: (n_layers, n_heads, rows, keys) as in `Attention`; the first L rows and columns are the events'.
        categories: of the L events.

    >>> weights = np.array([[[[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.2, 0.6]]]])  # a layer, an attention head
    >>> found = engine.by_category(weights, ["Light", "Light", "Shoes"])
    >>> found.names, found.counts
    (('Light', 'Shoes'), (2, 1))
    >>> found.weights.round(2).tolist()
    [[[[1.0, 0.0], [0.4, 0.6], [0.4, 0.6]]]]
    """
    n = len(categories)
    known = [name for name in categories if name is not None]
    frequent = sorted(dict.fromkeys(known), key=lambda name: (-known.count(name), name))
    rare = len(frequent) > MAX_CATEGORIES or len(known) < n
    names: tuple[str | None, ...] = (*frequent[: MAX_CATEGORIES - rare], *((None,) if rare else ()))
    groups = [category if category in names else None for category in categories]
    member = np.array([[name == group for group in groups] for name in names], dtype=np.float64)  # (C, L)
    rows = np.zeros((len(names) + 1, weights.shape[-2]))  # queries; the next item is read from the last row
    rows[:-1, :n] = member
    rows[-1, -1] = 1
    seen = np.isfinite(weights[0, 0]).astype(np.float64)  # a product of bools would be a bool
    even = rows @ (seen[:, :n] @ member.T / seen.sum(axis=1, keepdims=True))
    put = rows @ (np.nan_to_num(weights[..., :n], nan=0.0).astype(np.float64) @ member.T)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(even > 0, put / rows.sum(axis=1, keepdims=True), np.nan)
        lift = np.where(even > 0, put / even, np.nan)
    return CategoryMap(names, tuple(int(c) for c in member.sum(axis=1)), mean, lift)
