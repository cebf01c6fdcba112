"""What the Explain page says in words beside one item's values. Plain text, never markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dashboard.i18n import _, count, figure, percent
from dashboard.words import MOST, player_label

if TYPE_CHECKING:
    from engine import Attribution, Contrast


def whole_list(answers: Sequence[Attribution]) -> str:
    """One sentence on which event moves the list as a whole, or on which of the items stand apart."""
    moved = np.abs([[player.value for player in answer.players] for answer in answers])  # (items, players)
    mass = moved.sum(axis=0)
    if not mass.any():
        return _("The history moves none of these scores.")
    top = int(mass.argmax())
    name, share = player_label(answers[0].players[top]), float(mass[top] / mass.sum())
    led = int((moved.argmax(axis=1) == top).sum())
    values = {"title": name, "n": count(led), "all": count(len(answers)), "share": percent(share)}
    if led >= MOST * len(answers):
        return _(
            "“{title}” moves {n} of the {all} items most: the list leans on it ({share} of all that is moved)."
        ).format(**values)
    return _(
        "No event moves the whole list: the strongest, “{title}”, leads for {n} of the {all} items "
        "({share} of all that is moved)."
    ).format(**values)


def difference(found: Contrast) -> Attribution:
    """The contrast as if it were one item's explanation: of the difference of the two scores."""
    return replace(
        found.first,
        base=found.first.base - found.second.base,
        score=found.first.score - found.second.score,
        players=found.players,
    )


def contrast(found: Contrast) -> str:
    """Which of two items is ahead, by how much."""
    apart = found.first.score - found.second.score
    names = {"first": found.first.title, "second": found.second.title, "amount": figure(abs(apart))}
    if apart > 0:
        return _("“{first}” scores {amount} above “{second}”.").format(**names)
    if apart < 0:
        return _("“{first}” scores {amount} below “{second}”.").format(**names)
    return _("“{first}” and “{second}” score the same.").format(**names)
