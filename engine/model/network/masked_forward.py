"""The next-item states of one history with many different sets of its events hidden, at a fraction of the cost.

They equal what `Transformer.next_item_state` gives with `is_masked`, up to rounding. Three shortcuts make this fast.
Nothing attends to a hidden event, so hidden events are not computed, except the newest where the next item is read from
it. The first block's projections depend on the event alone and are computed once for all sets. In a causal network, the
leading events that are either all kept or all hidden are computed once.

Letters in shapes are those of `engine.model.network.transformer`; S places remain of L.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from engine.data.dataset import PAD
from engine.model.network.blocks import Block, SelfAttention
from engine.model.network.transformer import Transformer

_PLACES = 2048
"""Places computed at a time: few enough for their intermediate results to stay in a processor's cache."""

Projected = tuple[Tensor, Tensor, Tensor]
"""Queries, keys and values, each (H, ..., places, D / H)."""


@dataclass(frozen=True)
class _Places:
    """The input and its projections at each place before the first block; the last place is the next-item state's.

    Attributes:
        vectors: (P, D).
        projected: (H, P, D / H) each.
    """

    vectors: Tensor
    projected: Projected


def masked_hidden(network: Transformer, items: Tensor, keep_mask: Tensor, users: Tensor | None = None) -> Tensor:
    """(n, D) next-item states.

    Args:
        network: not in training.
        items: (L,) int64 a history, oldest first; L between 1 and `max_len`.
        keep_mask: (n, L) bool; False hides an event.
        users: (1,) row of the users' content; None for an unknown user.
    """
    sets, which = torch.unique(keep_mask, dim=0, return_inverse=True)
    user = None if network.user_vectors is None or users is None else network.user_vectors(users)  # (1, D)
    places = _places(network, items, user)
    causal = network.config.architecture == "causal"
    shared = _shared(sets) if causal else 0
    first = sets[:, 0]
    out = places.vectors.new_empty(len(sets), network.config.d_model)
    for rows in (torch.nonzero(first)[:, 0], torch.nonzero(~first)[:, 0]) if shared else (torch.arange(len(sets)),):
        begins = shared if len(rows) and bool(first[rows[0]]) else 0
        earlier = _earlier(network, places, begins) if begins else None
        kept = _kept(network, sets[rows, shared:])
        order = kept.sum(dim=1).argsort(stable=True)
        for part in _parts(kept[order].sum(dim=1)):
            taken = order[part]
            at, is_pad = _packed(kept[taken])
            out[rows[taken]] = _read_out(network, places, at + shared, is_pad, earlier, user)
    return out[which]


def _shared(sets: Tensor) -> int:
    """How many leading events are, in every set, either all kept or all hidden; never the newest."""
    differs = (sets != sets[:, :1]).any(dim=0)  # (L,)
    differs[-1] = True
    return int(differs.int().argmax())


def _places(network: Transformer, items: Tensor, user: Tensor | None) -> _Places:
    """Every place of the history, and after them the one of the next-item state where it is no event's."""
    L, architecture = len(items), network.config.architecture
    at = torch.arange(L + 1)
    if architecture == "causal":
        vectors = network.item_vectors(torch.cat([items, items.new_full((1,), PAD)]))
        vectors = vectors + network.position_vectors(at.clamp(max=L - 1))  # the last: the newest event's, hidden
    elif architecture == "masked":
        assert network.mask_vectors is not None
        vectors = torch.cat([network.item_vectors(items), network.mask_vectors]) + network.position_vectors(L - at)
    else:
        vectors = network.item_vectors(torch.cat([items, items.new_full((1,), PAD)]))
        vectors = vectors + network.position_vectors((L - 1 - at).clamp(min=0))  # the last is for no event at all
    vectors = vectors if user is None else vectors + user
    block = cast(Block, network.blocks[0])
    return _Places(vectors, _project(block.attention, block.norm_attention(vectors)))


def _kept(network: Transformer, keep_mask: Tensor) -> Tensor:
    """(n, L + 1) bool places that are computed: the kept events, and one more if the next item is read from it."""
    if network.config.architecture == "causal":
        more = ~keep_mask[:, -1]
    elif network.config.architecture == "masked":
        more = torch.ones_like(keep_mask[:, 0])
    else:
        more = ~keep_mask.any(dim=1)
    return torch.cat([keep_mask, more[:, None]], dim=1)


