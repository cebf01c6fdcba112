"""Ranks among all candidates, and lists: against a slow and plain computation, with ties at every cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from engine.data.dataset import Histories
from engine.errors import EngineError
from engine.evaluation.ranking import rank_targets, ranks_in, ranks_of_targets
from engine.recommender import top_k, top_of

few_levels = st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0])
matrices = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=few_levels)


def slow_rank(scores: np.ndarray, seen: list[int], candidates: np.ndarray, target: int) -> int:
    allowed = [i for i in range(1, len(scores)) if candidates[i] and i not in seen]
    if target not in allowed:
        return 0
    return 1 + sum(scores[i] >= scores[target] for i in allowed if i != target)


def slow_top(scores: np.ndarray, k: int) -> tuple[list[list[int]], list[list[float]]]:
    items, values = [], []
    for row in scores:
        best = sorted((i for i in range(len(row)) if row[i] > -np.inf), key=lambda i: (-row[i], i))[:k]
        items.append(best + [0] * (k - len(best)))
        values.append([float(row[i]) for i in best] + [-np.inf] * (k - len(best)))
    return items, values


@pytest.mark.parametrize("exclude_seen", [True, False])
@pytest.mark.parametrize("levels", [2, 5, 10_000])
@pytest.mark.parametrize("chunk", [1, 7, 512])
def test_ranks_equal_a_slow_count(table_recommender, make_holdout, exclude_seen: bool, levels: int, chunk: int):
    rng = np.random.default_rng(levels)
    n_users, n_items = 30, 40
    candidates = rng.random(n_items + 1) < 0.8
    recommender = table_recommender(rng.integers(0, levels, (n_users + 1, n_items + 1)), candidates)
    histories = [[user + 1, *rng.integers(1, n_items + 1, 3).tolist()] for user in range(n_users)]
    targets = [[int(rng.integers(1, n_items + 1))] for _ in range(n_users)]
    found = ranks_of_targets(recommender, make_holdout(histories, targets), exclude_seen, chunk)
    expected = [
        slow_rank(recommender.table[h[0]], h if exclude_seen else [], recommender.candidates, t[0])
        for h, t in zip(histories, targets, strict=True)
    ]
    assert found.tolist() == expected
    assert 0 in expected  # the world holds misses


def test_several_targets_each_have_the_rank_they_have_alone_without_ties(table_recommender, make_holdout):
    rng = np.random.default_rng(0)
    recommender = table_recommender(rng.permuted(np.tile(np.arange(31), (11, 1)), axis=1))
    histories = [[user] for user in range(1, 11)]
    targets = [rng.choice(np.arange(11, 31), rng.integers(1, 5), replace=False).tolist() for _ in histories]
    together = ranks_of_targets(recommender, make_holdout(histories, targets), chunk=4)
    alone = [
        ranks_of_targets(recommender, make_holdout([h], [[t]]))[0]
        for h, row in zip(histories, targets, strict=True)
        for t in row
    ]
    assert together.tolist() == alone


def test_a_constant_score_earns_the_worst_rank(table_recommender, make_holdout):
    recommender = table_recommender(np.zeros((4, 21)))
    ranks = ranks_of_targets(recommender, make_holdout([[1, 2], [3]], [[9], [1]]))
    assert ranks.tolist() == [18, 19]  # 20 items, without the 2 and the 1 that were seen


def test_tied_targets_of_a_user_share_no_rank():
    scores = np.array([[-np.inf, 5, 3, 3, 3, 1], [-np.inf, 2, 2, 2, 2, 2]], dtype=np.float32)
    ranks = ranks_in(scores, Histories.of([[2, 4, 1], [5, 1]]))
    assert sorted(ranks[:2].tolist()) == [3, 4]  # item 3 ties with them and goes first
    assert ranks[2] == 1
    assert sorted(ranks[3:].tolist()) == [4, 5]


def test_a_target_that_was_seen_or_is_no_candidate_is_a_miss(table_recommender, make_holdout):
    candidates = np.ones(6, dtype=bool)
    candidates[5] = False
    recommender = table_recommender(np.tile(np.arange(6), (4, 1)), candidates)
    holdout = make_holdout([[1, 4], [1, 4], [1]], [[4], [5], [4]])
    assert ranks_of_targets(recommender, holdout).tolist() == [0, 0, 1]
    assert ranks_of_targets(recommender, holdout, exclude_seen=False).tolist() == [1, 0, 1]


def test_what_is_no_candidate_is_not_ranked_even_where_a_recommender_scores_it(table_recommender, make_holdout):
    recommender = table_recommender(np.tile(np.arange(6), (4, 1)))
    recommender.score = lambda histories: np.tile(np.arange(6, dtype=np.float32), (len(histories), 1))
    recommender.candidates[5] = False
    assert ranks_of_targets(recommender, make_holdout([[1]], [[4]])).tolist() == [1]
    assert top_k(recommender, Histories.of([[1]]), 2)[0].tolist() == [[4, 3]]


def test_nan_is_refused_by_name(table_recommender, make_holdout):
    table = np.zeros((4, 6))
    table[2, 3] = np.nan
    recommender = table_recommender(table, name="wobbly")
    with pytest.raises(EngineError, match=r"'wobbly' scored item index 3 as NaN .* row 1;"):
        ranks_of_targets(recommender, make_holdout([[1], [2]], [[4], [4]]), chunk=1)


@given(matrices, st.integers(1, 12))
def test_top_of_equals_a_stable_sort(scores: np.ndarray, k: int):
    items, values = top_of(scores, k)
    assert (items.tolist(), values.tolist()) == slow_top(scores, k)
    assert (items.dtype, values.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize("kind", ["distinct", "tied", "mostly zero", "hardly any", "none"])
@pytest.mark.parametrize("columns", [640, 641, 1000])
def test_top_of_many_columns_equals_a_stable_sort(kind: str, columns: int):
    rng = np.random.default_rng(columns)
    shape = (40, columns)
    scores = {
        "distinct": rng.permuted(np.tile(np.arange(columns), (40, 1)), axis=1),
        "tied": rng.integers(0, 4, shape),
        "mostly zero": np.where(rng.random(shape) < 0.01, rng.random(shape), 0),
        "hardly any": np.where(rng.random(shape) < 0.005, rng.random(shape), -np.inf),
        "none": np.full(shape, -np.inf),
    }[kind].astype(np.float32)
    scores[:, 0] = -np.inf
    for k in (1, 5, 9):
        items, values = top_of(scores, k)
        assert (items.tolist(), values.tolist()) == slow_top(scores, k)


def test_top_k_leaves_out_what_was_seen_and_fills_up(table_recommender):
    recommender = table_recommender(np.tile([9, 1, 2, 2, 3], (5, 1)))
    items, scores = top_k(recommender, Histories.of([[1], [2, 4]]), 4, chunk=1)
    assert items.tolist() == [[4, 2, 3, 0], [3, 1, 0, 0]]
    assert scores.tolist() == [[3, 2, 2, -np.inf], [2, 1, -np.inf, -np.inf]]
    assert top_k(recommender, Histories.of([[1]]), 2, exclude_seen=False)[0].tolist() == [[4, 2]]


def test_lists_and_ranks_tell_one_story(table_recommender, make_holdout):
    rng = np.random.default_rng(5)
    recommender = table_recommender(rng.permuted(np.tile(np.arange(41), (21, 1)), axis=1))
    targets = [[int(t)] for t in rng.integers(21, 41, 20)]
    told: list[float] = []
    ranking = rank_targets(
        recommender, make_holdout([[u + 1] for u in range(20)], targets), 40, chunk=6, on_progress=told.append
    )
    for row, target, rank in zip(ranking.top.tolist(), targets, ranking.ranks, strict=True):
        assert row.index(target[0]) == rank - 1
    assert told == [6 / 20, 12 / 20, 18 / 20, 1.0]
