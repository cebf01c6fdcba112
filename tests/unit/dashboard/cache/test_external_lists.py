"""What a stranger's file may cost, and what is said of it."""

from __future__ import annotations

import gzip
import io
import tomllib
from pathlib import Path

import pandas as pd
import pytest

import engine
from dashboard.cache import external_lists as external_lists_cache, runs as run_cache
from dashboard.cache.external_lists import Brought
from tests.conftest import TINY_RUN
from tests.server_process import ROOT


def test_the_server_takes_files_as_large_as_the_page_says() -> None:
    with (ROOT / ".streamlit" / "config.toml").open("rb") as file:
        assert tomllib.load(file)["server"]["maxUploadSize"] == external_lists_cache.LARGEST


def packed_csv() -> bytes:
    line = b"u000,i01,1\n" * 10_000
    return gzip.compress(b"user_id,item_id,rank\n" + line * 100)


def packed_parquet() -> bytes:
    rows = 1_000_000
    table = pd.DataFrame({"user_id": ["u000"] * rows, "item_id": ["i01"] * rows, "rank": [1] * rows})
    into = io.BytesIO()
    table.to_parquet(into, compression="zstd")
    return into.getvalue()


@pytest.mark.parametrize(("name", "make"), [("bomb.csv.gz", packed_csv), ("bomb.parquet", packed_parquet)])
def test_a_small_file_that_unpacks_to_much_is_refused_by_its_name(
    name: str, make: object, tiny_run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(make)
    content = make()
    assert len(content) < 100_000
    monkeypatch.setattr(run_cache, "WARM_UP_DELAY", 3600.0)
    monkeypatch.setattr(external_lists_cache, "LIMIT", engine.ReadLimit(max_bytes=2_000_000, max_rows=100_000))
    file = Brought(f"id of {name}", f"../{name}", content)
    with pytest.raises(engine.DataError) as refused:
        external_lists_cache.outside((str(tiny_run_dir), TINY_RUN, 0.0), file, None, None)
    assert name in str(refused.value)
    assert "/" not in str(refused.value).replace("MB/s", "")
    assert "may be read" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("lists.csv", "lists.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\a\\b.csv", "b.csv"),
        ("...", "lists"),
        ("", "lists"),
    ],
)
def test_a_file_lies_under_the_last_part_of_its_name(name: str, plain: str) -> None:
    assert Brought("1", name, b"").plain_name == plain
