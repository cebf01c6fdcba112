"""What is said of why an item scores as it does, checked over all signs by a reader who sees the figures alone."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import pytest

from dashboard.text import causes as causes_text, explain as explain_text, i18n
from engine import Attribution, Contrast, Player, ScoreDifference

SIZES = (-3.0, -0.4, 0.0, 0.4, 3.0)


def explained(*values: float, base: float = 1.0, against: ScoreDifference | None = None) -> Attribution:
    players = tuple(Player(f"T{i}", f"i{i}", i, 1, v, 0.0) for i, v in enumerate(values, start=1))
    score = base + sum(values)
    return Attribution(
        "u1", "i9", "Tent", 3, score, base, players, True, 64, 0.1, "transformer", {"transformer": score}, against
    )


def held(standing: float, history: float, user: float | None, mine: Attribution) -> ScoreDifference:
    """Another item, from which the explained one is so far apart."""
    score = mine.score - standing - history - (user or 0.0)
    base = mine.base - standing - (user or 0.0)
    return ScoreDifference("i1", "Lamp", 1, score, base, standing, history, user, 1, 130)


@pytest.mark.parametrize("of_user", [None, *SIZES])
def test_every_sentence_on_causes_is_true_to_the_figures(of_user: float | None) -> None:
    seen = set()
    for standing, events in product(SIZES, product(SIZES, repeat=2)):
        mine = explained(*events)
        other_history = 0.1 - 0.7 * sum(events)
        against = held(standing, sum(events) - other_history, of_user, mine)
        said = causes_text.of_score(replace(mine, against=against))
        seen |= read_causes(said, against, mine.score - against.score)
        seen.add(read_history(said, events))
        assert re.search(r"moves that of “Lamp” by (\S+)\.$", said)[1] == i18n.signed(  # pyright: ignore[reportOptionalSubscript]
            against.score - against.base
        )
    assert {"standing", "history", "raises", "lowers", "cancels", "above", "below"} <= seen
    assert ("user" in seen) == bool(of_user)


def read_causes(said: str, against: ScoreDifference, apart: float) -> set[str]:
    """What a reader takes the causes for; the figures must bear it out."""
    parts = {"standing": against.standing, "history": against.history, "user": against.user or 0.0}
    way = "the same as" if abs(apart) < 1e-9 else "above" if apart > 0 else "below"
    assert f"{way} “Lamp”, ranked 1st." in said, said
    told = {"standing": "items' own standing.", "history": "of the history.", "user": "known of the user."}
    blamed = {name for name, text in told.items() if f"Mostly because of {'the ' * (name == 'standing')}" in said
              and re.search(rf"Mostly because [^.]*{re.escape(text)}", said)}  # fmt: skip
    assert len(blamed) <= 1
    for name in blamed:
        assert parts[name] * apart > 0, said
        assert all(abs(parts[name]) >= 2 * abs(v) for n, v in parts.items() if n != name and v * apart > 0), said
    if not blamed and way != "the same as":
        assert "No single cause decides that." in said
        with_it = [abs(v) for v in parts.values() if v * apart > 0]
        assert max(with_it) < 2 / 3 * sum(with_it) + 1e-9
    shares = re.search(r"\(1 training event against 130\) makes (\S+) of it, the history ([^,]+?)(?:\.(?= )|, what .* user (\S+)\.)", said)  # fmt: skip  # noqa: E501
    assert shares, said
    assert shares[1] == i18n.signed(against.standing)
    assert shares[2] == i18n.signed(against.history)
    assert (shares[3] is None) == (against.user is None)
    return blamed | {way}


def read_history(said: str, events: tuple[float, ...]) -> str:
    """What a reader takes the history to do."""
    total, mass = sum(events), sum(map(abs, events))
    if mass == 0:
        assert "does not move this score at all" in said
        return "still"
    if "nearly cancels out" in said:
        assert abs(total) < 0.1 * mass
        return "cancels"
    way = "raises" if total > 0 else "lowers"
    assert f"The history {way}" in said, said
    assert f"The history {'lowers' if way == 'raises' else 'raises'}" not in said
    for title in re.findall(r"“T(\d)”", said.partition("The history " + way)[2]):
        assert events[int(title) - 1] * total > 0, "an event that works the other way is no reason"
    if recent := re.search(r"the (\d) most recent event", said):
        assert all(value * total > 0 for value in events[-int(recent[1]) :])
    return way


def test_one_item_and_not_another_is_told_by_its_causes_too() -> None:
    for standing, events in product((-2.0, 0.0, 2.0), product((-3.0, -0.4, 0.0, 3.0), repeat=2)):
        first, second = explained(*events, base=1.0 + standing), explained(0.0, 0.0)
        second = replace(second, title="Lamp", item_id="i1")
        found = Contrast(first, second, first.players, held(standing, sum(events), None, first))
        difference = explain_text.difference(found)
        said = f"{explain_text.contrast(found)} {causes_text.of_difference(found, difference)}"
        total, apart = sum(events), first.score - second.score
        if "favours “" in said:
            assert ("favours “Tent”" in said) == (total > 0)
        if "Mostly because of the history" in said:
            assert total * apart > 0
        if "Mostly because of the items' own standing" in said:
            assert standing * apart > 0
        assert ("above" in said, "below" in said) == (apart > 0, apart < 0)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((0.1, 0.1, 1.0, 1.0, 1.0), "raises this score by 3.20, mostly through the 3 most recent events."),
        ((0.1, 3.0, 0.1), "raises this score by 3.20, mostly through “T2”."),
        ((2.0, 0.1, 2.0), "raises this score by 4.10, mostly through “T3” and “T1”."),
        ((0.1, 0.1, -2.0, -2.0), "lowers it by 3.80, mostly through the 2 most recent events."),
        ((-3.0, 0.1), "lowers it by 2.90, mostly through “T1”."),
        ((2.0, -2.0), "pulls both ways and nearly cancels out."),
        ((0.0, 0.0), "does not move this score at all."),
        ((), "does not move this score at all."),
        ((1.0,) * 8 + (0.9,), "raises this score by 8.90, through many events, of which none dominates."),
    ],
)
def test_what_the_history_does(values: tuple[float, ...], text: str) -> None:
    assert causes_text.history(explained(*values)) == f"The history {text}"


def test_the_group_of_earlier_events_is_named_by_its_size() -> None:
    group = Player("", None, None, 5, 2.0, 0.0)
    said = causes_text.history(replace(explained(0.1), players=(group, *explained(0.1).players)))
    assert said.endswith("mostly through “5 earlier events”.")


def test_an_item_that_training_hardly_met_is_not_blamed_on_an_event_that_helps() -> None:
    mine = explained(0.207, 0.003, base=-3.03)
    against = ScoreDifference("i1", "Lamp", 1, 4.0, 2.43, -5.46, 0.21 - 1.57, None, 1, 130)
    assert causes_text.of_score(replace(mine, against=against)) == (
        "It scores 6.82 below “Lamp”, ranked 1st. Mostly because of the items' own standing. Their own standing (1 "
        "training event against 130) makes −5.46 of it, the history −1.36. The history raises this score by 0.210, "
        "mostly through “T1”. It moves that of “Lamp” by +1.57."
    )
