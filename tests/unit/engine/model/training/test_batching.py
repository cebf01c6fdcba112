"""Batches ask for every next item exactly once an epoch and hold almost no padding."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given, settings, strategies as st

from engine.data.dataset import Histories
from engine.model.chunks import SCORE_BYTES, rows_at_once
from engine.model.training.batching import batches, count_batches, padding_share, rows_of_windows, windows
from engine.model.training.objectives import next_items

HISTORIES = st.lists(st.lists(st.integers(1, 9), max_size=23), min_size=1, max_size=30)


def transitions(histories: Histories) -> Counter[tuple[int, int]]:
    return Counter((int(a), int(b)) for row in histories for a, b in pairwise(row))


@given(rows=HISTORIES, max_len=st.integers(2, 10))
def test_windows_hold_every_transition_once_and_no_row_is_too_long(rows: list[list[int]], max_len: int) -> None:
    histories = Histories.of(rows)
    cut = windows(histories, max_len)
    assert transitions(cut) == transitions(histories)
    assert all(2 <= n <= max_len + 1 for n in cut.lengths)


@given(rows=HISTORIES, max_len=st.integers(2, 10))
def test_the_most_recent_events_share_one_whole_window(rows: list[list[int]], max_len: int) -> None:
    cut = [row.tolist() for row in windows(Histories.of(rows), max_len)]
    for row in rows:
        if len(row) >= 2:
            assert row[-(max_len + 1) :] in cut


@given(rows=HISTORIES, max_len=st.integers(2, 10))
def test_every_window_is_cut_from_the_history_that_it_names(rows: list[list[int]], max_len: int) -> None:
    named = [rows[i] for i in rows_of_windows(Histories.of(rows), max_len)]
    for window, row in zip(windows(Histories.of(rows), max_len), named, strict=True):
        assert any(row[i : i + len(window)] == window.tolist() for i in range(len(row)))


@settings(deadline=None)
@given(rows=HISTORIES, tokens=st.integers(1, 60), seed=st.integers(0, 5))
def test_batches_hold_every_transition_once_within_their_budget(rows: list[list[int]], tokens: int, seed: int) -> None:
    cut = windows(Histories.of(rows), 10)
    seen: Counter[tuple[int, int]] = Counter()
    made = [next_items(rows.padded()) for rows in batches(cut, tokens, np.random.default_rng(seed))]
    assert len(made) == count_batches(cut, tokens)
    for batch in made:
        assert batch.items.shape == batch.targets.shape
        assert batch.items.size <= max(tokens, batch.items.shape[1])
        real = batch.targets > 0
        assert (batch.items[real] > 0).all()
        np.testing.assert_array_equal(batch.items[:, 1:][real[:, 1:]], batch.targets[:, :-1][real[:, 1:]])
        seen.update(zip(batch.items[real].tolist(), batch.targets[real].tolist(), strict=True))
    assert seen == transitions(cut)


def test_the_seed_decides_the_order_of_batches() -> None:
    cut = windows(Histories.of([[1 + i % 9] * (2 + i % 5) for i in range(60)]), 10)

    def order(seed: int) -> list[list[int]]:
        return [b.padded().ravel().tolist() for b in batches(cut, 20, np.random.default_rng(seed))]

    assert order(1) == order(1)
    assert order(1) != order(2)


def test_a_long_tailed_log_wastes_under_three_per_cent_of_its_places() -> None:
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(1.8, 0.8, 20_000).astype(int), 2, 200)
    cut = windows(Histories.of([[1] * n for n in lengths]), 50)
    assert padding_share(cut, 2048) < 0.03


def test_padding_share_counts_what_batches_hold() -> None:
    cut = windows(Histories.of([[1] * n for n in (2, 2, 3, 5, 9, 9, 11)]), 10)
    made = [next_items(rows.padded()) for rows in batches(cut, 18, np.random.default_rng(0))]
    places = sum(b.targets.size for b in made)
    real = sum(int((b.targets > 0).sum()) for b in made)
    assert padding_share(cut, 18) == 1 - real / places
    assert 0 < padding_share(cut, 18) < 1


@given(st.integers(1, 30_000_000), st.integers(1, 5_000))
def test_a_chunk_is_as_large_as_its_memory_allows(n_items: int, most: int) -> None:
    rows, size = rows_at_once(n_items, most), 4 * (n_items + 1)
    assert 1 <= rows <= most
    assert rows == 1 or rows * size <= SCORE_BYTES
    assert rows == most or (rows + 1) * size > SCORE_BYTES


def test_histories_on_disk_are_streamed_as_those_in_memory_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    held = Histories.of([rng.integers(1, 99, n) for n in rng.geometric(0.1, 200)])
    mapped = []
    for name, array in (("offsets", held.offsets), ("items", held.items)):
        np.save(tmp_path / f"{name}.npy", array)
        mapped.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    on_disk = Histories(*mapped)
    assert isinstance(on_disk.items, np.memmap)
    cuts = [windows(histories, 20) for histories in (on_disk, held)]
    passes = [[b.padded() for b in batches(cut, 64, np.random.default_rng(1))] for cut in cuts]
    assert len(passes[0]) == len(passes[1]) > 10
    for ours, theirs in zip(*passes, strict=True):
        np.testing.assert_array_equal(ours, theirs)
