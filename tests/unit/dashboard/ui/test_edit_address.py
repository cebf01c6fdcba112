"""An edit comes back from its address as it went there, and nothing else comes back from any other text."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from dashboard.ui.edit_address import BadEditError, Edit, read, unchanged, written

IDS = st.text(min_size=1, max_size=12).filter(lambda text: "\x00" not in text)


@st.composite
def edits(draw: st.DrawFn) -> tuple[Edit, int]:
    n = draw(st.integers(0, 30))
    kept = draw(st.permutations(range(1, n + 1)))[: draw(st.integers(0, n))]
    steps: list[int | str] = [*kept]
    for item in draw(st.lists(IDS, max_size=5)):
        steps.insert(draw(st.integers(0, len(steps))), item)
    about = draw(st.none() | st.dictionaries(IDS, IDS, max_size=4).map(lambda d: tuple(d.items())))
    return Edit(tuple(steps), about), n


@given(edits())
def test_what_is_written_is_read_again(given_: tuple[Edit, int]) -> None:
    edit, n = given_
    choices = written(edit, n)
    assert read(choices["events"], choices["about"], n) == edit


@given(st.text(alphabet="0123456789-.~=%iaé ", max_size=40), st.integers(0, 12))
def test_any_text_is_an_edit_of_the_history_or_is_refused(text: str, n: int) -> None:
    try:
        edit = read(text, None, n)
    except BadEditError:
        return
    places = [step for step in edit.steps if isinstance(step, int)]
    assert len(set(places)) == len(places)
    assert set(places) <= set(range(1, n + 1))


@given(edits())
def test_removed_added_and_moved_are_counted(given_: tuple[Edit, int]) -> None:
    edit, n = given_
    removed, added, moved = edit.counts(n)
    assert removed == n - sum(isinstance(s, int) for s in edit.steps)
    assert added == sum(isinstance(s, str) for s in edit.steps)
    places = [s for s in edit.steps if isinstance(s, int)]
    assert (moved == 0) == (places == sorted(places))


def test_an_edit_is_written_compactly_and_nothing_at_all_has_a_sign() -> None:
    assert written(Edit((1, 2, 3, 9, "i.7", 5, 6)), 9) == {"events": "1-3.9.~i%2E7.5-6", "about": None}
    assert written(Edit((), ()), 3) == {"events": "0", "about": "0"}
    assert written(unchanged(700), 700) == {"events": None, "about": None}
    assert unchanged(4).moved(0, 2).steps == (2, 3, 1, 4)
    assert unchanged(3).without(1).with_item("x").item_ids("abc") == ("a", "c", "x")


@pytest.mark.parametrize("text", ["region", "=", "=.=", "a=b.c"])
def test_what_is_no_attribute_with_its_value_is_refused(text: str) -> None:
    with pytest.raises(BadEditError):
        read(None, text, 3)


@pytest.mark.parametrize("text", ["", ".", "1-", "-1", "4", "2-1", "1.1", "~", "1 2", "i07", "9" * 50, "1-3.2"])
def test_what_is_no_edit_of_three_events_is_refused(text: str) -> None:
    with pytest.raises(BadEditError):
        read(text, None, 3)
