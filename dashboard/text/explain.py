"""What the Explain page says in words beside one item's values. Plain text, never markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import engine
from dashboard.text.common import MOST, attribute_name, category, listing, model_name, ordinal, player_label
from dashboard.text.i18n import _, count, figure, ngettext, percent

if TYPE_CHECKING:
    from engine import Attribution, Contrast, Counterfactual, FeatureAttribution, FeatureValue


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
        against=None,
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


def feature_name(feature: FeatureValue) -> str:
    """What a feature is called: "Genre of the items", "Age band: 25-34", "EASE"."""
    if feature.of == "member":
        return model_name(feature.name)
    if feature.of == "user":
        name = attribute_name(feature.name)
        return _("User: {name} {value}").format(name=name, value=category(feature.content)).rstrip()
    if feature.name == "own":
        return _("Which items they are")
    if feature.name == "text":
        return _("Text of the items")
    return _("Items: {name}").format(name=attribute_name(feature.name))


def features(found: FeatureAttribution) -> str:
    """Which kinds of things known move the score, by their share of all that is moved."""
    mass = {
        _("which items they are"): sum(abs(f.value) for f in found.features if (f.of, f.name) == ("items", "own")),
        _("what the items are like"): sum(abs(f.value) for f in found.features if f.of == "items" and f.name != "own"),
        _("what is known of the user"): sum(abs(f.value) for f in found.features if f.of == "user"),
        _("the other members"): sum(abs(f.value) for f in found.features if f.of == "member"),
    }
    total = sum(mass.values())
    if total == 0:
        return _("Nothing that is known moves this score.")
    parts = [
        _("{what} {share}").format(what=what, share=percent(moved / total))
        for what, moved in sorted(mass.items(), key=lambda item: -item[1])
        if moved > 0
    ]
    return _("Of all that moves this score: {parts}.").format(parts=listing(parts))


def without(found: Counterfactual) -> str:
    """Without which events the item would leave the list."""
    values = {"title": found.title, "k": count(found.k)}
    if not found.events:
        return (
            _("No set of events keeps “{title}” in the top {k}: it stays there whatever is hidden.")
            if found.proven
            else _("No set of events was found without which “{title}” would leave the top {k}.")
        ).format(**values)
    titles = listing([_("“{title}”").format(title=event.title) for event in found.events])
    if len(found.events) > 4:
        text = _("Without {n} of its {all} events “{title}” would leave the top {k}.")
        return text.format(n=count(len(found.events)), all=count(found.n_events), **values)
    return _("Without {titles}, “{title}” would leave the top {k}.").format(titles=titles, **values)


def how_small(found: Counterfactual) -> str:
    """Whether the set is proven smallest, and by what."""
    if found.proven:
        if not found.events:
            return _("Proven: every set of events was tried.")
        return (
            _("Proven smallest: one event is enough.")
            if len(found.events) == 1
            else ngettext(
                "Proven smallest: hiding any single event does not do it.",
                "Proven smallest: every set of up to {n} events was tried, and none does it.",
                len(found.events) - 1,
            ).format(n=count(len(found.events) - 1))
        )
    if found.tried_up_to == 0:
        return _("The smallest found; smaller sets were not all tried.")
    return ngettext(
        "The smallest found, not proven smallest: hiding any single event does not do it, but not all larger sets were "
        "tried.",
        "The smallest found, not proven smallest: no set of up to {n} events does it, but not all larger sets were "
        "tried.",
        found.tried_up_to,
    ).format(n=count(found.tried_up_to))


def takes_its_place(found: Counterfactual) -> str:
    """What enters the list."""
    places = [
        _("“{title}” ({ordinal})").format(
            title=place.title, ordinal=ordinal(place.rank).strip(), rank=count(place.rank)
        )
        for place in found.replaced_by
    ]
    return ngettext("In its place comes {items}.", "New in the list then: {items}.", len(places)).format(
        items=listing(places)
    )


def had_they_never_been(found: Counterfactual) -> str:
    """Whether the item also leaves when the events are deleted rather than hidden."""
    place = {"ordinal": ordinal(found.rank_deleted).strip(), "rank": count(found.rank_deleted)}
    if found.rank_deleted > found.k:
        return _("Had they never happened, it would rank {ordinal}: it leaves then too.").format(**place)
    return _(
        "Had they never happened, so that later events move up, it would rank {ordinal}: it would stay in the list."
    ).format(**place)


def value_group(group: str, by: str) -> str:
    """A group of values as people read it: how many events back, a category, or a feature."""
    if by == "feature":
        of, _colon, name = group.partition(":")
        return feature_name(engine.FeatureValue(of, name, "", 0.0, 0.0))  # pyright: ignore[reportArgumentType]
    if by == "category":
        return group
    if group == "1":
        return _("newest event")
    return _("earlier ones together") if group == "earlier" else _("{span} back").format(span=group.replace("-", "–"))


def many(sizes: pd.DataFrame, by: str) -> str:
    """What moves the scores of tail users most, and where tail and head users clearly differ most."""
    cells = {(str(row["group"]), str(row["cohort"])): row for row in sizes.to_dict("records")}
    tail = {group: row for (group, cohort), row in cells.items() if cohort == "tail" and group != "earlier"}
    if not tail:
        return _("None of the users asked is of the tail.")
    top = max(tail, key=lambda group: tail[group]["size"])
    said = [
        _("What moves the scores of tail users most: {group}, by {tail} on average.").format(
            group=value_group(top, by), tail=figure(float(tail[top]["size"]))
        )
    ]
    pairs = {group: (row, cells[group, "head"]) for group, row in tail.items() if (group, "head") in cells}
    clear = {
        group: (float(own["size"]), float(other["size"]))
        for group, (own, other) in pairs.items()
        if own["low"] > other["high"] or other["low"] > own["high"]
    }
    if clear:
        most = max(clear, key=lambda group: abs(clear[group][0] - clear[group][1]))
        said.append(
            _("Head and tail users differ most in: {group}, by {tail} for tail and {head} for head users.").format(
                group=value_group(most, by), tail=figure(clear[most][0]), head=figure(clear[most][1])
            )
        )
    elif pairs:
        said.append(_("Head and tail users do not clearly differ: every pair of intervals overlaps."))
    return " ".join(said)
