"""Attributes of users and items -> one clean row for each of them, nothing missing, numbers standardised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from engine.data.dataset import Vocabulary
from engine.data.report import FIRST_LINES, CleaningIssue, shorten
from engine.data.schema import (
    CATEGORY,
    ITEM_ID,
    LINE,
    MISSING_SUFFIX,
    SCALED_SUFFIX,
    TITLE,
    UNKNOWN,
    USER_ID,
    attributes_schema,
)
from engine.data.times import to_numbers

MISSING_TEXTS = frozenset({"", "nan", "null", "<na>", "n/a", "\\n"})
"""What stands for a missing text, in lower case. "NA" and "None" may be words, so they are none of these."""
MISSING_NUMBERS = MISSING_TEXTS | {"na", "none", "-", "?"}
"""What stands for a missing number in a column whose other values are numbers."""


def clean_attributes(
    raw: pd.DataFrame | None, table: Literal["users", "items"], ids: Vocabulary, kinds: Mapping[str, str]
) -> tuple[pd.DataFrame, list[CleaningIssue]]:
    """One row for each id of the vocabulary, in its order, and what was dropped and mended.

    A missing attribute becomes "unknown" where it is text and the column's median where it is a number, and
    `<column>__missing` flags it. A number also gets `<column>__z`: mean 0, deviation 1 (0 throughout for a constant). A
    column is numeric when it is declared so, or when every value it has spells a finite number without leading zeros
    and it is not declared text. In a column declared numeric, a value that is no number counts as missing.

    Args:
        raw: id, attributes and `line`, as read; None for a table of ids alone.
        table: its name in the report.
        ids: users or items of the log.
        kinds: columns declared to be "text" or "number".
    """
    key = USER_ID if table == "users" else ITEM_ID
    issues: list[CleaningIssue] = []
    if raw is None:
        return pd.DataFrame({key: pd.Series(ids.ids, dtype="str")}), issues
    rows = _one_row_an_id(raw, table, key, ids, issues)
    out: dict[str, pd.Series | np.ndarray] = {key: pd.Series(ids.ids, dtype="str")}
    derived: dict[str, np.ndarray] = {}
    for column in (str(c) for c in raw.columns if c not in (key, LINE)):
        is_name = column in (TITLE, CATEGORY) or column.startswith(f"{TITLE}_")
        series = rows.loc[:, column]
        found = None if is_name or kinds.get(column) == "text" else _number(series, kinds.get(column) == "number")
        numeric = found is not None
        values, missing = found or _text(series)
        if missing.any():
            derived[column + MISSING_SUFFIX] = missing
            filled = f"the median, {np.median(values[~missing]):g}" if numeric else f'"{UNKNOWN}"'
            issues.append(_issue(table, rows, missing, f"{column} is missing, filled with {filled}", "mended", ids))
        out[column] = values
        if numeric:
            derived[column + SCALED_SUFFIX] = _standardised(np.asarray(values))
    clean = pd.DataFrame(out | derived)
    return attributes_schema(key).validate(clean), issues


def _one_row_an_id(
    raw: pd.DataFrame, table: Literal["users", "items"], key: str, ids: Vocabulary, issues: list[CleaningIssue]
) -> pd.DataFrame:
    """The first row of each id, in the vocabulary's order; empty rows for ids without one (their `line` is 0)."""
    one = table.removesuffix("s")
    bare = raw[key].astype("str").fillna("").str.strip()
    keep = np.ones(len(raw), dtype=bool)

    def drop(wrong: np.ndarray, reason: str) -> None:
        wrong = wrong & keep
        keep[wrong] = False
        if wrong.any():
            issues.append(_issue(table, raw, wrong, reason, "dropped", None, key))

    drop((bare == "").to_numpy(), f"{key} is missing")
    drop(bare.duplicated().to_numpy(), f"{key} has an earlier row, which stays")
    drop(ids.numbers(bare.to_numpy(dtype=object), missing=-1) < 0, f"{one} never appears in the log")
    spaced = (bare != raw[key].astype("str")).to_numpy() & keep
    if spaced.any():
        issues.append(_issue(table, raw, spaced, f"white space around {key} taken away", "mended", None, key))
    rows = raw[keep].assign(**{key: bare[keep]}).set_index(key).reindex(ids.ids)
    absent = rows[LINE].isna().to_numpy()
    rows = rows.assign(**{LINE: rows[LINE].fillna(0).astype(np.int64)}).reset_index(drop=True)
    if absent.any():
        reason = f"{one} of the log without a row; one was made"
        issues.append(_issue(table, rows, absent, reason, "mended", ids))
    return rows


def _number(column: pd.Series, declared: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """The column as numbers with gaps filled by the median, and where the gaps are; None if it is not numeric."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return None
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        missing = ~np.isfinite(numbers)
    else:
        text = column.astype("str").fillna("").str.strip()
        numbers = to_numbers(text)
        missing = np.isnan(numbers)
        empty = text.str.lower().isin(MISSING_NUMBERS).to_numpy()
        padded = text.str.contains(r"^[+-]?0\d", regex=True).to_numpy()  # such as 007: a code, not a count
        if not declared and ((missing & ~empty).any() or padded.any()):
            return None
    if missing.all():
        return None
    numbers = np.where(missing, np.median(numbers[~missing]), numbers)
    whole = (numbers % 1 == 0).all() and np.abs(numbers).max() < 2**53
    return (numbers.astype(np.int64) if whole else numbers), missing


def _text(column: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """The column as text with gaps filled by "unknown", and where the gaps are."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        column = column.dt.strftime("%Y-%m-%dT%H:%M:%S").str.removesuffix("T00:00:00")
    text = column.astype("str").fillna("").str.strip()
    missing = text.str.lower().isin(MISSING_TEXTS).to_numpy()
    return text.where(~missing, UNKNOWN), missing


def _standardised(numbers: np.ndarray) -> np.ndarray:
    from sklearn.preprocessing import StandardScaler  # here, since it takes a second to import

    return StandardScaler().fit_transform(numbers.astype(np.float64)[:, None])[:, 0]


def _issue(
    table: Literal["users", "items"],
    rows: pd.DataFrame,
    where: np.ndarray,
    reason: str,
    action: Literal["dropped", "mended"],
    ids: Vocabulary | None,
    key: str = "",
) -> CleaningIssue:
    """An account of some rows; the example is the id, from the table or, for a table in its order, the vocabulary."""
    at = np.flatnonzero(where)
    at = at[np.argsort(rows[LINE].to_numpy()[at], kind="stable")]
    numbers = rows[LINE].to_numpy()[at]
    first = int(at[np.argmax(numbers > 0)])  # the first with a line, else the first
    lines = tuple(int(n) for n in numbers if n > 0)[:FIRST_LINES]
    example = rows[key].iat[first] if ids is None else ids.ids[first]
    return CleaningIssue(table, reason, action, len(at), lines, shorten(example))