def _parts(sizes: Tensor) -> list[slice]:
    """Slices of rows of similar width, with `_PLACES` places at most."""
    out: list[slice] = []
    start, widths = 0, sizes.tolist()
    while start < len(widths):
        stop = start + 1
        while stop < len(widths) and (stop + 1 - start) * widths[stop] <= _PLACES:
            stop += 1
        out.append(slice(start, stop))
        start = stop
    return out


def _packed(kept: Tensor) -> tuple[Tensor, Tensor]:
    """(B, S) the places kept, in their order, at the right of each row, and (B, S) bool, True for padding before."""
    width = int(kept.sum(dim=1).max())
    order = kept.int().argsort(dim=1, stable=True)[:, -width:]
    return order, ~kept.gather(1, order)


def _earlier(network: Transformer, places: _Places, n: int) -> list[tuple[Tensor, Tensor]]:
    """Each block's keys and values, (H, n, D / H), of the first n events, all kept."""
    x, projected = places.vectors[:n], cast(Projected, tuple(part[:, :n] for part in places.projected))
    at = torch.arange(n)
    future = at[None, :] > at[:, None]
    out: list[tuple[Tensor, Tensor]] = []
    for i in range(len(network.blocks)):
        block = cast(Block, network.blocks[i])
        projected = projected if i == 0 else _project(block.attention, block.norm_attention(x))
        out.append(projected[1:])
        if i < len(network.blocks) - 1:
            x = block.feed(x + _mixed(block.attention, projected, future, None), None)
    return out


def _read_out(
    network: Transformer,
    places: _Places,
    at: Tensor,
    is_pad: Tensor,
    earlier: list[tuple[Tensor, Tensor]] | None,
    user: Tensor | None,
) -> Tensor:
    """(B, D) states of sets whose places are `at`, (B, S); each block also attends to the keys and values `earlier`."""
    S = at.shape[1]
    own = torch.eye(S, dtype=torch.bool)
    blocked = is_pad[:, None, :] & ~own  # (B, S query, S key): padding attends to itself, since it needs some key
    if network.config.architecture == "causal":
        blocked = blocked | torch.ones(S, S, dtype=torch.bool).triu(1)
    x = places.vectors[at]
    projected = cast(Projected, tuple(part[:, at] for part in places.projected))
    for i in range(len(network.blocks)):
        block = cast(Block, network.blocks[i])
        projected = projected if i == 0 else _project(block.attention, block.norm_attention(x))
        if network.decoder is None and i == len(network.blocks) - 1:  # only the state at the last place is needed
            x, blocked = x[:, -1:], blocked[:, -1:]
            projected = projected[0][:, :, -1:], *projected[1:]
        x = block.feed(x + _mixed(block.attention, projected, blocked, earlier[i] if earlier else None), None)
    if network.decoder is not None and network.norm_memory is not None:
        nobody = is_pad | (at == len(places.vectors) - 1)
        start = x.new_zeros(len(x), 0, x.shape[2])
        x = network.decoder(start, (network.norm_memory(x), nobody), None, None if user is None else user[:, None])[0]
    return network.norm(x[:, 0])


def _project(attention: SelfAttention, x: Tensor) -> Projected:
    """Of (..., places, D)."""
    H, width = attention.n_heads, x.shape[-1] // attention.n_heads
    parts = attention.project_in(x).unflatten(-1, (3, H, width)).movedim((-3, -2), (0, 1))
    return parts[0], parts[1], parts[2]


def _mixed(
    attention: SelfAttention, projected: Projected, blocked: Tensor, earlier: tuple[Tensor, Tensor] | None
) -> Tensor:
    """(..., query, D) what attention adds.

    Args:
        attention: the layer.
        projected: queries (H, ..., query, D / H), keys and values (H, ..., key, D / H).
        blocked: (..., query, key) bool; True where the query may not attend.
        earlier: keys and values of n events that all queries may attend to, (H, n, D / H).
    """
    q, k, v = projected
    q = q / q.shape[-1] ** 0.5
    scores = (q @ k.transpose(-2, -1)).masked_fill_(blocked, -torch.inf)  # (H, ..., query, key)
    if earlier is None:
        mixed = scores.softmax(dim=-1) @ v
    else:
        keys, values = earlier
        before = (q.flatten(1, -2) @ keys.transpose(-2, -1)).view(*q.shape[:-1], -1)  # (H, ..., query, n)
        weights = torch.cat([before, scores], dim=-1).softmax(dim=-1)
        far, near = weights.split([keys.shape[1], k.shape[-2]], dim=-1)
        mixed = near @ v + (far.flatten(1, -2) @ values).view(q.shape)
    return attention.project_out(mixed.movedim(0, -2).flatten(-2))
