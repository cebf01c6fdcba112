"""Item vectors: an id vector for each item, and what its content adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.data.dataset import PAD
from engine.model.content.tables import Content
from engine.model.network.config import ContentShape
from engine.model.network.content_vectors import ContentVectors
from engine.model.network.gathered_rows import GatheredRows


class ItemVectors(nn.Module):
    """One vector for each item, used both to read histories and to score items. That of padding is zero.

    An item's vector is its id vector, plus the mean of its categories' vectors, plus a linear map of its text and
    numbers. An item that does not occur in training keeps an id vector of zero, so that only its content describes it.
    """

    def __init__(self, n_items: int, d_model: int, content: ContentShape | None = None) -> None:
        super().__init__()
        self.own = nn.Embedding(n_items + 1, d_model, padding_idx=PAD)
        self.content = ContentVectors(n_items, d_model, content) if content else None
        self._hidden: Tensor | None = None
        self._few: GatheredRows | None = None
        self._gradient: tuple[Tensor, Tensor] | None = (
            None  # the table's gradient, and the rows in which it is not zero
        )

    @property
    def device(self) -> torch.device:
        """Where the vectors are."""
        return self.own.weight.device

    @property
    def has_content(self) -> bool:
        """Whether anything but the id vector describes an item."""
        return self.content is not None

    def described(self) -> np.ndarray:
        """(V + 1,) bool; True for items that have any content."""
        if self.content is None:
            return np.zeros(self.own.num_embeddings, dtype=bool)
        return self.content.described()

    @torch.no_grad()
    def silence_padding(self) -> None:
        """Set the vectors of padding and of no category to zero."""
        self.own.weight[PAD] = 0.0
        if self.content is not None:
            self.content.silence_padding()

    @torch.no_grad()
    def begin(self, content: Content | None, met: Tensor) -> None:
        """Load the content, and zero the id vectors of items that do not occur in training.

        Args:
            content: of the shape that this was created for.
            met: (V + 1,) bool; True for items that occur in training.
        """
        self.own.weight[~met.to(self.device)] = 0.0
        if self.content is not None and content is not None:
            self.content.begin(content)

    @contextmanager
    def hiding(self, own: Tensor | None) -> Iterator[None]:
        """Within this, the items marked in `own`, (V + 1,) bool, have no id vector, so that content must suffice.

        It teaches the content to describe new items (Volkovs et al. 2017, DropoutNet).
        """
        self._hidden = own
        try:
            yield
        finally:
            self._hidden = None

    def few(self, items: Tensor) -> GatheredRows:
        """The rows of the (n,) items that a step reads: each is fetched once and gets its gradient once.

        Each lookup in the full table would create a gradient as large as the table.
        """
        rows = torch.cat([items, items.new_zeros(1)]).unique()
        places = items.new_zeros(self.own.num_embeddings)
        places[rows] = torch.arange(len(rows), device=items.device)
        return GatheredRows(rows, self.own.weight.detach()[rows].requires_grad_(), places)

    @torch.no_grad()
    def take_gradient(self, few: GatheredRows) -> None:
        """Give the table the gradient of its few rows; the others' is zero.

        All steps share one buffer, in which only the rows of the previous step are cleared: filling a table with zeros
        costs more than everything else here.
        """
        assert few.values.grad is not None
        gradient, written = self._gradient or (torch.zeros_like(self.own.weight), few.rows)
        gradient[written] = 0.0
        gradient[few.rows] = few.values.grad
        self.own.weight.grad = gradient
        self._gradient = gradient, few.rows

    @contextmanager
    def reading(self, few: GatheredRows | None) -> Iterator[None]:
        """Within this, id vectors are read from copies of a few rows.

        Only those items may be looked up; padding's place is 0. None reads the full table.
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
            vectors = F.embedding(self._few.places[asked], self._few.values, padding_idx=PAD)
        if self.content is None:
            return vectors
        return vectors + self.content(items.reshape(-1)).view(vectors.shape)

    def all(self) -> Tensor:
        """(V + 1, D) vectors of every item; row 0 is padding."""
        own = self.own.weight if self._hidden is None else self.own.weight.masked_fill(self._hidden[:, None], 0.0)
        return own if self.content is None else own + self.content(None)


class KnownVectors(nn.Module):
    """Every item's vector, precomputed: what `ItemVectors` gives, for a network whose training is done."""

    def __init__(self, vectors: Tensor) -> None:
        """Keep (V + 1, D) vectors; row 0 is padding's."""
        super().__init__()
        self._vectors = vectors.detach()

    @property
    def device(self) -> torch.device:
        """Where the vectors are."""
        return self._vectors.device

    def forward(self, items: Tensor) -> Tensor:
        """(..., D) vectors of item indices of any shape."""
        return F.embedding(items, self._vectors)
