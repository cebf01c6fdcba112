"""Attention of one history: rows add up, the future is blank, and the heads' summary says what the last row does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.errors import EngineError
from engine.explanation.attention import attend, describe_heads, lift_over_uniform
from engine.model.network.config import Architecture, NetworkConfig
from engine.model.network.transformer import blank
from engine.recommender import TransformerRecommender


def make(architecture: Architecture) -> TransformerRecommender:
    network = blank(NetworkConfig(20, 8, 16, 2, 2, 32, 0.0, "cosine", 0.1, architecture=architecture))
    network.initialise(torch.Generator().manual_seed(0))
    return TransformerRecommender(network, np.arange(21) > 0)


@pytest.fixture(scope="module")
def recommender() -> TransformerRecommender:
    return make("causal")


@pytest.mark.parametrize("length", [1, 3, 8, 15])
def test_rows_sum_to_one_and_the_future_is_blank(recommender: TransformerRecommender, length: int) -> None:
    weights = attend(recommender, np.arange(1, length + 1)).weights
    size = min(length, 8)
    assert weights.shape == (2, 2, size, size)
    np.testing.assert_allclose(np.nansum(weights, axis=-1), 1, atol=1e-5)
    future = np.triu(np.ones((size, size), dtype=bool), 1)
    assert np.isnan(weights[..., future]).all()
    assert np.isfinite(weights[..., ~future]).all()


@pytest.mark.parametrize("length", [1, 3, 8, 15])
@pytest.mark.parametrize(("architecture", "kind"), [("masked", "bidirectional"), ("encoder-decoder", "cross")])
def test_reading_both_ways_nothing_is_blank_and_a_row_of_its_own_reads_out(
    architecture: Architecture, kind: str, length: int
) -> None:
    found = attend(make(architecture), np.arange(1, length + 1))
    size = min(length, 8)
    assert found.kind == kind
    assert found.weights.shape == (2, 2, size + 1, size + (kind == "bidirectional"))
    np.testing.assert_allclose(found.weights.sum(-1), 1, atol=1e-5)
    lifted = lift_over_uniform(found.weights)
    np.testing.assert_allclose(lifted, found.weights * found.weights.shape[-1], rtol=1e-6)
    heads = found.heads.iloc[0]
    events = found.weights[0, 0, -1, :size]
    assert heads["first_share"] == pytest.approx(float(events[0]))
    assert heads["own_share"] == pytest.approx(float(events[-1]))
    assert heads["recent_share"] == pytest.approx(float(events[-2]) if size > 1 else 0.0)


def test_an_empty_history_is_refused(recommender: TransformerRecommender) -> None:
    with pytest.raises(EngineError, match="empty history"):
        attend(recommender, np.array([], dtype=np.int32))


def test_the_summary_reads_the_last_row() -> None:
    weights = np.full((1, 2, 3, 3), np.nan, dtype=np.float32)
    weights[0, 0, 2] = [1 / 3, 1 / 3, 1 / 3]
    weights[0, 1, 2] = [0.0, 1.0, 0.0]
    heads = describe_heads(weights)
    assert heads["head"].tolist() == [1, 2]
    assert heads["entropy"].tolist() == pytest.approx([1.0, 0.0], abs=1e-6)
    assert heads["first_share"].tolist() == pytest.approx([1 / 3, 0.0])
    assert heads["recent_share"].tolist() == pytest.approx([1 / 3, 1.0])
    assert heads["own_share"].tolist() == pytest.approx([1 / 3, 0.0])


def test_lift_is_one_where_a_row_spreads_evenly() -> None:
    weights = np.where(np.tri(4, dtype=bool), 1 / np.arange(1, 5)[:, None], np.nan)
    np.testing.assert_allclose(lift_over_uniform(weights)[np.tril_indices(4)], 1.0)


@pytest.mark.parametrize("architecture", ["causal", "masked", "encoder-decoder"])
def test_other_readings_have_the_same_rows_and_figures_of_their_own(architecture: Architecture) -> None:
    model, history = make(architecture), np.array([3, 7, 1, 12])
    raw, rolled, weighed = (attend(model, history, reading=r, item_idx=9) for r in ("raw", "rollout", "gradient"))
    assert rolled.weights.shape == (2, 1, *raw.weights.shape[2:])
    assert weighed.weights.shape == raw.weights.shape
    np.testing.assert_array_equal(np.isnan(weighed.weights), np.isnan(raw.weights))
    np.testing.assert_array_equal(raw.heads, weighed.heads)
    np.testing.assert_allclose(raw.relevance, raw.weights[-1, :, -1, :4].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(rolled.relevance, rolled.weights[-1, 0, -1, :4], atol=1e-6)
    other = attend(model, history, reading="gradient", item_idx=14)
    assert not np.allclose(other.relevance, weighed.relevance)
