"""Metrics: their properties, and agreement with torchmetrics and scikit-learn."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    label_ranking_average_precision_score,
    ndcg_score,
    top_k_accuracy_score,
)
from torchmetrics.retrieval import (
    RetrievalHitRate,
    RetrievalMRR,
    RetrievalNormalizedDCG,
    RetrievalPrecision,
    RetrievalRecall,
)

from engine.evaluation.metrics import accuracy
from engine.evaluation.metrics.accuracy import METRICS, per_user_metrics

KS = (1, 3, 5, 10, 20)

users_ranks = st.lists(st.lists(st.integers(1, 60), min_size=1, max_size=6, unique=True), min_size=1, max_size=12)


def flat(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return np.concatenate([np.array(row, dtype=int) for row in rows]), offsets


def world(seed: int, n_users: int = 60, n_items: int = 50, targets: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Scores without ties and relevance, (n_users, n_items), up to `targets` relevant items a user."""
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(n_items, dtype=np.float64), (n_users, 1)), axis=1)
    relevant = np.zeros((n_users, n_items), dtype=int)
    for row in relevant:
        row[rng.choice(n_items, rng.integers(1, targets + 1), replace=False)] = 1
    return scores, relevant


def ranks_of(scores: np.ndarray, relevant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places = np.argsort(np.argsort(-scores, axis=1), axis=1) + 1
    return flat([row[flags == 1].tolist() for row, flags in zip(places, relevant, strict=True)])


def test_doctests():
    result = doctest.testmod(accuracy)
    assert result.attempted >= len(METRICS)
    assert result.failed == 0


@pytest.mark.parametrize("targets", [1, 5])
@pytest.mark.parametrize("k", KS)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("hr", RetrievalHitRate),
        ("ndcg", RetrievalNormalizedDCG),
        ("mrr", RetrievalMRR),
        ("precision", RetrievalPrecision),
        ("recall", RetrievalRecall),
    ],
)
def test_agrees_with_torchmetrics(ours: str, theirs: type, k: int, targets: int):
    scores, relevant = world(k * 10 + targets, targets=targets)
    n_users, n_items = scores.shape
    expected = theirs(top_k=k)(
        torch.tensor(scores).ravel(),
        torch.tensor(relevant).ravel(),
        indexes=torch.arange(n_users).repeat_interleave(n_items),
    )
    found = per_user_metrics(*ranks_of(scores, relevant), ks=[k])[f"{ours}@{k}"]
    assert 0 < found.mean() < 1 or ours == "hr"
    assert found.mean() == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("targets", [1, 5])
@pytest.mark.parametrize("k", KS)
def test_agrees_with_scikit_learn_user_by_user(k: int, targets: int):
    scores, relevant = world(1000 + k, targets=targets)
    found = per_user_metrics(*ranks_of(scores, relevant), ks=[k])
    shown = (np.argsort(np.argsort(-scores, axis=1), axis=1) < k).astype(int)
    for user in range(len(scores)):
        expected = ndcg_score(relevant[user : user + 1], scores[user : user + 1], k=k)
        assert found[f"ndcg@{k}"][user] == pytest.approx(expected, abs=1e-12)
        assert found[f"f1@{k}"][user] == pytest.approx(f1_score(relevant[user], shown[user]), abs=1e-12)
        # scikit-learn knows no cut: what is beyond it is no longer relevant, and its mean is over what was found
        near = relevant[user] * shown[user]
        best = min(k, int(relevant[user].sum()))
        precision = average_precision_score(near, scores[user]) * near.sum() / best if near.any() else 0.0
        assert found[f"map@{k}"][user] == pytest.approx(precision, abs=1e-12)


@pytest.mark.parametrize("k", KS)
def test_agrees_with_scikit_learn_on_one_target(k: int):
    scores, relevant = world(2000 + k, targets=1)
    n_items = scores.shape[1]
    ranks, offsets = ranks_of(scores, relevant)
    expected = top_k_accuracy_score(relevant.argmax(axis=1), scores, k=k, labels=np.arange(n_items))
    assert per_user_metrics(ranks, offsets, [k])[f"hr@{k}"].mean() == pytest.approx(expected)
    uncut = per_user_metrics(ranks, offsets, [n_items])[f"mrr@{n_items}"].mean()
    assert uncut == pytest.approx(label_ranking_average_precision_score(relevant, scores))


@given(users_ranks, st.integers(1, 30))
def test_between_0_and_1(rows: list[list[int]], k: int):
    for name, values in per_user_metrics(*flat(rows), ks=[k]).items():
        assert values.shape == (len(rows),), name
        assert (values >= 0).all(), name
        assert (values <= 1 + 1e-12).all(), name


@given(users_ranks, st.integers(1, 30), st.randoms(use_true_random=False))
def test_indifferent_to_the_order_of_users_and_of_their_targets(rows: list[list[int]], k: int, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = [random.sample(rows[user], len(rows[user])) for user in order]
    before, after = per_user_metrics(*flat(rows), ks=[k]), per_user_metrics(*flat(shuffled), ks=[k])
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values[order], atol=1e-12, err_msg=name)


@given(users_ranks, st.integers(1, 30), st.data())
def test_a_better_rank_never_lowers_a_metric(rows: list[list[int]], k: int, data: st.DataObject):
    row = rows[0]
    free = [rank for rank in range(1, max(row) + 1) if rank not in row]
    old = data.draw(st.sampled_from(row))
    new = data.draw(st.sampled_from([*[rank for rank in free if rank < old], old]))
    improved = [[new if rank == old else rank for rank in row], *rows[1:]]
    before, after = per_user_metrics(*flat(rows), ks=[k]), per_user_metrics(*flat(improved), ks=[k])
    for name in before:
        assert (after[name] >= before[name] - 1e-12).all(), name


@given(st.lists(st.integers(0, 60), min_size=1, max_size=20), st.integers(1, 30))
def test_identities_with_one_target(ranks: list[int], k: int):
    m = per_user_metrics(np.array(ranks), np.arange(len(ranks) + 1), [k])
    hits = np.array([1 <= rank <= k for rank in ranks], dtype=float)
    np.testing.assert_array_equal(m[f"hr@{k}"], hits)
    np.testing.assert_array_equal(m[f"recall@{k}"], hits)
    np.testing.assert_allclose(m[f"precision@{k}"], hits / k)
    np.testing.assert_allclose(m[f"f1@{k}"], 2 * hits / (k + 1))
    np.testing.assert_allclose(m[f"ndcg@{k}"], hits / np.log2(np.maximum(ranks, 1) + 1))
    np.testing.assert_allclose(m[f"mrr@{k}"], hits / np.maximum(ranks, 1))


def test_a_target_just_inside_and_just_outside_the_cut():
    m = per_user_metrics(np.array([10, 11]), np.array([0, 1, 2]), [10])
    for name, values in m.items():
        assert values[0] > 0, name
        assert values[1] == 0, name


@pytest.mark.parametrize(
    ("ranks", "offsets", "ks", "said"),
    [
        ([1, 2], [0, 1], [5], "offsets"),
        ([1, 2], [0, 0, 2], [5], "target"),
        ([1, -3], [0, 1, 2], [5], "-3"),
        ([1, 2], [0, 1, 2], [5, 0], "not 0"),
    ],
)
def test_refuses_nonsense(ranks: list[int], offsets: list[int], ks: list[int], said: str):
    with pytest.raises(ValueError, match=said):
        per_user_metrics(np.array(ranks), np.array(offsets), ks)
