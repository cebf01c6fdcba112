"""How many histories to score together."""

from __future__ import annotations

SCORE_BYTES = 64 << 20
"""Most memory for one matrix of scores. Three or four of that size exist together, so a chunk stays under 256 MB."""


def rows_at_once(n_items: int, most: int) -> int:
    """How many histories to score together over a catalogue: their float32 scores fit into SCORE_BYTES; at least 1."""
    return max(1, min(most, SCORE_BYTES // (4 * (n_items + 1))))
