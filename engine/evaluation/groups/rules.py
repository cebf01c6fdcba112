"""Rules that say which users belong to a group, as text for people and links, and as conditions.

    history_length=3..5 & gender=F|"A & B"

A rule is a conjunction. A condition names a column of a table of facts, and either values or an inclusive range of
numbers, open at one end or neither. A name or value that holds `&`, `|`, `=`, `"` or `..`, that begins or ends with
white space, or that is empty, is put in double quotes as in JSON.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data.schema import LIST_SEPARATOR
from engine.errors import EngineError, Message

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[&|=]|[^&|="]+', re.DOTALL)
_SPECIAL = re.compile(r'[&|="]|\.\.')
_SHOWN = 8


@dataclass(frozen=True)
class OneOf:
    """The column has one of several values, compared as text (as numbers in a column of numbers).

    Attributes:
        column: its name.
        values: at least one.

    Raises:
        EngineError: there is no value.

    >>> str(engine.OneOf("region", ("North", "South")))
    'region=North|South'
    """

    column: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise EngineError(
                "A condition on {column!r} names no value; write {column_2}=VALUE.",
                column=self.column,
                column_2=_quoted(self.column),
            )

    def __str__(self) -> str:
        return f"{_quoted(self.column)}={'|'.join(map(_quoted, self.values))}"


@dataclass(frozen=True)
class Between:
    """A column's number lies in a range.

    Attributes:
        column: its name.
        low: the lowest value included; None if open.
        high: the highest value included; None if open. Not both are open.

    Raises:
        EngineError: the range is open at both ends, an end is not a finite number, or the range is empty.

    >>> str(engine.Between("price", 5, 20)), str(engine.Between("history_length", 3, None))
    ('price=5..20', 'history_length=3..')
    """

    column: str
    low: float | None
    high: float | None

    def __post_init__(self) -> None:
        ends = [end for end in (self.low, self.high) if end is not None]
        if not ends:
            raise EngineError(
                "The range of {column!r} is open at both ends; give it one, such as 3.. or ..5.", column=self.column
            )
        if not all(map(math.isfinite, ends)):
            raise EngineError(
                "The range {this} has an end that is no finite number; leave an open end empty.", this=self
            )
        if len(ends) == 2 and ends[0] > ends[1]:
            raise EngineError(
                "The range {this} is empty: its low end is above its high end; write {ends}..{ends_2}.",
                this=self,
                ends=plain_number(ends[1]),
                ends_2=plain_number(ends[0]),
            )

    def __str__(self) -> str:
        return f"{_quoted(self.column)}={plain_number(self.low)}..{plain_number(self.high)}"


Condition = OneOf | Between


@dataclass(frozen=True)
class Rule:
    """Conditions that must all hold; without any, everybody is included.

    >>> str(engine.Rule.parse("history_length = 3.. & gender=F"))
    'history_length=3.. & gender=F'
    """

    conditions: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        return " & ".join(map(str, self.conditions))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it uses, in order."""
        return tuple(condition.column for condition in self.conditions)

    @classmethod
    def parse(cls, text: str) -> Rule:
        """The rule parsed from a text: the inverse of `str`.

        Raises:
            EngineError: the text is not a rule.
        """
        if not text.strip():
            return cls()
        parts: list[list[str]] = [[]]
        for token in _tokens(text):
            if token == "&":
                parts.append([])
            else:
                parts[-1].append(token)
        return cls(tuple(_condition(part, text) for part in parts))


def members(rule: Rule, facts: pd.DataFrame) -> np.ndarray:
    """(n,) bool: the rows of a table of facts for which a rule holds.

    A text that lists values, such as "Animation|Comedy", matches each of them, and the full text too. A row without a
    number (NaN) is in no range.

    Args:
        rule: its columns are columns of the table.
        facts: one row a user.

    Raises:
        EngineError: there is no such column, or no user at all has a value or is in a range.

    >>> facts = pd.DataFrame({"history_length": [2, 5, 9], "region": ["North", "South", "North"]})
    >>> engine.members(engine.Rule.parse("history_length=3.. & region=North"), facts).tolist()
    [False, False, True]
    """
    inside = np.ones(len(facts), dtype=bool)
    for condition in rule.conditions:
        if condition.column not in facts.columns:
            raise EngineError(
                "The rule {rule!r} asks for {column!r}, which is not known of these users; known are {columns}.",
                rule=str(rule),
                column=condition.column,
                columns=", ".join(map(str, facts.columns)),
            )
        column = pd.Series(facts[condition.column])
        if isinstance(condition, Between):
            inside &= _lie_between(condition, column, rule)
        elif pd.api.types.is_numeric_dtype(column.dtype):
            inside &= _have_numbers(condition, column, rule)
        else:
            inside &= _have_texts(condition, column, rule)
    return inside


def split_texts(column: pd.Series) -> pd.Series:
    """A text column with one row for each listed value, indexed by the row number in the column."""
    texts = pd.Series(column.astype(str).to_numpy(dtype=object))
    if not texts.str.contains(LIST_SEPARATOR, regex=False).any():
        return texts
    return texts.str.split(LIST_SEPARATOR, regex=False).explode().str.strip()


