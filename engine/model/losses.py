"""Losses as pure functions of a network's hidden states and targets."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.model.transformer import Transformer


def full_softmax(network: Transformer, hidden: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of the next item among all V items: hidden (N, D), targets (N,)."""
    logits = network.logits(hidden)
    logits[:, 0] = -math.inf  # padding is no item
    return F.cross_entropy(logits, targets)


def sampled_softmax(network: Transformer, hidden: Tensor, targets: Tensor, negatives: Tensor) -> Tensor:
    """Mean cross-entropy of the next item among itself and shared negatives.

    Args:
        hidden: (N, D).
        targets: (N,) item indices.
        negatives: (M,) item indices drawn uniformly, the same for every position; a negative that is a position's own
            target does not count there (Jean et al. 2015, section 3.2, with a uniform proposal).
    """
    positive = network.logits_of_pairs(hidden, targets)[:, None]  # (N, 1)
    negative = network.logits(hidden, negatives)  # (N, M)
    negative = negative.masked_fill(negatives[None, :] == targets[:, None], -math.inf)
    return (torch.logsumexp(torch.cat([positive, negative], dim=1), dim=1) - positive[:, 0]).mean()
