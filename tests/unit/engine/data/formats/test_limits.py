"""A small file from a stranger never unpacks to more than may be read, and says how large it is."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data.cleaning import load_dataset
from engine.data.dataset import Dataset
from engine.data.external_lists import read_lists
from engine.data.formats.files import NO_LIMIT, ReadLimit
from engine.errors import DataError
from tests.unit.engine.data.conftest import Write

HEADER = b"user_id,item_id,rank\n"


@pytest.fixture
def log(write: Write) -> Dataset:
    return load_dataset(write("log.csv", "user_id,item_id\nu1,a\nu1,b\n"))[0]


def test_gzip_is_unpacked_no_further_than_the_limit(log: Dataset, write: Write) -> None:
    bomb = write("bomb.csv.gz", gzip.compress(HEADER + b"u1,a,1\n" * 10_000_000))  # 70 MB out of 0.1
    assert bomb.stat().st_size < 200_000
    tracemalloc.start()
    with pytest.raises(DataError, match="unpacks to more than the 2 MB that may be read"):
        read_lists(bomb, log, limit=ReadLimit(max_bytes=2_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_the_size_of_plain_text_is_told(log: Dataset, write: Write) -> None:
    with pytest.raises(DataError, match=r"lists\.csv holds 3 MB, and 1 MB may be read"):
        read_lists(write("lists.csv", HEADER + b"u1,a,1\n" * 430_000), log, limit=ReadLimit(max_bytes=1_000_000))


@pytest.mark.parametrize("packed", [False, True])
def test_rows_of_text_are_counted(log: Dataset, write: Write, packed: bool) -> None:
    content = HEADER + b"u1,a,1\nu1,b,2\n"
    path = write("lists.csv.gz" if packed else "lists.csv", content)
    assert read_lists(path, log, limit=ReadLimit(len(content), 3)).rows_read == 2
    with pytest.raises(DataError, match="holds 3 rows, and 2 may be read"):
        read_lists(path, log, limit=ReadLimit(max_rows=2))


def parquet(path: Path, n: int, user: str = "u1", **options: Any) -> Path:
    pq.write_table(pa.table({"user_id": [user] * n, "item_id": ["a"] * n, "rank": range(1, n + 1)}), path, **options)
    return path


def test_rows_of_parquet_are_told_before_any_is_read(
    log: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parquet(tmp_path / "lists.parquet", 1000)
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("read"))
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(DataError, match="holds 1,000 rows, and 999 may be read"):
        read_lists(path, log, limit=ReadLimit(max_rows=999))
    with pytest.raises(DataError, match=r"holds \S+ MB, and 1e-05 MB may be read"):
        read_lists(path, log, limit=ReadLimit(max_bytes=10))


@pytest.mark.slow
def test_a_dictionary_of_one_long_value_is_counted_as_often_as_it_stands_there(log: Dataset, tmp_path: Path) -> None:
    path = parquet(tmp_path / "bomb.parquet", 100_000, user="u" * 20_000)  # 2 GB out of less than a megabyte
    assert path.stat().st_size < 1_000_000
    with pytest.raises(DataError, match="unpacks to more than the 50 MB"):
        read_lists(path, log, limit=ReadLimit(max_bytes=50_000_000))


def test_text_that_hides_its_size_in_what_values_share_is_refused(log: Dataset, tmp_path: Path) -> None:
    encodings = dict.fromkeys(("user_id", "item_id"), "DELTA_BYTE_ARRAY")
    path = parquet(tmp_path / "lists.parquet", 10, use_dictionary=False, column_encoding=encodings)
    with pytest.raises(DataError, match="DELTA_BYTE_ARRAY"):
        read_lists(path, log, limit=ReadLimit(max_bytes=10**6))
    assert read_lists(path, log).rows_read == 10


def test_within_its_limit_parquet_reads_as_without(log: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "lists.parquet"
    table = {"rank": [2, 1], "item_id": ["a", "b"], "user_id": ["u1", "u1"], "tags": [["x"], None]}
    pq.write_table(pa.table(table), path)
    free, bound = (read_lists(path, log, limit=limit) for limit in (NO_LIMIT, ReadLimit(10**6, 10)))
    assert bound.items.items.tolist() == free.items.items.tolist() == [2, 1]
    assert bound.ranks.tolist() == free.ranks.tolist() == [1, 2]


def test_a_header_of_very_many_columns_is_read_at_once(log: Dataset, write: Write) -> None:
    names = ",".join(f"c{i}" for i in range(100_000))
    with pytest.raises(DataError, match=r"usual name for users; its columns are c0, c1, .* … \(100,000\)") as caught:
        read_lists(write("wide.csv", f"{names}\n{names}\n"), log, limit=ReadLimit(10**8, 10))
    assert len(str(caught.value)) < 1000
