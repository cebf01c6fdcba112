"""Logs of any size, drawn from a seed: geometric history lengths, items by Zipf's law, every item at least once.

Nothing in them can be learnt. They have the shape of a shop's log, which is all that time and memory depend on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

MEAN_LENGTH = 10
"""Mean events of a user; Amazon Beauty has 8.9."""

EVENTS_AN_ITEM = 10
"""Mean events of an item."""

FIRST_TIME = 1_600_000_000
"""2020-09-13; a log's events follow each other by a minute."""


def history_lengths(n_interactions: int, rng: np.random.Generator) -> np.ndarray:
    """(n_users,) int64 geometric lengths of mean MEAN_LENGTH, at least 1, that add up to `n_interactions`."""
    lengths = rng.geometric(1 / MEAN_LENGTH, size=2 * n_interactions // MEAN_LENGTH + 100)
    ends = np.cumsum(lengths)
    n = int(np.searchsorted(ends, n_interactions)) + 1
    lengths = lengths[:n].copy()
    lengths[-1] -= ends[n - 1] - n_interactions
    return lengths


def zipf_items(n_interactions: int, n_items: int, rng: np.random.Generator) -> np.ndarray:
    """(n_interactions,) int64 items from 1 to `n_items`, the r-th most frequent in proportion to 1 / r.

    A random share of the events, one for each item, is given to the items in turn, so that each is met.

    Raises:
        ValueError: there are fewer interactions than items.
    """
    if n_interactions < n_items:
        raise ValueError(f"{n_interactions:,} interactions cannot hold {n_items:,} items")
    weights = np.cumsum(1 / np.arange(1, n_items + 1))
    items = np.searchsorted(weights, rng.random(n_interactions) * weights[-1], side="right") + 1
    items[rng.permutation(n_interactions)[:n_items]] = np.arange(1, n_items + 1)
    return np.minimum(items, n_items)  # a draw may round up to the very end


def write_log(path: Path, n_interactions: int, n_items: int, seed: int = 0) -> int:
    """Write a log of `user_id`, `item_id` and `timestamp`, in order of time, as CSV or Parquet; returns its users."""
    rng = np.random.default_rng(seed)
    lengths = history_lengths(n_interactions, rng)
    users = rng.permutation(np.repeat(np.arange(len(lengths), dtype=np.int32), lengths))
    items = zipf_items(n_interactions, n_items, rng).astype(np.int32)
    times = FIRST_TIME + 60 * np.arange(n_interactions, dtype=np.int64) // max(1, n_interactions // 1_000_000)
    table = pa.table({"user_id": users, "item_id": items, "timestamp": times})
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        pyarrow.csv.write_csv(table, path)
    return len(lengths)


def fitted_exponent(sizes: list[float], values: list[float]) -> float:
    """The slope of log(values) over log(sizes) by least squares: 1 is linear growth.

    Raises:
        ValueError: fewer than two sizes, or a value that is not above 0.
    """
    if len(set(sizes)) < 2 or min(values) <= 0:
        raise ValueError(f"no exponent fits {values} at {sizes}")
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