def _lie_between(condition: Between, column: pd.Series, rule: Rule) -> np.ndarray:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise EngineError(
            "The rule {rule!r} asks for a range of {column!r}, which holds text and no numbers; name values "
            "of it, such as {condition}.",
            rule=str(rule),
            column=condition.column,
            condition=OneOf(condition.column, (_common(column)[0],)),
        )
    numbers = column.to_numpy(dtype=np.float64)
    low = -np.inf if condition.low is None else condition.low
    high = np.inf if condition.high is None else condition.high
    inside = (numbers >= low) & (numbers <= high)
    if not inside.any():
        raise EngineError(
            "The rule {rule!r} asks for {condition}, and nobody is there; {span}.",
            rule=str(rule),
            condition=condition,
            span=_span(numbers),
        )
    return inside


def _have_numbers(condition: OneOf, column: pd.Series, rule: Rule) -> np.ndarray:
    numbers = column.to_numpy(dtype=np.float64)
    inside = np.zeros(len(numbers), dtype=bool)
    for value in condition.values:
        try:
            has = numbers == float(value)
        except ValueError:
            has = np.zeros(len(numbers), dtype=bool)
        if not has.any():
            raise EngineError(
                "The rule {rule!r} asks for {condition}, a number that nobody has; {span}; a range is written "
                "low..high.",
                rule=str(rule),
                condition=OneOf(condition.column, (value,)),
                span=_span(numbers),
            )
        inside |= has
    return inside


def _have_texts(condition: OneOf, column: pd.Series, rule: Rule) -> np.ndarray:
    codes, texts = pd.factorize(column.astype(str).to_numpy(dtype=object))  # each distinct text is split once
    listed = split_texts(pd.Series(texts))
    inside = np.zeros(len(codes), dtype=bool)
    for value in condition.values:
        matching = texts == value
        matching[listed.index.to_numpy()[listed.to_numpy() == value]] = True
        has = matching[codes]
        if not has.any():
            raise EngineError(
                "The rule {rule!r} asks for {condition}, a value that nobody has; common ones are {common}.",
                rule=str(rule),
                condition=OneOf(condition.column, (value,)),
                common=", ".join(map(_quoted, _common(column)[:_SHOWN])),
            )
        inside |= has
    return inside


def _common(column: pd.Series) -> list[str]:
    """Values of a text column, the most frequent first."""
    return [str(value) for value in split_texts(column).value_counts().index] or ["VALUE"]


def _span(numbers: np.ndarray) -> Message:
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return Message("no number is known")
    return Message(
        "it runs from {low} to {high}", {"low": plain_number(known.min()), "high": plain_number(known.max())}
    )


def _tokens(text: str) -> list[str]:
    """Tokens: quoted texts, bare texts without surrounding white space, and the signs `&`, `|` and `=`."""
    found = _TOKEN.findall(text)
    if sum(map(len, found)) < len(text):
        raise EngineError(
            'The rule {text!r} has a double quote that is not closed; write \\" for one in a value.', text=text
        )
    return [bare for token in found if (bare := token if token[0] == '"' else token.strip())]


def _condition(tokens: list[str], text: str) -> Condition:
    """A condition from its tokens: a column, an equals sign, and values separated by `|`."""
    names, signs = tokens[::2], tokens[1::2]
    well_formed = len(tokens) >= 3 and len(tokens) % 2 and signs[0] == "=" and all(sign == "|" for sign in signs[1:])
    if not well_formed or any(name in ("&", "|", "=") for name in names):
        raise EngineError(
            "The rule {text!r} cannot be read at {tokens!r}; a condition is column=value, column=value|value "
            'or column=low..high, conditions are joined by &, and what holds one of &|=" or .. stands in '
            "double quotes.",
            text=text,
            tokens=" ".join(tokens),
        )
    column, values = _unquoted(names[0], text), names[1:]
    ranges = [value for value in values if value[0] != '"' and ".." in value]
    if not ranges:
        return OneOf(column, tuple(_unquoted(value, text) for value in values))
    if len(values) > 1:
        raise EngineError(
            "The rule {text!r} has the range {ranges!r} beside other values of {column!r}; make two rules of "
            "it, or put double quotes round it if it is a value.",
            text=text,
            ranges=ranges[0],
            column=column,
        )
    low, _, high = values[0].partition("..")
    return Between(column, _end(low, text), _end(high, text))


def _end(spelled: str, text: str) -> float | None:
    if not spelled.strip():
        return None
    try:
        return float(spelled)
    except ValueError:
        raise EngineError(
            "The rule {text!r} has {spelled!r} as the end of a range, which is not a number; write numbers, or "
            "put double quotes round a value that holds two dots.",
            text=text,
            spelled=spelled,
        ) from None


def _quoted(word: str) -> str:
    """A name or value as it is written in a rule."""
    bare = bool(word) and word == word.strip() and not _SPECIAL.search(word)
    return word if bare else json.dumps(word, ensure_ascii=False)


def _unquoted(token: str, text: str) -> str:
    if token[0] != '"':
        return token
    try:
        return json.loads(token, strict=False)
    except ValueError as error:
        raise EngineError(
            "The rule {text!r} has {token}, whose backslashes spell nothing ({error}).",
            text=text,
            token=token,
            error=error,
        ) from None


def plain_number(number: float | None) -> str:
    """The shortest exact text of a number; empty for an open end."""
    if number is None:
        return ""
    return (
        str(int(number)) if math.isfinite(number) and number % 1 == 0 and abs(number) < 2**53 else repr(float(number))
    )
