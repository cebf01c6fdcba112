"""Shapley values: they add up, agree with the definition, and name the event that was planted."""

from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import RunConfig
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.errors import EngineError
from engine.explanation.shapley import players, shapley_values
from engine.model.defaults import resolve
from engine.model.shape import Architecture, Shape
from engine.model.training import train
from engine.model.transformer import blank
from engine.recommender import TransformerRecommender


def make(architecture: Architecture) -> TransformerRecommender:
    network = blank(Shape(40, 32, 16, 2, 2, 32, 0.0, "cosine", 0.1, architecture=architecture))
    network.initialise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(15)
    return TransformerRecommender(network, np.arange(41) > 0)


ALL = {name: make(name) for name in get_args(Architecture)}


@pytest.fixture(scope="module")
def recommender() -> TransformerRecommender:
    return ALL["causal"]


@settings(max_examples=30, deadline=None)
@given(
    history=st.lists(st.integers(1, 40), min_size=1, max_size=40),
    item=st.integers(1, 40),
    recommender=st.sampled_from(list(ALL.values())),
)
def test_base_plus_values_is_the_score(recommender: TransformerRecommender, history: list[int], item: int) -> None:
    found = shapley_values(recommender, np.array(history), item, n_permutations=2)
    assert found.base + found.values.sum() == pytest.approx(found.score, abs=1e-4)
    assert found.score == pytest.approx(float(recommender.score(Histories.of([history]))[0, item]), abs=1e-4)
    assert len(found.values) == len(found.groups) == min(len(history), 21)


def brute_force(recommender: TransformerRecommender, history: np.ndarray, item: int) -> np.ndarray:
    """The definition: each player's gain, averaged over all orders."""
    n = len(history)

    def worth(subset: tuple[int, ...]) -> float:
        return float(recommender.score_with_absences(history, item, np.isin(np.arange(n), subset)[None])[0])

    values = np.zeros(n)
    for player in range(n):
        others = [p for p in range(n) if p != player]
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for subset in combinations(others, size):
                values[player] += weight * (worth((*subset, player)) - worth(subset))
    return values


def test_up_to_eight_players_the_values_are_those_of_the_definition(recommender: TransformerRecommender) -> None:
    history = np.array([3, 9, 27, 1, 3])
    found = shapley_values(recommender, history, 12)
    assert found.exact
    np.testing.assert_allclose(found.values, brute_force(recommender, history, 12), atol=1e-4)
    assert (found.spread == 0).all()


def test_sampled_orders_come_near_the_exact_values(recommender: TransformerRecommender, monkeypatch) -> None:
    history = np.array([3, 9, 27, 1, 3, 14, 30, 8])
    exact = shapley_values(recommender, history, 12)
    monkeypatch.setattr("engine.explanation.shapley.MAX_EXACT", 0)
    sampled = shapley_values(recommender, history, 12, n_permutations=200)
    assert not sampled.exact
    assert (np.abs(sampled.values - exact.values) <= 4 * sampled.spread + 0.02).all()
    assert (sampled.spread > 0).any()


def test_the_same_seed_gives_the_same_values(recommender: TransformerRecommender) -> None:
    history = np.arange(1, 31)
    first, second, other = (shapley_values(recommender, history, 35, n_permutations=2, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.values, second.values)
    assert not np.allclose(first.values, other.values)


def test_early_events_form_one_player_and_none_is_lost() -> None:
    assert players(3, 5) == ((0,), (1,), (2,))
    assert players(5, 3) == ((0, 1), (2,), (3,), (4,))
    assert players(4, 3) == ((0,), (1,), (2,), (3,))


def test_what_cannot_be_explained_is_refused(recommender: TransformerRecommender) -> None:
    with pytest.raises(EngineError, match="no events"):
        shapley_values(recommender, np.array([], dtype=np.int32), 3)
    stranger = TransformerRecommender(recommender.network, np.arange(41) > 5)
    with pytest.raises(EngineError, match="index 3 was never met"):
        shapley_values(stranger, np.array([7, 8]), 3)


def test_it_names_the_event_on_which_the_next_item_depends() -> None:
    """Item 30 + c follows four events of which only the second, c, matters; SHAP must find it."""
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(600):
        cause = int(rng.integers(1, 6))
        rows.append([*rng.integers(10, 28, 1), cause, *rng.integers(10, 28, 2), 30 + cause])
    histories = Histories.of(rows)
    known, answers = histories.drop_last(1), Histories.of([row[4:] for row in rows])
    asked = Holdout(np.arange(len(rows)), known, answers)
    candidates = np.zeros(36, dtype=bool)
    candidates[np.unique(histories.items)] = True
    split = Split("leave-last-out", histories, asked, asked, candidates)
    config = RunConfig().replace(
        {
            "model": {"d_model": 32, "n_layers": 2, "dropout": 0.1, "max_len": 8},
            "training": {"max_epochs": 40, "learning_rate": 3e-3, "batch_tokens": 256, "loss": "full"},
        }
    )
    recommender = TransformerRecommender(train(split, resolve(config, split)).network, candidates)
    right = 0
    for row in rows[:40]:
        found = shapley_values(recommender, np.array(row[:4]), row[4])
        right += int(found.values.argmax()) == 1
    assert right >= 38
