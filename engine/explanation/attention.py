"""Where the network looked: attention weights of one history, labelled, with a summary for each head.

A weight says where a head looked, not why an item was ranked (Jain and Wallace 2019; Wiegreffe and Pinter 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.errors import EngineError
from engine.recommender import TransformerRecommender


@dataclass(frozen=True)
class Attention:
    """Attention over one history.

    Attributes:
        weights: (n_layers, n_heads, L query, L key) float32; each row sums to 1 over the keys up to its own, NaN in the
            future, which is never looked at.
        heads: one row a head, for the last query, which alone reads out the next item: `layer`, `head` (from 1),
            `entropy` (0: one event, 1: spread evenly), `first_share`, `recent_share` (the event before the last),
            `own_share` (the last event itself), all between 0 and 1.
    """

    weights: np.ndarray
    heads: pd.DataFrame


def attend(recommender: TransformerRecommender, history: np.ndarray) -> Attention:
    """Attention of every layer and head over the last `max_len` events of a history.

    Raises:
        EngineError: the history is empty.
    """
    if len(history) == 0:
        raise EngineError("An empty history has no attention to show; choose a user with at least one event.")
    weights = recommender.attentions(history).copy()
    weights[..., np.triu(np.ones(weights.shape[-2:], dtype=bool), k=1)] = np.nan
    return Attention(weights, describe_heads(weights))


def describe_heads(weights: np.ndarray) -> pd.DataFrame:
    """The summary of each head's last row; see `Attention.heads`."""
    length = weights.shape[-1]
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
                "recent_share": float(last[-2]) if length > 1 else 0.0,
                "own_share": float(last[-1]),
            }
        )
    return pd.DataFrame(rows)


def lift_over_uniform(weights: np.ndarray) -> np.ndarray:
    """Weights times the number of keys their row could look at: 1 is an even spread, so rows can be compared."""
    return weights * np.arange(1, weights.shape[-1] + 1, dtype=weights.dtype)[:, None]
