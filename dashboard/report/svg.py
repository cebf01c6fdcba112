"""Small drawings as SVG text, for a report that opens without any script: figures with intervals, and curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from dashboard.charts.scale import nice_ticks
from dashboard.charts.style import LIGHT, shorten
from dashboard.text.i18n import figure

WIDTH, LABELS, ROW = 720, 250, 30
"""Pixels: of a drawing, of the names at its left, of one row."""


@dataclass(frozen=True)
class Row:
    """A figure with its interval.

    Attributes:
        label: what it is of.
        value, low, high: the figure and the ends of its interval.
        colour: "#RRGGBB".
        filled: hollow where it is a baseline or nothing can be told.
    """

    label: str
    value: float
    low: float
    high: float
    colour: str
    filled: bool = True


@dataclass(frozen=True)
class Line:
    """A curve with its band.

    Attributes:
        label: at its right end.
        x, y: its points, x rising and above 0.
        low, high: of the band; empty for none.
        colour: "#RRGGBB".
        dashed: for a baseline.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    colour: str
    dashed: bool = False


def interval_rows(rows: Sequence[Row], axis: str, about: str, reference: tuple[float, str] | None = None) -> Markup:
    """Rows from the top, each a dot with its interval on one axis; a reference is a dotted rule with a name."""
    ends = [end for row in rows for end in (row.low, row.high)] + ([reference[0]] if reference else [])
    ticks = nice_ticks(min([0.0, *ends]), max([0.0, *ends]))
    height = 26 + ROW * len(rows) + 44

    def at(value: float) -> float:
        return LABELS + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (WIDTH - LABELS - 70)

    bottom = 26 + ROW * len(rows)
    parts = [_grid(at(tick), 20, bottom, figure(tick)) for tick in ticks]
    if reference is not None:
        x = at(reference[0])
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{bottom}" stroke="{LIGHT.text}" stroke-dasharray="2 3"/>'
        )
        parts.append(_text(x, 13, reference[1], LIGHT.muted, "middle"))
    for place, row in enumerate(rows):
        y = 26 + ROW * place + ROW / 2
        fill = row.colour if row.filled else LIGHT.background
        parts.append(_text(LABELS - 12, y + 4, shorten(row.label, 36), LIGHT.text, "end", row.label))
        parts.append(
            f'<line x1="{at(row.low):.1f}" x2="{at(row.high):.1f}" y1="{y}" y2="{y}" stroke="{row.colour}" '
            f'stroke-width="2"/><circle cx="{at(row.value):.1f}" cy="{y}" r="5" fill="{fill}" '
            f'stroke="{row.colour}" stroke-width="2"/>'
        )
        parts.append(_text(at(row.high) + 8, y + 4, figure(row.value), row.colour, "start"))
    parts.append(_text((LABELS + WIDTH - 70) / 2, height - 6, axis, LIGHT.muted, "middle"))
    return _svg(height, about, parts)


def curves(
    lines: Sequence[Line], x_axis: str, y_axis: str, about: str, mark: tuple[float, str] | None = None
) -> Markup:
    """Curves over a logarithmic axis, the first one with its band in front; a mark is a dotted upright rule."""
    height, left, right, bottom = 330, 64, WIDTH - 120, 280
    xs = [math.log(x) for line in lines for x in line.x]
    tops = [y for line in lines for y in (*line.y, *line.high)]
    ticks = nice_ticks(min([0.0, *(y for line in lines for y in line.y)]), max(tops))
    start, stop = min(xs), max(max(xs), min(xs) + 1e-9)

    def across(x: float) -> float:
        return left + (math.log(x) - start) / (stop - start) * (right - left)

    def up(y: float) -> float:
        return bottom - (max(y, ticks[0]) - ticks[0]) / (ticks[-1] - ticks[0]) * (bottom - 24)

    parts = []
    for tick in ticks:
        y = up(tick)
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{LIGHT.grid}"/>')
        parts.append(_text(left - 8, y + 4, figure(tick), LIGHT.muted, "end"))
    parts += [
        _text(across(x), bottom + 18, figure(x), LIGHT.muted, "middle")
        for x in (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
        if start - 1e-9 <= math.log(x) <= stop + 1e-9
    ]
    if mark is not None and start <= math.log(mark[0]) <= stop:
        x = across(mark[0])
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="24" y2="{bottom}" stroke="{LIGHT.muted}" stroke-dasharray="2 3"/>'
        )
        parts.append(_text(x, 16, mark[1], LIGHT.muted, "middle"))
    last = float("inf")
    for line in reversed(lines):
        dash = ' stroke-dasharray="6 4"' if line.dashed else ""
        if len(line.low):
            edge = [*zip(line.x, line.high, strict=True), *reversed(list(zip(line.x, line.low, strict=True)))]
            points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in edge)
            parts.append(
                f'<polygon points="{points}" fill="{line.colour}" fill-opacity="{0.07 if line.dashed else 0.15}"/>'
            )
        points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in zip(line.x, line.y, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"{dash}/>')
    for line in sorted(lines, key=lambda line: line.y[-1]):
        y = min(up(line.y[-1]), last - 15)
        last = y
        parts.append(_text(right + 8, y + 4, line.label, line.colour, "start"))
    parts.append(_text((left + right) / 2, height - 8, x_axis, LIGHT.muted, "middle"))
    parts.append(_text(left, 12, y_axis, LIGHT.muted, "start"))
    return _svg(height, about, parts)


def _grid(x: float, top: float, bottom: float, text: str) -> str:
    line = f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="{LIGHT.grid}"/>'
    return line + _text(x, bottom + 16, text, LIGHT.muted, "middle")


def _text(x: float, y: float, text: str, colour: str, anchor: str, whole: str = "") -> str:
    title = f"<title>{escape(whole)}</title>" if whole and whole != text else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{title}{escape(text)}</text>'


def _svg(height: float, about: str, parts: Sequence[str]) -> Markup:
    return Markup(  # texts were escaped in `_text`, and the rest is numbers and our own colours
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(about, quote=True)}" '
        f'xmlns="http://www.w3.org/2000/svg" font-size="12">{"".join(parts)}</svg>'
    )
