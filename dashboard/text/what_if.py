"""What the page What if says in words. Plain text, never markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.text.common import listing, metric_name
from dashboard.text.i18n import _, count, figure, ngettext, percent, signed

if TYPE_CHECKING:
    from engine import ColdStartCurve, Confidence, MovedItem, WhatIf


def rank(value: int | None) -> str:
    """A rank, or a dash where there is none."""
    return "–" if value is None else count(value)


def changes(removed: int, added: int, moved: int, attributes: int) -> str:
    """What was edited: "2 events removed, 1 added."; empty where nothing was."""
    parts = [
        text.format(n=count(n))
        for n, text in (
            (removed, ngettext("{n} event removed", "{n} events removed", removed)),
            (added, ngettext("{n} event added", "{n} events added", added)),
            (moved, ngettext("{n} event moved", "{n} events moved", moved)),
            (attributes, ngettext("{n} attribute changed", "{n} attributes changed", attributes)),
        )
        if n
    ]
    return _("{changes}.").format(changes=listing(parts)) if parts else ""


def verdict(found: WhatIf, k: int) -> str:
    """The first line: what the edit did to the list."""
    new = [
        one for one in found.moved if one.now is not None and one.now <= k and (one.before is None or one.before > k)
    ]
    first = found.answer.items[0] if found.answer.items else None
    if first is None:
        return _("Nothing is left to recommend")
    was_first = next((one.before == 1 for one in found.moved if one.item_id == first.item_id), True)
    top = "" if was_first else " " + _("“{title}” comes first now.").format(title=first.title)
    gone = [one for one in found.moved if one.before is not None and one.before <= k and (one.now or k + 1) > k]
    if not new and gone:  # a list that had few items left to give
        text = ngettext(
            "The change takes {n} item out of the first {k} and brings none in its place.",
            "The change takes {n} items out of the first {k} and brings none in their place.",
            len(gone),
        )
        return text.format(n=count(len(gone)), k=count(k)) + top
    if not new:
        moved = any(one.before != one.now for one in found.moved if (one.now or k + 1) <= k)
        text = _("The same items as before, in another order.") if moved else _("The change leaves the list as it was.")
        return text + top
    text = ngettext(
        "The change brings {n} new item into the first {k}.",
        "The change brings {n} new items into the first {k}.",
        len(new),
    )
    return text.format(n=count(len(new)), k=count(k)) + top


def newcomer(n: int, confidence: Confidence | None) -> str:
    """The first line where a new user is made up: how far their events have brought the list."""
    if confidence is None:
        return _("Nothing is left to recommend")
    share = percent(confidence.share)
    if n == 0:
        return _("A new user, no events yet: the first {k} hold {share} of what the model expects").format(
            k=count(confidence.k), share=share
        )
    return ngettext(
        "After {n} event the first {k} hold {share} of what the model expects",
        "After {n} events the first {k} hold {share} of what the model expects",
        n,
    ).format(n=count(n), k=count(confidence.k), share=share)


def followed(one: MovedItem) -> str:
    """What became of the held-out item."""
    if one.before == one.now:
        return _("Held-out item: {title}, rank {now}.").format(title=one.title, now=rank(one.now))
    return _("Held-out item: {title}, rank {before} before and {now} now.").format(
        title=one.title, before=rank(one.before), now=rank(one.now)
    )


def sure(now: Confidence, before: Confidence | None, growth: ColdStartCurve | None) -> list[str]:
    """What the confidence is, what it is not, and how often such lists were right."""
    lines = [
        _(
            "Confidence {share}: the softmax of all scores gives the first {k} this much, as if it were spread evenly "
            "over {spread} items."
        ).format(share=percent(now.share), k=count(now.k), spread=count(now.spread))
    ]
    if before is not None and abs(before.share - now.share) >= 0.0005:
        lines.append(
            _("Before: {share}, so the change is {change} points.").format(
                share=percent(before.share), change=signed(100 * (now.share - before.share), 2)
            )
        )
    bin_ = growth.expected_hits(now.share) if growth is not None else None
    if bin_ is not None:
        lines.append(
            _(
                "Of {n} lists of test users with a confidence of {low} to {high}, {hits} held the item that came next "
                "({interval})."
            ).format(
                n=count(bin_.n),
                low=percent(bin_.low),
                high=percent(bin_.high),
                hits=percent(bin_.hits.value),
                interval=_("{low} to {high}").format(low=percent(bin_.hits.low), high=percent(bin_.hits.high)),
            )
        )
    lines.append(
        _(
            "It is what the model believes, at a temperature fitted on validation users, and not a promise: a list "
            "can be confident and wrong."
        )
    )
    return lines


def enough(growth: ColdStartCurve) -> str:
    """The answer of the curve over events."""
    average = figure(growth.average.value)
    metric = metric_name(growth.metric)
    if growth.enough is None:
        return _("Within {n} events a list never gets as good as the average user's ({metric} {average}).").format(
            n=count(growth.shortest), metric=metric, average=average
        )
    if growth.enough == 0:
        return _("Even with no event a list is as good as the average user's ({metric} {average}).").format(
            metric=metric, average=average
        )
    return ngettext(
        "After about {n} event a list is as good as the average user's ({metric} {average}).",
        "After about {n} events a list is as good as the average user's ({metric} {average}).",
        growth.enough,
    ).format(n=count(growth.enough), metric=metric, average=average)


def enough_users(growth: ColdStartCurve) -> str:
    """How sure that answer is, and of whom it is told."""
    ends = [_("never") if n is None else count(n) for n in (growth.earliest, growth.latest)]
    return _(
        "Interval {low} to {high}; in {never} of the resamples it never gets there. {n} test users with "
        "{shortest} events or more, the same at every length, asked with their newest events alone; the average is "
        "that of all {tested} test users with their whole histories."
    ).format(
        low=ends[0],
        high=ends[1],
        never=percent(growth.never),
        n=count(growth.n_users),
        shortest=count(growth.shortest),
        tested=count(growth.n_tested),
    )


def own_level(growth: ColdStartCurve) -> str:
    """How the curve's users fare with their whole histories, against all and against themselves with fewer events."""
    whole, average = growth.whole, growth.average
    value = figure(whole.value)
    if whole.high < average.value:
        text = _(
            "These users are harder to serve than most, however much is known: {value} with their whole histories."
        )
    elif whole.low > average.value:
        text = _("These users are easier to serve than most: {value} with their whole histories.")
    else:
        text = _("With their whole histories these users have {value}, about the average.")
    first = next((point.n for point in growth.points if point.quality.value >= whole.value), None)
    if first is None:
        rest = _("Fewer events never serve them as well as all of them do.")
    else:
        rest = ngettext(
            "{n} event serves them as well as all of them do.",
            "{n} events serve them as well as all of them do.",
            first,
        ).format(n=count(first))
    return f"{text.format(value=value)} {rest}"


def placed(growth: ColdStartCurve, n: int) -> str:
    """Where a person with n events stands on the curve."""
    at = max((p for p in growth.points if p.n <= n), key=lambda p: p.n)
    if growth.enough is None:
        rest = ""
    elif n >= growth.enough:
        rest = " " + _("That is enough.")
    else:
        rest = " " + ngettext("{n} more to go.", "{n} more to go.", growth.enough - n).format(
            n=count(growth.enough - n)
        )
    text = ngettext(
        "This user has {n} event: lists made from {at} had {metric} {value}.",
        "This user has {n} events: lists made from {at} had {metric} {value}.",
        n,
    ).format(n=count(n), at=count(at.n), metric=metric_name(growth.metric), value=figure(at.quality.value))
    return text + rest
