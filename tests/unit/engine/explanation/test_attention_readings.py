"""One figure an event from many heads and layers: against the published formulas, worked out apart from the code."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from engine.explanation.attention_readings import Trace, maps, relevance, trace
from engine.model.network.config import Architecture, NetworkConfig
from engine.model.network.transformer import blank
from engine.recommender import TransformerRecommender


def make(architecture: Architecture) -> TransformerRecommender:
    network = blank(NetworkConfig(20, 8, 16, 2, 2, 32, 0.0, "cosine", 0.1, architecture=architecture))
    network.initialise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8)
    return TransformerRecommender(network, np.arange(21) > 0)


ALL = {name: make(name) for name in get_args(Architecture)}
HISTORY = np.array([3, 7, 1, 12, 5])


@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_a_small_change_of_a_weight_moves_the_logit_as_its_gradient_says(architecture: Architecture) -> None:
    model = ALL[architecture]
    network, found = model.network, trace(model, HISTORY, 9)
    np.testing.assert_allclose(maps(found, "raw"), model.attentions(HISTORY), atol=1e-6)
    across = network.decoder is not None
    block = network.decoder.blocks[1].cross if network.decoder else network.blocks[1].attention
    plain, step, D = block.forward, 1e-3, network.config.d_model

    def nudged(x, *rest):
        """The first head of the place that reads out looks a little more at the third event."""
        out, weights = plain(x, *rest)
        v = block.project_memory(rest[0])[..., D:] if across else block.project_in(x)[..., 2 * D :]
        more = torch.zeros(len(x), D, dtype=x.dtype)
        more[:, : D // 2] = step * v[:, 2, : D // 2]
        out = out.clone()
        out[:, -1] += more @ block.project_out.weight.T
        return out, weights

    def logit() -> float:
        hidden = network.next_item_state(torch.from_numpy(HISTORY)[None], torch.tensor([5]), attentions=True).hidden
        return float(network.double().logits(hidden.double(), torch.tensor([9]))[0, 0])

    network.double()
    try:
        before = logit()
        block.forward = nudged
        after = logit()
    finally:
        block.__dict__.pop("forward", None)
        network.float()
    gradient = found.cross_gradient[1, 0, 2] if found.cross_gradient is not None else found.own_gradient[1, 0, -1, 2]
    assert (after - before) / step == pytest.approx(gradient, rel=0.02, abs=1e-3)
    assert abs(gradient) > 0.01


def by_hand() -> Trace:
    own = np.array([[[[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]]], [[[1, 0, 0], [0.4, 0.6, 0], [0.1, 0.7, 0.2]]]])
    gradient = np.zeros_like(own)
    gradient[0, 0, 1] = [2, 1, 0]
    gradient[1, 0, 2] = [1, 2, -3]
    return Trace(own, gradient, None, None, "causal")


def test_rollout_is_the_product_of_layers_with_half_a_residual_path() -> None:
    found = by_hand()
    first, second = ((layer[0] + np.eye(3)) / 2 for layer in found.own)
    np.testing.assert_allclose(maps(found, "rollout")[:, 0], [first, second @ first])
    np.testing.assert_allclose(relevance(found, "rollout"), (second @ first)[-1])
    np.testing.assert_allclose(relevance(found, "raw"), [0.1, 0.7, 0.2])


def test_gradient_weighting_adds_what_flows_through_positive_products() -> None:
    found = by_hand()
    # Layer 1: A- has row 2 = (1, .5, 0). Layer 2: row 3 = (.1, 1.4, 0), its negative product left out.
    # R = I + A-_1, then the last row is e3 + .1 e1 + 1.4 (e2 + 1 e1 + .5 e2) = (1.5, 2.1, 1).
    np.testing.assert_allclose(relevance(found, "gradient"), [1.5, 2.1, 1])
    np.testing.assert_allclose(maps(found, "gradient")[1, 0, 2], [0.1, 1.4, 0])


def test_a_decoders_row_goes_through_the_encoders_flow() -> None:
    own = np.array([[[[0.5, 0.5], [0.25, 0.75]]]])
    cross = np.array([[[0.9, 0.1]]])
    found = Trace(own, np.array([[[[0.0, 2.0], [0.0, 0.0]]]]), cross, np.array([[[1.0, 4.0]]]), "cross")
    encoded = (own[0, 0] + np.eye(2)) / 2
    np.testing.assert_allclose(relevance(found, "rollout"), np.array([0.9, 0.1]) @ encoded)
    # Encoder: A- = [[0, 1], [0, 0]], its row scaled to 1, plus I; the decoder's A- = (.9, .4).
    np.testing.assert_allclose(relevance(found, "gradient"), [0.9, 0.9 + 0.4])
    assert maps(found, "gradient").shape == (1, 1, 3, 2)


@pytest.mark.parametrize("architecture", get_args(Architecture))
@pytest.mark.parametrize("reading", ["raw", "rollout", "gradient"])
@pytest.mark.parametrize("length", [1, 5, 12])
def test_every_event_gets_a_figure_and_rollout_rows_sum_to_one(architecture, reading, length) -> None:
    found = trace(ALL[architecture], np.arange(1, length + 1), 15)
    values = relevance(found, reading)
    assert values.shape == (min(length, 8),)
    assert (values >= 0).all()
    assert np.isfinite(values).all()
    if reading == "rollout":
        np.testing.assert_allclose(maps(found, "rollout").sum(-1), 1, atol=1e-6)
    if architecture == "causal":
        assert np.triu(maps(found, reading), 1).max() == 0
