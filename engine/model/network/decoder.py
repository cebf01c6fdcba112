"""The second half of an encoder-decoder: it reads what it has decoded so far and attends to the history."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.model.network.blocks import Block
from engine.model.network.config import NetworkConfig
from engine.model.network.noise import Noise, drop


class Decoder(nn.Module):
    """Causal self-attention over START and the items decoded so far, cross-attention to the encoded history."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.start_vectors = nn.Parameter(torch.zeros(1, 1, config.d_model))
        self.position_vectors = nn.Embedding(config.max_len + 1, config.d_model)
        self.blocks = nn.ModuleList(Block(config, cross=True) for _ in range(config.n_layers))

    def forward(
        self, following: Tensor, memory: tuple[Tensor, Tensor], noise: Noise | None, user: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """States before the last norm.

        Args:
            following: (B, M, D) vectors of the items decoded so far; M may be 0.
            memory: the encoded history (B, L, D), and (B, L) bool, True where it may not be attended to.
            noise: dropout while training.
            user: (B, 1, D) content vector of each user, added at every place; None for none.

        Returns:
            (B, M + 1, D), of which place t follows the first t items; each block's self-attention
            (B, H, M + 1, M + 1); each block's cross-attention (B, H, M + 1, L).
        """
        start = self.start_vectors.expand(len(following), 1, -1)
        at = torch.arange(following.shape[1] + 1, device=following.device)
        x = torch.cat([start, following], dim=1) + self.position_vectors(at)
        x = drop(x if user is None else x + user, self.dropout, noise)
        blocked = at[None, :] > at[:, None]
        own: list[Tensor] = []
        across: list[Tensor] = []
        for block in self.blocks:
            x, weights, crossing = block(x, blocked, noise, memory)
            own.append(weights)
            across.append(crossing)
        return x, own, across
