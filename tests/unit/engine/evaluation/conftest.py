"""Recommenders with scores that a test lays down."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.evaluation.report import CohortReport, Evaluation, ModelReport


class TableRecommender:
    """Scores from a table: a history is answered with the row that its first item names."""

    def __init__(self, table: np.ndarray, candidates: np.ndarray | None = None, name: str = "table") -> None:
        self.name = name
        self.table = np.array(table, dtype=np.float32)
        self.candidates = np.ones(self.table.shape[1], dtype=bool) if candidates is None else candidates.copy()
        self.candidates[0] = False

    def score(self, histories: Histories) -> np.ndarray:
        scores = self.table[histories.items[histories.offsets[:-1]]]
        scores[:, ~self.candidates] = -np.inf
        return scores


@pytest.fixture
def table_recommender() -> type[TableRecommender]:
    return TableRecommender


@pytest.fixture
def make_holdout() -> Callable[[list[list[int]], list[list[int]]], Holdout]:
    def make(histories: list[list[int]], targets: list[list[int]]) -> Holdout:
        return Holdout(np.arange(len(histories)), Histories.of(histories), Histories.of(targets))

    return make


@pytest.fixture
def make_split(make_holdout: Callable[..., Holdout]) -> Callable[..., Split]:
    """A split from whole histories, the last two items of each held out."""

    def make(rows: list[list[int]], n_items: int) -> Split:
        train = Histories.of([row[:-2] for row in rows])
        candidates = np.zeros(n_items + 1, dtype=bool)
        candidates[train.items] = True
        return Split(
            "leave-last-out",
            train,
            make_holdout([row[:-2] for row in rows], [row[-2:-1] for row in rows]),
            make_holdout([row[:-1] for row in rows], [row[-1:] for row in rows]),
            candidates,
        )

    return make


@pytest.fixture
def make_evaluation() -> Callable[..., Evaluation]:
    """An evaluation from per-user figures alone: cohort and figures of each model."""

    def make(
        is_head: np.ndarray, lengths: np.ndarray | None = None, metric: str = "ndcg@10", **figures: np.ndarray
    ) -> Evaluation:
        side = np.where(is_head, "head", "tail")
        lengths = np.where(is_head, 9, 3) if lengths is None else lengths
        frames = [
            pd.DataFrame(
                {
                    "model": model,
                    "user_idx": np.arange(len(side)),
                    "history_length": lengths,
                    "user_cohort": side,
                    "target_idx": 1,
                    "item_cohort": side,
                    "rank": 1,
                    metric: values,
                }
            )
            for model, values in figures.items()
        ]
        nothing = CohortReport(0, {})
        report = ModelReport(nothing, {}, {}, {}, {})
        return Evaluation("leave-last-out", dict.fromkeys(figures, report), pd.concat(frames, ignore_index=True))

    return make
