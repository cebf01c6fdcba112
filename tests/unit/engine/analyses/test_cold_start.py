"""Intervals along the cold-start curve hold where hits are rare; see also `queries/test_what_if.py`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.analyses.cold_start import BINS, _reliability
from tests.conftest import TINY_RUN

N_USERS, N_LENGTHS = 60, 4


def bins_of(hits: np.ndarray, seed: int) -> tuple[engine.Reliability, ...]:
    shares = np.random.default_rng(seed).random(hits.shape)
    return _reliability(shares, hits, samples=200, confidence=0.95, seed=seed)


def test_no_hit_is_not_the_certainty_of_none() -> None:
    found = bins_of(np.zeros((N_USERS, N_LENGTHS)), 0)
    assert len(found) == BINS
    for one in found:
        assert (one.hits.value, one.hits.low) == (0, 0)
        assert 0.03 < one.hits.high < 0.2


@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_rare_hits_are_covered(rate: float) -> None:
    held = []
    for seed in range(80):
        hits = (np.random.default_rng(1_000 + seed).random((N_USERS, N_LENGTHS)) < rate).astype(float)
        held += [one.hits.low <= rate <= one.hits.high for one in bins_of(hits, seed)]
    assert np.mean(held) >= 0.93


def test_no_point_of_a_curve_is_certain_of_a_rate(tiny_run_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / TINY_RUN)
    curve = engine.measure_cold_start(engine.load_run(TINY_RUN, tmp_path), "hr@5")
    assert curve.points
    for point in curve.points:
        assert point.quality.low < point.quality.high
        assert point.hits.low < point.hits.high
        assert point.against.low < point.against.high
