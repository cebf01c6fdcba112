"""Splitting: the fast and the careful way agree, lines are counted right, and what is broken is told."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from engine.data.formats import delimited
from engine.data.formats.delimited import (
    _Broken,
    _split_carefully,
    _split_fast,
    one_line_a_record,
    open_delimited,
    split_rows,
)
from engine.data.formats.files import Text
from engine.errors import DataError


def split(text: str, **options) -> tuple[pd.DataFrame, list[int], dict[str, tuple[int, tuple[int, ...]]]]:
    table = open_delimited(Path("log.csv"), Text(text.encode()), **options)
    frame, lines, broken = split_rows(table, "interactions")
    return frame, lines.tolist(), {b.reason: (b.rows, b.lines) for b in broken}


def test_rows_keep_their_text_and_their_line_numbers() -> None:
    frame, lines, broken = split("a,b\n007,7\n\n 1 ,\n,1.0\n")
    assert frame.to_dict("list") == {"a": ["007", " 1 ", ""], "b": ["7", "", "1.0"]}
    assert lines == [2, 4, 5]
    assert broken == {}


@pytest.mark.parametrize(
    ("delimiter", "name"), [(",", "comma"), ("\t", "tab"), (";", "semicolon"), ("|", "bar"), (" ", "space")]
)
def test_the_delimiter_is_found(delimiter: str, name: str) -> None:
    frame, _, _ = split(delimiter.join("abc") + "\n" + delimiter.join("123") + "\n")
    assert frame.to_dict("list") == {"a": ["1"], "b": ["2"], "c": ["3"]}, name


def test_a_wrong_number_of_fields_is_told_with_its_line() -> None:
    frame, lines, broken = split("a,b,c\n1,2,3\n1,2\n\n4,5,6\n1,2,3,4\n7\n8,8\n")
    assert frame["a"].tolist() == ["1", "4"]
    assert lines == [2, 5]
    assert broken == {
        "2 fields instead of 3": (2, (3, 8)),
        "4 fields instead of 3": (1, (6,)),
        "1 field instead of 3": (1, (7,)),
    }


def test_line_breaks_inside_quotes_belong_to_the_field_and_count_as_lines() -> None:
    frame, lines, broken = split('a,b\n1,"x\ny\n\nz"\n2,w\n3,"v\n"\n4,u\n5\n')
    assert frame.to_dict("list") == {"a": ["1", "2", "3", "4"], "b": ["x\ny\n\nz", "w", "v\n", "u"]}
    assert lines == [2, 6, 7, 9]
    assert broken == {"1 field instead of 2": (1, (10,))}


def test_a_quote_that_is_never_closed_costs_its_own_line_alone() -> None:
    frame, lines, broken = split('a,b\n1,x\n2,"y\n3,z\n4,w\n')
    assert frame["a"].tolist() == ["1", "3", "4"]
    assert lines == [2, 4, 5]
    assert broken == {"a quote that is never closed": (1, (3,))}


def test_a_quote_left_open_does_not_swallow_the_rows_up_to_the_next_quoted_field() -> None:
    frame, lines, broken = split('a,b\n1,"x\n2,y\n3,"fine, really"\n4,z\n')
    assert frame["a"].tolist() == ["2", "3", "4"]
    assert lines == [3, 4, 5]
    assert list(broken.values()) == [(1, (2,))]


def test_a_whole_record_over_several_lines_is_one_row_even_if_it_has_too_many_fields() -> None:
    frame, lines, broken = split('a,b\n1,"x\ny",z\n2,w\n')
    assert frame.to_dict("list") == {"a": ["2"], "b": ["w"]}
    assert lines == [4]
    assert broken == {"3 fields instead of 2": (1, (2,))}


def test_a_quoted_field_may_not_run_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "MAX_RECORD_LINES", 3)
    frame, _, broken = split('a,b\n1,"x\ny\nz"\n2,"x\ny\nz\nw"\n3,v\n')
    assert frame["a"].tolist() == ["1", "3"]
    assert broken["a quote that is never closed"] == (1, (5,))


def test_text_after_a_closing_quote_is_told() -> None:
    frame, _, broken = split('a,b\n1,"x"y\n2,z\n')
    assert frame["a"].tolist() == ["2"]
    assert broken == {"text after a closing quote": (1, (2,))}


def test_a_quote_within_a_plain_field_is_a_plain_character() -> None:
    frame, _, broken = split('a,b\n1,5" disc\n2,z\n')
    assert frame["b"].tolist() == ['5" disc', "z"]
    assert broken == {}


def test_a_carriage_return_inside_a_row_is_told() -> None:
    frame, _, broken = split("a,b\n1,x\ry\n2,z\n")
    assert frame["a"].tolist() == ["2"]
    assert broken == {"a carriage return inside the row": (1, (2,))}


def test_quotes_in_a_format_without_quoting_stay() -> None:
    frame, _, broken = split('a\tb\n1\t"Heat" (1995)\n2\t"\n', delimiter="\t", quoting=False)
    assert frame["b"].tolist() == ['"Heat" (1995)', '"']
    assert broken == {}


def test_a_header_may_be_quoted_and_blank_lines_may_stand_before_it() -> None:
    frame, lines, _ = split('\n\n"a, b","c ""d"""\n1,2\n')
    assert frame.to_dict("list") == {"a, b": ["1"], 'c "d"': ["2"]}
    assert lines == [4]


