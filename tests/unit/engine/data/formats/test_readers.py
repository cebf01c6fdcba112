"""Every format, told from its content, gives the same raw tables; what cannot be used is refused with a way out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.config import DataConfig
from engine.data.cleaning import load_dataset
from engine.data.formats.readers import RawTables, read, read_oracle
from engine.data.oracle import fair_ceiling
from engine.errors import DataError

Write = Callable[..., Path]

LOG = "user_id,item_id,timestamp,rating\n7,a,100,5\n007,b,90,4\n7,b,80,3\n"


def config(**fields: str) -> DataConfig:
    return DataConfig(**fields)  # pyright: ignore


def raw(path: Path, **fields: str) -> RawTables:
    return read(path, config(**fields))


def pairs(tables: RawTables) -> list[tuple[str, str]]:
    return list(zip(tables.interactions["user_id"], tables.interactions["item_id"], strict=True))


# ---- (a) folders -----------------------------------------------------------------------------------------------------


def test_a_folder_is_read_with_its_tables(write: Write) -> None:
    log = write("shop/interactions.csv", LOG)
    write("shop/items.tsv", "item_id\tname\tprice\na\tTent\t9.50\n")
    write("shop/users.csv.gz", "user_id,region\n007,North\n")
    for path in (log.parent, log):
        tables = raw(path)
        assert (tables.name, tables.format) == ("shop", "folder")
        assert pairs(tables) == [("7", "a"), ("007", "b"), ("7", "b")]
        assert tables.interactions["line"].tolist() == [2, 3, 4]
        assert tables.items is not None
        assert tables.users is not None
        assert tables.items.to_dict("list") == {"item_id": ["a"], "title": ["Tent"], "price": ["9.50"], "line": [2]}
        assert tables.users["region"].tolist() == ["North"]
        assert tuple(map(str, tables.notes)) == ("column 'name' of items.tsv read as title",)


def test_a_folder_may_hold_parquet(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    moments = pd.to_datetime(["2024-01-02", "2024-01-01"]).tz_localize("UTC")
    pd.DataFrame({"user_id": [7, 8], "item_id": [1.0, 2.0], "timestamp": moments}).to_parquet(
        folder / "interactions.parquet"
    )
    items = {
        "item_id": [1, 2],
        "title": ["Tent", None],
        "tags": [["x", "y"], None],
        "price": [1.5, None],
        "sold": [True, False],
    }
    pq.write_table(pa.table(items), folder / "items.parquet")
    tables = raw(folder)
    assert pairs(tables) == [("7", "1"), ("8", "2")]
    assert tables.items is not None
    assert tables.items["item_id"].tolist() == ["1", "2"]
    assert tables.items["tags"].tolist() == ["x|y", ""]
    dataset, report = load_dataset(folder)
    assert dataset.timestamps is not None
    assert dataset.timestamps.tolist() == [1704153600, 1704067200]
    assert dataset.item_table["price"].tolist() == [1.5, 1.5]
    assert dataset.item_table["title"].tolist() == ["Tent", "unknown"]
    assert report.rows_kept == 2


def test_two_logs_in_a_folder_are_refused(write: Write) -> None:
    write("shop/interactions.csv", LOG)
    folder = write("shop/interactions.tsv", LOG).parent
    with pytest.raises(DataError, match=r"interactions\.csv, interactions\.tsv"):
        raw(folder)


# ---- (b) MovieLens ---------------------------------------------------------------------------------------------------


def test_movielens_100k_as_grouplens_ships_it(write: Write) -> None:
    flags = "|".join("1" if i in (3, 5) else "0" for i in range(19))
    none = "|".join("1" if i == 0 else "0" for i in range(19))
    log = write("ml/u.data", "196\t242\t3\t881250949\n186\t1\t4\t891717742\n")
    films = f'1|Toy Story (1995)|01-Jan-1995||http://x|{flags}\n242|Am\xe9lie "|01-Jan-2001||http://y|{none}\n'
    write("ml/u.item", films.encode("latin-1"))
    write("ml/u.user", "186|24|M|technician|00501\n196|53|F|other|94043\n")
    write("ml/u.genre", "unknown|0\n")
    for path in (log.parent, log):
        tables = raw(path)
        assert (tables.name, tables.format) == ("ml", "movielens")
        assert pairs(tables) == [("196", "242"), ("186", "1")]
        assert tables.items is not None
        assert tables.items["title"].tolist() == ["Toy Story (1995)", 'Amélie "']
        assert tables.items["category"].tolist() == ["Animation|Comedy", ""]
    dataset, _ = load_dataset(log.parent)
    assert dataset.title(1) == 'Amélie "'
    assert dataset.user_table["zip_code"].tolist() == ["94043", "00501"]
    assert dataset.user_table["age"].tolist() == [53, 24]


def test_movielens_1m_as_grouplens_ships_it(write: Write) -> None:
    log = write("ml-1m/ratings.dat", "1::1193::5::978300760\n2::661::3::978302109\n")
    write(
        "ml-1m/movies.dat",
        "1193::Star Trek: First Contact (1996)::Action|Sci-Fi\n661::Qu\xe9?::Drama\n".encode("latin-1"),
    )
    write("ml-1m/users.dat", "1::F::1::10::48067\n2::M::56::16::70072\n")
    tables = raw(log.parent)
    assert (tables.name, tables.format) == ("ml-1m", "movielens")
    assert pairs(tables) == [("1", "1193"), ("2", "661")]
    assert tables.interactions["timestamp"].tolist() == ["978300760", "978302109"]
    assert tables.items is not None
    assert tables.users is not None
    assert tables.items["title"].tolist() == ["Star Trek: First Contact (1996)", "Qué?"]
    assert tables.items["category"].tolist() == ["Action|Sci-Fi", "Drama"]
    assert tables.users["occupation"].tolist() == ["K-12 student", "self-employed"]
    renamed = log.rename(log.with_name("log.txt"))
    assert pairs(raw(renamed)) == [("1", "1193"), ("2", "661")]


def test_movielens_as_csv(write: Write) -> None:
    log = write("ml-latest/ratings.csv", "userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n")
    write("ml-latest/movies.csv", 'movieId,title,genres\n31,"Net, The (1995)",Action|Drama\n5,X,(no genres listed)\n')
    write("ml-latest/tags.csv", "userId,movieId,tag,timestamp\n1,31,x,1\n")
    for path in (log.parent, log):
        tables = raw(path)
        assert (tables.name, tables.format) == ("ml-latest", "movielens")
        assert tables.items is not None
        assert tables.items["title"].tolist() == ["Net, The (1995)", "X"]
        assert tables.items["category"].tolist() == ["Action|Drama", ""]


# ---- (c) RecBole atomic files ----------------------------------------------------------------------------------------


def test_atomic_files(write: Write) -> None:
    log = write("box/ml.inter", "user_id:token\titem_id:token\trating:float\ttimestamp:float\n07\t1\t3\t8.8e8\n")
    write(
        "box/ml.item",
        "item_id:token\tmovie_title:token_seq\tclass:token_seq\tcode:token\tcost:float\n"
        '1\tThe "Net"\tA  B\t12\tcheap\n',
    )
    write("box/ml.user", "user_id:token\tage:float\n07\t24\n")
    for path in (log.parent, log):
        tables = raw(path)
        assert (tables.format, pairs(tables)) == ("atomic", [("07", "1")])
        assert tables.items is not None
        assert tables.items.iloc[0].tolist() == ["1", 'The "Net"', "A|B", "12", "cheap", 2]
    assert raw(log).name == "ml"
    assert raw(log.parent).name == "box"
    dataset, _ = load_dataset(log)
    assert dataset.item_table["code"].tolist() == ["12"]
    assert dataset.user_table["age"].tolist() == [24]
    assert "code__z" not in dataset.item_table
    assert "age__z" in dataset.user_table


def test_atomic_files_are_known_by_their_header_and_gzip_is_no_matter(write: Write) -> None:
    text = "session_id:token\titem_id:token\n1\t2\n"
    assert raw(write("log.txt", text)).format == "atomic"
    zipped = raw(write("b/b.inter.gz", text).parent)
    assert (zipped.format, zipped.name, pairs(zipped)) == ("atomic", "b", [("1", "2")])
    assert tuple(map(str, zipped.notes)) == ("column 'session_id' read as user_id",)


@pytest.mark.parametrize(
    "header", ["user_id:token\titem_id", "user_id:token\titem_id:int", "user_id:token\tuser_id:float"]
)
def test_an_atomic_header_with_an_unknown_type_is_refused(write: Write, header: str) -> None:
    with pytest.raises(DataError, match=r"line 1: the header names '(item_id|user_id).*name:type"):
        raw(write("a.inter", f"{header}\n1\t2\n"))


def test_of_several_atomic_logs_the_one_named_like_the_folder_is_read(write: Write) -> None:
    write("ml/other.inter", "user_id:token\titem_id:token\n9\t9\n")
    folder = write("ml/ml.inter", "user_id:token\titem_id:token\n1\t2\n").parent
    assert pairs(raw(folder)) == [("1", "2")]
    (folder / "ml.inter").rename(folder / "third.inter")
    with pytest.raises(DataError, match=r"other\.inter, third\.inter"):
        raw(folder)


@pytest.mark.parametrize("name", ["ml.item", "ml.user", "u.item", "u.user"])
def test_a_table_of_items_or_users_is_no_log(write: Write, name: str) -> None:
    with pytest.raises(DataError, match="not interactions; give the log"):
        raw(write(name, "item_id:token\n1\n"))


# ---- (d) sequences ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_sequences_with_attributes(write: Write, ending: str) -> None:
    log = write(f"beauty/beauty.txt{ending}", "1 5 3 5\n\n02   7\r\n3\n1 9\n")
    write("beauty/item2attributes.json", json.dumps({"5": [1, 2, 3], "3": [], "7": [4]}))
    for path in (log.parent, log):
        tables = raw(path)
        assert (tables.name, tables.format) == ("beauty", "sequences")
        assert pairs(tables) == [("1", "5"), ("1", "3"), ("1", "5"), ("02", "7"), ("1", "9")]
        assert tables.interactions["line"].tolist() == [1, 1, 1, 3, 5]
        assert tables.items is not None
        assert tables.items["attributes"].tolist() == ["1|2|3", "", "4"]
        assert [(m.reason, m.rows, m.lines, m.example) for m in tables.malformed] == [
            ("a user without items", 1, (4,), "3")
        ]
        assert any("1 lines name the user of an earlier line" in str(note) for note in tables.notes)
    dataset, report = load_dataset(log)
    assert [row.tolist() for row in dataset.histories] == [[1, 2, 1, 4], [3]]
    assert dataset.timestamps is None
    assert (report.rows_read, report.rows_kept, report.dropped) == (6, 5, 1)
    assert dataset.item_table["attributes"].tolist() == ["1|2|3", "unknown", "4", "unknown"]


def test_a_user_without_items_may_come_last(write: Write) -> None:
    tables = raw(write("s.txt", "1 5\n2"))
    assert (pairs(tables), tables.malformed[0].lines) == ([("1", "5")], (2,))


def test_column_settings_that_sequences_cannot_use_are_told(write: Write) -> None:
    notes = raw(write("s.txt", "1 2 3\n"), time="when").notes
    assert "--time 'when' is not used: sequences have no column names" in map(str, notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1, 2]", "the whole"), ('{"4": 5}', "'4'"), ('{"4": [[1]]}', "'4'"), ('{\n"4": [1', "line 2, column")],
)
def test_attributes_that_are_no_map_of_lists_are_refused(write: Write, text: str, message: str) -> None:
    write("item2attributes.json", text)
    with pytest.raises(DataError, match=message):
        raw(write("s.txt", "1 2 3\n"))


# ---- (e) single tables -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz", "txt", "dat", "parquet"])
def test_one_table_with_columns_of_usual_names(write: Write, tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame({"uid": ["007", "7"], "sku": ["a", "b"], "when": ["1", "2"], "Stars": ["4", "5"]})
    path = tmp_path / f"log.{ending}"
    if ending == "parquet":
        frame.to_parquet(path)
    else:
        write(path.name, frame.to_csv(index=False, sep="\t" if ending == "tsv" else ","))
    tables = raw(path)
    assert (tables.name, tables.format) == (("log", "table") if ending != "dat" else ("log.dat", "table"))
    assert pairs(tables) == [("007", "a"), ("7", "b")]
    assert list(tables.interactions.columns) == ["user_id", "item_id", "rating", "line"]
    assert tuple(map(str, tables.notes)) == (
        "column 'uid' read as user_id",
        "column 'sku' read as item_id",
        "column 'Stars' read as rating",
        "columns of the log not used: 'when'",
    )
    assert "timestamp" in raw(path, time="when").interactions


def test_given_names_come_before_guessed_ones(write: Write) -> None:
    path = write("log.csv", "user_id,buyer,item_id\nx,y,z\n")
    assert pairs(raw(path, user="buyer")) == [("y", "z")]
    assert pairs(raw(path, user="item_id", item="user_id")) == [("z", "x")]
    assert pairs(raw(write("two.csv", "item_id,product\nx,y\n"), user="item_id")) == [("x", "y")]
    with pytest.raises(DataError, match="'buyer' is given two roles"):
        raw(path, user="buyer", time="buyer")


def test_a_given_name_that_is_not_there_is_refused_with_those_that_are(write: Write) -> None:
    with pytest.raises(DataError, match=r"no column 'uid'; --user must be one of its columns: 'user_id', 'item_id'"):
        raw(write("log.csv", LOG), user="uid")


def test_columns_that_cannot_be_guessed_are_asked_for(write: Write) -> None:
    path = write("log.csv", "who,what\nx,y\n")
    with pytest.raises(DataError, match=r"usual name for users; its columns are 'who', 'what'.*--user NAME"):
        raw(path)
    with pytest.raises(DataError, match=r"usual name for items.*--item NAME"):
        raw(path, user="who")
    assert pairs(raw(path, user="who", item="what")) == [("x", "y")]


def test_a_table_parted_by_spaces_is_no_file_of_sequences_when_its_header_names_columns(write: Write) -> None:
    assert pairs(raw(write("log.txt", "user_id item_id rating\n1 2 3\n"))) == [("1", "2")]


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.uint64(), pa.float64(), pa.string(), pa.large_string()])
@pytest.mark.parametrize("dictionary", [False, True])
def test_parquet_ids_become_text_without_a_point(tmp_path: Path, kind: pa.DataType, dictionary: bool) -> None:
    ids = pa.array([7, None, 12]).cast(kind)
    pq.write_table(
        pa.table({"user_id": ids.dictionary_encode() if dictionary else ids, "item_id": ids}), tmp_path / "log.parquet"
    )
    assert pairs(raw(tmp_path / "log.parquet")) == [("7", "7"), ("", ""), ("12", "12")]


def test_long_ids_that_a_gap_turned_into_floats_keep_their_digits(tmp_path: Path) -> None:
    ids = [9007199254740992.0, None]
    pq.write_table(pa.table({"user_id": ids, "item_id": ids}), tmp_path / "log.parquet")
    assert pairs(raw(tmp_path / "log.parquet"))[0] == ("9007199254740992", "9007199254740992")


@pytest.mark.parametrize("values", [[1.5, 2.0], [True, False], [[1], [2]]])
def test_parquet_values_that_are_no_ids_are_refused(tmp_path: Path, values: list) -> None:
    pq.write_table(pa.table({"user_id": values, "item_id": ["a", "b"]}), tmp_path / "log.parquet")
    with pytest.raises(DataError, match=r"column 'user_id' holds.*no ids"):
        raw(tmp_path / "log.parquet")


def test_parquet_is_known_by_its_content(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user_id": ["a"], "item_id": ["b"]}), tmp_path / "log.csv")
    assert pairs(raw(tmp_path / "log.csv")) == [("a", "b")]
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes((tmp_path / "log.csv").read_bytes()[:60])
    with pytest.raises(DataError, match="damaged Parquet file"):
        raw(damaged)
    pq.write_table(pa.table({"user_id": pa.array([], pa.string()), "item_id": pa.array([], pa.string())}), damaged)
    with pytest.raises(DataError, match="user_id, item_id and no row"):
        raw(damaged)


# ---- Text in all its forms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encode",
    [
        lambda t: t.encode(),
        lambda t: b"\xef\xbb\xbf" + t.encode(),
        lambda t: t.replace("\n", "\r\n").encode(),
        lambda t: t.replace("\n", "\r").encode(),
        lambda t: b"\xef\xbb\xbf\r\n" + t.replace("\n", "\r\n").encode().removesuffix(b"\r\n"),
        lambda t: gzip.compress(b"\xef\xbb\xbf" + t.encode()),
        lambda t: gzip.compress(t.encode()[:20]) + gzip.compress(t.encode()[20:]),
    ],
)
def test_byte_order_marks_line_endings_and_gzip_change_nothing(write: Write, encode: Callable[[str], bytes]) -> None:
    text = 'user_id,item_id\n用户🎒,"a ""b"", c"\n007,Ⅷ\n'
    assert pairs(raw(write("log.csv", encode(text)))) == [("用户🎒", 'a "b", c'), ("007", "Ⅷ")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\x1f\x8b", "damaged gzip file"),
        (gzip.compress(b"user_id,item_id\n" * 99, mtime=0)[:-9], "damaged gzip file"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"user_id,item_id\n", "no row below it"),
        (b"user_id,item_id\n1,2\n3,\x00\n", "line 3: a zero byte at offset 22"),
        (b"PK\x03\x04rest", "ZIP archive"),
        ("user_id,item_id\n1,用户\n".encode() + b"3,caf\xe9\n", "line 3, byte 6: 0xe9 is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_text_is_refused_by_name(write: Write, content: bytes, message: str) -> None:
    path = write("log.csv", content)
    with pytest.raises(DataError, match=message) as caught:
        raw(path)
    assert str(path) in str(caught.value)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no-such-log does not exist"):
        raw(tmp_path / "no-such-log")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds no file, which is not clearly a log; give a path"),
        ({"photo.jpg": "x"}, r"holds photo\.jpg, which is not"),
        ({"a.csv": LOG, "b.csv": LOG}, r"holds a\.csv, b\.csv.*give the path of the one file"),
    ],
)
def test_a_folder_without_one_clear_log_is_refused(tmp_path: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        raw(tmp_path)


def test_a_folder_with_one_table_beside_a_readme_is_read(write: Write) -> None:
    write("box/README.txt", "about this")
    write("box/.hidden.csv", "x")
    tables = raw(write("box/sales.csv", LOG).parent)
    assert (tables.name, tables.format, len(tables.interactions)) == ("box", "table", 3)


def test_a_line_of_ten_megabytes_is_read(write: Write) -> None:
    write("shop/items.csv", f'item_id,title\na,{"長" * 3_500_000}\nb,"{"x" * 10_000_000}"\n')
    dataset, _ = load_dataset(write("shop/interactions.csv", LOG).parent)
    assert [len(str(dataset.item_text(i, "title"))) for i in (1, 2)] == [3_500_000, 10_000_000]
    sequences = raw(write("s.txt", "u " + "i " * 5_000_000))
    assert len(sequences.interactions) == 5_000_000


def test_ids_that_look_alike_stay_apart(write: Write) -> None:
    ids = ["7", "007", "7.0", "07", "+7", "7e0", "０７", "True", "é", "e\u0301"]
    text = "user_id,item_id\n" + "".join(f"u,{i}\n" for i in ids)
    dataset, _ = load_dataset(write("log.csv", text))
    assert dataset.items.ids.tolist() == ids
    assert np.array_equal(dataset.items.indices_of(ids), np.arange(1, len(ids) + 1))


# ---- The oracle ------------------------------------------------------------------------------------------------------

ORACLE = {
    "metric": "ndcg@10",
    "protocol": "leave-last-out",
    "head_share": 0.2,
    "all": {"value": 0.5, "n": 10},
    "head": {"value": 1, "n": 2},
    "tail": {"value": 0.4, "n": 8},
    "description": "by the generator",
}


def test_the_oracle_beside_a_log_is_read(write: Write) -> None:
    log = write("shop/interactions.csv", LOG)
    assert read_oracle(log) is None
    assert raw(log).oracle is None
    write("shop/oracle.json", json.dumps(ORACLE))
    assert read_oracle(log) == read_oracle(log.parent) == raw(log.parent).oracle == ORACLE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": None}, r"metric \(None\)"),
        ({"protocol": 3}, r"protocol \(3\)"),
        ({"head_share": 1.0}, r"head_share \(1\.0\)"),
        ({"all": 0.5}, r"all \(0\.5\)"),
        ({"head": {"value": 1.5, "n": 2}}, r"head\.value \(1\.5\)"),
        ({"tail": {"value": float("nan"), "n": 2}}, r"tail\.value \(nan\)"),
        ({"tail": {"value": 0.5, "n": True}}, r"tail\.n \(True\)"),
        ({"tail": {"value": 0.5}}, r"tail\.n \(None\)"),
    ],
)
def test_an_oracle_in_another_form_is_refused(write: Write, change: dict, message: str) -> None:
    path = write("oracle.json", json.dumps(ORACLE | change))
    with pytest.raises(DataError, match=message):
        read_oracle(path.parent)


@pytest.mark.parametrize(("text", "message"), [("{", "line 1, column 2"), ("[]", "must be an object")])
def test_an_oracle_that_is_no_json_object_is_refused(write: Write, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_oracle(write("oracle.json", text).parent)


def test_a_model_is_held_against_what_histories_can_tell():
    plain = {"all": {"value": 0.3, "n": 5}, "head": {"value": 0.4, "n": 1}, "tail": {"value": 0.2, "n": 4}}
    fair = {part: {**figure, "value": figure["value"] - 0.05} for part, figure in plain.items()}
    assert fair_ceiling(plain) == plain
    assert fair_ceiling({**plain, "history_only": fair}) == fair
