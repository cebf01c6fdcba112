"""Chance that repeats: draws that depend on a seed alone, not on the version of a library."""

from __future__ import annotations

import random
from statistics import NormalDist

import numpy as np

_NORMAL = NormalDist()


class Draws:
    """A stream of draws.

    Only `random.Random.random` is drawn from, which Python promises to keep the same from version to version; NumPy
    makes no such promise for its generators' distributions.
    """

    def __init__(self, seed: str) -> None:
        self._uniform = random.Random(seed).random

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self._uniform()

    def whole(self, low: int, high: int) -> int:
        """A whole number in low..high, both included."""
        return low + int(self._uniform() * (high - low + 1))

    def normal(self) -> float:
        """A standard normal number."""
        return _NORMAL.inv_cdf(max(self._uniform(), 1e-12))

    def pick(self, weights: np.ndarray) -> int:
        """An index, with chances proportional to weights (not all zero)."""
        totals = np.cumsum(weights)
        found = int(totals.searchsorted(self._uniform() * totals[-1], side="right"))
        return found if found < len(totals) else int(np.flatnonzero(weights)[-1])  # the product rounded up to the total

    def pick_some(self, weights: np.ndarray, n: int) -> list[int]:
        """n different indices, drawn one after the other with chances proportional to weights."""
        left = np.array(weights, dtype=np.float64)
        chosen: list[int] = []
        for _ in range(n):
            chosen.append(self.pick(left))
            left[chosen[-1]] = 0.0
        return chosen

    def shuffled(self, n: int) -> list[int]:
        """0..n-1 in a random order."""
        order = list(range(n))
        for last in range(n - 1, 0, -1):
            other = self.whole(0, last)
            order[last], order[other] = order[other], order[last]
        return order
