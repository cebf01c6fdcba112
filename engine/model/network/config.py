"""The configuration that determines a network's parameters and forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Architecture = Literal["causal", "masked", "encoder-decoder"]


@dataclass(frozen=True)
class ContentShape:
    """Sizes of a table's content: number of category tokens, tokens per row, and columns of text and numbers."""

    n_tokens: int
    token_width: int
    n_dense: int


@dataclass(frozen=True)
class NetworkConfig:
    """What determines the parameters' sizes and the forward pass; each field is a resolved setting of `ModelConfig`.

    `n_layers` blocks read the history; an encoder-decoder has as many again to decode. `item_content` and
    `user_content` are None where items or users have no content, or where it is not to be used.
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
    architecture: Architecture = "causal"
    item_content: ContentShape | None = None
    n_users: int = 0
    user_content: ContentShape | None = None

    @classmethod
    def of(cls, values: dict[str, Any]) -> NetworkConfig:
        """The shape from the plain values of `dataclasses.asdict`."""
        inner = {k: ContentShape(**values[k]) for k in ("item_content", "user_content") if values.get(k)}
        return cls(**{**values, **inner})
