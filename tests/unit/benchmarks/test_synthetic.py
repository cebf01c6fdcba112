"""The logs that growth is measured on: of the size asked for, of the shape promised, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from benchmarks.synthetic import MEAN_LENGTH, fitted_exponent, history_lengths, write_log, zipf_items
from engine.data.cleaning import load_dataset


@settings(deadline=None)
@given(n=st.integers(1, 5_000), seed=st.integers(0, 9))
def test_lengths_add_up(n: int, seed: int) -> None:
    lengths = history_lengths(n, np.random.default_rng(seed))
    assert lengths.sum() == n
    assert lengths.min() >= 1


def test_lengths_are_geometric() -> None:
    lengths = history_lengths(500_000, np.random.default_rng(0))
    assert lengths.mean() == pytest.approx(MEAN_LENGTH, rel=0.02)
    for reach in (1, 5, 20):  # P(length > reach) = (1 - 1 / mean) ** reach
        assert (lengths > reach).mean() == pytest.approx((1 - 1 / MEAN_LENGTH) ** reach, abs=0.005)


def test_items_follow_zipf_and_none_is_left_out() -> None:
    items = zipf_items(2_000_000, 1_000, np.random.default_rng(0))
    counts = np.bincount(items, minlength=1_001)[1:]
    assert counts.min() >= 1
    assert len(counts) == 1_000
    for rank in (2, 10, 50):
        assert counts[0] / counts[rank - 1] == pytest.approx(rank, rel=0.1)
    with pytest.raises(ValueError, match="9 interactions cannot hold 10 items"):
        zipf_items(9, 10, np.random.default_rng(0))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_log_is_read_whole_and_repeats_by_its_seed(suffix: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.{suffix}" for i in range(3)]
    n_users = [write_log(path, 3_000, 200, seed) for path, seed in zip(paths, (1, 1, 2), strict=True)]
    dataset, cleaning = load_dataset(paths[0])
    assert (dataset.n_users, dataset.n_items, dataset.n_interactions) == (n_users[0], 200, 3_000)
    assert cleaning.dropped == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes() != paths[2].read_bytes()


@given(exponent=st.floats(0.1, 3), factor=st.floats(1e-6, 1e6))
def test_the_exponent_of_a_power_law_is_found(exponent: float, factor: float) -> None:
    sizes = [1e4, 1e5, 1e6, 1e7]
    assert fitted_exponent(sizes, [factor * n**exponent for n in sizes]) == pytest.approx(exponent)


def test_no_exponent_fits_one_size_or_nothing() -> None:
    for sizes, values in (([10.0], [1.0]), ([10.0, 10.0], [1.0, 2.0]), ([10.0, 20.0], [0.0, 1.0])):
        with pytest.raises(ValueError, match="no exponent fits"):
            fitted_exponent(sizes, values)
