"""Repeats: counted on validation, and what follows for lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from engine.config import RunConfig, load_config
from engine.data.dataset import Histories
from engine.data.repeats import MUCH, is_repeat, repeat_share, resolve_exclude_seen
from engine.data.splits import Holdout, Split
from engine.errors import ConfigError

ROWS = st.lists(
    st.tuples(
        st.lists(st.integers(1, 6), max_size=6), st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True)
    ),
    min_size=1,
    max_size=8,
)


def _holdout(rows: list[tuple[list[int], list[int]]]) -> Holdout:
    return Holdout(np.arange(len(rows)), Histories.of([h for h, _ in rows]), Histories.of([t for _, t in rows]))


def _split(n: int, repeats: int, test_repeats: int) -> Split:
    """n users who have had item 1; of so many the validation and the test target is that again."""
    valid = [([1], [1 if u < repeats else 2]) for u in range(n)]
    test = [([1], [1 if u < test_repeats else 2]) for u in range(n)]
    train = Histories.of([[1]] * n)
    return Split("leave-last-out", train, _holdout(valid), _holdout(test), np.array([False, True, True]))


@given(ROWS)
def test_repeats_equal_a_slow_count(rows: list[tuple[list[int], list[int]]]) -> None:
    slow = [item in history for history, targets in rows for item in targets]
    assert is_repeat(_holdout(rows)).tolist() == slow
    assert repeat_share([_holdout(rows)]) == pytest.approx(np.mean(slow))


def test_no_target_is_no_repeat() -> None:
    assert repeat_share([_holdout([])]) == 0
    assert repeat_share([]) == 0


@pytest.mark.parametrize(("repeats", "left_out"), [(0, True), (9, True), (10, False), (100, False)])
def test_auto_leaves_seen_items_in_from_a_tenth_on(repeats: int, left_out: bool) -> None:
    assert MUCH == 0.1
    decided = resolve_exclude_seen(RunConfig(), [_split(100, repeats, 0)])
    assert decided.evaluation.exclude_seen is left_out
    assert decided.evaluation.seen_left_out is left_out


def test_the_test_part_has_no_say() -> None:
    assert resolve_exclude_seen(RunConfig(), [_split(100, 0, 100)]).evaluation.exclude_seen is True


@pytest.mark.parametrize("said", [True, False])
def test_what_is_said_is_kept(said: bool) -> None:
    config = load_config(changes=[f"evaluation.exclude_seen={str(said).lower()}"])
    assert resolve_exclude_seen(config, [_split(10, 0 if not said else 10, 0)]) == config


def test_folds_have_one_answer() -> None:
    folds = [_split(100, 0, 0), _split(100, 40, 0)]
    assert resolve_exclude_seen(RunConfig(), folds).evaluation.exclude_seen is False


def test_what_is_not_decided_cannot_be_read() -> None:
    assert RunConfig().evaluation.exclude_seen == "auto"
    with pytest.raises(ConfigError, match=r"evaluation.exclude_seen is 'auto'"):
        _ = RunConfig().evaluation.seen_left_out
