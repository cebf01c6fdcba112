"""Lists that another system made: columns, ranks, scores, ties, and what does not belong to the log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.data.cleaning import load_dataset
from engine.data.dataset import Dataset
from engine.data.external_lists import ExternalLists, read_lists
from engine.errors import DataError
from tests.unit.engine.data.conftest import Write


@pytest.fixture
def log(write: Write) -> Dataset:
    rows = "".join(f"u{u},i{(u + step) % 7},{100 * u + step}\n" for u in range(4) for step in range(4))
    return load_dataset(write("log.csv", f"user_id,item_id,timestamp\n{rows}"))[0]


def rows_of(given: ExternalLists, log: Dataset, user: str) -> list[tuple[str | None, int]]:
    """A user's list: item id (None: unknown to the log) and rank."""
    row = log.users.index_of(user)
    start, stop = given.items.offsets[row : row + 2]
    ids = [None if item == 0 else log.items.id_of(item) for item in given.items.items[start:stop].tolist()]
    return list(zip(ids, given.ranks[start:stop].tolist(), strict=True))


def test_ranks_order_a_list_whatever_the_order_of_the_file(log: Dataset, write: Write):
    given = read_lists(write("mine.csv", "user_id,item_id,rank\nu1,i6,2\nu0,i5,1\nu1,i5,1\nu1,i0,3\n"), log)
    assert rows_of(given, log, "u1") == [("i5", 1), ("i6", 2), ("i0", 3)]
    assert rows_of(given, log, "u0") == [("i5", 1)]
    assert rows_of(given, log, "u3") == []
    assert (given.name, given.longest, given.rows_read, given.issues) == ("mine", 3, 4, ())


def test_a_rank_left_out_stays_left_out(log: Dataset, write: Write):
    given = read_lists(write("mine.csv", "user_id,item_id,rank\nu1,i5,2\nu1,i6,5\n"), log)
    assert rows_of(given, log, "u1") == [("i5", 2), ("i6", 5)]


def test_scores_that_tie_share_the_last_of_their_places(log: Dataset, write: Write):
    text = "user_id,item_id,score\nu1,i5,0.5\nu1,i6,0.9\nu1,i0,0.5\nu1,i4,0.1\nu2,i1,0.1\n"
    given = read_lists(write("mine.csv", text), log)
    assert rows_of(given, log, "u1") == [("i6", 1), ("i5", 3), ("i0", 3), ("i4", 4)]
    assert rows_of(given, log, "u2") == [("i1", 1)]


@pytest.mark.parametrize("ranks", [(0, 1, 2), (1, 1, 2), (0.5, 1, 2)])
def test_ranks_that_are_no_places_count_by_their_order(log: Dataset, write: Write, ranks: tuple[float, ...]):
    rows = "".join(f"u1,{item},{rank}\n" for item, rank in zip(("i5", "i6", "i0"), ranks, strict=True))
    given = read_lists(write("mine.csv", f"user_id,item_id,rank\n{rows}"), log)
    places = [rank for _, rank in rows_of(given, log, "u1")]
    assert places == [sum(other <= rank for other in ranks) for rank in sorted(ranks)]
    assert any("only their order" in str(note) for note in given.notes)


def test_a_rank_counts_before_a_score_and_usual_names_are_known(log: Dataset, write: Write):
    given = read_lists(write("mine.tsv", "uid\tItem ID\tprediction\tposition\nu1\ti5\t1.0\t2\nu1\ti6\t0.5\t1\n"), log)
    assert rows_of(given, log, "u1") == [("i6", 1), ("i5", 2)]
    assert set(map(str, given.notes)) >= {"column 'uid' read as user_id", "column 'position' read as rank"}


def test_parquet_with_whole_number_ids_as_rectools_may_write_it(write: Write, tmp_path: Path):
    log, _ = load_dataset(
        write("log.csv", "user_id,item_id\n" + "".join(f"{u},{u + s}\n" for u in (1, 2) for s in (0, 1, 2)))
    )
    table = pd.DataFrame({"user_id": [1, 2], "item_id": [3, 1], "score": [0.5, 0.4], "rank": [1, 1]})
    table.to_parquet(tmp_path / "recs.parquet")
    given = read_lists(tmp_path / "recs.parquet", log)
    assert rows_of(given, log, "1") == [("3", 1)]
    assert rows_of(given, log, "2") == [("1", 1)]


