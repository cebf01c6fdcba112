"""Numbers as people write them, and the words that stand for none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from engine.errors import Message

pc: Any = pyarrow.compute  # its functions are made at import, where a type checker cannot see them

MISSING_TEXTS = frozenset({"", "nan", "null", "<na>", "n/a", "#n/a", "\\n"})
"""What stands for a missing text, in lower case. "NA" and "None" may be words, so they are none of these."""
MISSING_NUMBERS = MISSING_TEXTS | {"na", "#na", "none", "nil", "nat", "-", "?"}
"""What stands for a missing number or time in a column whose other values are such, in lower case."""
_NO_ID = ("", "NA", "#NA", "N/A", "#N/A", "<NA>", "NaN", "NAN", "NULL", "None", "NONE", "NIL", "NaT", "\\N")
MISSING_IDS = frozenset({form for word in _NO_ID for form in (word, word.lower(), word.capitalize())})
"""What programs write where there is no id. As an id, such a word would gather all of them in one huge user."""

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_DECIMAL_COMMA = r"^[+-]?[0-9]*,[0-9]+$"
_COMMA_GROUPS = r"^[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?$"
_DOT_GROUPS = r"^[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?$"
_SPACES = "[ '’\u00a0\u202f]"
_SPACE_GROUPS = rf"^[+-]?[1-9][0-9]{{0,2}}(?:{_SPACES}[0-9]{{3}})+(?:[.,][0-9]+)?$"
_SIGNS = r"^(?:(?P<before>[$€£¥₹₽])\s*)?(?P<number>[+-]?[0-9][0-9.,]*)(?:\s*(?P<after>[$€£¥₹₽%元]))?$"


@dataclass(frozen=True)
class Numbers:
    """A column of texts, read as numbers.

    Attributes:
        values: (n,) float64; NaN where a text spells no finite number.
        mended: (n,) bool; written otherwise than a program writes a number.
        how: in what way those are written; None where there are none.
    """

    values: np.ndarray
    mended: np.ndarray
    how: Message | None = None


def to_numbers(text: pd.Series) -> np.ndarray:
    """(n,) float64 of texts that spell finite decimal numbers, such as -3, 4.50 and 1e9; NaN elsewhere."""
    arrow = pa.array(text, type=pa.large_string(), from_pandas=True)
    try:
        numbers = arrow.cast(pa.float64())
    except pa.ArrowInvalid:  # some are not numbers: cast the others
        spelt = pc.match_substring_regex(arrow, _NUMBER)
        numbers = pc.if_else(spelt, arrow, None).cast(pa.float64())
    out = numbers.to_numpy(zero_copy_only=False)
    return np.where(np.isfinite(out), out, np.nan)


def read_numbers(text: pd.Series) -> Numbers:
    """Numbers of a column of stripped texts, allowing one notation for those that are not plain.

    1,5 is one and a half, unless values of the column look grouped by thousands; 1,299 is over a thousand, if all
    values with a comma look like that; $9.99 is 9.99, if the column has no other currency sign.
    """
    plain = to_numbers(text)
    odd = np.isnan(plain) & (text != "").to_numpy()
    if not odd.any():
        return Numbers(plain, np.zeros(len(text), dtype=bool))
    left = pd.Series(text.to_numpy()[odd], dtype="str")
    how: Message | None = None
    signs = left.str.extract(_SIGNS)
    found = {str(sign) for part in ("before", "after") for sign in signs[part].dropna().unique()}
    if len(found) == 1:
        how = Message("written with {sign}", {"sign": found.pop()})
        left = signs["number"].where(signs["number"].notna(), left).astype("str")
    grouped, decimal, dotted, spaced = (
        left.str.contains(p, regex=True).to_numpy(dtype=bool)
        for p in (_COMMA_GROUPS, _DECIMAL_COMMA, _DOT_GROUPS, _SPACE_GROUPS)
    )
    bare = left
    if (decimal & ~grouped).any():
        how = how or Message("written with a decimal comma")
        bare = left.where(~dotted, left.str.replace(".", "", regex=False))
        bare = bare.where(~(decimal | dotted), bare.str.replace(",", ".", regex=False))
    elif grouped.any():
        how = how or Message("written in groups of three digits")
        bare = left.where(~grouped, left.str.replace(",", "", regex=False))
    elif dotted.any():
        how = how or Message("written in groups of three digits")
        bare = left.where(~dotted, left.str.replace(".", "", regex=False).str.replace(",", ".", regex=False))
    if spaced.any():
        how = how or Message("written in groups of three digits")
        closed = left.str.replace(_SPACES, "", regex=True).str.replace(",", ".", regex=False)
        bare = bare.where(~spaced, closed)
    values = plain.copy()
    values[odd] = to_numbers(bare)
    mended = odd & ~np.isnan(values)
    if dotted.any() and mended.any():  # then 1.234 next to 1.234,50 is grouped too
        alike = text.str.contains(_DOT_GROUPS, regex=True).to_numpy(dtype=bool) & ~odd
        values[alike] = to_numbers(text.loc[alike].str.replace(".", "", regex=False))
        mended |= alike
    return Numbers(values, mended, how if mended.any() else None)


def missing_ids(bare: pd.Series) -> np.ndarray:
    """(n,) bool: stripped ids that are empty or a placeholder such as NULL."""
    return bare.isin(list(MISSING_IDS)).to_numpy()


def whole_ids(bare: pd.Series) -> pd.Series | None:
    """Ids without the ".0" that all of them end in, which integers get when a gap turns them into floats; else None."""
    if len(bare) == 0 or not bare.iat[0].endswith(".0") or not bare.str.fullmatch(r"[0-9]+\.0").all():
        return None
    return bare.str.slice(0, -2)
