"""Dates in words and figures, as people and programs write them -> seconds since 1970 UTC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from engine.data.schema import TIMESTAMP
from engine.errors import Message

pc: Any = pyarrow.compute  # its functions are made at import, where a type checker cannot see them

DAY = 86_400
STRAY = 0.01
"""A share of odd rows that does not shake what all the others say."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ZONES = {"est": -5, "edt": -4, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "cet": 1, "cest": 2, "jst": 9}
"""Names of zones that mean one thing. CST, IST and BST do not: such times are unreadable, and are asked for."""

_MONTH = (
    r"(?P<mon>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?\.?"
)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[,.]? )?"
_CLOCK = r"(?P<h>\d{1,2}):(?P<mi>\d{2})(?::(?P<s>\d{2})(?:[.,:](?P<f>\d{1,9}))?)?(?: ?(?P<ap>[ap])\.?m\.?)?"
_ZONE = (
    r"(?: ?(?:(?P<z>(?:utc|gmt)? ?[+-]\d\d:?(?:\d\d)?)(?: \(?[a-z][a-z ]+\)?)?"
    rf"|(?P<zn>z|utc|gmt|{'|'.join(_ZONES)}))(?:\[[a-z/_]+\])?)?"
)
_TIME = rf"(?:(?:[t:]|,? ){_CLOCK})?{_ZONE}$"
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
_PLAIN = (
    rf"^(?P<y>\d{{4}})(?:[-/.]|年)(?P<m>\d{{1,2}})(?:[-/.]|月)(?P<d>\d{{1,2}})日?{_TIME}",
    rf"^{_WEEKDAY}{_MONTH}[ -]{_DAY},?[ -](?P<y>\d{{4}}){_TIME}",
    rf"^{_WEEKDAY}{_DAY}[-/ .]{_MONTH}(?:[-/.]|,? )(?P<y>\d{{4}}|\d{{2}}){_TIME}",
    rf"^{_WEEKDAY}{_MONTH} {_DAY} {_CLOCK}{_ZONE} (?P<y>\d{{4}})$",
    rf"^{_MONTH},? (?P<y>\d{{4}})$",
)
"""2020/9/25 2:30 and 2020年9月25日; Sep 25, 2020; 25-Sep-20; Fri Sep 25 02:30:40 +0000 2020; September 2020."""
_FIGURES = rf"^(?P<a>\d{{1,2}})(?P<sep>[-/. ])(?P<b>\d{{1,2}})(?:[-/.]|,? )(?P<c>\d{{4}}|\d{{2}}){_TIME}"
"""9/25/2020 or 25/9/2020: the column as a whole says what comes first."""
_ORDERS = {"month-first": ("c", "a", "b"), "day-first": ("c", "b", "a"), "year-first": ("a", "b", "c")}
_ORDER_WORDS = {
    "month-first": Message("the month first"),
    "day-first": Message("the day first"),
    "year-first": Message("the year first"),
}
_HAS_ZONE = r"(?i)(?:\d ?z$|utc|gmt|:\d\d(?:[.,]\d+)? ?[+-]\d\d)"


@dataclass(frozen=True)
class Texts:
    """A column of texts, read as times.

    Attributes:
        seconds: (n,) float64 seconds since 1970 UTC; NaN where a text is no time.
        notes: what was taken for granted.
        unsure: the row of a date that may be day first or month first, where nothing in the column tells; else None.
    """

    seconds: np.ndarray
    notes: tuple[Message, ...] = ()
    unsure: int | None = None


def read_texts(text: pd.Series, now: float, order: str | None = None) -> Texts:
    """Times from bare texts.

    Args:
        text: the column; empty where nothing is to be read.
        now: seconds since 1970; a reading of figures that puts times after it is the less likely one.
        order: "day-first" or "month-first", where that is known.
    """
    seconds = from_iso(text)
    left = np.flatnonzero(np.isnan(seconds) & (text != "").to_numpy())
    notes: list[Message] = []
    unsure: int | None = None
    if len(left):
        words = pa.array(text.iloc[left].str.lower(), type=pa.large_string())
        words = pc.utf8_trim_whitespace(pc.replace_substring_regex(words, r"\s+", " "))
        for pattern in _PLAIN:
            found = _fields(words, pattern)
            if not found:
                continue
            month = _numbered(found["mon"]) if "mon" in found else found["m"]
            read = _moments(found, found["y"], month, found.get("d"))
            at = np.isnan(seconds[left]) & ~np.isnan(read)
            seconds[left[at]] = read[at]
        at, read, how, odd = _figures(words, now, order)
        seconds[left[at]] = read[at]
        if how is not None:
            first = text.iat[int(left[np.flatnonzero(at)[0]])]
            values = {"column": TIMESTAMP, "order": _ORDER_WORDS[how], "example": first}
            notes.append(Message("{column} read with {order}, as in {example!r}", values))
        unsure = None if odd is None else int(left[odd])
    notes += _zones(text, ~np.isnan(seconds))
    return Texts(seconds, tuple(notes), unsure)


def from_iso(text: pd.Series) -> np.ndarray:
    """(n,) seconds since 1970 UTC of ISO 8601 texts, of which one without a zone is UTC; NaN elsewhere."""
    return seconds_of(pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce"))


def seconds_of(times: pd.Series) -> np.ndarray:
    """(n,) seconds since 1970 UTC of typed times; NaN where there is none."""
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None) if times.dt.tz is not None else times
    micro = naive.to_numpy().astype("datetime64[us]")
    return np.where(np.isnat(micro), np.nan, micro.astype(np.int64) / 1e6)


