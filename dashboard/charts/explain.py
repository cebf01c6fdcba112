"""The waterfall of an explanation: from the base value, event by event, to the item's score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.style import AXIS_ROOM, drawn, label, palette, plain, room
from dashboard.i18n import _, signed
from dashboard.i18n import figure as number
from dashboard.words import player_label

if TYPE_CHECKING:
    from engine import Attribution, Player


VALUE_ROOM = 64
"""Pixels at the right for the values, which stand beside their bars however narrow the chart."""


def player_order(values: np.ndarray, order: Literal["time", "size"]) -> np.ndarray:
    """(n,) rows of players: as they happened, or the largest first."""
    return np.arange(len(values)) if order == "time" else np.argsort(-np.abs(values), kind="stable")


@dataclass(frozen=True)
class Step:
    """A bar of a staircase: what it is called beside the bar and on hover, and how far it moves the score."""

    label: str
    name: str
    value: float
    spread: float


def waterfall(answer: Attribution, order: Literal["time", "size"], dark: bool, measure: str | None = None) -> go.Figure:
    """Bars from base to score, one a history event, in SHAP's colours, with the spread over permutations.

    Args:
        answer: what is drawn.
        order: of the bars.
        dark: which palette.
        measure: what the axis is called; the item's score when not given.
    """
    values = np.array([player.value for player in answer.players], dtype=float)
    ordered = [answer.players[row] for row in player_order(values, order)]
    steps = [Step(_row_label(player), player_label(player), player.value, player.spread) for player in ordered]
    return staircase(answer.base, answer.score, steps, dark, measure or score_name(answer.model))


def staircase(base: float, score: float, bars: Sequence[Step], dark: bool, measure: str) -> go.Figure:
    """Bars from base to score, read from the top: each bar starts where the one above it ends."""
    p = palette(dark)
    values = np.array([bar.value for bar in bars], dtype=float)
    reach = np.array([bar.spread for bar in bars], dtype=float)
    steps = base + np.concatenate([[0.0], np.cumsum(values)])
    n = len(bars)
    traces: list[dict[str, Any]] = []
    for raises, colour in ((True, p.raises), (False, p.lowers)):
        mine = np.flatnonzero((values >= 0) == raises)
        bar = {
            "type": "bar",
            "orientation": "h",
            "y": mine + 1,
            "base": steps[mine].tolist(),
            "width": 0.76,  # plotly would take a colour's own nearest rows for its measure
            "x": values[mine],
            "marker": {"color": colour, "line": {"width": 0}},
            "error_x": {"array": reach[mine], "color": p.muted, "thickness": 1, "width": 3},
            "customdata": [
                [plain(bars[i].name), signed(bars[i].value), number(bars[i].spread, 2)] for i in mine.tolist()
            ],
            "hovertemplate": "%{customdata[0]}: %{customdata[1]} ± %{customdata[2]}<extra></extra>",
        }
        traces.append(bar)
    for y, x, symbol in ((0, base, "diamond-open"), (n + 1, score, "diamond")):
        marker = {"size": 12, "symbol": symbol, "color": p.text}
        traces.append({"type": "scatter", "x": [x], "y": [y], "mode": "markers", "marker": marker, "hoverinfo": "skip"})
    low = float(min([score, *(steps[1:] - reach), *steps]))
    high = float(max([score, *(steps[1:] + reach), *steps]))
    span = max(high - low, 1e-6)
    labels = [_("base"), *(bar.label for bar in bars), _("<b>score</b>")]
    layout = {
        "margin": {"l": room(labels), "r": VALUE_ROOM, "b": AXIS_ROOM},
        "barmode": "overlay",
        "shapes": [
            {
                "type": "line",
                "x0": x,
                "x1": x,
                "y0": i - 0.38,
                "y1": i + 1.38,
                "line": {"color": p.muted, "width": 1, "dash": "dot"},
            }
            for i, x in enumerate(steps.tolist())
        ],
        "annotations": _values(bars, steps.tolist(), score, dark),
        "yaxis": {
            "tickvals": list(range(n + 2)),
            "ticktext": labels,
            "range": [n + 1.6, -0.6],
            "showgrid": False,
            "zeroline": False,
            "tickfont": {"color": p.text, "size": 12},
        },
        "xaxis": {
            "title": {"text": measure},
            "range": [low - 0.06 * span, high + 0.04 * span],
            "nticks": 6,
            "zeroline": False,
        },
    }
    return drawn(dark, 120 + 27 * (n + 2), traces, layout)


def score_name(model: str) -> str:
    """What the explained score is called on an axis."""
    return _("raw logit of the item") if model == "transformer" else _("the ensemble's score of the item")


def _values(bars: Sequence[Step], steps: list[float], score: float, dark: bool) -> list[dict[str, Any]]:
    """Each value at the right of its bar, clear of the spread and of the titles at the left; base and score too."""
    p = palette(dark)
    beside = {"showarrow": False, "xanchor": "left"}
    moved = [
        {
            "x": max(steps[i], steps[i + 1] + bar.spread),
            "y": i + 1,
            "text": signed(bar.value),
            "xshift": 5,
            "font": {"color": p.raises if bar.value >= 0 else p.lowers, "size": 12},
            **beside,
        }
        for i, bar in enumerate(bars)
    ]
    ends = [
        {"x": x, "y": y, "text": f"<b>{number(x)}</b>", "xshift": 11, "font": {"color": p.text, "size": 13}, **beside}
        for y, x in ((0, steps[0]), (len(bars) + 1, score))
    ]
    return [*moved, *ends]


def _row_label(player: Player) -> str:
    text = label(player_label(player), 34)
    return text if player.position is None else f"{text} <i>{player.position}</i>"
