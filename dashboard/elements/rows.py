"""A list whose rows have buttons, as one element.

Streamlit draws a row with three buttons of seven elements, and a page that answers each press spends its time on
sending and drawing them; this is one message and one list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

from streamlit.components.v2 import component

from dashboard import state

Tone = Literal["gray", "blue", "orange", "violet", "red"]
Icon = Literal["up", "down", "cross"]

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Act:
    """A button in a row.

    Attributes:
        name: what it does, for the callback.
        label: what it does, for who cannot see it; on hover too where there is an icon.
        icon: drawn in place of a text.
        text: on the button, where there is no icon.
        off: whether it cannot be pressed.
        follows: rows further down at which the row stands afterwards, so that the keyboard goes with it.
    """

    name: str
    label: str
    icon: Icon | None = None
    text: str = ""
    off: bool = False
    follows: int = 0


@dataclass(frozen=True)
class Mark:
    """A short remark at the right of a row; `label` says it in words where signs do not."""

    text: str
    tone: Tone = "gray"
    icon: Icon | None = None
    label: str = ""
    badge: bool = False


@dataclass(frozen=True)
class Row:
    """A row.

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
    mark: Mark | None = None
    acts: tuple[Act, ...] = ()


_element = component(
    "tailscope.rows",
    html="<ul></ul>",
    css=(_HERE / "rows.css").read_text(encoding="utf-8"),
    js=(_HERE / "rows.js").read_text(encoding="utf-8"),
)


def row_list(rows: Sequence[Row], key: str, label: str, on_press: Callable[[str, int], None]) -> None:
    """Draw the rows.

    Args:
        rows: from the top.
        key: of the element.
        label: what the list is, for who cannot see it.
        on_press: called with a button's name and its row's place from 0.
    """
    stamp = f"{state.presses(key)}-{crc32(repr(rows).encode()):x}"

    def pressed() -> None:
        press = read_press((state.widget(key) or {}).get("press"), rows, stamp)
        state.count_press(key)  # so that the rows are drawn anew, and can be pressed again, even if nothing changes
        if press is not None:
            on_press(*press)

    _element(
        key=key,
        data={"rows": [asdict(row) for row in rows], "label": label, "stamp": stamp},
        on_press_change=pressed,
    )


def read_press(press: Any, rows: Sequence[Row], stamp: str) -> tuple[str, int] | None:
    """The name of a button and its row's place; None for what no button of these rows could have sent.

    Args:
        press: what the browser sent.
        rows: as they are.
        stamp: of these rows; a press with another one was meant for rows that are gone.
    """
    if not isinstance(press, dict) or press.get("stamp") != stamp:
        return None
    act, row = press.get("act"), press.get("row")
    if not isinstance(row, int) or not 0 <= row < len(rows):
        return None
    return (str(act), row) if any(one.name == act and not one.off for one in rows[row].acts) else None
