"""The waterfall of an explanation: from the base value, event by event, to the item's score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from dashboard.charts.scale import Scale, ink
from dashboard.charts.style import palette
from dashboard.text.common import player_label
from dashboard.text.i18n import _, count, figure as number, signed
from dashboard.ui.blocks import Chart, ChartRow, Shape, Table, Value

if TYPE_CHECKING:
    from engine import Attribution, Player


VALUE_ROOM = 68
"""Pixels at the right for the values, which stand beside their bars however narrow the chart."""


def player_order(values: np.ndarray, order: Literal["time", "size"]) -> np.ndarray:
    """(n,) rows of players: as they happened, or the largest first."""
    return np.arange(len(values)) if order == "time" else np.argsort(-np.abs(values), kind="stable")


@dataclass(frozen=True)
class Step:
    """A bar of a staircase: its name, a figure behind it, how far it moves the score, and its standard error."""

    name: str
    number: str
    value: float
    spread: float


@dataclass(frozen=True)
class Frame:
    """What a staircase needs beside its bars.

    Attributes:
        key: what it is called in files.
        alt: in words.
        measure: on its axis.
        table: its figures.
        ends: what its first and last rows are called; base and score if None.
    """

    key: str
    alt: str
    measure: str
    table: Table
    ends: tuple[str, str] | None = None


def event_number(player: Player) -> str:
    """An event's place in the whole history; empty for a group."""
    return "" if player.position is None else count(player.position)


def waterfall(
    answer: Attribution,
    order: Literal["time", "size"],
    dark: bool,
    frame: Frame | None = None,
    numbered: Callable[[Player], str] = event_number,
) -> Chart:
    """Bars from base to score, one a history event, in SHAP's colours, with the spread over permutations.

    Args:
        answer: what is drawn.
        order: of the bars.
        dark: which palette.
        frame: of the item's score when not given.
        numbered: what stands behind an event's title.
    """
    values = np.array([player.value for player in answer.players], dtype=float)
    ordered = [answer.players[row] for row in player_order(values, order)]
    steps = [Step(player_label(one), numbered(one), one.value, one.spread) for one in ordered]
    return staircase(answer.base, answer.score, steps, dark, frame or _frame(answer), _from_other(answer))


def instead(difference: Attribution, dark: bool, frame: Frame) -> Chart:
    """Bars from two items that stand alike to the difference of their scores: that of their bases, then the events.

    Args:
        difference: of the two, as if it were one item's explanation.
        dark: which palette.
        frame: what the chart and its ends are called.
    """
    bases = Step(_("difference of the bases"), "", difference.base, 0.0)
    events = [Step(player_label(one), event_number(one), one.value, one.spread) for one in difference.players]
    return staircase(0.0, difference.score, [bases, *events], dark, frame)


def _from_other(answer: Attribution) -> tuple[str, float] | None:
    """Where the other item stands with every event hidden, and what its row is called."""
    if answer.against is None:
        return None
    return _("base of “{title}”").format(title=answer.against.title), answer.against.base


def _frame(answer: Attribution) -> Frame:
    columns = (_("Event"), _("Title"), _("Number"), _("Value"), _("Standard error"), _("Item"))
    rows = tuple((p.position, player_label(p), p.n_events, p.value, p.spread, p.item_id) for p in answer.players)
    alt = _("Waterfall from the base value over the events of the history to the item's score.")
    return Frame("waterfall", alt, score_name(answer.model), Table(columns, rows))


def staircase(
    base: float,
    score: float,
    bars: Sequence[Step],
    dark: bool,
    frame: Frame,
    other: tuple[str, float] | None = None,
) -> Chart:
    """Bars from base to score, read from the top: each bar starts where the one above it ends.

    Args:
        base, score: the ends.
        bars: from one to the other.
        dark: which palette.
        frame: what the chart is called.
        other: another item's base and its name, against which the base is drawn as a bar.
    """
    p = palette(dark)
    first_name, last_name = frame.ends or (_("base"), _("score"))
    steps = (base + np.concatenate([[0.0], np.cumsum([bar.value for bar in bars])])).tolist()
    reach = [(end - bar.spread, end + bar.spread) for bar, end in zip(bars, steps[1:], strict=True)]
    ends = [score, *steps, *(() if other is None else other[1:]), *(end for two in reach for end in two)]
    low, high = min(ends), max(ends)
    margin = 0.04 * max(high - low, 1e-6)
    scale = Scale(low - margin, high + margin)
    step = [Shape("step", scale.at(x), scale.at(x), p.muted) for x in steps]
    start, end = scale.at(base), scale.at(score)
    first = Shape("open-diamond", start, start, p.text)
    rows: list[ChartRow] = []
    shapes: tuple[Shape, ...] = (step[0], first)
    tip = ""
    if other is not None:
        name, stands = other[0], scale.at(other[1])
        there = Shape("step", stands, stands, p.muted), Shape("open-diamond", stands, stands, p.muted)
        rows.append(ChartRow(name, there, value=Value(stands, number(other[1]), p.muted)))
        shapes = (step[0], Shape("bar", stands, start, p.baseline), first)
        tip = f"{_('base')}: {signed(base - other[1])}"
    rows.append(ChartRow(first_name, shapes, value=Value(start, number(base), p.text, True), tip=tip))
    for i, bar in enumerate(bars):
        colour = p.raises if bar.value >= 0 else p.lowers
        least, most = (scale.at(reached) for reached in reach[i])
        shapes = (
            step[i + 1],
            Shape("bar", scale.at(steps[i]), scale.at(steps[i + 1]), colour),
            Shape("whisker", least, most, p.muted),
        )
        value = Value(max(scale.at(steps[i]), most), signed(bar.value), colour)
        tip = f"{bar.name}: {signed(bar.value)} ± {number(bar.spread, 2)}"
        rows.append(ChartRow(bar.name, shapes, bar.number, value, tip))
    last = Shape("diamond", end, end, p.text)
    rows.append(ChartRow(last_name, (last,), value=Value(end, number(score), p.text, True), bold=True))
    return Chart(
        frame.key, frame.alt, tuple(rows), scale.ticks(), frame.measure, ink(dark), frame.table, room=VALUE_ROOM
    )


def score_name(model: str) -> str:
    """What the explained score is called on an axis."""
    return _("raw logit of the item") if model == "transformer" else _("the ensemble's score of the item")
