"""Texts that come with the data, as long as they are drawn: tens of thousands of letters in each row stop a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable

VALUE, NAME = 300, 60
"""Letters that are drawn at most: of a value, and of a column's name."""


def shown(text: str, longest: int = VALUE) -> str:
    """The text, with an ellipsis where more of it stands in the data.

    >>> shown("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def labels(keys: Iterable[str], word: Callable[[str], str] = shown) -> dict[str, str]:
    """What each key is called, none like another: those that are alike once they are cut are numbered.

    >>> labels(["abcdef", "abcdxy"], lambda key: shown(key, 4))
    {'abcdef': 'abc…', 'abcdxy': 'abc… (2)'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for key in keys:
        name, n = word(key), 2
        while name in taken:
            name, n = f"{word(key)} ({n})", n + 1
        taken.add(name)
        found[key] = name
    return found
