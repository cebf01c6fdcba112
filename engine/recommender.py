"""The Recommender protocol, and the trained Transformer behind it: score, rank, recommend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.data.dataset import Histories


class Recommender(Protocol):
    """Anything that scores every item for a history. It is fitted when it exists.

    Attributes:
        name: lower-case key in reports: "transformer", "popularity", "itemknn", "ease".
        candidates: (n_items + 1,) bool; items that may be recommended. Index 0, padding, is False.
    """

    @property
    def name(self) -> str: ...

    @property
    def candidates(self) -> np.ndarray: ...

    def score(self, histories: Histories) -> np.ndarray:
        """(B, n_items + 1) float32 scores, higher is better, -inf where `candidates` is False.

        Seen items keep their score; who ranks decides whether to leave them out.
        """
        ...