def from_calendar(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    """(n,) seconds since 1970 at the beginning of days; NaN where there is no such day."""
    fits = (year >= 1000) & (year <= 2500) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    y, m, d = (np.where(fits, part, 1).astype(np.int64) for part in (year, month, day))
    months = ((y - 1970) * 12 + m - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (d - 1)
    fits &= days.astype("datetime64[M]") == months
    return np.where(fits, days.astype(np.int64) * float(DAY), np.nan)


def _figures(words: Any, now: float, order: str | None) -> tuple[np.ndarray, np.ndarray, str | None, int | None]:
    """Where dates such as 9/25/2020 were read, their seconds, their order, and the row of an ambiguous one."""
    found = _fields(words, _FIGURES)
    n = len(words)
    if not found:
        return np.zeros(n, dtype=bool), np.full(n, np.nan), None, None
    matched = found["matched"]
    short = np.array([len(c) == 2 for c in found["c"]])
    readings: dict[str, np.ndarray] = {}
    for name, (y, m, d) in _ORDERS.items():
        if (order is None and (name != "year-first" or short[matched].all())) or name == order:
            read = _moments(found, found[y], found[m], found[d])
            readings[name] = np.where(read <= now + DAY, read, np.nan) if order is None else read
    counts = {name: int((~np.isnan(read)).sum()) for name, read in readings.items()}
    best = max(counts, key=lambda name: counts[name])
    chosen = readings[best]
    for name, read in readings.items():
        if name == best:
            continue
        apart = ~np.isnan(read) & (np.isnan(chosen) | (read != chosen))
        only = apart & np.isnan(chosen)  # rows that the best order cannot read
        if apart.any() and (counts[name] == counts[best] or only.sum() > STRAY * matched.sum()):
            if "day-first" in readings and set(np.unique(found["sep"][matched])) == {"."}:
                best, chosen = "day-first", readings["day-first"]  # 03.04.2020: dates with dots have the day first
                break
            return np.zeros(n, dtype=bool), chosen, None, int(np.flatnonzero(apart)[0])
    at = ~np.isnan(chosen)
    return at, chosen, best if at.any() else None, None


def _fields(words: Any, pattern: str) -> dict[str, np.ndarray]:
    """(n,) texts of each group of a pattern, "" without a match; and where it `matched` as a whole; {} if nowhere."""
    found = pc.extract_regex(words, pattern)
    matched = found.is_valid().to_numpy(zero_copy_only=False)
    if not matched.any():
        return {}
    names = [found.type.field(i).name for i in range(found.type.num_fields)]
    texts = {name: pc.fill_null(pc.struct_field(found, name), "") for name in names}
    return {"matched": matched} | {
        name: np.where(matched, values.to_numpy(zero_copy_only=False), "").astype(object)
        for name, values in texts.items()
    }


def _numbered(months: np.ndarray) -> np.ndarray:
    """Month names as the digits of their numbers."""
    codes, terms = pd.factorize(months)
    return np.array([str(_MONTHS.index(term) + 1) if term else "" for term in terms], dtype=object)[codes]


def _moments(found: dict[str, np.ndarray], year: np.ndarray, month: np.ndarray, day: np.ndarray | None) -> np.ndarray:
    """(n,) seconds since 1970 UTC of dates with their time of day and zone; NaN where there is no such moment."""
    matched = found["matched"]
    y = _whole(year)
    y = np.where(y < 69, y + 2000, np.where(y < 100, y + 1900, y))  # as POSIX reads two digits
    out = from_calendar(y, _whole(month), np.ones(len(y)) if day is None else _whole(day))
    if "h" in found:
        hour, minute, second = (_whole(found[part]) for part in ("h", "mi", "s"))
        half = found["ap"]
        noon = np.where(half == "p", 12, 0)
        fits = (minute < 60) & (second < 61) & np.where(half == "", hour < 25, (hour >= 1) & (hour <= 12))
        hour = np.where(half == "", hour, hour % 12 + noon)
        fraction = _mapped(found["f"], lambda f: float(f"0.{f}") if f else 0.0)
        out = np.where(fits, out + hour * 3600 + minute * 60 + second + fraction, np.nan)
    if "z" in found:
        out = out - _mapped(found["z"], _offset) - 3600 * _mapped(found["zn"], lambda z: _ZONES.get(z, 0))
    return np.where(matched, out, np.nan)


def _offset(zone: str) -> float:
    """Seconds east of Greenwich: "+0530", "gmt-07:00", "+02"."""
    digits = "".join(c for c in zone if c.isdigit()).ljust(4, "0")
    if not zone:
        return 0.0
    return (int(digits[:2]) * 3600 + int(digits[2:]) * 60) * (-1 if "-" in zone else 1)


def _whole(texts: np.ndarray) -> np.ndarray:
    return _mapped(texts, lambda t: float(t) if t else 0.0)


def _mapped(texts: np.ndarray, function: Any) -> np.ndarray:
    """(n,) float64 values of a function of texts, few of which are distinct."""
    codes, terms = pd.factorize(texts)
    return np.array([function(term) for term in terms], dtype=np.float64)[codes]


def _zones(text: pd.Series, read: np.ndarray) -> list[Message]:
    """A note where some times name their zone and others do not."""
    zoned = text.str.contains(_HAS_ZONE, regex=True).to_numpy(dtype=bool) & read
    bare = int((read & ~zoned).sum())
    if not zoned.any() or not bare:
        return []
    return [Message("{n:,} of the times name no zone beside others that do; they are taken for UTC", {"n": bare})]
