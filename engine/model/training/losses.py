"""Losses as pure functions of a network's hidden states and targets."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from engine.model.network.transformer import Transformer


def softmax_loss(
    network: Transformer, hidden: Tensor, targets: Tensor, others: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Mean cross-entropy of the next item against other items that all positions share.

    With all items as `others` this is the full softmax; with a uniform sample it is the sampled softmax (Jean et al.
    2015, section 3). An item among the others that is a position's own target does not count twice there.

    Args:
        network: gives the logits.
        hidden: (N, D).
        targets: (N,) item indices.
        others: (M,) item indices.
        smoothing: this share of the target's probability is spread evenly over all K items of a position's softmax,
            itself included: q = (1 - smoothing) on the target + smoothing / K everywhere (Szegedy et al. 2016, section
            7). An item drawn several times counts as often.
    """
    positive = network.logits_of_pairs(hidden, targets).float()  # (N,)
    negative = network.logits(hidden, others).float()  # (N, M), float32 after products in bfloat16 too
    return _SharedSoftmax.apply(positive, negative, *_own_targets(targets, others), smoothing)


def _own_targets(targets: Tensor, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where one of the other items is a position's own target.

    They are few, so listing their places is far cheaper than comparing all N x M pairs and filling by a mask.

    Returns:
        The rows and columns of these places, and (N,) how many each position has.
    """
    ordered, order = others.sort()
    first = torch.searchsorted(ordered, targets)
    counts = torch.searchsorted(ordered, targets, right=True) - first  # (N,)
    rows = torch.arange(len(targets), device=targets.device).repeat_interleave(counts)
    nth = torch.arange(len(rows), device=targets.device) - (counts.cumsum(0) - counts)[rows]
    return rows, order[first[rows] + nth], counts


class _SharedSoftmax(torch.autograd.Function):
    """The mean cross-entropy -sum(q log p) above, with as few passes over the (N, M) matrix as possible.

    Without smoothing it is mean(logsumexp([positive, negative]) - positive). It overwrites `negative`, which is not
    needed elsewhere: the gradient of the product that made it needs only its inputs.
    """

    @staticmethod
    def forward(
        ctx: Any, positive: Tensor, negative: Tensor, rows: Tensor, columns: Tensor, counts: Tensor, smoothing: float
    ) -> Tensor:
        sought, spread = positive, None
        if smoothing:
            spread = smoothing / (1 + negative.shape[1] - counts)  # (N,) for each item of the softmax
            negative[rows, columns] = 0.0
            others = negative.sum(dim=1)
            sought = (1 - smoothing) * positive + spread * (positive + others)
        negative[rows, columns] = -math.inf
        peak = torch.maximum(negative.amax(dim=1), positive)  # (N,)
        share = negative.sub_(peak[:, None]).exp_()
        own = (positive - peak).exp()
        total = share.sum(dim=1) + own
        ctx.smoothing = smoothing
        ctx.save_for_backward(share, own, total, spread, rows, columns)
        return (total.log() + peak - sought).mean()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        share, own, total, spread, rows, columns = ctx.saved_tensors
        scale = gradients[0] / len(total)
        if spread is None:
            return (own / total - 1) * scale, share.mul_((scale / total)[:, None]), None, None, None, None
        of_others = share.mul_((scale / total)[:, None]).sub_((spread * scale)[:, None])
        of_others[rows, columns] = 0.0
        return (own / total - (1 - ctx.smoothing) - spread) * scale, of_others, None, None, None, None
