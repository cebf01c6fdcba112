"""Logs in the shapes that public sets and exports come in: each is read as its makers meant it, or refused with advice.

All of it is made up; a shape is a name, the files, and what must come out.
"""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.config import DataConfig
from engine.data.formats import pipes
from engine.data.formats.readers import RawTables, read
from engine.errors import DataError
from engine.progress import Progress
from tests.unit.engine.data.conftest import Write

AB = [("u1", "a"), ("u1", "b"), ("u2", "a")]
"""What most shapes hold."""
ONE_TWO = [("1", "7"), ("1", "8"), ("2", "7")]
T = ("1600000000", "1600000100", "1600000200")


def raw(path: Path, **fields: Any) -> RawTables:
    return read(path, DataConfig(**fields))


def pairs(tables: RawTables) -> list[tuple[str, str]]:
    return list(zip(tables.interactions["user_id"], tables.interactions["item_id"], strict=True))


@dataclass(frozen=True)
class Shape:
    """Files, which of them is given ("" for the folder), and what must be read."""

    files: dict[str, str | bytes]
    pairs: list[tuple[str, str]]
    given: str = ""
    format: str = "table"
    note: str = ""
    times: tuple[str, ...] | None = None
    ratings: tuple[str, ...] | None = None
    settings: dict[str, str] = field(default_factory=dict)


def lines(*rows: object) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def rows(delimiter: str, *table: tuple[object, ...]) -> str:
    return "".join(delimiter.join(map(str, row)) + "\n" for row in table)


RATED = (("1", "7", "4.5", T[0]), ("1", "8", "2", T[1]), ("2", "7", "5", T[2]))
SPACED = rows(" ", *RATED)
SESSIONS = "session_id:token\titem_id_list:token_seq\titem_id:token\n"

