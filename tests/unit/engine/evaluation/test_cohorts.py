"""Head and tail: the cut, its ties, and what must not move it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.evaluation.cohorts import make_cohorts


def split_of(train: list[list[int]], n_items: int = 20) -> Split:
    histories = Histories.of(train)
    nobody = Holdout(np.empty(0, dtype=np.int64), Histories.of([]), Histories.of([]))
    candidates = np.zeros(n_items + 1, dtype=bool)
    candidates[histories.items] = True
    return Split("leave-last-out", histories, nobody, nobody, candidates)


def of_lengths(lengths: list[int]) -> Split:
    return split_of([[1 + i % 20 for i in range(length)] for length in lengths])


def test_a_fifth_of_the_users_is_head():
    cohorts = make_cohorts(of_lengths([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), 0.2, 0.2)
    assert cohorts.user_is_head.tolist() == [False] * 8 + [True] * 2
    assert cohorts.user_cut == 9
    assert cohorts.user_sizes == {"head": 2, "tail": 8}


@pytest.mark.parametrize(
    ("lengths", "share", "head", "cut"),
    [
        ([3, 3, 3, 3, 7], 0.2, 1, 7),
        ([3, 3, 7, 7, 7], 0.2, 3, 7),  # all who tie at the cut are head
        ([3, 3, 3, 3, 7], 0.4, 5, 3),
        ([5, 5, 5, 5, 5], 0.2, 5, 5),  # all alike: all head, no tail
        ([4], 0.2, 1, 4),
        (list(range(1, 101)), 0.07, 7, 94),  # 0.07 * 100 is 7.000000000000001, and 7 is meant
        (list(range(1, 12)), 0.2, 3, 9),  # a share that is no whole number is rounded up
        ([0, 0, 0, 2, 3], 0.5, 1, 3),  # users without a training part are tail and count for no share
        ([0, 0], 0.5, 0, 1),
    ],
)
def test_ties_and_small_numbers(lengths: list[int], share: float, head: int, cut: int):
    cohorts = make_cohorts(of_lengths(lengths), share, 0.2)
    assert cohorts.user_sizes == {"head": head, "tail": len(lengths) - head}
    assert cohorts.user_cut == cut


def test_items_go_by_training_interactions():
    cohorts = make_cohorts(split_of([[1, 1, 1, 2, 2, 3], [4, 4, 5]], n_items=8), 0.2, 0.4)
    # five items were met: counts 3, 2, 1, 2, 1; two are wanted, and the second ties with a third
    assert np.flatnonzero(cohorts.item_is_head).tolist() == [1, 2, 4]
    assert cohorts.item_cut == 2
    assert cohorts.item_sizes == {"head": 3, "tail": 5}
    assert len(cohorts.item_is_head) == 9


def test_what_is_held_out_decides_nothing(make_split):
    rows = [[1, 2, 3, 4], [1, 2, 5], [3, 4, 5, 1, 2, 3]]
    other = [[*row[:-2], 9, 9] for row in rows]
    one, two = (make_cohorts(make_split(r, 9), 0.3, 0.3) for r in (rows, other))
    np.testing.assert_array_equal(one.user_is_head, two.user_is_head)
    np.testing.assert_array_equal(one.item_is_head, two.item_is_head)


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=30),
    st.floats(0.01, 0.99),
    st.randoms(use_true_random=False),
)
def test_indifferent_to_the_order_of_users(lengths: list[int], share: float, random):
    order = random.sample(range(len(lengths)), len(lengths))
    before = make_cohorts(of_lengths(lengths), share, 0.2)
    after = make_cohorts(of_lengths([lengths[i] for i in order]), share, 0.2)
    np.testing.assert_array_equal(after.user_is_head, before.user_is_head[order])
    assert after.user_cut == before.user_cut


@given(st.lists(st.integers(1, 12), min_size=1, max_size=40), st.floats(0.01, 0.99))
def test_head_is_the_longest_and_no_larger_than_ties_make_it(lengths: list[int], share: float):
    is_head = make_cohorts(of_lengths(lengths), share, 0.2).user_is_head
    sizes = np.array(lengths)
    assert is_head.sum() >= share * len(lengths) - 1e-6
    assert (sizes[is_head] > sizes[is_head].min()).sum() < share * len(lengths)
    if (~is_head).any():
        assert sizes[is_head].min() > sizes[~is_head].max()
