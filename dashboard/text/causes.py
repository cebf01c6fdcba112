"""What pages and the command line say of why an item scores as it does. Plain text, never markup.

A score's distance to another item's has three causes that add up to it: the items' own standing, the history, and what
is known of the user. A cause is named as the one that mostly decides only where it has the sign of the distance, and
the history is said to raise or lower a score by what its events do together, whatever rank the item has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.text.common import MOST, listing, ordinal, player_label
from dashboard.text.i18n import TINY, _, count, figure, ngettext, signed

if TYPE_CHECKING:
    from engine import Attribution, Contrast, ScoreDifference

CANCELS = 0.1
"""Where raising and lowering values leave less than this share of their sum, they cancel out."""


def of_score(answer: Attribution) -> str:
    """Why an item scores as it does: held against another item, and what the history does to it."""
    against = answer.against
    if against is None:
        return history(answer)
    apart = _apart(answer.score, against.score)
    if apart == 0:
        text = _("It scores the same as “{title}”{place}.")
    elif apart > 0:
        text = _("It scores {amount} above “{title}”{place}.")
    else:
        text = _("It scores {amount} below “{title}”{place}.")
    place = ""
    if against.rank is not None:
        place = _(", ranked {ordinal}").format(ordinal=ordinal(against.rank).strip(), rank=count(against.rank))
    said = text.format(amount=figure(abs(apart)), title=against.title, place=place)
    moved = _("It moves that of “{title}” by {amount}.").format(
        title=against.title, amount=signed(against.score - against.base)
    )
    return " ".join((said, causes(against, apart), history(answer), moved))


def of_difference(found: Contrast, difference: Attribution) -> str:
    """Why one item scores above another, or below: the causes, and what the history does to the difference."""
    said = history(difference, (found.first.title, found.second.title))
    apart = _apart(found.first.score, found.second.score)
    return said if found.against is None else f"{causes(found.against, apart)} {said}"


def _apart(score: float, other: float) -> float:
    """How far two scores are apart; what rounding alone could make is none."""
    return 0.0 if abs(score - other) < TINY else score - other


def causes(against: ScoreDifference, apart: float) -> str:
    """Which of the three causes decides, if one does, and the share of each."""
    parts = {"standing": against.standing, "history": against.history, "user": against.user or 0.0}
    same = {name: value for name, value in parts.items() if value * apart > 0}
    lead = max(same, key=lambda name: abs(same[name]), default="")
    if apart == 0:
        said = []
    elif lead and abs(same[lead]) >= MOST * sum(map(abs, same.values())):
        said = [
            {
                "standing": _("Mostly because of the items' own standing."),
                "history": _("Mostly because of the history."),
                "user": _("Mostly because of what is known of the user."),
            }[lead]
        ]
    else:
        said = [_("No single cause decides that.")]
    values = {
        "standing": signed(against.standing),
        "history": signed(against.history),
        "user": signed(parts["user"]),
        "n": count(against.n_training),
        "m": count(against.n_training_other),
    }
    text = (
        ngettext(
            "Their own standing ({n} training event against {m}) makes {standing} of it, the history {history}.",
            "Their own standing ({n} training events against {m}) makes {standing} of it, the history {history}.",
            against.n_training,
        )
        if against.user is None
        else ngettext(
            "Their own standing ({n} training event against {m}) makes {standing} of it, the history {history}, what "
            "is known of the user {user}.",
            "Their own standing ({n} training events against {m}) makes {standing} of it, the history {history}, what "
            "is known of the user {user}.",
            against.n_training,
        )
    )
    return " ".join((*said, text.format(**values)))


def history(answer: Attribution, titles: tuple[str, str] | None = None) -> str:
    """What the events do together, and through which of them.

    Args:
        answer: of one score, or of the difference of two.
        titles: of the two items whose difference it is.
    """
    total = sum(player.value for player in answer.players)
    mass = sum(abs(player.value) for player in answer.players)
    if mass == 0:
        none = _("The history does not move this score at all.")
        return none if titles is None else _("The history favours neither.")
    if abs(total) < CANCELS * mass:
        return _("The history pulls both ways and nearly cancels out.")
    if titles is not None:
        text = _("The history favours “{title}” by {amount}")
        said = text.format(title=titles[0 if total > 0 else 1], amount=figure(abs(total)))
    else:
        text = _("The history raises this score by {amount}") if total > 0 else _("The history lowers it by {amount}")
        said = text.format(amount=figure(abs(total)))
    return _("{sentence}, {through}.").format(sentence=said, through=_through(answer, 1 if total > 0 else -1))


def _through(answer: Attribution, sign: int) -> str:
    """The fewest events that make most of all that goes this way."""
    moving = [p for p in reversed(answer.players) if sign * p.value > 0]  # newest first, which settles ties
    ranked = sorted(moving, key=lambda p: -abs(p.value))
    same = sum(abs(p.value) for p in ranked)
    chosen, reached = [], 0.0
    for player in ranked:
        chosen.append(player)
        reached += abs(player.value)
        if reached >= MOST * same:
            break
    recent = answer.players[-len(chosen) :]
    if len(chosen) > 1 and {id(p) for p in recent} == {id(p) for p in chosen}:
        return ngettext(
            "mostly through the {n} most recent event", "mostly through the {n} most recent events", len(chosen)
        ).format(n=count(len(chosen)))
    if len(chosen) <= 3:
        titles = listing([_("“{title}”").format(title=player_label(p)) for p in chosen])
        return _("mostly through {titles}").format(titles=titles)
    return _("through many events, of which none dominates")
