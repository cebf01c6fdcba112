"""Edits of a history as an address carries them: written compactly, and read with distrust.

`events` names the events that are left, in order, separated by dots: places of the history that was there before, such
as "1-5" or "9", and added items, such as "~i07". `about` names what is known of the person: "region=North.age=30". In
ids and values, the signs that would part them are written as in addresses ("%2E"). "0" stands for none at all.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from dashboard.text.i18n import _, count

MOST_ADDED = 200
"""Events that an edit may add."""

MOST_KNOWN = 30
"""Attributes that an edit may set."""

NONE = "0"

_PLACES = re.compile(r"([0-9]{1,7})(?:-([0-9]{1,7}))?")
_PARTING = {"%": "%25", ".": "%2E", "=": "%3D", "~": "%7E"}


class BadEditError(ValueError):
    """What an address says of an edit cannot be; the message is for people."""


@dataclass(frozen=True)
class Edit:
    """What is left of a history, and what is known of whose it is.

    Attributes:
        steps: places in the history that was there before, from 1, and ids of added items, oldest first.
        about: attribute and value; None: as it was.
    """

    steps: tuple[int | str, ...]
    about: tuple[tuple[str, str], ...] | None = None

    def item_ids(self, before: Sequence[str]) -> tuple[str, ...]:
        """Ids of the events, given those of the history that was there before."""
        return tuple(before[step - 1] if isinstance(step, int) else step for step in self.steps)

    def without(self, at: int) -> Edit:
        """One event fewer; `at` from 0."""
        return Edit((*self.steps[:at], *self.steps[at + 1 :]), self.about)

    def moved(self, at: int, to: int) -> Edit:
        """An event elsewhere; places from 0."""
        rest = [*self.steps[:at], *self.steps[at + 1 :]]
        rest.insert(max(0, to), self.steps[at])
        return Edit(tuple(rest), self.about)

    def with_item(self, item_id: str) -> Edit:
        """One event more, the newest."""
        return Edit((*self.steps, item_id), self.about)

    def knowing(self, about: dict[str, str]) -> Edit:
        """Of somebody of whom that is known."""
        return Edit(self.steps, tuple(about.items()))

    def counts(self, n_before: int) -> tuple[int, int, int]:
        """Events removed, added, and out of their old order."""
        kept = [step for step in self.steps if isinstance(step, int)]
        return n_before - len(kept), len(self.steps) - len(kept), len(kept) - _longest_rise(kept)


def unchanged(n_before: int) -> Edit:
    """The history as it was."""
    return Edit(tuple(range(1, n_before + 1)))


def written(edit: Edit, n_before: int) -> dict[str, str | None]:
    """The choices `events` and `about` of an address; None for what is as it was."""
    events = None if edit.steps == unchanged(n_before).steps else _events(edit.steps)
    about = None if edit.about is None else ".".join(f"{_safe(key)}={_safe(value)}" for key, value in edit.about)
    return {"events": events, "about": about if about is None else about or NONE}


def read(events: str | None, about: str | None, n_before: int) -> Edit:
    """The edit that an address names.

    Args:
        events: what `written` gave; None: as it was.
        about: likewise.
        n_before: events of the history that was there before.

    Raises:
        BadEditError: it is no edit of that history.
    """
    steps = unchanged(n_before).steps if events is None else _steps(events, n_before)
    return Edit(steps, None if about is None else _about(about))


def _events(steps: Sequence[int | str]) -> str:
    """Runs of places as "first-last", added items behind a tilde."""
    parts: list[str] = []
    at = 0
    while at < len(steps):
        step = steps[at]
        if isinstance(step, str):
            parts.append("~" + _safe(step))
            at += 1
            continue
        last = at
        while last + 1 < len(steps) and steps[last + 1] == step + last + 1 - at:
            last += 1
        parts.append(str(step) if last == at else f"{step}-{steps[last]}")
        at = last + 1
    return ".".join(parts) or NONE


def _steps(events: str, n_before: int) -> tuple[int | str, ...]:
    steps: list[int | str] = []
    added = 0
    for part in () if events == NONE else events.split("."):
        if part.startswith("~") and len(part) > 1:
            steps.append(unquote(part[1:]))
            added += 1
        elif found := _PLACES.fullmatch(part):
            first, last = int(found[1]), int(found[2] or found[1])
            if not 1 <= first <= last <= n_before:
                raise BadEditError(
                    _("“{part}” names no events of this history, which has {n}.").format(part=part, n=count(n_before))
                )
            steps += range(first, last + 1)
        else:
            raise BadEditError(
                _("“{part}” is neither a place in the history, such as 1-5, nor an added item, such as ~id.").format(
                    part=part[:40]
                )
            )
        if added > MOST_ADDED:
            raise BadEditError(_("An edit adds at most {n} events.").format(n=count(MOST_ADDED)))
        if len(steps) > n_before + added:
            raise BadEditError(_("An event of the history is named twice."))
    kept = [step for step in steps if isinstance(step, int)]
    if len(set(kept)) < len(kept):
        raise BadEditError(_("An event of the history is named twice."))
    return tuple(steps)


def _about(text: str) -> tuple[tuple[str, str], ...]:
    known: dict[str, str] = {}
    for part in () if text == NONE else text.split("."):
        key, equals, value = part.partition("=")
        if not (key and equals) or len(known) >= MOST_KNOWN:
            raise BadEditError(_("“{part}” is no attribute with its value, such as age=30.").format(part=part[:40]))
        known[unquote(key)] = unquote(value)
    return tuple(known.items())


def _safe(text: str) -> str:
    return re.sub(r"[%.=~]", lambda found: _PARTING[found[0]], text)


def _longest_rise(places: Sequence[int]) -> int:
    """The length of the longest rising subsequence: what need not have moved."""
    ends: list[int] = []
    for place in places:
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
    return len(ends)
