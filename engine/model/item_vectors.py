"""What an item is to the network: a vector of its own, and what its content adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.dataset import PAD
from engine.model.features import Content


class ItemVectors(nn.Module):
    """One vector for each item, the same where histories are read and where items are scored. Padding's is zero.

    An item's vector is its own, plus the mean of its categories' vectors, plus a linear map of its text and numbers. An
    item that training never meets keeps a vector of its own of zero, so content alone speaks for it.
    """

    def __init__(self, n_items: int, d_model: int, n_tokens: int = 0, token_width: int = 0, n_dense: int = 0) -> None:
        super().__init__()
        self.own = nn.Embedding(n_items + 1, d_model, padding_idx=PAD)
        self.categories = nn.Embedding(n_tokens + 1, d_model, padding_idx=PAD) if n_tokens else None
        self.dense_map = nn.Linear(n_dense, d_model, bias=False) if n_dense else None
        self._hidden: Tensor | None = None
        self.tokens: Tensor | None
        self.dense: Tensor | None
        self.register_buffer("tokens", torch.zeros(n_items + 1, token_width, dtype=torch.int64) if n_tokens else None)
        self.register_buffer("dense", torch.zeros(n_items + 1, n_dense) if n_dense else None)

    @property
    def device(self) -> torch.device:
        """Where the vectors are."""
        return self.own.weight.device

    @property
    def has_content(self) -> bool:
        """Whether anything but an item's own vector speaks for it."""
        return self.categories is not None or self.dense_map is not None

    def described(self) -> np.ndarray:
        """(V + 1,) bool; True for items of which any content is known."""
        known = np.zeros(self.own.num_embeddings, dtype=bool)
        for table in (self.tokens, self.dense):
            if table is not None:
                known |= (table != 0).any(dim=1).cpu().numpy()
        return known

    @torch.no_grad()
    def silence_padding(self) -> None:
        """Set the vectors that stand for nothing to zero."""
        self.own.weight[PAD] = 0.0
        if self.categories is not None:
            self.categories.weight[PAD] = 0.0

    @torch.no_grad()
    def begin(self, content: Content | None, met: Tensor) -> None:
        """Take the content in, and take their own vectors from items that training never meets.

        Args:
            content: of the shape that this was made for.
            met: (V + 1,) bool; True for items that training meets.
        """
        self.own.weight[~met.to(self.device)] = 0.0
        if self.tokens is not None and content is not None:
            self.tokens.copy_(torch.from_numpy(content.tokens))
        if self.dense is not None and content is not None:
            self.dense.copy_(torch.from_numpy(content.dense))

    @contextmanager
    def hiding(self, own: Tensor | None) -> Iterator[None]:
        """Within this, the items marked in `own`, (V + 1,) bool, have no vector of their own, so content must do.

        It teaches content to speak for items that nobody has met yet (Volkovs et al. 2017, DropoutNet).
        """
        self._hidden = own
        try:
            yield
        finally:
            self._hidden = None

    def forward(self, items: Tensor) -> Tensor:
        """(..., D) vectors of item indices of any shape."""
        vectors = self.own(items if self._hidden is None else items.masked_fill(self._hidden[items], PAD))
        if not self.has_content:
            return vectors
        return vectors + self._content(items.reshape(-1)).view(vectors.shape)

    def all(self) -> Tensor:
        """(V + 1, D) vectors of every item; row 0 is padding."""
        own = self.own.weight if self._hidden is None else self.own.weight.masked_fill(self._hidden[:, None], 0.0)
        return own + self._content(None) if self.has_content else own

    def _content(self, items: Tensor | None) -> Tensor:
        """(N, D) what content adds to items; to all of them for None."""
        parts: list[Tensor] = []
        if self.categories is not None and self.tokens is not None:
            tokens = self.tokens if items is None else self.tokens[items]  # (N, width)
            parts.append(F.embedding_bag(tokens, self.categories.weight, mode="mean", padding_idx=PAD))
        if self.dense_map is not None and self.dense is not None:
            parts.append(self.dense_map(self.dense if items is None else self.dense[items]))
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]
