"""What an item is to the network: a vector of its own, and what its content adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.dataset import PAD
from engine.model.content_vectors import ContentVectors
from engine.model.features import Content
from engine.model.shape import ContentShape


class ItemVectors(nn.Module):
    """One vector for each item, the same where histories are read and where items are scored. Padding's is zero.

    An item's vector is its own, plus the mean of its categories' vectors, plus a linear map of its text and numbers. An
    item that training never meets keeps a vector of its own of zero, so content alone speaks for it.
    """

    def __init__(self, n_items: int, d_model: int, content: ContentShape | None = None) -> None:
        super().__init__()
        self.own = nn.Embedding(n_items + 1, d_model, padding_idx=PAD)
        self.content = ContentVectors(n_items, d_model, content) if content else None
        self._hidden: Tensor | None = None
        self._few: tuple[Tensor, Tensor] | None = None

    @property
    def device(self) -> torch.device:
        """Where the vectors are."""
        return self.own.weight.device

    @property
    def has_content(self) -> bool:
        """Whether anything but an item's own vector speaks for it."""
        return self.content is not None

    def described(self) -> np.ndarray:
        """(V + 1,) bool; True for items of which any content is known."""
        if self.content is None:
            return np.zeros(self.own.num_embeddings, dtype=bool)
        return self.content.described()

    @torch.no_grad()
    def silence_padding(self) -> None:
        """Set the vectors that stand for nothing to zero."""
        self.own.weight[PAD] = 0.0
        if self.content is not None:
            self.content.silence_padding()

    @torch.no_grad()
    def begin(self, content: Content | None, met: Tensor) -> None:
        """Take the content in, and take their own vectors from items that training never meets.

        Args:
            content: of the shape that this was made for.
            met: (V + 1,) bool; True for items that training meets.
        """
        self.own.weight[~met.to(self.device)] = 0.0
        if self.content is not None and content is not None:
            self.content.begin(content)

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

    def few(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """What `reading` takes, for the (n,) items that a step reads: each row is fetched, and given a gradient, once.

        Every lookup in the whole table makes a gradient as large as the table; here one does.
        """
        rows = torch.cat([items, items.new_zeros(1)]).unique()
        places = items.new_zeros(self.own.num_embeddings)
        places[rows] = torch.arange(len(rows), device=items.device)
        return self.own(rows), places

    @contextmanager
    def reading(self, few: tuple[Tensor, Tensor] | None) -> Iterator[None]:
        """Within this, own vectors are read from a few rows, (R, D), at the places, (V + 1,), that come with them.

        Only items that have a place there may be asked for; padding's is 0. None reads the whole table.
        """
        self._few = few
        try:
            yield
        finally:
            self._few = None

    def forward(self, items: Tensor) -> Tensor:
        """(..., D) vectors of item indices of any shape."""
        asked = items if self._hidden is None else items.masked_fill(self._hidden[items], PAD)
        if self._few is None:
            vectors = self.own(asked)
        else:
            rows, places = self._few
            vectors = F.embedding(places[asked], rows, padding_idx=PAD)
        if self.content is None:
            return vectors
        return vectors + self.content(items.reshape(-1)).view(vectors.shape)

    def all(self) -> Tensor:
        """(V + 1, D) vectors of every item; row 0 is padding."""
        own = self.own.weight if self._hidden is None else self.own.weight.masked_fill(self._hidden[:, None], 0.0)
        return own if self.content is None else own + self.content(None)
