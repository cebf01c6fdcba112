"""Times in every usual writing become seconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from engine.config import TIME_WORDS
from engine.data import times as reading
from engine.data.times import parse_times, to_numbers

NOW = 1_800_000_000.0


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
    assert [str(note) for note in times.notes] == ([f"timestamp read as {unit}"] if unit else [])


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
    assert [str(note) for note in times.notes] == ["timestamp read as days written YYYYMMDD"]
    assert seconds("20240131", "20249931") == [20240131.0, 20249931.0]


def test_what_is_no_time_is_nan_and_what_is_empty_is_missing() -> None:
    times = parse_times(pd.Series(["1706725800", "soon", "", " ", "inf", "nan", "0x10", "1_000"], dtype="str"))
    assert np.isnan(times.seconds).tolist() == [False] + [True] * 7
    assert times.missing.tolist() == [False, False, True, True, False, True, False, False]


def test_numbers_among_iso_texts_are_unreadable_and_the_other_way_round() -> None:
    assert seconds("2024-01-31", "2024-02-01", "2024-02-02", "1706725800") == [1706659200, 1706745600, 1706832000, None]
    assert seconds("1706725800", "1706725801", "2024-02-01") == [1706725800, 1706725801, None]


NOON = "2020-09-25T14:30:40"
"""A day after the twelfth, so that figures tell what is what; 1601044240 s."""

WRITINGS = [
    # text, what it is taken for, and what is told
    ("2020-09-25 14:30:40 UTC", NOON, ""),
    ("2020-09-25 14:30:40.000 UTC", NOON, ""),
    ("2020-09-25 14:30:40 +0000 UTC", NOON, ""),
    ("2020-09-25 16:30:40 +0200 CEST", NOON, ""),
    ("2020-09-25 14:30:40,000", NOON, ""),
    ("2020-09-25T14:30:40.000Z", NOON, ""),
    ("2020-09-25T14:30:40Z[UTC]", NOON, ""),
    ("2020-9-25 14:30:40", NOON, ""),
    ("2020/9/25 14:30:40", NOON, ""),
    ("2020年9月25日 14:30:40", NOON, ""),
    ("9/25/2020 14:30:40", NOON, "the month first"),
    ("9/25/20 14:30:40", NOON, "the month first"),
    ("09/25/2020 02:30:40 PM", NOON, "the month first"),
    ("9/25/2020 2:30:40 p.m.", NOON, "the month first"),
    ("09 25, 2020", "2020-09-25T00:00:00", "the month first"),
    ("25/9/2020 14:30:40", NOON, "the day first"),
    ("25.09.2020 14:30:40", NOON, "the day first"),
    ("25-09-2020 14:30:40", NOON, "the day first"),
    ("03.04.2020", "2020-04-03T00:00:00", "the day first"),
    ("9/25/2020 12:05 AM", "2020-09-25T00:05:00", "the month first"),
    ("Sep 25, 2020", "2020-09-25T00:00:00", ""),
    ("September 25th, 2020 2:30:40 PM", NOON, ""),
    ("25 Sep 2020", "2020-09-25T00:00:00", ""),
    ("25-SEP-20", "2020-09-25T00:00:00", ""),
    ("Sep 2020", "2020-09-01T00:00:00", ""),
    ("25/Sep/2020:16:30:40 +0200", NOON, ""),
    ("Fri Sep 25 14:30:40 +0000 2020", NOON, ""),
    ("Fri Sep 25 14:30:40 UTC 2020", NOON, ""),
    ("Fri Sep 25 14:30:40 2020", NOON, ""),
    ("Fri, 25 Sep 2020 14:30:40 GMT", NOON, ""),
    ("Fri Sep 25 2020 16:30:40 GMT+0200 (Central European Summer Time)", NOON, ""),
    ("20200925143040", NOON, "moments written YYYYMMDDhhmmss"),
    ("202009251430", "2020-09-25T14:30:00", "moments written YYYYMMDDhhmm"),
    ("202009", "2020-09-01T00:00:00", "months written YYYYMM"),
    ("2010", "2010-01-01T00:00:00", "years"),
    ("1995", "1995-01-01T00:00:00", "years"),
    ("44099.604629629626", NOON, "serial days of a spreadsheet"),
    ("18530", "2020-09-25T00:00:00", "days since 1970"),
    ("637366410400000000", NOON, "ticks of .NET"),
    ("132455178400000000", NOON, "file times of Windows"),
    ("1601044240", NOON, ""),
    ("1601044240000000000", NOON, "nanoseconds"),
]


@pytest.mark.parametrize(("text", "moment", "told"), WRITINGS, ids=[text for text, _, _ in WRITINGS])
def test_a_writing_of_public_logs_is_read(text: str, moment: str, told: str) -> None:
    times = parse_times(pd.Series([text, "", text], dtype="str"), now=NOW)
    expected = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
    assert times.seconds[[0, 2]].tolist() == pytest.approx([expected] * 2, abs=1e-3)
    assert times.missing.tolist() == [False, True, False]
    assert bool(times.notes) == bool(told)
    assert told in " ".join(map(str, times.notes))


@pytest.mark.parametrize(
    ("texts", "days"),
    [
        (["3/4/2020", "25/4/2020"], ["2020-04-03", "2020-04-25"]),
        (["3/4/2020", "4/25/2020"], ["2020-03-04", "2020-04-25"]),
        (["12/1/10", "12/13/10", "1/9/11"], ["2010-12-01", "2010-12-13", "2011-01-09"]),
        (["20/09/25", "19/12/31"], ["2020-09-25", "2019-12-31"]),
        (["3/3/2020", "4/4/2020"], ["2020-03-03", "2020-04-04"]),
    ],
)
def test_the_whole_column_tells_what_comes_first(texts: list[str], days: list[str]) -> None:
    expected = [datetime.fromisoformat(d).replace(tzinfo=UTC).timestamp() for d in days]
    assert parse_times(pd.Series(texts, dtype="str"), now=NOW).seconds.tolist() == expected


@pytest.mark.parametrize("texts", [["3/3/2020", "3/4/2020"], ["13/4/2020", "4/13/2020"], ["01/02/03"]])
def test_what_the_column_does_not_tell_is_asked(texts: list[str]) -> None:
    unsure = parse_times(pd.Series(texts, dtype="str"), now=NOW).unsure
    assert unsure is not None
    assert parse_times(pd.Series(texts[unsure:], dtype="str"), "day-first", NOW).unsure is None


def test_a_typing_mistake_does_not_shake_the_order() -> None:
    times = parse_times(pd.Series(["12/25/2020"] * 300 + ["25/12/2020"], dtype="str"), now=NOW)
    assert times.unsure is None
    assert np.isnan(times.seconds).tolist() == [False] * 300 + [True]


def test_seconds_among_milliseconds_are_told_by_their_size() -> None:
    texts = ["1601001040", "1601007229000", "1601013803000", "", "1601013803"]
    times = parse_times(pd.Series(texts, dtype="str"), now=NOW)
    assert times.seconds[[0, 1, 2, 4]].tolist() == [1601001040, 1601007229, 1601013803, 1601013803]
    ((mended, reason),) = times.mended
    assert mended.tolist() == [True, False, False, False, True]
    assert str(reason) == "timestamp in seconds among milliseconds, taken as such"


def test_a_count_that_is_no_date_is_told() -> None:
    times = parse_times(pd.Series(["0", "1000", "2000"], dtype="str"), now=NOW)
    assert times.seconds.tolist() == [0, 1000, 2000]
    assert "counts from 0 to 2,000" in str(times.notes[0])


def test_times_with_and_without_a_zone_are_told() -> None:
    times = parse_times(pd.Series(["2020-09-25 14:30:40", "2020-09-25T16:30:40+02:00"], dtype="str"), now=NOW)
    assert times.seconds.tolist() == [1601044240] * 2
    assert str(times.notes[0]).startswith("1 of the times name no zone")


@pytest.mark.parametrize("word", ["NaT", "NULL", "\\N", "#N/A", "None", "0000-00-00 00:00:00", "-"])
def test_words_for_no_time_are_missing(word: str) -> None:
    assert parse_times(pd.Series(["2020-09-25", word], dtype="str"), now=NOW).missing.tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        ("3/4/2020", "day-first", 1585872000),
        ("3/4/2020", "month-first", 1583280000),
        ("3/4/2020 7h", "%d/%m/%Y %Hh", 1585897200),
        ("1950", "seconds", 1950),
        ("5000", "milliseconds", 5),
        ("1995", "years", 788918400),
        ("25570", "spreadsheet-days", 86400),
        ("1", "days", 86400),
    ],
)
def test_what_is_said_of_times_is_believed(text: str, written: str, expected: float) -> None:
    assert parse_times(pd.Series([text], dtype="str"), written, NOW).seconds.tolist() == [expected]


def test_every_word_for_times_is_known() -> None:
    assert set(TIME_WORDS) == {*reading._READ_AS, "day-first", "month-first"}


@pytest.mark.parametrize("text", ["10:30", "soon", "Fri Sep 25 02:30:40 CST 2020", "2020-13-01", "31/31/2020", "9/25"])
def test_what_nobody_can_tell_is_unreadable(text: str) -> None:
    assert np.isnan(parse_times(pd.Series([text], dtype="str"), now=NOW).seconds).tolist() == [True]


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
@settings(deadline=None)
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
