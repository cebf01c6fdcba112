"""Attributes of users and items -> one clean row for each, with nothing missing and numbers standardised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Literal

import numpy as np
import pandas as pd

from engine.data.cleaning_report import FIRST_LINES, CleaningIssue, shorten
from engine.data.dataset import Vocabulary
from engine.data.numbers import MISSING_NUMBERS, MISSING_TEXTS, missing_ids, read_numbers, whole_ids
from engine.data.schema import (
    CATEGORY,
    ITEM_ID,
    LINE,
    LIST_SEPARATOR,
    MISSING_SUFFIX,
    SCALED_SUFFIX,
    TITLE,
    UNKNOWN,
    USER_ID,
    attributes_schema,
    is_text,
    language_twin,
)
from engine.errors import Message

MOSTLY = 0.95
"""A column with at least this share of numbers among its values is numeric; its other values count as missing."""
_QUOTED = re.compile(r"^\[\s*(?:(?:'[^']*'|\"[^\"]*\"|[^'\",\[\]{}]+)\s*(?:,\s*|(?=\])))*\]$")


def clean_attributes(
    raw: pd.DataFrame | None, table: Literal["users", "items"], ids: Vocabulary, kinds: Mapping[str, str]
) -> tuple[pd.DataFrame, list[CleaningIssue], list[Message]]:
    """One row for each id of the vocabulary, in its order; what was dropped and repaired; and what was guessed.

    A missing attribute becomes "unknown" where it is text and the column's median where it is a number, and
    `<column>__missing` flags it. A number also gets `<column>__z`: mean 0, deviation 1 (0 throughout for a constant). A
    column is numeric when it is declared so, or when it is not declared text and nearly all its values are finite
    numbers without leading zeros. Other values of a numeric column count as missing.

    Args:
        raw: id, attributes and `line`, as read; None for a table of ids alone.
        table: its name in the report.
        ids: users or items of the log.
        kinds: columns declared to be "text" or "number".
    """
    key = USER_ID if table == "users" else ITEM_ID
    issues: list[CleaningIssue] = []
    if raw is None:
        return pd.DataFrame({key: pd.Series(ids.ids, dtype="str")}), issues, []
    names, notes = _our_names([str(c) for c in raw.columns if c not in (key, LINE)], {key, LINE}, table)
    kinds = {names.get(column, column): kind for column, kind in kinds.items()}
    rows = _one_row_an_id(raw.rename(columns=names), table, key, ids, issues, notes)
    out: dict[str, pd.Series | np.ndarray] = {key: pd.Series(ids.ids, dtype="str")}
    derived: dict[str, np.ndarray] = {}
    for column in names.values():
        twin = language_twin(column, list(names.values()))
        is_name = column in (TITLE, CATEGORY) or (twin is not None and twin[0] in (TITLE, CATEGORY))
        series = rows.loc[:, column]
        found = None if is_name or kinds.get(column) == "text" else _number(series, kinds.get(column) == "number")
        named = {"column": column}
        if found is None:
            values, missing = _text(series)
            if not is_text(column, list(names.values())):
                values, how = _lists(values, missing)
                notes += [] if how is None else [Message("column {column!r} {how}", named | {"how": how})]
            filled = Message("{column} is missing, filled with {value}", named | {"value": f'"{UNKNOWN}"'})
        else:
            values, missing = found.values, found.missing
            middle = Message("the median, {median:g}", {"median": float(np.median(values[~missing]))})
            filled = Message("{column} is missing, filled with {value}", named | {"value": middle})
            if found.how is not None:
                how = Message("{column} {how}, read as a number", named | {"how": found.how})
                issues.append(_issue(table, rows, found.mended, how, "mended", ids))
            if found.odd.any():
                odd = Message("{column} is not a number, filled with {value}", named | {"value": middle})
                issues.append(_issue(table, rows, found.odd, odd, "mended", ids))
            derived[column + SCALED_SUFFIX] = _standardised(np.asarray(values))
        if missing.any():
            derived[column + MISSING_SUFFIX] = missing
            if (empty := missing if found is None else missing & ~found.odd).any():
                issues.append(_issue(table, rows, empty, filled, "mended", ids))
        out[column] = values
    clean = pd.DataFrame(out | derived)
    return attributes_schema(key).validate(clean), issues, notes


def _our_names(columns: list[str], taken: set[str], table: str) -> tuple[dict[str, str], list[Message]]:
    """A name for each column that does not clash with ours: double underscores mark derived columns."""
    names: dict[str, str] = {}
    notes: list[Message] = []
    used = taken | {c for c in columns if "__" not in c}
    for column in columns:
        name = column
        if "__" in column:
            base = re.sub("__+", "_", column)
            name = base if base not in used else next(n for i in count(2) if (n := f"{base} {i}") not in used)
            used.add(name)
            values = {"column": column, "table": table, "name": name}
            notes.append(Message("column {column!r} of the {table} is called {name!r} here", values))
        names[column] = name
    return names, notes


def _one_row_an_id(
    raw: pd.DataFrame,
    table: Literal["users", "items"],
    key: str,
    ids: Vocabulary,
    issues: list[CleaningIssue],
    notes: list[Message],
) -> pd.DataFrame:
    """The first row of each id, in the vocabulary's order; ids without a row get an empty one, whose `line` is 0."""
    bare = raw[key].astype("str").fillna("").str.strip()
    spaced = (bare != raw[key].astype("str")).to_numpy()
    missing = missing_ids(bare)
    if (short := whole_ids(bare[~missing])) is not None:
        bare = bare.copy()
        bare[~missing] = short
    keep = np.ones(len(raw), dtype=bool)
    named = {"column": key}

    def drop(wrong: np.ndarray, reason: Message) -> None:
        wrong = wrong & keep
        keep[wrong] = False
        if wrong.any():
            issues.append(_issue(table, raw, wrong, reason, "dropped", None, key))

    drop(missing, Message("{column} is missing", named))
    drop(bare.duplicated().to_numpy(), Message("{column} has an earlier row, which stays", named))
    unmet = Message("user never appears in the log") if table == "users" else Message("item never appears in the log")
    drop(ids.indices_of(bare.to_numpy(dtype=object), missing=-1) < 0, unmet)
    if not keep.any():
        theirs, ours = (", ".join(map(repr, some[:3])) for some in (bare.tolist(), ids.ids.tolist()))
        values = {"table": table, "column": key, "theirs": theirs, "ours": ours}
        notes.append(
            Message(
                "no {column} of the table of {table} is in the log, so the table tells nothing (it has {theirs}, the "
                "log {ours})",
                values,
            )
        )
    spaced = spaced & keep
    if spaced.any():
        away = Message("white space around {column} taken away", named)
        issues.append(_issue(table, raw, spaced, away, "mended", None, key))
    if short is not None and keep.any():
        cut = Message("{column} written with .0 behind it, which is left out", named)
        issues.append(_issue(table, raw, keep, cut, "mended", None, key))
    rows = raw[keep].assign(**{key: bare[keep]}).set_index(key).reindex(ids.ids)
    absent = rows[LINE].isna().to_numpy()
    rows = rows.assign(**{LINE: rows[LINE].fillna(0).astype(np.int64)}).reset_index(drop=True)
    if absent.any():
        reason = (
            Message("user of the log without a row; one was made")
            if table == "users"
            else Message("item of the log without a row; one was made")
        )
        issues.append(_issue(table, rows, absent, reason, "mended", ids))
    return rows


