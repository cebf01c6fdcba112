"""Times as people write them -> seconds since 1970 UTC.

A whole column has one notation, since single values are ambiguous: 2010 is a year or a second of 1970, 44000 a day of a
    spreadsheet, 03/04/2020 the third of April or the fourth of March. Guesses are reported; what cannot be guessed must
    be given (`--time-format`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data.numbers import MISSING_IDS, to_numbers
from engine.data.schema import TIMESTAMP
from engine.data.time_texts import DAY, from_calendar, read_texts, seconds_of
from engine.errors import Message

__all__ = ["Times", "parse_times", "to_numbers"]

_UNITS = (
    (1e11, 1.0, "seconds"),
    (1e14, 1e3, "milliseconds"),
    (1e17, 1e6, "microseconds"),
    (np.inf, 1e9, "nanoseconds"),
)
"""A typical time below the bound is in the unit: 1e11 seconds is the year 5138, 1e11 milliseconds is 1973."""
_EPOCHS = {
    "ticks": (1e7, -62_135_596_800.0),
    "filetime": (1e7, -11_644_473_600.0),
    "spreadsheet-days": (1 / DAY, -25_569.0 * DAY),
    "days": (1 / DAY, 0.0),
}
"""Other epochs and units: how many make a second, and their 0 in seconds since 1970."""
_READ_AS = {
    "seconds": Message("seconds"),
    "milliseconds": Message("milliseconds"),
    "microseconds": Message("microseconds"),
    "nanoseconds": Message("nanoseconds"),
    "ticks": Message("ticks of .NET, ten millionths of a second since the year 1"),
    "filetime": Message("file times of Windows, ten millionths of a second since 1601"),
    "spreadsheet-days": Message("serial days of a spreadsheet"),
    "days": Message("days since 1970"),
    "years": Message("years"),
}
_DIGITS = (
    (14, Message("moments written YYYYMMDDhhmmss")),
    (12, Message("moments written YYYYMMDDhhmm")),
    (8, Message("days written YYYYMMDD")),
    (6, Message("months written YYYYMM")),
)
_FROM = 315_532_800.0
"""1980: logs are not older, and a number that can be a time since then is taken for one."""
_NO_TIMES = [*MISSING_IDS, "-", "?", "0000-00-00", "0000-00-00 00:00:00"]


@dataclass(frozen=True)
class Times:
    """A column of times, read.

    Attributes:
        seconds: (n,) float64 seconds since 1970 UTC, fractions kept; NaN where it is missing or cannot be read.
        missing: (n,) bool; the value is empty, or a placeholder such as NULL.
        notes: what was assumed, such as a unit other than seconds.
        mended: rows in another unit than the rest, with what was done.
        unsure: the row of a date that is ambiguous between day first and month first; else None.
    """

    seconds: np.ndarray
    missing: np.ndarray
    notes: tuple[Message, ...] = ()
    mended: tuple[tuple[np.ndarray, Message], ...] = ()
    unsure: int | None = None


def parse_times(column: pd.Series, written: str | None = None, now: float | None = None) -> Times:
    """Times from a column of numbers or texts; a time without a zone is UTC.

    Args:
        column: as read.
        written: how they are written (setting `data.time_format`): a word such as "milliseconds" or "day-first", or a
            strptime format; None to recognise it from the whole column.
        now: seconds since 1970, the latest plausible time; None for the current time.
    """
    now = time.time() if now is None else now
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        unused = Message("{column} holds typed times, so --time-format is not used", {"column": TIMESTAMP})
        return Times(seconds_of(column), column.isna().to_numpy(), (unused,) if written else ())
    if pd.api.types.is_numeric_dtype(column.dtype) and (written is None or written in _READ_AS):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return _from_numbers(numbers, np.isnan(numbers), now, written)
    text = column.astype("str").fillna("").str.strip()
    if pd.api.types.is_numeric_dtype(column.dtype):
        text = text.str.removesuffix(".0")
    missing = text.isin(_NO_TIMES).to_numpy()
    text = text.mask(missing, "")
    if written is not None and written in _READ_AS:
        return _from_numbers(to_numbers(text), missing, now, written)
    if written is not None and "%" in written:
        return Times(seconds_of(pd.to_datetime(text, format=written, utc=True, errors="coerce")), missing)
    numbers = to_numbers(text)
    is_number = ~np.isnan(numbers)
    if written is None and is_number.sum() * 2 >= (~missing).sum():
        return _from_numbers(numbers, missing, now)
    texts = read_texts(text.mask(is_number, ""), now, written)
    if texts.unsure is None and (~np.isnan(texts.seconds)).sum() < is_number.sum():
        return _from_numbers(numbers, missing, now)
    return Times(texts.seconds, missing, texts.notes, unsure=texts.unsure)


def _from_numbers(numbers: np.ndarray, missing: np.ndarray, now: float, unit: str | None = None) -> Times:
    finite = np.isfinite(numbers)
    if not finite.any():
        return Times(np.full(len(numbers), np.nan), missing)
    if unit is None and (spelt := _spelt(numbers)) is not None:
        return Times(spelt[0], missing, (_told(spelt[1]),))
    chosen = unit or _unit(numbers[finite], now)
    seconds = _in_unit(np.where(finite, numbers, np.nan), chosen)
    if unit is not None:
        return Times(seconds, missing)
    seconds, mended = _other_units(numbers, seconds, chosen, now)
    notes = () if chosen == "seconds" else (_told(_READ_AS[chosen]),)
    latest = float(np.nanmax(seconds))
    if chosen == "seconds" and 0 < latest < _FROM:
        notes = (_in_1970(numbers[finite]),)
    return Times(seconds, missing, notes, mended)


def _told(what: Message) -> Message:
    return Message("{column} read as {unit}", {"column": TIMESTAMP, "unit": what})


def _in_1970(numbers: np.ndarray) -> Message:
    values = {"column": TIMESTAMP, "low": float(numbers.min()), "high": float(numbers.max())}
    return Message(
        "{column} counts from {low:,.0f} to {high:,.0f}: taken for seconds since 1970, so the order is right and the "
        "dates are not; --time-format says what they are",
        values,
    )


def _spelt(numbers: np.ndarray) -> tuple[np.ndarray, Message] | None:
    """Numbers whose digits are dates, such as 20240131, or that are years; None where most are not."""
    finite = np.isfinite(numbers)
    whole = finite & (numbers % 1 == 0)
    count = finite.sum()
    if (whole & (numbers >= 1900) & (numbers <= 2100)).sum() == count:
        return from_calendar(numbers, np.ones(len(numbers)), np.ones(len(numbers))), _READ_AS["years"]
    for digits, what in _DIGITS:
        scale = 10.0 ** (digits - 4)
        fits = whole & (numbers >= 1900 * scale) & (numbers < 2101 * scale)
        if fits.sum() * 2 <= count:
            continue
        text = np.where(fits, numbers, 0).astype(np.int64)
        parts = [text // 10 ** max(digits - end, 0) % 100 for end in (6, 8, 10, 12, 14) if end <= digits]
        month, day, hour, minute, second = [*parts, *[None] * 5][:5]
        seconds = from_calendar(
            text // 10 ** (digits - 4),
            np.asarray(month),
            np.ones(len(text)) if day is None else np.asarray(day),
        )
        for part, most, length in ((hour, 24, 3600), (minute, 60, 60), (second, 61, 1)):
            if part is not None:
                seconds = np.where(part < most, seconds + part * float(length), np.nan)
        seconds = np.where(fits, seconds, np.nan)
        read = (~np.isnan(seconds)).sum()
        if read == count or (digits >= 8 and read * 2 > count):  # six digits may well be seconds
            return seconds, what
    return None


def _unit(numbers: np.ndarray, now: float) -> str:
    """The unit of a column of numbers, by their size."""
    typical, low, high = float(np.median(np.abs(numbers))), float(numbers.min()), float(numbers.max())
    until = {name: (now + DAY - zero) * rate for name, (rate, zero) in _EPOCHS.items()}
    since = {name: (_FROM - zero) * rate for name, (rate, zero) in _EPOCHS.items()}
    for name in ("ticks", "filetime"):  # as nanoseconds they would fall in 1974 and in 1990
        if since[name] <= typical <= until[name]:
            return name
    for name in ("spreadsheet-days", "days"):  # seconds that begin at 0 would reach lower
        if since[name] <= low and high <= until[name] and typical > 10_000:
            return name
    return next(u for u in _UNITS if typical < u[0])[2]


def _in_unit(numbers: np.ndarray, unit: str) -> np.ndarray:
    if unit == "years":
        return from_calendar(np.floor(numbers), np.ones(len(numbers)), np.ones(len(numbers)))
    rate, zero = _EPOCHS.get(unit, (next((f for _, f, name in _UNITS if name == unit), 1.0), 0.0))
    return numbers / rate + zero


def _other_units(
    numbers: np.ndarray, seconds: np.ndarray, chosen: str, now: float
) -> tuple[np.ndarray, tuple[tuple[np.ndarray, Message], ...]]:
    """Seconds among milliseconds and the like: single values that are plausible only in another unit."""

    def likely(times: np.ndarray) -> np.ndarray:
        return (times >= _FROM) & (times <= now + DAY)

    mended: list[tuple[np.ndarray, Message]] = []
    if chosen not in {name for *_, name in _UNITS} or not likely(np.nanmedian(seconds)):
        return seconds, ()
    seconds = seconds.copy()
    for _, factor, unit in _UNITS:
        other = ~likely(seconds) & likely(numbers / factor) & (unit != chosen)
        if other.any():
            seconds[other] = numbers[other] / factor
            values = {"column": TIMESTAMP, "unit": _READ_AS[unit], "rest": _READ_AS[chosen]}
            mended.append((other, Message("{column} in {unit} among {rest}, taken as such", values)))
    return seconds, tuple(mended)