def test_a_column_without_a_name_gets_one() -> None:
    assert list(split(",a\n0,1\n")[0].columns) == ["column 1", "a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,a\n1,2,3\n", r"line 1: the header names 'a' twice"),
        ("a,b\n", r"has a header, 'a,b', and no row"),
        ("\na,b\n\n \n", r"has a header, 'a,b', and no row"),
        ('\na,"b\n1,2\n', r"line 2: the header 'a,\"b' has a quote that is never closed"),
    ],
)
def test_an_unusable_header_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(text)


def test_a_single_column_has_no_row_for_a_blank_line() -> None:
    frame, lines, _ = split("a\nx\n\ny\n")
    assert frame["a"].tolist() == ["x", "y"]
    assert lines == [2, 4]


@pytest.mark.parametrize("quoted", [False, True])
def test_a_ten_megabyte_line_is_read(quoted: bool) -> None:
    long = "é" * 5_000_000
    csv.field_size_limit(131_072)
    text = f'a,b\n1,"{long}\n"\n2,x\n' if quoted else f"a,b\n1,{long}\n2,x\n"
    frame, lines, broken = split(text)
    assert frame["b"].str.len().tolist() == [5_000_000 + quoted, 1]
    assert lines == [2, 3 + quoted]
    assert broken == {}
    assert csv.field_size_limit() == 131_072


def test_only_the_wanted_columns_are_split_off() -> None:
    table = open_delimited(Path("log.csv"), Text(b"a,b,c\n1,2,3\n4,5\n"))
    frame, _, broken = split_rows(table, "items", ["c", "a"])
    assert frame.to_dict("list") == {"c": ["3"], "a": ["1"]}
    assert (broken[0].table, broken[0].action, broken[0].example) == ("items", "dropped", "4,5")


CELL = st.text(st.sampled_from('ab ,;"\n7é🎒'), max_size=6)
ONE_LINE_CELL = st.text(st.sampled_from('ab ,;"7é🎒'), max_size=6)


@given(st.lists(st.lists(CELL, min_size=2, max_size=2), min_size=1, max_size=12))
def test_what_the_csv_module_writes_comes_back(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["x", "y"], *rows])
    frame, lines, broken = split(out.getvalue())
    assert frame.to_numpy().tolist() == rows
    assert broken == {}
    expected, at = [], 2
    for row in rows:
        expected.append(at)
        at += 1 + sum(cell.count("\n") for cell in row)
    assert lines == expected


@given(st.text(st.sampled_from('ab,"\n 7é'), max_size=60))
@settings(max_examples=400)
def test_both_ways_agree_on_any_text_that_the_fast_way_takes(body: str) -> None:
    if not body.strip():
        return
    table = open_delimited(Path("log.csv"), Text(b"x,y\n" + body.encode()))
    if not one_line_a_record(table):
        return
    told: list[_Broken] = [_Broken(), _Broken()]
    fast, fast_lines = _split_fast(table, ["x", "y"], told[0])
    careful, careful_lines = _split_carefully(table, ["x", "y"], told[1])
    pd.testing.assert_frame_equal(fast, careful)
    np.testing.assert_array_equal(fast_lines, careful_lines)
    assert told[0] == told[1]


@given(st.lists(st.lists(ONE_LINE_CELL, min_size=2, max_size=2), min_size=1, max_size=8))
def test_well_quoted_lines_go_the_fast_way(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([["x", "y"], *rows])
    assert one_line_a_record(open_delimited(Path("log.csv"), Text(out.getvalue().encode())))


def test_a_hundred_thousand_rows_split_in_about_a_second() -> None:
    body = "".join(f'u{i % 997},"item {i % 83}",{i}\n' for i in range(100_000))
    started = time.perf_counter()
    frame, _, _ = split("user,item,time\n" + body)
    assert len(frame) == 100_000
    assert time.perf_counter() - started < 3  # 0.1 s on a quiet machine
