"""Logs with planted habits, and a stand-in for the trained network whose logits a test lays down."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.config import RunConfig
from engine.data.dataset import NOBODY, Histories
from engine.data.splits import Split, leave_last_out
from engine.model.baselines import EASE, ItemKNN
from engine.model.item_similarity import ItemWeights

N_ITEMS = 40


class LaidDown:
    """Logits that are a matrix's row of the last event present, plus a little for each event present."""

    name = "transformer"
    max_len = 6

    def __init__(self, table: np.ndarray, candidates: np.ndarray) -> None:
        self.table = table.astype(np.float32)
        self.candidates = candidates

    def score(self, histories: Histories) -> np.ndarray:
        lengths = histories.last(self.max_len).lengths
        last = np.array([row[-1] if len(row) else 0 for row in histories], dtype=np.int64)
        scores = self.table[last] + np.float32(0.01) * lengths[:, None].astype(np.float32)
        scores[:, ~self.candidates] = -np.inf
        return scores

    def score_masked(self, history: np.ndarray, item_idx: int, keep_mask: np.ndarray, user: int = NOBODY) -> np.ndarray:
        return self.scores_masked(history, keep_mask, np.array([item_idx]), user)[:, 0]

    def scores_masked(
        self, history: np.ndarray, keep_mask: np.ndarray, items: np.ndarray | None = None, user: int = NOBODY
    ) -> np.ndarray:
        assert keep_mask.shape[1] == len(history) <= self.max_len
        last = np.array([history[row][-1] if row.any() else 0 for row in keep_mask], dtype=np.int64)
        rows = self.table[last] if items is None else self.table[last][:, items]
        return rows.astype(np.float64) + 0.01 * keep_mask.sum(axis=1, keepdims=True)


@pytest.fixture
def laid_down() -> type[LaidDown]:
    return LaidDown


@pytest.fixture(scope="session")
def habits() -> Split:
    """Users walk a ring within one of four groups of ten items: the last event tells the next, the set the group."""
    rng = np.random.default_rng(3)
    rows = []
    for user in range(400):
        first = 1 + 10 * (user % 4)
        at, row = int(rng.integers(10)), []
        for _ in range(int(rng.integers(3, 12))):
            row.append(first + at)
            at = (at + 1) % 10 if rng.random() < 0.6 else int(rng.integers(10))
        rows.append(row)
    return split_of(rows)


def split_of(rows: list[list[int]]) -> Split:
    class Rows:  # what `leave_last_out` asks of a dataset
        name, n_items, histories = "rows", N_ITEMS, Histories.of(rows)

    return leave_last_out(Rows())  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="session")
def parts(habits: Split) -> tuple[ItemWeights, ...]:
    fitted = EASE(habits.train, N_ITEMS, 20.0), ItemKNN(habits.train, N_ITEMS)
    return tuple(model.strongest() for model in fitted)


@pytest.fixture
def walker(habits: Split, laid_down: type[LaidDown]) -> LaidDown:
    """Logits that know the way round the ring, and nothing of groups."""
    table = np.random.default_rng(0).normal(0, 0.5, (N_ITEMS + 1, N_ITEMS + 1))
    for item in range(1, N_ITEMS + 1):
        for other in range(item % 10, N_ITEMS + 1, 10):
            table[item, min(other + 1, N_ITEMS)] += 2.0
    return laid_down(table, habits.candidates)


@pytest.fixture
def useless(habits: Split) -> Callable[[int], tuple[ItemWeights, ...]]:
    """Set-models fitted on noise, or on nothing."""

    def make(seed: int) -> tuple[ItemWeights, ...]:
        rng = np.random.default_rng(seed)
        noise = Histories.of([rng.integers(1, N_ITEMS + 1, 6) for _ in range(200)])
        return EASE(noise, N_ITEMS, 20.0).strongest(), ItemKNN(Histories.of([]), N_ITEMS).strongest()

    return make


@pytest.fixture
def config() -> RunConfig:
    """Decided as data without repeats decide it."""
    return RunConfig().replace({"evaluation": {"exclude_seen": True}})
