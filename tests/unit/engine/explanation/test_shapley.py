"""Shapley values: they add up, agree with the definition, and name the event that was planted."""

from __future__ import annotations

from itertools import combinations
from math import factorial
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import shap
import torch
from hypothesis import given, settings, strategies as st

import engine
from engine.config import RunConfig
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.errors import EngineError
from engine.explanation.shapley import players, shapley_of_items, shapley_values, solve
from engine.model.network.config import Architecture, NetworkConfig
from engine.model.network.transformer import blank
from engine.model.training.defaults import resolve
from engine.model.training.loop import train
from engine.recommender import TransformerRecommender
from tests.conftest import TINY_RUN


def make(architecture: Architecture) -> TransformerRecommender:
    network = blank(NetworkConfig(40, 32, 16, 2, 2, 32, 0.0, "cosine", 0.1, architecture=architecture))
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
        return float(recommender.score_masked(history, item, np.isin(np.arange(n), subset)[None])[0])

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


def test_exact_values_are_those_of_the_shap_library() -> None:
    rng = np.random.default_rng(0)
    inward, outward = rng.normal(size=(6, 4)), rng.normal(size=(4, 3))

    def game(keep_mask: np.ndarray) -> np.ndarray:
        return np.tanh(keep_mask.astype(float) @ inward) @ outward

    found = solve(game, 6)
    for outcome in range(3):
        explainer = shap.ExactExplainer(lambda p, at=outcome: game(p > 0.5)[:, at], lambda mask, x: (mask * x)[None])
        theirs = explainer(np.ones((1, 6)), silent=True).values[0]
        np.testing.assert_allclose(found.values[outcome], theirs, atol=1e-12)


def test_sampled_orders_keep_to_their_stated_error_on_a_trained_run(tiny_run_dir: Path, monkeypatch) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    long = next(h for h in run.split.test.histories if len(h) >= 8)[-8:]
    items = np.flatnonzero(run.recommender.candidates)[:12]
    _, exact = shapley_of_items(run.recommender, long, items)
    assert exact.exact
    monkeypatch.setattr("engine.explanation.shapley.MAX_EXACT", 0)
    _, sampled = shapley_of_items(run.recommender, long, items, n_permutations=60)
    assert not sampled.exact
    apart = (sampled.values - exact.values) / sampled.spread
    assert np.abs(apart).max() < 5
    assert 0.3 < np.sqrt((apart**2).mean()) < 2  # neither far outside the stated error nor far within it


def test_items_explained_together_are_as_if_alone_and_their_difference_is_a_game(
    recommender: TransformerRecommender,
) -> None:
    history, items = np.arange(1, 16), np.array([20, 33])
    _, both = shapley_of_items(recommender, history, items, n_permutations=4, seed=5)
    alone = shapley_values(recommender, history, 33, n_permutations=4, seed=5)
    np.testing.assert_allclose(both.values[1], alone.values, atol=1e-6)
    np.testing.assert_allclose(both.spread[1], alone.spread, atol=1e-6)

    def apart(keep_mask: np.ndarray) -> np.ndarray:
        scores = recommender.scores_masked(history, keep_mask, items)
        return scores[:, :1] - scores[:, 1:]

    played = solve(apart, 15, n_permutations=4, seed=5)
    values, spread = both.difference(0, 1)
    np.testing.assert_allclose(values, played.values[0], atol=1e-6)
    np.testing.assert_allclose(spread, played.spread[0], atol=1e-6)
    assert not np.allclose(spread, np.hypot(*both.spread), atol=1e-3)  # paired, not as if drawn apart


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
    with pytest.raises(EngineError, match="index 3 does not occur"):
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
