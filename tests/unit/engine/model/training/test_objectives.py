"""What batches ask of each architecture: the right items at the right places, and no more padding than windows have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from engine.model.training.objectives import Batch, continuation, masked_items, next_items, task_of

MASK = 99
ROWS = st.lists(st.lists(st.integers(1, 9), min_size=2, max_size=12), min_size=1, max_size=12)


def padded(rows: list[list[int]]) -> np.ndarray:
    width = max(map(len, rows))
    return np.array([row + [0] * (width - len(row)) for row in rows], dtype=np.int64)


@given(rows=ROWS, share=st.floats(0.01, 0.99), seed=st.integers(0, 9))
def test_masks_hide_just_what_is_sought(rows: list[list[int]], share: float, seed: int) -> None:
    whole = padded(rows)
    batch = masked_items(whole, np.random.default_rng(seed), MASK, share)
    hidden = batch.items == MASK
    np.testing.assert_array_equal(np.where(hidden, batch.targets, batch.items), whole)
    np.testing.assert_array_equal(hidden, batch.targets > 0)
    assert hidden.any(1).all()
    assert batch.following is None


def test_half_of_the_rows_hide_their_last_item_alone_and_the_others_their_share() -> None:
    whole = padded([[1 + i % 9 for i in range(5 + r % 20)] for r in range(4000)])
    batch = masked_items(whole, np.random.default_rng(0), MASK, 0.3)
    hidden, real = batch.targets > 0, whole > 0
    last = real.sum(1) - 1
    alone = (hidden.sum(1) == 1) & hidden[np.arange(len(whole)), last]
    assert alone.mean() == pytest.approx(0.5, abs=0.04)
    assert hidden[~alone].sum() / real[~alone].sum() == pytest.approx(0.3, abs=0.02)


@given(rows=ROWS, seed=st.integers(0, 9))
def test_a_cut_window_is_whole_again_when_its_halves_are_joined(rows: list[list[int]], seed: int) -> None:
    whole = padded(rows)
    batch = continuation(whole, np.random.default_rng(seed))
    assert batch.following is not None
    np.testing.assert_array_equal(batch.following, batch.targets[:, :-1])
    if (batch.items == 0).all():
        np.testing.assert_array_equal(batch.targets, whole)
    else:
        np.testing.assert_array_equal(np.concatenate([batch.items, batch.targets], axis=1), whole)
        assert (batch.items > 0).all()
    assert (batch.targets > 0).any(1).all()


def test_a_cut_falls_anywhere_before_the_last_item() -> None:
    rows = padded([[1, 2, 3, 4]])
    cuts = {4 - continuation(rows, np.random.default_rng(seed)).targets.shape[1] for seed in range(60)}
    assert cuts == {0, 1, 2, 3}


def test_each_architecture_has_its_task() -> None:
    rows, rng = padded([[1, 2, 3]]), np.random.default_rng(0)

    def same(left: Batch, right: Batch) -> bool:
        return all(np.array_equal(a, b) for a, b in zip(vars(left).values(), vars(right).values(), strict=True))

    assert same(task_of("causal", MASK, 0.2)(rows, rng), next_items(rows))
    assert MASK in task_of("masked", MASK, 0.2)(rows, rng).items
    assert task_of("encoder-decoder", MASK, 0.2)(rows, rng).following is not None
