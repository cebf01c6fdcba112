"""Content vectors of the rows of a table, items or users: of their categories, text and numbers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.dataset import PAD
from engine.model.content.tables import Content
from engine.model.network.config import ContentShape


class ContentVectors(nn.Module):
    """A row's vector is the mean of its categories' vectors, plus a linear map of its text and numbers.

    Rows are numbered from 1. Row 0, and any row without content, has the vector 0.
    """

    def __init__(self, n_rows: int, d_model: int, shape: ContentShape) -> None:
        super().__init__()
        n, width, dense = shape.n_tokens, shape.token_width, shape.n_dense
        self.categories = nn.Embedding(n + 1, d_model, padding_idx=PAD) if n else None
        self.dense_map = nn.Linear(dense, d_model, bias=False) if dense else None
        self.tokens: Tensor | None
        self.dense: Tensor | None
        self.register_buffer("tokens", torch.zeros(n_rows + 1, width, dtype=torch.int64) if n else None)
        self.register_buffer("dense", torch.zeros(n_rows + 1, dense) if dense else None)

    @torch.no_grad()
    def begin(self, content: Content) -> None:
        """Load the content, which has the shape that this was created for."""
        if self.tokens is not None:
            self.tokens.copy_(torch.from_numpy(content.tokens))
        if self.dense is not None:
            self.dense.copy_(torch.from_numpy(content.dense))

    @torch.no_grad()
    def silence_padding(self) -> None:
        """Set the vector of the token for no category to zero."""
        if self.categories is not None:
            self.categories.weight[PAD] = 0.0

    def described(self) -> np.ndarray:
        """(n_rows + 1,) bool; True for rows that have any content."""
        tables = [(t != 0).any(dim=1).cpu().numpy() for t in (self.tokens, self.dense) if t is not None]
        return np.logical_or.reduce(tables)

    def forward(self, rows: Tensor | None) -> Tensor:
        """(N, D) vectors of (N,) rows; of all n_rows + 1 for None."""
        parts: list[Tensor] = []
        if self.categories is not None and self.tokens is not None:
            tokens = self.tokens if rows is None else self.tokens[rows]  # (N, width)
            parts.append(F.embedding_bag(tokens, self.categories.weight, mode="mean", padding_idx=PAD))
        if self.dense_map is not None and self.dense is not None:
            parts.append(self.dense_map(self.dense if rows is None else self.dense[rows]))
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]
