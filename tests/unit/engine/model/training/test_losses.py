"""The shared softmax against torch's own cross-entropy, values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.model.network.transformer import NetworkConfig, Transformer
from engine.model.training.losses import softmax_loss


def make(output: str) -> Transformer:
    network = Transformer(NetworkConfig(40, 8, 16, 1, 2, 32, 0.0, output, 0.1))  # pyright: ignore[reportArgumentType]
    network.initialise(torch.Generator().manual_seed(1))
    return network


def gradients(loss: Tensor, network: Transformer, hidden: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, [hidden, network.item_vectors.own.weight]))


@pytest.mark.parametrize("output", ["cosine", "dot"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_over_all_items_it_is_cross_entropy(output: str, smoothing: float) -> None:
    network = make(output)
    generator = torch.Generator().manual_seed(2)
    hidden = torch.randn(25, 16, generator=generator, requires_grad=True)
    targets = torch.randint(1, 41, (25,), generator=generator)
    ours = softmax_loss(network, hidden, targets, torch.arange(1, 41), smoothing)
    logits = network.logits(hidden)[:, 1:]
    theirs = torch.nn.functional.cross_entropy(logits, targets - 1, label_smoothing=smoothing)
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(gradients(ours, network, hidden), gradients(theirs, network, hidden), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("output", ["cosine", "dot"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_over_a_sample_a_target_among_the_negatives_counts_once(output: str, smoothing: float) -> None:
    network = make(output)
    hidden = torch.randn(3, 16, generator=torch.Generator().manual_seed(3), requires_grad=True)
    targets, negatives = torch.tensor([5, 6, 7]), torch.tensor([5, 9, 9, 6])
    ours = softmax_loss(network, hidden, targets, negatives, smoothing)
    logits = network.logits(hidden)
    rows = [[5, 9, 9, 6], [6, 5, 9, 9], [7, 5, 9, 9, 6]]  # the target first, then the others
    log_p = [logits[i, row].log_softmax(0) for i, row in enumerate(rows)]
    theirs = torch.stack([-(1 - smoothing) * p[0] - smoothing * p.mean() for p in log_p]).mean()
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(gradients(ours, network, hidden), gradients(theirs, network, hidden), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_an_item_that_is_alone_costs_nothing(smoothing: float) -> None:
    network = make("cosine")
    hidden = torch.randn(4, 16, generator=torch.Generator().manual_seed(5), requires_grad=True)
    loss = softmax_loss(network, hidden, torch.tensor([7, 7, 7, 7]), torch.tensor([7]), smoothing)
    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    assert all(torch.isfinite(g).all() for g in gradients(loss, network, hidden))
