"""Leave-last-out holds out each user's own last two items and lets training see neither."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.dataset import Dataset, Histories, Vocabulary
from engine.data.splits import leave_last_out
from engine.errors import DataError

N_ITEMS = 9
ROWS = st.lists(st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=8), min_size=1, max_size=10)


def dataset(rows: list[list[int]]) -> Dataset:
    users = np.array([f"u{i}" for i in range(len(rows))], dtype=object)
    items = np.array([f"i{i}" for i in range(1, N_ITEMS + 1)], dtype=object)
    return Dataset(
        "toy", Vocabulary(users, 0, "user"), Vocabulary(items, 1, "item"), Histories.of(rows), None, None,
        pd.DataFrame({"user_id": users}), pd.DataFrame({"item_id": items}),
    )  # fmt: skip


def lists(histories: Histories) -> list[list[int]]:
    return [row.tolist() for row in histories]


def test_the_split_by_hand() -> None:
    split = leave_last_out(dataset([[1, 2, 3, 4], [5, 6], [7, 2, 7]]))
    assert lists(split.train) == [[1, 2], [5, 6], [7]]
    assert split.test.users.tolist() == split.valid.users.tolist() == [0, 2]
    assert (lists(split.valid.histories), lists(split.valid.targets)) == ([[1, 2], [7]], [[3], [2]])
    assert (lists(split.test.histories), lists(split.test.targets)) == ([[1, 2, 3], [7, 2]], [[4], [7]])
    assert np.flatnonzero(split.candidates).tolist() == [1, 2, 5, 6, 7]
    assert (split.n_items, split.protocol) == (N_ITEMS, "leave-last-out")


@given(ROWS.filter(lambda rows: any(len(r) >= 3 for r in rows)))
def test_what_is_held_out_and_what_is_trained_on_make_up_each_history(rows: list[list[int]]) -> None:
    split = leave_last_out(dataset(rows))
    asked = [i for i, r in enumerate(rows) if len(r) >= 3]
    assert split.valid.users.tolist() == split.test.users.tolist() == asked
    assert lists(split.train) == [r[:-2] if len(r) >= 3 else r for r in rows]
    for row, user in enumerate(asked):
        valid, test = split.valid.targets[row].tolist(), split.test.targets[row].tolist()
        assert split.train[user].tolist() + valid + test == rows[user]
        assert split.valid.histories[row].tolist() == split.train[user].tolist()
        assert split.test.histories[row].tolist() == split.train[user].tolist() + valid
    assert set(np.flatnonzero(split.candidates)) == set(split.train.items.tolist())


@given(ROWS.filter(lambda rows: any(len(r) >= 3 for r in rows)), st.data())
def test_a_target_never_changes_the_training_part(rows: list[list[int]], data: st.DataObject) -> None:
    changed = [
        [*r[:-2], data.draw(st.integers(1, N_ITEMS)), data.draw(st.integers(1, N_ITEMS))] if len(r) >= 3 else r
        for r in rows
    ]
    before, after = leave_last_out(dataset(rows)), leave_last_out(dataset(changed))
    assert lists(before.train) == lists(after.train)
    assert np.array_equal(before.candidates, after.candidates)


def test_a_holdout_can_be_cut_to_some_of_its_users() -> None:
    test = leave_last_out(dataset([[1, 2, 3], [4, 5, 6], [7, 8, 9]])).test
    some = test.take(np.array([2, 0]))
    assert (len(test), len(some), some.users.tolist()) == (3, 2, [2, 0])
    assert (lists(some.histories), lists(some.targets)) == ([[7, 8], [1, 2]], [[9], [3]])


def test_a_log_of_short_histories_alone_is_refused() -> None:
    with pytest.raises(DataError, match=r"No user of 'toy' has 3 interactions.*longest history has 2"):
        leave_last_out(dataset([[1], [2, 3]]))
