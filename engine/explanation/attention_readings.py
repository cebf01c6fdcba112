"""The importance of each event by the network's own attention: raw weights, rollout, and gradient-weighted.

Three ways to reduce many heads and layers to one figure for each event, none of which runs the model again without
events. Whether they name what moves a score is measured by `engine.explanation.faithfulness`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from engine.data.dataset import NOBODY
from engine.errors import EngineError
from engine.model.network.next_item_state import user_rows
from engine.recommender import AttentionKind, TransformerRecommender

Reading = Literal["raw", "rollout", "gradient"]
"""How attention is read: as it is, as it flows through all layers, or as far as it raises one item's score."""


@dataclass(frozen=True)
class Trace:
    """The attention of the network on its way from one history of L events to one item's score.

    Attributes:
        own: (n_layers, H, query, key) float64 self-attention weights; there are L + 1 places if [MASK] is the last.
        own_gradient: the gradient of the item's logit with respect to each weight; 0 if no item was given.
        cross: (n_layers, H, L) weights of the decoder's START on the encoded events; None without a decoder.
        cross_gradient: likewise, the gradient.
        kind: how the network reads.
    """

    own: np.ndarray
    own_gradient: np.ndarray
    cross: np.ndarray | None
    cross_gradient: np.ndarray | None
    kind: AttentionKind

    @property
    def n_events(self) -> int:
        """L."""
        return self.own.shape[-1] - (self.kind == "bidirectional")


def trace(
    recommender: TransformerRecommender, history: np.ndarray, item_idx: int | None = None, user: int = NOBODY
) -> Trace:
    """Attention over the last `max_len` events, and its gradient for an item's logit.

    Args:
        recommender: the trained network.
        history: item indices, oldest first; at least one.
        item_idx: the item of the logit; None leaves the gradients 0.
        user: index of the user, whose attributes stay known.

    Raises:
        EngineError: the history is empty.
    """
    if len(history) == 0:
        raise EngineError("An empty history has no attention to show; choose a user with at least one event.")
    network = recommender.network
    items = torch.from_numpy(np.ascontiguousarray(history[-recommender.max_len :], dtype=np.int64))[None]
    with torch.set_grad_enabled(item_idx is not None):
        output = network.next_item_state(
            items, torch.tensor([items.shape[1]]), attentions=True, users=user_rows(network, np.array([user]))
        )
        gradients = [torch.zeros_like(weights) for weights in output.sources]
        if item_idx is not None:
            logit = network.logits(output.hidden, torch.tensor([item_idx]))[0, 0]
            found = torch.autograd.grad(logit, output.sources, allow_unused=True)
            gradients = [zero if g is None else g for zero, g in zip(gradients, found, strict=True)]
    n_layers = recommender.n_layers
    own, own_gradient = (_plain(part[:n_layers]) for part in (output.sources, gradients))
    if output.cross is None:
        return Trace(own, own_gradient, None, None, recommender.attention_kind)
    cross, cross_gradient = (_plain(part[n_layers:])[:, :, 0] for part in (output.sources, gradients))
    return Trace(own, own_gradient, cross, cross_gradient, recommender.attention_kind)


def _plain(parts: tuple[torch.Tensor, ...] | list[torch.Tensor]) -> np.ndarray:
    return np.stack([part[0].detach().double().numpy() for part in parts])


def maps(found: Trace, reading: Reading) -> np.ndarray:
    """The maps of the Attention page: (n_layers, heads, rows, L keys), or L + 1 keys if [MASK] is one.

    Rows are those of `TransformerRecommender.attentions`: the next item is read from the last one. "raw": the weights.
    "rollout": one map per layer, heads averaged, of how far each place draws on each event after that layer.
    "gradient": each weight times the gradient of the item's logit in it, where that is positive: how many points of the
    logit the weight accounts for, to first order.
    """
    if reading == "rollout":
        own = _rolled(found.own)
        if found.cross is None:
            return own[:, None]
        row = _through_decoder(found.cross.mean(axis=1), own[-1])
        return np.concatenate([own, row[:, None]], axis=1)[:, None]
    own, cross = found.own, found.cross
    if reading == "gradient":
        own = np.maximum(own * found.own_gradient, 0)
        cross = None if cross is None or found.cross_gradient is None else np.maximum(cross * found.cross_gradient, 0)
    return own if cross is None else np.concatenate([own, cross[:, :, None]], axis=2)


def relevance(found: Trace, reading: Reading) -> np.ndarray:
    """(L,) float64 importance of each event, 0 or more.

    "raw": the weights of the next-item state's place in the last layer, averaged over heads.

    "rollout" (Abnar and Zuidema, "Quantifying attention flow in Transformers", ACL 2020): heads are averaged, the
    residual path counts as half, and layers are multiplied: A~ = (A + I) / 2, R = A~_n ... A~_1; the last row. In a
    decoder START's row r starts at nothing, and each layer makes it (r + c R) / 2 with cross-attention c.

    "gradient" (Chefer, Gur and Wolf, "Generic attention-model explainability", ICCV 2021): A- is the mean over heads of
    (gradient x A) where positive, and R, at first the identity, becomes R + A- R layer by layer; the last row. In a
    causal network the next item is read from the newest event, so the identity counts for it: its vector reaches the
    output past all attention. (Without it, curves were worse on validation histories of all three logs tried.) A
    decoder's row grows by A- of its cross-attention times the encoder's R, rows of R - I scaled to sum to 1 (their
    equations 8 to 10).
    """
    n = found.n_events
    if reading == "raw":
        return (found.own[-1, :, -1, :n] if found.cross is None else found.cross[-1]).mean(axis=0)
    if reading == "rollout":
        own = _rolled(found.own)[-1]
        return own[-1, :n] if found.cross is None else _through_decoder(found.cross.mean(axis=1), own)[-1]
    size = found.own.shape[-1]
    flow = np.eye(size)
    for layer in np.maximum(found.own * found.own_gradient, 0).mean(axis=1):
        flow = flow + layer @ flow
    if found.cross is None or found.cross_gradient is None:
        return flow[-1, :n]
    gained = flow - np.eye(size)
    sums = gained.sum(axis=1, keepdims=True)
    scaled = np.divide(gained, sums, out=np.zeros_like(gained), where=sums > 0) + np.eye(size)
    return (np.maximum(found.cross * found.cross_gradient, 0).mean(axis=1) @ scaled).sum(axis=0)


def _rolled(own: np.ndarray) -> np.ndarray:
    """(n_layers, L, L) rollout after each layer; rows sum to 1."""
    flow = np.eye(own.shape[-1])
    out = []
    for layer in own.mean(axis=1):
        flow = (layer @ flow + flow) / 2
        out.append(flow)
    return np.stack(out)


def _through_decoder(cross: np.ndarray, encoded: np.ndarray) -> np.ndarray:
    """(n_layers, L) how far START draws on each event after each decoder layer; rows sum to 1."""
    row = np.zeros(cross.shape[-1])
    out = []
    for layer in cross:
        row = (row + layer @ encoded) / 2
        out.append(row / row.sum())
    return np.stack(out)
