"""Cleaning: every row is kept, mended or dropped, and the report says which, where and why."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings, strategies as st

from engine.config import DataConfig
from engine.data.cleaning import clean, load_dataset
from engine.data.cleaning_report import CleaningIssue, CleaningReport
from engine.data.dataset import Dataset
from engine.data.formats.readers import RawTables, read
from engine.errors import DataError

Write = Callable[..., Path]
NOW = 1_800_000_000.0


def config(**fields: Any) -> DataConfig:
    return DataConfig(**fields)


def cleaned(path: Path, **fields: Any) -> tuple[Dataset, CleaningReport]:
    return clean(read(path, config(**fields)), config(**fields), now=NOW)


def found(report: CleaningReport, table: str = "interactions") -> dict[str, tuple[str, int, tuple[int, ...], str]]:
    return {str(i.reason): (i.action, i.rows, i.lines, i.example) for i in report.issues if i.table == table}


def events(dataset: Dataset) -> dict[str, list[str]]:
    return {u: dataset.items.ids_of(row).tolist() for u, row in zip(dataset.users.ids, dataset.histories, strict=True)}


def test_each_reason_is_counted_with_its_lines_and_an_example(write: Write) -> None:
    path = write(
        "log.csv",
        "user_id,item_id,timestamp,rating\n"
        "u,a,100,5\n"
        ",a,100,5\n"  # 3
        "u,  ,100,5\n"  # 4
        "u,b,,5\n"  # 5
        "u,b,soon,5\n"  # 6
        "u,b,-1,5\n"  # 7
        "u,b,1800086401,5\n"  # 8
        "u,b,100,good\n"  # 9
        "u,b,100,1.5\n"  # 10
        "u,a,100.0,5.0\n"  # 11: the same as line 2
        "u,b,100\n"  # 12
        "\n"
        " u ,b,1800086400,2\n",  # 14
    )
    dataset, report = cleaned(path, min_rating=2)
    assert events(dataset) == {"u": ["a", "b"]}
    assert found(report) == {
        "3 fields instead of 4": ("dropped", 1, (12,), "u,b,100"),
        "user_id is missing": ("dropped", 1, (3,), ""),
        "item_id is missing": ("dropped", 1, (4,), "  "),
        "timestamp is missing": ("dropped", 1, (5,), ""),
        "timestamp is no time that can be read": ("dropped", 1, (6,), "soon"),
        "timestamp is before 1970-01-01": ("dropped", 1, (7,), "-1"),
        "timestamp is more than a day in the future": ("dropped", 1, (8,), "1800086401"),
        "rating is not a number": ("dropped", 1, (9,), "good"),
        "rating is under 2": ("dropped", 1, (10,), "1.5"),
        "an exact duplicate of an earlier row": ("dropped", 1, (11,), "a"),
        "white space around user_id taken away": ("mended", 1, (14,), " u "),
    }
    assert (report.rows_read, report.rows_kept, report.dropped, report.mended) == (12, 2, 10, 1)
    assert report.source == str(path)


def test_the_first_five_lines_of_a_reason_are_quoted_and_long_values_are_cut(write: Write) -> None:
    path = write("log.csv", "user_id,item_id,rating\nu,a,1\n" + f"u,b,{'x' * 1000}\n" * 7)
    _, report = cleaned(path)
    (issue,) = report.issues
    assert (issue.rows, issue.lines, len(issue.example)) == (7, (3, 4, 5, 6, 7), 80)


def test_lines_are_physical_lines_even_after_a_field_that_spans_some(write: Write) -> None:
    path = write("log.csv", 'user_id,item_id,note\nu,a,"x\n\ny"\n,b,z\nu,c,"w\nv"\nu,,\n')
    _, report = cleaned(path)
    assert {reason: lines for reason, (_, _, lines, _) in found(report).items()} == {
        "user_id is missing": (5,),
        "item_id is missing": (8,),
    }


def test_histories_are_sorted_by_time_and_equal_times_keep_the_order_of_the_file(write: Write) -> None:
    path = write(
        "log.csv",
        "user_id,item_id,timestamp,rating\nv,z,7,1\nu,c,50.75,3\nu,b,50.25,2\nu,d,100,4\nv,y,7,2\nu,a,1,1\nv,x,7,3\n",
    )
    dataset, _ = cleaned(path)
    assert events(dataset) == {"v": ["z", "y", "x"], "u": ["a", "b", "c", "d"]}
    assert dataset.timestamps is not None
    assert dataset.ratings is not None
    assert dataset.timestamps.tolist() == [7, 7, 7, 1, 50, 50, 100]
    assert dataset.ratings.tolist() == [1, 2, 3, 1, 2, 3, 4]
    assert (dataset.timestamps.dtype, dataset.ratings.dtype) == (np.int64, np.float32)


def test_without_times_the_file_is_the_order_and_only_a_direct_repeat_is_a_duplicate(write: Write) -> None:
    path = write("log.csv", "user_id,item_id\nu,b\nv,b\nu,a\nu,a\nu,b\nv,b\n")
    dataset, report = cleaned(path)
    assert events(dataset) == {"u": ["b", "a", "b"], "v": ["b"]}
    assert found(report) == {"an exact duplicate of an earlier row": ("dropped", 2, (5, 7), "a")}
    assert dataset.timestamps is None
    assert dataset.ratings is None
    assert "no column of times: the order of the file is the order of each history" in map(str, report.notes)


def test_a_row_that_differs_in_time_or_rating_is_no_duplicate(write: Write) -> None:
    path = write(
        "log.csv", "user_id,item_id,time,rating\nu,a,1,1\nu,a,2,1\nu,a,1,2\nu,a,1.5,1\nu,b,1,1\nv,a,1,1\nu,a,1,1\n"
    )
    dataset, report = cleaned(path)
    assert dataset.n_interactions == 6
    assert found(report) == {"an exact duplicate of an earlier row": ("dropped", 1, (8,), "a")}


def test_an_item_that_a_sequence_repeats_stays(write: Write) -> None:
    dataset, report = cleaned(write("s.txt", "u a a b a\n"))
    assert events(dataset) == {"u": ["a", "a", "b", "a"]}
    assert report.dropped == 0


def test_an_interaction_without_a_rating_is_kept_unless_a_least_one_is_asked_for(write: Write) -> None:
    path = write("log.csv", "user_id,item_id,rating\nu,a,\nu,b,4\nu,b,\nu,b,\n")
    dataset, report = cleaned(path)
    assert dataset.ratings is not None
    assert np.isnan(dataset.ratings).tolist() == [True, False, True]
    assert found(report)["rating is missing; the interaction is kept without one"] == ("mended", 2, (2, 4), "")
    assert found(report)["an exact duplicate of an earlier row"][2] == (5,)
    dataset, report = cleaned(path, min_rating=3)
    assert events(dataset) == {"u": ["b"]}
    assert found(report)["rating is missing, so it cannot be 3 or more"] == ("dropped", 3, (2, 4, 5), "")


def test_a_least_rating_needs_ratings(write: Write) -> None:
    with pytest.raises(DataError, match="--min-rating 3 needs ratings"):
        cleaned(write("log.csv", "user_id,item_id\nu,a\n"), min_rating=3)


def test_a_rating_at_the_limit_is_kept(write: Write) -> None:
    dataset, _ = cleaned(write("log.csv", "user_id,item_id,rating\nu,a,3.5\nu,b,3.49\nu,c,-1\n"), min_rating=3.5)
    assert events(dataset) == {"u": ["a"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user_id,item_id,time\nu,a,-5\nu,b,-6\n", r"none of its 2 interactions.*line 2\): timestamp is before.*'-5'"),
        ("user_id,item_id,time\nu,a\nu,b\n", r"none of its 2 interactions.*line 2\): 2 fields instead of 3"),
        ("user_id,item_id\n,a\n,\n", r"none of its 2 interactions.*line 2\): user_id is missing"),
    ],
)
def test_a_log_of_which_nothing_is_left_is_refused_with_the_commonest_reason(
    write: Write, text: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        cleaned(write("log.csv", text))


def test_the_clock_decides_what_is_the_future(write: Write) -> None:
    path = write("log.csv", "user_id,item_id,time\nu,a,2\nu,b,4102444800\n")  # the year 2100
    _, report = load_dataset(path)
    assert report.rows_kept == 1
    assert clean(read(path, config()), config(), now=4102444800.0)[1].rows_kept == 2


# ---- Attributes ------------------------------------------------------------------------------------------------------


def test_attributes_are_filled_flagged_and_standardised(write: Write) -> None:
    write(
        "shop/items.csv",
        "item_id,name,genres,price,code,year,brand\n"
        "a,Tent,Camp,10,007,2001,NA\n"
        "x,Never sold,,999,1,1,z\n"  # 3: not in the log
        " b ,,Camp,NA,2,2003,\n"  # 4
        "a,Twice,,1,1,1,z\n"  # 5
        ",No id,,1,1,1,z\n"  # 6
        "short\n"  # 7
        "c,Lamp,nan,40,3,2002,y\n",  # 8
    )
    path = write("shop/interactions.csv", "user_id,item_id\nu,a\nu,b\nv,c\nv,d\n")
    dataset, report = cleaned(path)
    table = dataset.item_table
    assert table["item_id"].tolist() == ["a", "b", "c", "d"]
    assert table["title"].tolist() == ["Tent", "unknown", "Lamp", "unknown"]
    assert table["title__missing"].tolist() == [False, True, False, True]
    assert table["category"].tolist() == ["Camp", "Camp", "unknown", "unknown"]
    assert table["price"].tolist() == [10, 25, 40, 25]
    assert table["price__missing"].tolist() == [False, True, False, True]
    z = np.array([10, 25, 40, 25.0])
    np.testing.assert_allclose(table["price__z"], (z - z.mean()) / z.std())
    assert table["code"].tolist() == ["007", "2", "3", "unknown"]
    assert table["year"].tolist() == [2001, 2003, 2002, 2002]
    assert table["brand"].tolist() == ["NA", "unknown", "y", "unknown"]
    assert [c for c in table if "__z" in c] == ["price__z", "year__z"]
    assert dataset.title(2) == "b"
    assert found(report, "items") == {
        "1 field instead of 7": ("dropped", 1, (7,), "short"),
        "item_id is missing": ("dropped", 1, (6,), ""),
        "item_id has an earlier row, which stays": ("dropped", 1, (5,), "a"),
        "item never appears in the log": ("dropped", 1, (3,), "x"),
        "white space around item_id taken away": ("mended", 1, (4,), " b "),
        "item of the log without a row; one was made": ("mended", 1, (), "d"),
        'title is missing, filled with "unknown"': ("mended", 2, (4,), "b"),
        'category is missing, filled with "unknown"': ("mended", 2, (8,), "c"),
        "price is missing, filled with the median, 25": ("mended", 2, (4,), "b"),
        'code is missing, filled with "unknown"': ("mended", 1, (), "d"),
        "year is missing, filled with the median, 2002": ("mended", 1, (), "d"),
        'brand is missing, filled with "unknown"': ("mended", 2, (4,), "b"),
    }
    assert (report.rows_read, report.rows_kept, report.dropped, report.mended) == (4, 4, 0, 0)


def test_tables_stand_in_the_order_of_the_vocabularies(write: Write) -> None:
    write("shop/users.csv", "user_id,age\n007,20\n7,30\n")
    write("shop/items.csv", "item_id,title\na,Axe\nc,Cup\nb,Boots\n")
    dataset, _ = cleaned(write("shop/interactions.csv", "user_id,item_id\n7,b\n007,a\n7,c\n"))
    assert dataset.user_table["user_id"].tolist() == dataset.users.ids.tolist() == ["7", "007"]
    assert dataset.user_table["age"].tolist() == [30, 20]
    assert [dataset.title(i) for i in (1, 2, 3)] == ["Boots", "Axe", "Cup"]


def test_the_first_lines_of_an_attribute_come_in_the_order_of_the_file(write: Write) -> None:
    write("shop/items.csv", "item_id,size\n" + "".join(f"i{i},\n" for i in range(7)) + "x,1\n")
    log = "user_id,item_id\nu,bare\nu,x\n" + "".join(f"u,i{i}\n" for i in reversed(range(7)))
    _, report = cleaned(write("shop/interactions.csv", log))
    assert found(report, "items")["size is missing, filled with the median, 1"] == ("mended", 8, (2, 3, 4, 5, 6), "i0")


def test_without_tables_there_are_ids_alone(write: Write) -> None:
    dataset, report = cleaned(write("log.csv", "user_id,item_id\nu,a\n"))
    assert list(dataset.user_table.columns) == ["user_id"]
    assert list(dataset.item_table.columns) == ["item_id"]
    assert report.issues == ()


def test_a_constant_or_empty_column_does_no_harm(write: Write) -> None:
    write("shop/items.csv", "item_id,size,nothing\na,3,\nb,3,\n")
    dataset, _ = cleaned(write("shop/interactions.csv", "user_id,item_id\nu,a\nu,b\n"))
    assert dataset.item_table["size__z"].tolist() == [0, 0]
    assert dataset.item_table["nothing"].tolist() == ["unknown", "unknown"]
    assert "nothing__z" not in dataset.item_table


def test_a_title_made_of_digits_stays_a_title(write: Write) -> None:
    write("shop/items.csv", "item_id,title,title_zh,category\na,1984,300,7\nb,2012,404,8\n")
    dataset, _ = cleaned(write("shop/interactions.csv", "user_id,item_id\nu,a\nu,b\n"))
    assert dataset.title(1) == "1984"
    assert dataset.title(2, "zh") == "404"
    assert dataset.item_table["category"].tolist() == ["7", "8"]


def test_a_declared_number_that_is_none_counts_as_missing(write: Write) -> None:
    write("ml.item", "item_id:token\tprice:float\na\t1\nb\tfree\nc\t3\nd\t8\n")
    dataset, report = cleaned(write("ml.inter", "user_id:token\titem_id:token\nu\ta\nu\tb\nu\tc\nu\td\n"))
    assert dataset.item_table["price"].tolist() == [1, 3, 3, 8]
    assert found(report, "items") == {"price is not a number, filled with the median, 3": ("mended", 1, (3,), "b")}


# ---- Whatever columns are called, and however values are written ----------------------------------------------------


def shop(write: Write, header: str, values: list[str]) -> tuple[Dataset, CleaningReport]:
    """A log of as many items as there are values, with a table of them."""
    write("shop/items.csv", f"item_id,{header}\n" + "".join(f"i{n},{v}\n" for n, v in enumerate(values)))
    log = "user_id,item_id\n" + "".join(f"u{n % 3},i{n}\n" for n in range(len(values)))
    return cleaned(write("shop/interactions.csv", log))


@pytest.mark.parametrize(
    ("column", "name"),
    [("axis__z", "axis_z"), ("price__missing", "price_missing"), ("a____b", "a_b"), ("__z", "_z")],
)
def test_no_column_of_the_users_breaks_ours(write: Write, column: str, name: str) -> None:
    dataset, report = shop(write, column, ["left", "right", "left"])
    assert dataset.item_table[name].tolist() == ["left", "right", "left"]
    assert f"column {column!r} of the items is called {name!r} here" in map(str, report.notes)


@pytest.mark.parametrize(
    ("values", "expected", "told"),
    [
        (["\"['Comedy', 'Drama']\"", "\"['Drama']\""], ["Comedy|Drama", "Drama"], "in brackets"),
        (['"[""A"", ""B""]"', "[]", '"[""B""]"'], ["A|B", "unknown", "B"], "in brackets"),
        (
            ['"Comedy, Drama"', '"Drama,Horror"', '"Horror, Comedy"'],
            ["Comedy|Drama", "Drama|Horror", "Horror|Comedy"],
            "commas",
        ),
        (['"Portland, OR"', '"Salem, MA"', '"Reno, NV"'], ["Portland, OR", "Salem, MA", "Reno, NV"], ""),
        (["Comedy|Drama", "Drama"], ["Comedy|Drama", "Drama"], ""),
    ],
)
def test_lists_of_categories_are_taken_apart_and_told(
    write: Write, values: list[str], expected: list[str], told: str
) -> None:
    dataset, report = shop(write, "genres", values)
    assert dataset.item_table["category"].tolist() == expected
    assert any("taken apart" in str(note) and told in str(note) for note in report.notes) == bool(told)


@pytest.mark.parametrize("column", ["title", "description", "description_zh"])
def test_commas_of_a_text_part_no_list(write: Write, column: str) -> None:
    texts = ["Light, warm", "Light, dry", "Warm, dry", "Dry, light"]
    header = column if column != "description_zh" else "description,description_zh"
    rows = [f'"{t}"' if column != "description_zh" else f'"{t}","{t}"' for t in texts]
    dataset, report = shop(write, header, rows)
    assert dataset.item_table[column].tolist() == texts
    assert not any("taken apart" in str(note) for note in report.notes)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1e308", "-1e308", "5"], [1e308, -1e308, 5]),
        (['"1,5"', "2", "3"], [1.5, 2, 3]),
        (['"1,299"', "5", "12"], [1299, 5, 12]),
        (["$9.99", '"$1,299.00"', "$5"], [9.99, 1299, 5]),
        ([str(n) for n in range(40)] + ["free"], [*range(40), 19.5]),
    ],
)
def test_numbers_are_numbers_however_large_and_however_written(
    write: Write, values: list[str], expected: list[float]
) -> None:
    table = shop(write, "price", values)[0].item_table
    assert table["price"].tolist() == pytest.approx(expected)
    assert np.isfinite(table["price__z"]).all()


def test_a_number_about_titles_is_a_number(write: Write) -> None:
    table = shop(write, "title_length", ["3", "4", "9"])[0].item_table
    assert table["title_length"].tolist() == [3, 4, 9]


def test_a_table_whose_ids_match_nothing_is_told(write: Write) -> None:
    write("shop/items.csv", "item_id,price\nX1,3\nX2,4\n")
    _, report = cleaned(write("shop/interactions.csv", "user_id,item_id\nu,a\nu,b\n"))
    assert any("no item_id of the table of items is in the log" in str(note) for note in report.notes)


def test_fractions_of_whole_ids_match(write: Write) -> None:
    write("shop/items.csv", "item_id,price\n1.0,3\n2.0,4\n")
    dataset, report = cleaned(write("shop/interactions.csv", "user_id,item_id\nu,1\nu,2\n"))
    assert dataset.item_table["price"].tolist() == [3, 4]
    assert "item_id written with .0 behind it, which is left out" in found(report, "items")


@pytest.mark.parametrize("word", ["NA", "NULL", "None", "nan", "NaN", "\\N", "#N/A", "n/a", " null "])
def test_a_word_for_nothing_is_a_missing_id(write: Write, word: str) -> None:
    dataset, report = cleaned(write("log.csv", f"user_id,item_id\nu,a\n{word},a\nu,{word}\nv,b\n"))
    assert dataset.users.ids.tolist() == ["u", "v"]
    assert {reason: lines for reason, (_, _, lines, _) in found(report).items()} == {
        "user_id is missing": (3,),
        "item_id is missing": (4,),
    }


def test_sessions_are_offered_where_users_are_missing(write: Write) -> None:
    path = write("log.csv", "sessionId,userId,itemId\n1,NA,a\n1,NA,b\n2,NA,a\n")
    with pytest.raises(DataError, match="--user sessionId: the column 'sessionId' names sessions"):
        cleaned(path)
    assert cleaned(path, user="sessionId")[0].users.ids.tolist() == ["1", "2"]


def test_where_the_day_is_not_told_the_option_is_named(write: Write) -> None:
    path = write("log.csv", "user_id,item_id,time\nu,a,3/4/2020\nu,b,5/4/2020\n")
    with pytest.raises(DataError, match=r"line 2.*'3/4/2020' may have the day first.*--time-format day-first"):
        cleaned(path)
    assert cleaned(path, time_format="day-first")[1].rows_kept == 2
    assert cleaned(path, no_time=True)[0].timestamps is None


def test_times_that_most_rows_do_not_tell_are_asked_for(write: Write) -> None:
    path = write("log.csv", "user_id,item_id,time\nu,a,dawn\nu,b,dusk\nu,c,2020-09-25\n")
    with pytest.raises(DataError, match=r"line 2.*'dawn' is no time.*2 of 3.*--time-format.*--no-time"):
        cleaned(path)


def test_one_time_for_all_is_told_and_left_out(write: Write) -> None:
    dataset, report = cleaned(write("log.csv", "user_id,item_id,time\nu,b,7\nu,a,7\nu,b,7\n"))
    assert events(dataset) == {"u": ["b", "a", "b"]}
    assert any("the same in every row, 7, and left out" in str(note) for note in report.notes)


def test_a_decimal_comma_is_a_number_where_the_others_are(write: Write) -> None:
    dataset, report = cleaned(write("log.csv", "user_id;item_id;rating\nu;a;1,5\nu;b;4\n"))
    assert dataset.ratings is not None
    assert dataset.ratings.tolist() == [1.5, 4]
    assert found(report)["rating written with a decimal comma, read as a number"][:2] == ("mended", 1)


def test_a_report_of_version_0_1_and_a_strange_template_read_as_text() -> None:
    plain = CleaningReport(
        "shop", "folder", 5, 5, (CleaningIssue("items", "text", "dropped", 2),), ("a note",)
    ).to_dict()
    for issue in plain["issues"]:
        del issue["said"]
    del plain["notes_said"]
    assert CleaningReport.from_dict(plain).notes == ("a note",)
    for template in ("{n.__class__}", "{n:>999999999}", "{m}", "{", "{n!s}"):
        plain["notes_said"] = [{"template": template, "values": {"n": 1}}]
        assert CleaningReport.from_dict(plain).notes == ("a note",)


# ---- Properties ------------------------------------------------------------------------------------------------------

ID = st.sampled_from(["u", "v", " u", "007", "7", "", " ", "ü", 'q"', "a\nb"])
TIME = st.sampled_from(["1", "2", "2.5", "", "x", "-5", "99999999999999", "1800086400", "1800086401"])
RATING = st.sampled_from(["1", "3", "5", "", "good", "5.0"])
ROW = st.tuples(ID, ID, TIME, RATING).map(list)
BROKEN = st.lists(st.sampled_from(["u", "a", "1", "a\nb"]), min_size=1, max_size=7).filter(lambda row: len(row) != 4)


def as_csv(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([["user_id", "item_id", "timestamp", "rating"], *rows])
    return out.getvalue().encode()


def check_that_nothing_was_left(message: str, n: int) -> None:
    if "is no time that can be read, and so are" in message:
        return
    counted = re.search(r"none of its ([\d,]+) interactions", message)
    assert counted is not None, message
    assert int(counted[1]) == n


@given(st.lists(ROW | BROKEN, min_size=1, max_size=25), st.sampled_from([None, 3.0]))
@settings(deadline=None)
def test_every_row_read_is_kept_or_dropped_for_one_reason(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], least: float | None
) -> None:
    path = tmp_path_factory.mktemp("log") / "log.csv"
    path.write_bytes(as_csv(rows))
    try:
        dataset, report = cleaned(path, min_rating=least)
    except DataError as error:
        check_that_nothing_was_left(str(error), len(rows))
        return
    assert report.rows_read == len(rows)
    assert report.rows_read == report.rows_kept + report.dropped
    assert report.rows_kept == dataset.n_interactions == len(dataset.histories.items)
    starts, at = set(), 2
    for row in rows:
        starts.add(at)
        at += 1 + sum(cell.count("\n") for cell in row)
    assert all(set(issue.lines) <= starts for issue in report.issues)
    assert all(len(issue.lines) == min(issue.rows, 5) for issue in report.issues)
    assert CleaningReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


@given(st.lists(st.tuples(st.sampled_from("uvw"), st.sampled_from("abcd"), st.integers(0, 6)), min_size=1, max_size=40))
@settings(deadline=None)
def test_the_dataset_is_what_sorting_by_hand_gives(rows: list[tuple[str, str, int]]) -> None:
    assume(len({t for _, _, t in rows}) > 1)  # one time for all tells nothing
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).astype("str")
    raw = RawTables("log", "table", frame.assign(line=np.arange(2, len(rows) + 2)))
    dataset, report = clean(raw, config(), now=NOW)
    unique = list(dict.fromkeys(rows))
    expected = {
        u: [i for v, i, _ in sorted(unique, key=lambda r: r[2]) if v == u] for u in dict.fromkeys(r[0] for r in rows)
    }
    assert events(dataset) == expected
    assert report.dropped == len(rows) - len(unique)
    assert dataset.items.ids.tolist() == list(dict.fromkeys(r[1] for r in rows))
    assert dataset.timestamps is not None
    for part in np.split(dataset.timestamps, dataset.histories.offsets[1:-1]):
        assert (np.diff(part) >= 0).all()


@given(st.permutations(range(12)))
@settings(deadline=None)
def test_a_log_with_distinct_times_may_be_shuffled(order: list[int]) -> None:
    rows = [(f"u{i % 3}", f"i{i % 5}", str(100 - i)) for i in range(12)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).assign(line=range(2, 14))
    plain, _ = clean(RawTables("log", "table", frame), config(), now=NOW)
    shuffled, _ = clean(RawTables("log", "table", frame.iloc[order].reset_index(drop=True)), config(), now=NOW)
    assert events(plain) == events(shuffled)


def test_a_report_survives_json() -> None:
    issue = CleaningIssue("items", "item_id is missing", "dropped", 2, (3, 9), "")
    report = CleaningReport("shop", "folder", 5, 5, (issue,), ("a note",))
    plain = json.loads(json.dumps(report.to_dict()))
    first = plain["issues"][0]
    assert (first["table"], first["action"], first["rows"], first["lines"]) == ("items", "dropped", 2, [3, 9])
    assert CleaningReport.from_dict(plain) == report
    assert (report.dropped, report.mended) == (0, 0)
