"""What is held out: each user's own last two items, or all that came after a cut in time. Training sees none of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, strategies as st

from engine.data.dataset import Dataset, Histories, Vocabulary
from engine.data.splits import Split, leave_last_out, temporal, user_folds, windows_in_time
from engine.errors import DataError

N_ITEMS = 9
ROWS = st.lists(st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=8), min_size=1, max_size=10)


def dataset(rows: list[list[int]], times: list[int] | None = None) -> Dataset:
    users = np.array([f"u{i}" for i in range(len(rows))], dtype=object)
    items = np.array([f"i{i}" for i in range(1, N_ITEMS + 1)], dtype=object)
    return Dataset(
        "toy", Vocabulary(users, 0, "user"), Vocabulary(items, 1, "item"), Histories.of(rows),
        None if times is None else np.array(times, dtype=np.int64), None,
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


# A log of (user, item, time): all that the temporal split knows, restated here as plain sets.
EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, N_ITEMS), st.integers(0, 30)), min_size=12, max_size=60
)  # fmt: skip
SHARES = st.sampled_from([0.1, 0.2, 0.3])


def timed(events: list[tuple[int, int, int]]) -> Dataset:
    """The log as a dataset: users in order, each one's events by time, equal times as they stand."""
    rows = [sorted((e for e in events if e[0] == user), key=lambda e: e[2]) for user in range(6)]
    return dataset([[item for _, item, _ in row] for row in rows], [time for row in rows for *_, time in row])


def try_temporal(events: list[tuple[int, int, int]], share: float) -> Split:
    try:
        return temporal(timed(events), share)
    except DataError:
        assume(False)
        raise


def test_a_cut_in_time_by_hand() -> None:
    # Ten interactions, a fifth tested: the two at 80 and 90; validated: the two at 60 and 70.
    rows = [[1, 2, 3, 4, 1], [5, 6, 7], [8], [9]]
    times = [0, 10, 20, 60, 80, 30, 70, 90, 40, 50]
    split = temporal(dataset(rows, times), 0.2)
    assert split.cuts == (60, 80)
    assert lists(split.train) == [[1, 2, 3], [5], [8], [9]]
    assert split.valid.users.tolist() == split.test.users.tolist() == [0, 1]
    assert (lists(split.valid.histories), lists(split.valid.targets)) == ([[1, 2, 3], [5]], [[4], [6]])
    assert (lists(split.test.histories), lists(split.test.targets)) == ([[1, 2, 3, 4], [5, 6]], [[1], [7]])
    assert np.flatnonzero(split.candidates).tolist() == [1, 2, 3, 5, 8, 9]
    assert split.protocol == "temporal"


def test_each_later_item_is_a_target_once_and_late_comers_are_not_asked() -> None:
    rows = [[1, 2, 3, 4, 5, 3, 2, 3], [6, 7], [8, 9]]  # the last two users came after training had ended
    times = [0, 1, 2, 3, 10, 20, 20, 21, 10, 22, 20, 23]
    split = temporal(dataset(rows, times), 0.3)
    assert split.cuts == (10, 20)
    assert lists(split.test.targets) == [[3, 2]]
    assert split.test.users.tolist() == [0]


def test_interactions_of_one_time_fall_on_one_side() -> None:
    rows = [[1, 2, 3, 4, 5, 6, 7, 8]]
    split = temporal(dataset(rows, [0, 0, 1, 5, 5, 5, 9, 9]), 0.25)  # the fifth event, at 5, begins the validation
    assert split.cuts == (5, 9)
    assert lists(split.train) == [[1, 2, 3]]
    assert lists(split.test.targets) == [[7, 8]]


@given(EVENTS, SHARES)
def test_every_later_interaction_of_a_trained_user_is_a_target(events: list, share: float) -> None:
    split = try_temporal(events, share)
    assert split.cuts is not None
    valid_from, test_from = split.cuts
    for holdout, start, stop in ((split.valid, valid_from, test_from), (split.test, test_from, 10**9)):
        asked = {}
        for user in range(6):
            own = sorted((e for e in events if e[0] == user), key=lambda e: e[2])
            later = {item for _, item, time in own if start <= time < stop}
            if later and any(time < valid_from for *_, time in own):
                asked[user] = ([item for _, item, time in own if time < start], later)
        assert holdout.users.tolist() == list(asked)
        for row, (known, later) in enumerate(asked.values()):
            assert holdout.histories[row].tolist() == known
            assert len(holdout.targets[row]) == len(later)
            assert set(holdout.targets[row].tolist()) == later
    assert [len(row) for row in split.train] == [
        sum(u == user and t < valid_from for u, _, t in events) for user in range(6)
    ]


