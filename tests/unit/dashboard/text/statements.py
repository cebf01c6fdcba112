"""What `test_statements` is made of: a case, and figures of all signs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine import Estimate

SIGNS = (-1, 0, 1)


@dataclass(frozen=True)
class Case:
    """Figures, the sentence they make in the language in use, and what must and must not stand in the English one."""

    figures: Any
    say: Callable[[], str]
    must: tuple[str, ...]
    never: tuple[str, ...] = ()


def clear(value: float) -> Estimate:
    """An estimate whose interval leaves out 0 unless it is 0."""
    return Estimate(value, value - abs(value) / 2, value + abs(value) / 2)


def unclear(value: float) -> Estimate:
    return Estimate(value, value - 2 * abs(value) - 0.01, value + 2 * abs(value) + 0.01)


def estimates(size: float) -> list[Estimate]:
    """Below 0, 0 and above it; with an interval that leaves 0 out, and with one that does not."""
    return [make(sign * size) for make in (clear, unclear) for sign in SIGNS]


def leaves_out_0(e: Estimate) -> bool:
    return e.low > 0 or e.high < 0