READ = {
    # parted by spaces, no header
    "FilmTrust": Shape(
        {"ratings.txt": rows(" ", *(r[:3] for r in RATED))}, ONE_TWO, note="no header; its columns are read as user_id"
    ),
    "user item rating time": Shape({"x.txt": SPACED}, ONE_TWO, times=T, ratings=("4.5", "2", "5")),
    "user item time": Shape({"x.txt": rows(" ", *((u, i, t) for u, i, _, t in RATED))}, ONE_TWO, times=T),
    "KONECT": Shape({"out.x": "% bip weighted\n% 3 2 2\n" + SPACED}, ONE_TWO, given="out.x", times=T, note="'%'"),
    "padded triples": Shape({"x.txt": "  1   7  4.5\n  1   8  2\n 10   7  5\n"}, [("1", "7"), ("1", "8"), ("10", "7")]),
    "sequences of three still": Shape(
        {"x.txt": "u1 a b\nu2 a c\n"}, [("u1", "a"), ("u1", "b"), ("u2", "a"), ("u2", "c")], format="sequences"
    ),
    "commented sequences": Shape(
        {"x.txt": "# users and items\nu1 a b\nu2 a\n"}, AB, format="sequences", note="passed over as a comment"
    ),
    # dialects
    "a spreadsheet's sep": Shape({"x.csv": "sep=;\nuser_id;item_id\nu1;a\nu1;b\nu2;a\n"}, AB, note="sep=;"),
    "comments": Shape(
        {"x.csv": "# made by a tool\n\n# today\nuser_id,item_id\nu1,a\nu1,b\nu2,a\n"}, AB, note="2 lines at the top"
    ),
    "a header in a comment": Shape(
        {"x.tsv": "# of a tool\n#user_id\titem_id\nu1\ta\nu1\tb\nu2\ta\n"}, AB, note="a line at the top"
    ),
    "spaces before quotes": Shape(
        {"x.csv": '"user_id", "item_id", "t"\n"Doe, J", "Mug, 1", 1\n"Doe, J" , "b", 2\n"u2", "a", 3\n'},
        [("Doe, J", "Mug, 1"), ("Doe, J", "b"), ("u2", "a")],
        note="spaces between fields and their quotes",
    ),
    "spaces before quotes in rows alone": Shape(
        {"x.csv": 'user_id, item_id\n"Doe, J", "Mug, 1"\n'}, [("Doe, J", "Mug, 1")]
    ),
    "columns padded with spaces": Shape(
        {"x.txt": "user_id   item_id  rating \nu1        a        5\nu1        b        4\nu2        a        3\n"}, AB
    ),
    "padded columns with spaces in values": Shape(
        {"x.txt": "user_id   item_id\nu1        The Net\nAnn Lee   b\n"}, [("u1", "The Net"), ("Ann Lee", "b")]
    ),
    "psql": Shape(
        {"x.txt": " user_id | item_id \n---------+---------\n u1      | a\n u1      | b\n u2      | a\n"},
        [(" u1      ", " a"), (" u1      ", " b"), (" u2      ", " a")],
    ),
    "mysql": Shape({"x.txt": "+----+----+\n| user_id | item_id |\n| u1 | a |\n"}, [(" u1 ", " a ")]),
    "Hive's ^A": Shape({"x.txt": "user_id\x01item_id\nu1\x01a\nu1\x01b\nu2\x01a\n"}, AB),
    "Book-Crossing": Shape(
        {"BX-Book-Ratings.csv": '"User-ID";"ISBN";"Book-Rating"\n"1";"034X";"0"\n"1";"M\xfcn";"5"\n'.encode("latin-1")},
        [("1", "034X"), ("1", "Mün")],
        note="Windows-1252",
    ),
    "Diginetica": Shape(
        {"x.csv": "sessionId;userId;itemId;timeframe;eventdate\n1;NA;8;52;2016-05-09\n2;3;9;1;2016-05-10\n"},
        [("NA", "8"), ("3", "9")],
    ),
    "RetailRocket": Shape(
        {
            "events.csv": "timestamp,visitorid,event,itemid,transactionid\n"
            "1433221332117,257,view,35,\n1433224214164,9,view,2,\n"
        },
        [("257", "35"), ("9", "2")],
        times=("1433221332117", "1433224214164"),
        note="visitorid",
    ),
    "Online Retail": Shape(
        {
            "x.csv": "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
            "5,85A,LAMP,6,2010-12-01 08:26,2.5,17850.0,UK\n"
        },
        [("17850.0", "85A")],
        times=("2010-12-01 08:26",),
    ),
    "an index before the columns": Shape({"x.csv": ",user_id,item_id\n0,u1,a\n1,u1,b\n2,u2,a\n"}, AB),
    "ratings.dat that is no MovieLens": Shape({"ratings.dat": "user_id\titem_id\nu1\ta\nu1\tb\nu2\ta\n"}, AB),
    # no header, columns named by their places
    "Taobao": Shape(
        {"UserBehavior.csv": "1,7,2520,pv,1511544070\n1,8,2520,buy,1511561733\n2,7,1,pv,1511572885\n"},
        ONE_TWO,
        settings={"user": "column 1", "item": "column 2", "time": "column 5"},
        times=("1511544070", "1511561733", "1511572885"),
    ),
    "Gowalla": Shape(
        {"checkins.txt": "1\t2010-10-19T23:55:27Z\t30.2\t-97.7\t7\n1\t2010-10-18T22:17:43Z\t30.2\t-97.7\t8\n"},
        [("1", "7"), ("1", "8")],
        settings={"user": "column 1", "item": "column 5", "time": "column 2"},
    ),
    # encodings
    **{
        f"text in {codec}": Shape({"x.csv": f"user_id,item_id\nu1,{word}\n".encode(codec)}, [("u1", word)], note=name)
        for codec, word, name in (
            ("utf-16", "茶", "UTF-16"),
            ("utf-16-le", "tea", "UTF-16-LE"),
            ("utf-16-be", "tea", "UTF-16-BE"),
            ("utf-32", "茶", "UTF-32"),
            ("gb18030", "登山鞋", "GBK"),
            ("big5", "電影的評分很高", "Big5"),
            ("shift_jis", "寝袋とランプ", "Shift JIS"),
            ("euc_kr", "텐트와 침낭", "EUC-KR"),
            ("cp1251", "Палатка", "Windows-1251"),
            ("cp1252", "Café – l’été", "Windows-1252"),
        )
    },
    "gzipped UTF-16": Shape({"x.tsv.gz": gzip.compress("user_id\titem_id\nu1\ta\n".encode("utf-16"))}, [("u1", "a")]),
    # JSON
    "Amazon 2018": Shape(
        {"x.json": lines(*({"overall": 5.0, "reviewerID": u, "asin": i, "unixReviewTime": 1600000000} for u, i in AB))},
        AB,
        times=("1600000000",) * 3,
        ratings=("5.0",) * 3,
        note="x.json read as JSON lines",
    ),
    "Amazon 2023": Shape(
        {"x.jsonl.gz": lines(*({"rating": 1.0, "images": [{"large": "l"}], "asin": i, "user_id": u} for u, i in AB))},
        AB,
    ),
    "Goodreads": Shape(
        {"x.json": lines(*({"user_id": u, "book_id": i, "rating": 4} for u, i in AB))}, AB, ratings=("4",) * 3
    ),
    "Yelp": Shape({"x.json": lines(*({"user_id": u, "business_id": i, "stars": 4.0} for u, i in AB))}, AB),
    "Steam": Shape(
        {"x.json": "".join(f"{{u'username': u'{u}', u'product_id': u'{i}', u'ok': True}}\n" for u, i in AB)}, AB
    ),
    "OTTO": Shape(
        {
            "x.jsonl": lines(
                {"session": 1, "events": [{"aid": 7, "ts": 5, "type": "clicks"}] * 2}, {"session": 2, "events": []}
            )
        },
        [("1", "7"), ("1", "7")],
        format="sequences",
        times=("5", "5"),
        note="each of 'events', a list in every record, is a row",
    ),
    "lists of items beside lists of times": Shape(
        {
            "x.jsonl": lines(
                {"user_id": "u1", "item_ids": ["a", "b"], "time": [4, 5]},
                {"user_id": "u2", "item_ids": ["a"], "time": [6]},
            )
        },
        AB,
        format="sequences",
        times=("4", "5", "6"),
        settings={"item": "item_ids"},
    ),
    "a list named by usual words": Shape(
        {"x.jsonl": lines({"user_id": "u1", "items": ["a", "b"]}, {"user_id": "u2", "items": ["a"]})},
        AB,
        format="sequences",
    ),
    "an array": Shape(
        {"x.json": json.dumps([{"user_id": u, "item_id": i} for u, i in AB], indent=1)}, AB, note="JSON records"
    ),
    "objects over several lines": Shape(
        {"x.json": "\n".join(json.dumps({"user_id": u, "item_id": i}, indent=1) for u, i in AB)}, AB
    ),
    "wrapped": Shape({"x.json": json.dumps({"version": 2, "data": [{"user_id": u, "item_id": i} for u, i in AB]})}, AB),
    "pandas' columns": Shape(
        {
            "x.json": json.dumps(
                {"user_id": {"0": "u1", "1": "u1", "2": "u2"}, "item_id": {"0": "a", "1": "b", "2": "a"}}
            )
        },
        AB,
    ),
    "pandas' split": Shape(
        {"x.json": json.dumps({"columns": ["user_id", "item_id"], "index": [0, 1, 2], "data": AB})}, AB
    ),
    "lists by user": Shape({"x.json": json.dumps({"u1": ["a", "b"], "u2": ["a"]})}, AB, format="sequences"),
    "ratings by user and item": Shape(
        {"x.json": json.dumps({"u1": {"a": 5, "b": 4}, "u2": {"a": 3}})}, AB, ratings=("5", "4", "3")
    ),
    "whole numbers as floats": Shape(
        {"x.jsonl": lines({"user_id": 1.0, "item_id": 7.0}, {"user_id": 2, "item_id": "7"})}, [("1", "7"), ("2", "7")]
    ),
    "JSON beside JSON": Shape(
        {
            "interactions.jsonl": lines(*({"user_id": u, "item_id": i} for u, i in AB)),
            "users.json": '[{"user_id": "u1", "friends": [{"id": 1}]}]',
        },
        AB,
        format="folder",
    ),
    # RecBole
    "sessions": Shape(
        {"s.inter": f"{SESSIONS}1\t7 7 8\t9\n2\t7\t8\n"},
        [("1", "7"), ("1", "7"), ("1", "8"), ("1", "9"), ("2", "7"), ("2", "8")],
        format="sequences",
    ),
    "sessions told again and again": Shape(
        {"s.inter": f"{SESSIONS}1\t7 8\t9\n1\t7\t8\n2\t7\t8\n"},
        [("1", "7"), ("1", "8"), ("1", "9"), ("2", "7"), ("2", "8")],
        format="sequences",
        note="1 rows are the beginning of another row",
    ),
    "sessions with times": Shape(
        {
            "s.inter": "user_id:token\titem_id_list:token_seq\ttimestamp_list:float_seq\titem_id:token\t"
            "timestamp:float\n"
            "1\t7 8\t3 4\t9\t5\n"
        },
        [("1", "7"), ("1", "8"), ("1", "9")],
        format="sequences",
        times=("3", "4", "5"),
    ),
    "commas for tabs": Shape(
        {"s.inter": "user_id:token,item_id:token\nu1,a\nu1,b\nu2,a\n"}, AB, format="atomic", note="commas stand where"
    ),
    "spaces for tabs": Shape(
        {"s.inter": "user_id:token item_id:token\nu1 a\nu1 b\nu2 a\n"}, AB, format="atomic", note="spaces stand where"
    ),
    # parts
    "Spark's CSV": Shape(
        {
            "_SUCCESS": "",
            "part-00000-x.csv": "user_id,item_id\nu1,a\n",
            "part-00001-x.csv": "",
            "part-00002-x.csv": "user_id,item_id\nu1,b\nu2,a\n",
        },
        AB,
        note="2 files are read as one",
    ),
    "parts of JSON lines": Shape(
        {
            "part-0.jsonl": lines({"user_id": "u1", "item_id": "a"}),
            "part-1.jsonl": lines({"user_id": "u1", "item_id": "b"}, {"user_id": "u2", "item_id": "a"}),
        },
        AB,
    ),
    "files by a pattern": Shape(
        {"2023.csv": "user_id,item_id\nu1,a\n", "2024.csv": "item_id,user_id\nb,u1\na,u2\n", "about.md": "x"},
        AB,
        given="*.csv",
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_shape_is_read_as_it_was_meant(write: Write, name: str) -> None:
    shape = READ[name]
    folder = [write(f"box/{file}", content) for file, content in shape.files.items()].pop().parent
    tables = raw(folder / shape.given if shape.given else folder, **shape.settings)
    assert pairs(tables) == shape.pairs
    assert tables.format == shape.format
    assert tables.malformed == ()
    assert shape.note in "; ".join(map(str, tables.notes))
    for column, expected in (("timestamp", shape.times), ("rating", shape.ratings)):
        if expected is not None:
            assert tuple(tables.interactions[column]) == expected


REFUSED = {
    "no header, a value twice": (
        "1,16,1\n1,14,2\n",
        r"line 1: '1 16 1' looks like a row.*user_id,item_id,rating.*--user 'column 1'",
    ),
    "Amazon 2014": (
        "A1YJEY40YUW4SE,7806397051,1.0,1391040000\n" * 2,
        "such as user_id,item_id,rating,timestamp, parted",
    ),
    "Yoochoose": (
        "1,2014-04-07T10:51:09.277Z,214536502,0\n" * 2,
        "--user 'column 1' --item 'column 3' --time 'column 2'",
    ),
    "Criteo": ("0\t1\t1\t5\t\t1382\t68fd1e64\n" * 2, "looks like a row"),
    "MIND": ("1\tU1\t11/11/2019 9:05:58 AM\tN1 N2\tN3-1 N4-0\n" * 2, "looks like a row.*--time 'column 3'"),
    "Last.fm": ("user_1\t2009-05-04T23:08:57Z\tm1\tDeep Dish\tm2\tSong\n" * 2, "looks like a row"),
    "no header, spaces, after a comment": ("# x\n1;2;3\n", "line 2: '1 2 3' looks like a row"),
    "a matrix": ("user,1,2,3,4,5\nu1,5,,3,,1\n", "a column for each of 5 items; write a row for each user and item"),
    "Netflix": ("1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n", "layout of the Netflix Prize.*awk"),
    "LIBSVM": ("1 3:1.0 7:0.5\n0 2:1\n", "layout of LIBSVM"),
    "Matrix Market": ("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 5\n", "Matrix Market|looks like"),
    "table or sequences": ("1 7 100\n1 8 20001\n2 7 30052\n", "could be a table or sequences.*user_id item_id weight"),
    "an empty session list": ('{"a": 1}\n', "no column with a usual name for users"),
    "JSON of numbers": ("[[1, 2], [1, 3]]", "no list of records; write an object for each interaction"),
    "cut JSON": ('[{"user_id": 1, "item_id": 2},\n{"user_id"', "line 2, column 11: this is no JSON"),
    "two lists": ('{"user_id": 1, "bought": [{"x": 1}], "seen": [{"x": 1}]}\n', "bought, seen could each hold.*--item"),
    "deep JSON": ('{"user_id": ' + "[" * 200_000, "nested too deep|no JSON"),
    "a workbook": (b"PK\x03\x04....[Content_Types].xml", "an Excel workbook; save the sheet as CSV"),
    "a pickle": (b"\x80\x04\x95abc", "a pickle"),
    "Feather": (b"ARROW1\0\0", "write the table as Parquet"),
    "spaces for tabs beside lists": (
        "user_id:token item_id_list:token_seq item_id:token\n1 7 8 9\n",
        "write tabs between fields",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_told_is_asked_with_a_way_out(write: Write, name: str) -> None:
    content, message = REFUSED[name]
    ending = "inter" if "inter" in name or "tabs" in name else "txt"
    with pytest.raises(DataError, match=f"(?s){message}"):
        raw(write(f"box/log.{ending}", content))


def test_a_line_that_is_no_json_is_a_malformed_row(write: Write) -> None:
    tables = raw(
        write("x.jsonl", '{"user_id": "u1", "item_id": "a"}\n\n{"user_id": \n[1]\n{"user_id": "u2", "item_id": "b"}\n')
    )
    assert pairs(tables) == [("u1", "a"), ("u2", "b")]
    assert tables.interactions["line"].tolist() == [1, 5]
    assert [(str(i.reason), i.rows, i.lines, i.example) for i in tables.malformed] == [
        ("no JSON object", 2, (3, 4), '{"user_id":')
    ]


# ---- Parquet ---------------------------------------------------------------------------------------------------------


def parquet(path: Path, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def test_folders_of_parquet_parts_are_one_log(tmp_path: Path) -> None:
    def part(path: str, user: str, items: list[str]) -> None:
        parquet(tmp_path / path, user_id=[user] * len(items), item_id=items)

    part("spark/part-00000-x.snappy.parquet", "u1", ["a"])
    part("spark/part-00001-x.snappy.parquet", "u1", [])
    part("spark/part-00010-x.snappy.parquet", "u3", ["c"])
    part("spark/part-00002-x.snappy.parquet", "u2", ["b", "a"])
    (tmp_path / "spark/_SUCCESS").touch()
    (tmp_path / "spark/.part-00000-x.snappy.parquet.crc").write_bytes(b"x")
    tables = raw(tmp_path / "spark")
    assert pairs(tables) == [("u1", "a"), ("u2", "b"), ("u2", "a"), ("u3", "c")]
    assert tables.interactions["line"].tolist() == [1, 2, 3, 4]
    assert (tables.name, tables.format) == ("spark", "table")

    part("dask/interactions.parquet/part.0.parquet", "u1", ["a"])
    part("dask/interactions.parquet/part.1.parquet", "u2", ["b"])
    part("dask/items.parquet/part.0.parquet", "x", ["a"])
    for path in ("dask", "dask/interactions.parquet"):
        tables = raw(tmp_path / path)
        assert pairs(tables) == [("u1", "a"), ("u2", "b")]
        assert (tables.name, tables.format) == ("dask", "folder")
        assert tables.items is not None

    part("hive/day=2020-01-02/0.parquet", "u2", ["b"])
    part("hive/day=2020-01-01/0.parquet", "u1", ["a"])
    tables = raw(tmp_path / "hive", time="day")
    assert pairs(tables) == [("u1", "a"), ("u2", "b")]
    assert tables.interactions["timestamp"].tolist() == ["2020-01-01", "2020-01-02"]


def test_files_of_one_schema_are_read_as_one_when_asked(tmp_path: Path) -> None:
    for year, user in (("first", "u1"), ("second", "u2")):
        parquet(tmp_path / f"box/{year}.parquet", user_id=[user], item_id=["a"])
    with pytest.raises(
        DataError, match=r"if they are parts of one table, all of them by a pattern in quotes: '.*box/\*\.parquet'"
    ):
        raw(tmp_path / "box")
    assert pairs(raw(tmp_path / "box" / "*.parquet")) == [("u1", "a"), ("u2", "a")]
    parquet(tmp_path / "box/third.parquet", user_id=["u3"], thing=["a"])
    with pytest.raises(DataError, match=r"third\.parquet has not the columns of first\.parquet \(item_id, thing\)"):
        raw(tmp_path / "box" / "*.parquet")


def test_parts_with_other_types_are_refused(tmp_path: Path) -> None:
    parquet(tmp_path / "p/part-0.parquet", user_id=["u"], item_id=[1], timestamp=[5])
    parquet(tmp_path / "p/part-1.parquet", user_id=["u"], item_id=["2"], timestamp=["2020-01-01"])
    with pytest.raises(DataError, match=r"column 'timestamp' holds int64 in part-0\.parquet and str in part-1"):
        raw(tmp_path / "p")


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (pa.array([1.0, 2.0, None]), ["1", "2", ""]),
        (pa.array([1.0, float("nan"), 3.0]), ["1", "", "3"]),
        (pa.array([1, None, 3]).cast(pa.decimal128(38, 0)), ["1", "", "3"]),
        (pa.array([1, None, 3]).cast(pa.decimal128(21, 2)), ["1", "", "3"]),
        (pa.array([b"a", None, b"\xc3\xa9"]), ["a", "", "é"]),
        (pa.array([b"a" * 16, None], pa.binary(16)), ["a" * 16, ""]),
        (pa.array([bytes(range(16)), None], pa.binary(16)), ["00010203-0405-0607-0809-0a0b0c0d0e0f", ""]),
        (pa.array([bytes(range(16)), None], pa.uuid()), ["00010203-0405-0607-0809-0a0b0c0d0e0f", ""]),
        (pa.array([b"\xff\x00", None]), ["ff00", ""]),
    ],
)
def test_ids_of_every_kind(tmp_path: Path, ids: pa.Array, expected: list[str]) -> None:
    path = parquet(tmp_path / "x.parquet", user_id=ids, item_id=["a"] * len(ids))
    assert raw(path).interactions["user_id"].tolist() == expected


def test_numbers_that_are_no_ids_are_malformed_rows(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", user_id=[1.0, float("inf"), 1e300, 4.0], item_id=["a", "b", "c", "d"])
    tables = raw(path)
    assert pairs(tables) == [("1", "a"), ("4", "d")]
    assert tables.interactions["line"].tolist() == [1, 4]
    assert [(i.rows, i.lines, i.action) for i in tables.malformed] == [(2, (2, 3), "dropped")]
    assert "too large" in str(tables.malformed[0].reason)


# ---- Pipes -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pipe(tmp_path: Path) -> Callable[[bytes], Path]:
    """`pipe(content)`: a named pipe out of which that comes."""

    def _pipe(content: bytes) -> Path:
        path = tmp_path / "fifo"
        os.mkfifo(path)
        threading.Thread(target=path.write_bytes, args=(content,), daemon=True).start()
        return path

    return _pipe


@pytest.mark.parametrize("packed", [False, True])
def test_a_pipe_is_read_whole_and_tells_of_it(
    pipe: Callable[[bytes], Path], packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipes, "CHUNK", 1 << 16)
    text = "user_id,item_id\n" + "".join(f"u{i},a\n" for i in range(50_000))
    seen: list[Progress] = []
    path = pipe(gzip.compress(text.encode(), 1) if packed else text.encode())
    tables = read(path, DataConfig(), seen.append)  # pyright: ignore[reportCallIssue]
    assert len(tables.interactions) == 50_000
    assert tables.source == str(path)
    assert len(seen) > 1
    assert "MB came out of" in seen[-1].message


def test_what_is_wrong_in_a_pipe_is_told_of_the_pipe(pipe: Callable[[bytes], Path]) -> None:
    path = pipe(b"1,2,3\n")
    with pytest.raises(DataError, match="looks like a row") as caught:
        raw(path)
    assert str(caught.value).startswith(f"{path}, line 1")


def test_a_device_is_refused() -> None:
    with pytest.raises(DataError, match="/dev/zero is a device; give a file"):
        raw(Path("/dev/zero"))
