"""The rows of a table that a training step reads."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class GatheredRows:
    """The rows of a table that a training step reads: each is copied once and gets its gradient once.

    Attributes:
        rows: (R,) int64 row numbers, ascending, 0 always among them.
        values: (R, D) a copy of them, a leaf tensor with gradient.
        places: (n,) int64; the index of each row in `rows`. It is defined for these rows only.
    """

    rows: Tensor
    values: Tensor
    places: Tensor
