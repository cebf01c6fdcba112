"""The building blocks of all three architectures: self-attention, cross-attention and the block.

Letters in shapes are those of `engine.model.network.transformer`; M is the length of a sequence that attends to another
of length L.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.model.network.config import NetworkConfig
from engine.model.network.noise import Noise, drop


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017, eq. 1), which always returns its weights."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.dropout = config.dropout
        self.project_in = nn.Linear(config.d_model, 3 * config.d_model)
        self.project_out = nn.Linear(config.d_model, config.d_model)

    def forward(self, x: Tensor, blocked: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        """Mixed values and weights.

        Args:
            x: (B, L, D).
            blocked: bool, broadcast to (B, H, L query, L key); True where the query may not attend. Every query must
                keep at least one key.
            noise: drops weights while training.

        Returns:
            (B, L, D) and the weights (B, H, L, L) before dropout.
        """
        B, L, D = x.shape
        q, k, v = self.project_in(x).view(B, L, 3, self.n_heads, D // self.n_heads).permute(2, 0, 3, 1, 4)
        return self._mix(q, k, v, blocked, noise)

    def of_one(self, x: Tensor, blocked: Tensor, at: Tensor) -> Tensor:
        """(B, 1, D) mixed values for a single query in each row, at place `at`, (B,); otherwise as `forward`."""
        B, L, D = x.shape
        rows = torch.arange(B, device=x.device)
        shape = (B, -1, self.n_heads, D // self.n_heads)
        weight, bias = self.project_in.weight, self.project_in.bias
        q = F.linear(x[rows, at], weight[:D], bias[:D]).view(shape).transpose(1, 2)  # (B, H, 1, D / H)
        k, v = F.linear(x, weight[D:], bias[D:]).view(B, L, 2, *shape[2:]).permute(2, 0, 3, 1, 4)
        own = blocked[at] if blocked.dim() == 2 else blocked.expand(B, 1, L, L)[rows, 0, at]  # (B, L)
        return self._mix(q, k, v, own[:, None, None], None)[0]

    def _mix(self, q: Tensor, k: Tensor, v: Tensor, blocked: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        B, D = len(q), q.shape[1] * q.shape[3]
        scores = q @ k.transpose(-2, -1) / math.sqrt(D // self.n_heads)  # (B, H, L, L)
        weights = scores.masked_fill(blocked, -math.inf).softmax(dim=-1)
        mixed = drop(weights, self.dropout, noise) @ v  # (B, H, L, D / H)
        return self.project_out(mixed.transpose(1, 2).reshape(B, -1, D)), weights


class CrossAttention(nn.Module):
    """Cross-attention (Vaswani et al. 2017, section 3.2.3): queries from one sequence, keys and values from another."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.dropout = config.dropout
        self.project_query = nn.Linear(config.d_model, config.d_model)
        self.project_memory = nn.Linear(config.d_model, 2 * config.d_model)
        self.project_out = nn.Linear(config.d_model, config.d_model)

    def forward(self, x: Tensor, memory: Tensor, blocked: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        """Mixed values and weights.

        Args:
            x: (B, M, D), the source of the queries.
            memory: (B, L, D), the source of keys and values.
            blocked: (B, L) bool; True for keys that may not be attended to. If that is all of a row, nothing is mixed
                in and the weights are 0.
            noise: drops weights while training.

        Returns:
            (B, M, D) and the weights (B, H, M, L) before dropout.
        """
        B, M, D = x.shape
        width = D // self.n_heads
        q = self.project_query(x).view(B, M, self.n_heads, width).transpose(1, 2)  # (B, H, M, D / H)
        k, v = self.project_memory(memory).view(B, -1, 2, self.n_heads, width).permute(2, 0, 3, 1, 4)
        blocked = blocked[:, None, None, :]  # (B, 1, 1, L)
        scores = (q @ k.transpose(-2, -1) / math.sqrt(width)).masked_fill(blocked, -math.inf)  # (B, H, M, L)
        weights = scores.softmax(dim=-1).masked_fill(blocked, 0.0)  # a row with only -inf would become NaN
        mixed = drop(weights, self.dropout, noise) @ v  # (B, H, M, D / H)
        return self.project_out(mixed.transpose(1, 2).reshape(B, M, D)), weights


class Block(nn.Module):
    """x + attention(norm(x)), x + cross-attention(norm(x)) where there is a memory, x + feed-forward(norm(x))."""

    def __init__(self, config: NetworkConfig, cross: bool = False) -> None:
        """Create a block of an encoder, or of a decoder with cross-attention."""
        super().__init__()
        self.norm_attention = nn.LayerNorm(config.d_model)
        self.attention = SelfAttention(config)
        self.norm_cross = nn.LayerNorm(config.d_model) if cross else None
        self.cross = CrossAttention(config) if cross else None
        self.norm_feed = nn.LayerNorm(config.d_model)
        self.widen = nn.Linear(config.d_model, config.d_ff)
        self.narrow = nn.Linear(config.d_ff, config.d_model)
        self.dropout = config.dropout

    def forward(
        self, x: Tensor, blocked: Tensor, noise: Noise | None, memory: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """The output of one block.

        Args:
            x: (B, L, D).
            blocked: see `SelfAttention`.
            noise: dropout while training.
            memory: for a decoder, what cross-attention attends to, (B, M, D), and (B, M) bool, True where it may not.

        Returns:
            (B, L, D), the attention weights (B, H, L, L) and those of cross-attention (B, H, L, M), if any.
        """
        mixed, weights = self.attention(self.norm_attention(x), blocked, noise)
        x = x + drop(mixed, self.dropout, noise)
        across = None
        if self.cross is not None and self.norm_cross is not None and memory is not None:
            mixed, across = self.cross(self.norm_cross(x), *memory, noise)
            x = x + drop(mixed, self.dropout, noise)
        return self.feed(x, noise), weights, across

    def of_one(self, x: Tensor, blocked: Tensor, at: Tensor) -> Tensor:
        """(B, 1, D) what `forward` gives at one place of each row, `at`, (B,), at a fraction of the cost."""
        rows = torch.arange(len(x), device=x.device)
        mixed = self.attention.of_one(self.norm_attention(x), blocked, at)
        return self.feed(x[rows, at][:, None] + mixed, None)

    def feed(self, x: Tensor, noise: Noise | None) -> Tensor:
        """x + feed-forward(norm(x)) of (B, L, D)."""
        wide = drop(F.gelu(self.widen(self.norm_feed(x))), self.dropout, noise)  # (B, L, d_ff)
        return x + drop(self.narrow(wide), self.dropout, noise)
