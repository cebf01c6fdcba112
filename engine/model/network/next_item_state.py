"""The next-item states of histories, and how well they rank on validation."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from engine.data.dataset import Histories
from engine.data.splits import Holdout
from engine.model.chunks import rows_at_once
from engine.model.network.transformer import Transformer

VALIDATION_K = 10
"""Early stopping uses NDCG at this list length."""


@torch.no_grad()
def validation_ndcg(
    network: Transformer, holdout: Holdout, candidates: np.ndarray, exclude_seen: bool, chunk: int = 1024
) -> float:
    """Mean NDCG@10 of rows of one or more targets, between 0 and 1, as `engine.evaluation.metrics.accuracy` defines it.

    At most `chunk` rows are scored together, fewer over a large catalogue.
    """
    discounts = 1.0 / np.log2(np.arange(2, VALIDATION_K + 2))
    ideal = np.cumsum(discounts)[np.minimum(holdout.targets.lengths, VALIDATION_K) - 1]  # (U,)
    device = network.item_vectors.device
    network.eval()
    chunk = rows_at_once(network.config.n_items, chunk)
    vectors = network.output_vectors()
    barred = torch.as_tensor(~candidates, device=device)
    gains: list[Tensor] = []
    for start in range(0, len(holdout), chunk):
        part = holdout.take(np.arange(start, min(start + chunk, len(holdout))))
        scores = network.logits(next_item_states(network, part.histories), vectors=vectors)
        scores[:, barred] = -math.inf
        if exclude_seen:
            rows = torch.as_tensor(part.histories.positions(), device=device)
            scores[rows, torch.as_tensor(part.histories.items, device=device).long()] = -math.inf
        for turn in range(int(part.targets.lengths.max())):  # everybody's first target, then second ones, ...
            asked = np.flatnonzero(part.targets.lengths > turn)
            target = torch.as_tensor(part.targets.items[part.targets.offsets[asked] + turn], device=device).long()
            rows = scores if len(asked) == len(part) else scores[torch.as_tensor(asked, device=device)]
            own = rows.gather(1, target[:, None])
            rank = (rows >= own).sum(1)
            hit = (rank <= VALIDATION_K) & torch.isfinite(own[:, 0])
            gain = torch.where(hit, 1.0 / torch.log2(rank + 1.0), torch.zeros(()))
            gains.append(gain / torch.as_tensor(ideal[start + asked], dtype=gain.dtype, device=device))
    return float(torch.cat(gains).sum()) / len(holdout) if gains else 0.0


def next_item_states(network: Transformer, histories: Histories) -> Tensor:
    """(n, D) next-item state of each history; only the last `max_len` events count.

    Rows of similar length go through the network together, so that padding costs little.
    """
    device = network.item_vectors.device
    cut = histories.last(network.config.max_len)
    lengths = cut.lengths
    out = torch.empty(len(cut), network.config.d_model, device=device)
    order = np.argsort(lengths, kind="stable")
    for rows in np.array_split(order, max(1, -(-len(order) // 256))):
        width = max(1, int(lengths[rows].max(initial=0)))
        items = torch.from_numpy(cut.take(rows).padded(width)).to(device)
        held = torch.from_numpy(lengths[rows]).to(device)
        whose = user_rows(network, None if cut.users is None else cut.users[rows])
        out[torch.from_numpy(rows).to(device)] = network.next_item_state(items, held, users=whose).hidden
    return out


def user_rows(network: Transformer, users: np.ndarray | None) -> Tensor | None:
    """(B,) rows of the network's user content: user index plus one, 0 for `NOBODY`; None where it is not used."""
    if network.user_vectors is None or users is None:
        return None
    return torch.from_numpy(users + 1).to(network.item_vectors.device)
