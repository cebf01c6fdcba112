"""What a sheet is made of: headings, texts, lists with buttons, and charts of rows. Plain values, drawn in the browser.

Texts are shown as they are and never read as markup. Places on a chart are shares of its width, 0 at the left and 1 at
the right, so that a scale is known where a chart is made and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Literal

Tone = Literal["gray", "blue", "orange", "violet", "red"]
Icon = Literal["up", "down", "cross", "plus", "undo", "reset"]


@dataclass(frozen=True)
class Headline:
    """A page's first line: the answer to its question."""

    text: str
    kind: Literal["headline"] = "headline"


@dataclass(frozen=True)
class Heading:
    """The heading of a part of a page."""

    text: str
    kind: Literal["heading"] = "heading"


@dataclass(frozen=True)
class Text:
    """A paragraph; `lead` stands before it in bold."""

    text: str
    lead: str = ""
    kind: Literal["text"] = "text"


@dataclass(frozen=True)
class Note:
    """A line of small print."""

    text: str
    kind: Literal["note"] = "note"


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    texts: tuple[str, ...]
    kind: Literal["points"] = "points"


@dataclass(frozen=True)
class Button:
    """A button.

    Attributes:
        name: what it does, for the callback.
        label: what it does, for who cannot see it; on hover too where there is an icon.
        icon: drawn before the text, or in place of one.
        text: on the button.
        off: whether it cannot be pressed.
        on: of several of which one holds, whether this does; None where none is chosen so.
        follows: rows further down at which the row stands afterwards, so that the keyboard goes with it.
    """

    name: str
    label: str
    icon: Icon | None = None
    text: str = ""
    off: bool = False
    on: bool | None = None
    follows: int = 0


@dataclass(frozen=True)
class Badge:
    """A short remark at the right of a row; `label` says it in words where signs do not."""

    text: str
    tone: Tone = "gray"
    icon: Icon | None = None
    label: str = ""
    badge: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a list.

    Attributes:
        title: its text.
        below: smaller texts under it, each with its colour.
        lead: before it, such as a rank.
        mark: at its right.
        acts: its buttons.
    """

    title: str
    below: tuple[tuple[str, Tone], ...] = ()
    lead: str = ""
    mark: Badge | None = None
    acts: tuple[Button, ...] = ()


@dataclass(frozen=True)
class Rows:
    """A list whose rows have buttons.

    Attributes:
        key: tells its presses from those of other lists.
        rows: from the top.
        label: what the list is, for who cannot see it.
    """

    key: str
    rows: tuple[Row, ...]
    label: str
    kind: Literal["rows"] = "rows"

    def acts(self, row: int) -> tuple[Button, ...]:
        """The buttons of a row."""
        return self.rows[row].acts if 0 <= row < len(self.rows) else ()


@dataclass(frozen=True)
class Chips:
    """Buttons one after the other, as many in a line as there is room for.

    Attributes:
        key: tells its presses from those of other lists.
        chips: the buttons, each a row of its own to who hears of a press.
        label: what they are, for who cannot see them.
    """

    key: str
    chips: tuple[Button, ...]
    label: str
    kind: Literal["chips"] = "chips"

    def acts(self, row: int) -> tuple[Button, ...]:
        """The button at a place."""
        return self.chips[row : row + 1] if row >= 0 else ()


@dataclass(frozen=True)
class Shape:
    """Something drawn in a row of a chart.

    Attributes:
        form: "bar", "cell" (a bar as high as its row), "line", "whisker" (a line with ends), "dot", "ring", "diamond",
            "open-diamond" (these at `start`), or "step" (a dotted line down to the next row).
        start, end: shares of the width.
        colour: "#RRGGBB".
        tip: shown on hover; that of the row if empty.
    """

    form: Literal["bar", "cell", "line", "whisker", "dot", "ring", "diamond", "open-diamond", "step"]
    start: float
    end: float
    colour: str
    tip: str = ""


@dataclass(frozen=True)
class Value:
    """A figure written at the right of a place in a row."""

    at: float
    text: str
    colour: str
    bold: bool = False


@dataclass(frozen=True)
class ChartRow:
    """A row of a chart.

    Attributes:
        label: what it is of, cut to the room there is.
        shapes: from the bottom layer to the top one.
        number: a figure behind the label, which is never cut.
        value: a figure beside the shapes.
        tip: shown on hover.
        bold: whether the label is.
    """

    label: str
    shapes: tuple[Shape, ...]
    number: str = ""
    value: Value | None = None
    tip: str = ""
    bold: bool = False


@dataclass(frozen=True)
class Rule:
    """An upright line across all rows; `dash` is in SVG's words."""

    at: float
    dash: str


@dataclass(frozen=True)
class Table:
    """A chart's figures, one click away."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]


@dataclass(frozen=True)
class Ink:
    """The colours of a theme that all charts share, each "#RRGGBB"."""

    text: str
    muted: str
    grid: str
    background: str


@dataclass(frozen=True)
class Chart:
    """A chart of rows under each other, with one axis.

    Attributes:
        key: of the chart, and of the files it is saved as.
        alt: what is to be seen, for who cannot see it.
        rows: from the top.
        ticks: of the axis: place and text.
        axis: its title.
        ink: colours.
        table: the figures.
        rules: lines across all rows.
        grid: whether ticks have a line.
        room: pixels kept free at the right of the axis, for figures.
    """

    key: str
    alt: str
    rows: tuple[ChartRow, ...]
    ticks: tuple[tuple[float, str], ...]
    axis: str
    ink: Ink
    table: Table
    rules: tuple[Rule, ...] = ()
    grid: bool = True
    room: int = 16
    kind: Literal["chart"] = "chart"


Block = Headline | Heading | Text | Note | Points | Rows | Chips | Chart


def plain(value: Any) -> Any:
    """A block as dictionaries and lists: what `dataclasses.asdict` gives, in a quarter of its time."""
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if is_dataclass(value):
        return {name: plain(part) for name, part in vars(value).items()}
    return value


def lists(columns: Sequence[Sequence[Block]]) -> Iterator[Rows | Chips]:
    """The blocks that have buttons."""
    return (block for column in columns for block in column if isinstance(block, Rows | Chips))
