"""The trained Transformer behind the Recommender protocol."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.data.dataset import Histories
from engine.model import chunks
from engine.model.network.transformer import NetworkConfig, blank
from engine.recommender import TransformerRecommender, score_chunks, top_k, top_of

N_ITEMS = 30


@pytest.fixture(scope="module", params=["causal", "masked", "encoder-decoder"])
def recommender(request: pytest.FixtureRequest) -> TransformerRecommender:
    network = blank(NetworkConfig(N_ITEMS, 8, 16, 2, 2, 32, 0.2, "cosine", 0.1, architecture=request.param))
    network.initialise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(15)
    candidates = np.ones(N_ITEMS + 1, dtype=bool)
    candidates[[0, 7]] = False
    return TransformerRecommender(network, candidates)


HISTORIES = Histories.of([[1, 2, 3], [], [4], [5, 6, 8, 9, 10, 11, 12, 13, 14, 15], [16, 17]])


def test_scores_do_not_depend_on_who_else_is_asked_about(recommender: TransformerRecommender) -> None:
    together = recommender.score(HISTORIES)
    assert together.shape == (5, N_ITEMS + 1)
    assert together.dtype == np.float32
    for row in range(5):
        alone = recommender.score(HISTORIES.take(np.array([row])))
        np.testing.assert_allclose(together[row], alone[0], atol=1e-4)


def test_what_is_no_candidate_scores_minus_infinity(recommender: TransformerRecommender) -> None:
    scores = recommender.score(HISTORIES)
    assert np.isneginf(scores[:, [0, 7]]).all()
    assert np.isfinite(np.delete(scores, [0, 7], axis=1)).all()


def test_only_the_most_recent_events_count(recommender: TransformerRecommender) -> None:
    long, cut = Histories.of([list(range(1, 20))]), Histories.of([list(range(12, 20))])
    np.testing.assert_allclose(recommender.score(long), recommender.score(cut), atol=1e-5)


def test_recommendations_hold_nothing_seen_and_no_stranger(recommender: TransformerRecommender) -> None:
    items, scores = top_k(recommender, HISTORIES, k=12)
    for row, history in enumerate(HISTORIES):
        assert not set(items[row].tolist()) & ({0, 7} | set(history.tolist()))
    assert (np.diff(scores, axis=1) <= 0).all()


def test_with_all_events_present_the_masked_score_is_the_score(recommender: TransformerRecommender) -> None:
    history = np.array([1, 2, 3, 9])
    keep_mask = np.ones((2, 4), dtype=bool)
    keep_mask[1, 1] = False
    whole, hidden = recommender.score_masked(history, 5, keep_mask)
    assert whole == pytest.approx(float(recommender.score(Histories.of([history]))[0, 5]), abs=1e-4)
    assert hidden != pytest.approx(whole, abs=1e-4)


def test_an_absent_event_could_have_been_any_item(recommender: TransformerRecommender) -> None:
    keep_mask = np.array([[True, False, True]])
    scores = [recommender.score_masked(np.array([1, item, 3]), 5, keep_mask)[0] for item in (2, 20)]
    assert scores[0] == scores[1]


def test_attentions_cover_the_last_events_only(recommender: TransformerRecommender) -> None:
    weights = recommender.attentions(np.arange(1, 20))
    shapes = {"causal": (2, 2, 8, 8), "bidirectional": (2, 2, 9, 9), "cross": (2, 2, 9, 8)}
    assert weights.shape == shapes[recommender.attention_kind]
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(weights, recommender.attentions(np.arange(12, 20)), atol=1e-6)


def test_a_newcomer_gets_finite_scores(recommender: TransformerRecommender) -> None:
    items, scores = top_k(recommender, Histories.of([[]]), k=5)
    assert (items > 0).all()
    assert np.isfinite(scores).all()


def test_with_every_event_absent_nothing_of_the_history_is_left(recommender: TransformerRecommender) -> None:
    nothing = np.zeros((1, 3), dtype=bool)
    first, second = (recommender.score_masked(np.array(h), 5, nothing)[0] for h in ([1, 2, 3], [9, 8, 11]))
    assert np.isfinite(first)
    assert first == second


def test_a_large_catalogue_is_scored_in_small_chunks_with_the_same_result(
    recommender: TransformerRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = top_k(recommender, HISTORIES, k=12)
    monkeypatch.setattr(chunks, "SCORE_BYTES", 2 * 4 * (N_ITEMS + 1))  # room for two rows
    assert [rows.stop - rows.start for rows, _ in score_chunks(recommender, HISTORIES)] == [2, 2, 1]
    small = top_k(recommender, HISTORIES, k=12)
    np.testing.assert_array_equal(small[0], whole[0])
    np.testing.assert_allclose(small[1], whole[1], atol=1e-5)


def test_scores_written_in_place_are_those_given(recommender: TransformerRecommender) -> None:
    _, scores = next(score_chunks(recommender, HISTORIES, exclude_seen=False))
    np.testing.assert_array_equal(scores, recommender.score(HISTORIES))


@pytest.mark.parametrize("n_columns", [640, 643])
def test_the_best_are_found_where_many_blocks_are_ranked_first(n_columns: int) -> None:
    scores = np.random.default_rng(0).integers(0, 50, (20, n_columns)).astype(np.float32)  # many ties
    scores[0], scores[1, 5:] = -np.inf, -np.inf
    scores.setflags(write=False)
    items, values = top_of(scores, 6)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :6]
    expected = np.take_along_axis(scores, order, axis=1)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(items, np.where(expected == -np.inf, 0, order))
