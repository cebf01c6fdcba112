"""Baselines leave the histories they are given as they were."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.model.baselines import BaselineName, make_baseline


@pytest.mark.parametrize("name", ["popularity", "itemknn", "ease"])
def test_repeated_items_in_a_history_are_not_merged_in_place(name: BaselineName) -> None:
    train = Histories.of([[1, 2, 1, 2, 3], [2, 2, 2], [3, 1]])
    targets = Histories.of([[4], [3], [2]])
    holdout = Holdout(np.arange(3), train, targets)
    split = Split("leave-last-out", train, holdout, holdout, np.array([False, True, True, True, True]))
    model = make_baseline(name, split, engine.RunConfig().evaluation)
    asked = Histories.of([[1, 1, 2], [3, 3]])
    model.score(asked)
    for histories, rows in ((asked, [[1, 1, 2], [3, 3]]), (train, [[1, 2, 1, 2, 3], [2, 2, 2], [3, 1]])):
        assert [row.tolist() for row in histories] == rows
