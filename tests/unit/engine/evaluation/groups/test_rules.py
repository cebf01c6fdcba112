"""Rules: text and conditions say the same, whatever a value holds; they find whom they mean; errors say the way out."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, strategies as st

from engine.errors import EngineError
from engine.evaluation.groups.rules import Between, OneOf, Rule, members

words = st.text(max_size=8) | st.text(alphabet='a&|=."\\ 1-', max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60).map(float)


@st.composite
def ranges(draw: st.DrawFn) -> Between:
    low, high = sorted([draw(numbers), draw(numbers)])
    open_end = draw(st.sampled_from(["low", "high", "none"]))
    return Between(draw(words), None if open_end == "low" else low, None if open_end == "high" else high)


values_of = st.builds(OneOf, words, st.lists(words, min_size=1, max_size=3).map(tuple))
rules = st.builds(Rule, st.lists(values_of | ranges(), max_size=3).map(tuple))

FACTS = pd.DataFrame(
    {
        "history_length": [3, 4, 5, 9, 20],
        "age": [20.0, 35.5, np.nan, 50.0, 70.0],
        "gender": ["F", "M", "F", "unknown", "M"],
        "likes": ["Camping", "Camping|Light", "Light", "Sale | 50 % *off*", "A & B = C..D"],
    }
)


@given(rules)
@example(Rule((OneOf("a & b", ("x=y", "", ' "', "3..5", "a|b", "\\", "\n")), Between("..", None, -0.5))))
def test_text_and_rule_are_each_others_inverse(rule: Rule):
    assert Rule.parse(str(rule)) == rule


@given(rules)
def test_print_is_settled_after_one_round(rule: Rule):
    assert str(Rule.parse(str(rule))) == str(rule)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", Rule()),
        ("gender=F", Rule((OneOf("gender", ("F",)),))),
        ("  gender =F| M ", Rule((OneOf("gender", ("F", "M")),))),
        ("history_length=3..5 & gender=F", Rule((Between("history_length", 3, 5), OneOf("gender", ("F",))))),
        ("age=..30", Rule((Between("age", None, 30),))),
        ("age= 2.5 .. ", Rule((Between("age", 2.5, None),))),
        ("age=3", Rule((OneOf("age", ("3",)),))),
        ('likes="A & B = C..D"', Rule((OneOf("likes", ("A & B = C..D",)),))),
        ("地区=西部", Rule((OneOf("地区", ("西部",)),))),
    ],
)
def test_texts_as_people_write_them(text: str, rule: Rule):
    assert Rule.parse(text) == rule


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("history_length=4..9", [1, 2, 3]),
        ("history_length=..4", [0, 1]),
        ("history_length=9..", [3, 4]),
        ("history_length=3|20", [0, 4]),
        ("age=20..50", [0, 1, 3]),  # an unknown age lies in no range
        ("age=35.5", [1]),
        ("gender=F & history_length=4..", [2]),
        ("gender=F & history_length=9..", []),
        ("likes=Light", [1, 2]),
        ('likes="Camping|Light"', [1]),
        ('likes="50 % *off*"', [3]),
        ('likes="A & B = C..D"|Camping', [0, 1, 4]),
    ],
)
def test_finds_whom_it_means(text: str, who: list[int]):
    assert np.flatnonzero(members(Rule.parse(text), FACTS)).tolist() == who


@given(rule=rules, other=rules)
def test_a_conjunction_holds_where_both_do(rule: Rule, other: Rule):
    facts = pd.DataFrame({c: FACTS["age"] if i % 2 else FACTS["likes"] for i, c in enumerate(rule.columns)})

    def held(asked: Rule) -> np.ndarray | None:
        try:
            return members(asked, facts)
        except EngineError:
            return None

    both, one, two = held(Rule(rule.conditions + other.conditions)), held(rule), held(other)
    assert (both is None) == (one is None or two is None)
    if both is not None:
        assert one is not None
        assert two is not None
        assert np.array_equal(both, one & two)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hight=3", "'hight=3' asks for 'hight', .* history_length, age, gender, likes"),
        ("gender=X", "'gender=X' asks for gender=X, a value that nobody has; common ones are F, M, unknown"),
        ("gender=F|X", "gender=X, a value"),
        ("history_length=7", "history_length=7, a number that nobody has; it runs from 3 to 20"),
        ("history_length=short", "history_length=short, a number that nobody has"),
        ("age=90..95", "age=90..95, and nobody is there; it runs from 20 to 70"),
        ("age=21..34", "age=21..34, and nobody is there"),
        ("gender=1..2", "a range of 'gender', which holds text .* gender="),
    ],
)
def test_a_rule_that_does_not_fit_names_column_value_rule_and_way_out(text: str, told: str):
    with pytest.raises(EngineError, match=told):
        members(Rule.parse(text), FACTS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("gender", "cannot be read at 'gender'"),
        ("gender=", "cannot be read at 'gender ='"),
        ("=F", "cannot be read"),
        ("gender=F&", "cannot be read at ''"),
        ("gender=F=M", "cannot be read"),
        ("gender|age=F", "cannot be read"),
        ("gender=F|", "cannot be read"),
        ('gender="F" "M"', "cannot be read"),
        ('gender="F', "double quote that is not closed"),
        (r'gender="\q"', "spell nothing"),
        ("age=5..3", r"age=5\.\.3 is empty: .* write 3\.\.5"),
        ("age=..", "open at both ends"),
        ("age=young..old", "'young' as the end of a range"),
        ("age=1..nan", "no finite number"),
        ("age=1..inf", "no finite number"),
        ("age=3..5|9", r"range '3\.\.5' beside other values of 'age'"),
    ],
)
def test_a_text_that_spells_no_rule_is_told_where(text: str, told: str):
    with pytest.raises(EngineError, match=told):
        Rule.parse(text)
    if not told.startswith(("age", "open", "no finite")):
        with pytest.raises(EngineError, match=re.escape(repr(text))):
            Rule.parse(text)


def test_a_condition_without_a_value_is_none():
    with pytest.raises(EngineError, match="'gender' names no value"):
        OneOf("gender", ())
