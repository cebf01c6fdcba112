"""Blocks of text, lists with buttons and charts of rows, as one element.

Streamlit draws a row with three buttons of seven elements, and a chart of a few bars takes its plotting library a tenth
of a second. A page that answers each press spends its time there; a sheet is one message, drawn at once, and of it only
the blocks that changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from streamlit.components.v2 import component

from dashboard.text.i18n import _, language
from dashboard.ui import state
from dashboard.ui.blocks import Block, lists, plain

_HERE = Path(__file__).parent

_element = component(
    "tailscope.sheet",
    html='<div class="sheet"></div>',
    css=(_HERE / "sheet.css").read_text(encoding="utf-8"),
    js="\n".join((_HERE / f"{name}.js").read_text(encoding="utf-8") for name in ("lists", "chart", "sheet")),
)


def sheet(
    columns: Sequence[Sequence[Block]],
    key: str,
    on_press: Callable[[str, str, int], None] | None = None,
    below: Sequence[Block] = (),
) -> None:
    """Draw the blocks.

    Args:
        columns: blocks from the top, in columns that stand under each other where there is no room.
        key: of the element.
        on_press: called with the key of a list, a button's name and its row's place from 0.
        below: under the columns, as wide as all of them.
    """
    columns = [*columns, below]  # the last is drawn below the others
    stamp = f"{state.presses(key)}-{crc32(repr(list(lists(columns))).encode()):x}"

    def pressed() -> None:
        press = read_press((state.widget(key) or {}).get("press"), columns, stamp)
        state.count_press(key)  # so that lists are drawn anew, and can be pressed again, even if nothing changes
        if press is not None and on_press is not None:
            on_press(*press)

    words = {
        "table": _("Table and downloads"),
        "csv": _("Save as CSV"),
        "png": _("Save as PNG"),
        "svg": _("Save as SVG"),
    }
    data = {"columns": plain(columns), "stamp": stamp, "words": words, "lang": language()}
    _element(key=key, data=data, on_press_change=pressed)


def read_press(press: Any, columns: Sequence[Sequence[Block]], stamp: str) -> tuple[str, str, int] | None:
    """A list's key, a button's name and its row's place; None for what no button of these lists could have sent.

    Args:
        press: what the browser sent.
        columns: the blocks as they are.
        stamp: of these lists; a press with another one was meant for rows that are gone.
    """
    if not isinstance(press, dict) or press.get("stamp") != stamp:
        return None
    asked, act, row = press.get("list"), press.get("act"), press.get("row")
    if not isinstance(row, int):
        return None
    for block in lists(columns):
        if block.key == asked and any(one.name == act and not one.off for one in block.acts(row)):
            return block.key, str(act), row
    return None