@given(EVENTS, SHARES, st.randoms(use_true_random=False))
def test_what_comes_after_a_cut_never_changes_what_is_before_it(events: list, share: float, random) -> None:
    split = try_temporal(events, share)
    assert split.cuts is not None
    changed = [(u, random.randint(1, N_ITEMS) if t >= split.cuts[0] else i, t) for u, i, t in events]
    after = temporal(timed(changed), share)
    assert (lists(split.train), split.cuts) == (lists(after.train), after.cuts)
    assert np.array_equal(split.candidates, after.candidates)
    tested = [(u, random.randint(1, N_ITEMS) if t >= split.cuts[1] else i, t) for u, i, t in events]
    after = temporal(timed(tested), share)
    assert lists(split.valid.targets) == lists(after.valid.targets)
    assert lists(split.test.histories) == lists(after.test.histories)


def test_windows_follow_each_other_and_the_last_is_the_temporal_split() -> None:
    rng = np.random.default_rng(0)
    log = timed(
        [
            (int(u), int(i), int(t))
            for u, i, t in zip(rng.integers(0, 6, 400), rng.integers(1, 10, 400), rng.permutation(400), strict=True)
        ]
    )
    windows = windows_in_time(log, 0.1, 4)
    assert [w.cuts for w in windows] == [(200, 240), (240, 280), (280, 320), (320, 360)]
    last, whole = windows[-1], temporal(log, 0.1)
    assert (lists(last.train), lists(last.test.targets)) == (lists(whole.train), lists(whole.test.targets))
    for window in windows[:-1]:  # a target of one window is known to the next at the latest
        known = sum(window.test.histories.lengths) + sum(len(set(row)) for row in lists(window.test.targets))
        assert known <= sum(window.cuts[1] + 40 > t for t in range(400))


@given(EVENTS, st.randoms(use_true_random=False))
def test_a_window_never_knows_what_comes_after_it(events: list, random) -> None:
    try:
        first = windows_in_time(timed(events), 0.2, 2)[0]
        until = windows_in_time(timed(events), 0.2, 2)[1].cuts
    except DataError:
        assume(False)
        raise
    assert until is not None
    changed = [(u, random.randint(1, N_ITEMS) if t >= until[1] else i, t) for u, i, t in events]
    try:
        after = windows_in_time(timed(changed), 0.2, 2)[0]
    except DataError:  # the other window may have become empty
        assume(False)
        raise
    for before, now in (
        (first.train, after.train),
        (first.test.histories, after.test.histories),
        (first.test.targets, after.test.targets),
    ):
        assert lists(before) == lists(now)


def test_a_log_without_times_cannot_be_cut_in_time() -> None:
    with pytest.raises(DataError, match=r"'toy' has no times.*--time COLUMN.*leave-last-out"):
        temporal(dataset([[1, 2, 3]]), 0.1)


def test_a_part_that_would_be_empty_is_refused() -> None:
    with pytest.raises(DataError, match=r"No user of 'toy'.*before 1970-01-01.*validation part.*evaluation.test_share"):
        temporal(dataset([[1, 2, 3]], [5, 5, 5]), 0.2)
    with pytest.raises(DataError, match=r"test part \(from 1970-01-03\)"):
        temporal(dataset([[1, 2], [3]], [0, 86_400, 2 * 86_400]), 0.34)
    with pytest.raises(DataError, match=r"9 windows .* each 0.1 .* nothing to train on"):
        windows_in_time(dataset([[1, 2, 3]], [5, 6, 7]), 0.1, 9)


FOLDS = st.integers(2, 3)


@given(ROWS.filter(lambda rows: sum(len(r) >= 3 for r in rows) >= 3), FOLDS, st.integers(0, 99))
def test_every_user_is_kept_out_of_one_fold_and_asked_there(rows: list[list[int]], n: int, seed: int) -> None:
    folds = user_folds(dataset(rows), n, seed)
    asked = [user for fold in folds for user in fold.test.users.tolist()]
    assert sorted(asked) == [i for i, r in enumerate(rows) if len(r) >= 3]
    assert max(len(f.test) for f in folds) - min(len(f.test) for f in folds) <= 1
    out = [{user for user, row in enumerate(fold.train) if len(row) == 0} for fold in folds]
    assert sorted(user for part in out for user in part) == list(range(len(rows)))
    for fold, part in zip(folds, out, strict=True):
        assert set(fold.test.users.tolist()) <= part
        assert not part & set(fold.valid.users.tolist())
        for holdout in (fold.valid, fold.test):
            for row, user in enumerate(holdout.users):
                assert [*holdout.histories[row], *holdout.targets[row]] == rows[user]
        for user in fold.valid.users:
            assert fold.train[user].tolist() == rows[user][:-1]
        assert set(np.flatnonzero(fold.candidates)) == set(fold.train.items.tolist())


def test_folds_cannot_outnumber_the_users_to_ask() -> None:
    with pytest.raises(DataError, match=r"3 user folds .* 2 users of 'toy' with 3 interactions.*ask for 2 to 2"):
        user_folds(dataset([[1, 2, 3], [4, 5, 6], [7, 8]]), 3, 0)
