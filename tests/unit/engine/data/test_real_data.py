"""The facts of two real logs, read from where TAILSCOPE_REAL_DATA says."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from engine.data.cleaning import load_dataset
from engine.data.splits import leave_last_out

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif("TAILSCOPE_REAL_DATA" not in os.environ, reason="set TAILSCOPE_REAL_DATA to a folder of logs"),
]


def real(name: str) -> Path:
    return Path(os.environ["TAILSCOPE_REAL_DATA"]) / name


def test_movielens_100k() -> None:
    dataset, report = load_dataset(real("ml-100k"))
    assert (dataset.name, report.format) == ("ml-100k", "atomic")
    assert (dataset.n_users, dataset.n_items, dataset.n_interactions) == (943, 1682, 100_000)
    assert (report.rows_read, report.rows_kept, report.issues) == (100_000, 100_000, ())
    assert dataset.histories.lengths.min() == 20
    assert dataset.title(dataset.items.index_of("50")) == "Star Wars"
    assert dataset.timestamps is not None
    for row in range(0, 943, 97):
        assert (np.diff(dataset.timestamps[slice(*dataset.histories.offsets[row : row + 2])]) >= 0).all()
    categories = dataset.item_table.set_index("item_id")["category"]
    assert categories["1"] == "Animation|Children's|Comedy"
    assert leave_last_out(dataset).train.lengths.sum() == 100_000 - 2 * 943


def test_amazon_beauty() -> None:
    dataset, report = load_dataset(real("beauty"))
    assert (dataset.name, report.format) == ("beauty", "sequences")
    assert (dataset.n_users, dataset.n_items, dataset.n_interactions) == (22_363, 12_101, 198_502)
    assert report.dropped == 0
    assert dataset.timestamps is None
    assert dataset.items.ids_of(dataset.histories[0]).tolist() == ["1", "2", "3", "4", "5"]
    assert dataset.item_table.set_index("item_id")["attributes"]["4"] == "1|2|3"


@pytest.mark.parametrize("name", ["ml-100k/ml-100k.inter", "beauty/beauty.txt"])
def test_the_file_alone_gives_the_same_as_its_folder(name: str) -> None:
    started = time.perf_counter()
    by_file, _ = load_dataset(real(name))
    seconds = time.perf_counter() - started
    by_folder, _ = load_dataset(real(name).parent)
    assert np.array_equal(by_file.histories.items, by_folder.histories.items)
    assert by_file.item_table.equals(by_folder.item_table)
    assert seconds < 5  # some 0.3 s on a quiet machine
