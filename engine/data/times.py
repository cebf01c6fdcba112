"""Times as people write them -> seconds since 1970 UTC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from engine.data.schema import TIMESTAMP

pc: Any = pyarrow.compute  # its functions are made at import, where a type checker cannot see them

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_UNITS = (
    (1e11, 1.0, "seconds"),
    (1e14, 1e3, "milliseconds"),
    (1e17, 1e6, "microseconds"),
    (np.inf, 1e9, "nanoseconds"),
)
"""A typical time under the bound is in the unit: 1e11 seconds is the year 5138, 1e11 milliseconds is 1973."""


@dataclass(frozen=True)
class Times:
    """A column of times, read.

    Attributes:
        seconds: (n,) float64 seconds since 1970 UTC, fractions kept; NaN where it is missing or cannot be read.
        missing: (n,) bool; nothing is written there.
        note: what unit was taken, where it is not seconds; else "".
    """

    seconds: np.ndarray
    missing: np.ndarray
    note: str = ""


def parse_times(column: pd.Series) -> Times:
    """Times from a column of numbers or of ISO 8601 texts, of which a text without a zone is UTC.

    One unit holds for a whole column of numbers: the one in which its median lies between 1970 and 5138. Eight digits
    that spell a day throughout, such as 20240131, are dates.
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return Times(_seconds(column), column.isna().to_numpy())
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return _from_numbers(numbers, np.isnan(numbers))
    text = column.astype("str").fillna("").str.strip()
    missing = (text == "").to_numpy()
    numbers = to_numbers(text)
    is_number = ~np.isnan(numbers)
    if is_number.sum() * 2 < (~missing).sum():
        iso = _from_iso(text.where(~is_number, ""))
        if (~np.isnan(iso)).sum() >= is_number.sum():
            return Times(iso, missing)
    if is_number.any() and _are_days(numbers[is_number]):
        return Times(_from_iso(text), missing, f"{TIMESTAMP} read as days written YYYYMMDD")
    return _from_numbers(numbers, missing)


def to_numbers(text: pd.Series) -> np.ndarray:
    """(n,) float64 of texts that spell finite decimal numbers, such as -3, 4.50 and 1e9; NaN elsewhere."""
    arrow = pa.array(text, type=pa.large_string(), from_pandas=True)
    try:
        numbers = arrow.cast(pa.float64())
    except pa.ArrowInvalid:  # some spell none: cast the others
        spelt = pc.match_substring_regex(arrow, _NUMBER)
        numbers = pc.if_else(spelt, arrow, None).cast(pa.float64())
    out = numbers.to_numpy(zero_copy_only=False)
    return np.where(np.isfinite(out), out, np.nan)


def _from_numbers(numbers: np.ndarray, missing: np.ndarray) -> Times:
    finite = np.isfinite(numbers)
    if not finite.any():
        return Times(np.full(len(numbers), np.nan), missing)
    typical = float(np.median(np.abs(numbers[finite])))
    _, factor, unit = next(u for u in _UNITS if typical < u[0])
    return Times(
        np.where(finite, numbers, np.nan) / factor, missing, f"{TIMESTAMP} read as {unit}" if factor > 1 else ""
    )


def _from_iso(text: pd.Series) -> np.ndarray:
    return _seconds(pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce"))


def _seconds(times: pd.Series) -> np.ndarray:
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None) if times.dt.tz is not None else times
    micro = naive.to_numpy().astype("datetime64[us]")
    return np.where(np.isnat(micro), np.nan, micro.astype(np.int64) / 1e6)


def _are_days(numbers: np.ndarray) -> bool:
    """Whether all numbers spell days from 1970 to 2100 as YYYYMMDD."""
    if numbers.min() < 19700101 or numbers.max() > 21001231 or (numbers % 1).any():
        return False
    month, day = numbers // 100 % 100, numbers % 100
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())
