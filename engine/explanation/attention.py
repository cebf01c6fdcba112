"""Where the network looked: attention weights of one history, labelled, with a summary for each head.

A weight says where a head looked, not why an item was ranked (Jain and Wallace 2019; Wiegreffe and Pinter 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data.dataset import NOBODY
from engine.errors import EngineError
from engine.recommender import AttentionKind, TransformerRecommender


@dataclass(frozen=True)
class Attention:
    """Attention over one history.

    Attributes:
        weights: (n_layers, n_heads, query, key) float32; each row sums to 1 over the keys that it can look at, NaN
            where it never looks. The last row alone reads out the next item. For L events:
            causal: L x L; the future is NaN; the last row is the newest event's.
            bidirectional: L + 1 x L + 1; the last place is [MASK], where the next item would be.
            cross: L + 1 x L; the encoder's rows, then the decoder's row, which starts from START.
        heads: one row a head, for the last query: `layer`, `head` (from 1), `entropy` (0: one key, 1: spread evenly),
            and the shares of the first event, `first_share`, of the event before the newest, `recent_share`, and of the
            newest, `own_share`, all between 0 and 1.
        kind: which of the three it is.
    """

    weights: np.ndarray
    heads: pd.DataFrame
    kind: AttentionKind = "causal"


def attend(recommender: TransformerRecommender, history: np.ndarray, user: int = NOBODY) -> Attention:
    """Attention of every layer and head over the last `max_len` events of a user's history.

    Raises:
        EngineError: the history is empty.
    """
    if len(history) == 0:
        raise EngineError("An empty history has no attention to show; choose a user with at least one event.")
    weights = recommender.attentions(history, user).copy()
    kind = recommender.attention_kind
    if kind == "causal":
        weights[..., np.triu(np.ones(weights.shape[-2:], dtype=bool), k=1)] = np.nan
    return Attention(weights, describe_heads(weights, kind), kind)


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
    """Weights times the number of keys their row could look at: 1 is an even spread, so rows can be compared."""
    return weights * np.isfinite(weights).sum(axis=-1, keepdims=True).astype(weights.dtype)
