"""The network: pre-norm Transformer blocks over item vectors, in one of three arrangements, and the item scores.

- causal (GPT style): each event attends to earlier events; the next item is read from the newest event's place.
- masked (BERT style): all events attend to each other; the next item is read from a [MASK] after the newest event.
- encoder-decoder (Vaswani et al. 2017): the history is encoded as in masked; the next item is read from a decoder that
starts from START alone and attends to the history.

Letters in shapes: B sequences, L positions, D = d_model, H heads, V items (tables hold V + 1 rows: 0 is padding).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.dataset import PAD
from engine.model.network.blocks import Block
from engine.model.network.config import NetworkConfig
from engine.model.network.content_vectors import ContentVectors
from engine.model.network.decoder import Decoder
from engine.model.network.item_vectors import ItemVectors
from engine.model.network.noise import Noise, drop


@dataclass(frozen=True)
class ModelOutput:
    """Hidden states, and attentions if requested.

    Attributes:
        hidden: (B, L, D) after the last norm. Causal: place t has seen places 0..t. Masked: every place has seen every
            other. Encoder-decoder: the decoder's M + 1 places, place t after START and t following items. From
            `next_item_state`: (B, D).
        attentions: (n_layers, B, H, L query, L key) of the history's places, rows sum to 1; None unless requested.
        decoded: (n_layers, B, H, M + 1, M + 1), the decoder's self-attention; None without a decoder.
        cross: (n_layers, B, H, M + 1, L), the decoder's attention to the history; rows sum to 1, or are 0 where there
            is no event to attend to; None without a decoder.
        sources: the weights from which `attentions` and `cross` are assembled, (B, H, query, key) layer by layer, the
            decoder's last. `hidden` was computed from these, so gradients with respect to them are available.
    """

    hidden: Tensor
    attentions: Tensor | None
    decoded: Tensor | None = None
    cross: Tensor | None = None
    sources: tuple[Tensor, ...] = ()


class Transformer(nn.Module):
    """A Transformer whose item vectors are both input and output (tied)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.item_vectors = ItemVectors(config.n_items, config.d_model, config.item_content)
        known = config.user_content
        self.user_vectors = ContentVectors(config.n_users, config.d_model, known) if known else None
        masked = config.architecture == "masked"
        self.position_vectors = nn.Embedding(config.max_len + masked, config.d_model)
        self.mask_vectors = nn.Parameter(torch.zeros(1, config.d_model)) if masked else None
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.decoder = Decoder(config) if config.architecture == "encoder-decoder" else None
        self.norm_memory = nn.LayerNorm(config.d_model) if self.decoder else None
        self.norm = nn.LayerNorm(config.d_model)
        self.bias = nn.Parameter(torch.zeros(config.n_items + 1)) if config.output == "dot" else None

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights from the generator.

        Item and position vectors are normal with deviation .02, so that the first steps can turn them; the blocks'
        matrices are normal with the variance of torch's own linear layers, 1 / (3 x inputs), since anything smaller
        leaves a narrow block idle while item vectors already overfit; biases are 0, norms 1.
        """
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if "norm" in name:
                    parameter.fill_(1.0 if name.endswith("weight") else 0.0)
                elif parameter.dim() > 1:
                    deviation = 0.02 if "vectors" in name else 1 / math.sqrt(3 * parameter.shape[1])
                    parameter.normal_(0.0, deviation, generator=generator)
                else:
                    parameter.zero_()
            self.item_vectors.silence_padding()
            if self.user_vectors is not None:
                self.user_vectors.silence_padding()

    @property
    def mask(self) -> int:
        """The item index that stands for [MASK] in a masked network's input."""
        return self.config.n_items + 1

    def forward(
        self,
        items: Tensor,
        is_masked: Tensor | None = None,
        attentions: bool = False,
        noise: Noise | None = None,
        following: Tensor | None = None,
        users: Tensor | None = None,
        next_item_at: Tensor | None = None,
    ) -> ModelOutput:
        """Hidden states of a batch of histories.

        Args:
            items: (B, L) int64, oldest first, padded with 0 at the right; L at most `max_len`, one more if masked,
                where `mask` stands for an item to predict.
            is_masked: (B, L) bool; True hides an event: its vector is zero and no other event may attend to it, but it
                keeps its place, so that the others do not move. None hides nothing.
            attentions: also return the attention weights. Hidden states are the same either way.
            noise: source of dropout while training; without it nothing is dropped.
            following: (B, M) items that a decoder reads after START, padded likewise; None for START alone.
            users: (B,) int64 rows of the users' content, whose vectors are added at every place; 0 or None stands for a
                user without known attributes.
            next_item_at: (B,) the one place of each row whose state is wanted. `hidden` is then (B, 1, D) and the last
                block computes only that place. Not for training, nor with attentions, nor in an encoder-decoder.
        """
        causal = self.config.architecture == "causal"
        x, blocked, nobody = self._causal(items, is_masked) if causal else self._both_ways(items, is_masked)
        user = None if self.user_vectors is None or users is None else self.user_vectors(users)[:, None]  # (B, 1, D)
        x = x if user is None else x + user
        x = drop(x if noise is None else noise.jitter(x), self.config.dropout, noise)  # (B, L, D)
        kept: list[Tensor] = []
        whole = len(self.blocks) - (next_item_at is not None)
        for block in self.blocks[:whole]:
            x, weights, _ = block(x, blocked, noise)
            if attentions:
                kept.append(weights)
        for block in self.blocks[whole:]:
            assert next_item_at is not None
            assert isinstance(block, Block)
            x = block.of_one(x, blocked, next_item_at)
        seen = torch.stack(kept) if attentions else None
        if self.decoder is None or self.norm_memory is None:
            return ModelOutput(self.norm(x), seen, sources=tuple(kept))
        read = items[:, :0] if following is None else following
        x, own, across = self.decoder(self.item_vectors(read), (self.norm_memory(x), nobody), noise, user)
        if not attentions:
            return ModelOutput(self.norm(x), None)
        return ModelOutput(self.norm(x), seen, torch.stack(own), torch.stack(across), (*kept, *across))

    def _causal(self, items: Tensor, is_masked: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """(B, L, D) item plus position vectors, and where a query may not attend: the future and hidden events."""
        at = torch.arange(items.shape[1], device=items.device)
        blocked = at[None, :] > at[:, None]  # (L query, L key)
        if is_masked is not None:
            items = items.masked_fill(is_masked, PAD)
            hidden_key = is_masked[:, None, :] & (
                at[None, :] != at[:, None]
            )  # (B, L, L): a place still attends to itself
            blocked = (blocked | hidden_key)[:, None]  # (B, 1, L, L)
        return self.item_vectors(items) + self.position_vectors(at), blocked, is_masked

    def _both_ways(self, items: Tensor, is_masked: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """For full attention: (B, L, D) vectors, where a query may not attend, and places that no query may attend to.

        Positions are counted back from the newest event, since what follows it is predicted: the newest has the same
        position in a short history as in a long one.
        """
        L = items.shape[1]
        at = torch.arange(L, device=items.device)
        nobody = items == PAD  # (B, L)
        back = ((~nobody).sum(1, keepdim=True) - 1 - at).clamp(min=0)
        masked = items == self.mask
        if is_masked is not None:
            is_masked = is_masked & ~masked
            items, nobody = items.masked_fill(is_masked, PAD), nobody | is_masked
        blocked = (nobody[:, None, :] & (at[None, :] != at[:, None]))[
            :, None
        ]  # (B, 1, L, L): a place attends to itself
        vectors = self.item_vectors(items.masked_fill(masked, PAD))
        if self.mask_vectors is not None:
            vectors = torch.where(masked[..., None], self.mask_vectors, vectors)
        return vectors + self.position_vectors(back), blocked, nobody

    def next_item_state(
        self,
        items: Tensor,
        lengths: Tensor,
        is_masked: Tensor | None = None,
        attentions: bool = False,
        users: Tensor | None = None,
    ) -> ModelOutput:
        """The next-item state of each history: `hidden` is (B, D).

        Args:
            items: (B, L) int64 as for `forward`, without [MASK]; L between 1 and `max_len`.
            lengths: (B,) real events of each row; may be 0.
            is_masked: (B, L) bool as for `forward`.
            attentions: also return the attention weights; a masked network's have one more place, that of [MASK].
            users: (B,) as for `forward`.
        """
        rows = torch.arange(len(items), device=items.device)
        if self.config.architecture == "encoder-decoder":
            output = self(items, is_masked, attentions, users=users)
            return replace(output, hidden=output.hidden[:, 0])
        if self.config.architecture == "causal":
            place = (lengths - 1).clamp(min=0)
        else:
            place = lengths
            items = F.pad(items, (0, 1))
            items[rows, place] = self.mask
            is_masked = None if is_masked is None else F.pad(is_masked, (0, 1))
        if attentions:
            output = self(items, is_masked, attentions, users=users)
            return replace(output, hidden=output.hidden[rows, place])
        output = self(items, is_masked, users=users, next_item_at=place)
        return replace(output, hidden=output.hidden[:, 0])

    def with_vectors(self, items: nn.Module, users: nn.Module | None) -> Transformer:
        """The same network, sharing all its other weights, with item and user vectors from elsewhere.

        Use its `forward` and `next_item_state`. This network, which other threads may be using, is left as it is.

        Args:
            items: gives the (..., D) vectors of item indices of any shape; 0 stays padding, and `mask` stays [MASK].
            users: gives the (B, D) vectors of the `users` passed to `forward`.
        """
        twin = copy.copy(self)
        twin._modules = {**self._modules, "item_vectors": items, "user_vectors": users}
        return twin

    def output_vectors(self, items: Tensor | None = None) -> Tensor:
        """(M, D) output vectors, by which hidden states are multiplied to score items; None for all V + 1."""
        vectors = self.item_vectors.all() if items is None else self.item_vectors(items)
        return unit(vectors) if self.config.output == "cosine" else vectors

    def logits(
        self,
        hidden: Tensor,
        items: Tensor | None = None,
        vectors: Tensor | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        """Raw scores of items for hidden states.

        Args:
            hidden: (N, D).
            items: (M,) item indices; None for all V + 1, where column 0 has no meaning.
            vectors: what `output_vectors` gives for these items, for callers that score them repeatedly.
            out: (N, M) float32, where to write the logits; not for training.

        Returns:
            (N, M) logits: cosine / temperature, or dot product + bias.
        """
        vectors = self.output_vectors(items) if vectors is None else vectors
        if self.config.output == "cosine":
            return torch.mm(unit(hidden) / self.config.temperature, vectors.T, out=out)
        assert self.bias is not None
        return torch.addmm(self.bias if items is None else self.bias[items], hidden, vectors.T, out=out)

    def logits_of_pairs(self, hidden: Tensor, items: Tensor) -> Tensor:
        """(N,) logit of one item for each hidden state: hidden (N, D), items (N,)."""
        vectors = self.item_vectors(items)
        if self.config.output == "cosine":
            return (unit(hidden) * unit(vectors)).sum(-1) / self.config.temperature
        assert self.bias is not None
        return (hidden * vectors).sum(-1) + self.bias[items]


def blank(config: NetworkConfig) -> Transformer:
    """A network without initialised weights; unlike the constructor it draws nothing from torch's global generator."""
    with torch.device("meta"):
        network = Transformer(config)
    return network.to_empty(device="cpu")


def unit(x: Tensor) -> Tensor:
    """Vectors scaled to length 1; a zero vector stays zero."""
    return F.normalize(x, dim=-1, eps=1e-8)
