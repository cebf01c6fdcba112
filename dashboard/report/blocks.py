"""What a report is made of, as plain values; the template `report.html` draws them and escapes every text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

Kind = Literal["title", "heading", "paragraph", "points", "table", "folded", "drawing", "footer"]


@dataclass(frozen=True)
class Block:
    """A piece of a report.

    Attributes:
        kind: what it is.
        text: its words; of a folded block, those that open it.
        style: "note" for small print.
        columns: of a table.
        rows: of a table, a cell a column.
        points: of a list.
        inner: what a folded block hides.
        drawing: an SVG of `dashboard.report.svg`, which has escaped its texts.
    """

    kind: Kind
    text: str = ""
    style: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    points: Sequence[str] = ()
    inner: Block | None = None
    drawing: Markup | None = None


def title(text: str) -> Block:
    """The first line."""
    return Block("title", text)


def heading(text: str) -> Block:
    """A heading."""
    return Block("heading", text)


def paragraph(text: str, style: str = "") -> Block:
    """A paragraph."""
    return Block("paragraph", text, style)


def points(texts: Sequence[str]) -> Block:
    """A list, a point a text."""
    return Block("points", points=texts)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Block:
    """A table."""
    return Block("table", columns=columns, rows=rows)


def folded(summary: str, inner: Block) -> Block:
    """A block that is opened by a press."""
    return Block("folded", summary, inner=inner)


def drawing(svg: Markup) -> Block:
    """A drawing of `dashboard.report.svg`."""
    return Block("drawing", drawing=svg)


def footer(text: str) -> Block:
    """The last line."""
    return Block("footer", text)
