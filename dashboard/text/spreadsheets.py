"""Tables on their way to a spreadsheet, which takes a text that begins with certain signs for a formula and runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

BEGINS_A_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""Signs that a spreadsheet takes for the beginning of a formula; the wide ones where people write Chinese."""

TEXT_MARK = "'"
"""A spreadsheet's own sign for: what follows is text."""

UNSEEN_MARK = "\u2060"
"""A word joiner, for tables that are shown on a page, and saved from there by the browser."""


def defuse(value: Any, mark: str = TEXT_MARK) -> Any:
    """The value such that a spreadsheet takes it for what it is; numbers, as numbers or as text, are left alone."""
    if not isinstance(value, str) or not value.startswith(BEGINS_A_FORMULA) or _is_number(value):
        return value
    return mark + value


def typed(text: str) -> str:
    """What a person typed or pasted, without the unseen mark that a cell copied from a page's table begins with."""
    stripped = text.strip()
    bare = stripped.removeprefix(UNSEEN_MARK)
    return bare if bare != stripped and bare.startswith(BEGINS_A_FORMULA) else text


def _is_number(text: str) -> bool:
    if not text.isascii() or "_" in text or text != text.strip():
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True


def defused(table: pd.DataFrame, mark: str = TEXT_MARK) -> pd.DataFrame:
    """The table with each text and each column's name defused."""
    changed = table.copy(deep=False)
    for place, kind in enumerate(table.dtypes):
        if pd.api.types.is_string_dtype(kind) or kind == np.dtype(object) or isinstance(kind, pd.CategoricalDtype):
            column = table.iloc[:, place]
            values = column.tolist()
            if any(isinstance(value, str) and value.startswith(BEGINS_A_FORMULA) for value in values):
                new = pd.Series([defuse(value, mark) for value in values], index=table.index, dtype=object)
                changed.isetitem(place, new)
    changed.columns = [defuse(name, mark) for name in table.columns]
    return changed


def as_csv(table: pd.DataFrame) -> bytes:
    """The table as a CSV file; with a byte order mark, since a spreadsheet reads other UTF-8 as Latin-1."""
    # Lines end as the standard says; with others, a return inside a text would not be quoted and begin a line.
    return defused(table).to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")
