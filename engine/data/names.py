"""Names of columns and files in messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def first_duplicate(names: Iterable[str]) -> str | None:
    """The first name that occurs twice; None when all are different."""
    met: set[str] = set()
    for name in names:
        if name in met:
            return name
        met.add(name)
    return None


def listed(names: Sequence[str], most: int = 20, length: int = 60) -> str:
    """Names as a list for messages: at most so many, and none too long."""
    shown = ", ".join(n if len(n) <= length else f"{n[: length - 1]}…" for n in names[:most])
    return shown if len(names) <= most else f"{shown} … ({len(names):,})"
