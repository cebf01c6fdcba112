"""What an item is to the network: a vector of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.data.dataset import PAD


class ItemVectors(nn.Module):
    """One vector for each item, the same where histories are read and where items are scored. Padding's is zero."""

    def __init__(self, n_items: int, d_model: int) -> None:
        super().__init__()
        self.own = nn.Embedding(n_items + 1, d_model, padding_idx=PAD)

    @property
    def device(self) -> torch.device:
        """Where the vectors are."""
        return self.own.weight.device

    def forward(self, items: Tensor) -> Tensor:
        """(..., D) vectors of item indices of any shape."""
        return self.own(items)

    def all(self) -> Tensor:
        """(V + 1, D) vectors of every item; row 0 is padding."""
        return self.own.weight