def test_what_the_log_does_not_know_is_told_and_holds_its_place(log: Dataset, write: Write):
    text = "user_id,item_id,rank\nnobody,i1,1\nu1,new,1\nu1,other,2\nu1,i6,3\nu1,i6,4\n"
    given = read_lists(write("mine.csv", text), log)
    assert rows_of(given, log, "u1") == [(None, 1), (None, 2), ("i6", 3)]
    assert {(i.reason, i.rows, i.lines) for i in given.issues} == {
        ("user is not in the log", 1, (2,)),
        ("item is in the user's list already", 1, (6,)),
    }
    assert any(str(note).startswith("2 places hold items") for note in given.notes)


def test_a_named_column_is_used(log: Dataset, write: Write):
    path = write("mine.csv", "who,what,user_id,rank\nu1,i6,u0,1\n")
    assert rows_of(read_lists(path, log, user="who", item="what"), log, "u1") == [("i6", 1)]
    with pytest.raises(DataError, match=r"no column 'whom'; --user must be one of: who, what, user_id, rank"):
        read_lists(path, log, user="whom")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user_id,item_id\nu1,i1\n", "neither a rank nor a score"),
        ("user_id,thing,rank\nu1,i1,1\n", r"no column with a usual name for items.*--item NAME"),
        ("user_id,item_id,rank\nu1,i1,1\nu1,i2,best\n", r"mine.csv, line 3: rank 'best' is not a number"),
        ("user_id,item_id,score\nu1,i1,\n", r"line 2: score '' is not a number"),
        ("user_id,item_id,score\nu1,i1,inf\n", r"line 2: score 'inf' is not a number"),
        ("user_id,item_id,rank\nx1,i1,1\n", r"none of its users is among the 4 of 'log' \(the file has 'x1', the log"),
        ("user_id,item_id,rank\n", "no row below it"),
    ],
)
def test_bad_files_end_with_the_place_the_rule_and_the_way_out(log: Dataset, write: Write, text: str, message: str):
    with pytest.raises(DataError, match=message):
        read_lists(write("mine.csv", text), log)


def test_a_missing_file_and_a_folder(log: Dataset, tmp_path: Path):
    with pytest.raises(DataError, match="does not exist; give one CSV"):
        read_lists(tmp_path / "none.csv", log)
    with pytest.raises(DataError, match="is a folder; give one CSV"):
        read_lists(tmp_path, log)


def test_places_agree_with_counting(log: Dataset, write: Write):
    rng = np.random.default_rng(0)
    for _ in range(30):
        rows = [(f"u{u}", f"i{i}", int(rng.integers(4))) for u in range(4) for i in range(7) if rng.random() < 0.6]
        rng.shuffle(rows)
        text = "".join(f"{u},{i},{s}\n" for u, i, s in rows)
        given = read_lists(write("mine.csv", f"user_id,item_id,score\n{text}"), log)
        for user in {u for u, _, _ in rows}:
            mine = {i: s for u, i, s in rows if u == user}
            assert dict(rows_of(given, log, user)) == {i: sum(o >= s for o in mine.values()) for i, s in mine.items()}


@pytest.mark.parametrize(("ids", "message"), [("i5.0", "but for a '.0'"), ("I5", "but for capital letters")])
def test_ids_that_are_the_logs_but_for_their_spelling_are_an_error(write: Write, ids: str, message: str):
    log = load_dataset(write("log.csv", "user_id,item_id\nu1,i5\nu1,i6\n"))[0]
    with pytest.raises(DataError, match=rf"1 item ids are those of the log {message}.*{ids!r} for 'i5'"):
        read_lists(write("mine.csv", f"user_id,item_id,rank\nu1,i6,1\nu1,{ids},2\n"), log)
    with pytest.raises(DataError, match=rf"1 user ids are those of the log {message}"):
        read_lists(
            write(
                "mine.csv",
                f"user_id,item_id,rank\nu1,i6,1\n{ids.replace('5', '1').replace('i', 'u').replace('I', 'U')},i6,2\n",
            ),
            log,
        )


def test_many_unknown_items_are_an_error(log: Dataset, write: Write):
    with pytest.raises(DataError, match=r"2 of 3 recommendations are of items that 'log' does not know .*--item"):
        read_lists(write("mine.csv", "user_id,item_id,rank\nu1,x,1\nu1,y,2\nu1,i6,3\n"), log)


def test_a_run_of_trec_is_read(log: Dataset, write: Write):
    given = read_lists(write("mine.txt", "u1 Q0 i6 1 0.9 me\nu1 Q0 i5  2 0.8 me\n"), log)
    assert rows_of(given, log, "u1") == [("i6", 1), ("i5", 2)]
    assert "a run of TREC" in str(given.notes[0])
