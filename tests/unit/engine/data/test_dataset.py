"""Ids and indices meet in one place, and rows of flat arrays behave like rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from engine.data.dataset import PAD, Dataset, Histories, Vocabulary
from engine.errors import UnknownIdError

TERM = st.text(min_size=1, max_size=6)
TERMS = st.lists(TERM, unique=True, min_size=1, max_size=30)
ROWS = st.lists(st.lists(st.integers(1, 9), max_size=7), min_size=1, max_size=8)


def vocabulary(terms: list[str], first: int = 1) -> Vocabulary:
    return Vocabulary(np.array(terms, dtype=object), first)


@given(TERMS, st.sampled_from([0, 1]))
def test_ids_become_indices_and_ids_again(terms: list[str], first: int) -> None:
    words = vocabulary(terms, first)
    numbers = words.indices_of(terms)
    assert numbers.tolist() == list(range(first, first + len(terms)))
    assert words.ids_of(numbers).tolist() == terms
    assert [words.id_of(words.index_of(t)) for t in terms] == terms


@given(TERMS, TERM)
def test_an_unknown_id_is_missing_or_an_error(terms: list[str], other: str) -> None:
    words = vocabulary(terms)
    if other in terms:
        assert words.index_of(other, missing=-7) == terms.index(other) + 1
        return
    assert words.index_of(other, missing=-7) == -7
    assert words.indices_of([*terms, other], missing=-7).tolist() == [*range(1, len(terms) + 1), -7]
    with pytest.raises(UnknownIdError) as caught:
        words.index_of(other)
    assert repr(other) in str(caught.value)


def test_padding_is_no_item() -> None:
    words = vocabulary(["a", "b"])
    for number in (PAD, 3, -1):
        with pytest.raises(UnknownIdError, match=f"has the index {number}; indices run from 1 to 2"):
            words.id_of(number)


def test_padding_has_no_id_among_others() -> None:
    with pytest.raises(UnknownIdError, match="has the index 0"):
        vocabulary(["a", "b"]).ids_of(np.array([1, PAD, 2]))


def test_numbers_that_look_like_ids_do_not_match() -> None:
    assert vocabulary(["7", "007"]).indices_of(["07", "7.0", "007"]).tolist() == [-1, -1, 2]


@given(ROWS)
def test_rows_come_back(rows: list[list[int]]) -> None:
    histories = Histories.of(rows)
    assert [row.tolist() for row in histories] == rows
    assert len(histories) == len(rows)
    assert histories.lengths.tolist() == [len(r) for r in rows]
    assert histories.positions().tolist() == [i for i, r in enumerate(rows) for _ in r]


@given(ROWS, st.data())
def test_rows_can_be_chosen_in_any_order(rows: list[list[int]], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10))
    taken = Histories.of(rows).take(np.array(chosen, dtype=np.int64))
    assert [row.tolist() for row in taken] == [rows[i] for i in chosen]


@given(ROWS, st.data())
def test_rows_can_be_cut_at_either_end(rows: list[list[int]], data: st.DataObject) -> None:
    histories = Histories.of(rows)
    n = data.draw(st.integers(0, 8))
    each = data.draw(st.lists(st.integers(0, 8), min_size=len(rows), max_size=len(rows)))
    assert [row.tolist() for row in histories.drop_last(n)] == [r[: max(len(r) - n, 0)] for r in rows]
    assert [row.tolist() for row in histories.drop_last(np.array(each))] == [
        r[: max(len(r) - m, 0)] for r, m in zip(rows, each, strict=True)
    ]
    assert [row.tolist() for row in histories.last(n)] == [r[max(len(r) - n, 0) :] for r in rows]


@given(ROWS, st.none() | st.integers(1, 9))
def test_padding_goes_to_the_right_and_the_most_recent_items_stay(rows: list[list[int]], width: int | None) -> None:
    padded = Histories.of(rows).padded(width)
    wide = max(map(len, rows)) if width is None else width
    assert padded.shape == (len(rows), wide)
    for row, line in zip(rows, padded.tolist(), strict=True):
        kept = row[max(len(row) - wide, 0) :]
        assert line == kept + [PAD] * (wide - len(kept))


def test_a_row_that_is_not_there_is_an_index_error() -> None:
    for row in (-1, 1):
        with pytest.raises(IndexError):
            Histories.of([[1]])[row]


def test_no_rows_at_all() -> None:
    assert len(Histories.of([])) == 0
    assert Histories.of([]).padded().shape == (0, 0)


def test_a_title_is_the_languages_else_the_plain_one_else_the_id() -> None:
    table = pd.DataFrame(
        {"item_id": ["a", "b", "c"], "title": ["Tent", "unknown", "unknown"], "title_zh": ["帐篷", "炉子", "unknown"]}
    )
    dataset = Dataset(
        "shop", vocabulary(["u"], 0), vocabulary(["a", "b", "c"]), Histories.of([[1, 2, 3]]), None, None,
        pd.DataFrame({"user_id": ["u"]}), table,
    )  # fmt: skip
    assert [dataset.title(i) for i in (1, 2, 3)] == ["Tent", "b", "c"]
    assert [dataset.title(i, "zh") for i in (1, 2, 3)] == ["帐篷", "炉子", "c"]
    assert dataset.title(1, "fr") == "Tent"
    assert (dataset.n_users, dataset.n_items, dataset.n_interactions) == (1, 3, 3)
    with pytest.raises(UnknownIdError, match="has the index 0"):
        dataset.title(PAD)
