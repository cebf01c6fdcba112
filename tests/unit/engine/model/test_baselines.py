"""Baselines against dense, plain computations on small random logs, and against known figures on real ones."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from engine.config import DataConfig, EvaluationConfig
from engine.data.cleaning import load_dataset
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split, leave_last_out
from engine.errors import ConfigError
from engine.evaluation.metrics.accuracy import per_user_metrics
from engine.evaluation.ranking import ranks_of_targets
from engine.model import baselines
from engine.model.baselines import EASE, ItemKNN, Popularity, build_baselines, make_baseline
from engine.recommender import Recommender

N_ITEMS = 23


def random_log(seed: int, n_users: int = 40) -> Histories:
    """Histories with repeats, some empty; item 23 and some by chance are never met."""
    rng = np.random.default_rng(seed)
    return Histories.of([rng.integers(1, N_ITEMS, rng.integers(0, 9)) for _ in range(n_users)])


def dense(histories: Histories, n_items: int = N_ITEMS) -> np.ndarray:
    matrix = np.zeros((len(histories), n_items + 1))
    for row, items in enumerate(histories):
        matrix[row, items] = 1
    return matrix


def with_bars(scores: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return np.where(matrix.sum(axis=0) > 0, scores, -np.inf)


def split_of(train: Histories, n_items: int = N_ITEMS) -> Split:
    nobody = Holdout(np.empty(0, dtype=np.int64), Histories.of([]), Histories.of([]))
    candidates = np.zeros(n_items + 1, dtype=bool)
    candidates[train.items] = True
    return Split("leave-last-out", train, nobody, nobody, candidates)


def test_popularity_counts_users():
    train, asked = random_log(0), random_log(1)
    matrix = dense(train)
    found = Popularity(train, N_ITEMS).score(asked)
    np.testing.assert_array_equal(found, with_bars(np.tile(matrix.sum(axis=0), (len(asked), 1)), matrix))
    found[:] = 0  # what it hands out is the caller's own
    assert (Popularity(train, N_ITEMS).score(asked) != 0).any()


@pytest.mark.parametrize("block", [1, 50, 1 << 23])
def test_item_knn_sums_cosines(block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(baselines, "_BLOCK_PRODUCTS", block)
    train, asked = random_log(2), random_log(3)
    matrix = dense(train)
    norms = np.maximum(np.linalg.norm(matrix, axis=0), 1e-12)
    cosine = matrix.T @ matrix / np.outer(norms, norms)
    np.fill_diagonal(cosine, 0)
    found = ItemKNN(train, N_ITEMS).score(asked)
    np.testing.assert_allclose(found, with_bars(dense(asked) @ cosine, matrix), atol=1e-5)


def test_item_knn_keeps_each_candidates_strongest_neighbours():
    train, asked = random_log(4), random_log(5)
    matrix = dense(train)
    norms = np.maximum(np.linalg.norm(matrix, axis=0), 1e-12)
    cosine = (matrix.T @ matrix / np.outer(norms, norms)).astype(np.float32)
    np.fill_diagonal(cosine, 0)
    for row in cosine:
        row[np.lexsort((np.arange(len(row)), -row))[3:]] = 0
    found = ItemKNN(train, N_ITEMS, neighbours=3).score(asked)
    np.testing.assert_allclose(found, with_bars(dense(asked) @ cosine.T, matrix), atol=1e-5)


def test_item_knn_bounds_its_memory(monkeypatch: pytest.MonkeyPatch):
    train, asked = random_log(4), random_log(5)
    monkeypatch.setattr(baselines, "MAX_SIMILARITIES", 3 * (N_ITEMS + 1))
    np.testing.assert_array_equal(
        ItemKNN(train, N_ITEMS).score(asked), ItemKNN(train, N_ITEMS, neighbours=3).score(asked)
    )


@pytest.mark.parametrize("double_up_to", [0, 3_000])
@pytest.mark.parametrize("block", [7, 1024])
@pytest.mark.parametrize("l2", [0.5, 200.0])
def test_ease_equals_the_closed_form(l2: float, block: int, double_up_to: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(baselines, "_BLOCK", block)
    monkeypatch.setattr(baselines, "DOUBLE_UP_TO", double_up_to)
    train, asked = random_log(6, n_users=200), random_log(7)
    matrix = dense(train)
    inverse = np.linalg.inv(matrix.T @ matrix + l2 * np.eye(N_ITEMS + 1))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    found = EASE(train, N_ITEMS, l2).score(asked)
    np.testing.assert_allclose(found, with_bars(dense(asked) @ weights, matrix), atol=1e-4)


def test_ease_minimises_the_squared_error_among_matrices_with_a_zero_diagonal():
    train = random_log(8, n_users=200)
    x, l2 = dense(train), 3.0
    weights = EASE(train, N_ITEMS, l2).score(Histories.of([[i] for i in range(1, N_ITEMS + 1)]))
    weights = np.vstack([np.zeros(N_ITEMS + 1), np.where(np.isfinite(weights), weights, 0)])
    gradient = x.T @ (x @ weights - x) + l2 * weights
    np.fill_diagonal(gradient, 0)  # the constraint's own force
    assert np.abs(gradient).max() < 1e-3
    assert np.abs(np.diag(weights)).max() == 0


@pytest.mark.parametrize("make", [Popularity, ItemKNN, EASE])
@given(seed=st.integers(0, 10_000))
def test_every_baseline_keeps_the_protocol(make: type, seed: int):
    train, asked = random_log(seed, n_users=12), random_log(seed + 1, n_users=6)
    recommender: Recommender = make(train, N_ITEMS)
    scores = recommender.score(asked)
    assert scores.shape == (6, N_ITEMS + 1)
    assert scores.dtype == np.float32
    assert recommender.candidates.tolist() == [i in train.items for i in range(N_ITEMS + 1)]
    assert (scores[:, ~recommender.candidates] == -np.inf).all()
    assert np.isfinite(scores[:, recommender.candidates]).all()
    repeated = Histories.of([np.repeat(row, 2)[::-1] for row in asked])
    np.testing.assert_allclose(recommender.score(repeated), scores, rtol=1e-5, atol=1e-6)
    alone = np.vstack([recommender.score(Histories.of([row])) for row in asked])
    np.testing.assert_allclose(alone, scores, rtol=1e-5, atol=1e-6)


def test_builds_what_is_asked_in_that_order_and_leaves_ease_out_of_large_catalogues():
    split = split_of(random_log(9))

    def names(**settings) -> list[str]:
        return [b.name for b in build_baselines(split, EvaluationConfig(**settings))]

    assert names() == ["popularity", "itemknn", "ease"]
    assert names(baselines=("ease", "popularity")) == ["ease", "popularity"]
    assert names(baselines=()) == []
    assert names(ease_max_items=N_ITEMS + 1) == ["popularity", "itemknn", "ease"]
    assert names(ease_max_items=N_ITEMS) == ["popularity", "itemknn"]


def test_ease_takes_its_penalty_from_the_settings():
    train, asked = random_log(10), random_log(11)
    config = EvaluationConfig(ease_l2=7.0)  # pyright: ignore[reportCallIssue]
    found = make_baseline("ease", split_of(train), config).score(asked)
    np.testing.assert_array_equal(found, EASE(train, N_ITEMS, 7.0).score(asked))
    assert (found != EASE(train, N_ITEMS, 8.0).score(asked)).any()


def test_ease_says_when_its_penalty_is_too_small():
    with pytest.raises(ConfigError, match=r"ease_l2 = 1e-300 .* 23 items"):
        EASE(Histories.of([[1, 2]]), N_ITEMS, l2=1e-300)


def test_ease_takes_double_precision_for_an_ill_conditioned_matrix(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(baselines, "DOUBLE_UP_TO", 0)
    train = Histories.of([[1, 2, 3]] * 4_000 + [[1, 2]] * 3_000 + [[2, 4]])
    matrix, l2 = dense(train, 5), 1e-3
    inverse = np.linalg.inv(matrix.T @ matrix + l2 * np.eye(6))
    expected = -inverse / np.diag(inverse)
    found = EASE(train, 5, l2).score(Histories.of([[1], [2], [3]]))
    assert found[0, 2:4] == pytest.approx(expected[1, 2:4], abs=1e-5)
    monkeypatch.setattr(baselines, "SINGLE_UP_TO", np.inf)
    single = EASE(train, 5, l2).score(Histories.of([[1], [2], [3]]))
    assert np.abs(single[0, 2:4] - expected[1, 2:4]).max() > 1e-3


@pytest.fixture
def real_data() -> Path:
    folder = os.environ.get("TAILSCOPE_REAL_DATA")
    if not folder:
        pytest.skip("set TAILSCOPE_REAL_DATA to the folder with beauty and ml-100k")
    return Path(folder)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("folder", "name", "ndcg", "hit_rate"),
    [
        # Popularity and item kNN lie a little under the figures of shared lists, which break ties by item number.
        ("ml-100k", "popularity", 0.0432, 0.0838),
        ("ml-100k", "itemknn", 0.0558, 0.1082),
        ("ml-100k", "ease", 0.0703, 0.1368),
        ("beauty", "popularity", 0.0053, 0.0110),
        ("beauty", "itemknn", 0.0323, 0.0565),
    ],
)
def test_known_figures(real_data: Path, folder: str, name, ndcg: float, hit_rate: float):
    dataset, _ = load_dataset(real_data / folder, DataConfig())  # pyright: ignore[reportCallIssue]
    split = leave_last_out(dataset)
    baseline = make_baseline(name, split, EvaluationConfig())  # pyright: ignore[reportCallIssue]
    ranks = ranks_of_targets(baseline, split.test)
    found = per_user_metrics(ranks, split.test.targets.offsets, [10])
    assert found["ndcg@10"].mean() == pytest.approx(ndcg, abs=1e-4)
    assert found["hr@10"].mean() == pytest.approx(hit_rate, abs=1e-4)
