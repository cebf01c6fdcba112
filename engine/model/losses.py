"""Losses as pure functions of a network's hidden states and targets."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from engine.model.transformer import Transformer


def softmax_loss(network: Transformer, hidden: Tensor, targets: Tensor, others: Tensor) -> Tensor:
    """Mean cross-entropy of the next item among itself and other items that all positions share.

    With `others` = all items it is the full softmax; with a uniform draw it is the sampled softmax (Jean et al. 2015,
    section 3). An item among the others that is a position's own target does not count twice there.

    Args:
        network: gives the logits.
        hidden: (N, D).
        targets: (N,) item indices.
        others: (M,) item indices.
    """
    positive = network.logits_of_pairs(hidden, targets)  # (N,)
    negative = network.logits(hidden, others)  # (N, M)
    return _SharedSoftmax.apply(positive, negative, others[None, :] == targets[:, None])


class _SharedSoftmax(torch.autograd.Function):
    """mean(logsumexp([positive, negative]) - positive), with the (N, M) matrix read as few times as can be.

    It overwrites `negative`, which nothing else needs: the gradient of the product that made it needs only its inputs.
    """

    @staticmethod
    def forward(ctx: Any, positive: Tensor, negative: Tensor, same: Tensor) -> Tensor:
        negative = negative.masked_fill_(same, -math.inf)
        peak = torch.maximum(negative.amax(dim=1), positive)  # (N,)
        share = negative.sub_(peak[:, None]).exp_()
        own = (positive - peak).exp()
        total = share.sum(dim=1) + own
        ctx.save_for_backward(share, own, total)
        ctx.mark_non_differentiable(same)
        return (total.log() + peak - positive).mean()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        share, own, total = ctx.saved_tensors
        scale = gradients[0] / len(total)
        return (own / total - 1) * scale, share * (scale / total)[:, None], None
