"""Scales: from figures to shares of a chart's width, with round numbers for its axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from dashboard.charts.style import palette
from dashboard.text.i18n import figure
from dashboard.ui.blocks import Ink


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, evenly spaced, about so many.

    >>> nice_ticks(0, 0.23)
    [0.0, 0.05, 0.1, 0.15, 0.2, 0.25]
    """
    span = max(high - low, 1e-9)
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * m for m in (1, 2, 5, 10) if span / (power * m) <= about)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * i, 12) for i in range(first, max(last, first + 1) + 1)]


class Scale:
    """A linear scale from one figure to another, or a logarithmic one."""

    def __init__(self, low: float, high: float, logarithmic: bool = False) -> None:
        self._bend = math.log if logarithmic else float
        self.low, self.high = low, high if high > low else low + 1e-9

    def at(self, value: float) -> float:
        """The share of the width at which a figure stands."""
        start, end = self._bend(self.low), self._bend(self.high)
        return round((self._bend(value) - start) / (end - start), 4)

    def ticks(
        self, values: Sequence[float] | None = None, told: Callable[[float], str] = figure
    ) -> tuple[tuple[float, str], ...]:
        """Places and texts of figures within the scale, round ones if none are given."""
        chosen = nice_ticks(self.low, self.high) if values is None else values
        return tuple((self.at(tick), told(tick)) for tick in chosen if self.low <= tick <= self.high)


def ink(dark: bool) -> Ink:
    """The colours that charts of rows share."""
    p = palette(dark)
    return Ink(p.text, p.muted, p.grid, p.background)


def between(low: str, high: str, share: float) -> str:
    """A "#RRGGBB" colour on the way from one to another, at a share of it from 0 to 1."""
    ends = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (low, high)]
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in zip(*ends, strict=True))
