"""Times in every usual writing become seconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.times import parse_times, to_numbers


def seconds(*texts: str) -> list[float | None]:
    return [None if np.isnan(s) else float(s) for s in parse_times(pd.Series(texts, dtype="str")).seconds]


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("1706725800", ""),
        ("1706725800.0", ""),
        ("1.7067258e9", ""),
        ("1706725800000", "milliseconds"),
        ("1706725800000000", "microseconds"),
        ("1706725800000000000", "nanoseconds"),
        ("2024-01-31T18:30:00Z", ""),
        ("2024-01-31T18:30:00", ""),
        ("2024-01-31 18:30", ""),
        ("2024-01-31T19:30:00+01:00", ""),
        ("2024-01-31 13:30:00-0500", ""),
        (" 2024-01-31T18:30:00.000Z ", ""),
    ],
)
def test_each_writing_gives_the_same_moment(text: str, unit: str) -> None:
    times = parse_times(pd.Series([text, text], dtype="str"))
    assert times.seconds.tolist() == [1706725800.0] * 2
    assert unit in times.note
    assert bool(times.note) == bool(unit)


def test_zones_may_differ_from_row_to_row() -> None:
    assert seconds("2024-01-01", "2024-01-01T01:00:00+01:00", "2023-12-31T19:00:00-05:00") == [1704067200.0] * 3


def test_fractions_of_a_second_are_kept() -> None:
    assert seconds("2024-01-01T00:00:00.25Z", "2024-01-01") == [1704067200.25, 1704067200.0]
    assert seconds("1704067200250", "1704067200000") == [1704067200.25, 1704067200.0]


def test_one_unit_holds_for_a_column() -> None:
    assert seconds("1706725800000", "1706725801000", "5") == [1706725800.0, 1706725801.0, 0.005]


def test_days_written_in_eight_digits_are_dates() -> None:
    times = parse_times(pd.Series(["20240131", "20240201"], dtype="str"))
    assert times.seconds.tolist() == [1706659200.0, 1706745600.0]
    assert "YYYYMMDD" in times.note
    assert seconds("20240131", "20249931") == [20240131.0, 20249931.0]


def test_what_is_no_time_is_nan_and_what_is_empty_is_missing() -> None:
    times = parse_times(pd.Series(["1706725800", "soon", "", " ", "inf", "nan", "0x10", "1_000"], dtype="str"))
    assert np.isnan(times.seconds).tolist() == [False] + [True] * 7
    assert times.missing.tolist() == [False, False, True, True, False, False, False, False]


def test_numbers_among_iso_texts_are_unreadable_and_the_other_way_round() -> None:
    assert seconds("2024-01-31", "2024-02-01", "2024-02-02", "1706725800") == [1706659200, 1706745600, 1706832000, None]
    assert seconds("1706725800", "1706725801", "2024-02-01") == [1706725800, 1706725801, None]


def test_an_american_date_is_refused_rather_than_guessed() -> None:
    assert seconds("01/31/2024", "02/01/2024") == [None, None]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Shanghai"])
def test_typed_times_are_taken_as_they_are(unit: str, zone: str | None) -> None:
    moments = pd.Series(pd.to_datetime(["2024-01-31T18:30:00", None])).dt.as_unit(unit)  # pyright: ignore
    if zone:
        moments = moments.dt.tz_localize("UTC").dt.tz_convert(zone)
    times = parse_times(moments)
    assert times.seconds[0] == 1706725800.0
    assert times.missing.tolist() == [False, True]


def test_typed_numbers_are_taken_as_they_are() -> None:
    times = parse_times(pd.Series([1706725800, None], dtype="Int64"))
    assert times.seconds[0] == 1706725800.0
    assert times.missing.tolist() == [False, True]


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_python_reads_the_same_moment(moment: datetime, offset: int, spec: str) -> None:
    local = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    text = local.isoformat(timespec=spec)
    expected = datetime.fromisoformat(text).astimezone(UTC).timestamp()
    assert seconds(text) == [pytest.approx(expected, abs=1e-6)]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53), min_size=1))
def test_python_writes_numbers_that_are_read_back(numbers: list[float]) -> None:
    texts = [repr(n) for n in numbers]
    assert to_numbers(pd.Series(texts, dtype="str")).tolist() == [float(n) for n in numbers]
    assert to_numbers(pd.Series([*texts, "x"], dtype="str")).tolist()[:-1] == [float(n) for n in numbers]


@pytest.mark.parametrize("text", ["inf", "-Infinity", "nan", "1e999", "0x10", "1_000", "1,5", "", "-", "１"])
def test_what_spells_no_finite_number_is_nan(text: str) -> None:
    assert np.isnan(to_numbers(pd.Series([text, "2"], dtype="str"))).tolist() == [True, False]


@given(st.text(max_size=8))
def test_one_odd_text_never_changes_another_value(odd: str) -> None:
    assert to_numbers(pd.Series(["1.5", odd, "+2"], dtype="str"))[[0, 2]].tolist() == [1.5, 2.0]