@dataclass(frozen=True)
class _Numbers:
    """A column of numbers: values with gaps filled by the median, where the gaps are, and which held other text."""

    values: np.ndarray
    missing: np.ndarray
    odd: np.ndarray
    mended: np.ndarray
    how: Message | None


def _number(column: pd.Series, declared: bool) -> _Numbers | None:
    """The column as numbers; None if it is not numeric."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return None
    odd, mended, how = (np.zeros(len(column), dtype=bool), np.zeros(len(column), dtype=bool), None)
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        missing = ~np.isfinite(numbers)
    else:
        text = column.astype("str").fillna("").str.strip()
        empty = text.str.lower().isin(MISSING_NUMBERS).to_numpy()
        read = read_numbers(text.mask(empty, ""))
        numbers, mended, how = read.values, read.mended, read.how
        missing = np.isnan(numbers)
        odd = missing & ~empty
        padded = text.str.contains(r"^[+-]?0\d", regex=True).to_numpy()  # such as 007: a code, not a count
        if not declared and (odd.sum() > (1 - MOSTLY) * (~empty).sum() or padded.any()):
            return None
    if missing.all():
        return None
    numbers = np.where(missing, np.median(numbers[~missing]), numbers)
    whole = (numbers % 1 == 0).all() and np.abs(numbers).max() < 2**53
    return _Numbers(numbers.astype(np.int64) if whole else numbers, missing, odd, mended, how)


def _lists(values: pd.Series, missing: np.ndarray) -> tuple[pd.Series, Message | None]:
    """Texts such as "['Comedy', 'Drama']" and "Comedy, Drama" as lists of categories, and how those were written.

    A comma separates a list where the parts occur in other texts too: "Portland, OR" is one place.
    """
    told = values.loc[~missing]
    if (
        len(told)
        and (told.str.startswith("[") & told.str.endswith("]")).all()
        and all(_QUOTED.match(text) for text in told.tolist())
    ):
        bare = values.str.slice(1, -1).str.replace(r"\s*,\s*", LIST_SEPARATOR, regex=True)
        bare = bare.str.replace(r"['\"]", "", regex=True).str.strip()
        out = values.where(pd.Series(missing, index=values.index), bare)
        return out.mask(out == "", UNKNOWN), Message("holds lists in brackets, taken apart")
    several = told.loc[told.str.contains(",", regex=False) & ~told.str.contains(LIST_SEPARATOR, regex=False)]
    wholes = several.drop_duplicates()
    if len(several) * 2 < len(told) or len(wholes) < 2:
        return values, None
    parts = wholes.str.split(r"\s*,\s*", regex=True).explode().str.strip()
    counts = parts.value_counts()
    if len(counts) > len(told.drop_duplicates()) or (counts > 1).sum() * 2 < len(counts):
        return values, None
    apart = values.str.replace(r"\s*,\s*", LIST_SEPARATOR, regex=True)
    return apart, Message("holds lists parted by commas, taken apart")


def _text(column: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """The column as text with gaps filled by "unknown", and where the gaps are."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        column = column.dt.strftime("%Y-%m-%dT%H:%M:%S").str.removesuffix("T00:00:00")
    text = column.astype("str").fillna("").str.strip()
    missing = text.str.lower().isin(MISSING_TEXTS).to_numpy()
    return text.where(~missing, UNKNOWN), missing


def _standardised(numbers: np.ndarray) -> np.ndarray:
    from sklearn.preprocessing import StandardScaler  # here, since it takes a second to import

    size = float(np.abs(numbers.astype(np.float64)).max(initial=0)) or 1.0  # squares of huge numbers are infinite
    if size > 1e100:
        numbers = numbers / size
    return StandardScaler().fit_transform(numbers.astype(np.float64)[:, None])[:, 0]


def _issue(
    table: Literal["users", "items"],
    rows: pd.DataFrame,
    where: np.ndarray,
    reason: Message,
    action: Literal["dropped", "mended"],
    ids: Vocabulary | None,
    key: str = "",
) -> CleaningIssue:
    """The issue for some rows; its example is the id, from the table or, for a table in its order, the vocabulary."""
    at = np.flatnonzero(where)
    at = at[np.argsort(rows[LINE].to_numpy()[at], kind="stable")]
    numbers = rows[LINE].to_numpy()[at]
    first = int(at[np.argmax(numbers > 0)])  # the first with a line, else the first
    lines = tuple(int(n) for n in numbers if n > 0)[:FIRST_LINES]
    example = rows[key].iat[first] if ids is None else ids.ids[first]
    return CleaningIssue(table, reason, action, len(at), lines, shorten(example))
