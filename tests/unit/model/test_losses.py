"""The shared softmax against torch's own cross-entropy, values and gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from engine.model.losses import softmax_loss
from engine.model.transformer import Shape, Transformer


def make(output: str) -> Transformer:
    network = Transformer(Shape(40, 8, 16, 1, 2, 32, 0.0, output, 0.1))  # pyright: ignore[reportArgumentType]
    network.initialise(torch.Generator().manual_seed(1))
    return network


def gradients(loss: Tensor, network: Transformer, hidden: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, [hidden, network.item_vectors.own.weight]))


@pytest.mark.parametrize("output", ["cosine", "dot"])
def test_over_all_items_it_is_cross_entropy(output: str) -> None:
    network = make(output)
    generator = torch.Generator().manual_seed(2)
    hidden = torch.randn(25, 16, generator=generator, requires_grad=True)
    targets = torch.randint(1, 41, (25,), generator=generator)
    ours = softmax_loss(network, hidden, targets, torch.arange(1, 41))
    logits = network.logits(hidden)
    logits[:, 0] = -math.inf
    theirs = torch.nn.functional.cross_entropy(logits, targets)
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(gradients(ours, network, hidden), gradients(theirs, network, hidden), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("output", ["cosine", "dot"])
def test_over_a_sample_a_target_among_the_negatives_counts_once(output: str) -> None:
    network = make(output)
    hidden = torch.randn(3, 16, generator=torch.Generator().manual_seed(3), requires_grad=True)
    targets, negatives = torch.tensor([5, 6, 7]), torch.tensor([5, 9, 9, 6])
    ours = softmax_loss(network, hidden, targets, negatives)
    logits = network.logits(hidden)
    rows = [[5, 9, 9, 6], [6, 5, 9, 9], [7, 5, 9, 9, 6]]  # the target first, then the others
    theirs = torch.stack([-logits[i, row].log_softmax(0)[0] for i, row in enumerate(rows)]).mean()
    torch.testing.assert_close(ours, theirs)
    for a, b in zip(gradients(ours, network, hidden), gradients(theirs, network, hidden), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
