"""The network: pre-norm causal Transformer blocks over item vectors, and the head that scores items.

Letters in shapes: B sequences, L positions, D = d_model, H heads, V items (tables hold V + 1 rows: 0 is padding).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.dataset import PAD
from engine.model.item_vectors import ItemVectors
from engine.model.noise import Noise, drop


@dataclass(frozen=True)
class Shape:
    """What fixes the parameters' sizes and the forward pass; every field is a resolved setting of `ModelConfig`."""

    n_items: int
    max_len: int
    d_model: int
    n_layers: int
    n_heads: int
    d_ff: int
    dropout: float
    output: Literal["cosine", "dot"]
    temperature: float
    n_tokens: int = 0
    token_width: int = 0
    n_dense: int = 0


@dataclass(frozen=True)
class ModelOutput:
    """Hidden states, and attentions where they were asked for.

    Attributes:
        hidden: (B, L, D) after the last norm; position t has seen positions 0..t.
        attentions: (n_layers, B, H, L query, L key), rows of real events sum to 1; None unless asked for.
    """

    hidden: Tensor
    attentions: Tensor | None


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017, eq. 1), weights always at hand."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.n_heads = shape.n_heads
        self.dropout = shape.dropout
        self.project_in = nn.Linear(shape.d_model, 3 * shape.d_model)
        self.project_out = nn.Linear(shape.d_model, shape.d_model)

    def forward(self, x: Tensor, blocked: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        """Mixed values and weights.

        Args:
            x: (B, L, D).
            blocked: bool, broadcast to (B, H, L query, L key); True where the query may not look.
            noise: drops weights while training.

        Returns:
            (B, L, D) and the weights (B, H, L, L) before dropout.
        """
        B, L, D = x.shape
        q, k, v = self.project_in(x).view(B, L, 3, self.n_heads, D // self.n_heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / math.sqrt(D // self.n_heads)  # (B, H, L, L)
        weights = scores.masked_fill(blocked, -math.inf).softmax(dim=-1)
        mixed = drop(weights, self.dropout, noise) @ v  # (B, H, L, D / H)
        return self.project_out(mixed.transpose(1, 2).reshape(B, L, D)), weights


class Block(nn.Module):
    """x + attention(norm(x)), then x + feed-forward(norm(x))."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(shape.d_model)
        self.attention = SelfAttention(shape)
        self.norm_feed = nn.LayerNorm(shape.d_model)
        self.widen = nn.Linear(shape.d_model, shape.d_ff)
        self.narrow = nn.Linear(shape.d_ff, shape.d_model)
        self.dropout = shape.dropout

    def forward(self, x: Tensor, blocked: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        """(B, L, D) and the attention weights (B, H, L, L)."""
        mixed, weights = self.attention(self.norm_attention(x), blocked, noise)
        x = x + drop(mixed, self.dropout, noise)
        wide = drop(F.gelu(self.widen(self.norm_feed(x))), self.dropout, noise)  # (B, L, d_ff)
        return x + drop(self.narrow(wide), self.dropout, noise), weights


class Transformer(nn.Module):
    """A causal Transformer whose item vectors serve as input and, tied, as output."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.item_vectors = ItemVectors(shape.n_items, shape.d_model, shape.n_tokens, shape.token_width, shape.n_dense)
        self.position_vectors = nn.Embedding(shape.max_len, shape.d_model)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.norm = nn.LayerNorm(shape.d_model)
        self.bias = nn.Parameter(torch.zeros(shape.n_items + 1)) if shape.output == "dot" else None

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

    def forward(
        self, items: Tensor, absent: Tensor | None = None, attentions: bool = False, noise: Noise | None = None
    ) -> ModelOutput:
        """Hidden states of a batch of histories.

        Args:
            items: (B, L) int64, oldest first, padded with 0 at the right; L at most `max_len`.
            absent: (B, L) bool; True hides an event: its vector is zero and no other event may look at it, while
                its place stays, so the others do not move. None hides nothing.
            attentions: return the attention weights too. Hidden states are the same either way.
            noise: source of dropout while training; without it nothing is dropped.
        """
        L = items.shape[1]
        at = torch.arange(L, device=items.device)
        blocked = at[None, :] > at[:, None]  # (L query, L key): the future
        if absent is not None:
            items = items.masked_fill(absent, PAD)
            hidden_key = absent[:, None, :] & (at[None, :] != at[:, None])  # (B, L, L): a place still sees itself
            blocked = (blocked | hidden_key)[:, None]  # (B, 1, L, L)
        x = drop(self.item_vectors(items) + self.position_vectors(at), self.shape.dropout, noise)  # (B, L, D)
        kept: list[Tensor] = []
        for block in self.blocks:
            x, weights = block(x, blocked, noise)
            if attentions:
                kept.append(weights)
        return ModelOutput(self.norm(x), torch.stack(kept) if attentions else None)

    def logits(self, hidden: Tensor, items: Tensor | None = None) -> Tensor:
        """Raw scores of items for hidden states.

        Args:
            hidden: (N, D).
            items: (M,) item indices; None for all V + 1, whose column 0 means nothing.

        Returns:
            (N, M) logits: cosine / temperature, or dot product + bias.
        """
        vectors = self.item_vectors.all() if items is None else self.item_vectors(items)  # (M, D)
        if self.shape.output == "cosine":
            return (unit(hidden) / self.shape.temperature) @ unit(vectors).T
        assert self.bias is not None
        return hidden @ vectors.T + (self.bias if items is None else self.bias[items])

    def logits_of_pairs(self, hidden: Tensor, items: Tensor) -> Tensor:
        """(N,) logit of one item for each hidden state: hidden (N, D), items (N,)."""
        vectors = self.item_vectors(items)
        if self.shape.output == "cosine":
            return (unit(hidden) * unit(vectors)).sum(-1) / self.shape.temperature
        assert self.bias is not None
        return (hidden * vectors).sum(-1) + self.bias[items]


def blank(shape: Shape) -> Transformer:
    """A network without weights yet; unlike the constructor it draws nothing from torch's global generator."""
    with torch.device("meta"):
        network = Transformer(shape)
    return network.to_empty(device="cpu")


def unit(x: Tensor) -> Tensor:
    """Vectors cut to length 1; a zero vector stays zero."""
    return F.normalize(x, dim=-1, eps=1e-8)
