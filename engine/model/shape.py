"""What fixes a network's parameters and its forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Architecture = Literal["causal", "masked", "encoder-decoder"]


@dataclass(frozen=True)
class Shape:
    """What fixes the parameters' sizes and the forward pass; every field is a resolved setting of `ModelConfig`.

    `n_layers` blocks read the history; in an encoder-decoder as many again decode.
    """

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
    architecture: Architecture = "causal"
