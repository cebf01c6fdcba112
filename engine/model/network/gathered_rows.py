"""The rows of a table that a step reads."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class GatheredRows:
    """The rows of a table that a step reads: each is copied, and gets its gradient, once.

    Attributes:
        rows: (R,) int64 row numbers, ascending, 0 always among them.
        values: (R, D) a copy of them, a leaf with gradient.
        places: (n,) int64; where a row stands among `rows`. Only of these rows does it say anything.
    """

    rows: Tensor
    values: Tensor
    places: Tensor
