"""The waterfall of an explanation: from the base value, event by event, to the item's score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.style import figure, label, palette, plain
from dashboard.i18n import _, signed
from dashboard.i18n import figure as number
from dashboard.words import player_label

if TYPE_CHECKING:
    from engine import Attribution


VALUE_ROOM = 64
"""Pixels at the right for the values, which stand beside their bars however narrow the chart."""


def player_order(values: np.ndarray, order: Literal["time", "size"]) -> np.ndarray:
    """(n,) rows of players: as they happened, or the largest first."""
    return np.arange(len(values)) if order == "time" else np.argsort(-np.abs(values), kind="stable")


def waterfall(answer: Attribution, order: Literal["time", "size"], dark: bool, measure: str | None = None) -> go.Figure:
    """Bars from base to score, one a history event, in SHAP's colours, with the spread over permutations.

    Read from the top: each bar starts where the one above it ends.

    Args:
        answer: what is drawn.
        order: of the bars.
        dark: which palette.
        measure: what the axis is called; the item's score when not given.
    """
    p = palette(dark)
    values = np.array([player.value for player in answer.players], dtype=float)
    rows = player_order(values, order)
    steps = answer.base + np.concatenate([[0.0], np.cumsum(values[rows])])
    n = len(rows)
    fig = figure(dark, 120 + 27 * (n + 2), margin={"l": 8, "r": VALUE_ROOM, "t": 8, "b": 8})
    for raises, colour in ((True, p.raises), (False, p.lowers)):
        mine = np.flatnonzero((values[rows] >= 0) == raises)
        players = [answer.players[rows[i]] for i in mine]
        fig.add_bar(
            orientation="h",
            y=mine + 1,
            base=steps[mine],
            width=0.76,  # plotly would take a colour's own nearest rows for its measure
            x=values[rows][mine],
            marker={"color": colour, "line": {"width": 0}},
            error_x={"array": [player.spread for player in players], "color": p.muted, "thickness": 1, "width": 3},
            customdata=[
                [plain(player_label(player)), signed(player.value), number(player.spread, 2)] for player in players
            ],
            hovertemplate="%{customdata[0]}: %{customdata[1]} ± %{customdata[2]}<extra></extra>",
        )
    for i in range(n + 1):
        fig.add_shape(
            type="line",
            x0=steps[i],
            x1=steps[i],
            y0=i - 0.38,
            y1=i + 1.38,
            line={"color": p.muted, "width": 1, "dash": "dot"},
        )
    for y, x, symbol in ((0, answer.base, "diamond-open"), (n + 1, answer.score, "diamond")):
        fig.add_scatter(
            x=[x], y=[y], mode="markers", marker={"size": 12, "symbol": symbol, "color": p.text}, hoverinfo="skip"
        )
    reach = np.array([player.spread for player in answer.players], dtype=float)[rows]
    low = float(min([answer.score, *(steps[1:] - reach), *steps]))
    high = float(max([answer.score, *(steps[1:] + reach), *steps]))
    room = max(high - low, 1e-6)
    _write_values(fig, answer, values[rows], steps, rows, dark)
    texts = [_("base"), *(_row_label(answer, int(r)) for r in rows), _("<b>score</b>")]
    fig.update_yaxes(
        tickvals=list(range(n + 2)),
        ticktext=texts,
        range=[n + 1.6, -0.6],
        showgrid=False,
        zeroline=False,
        tickfont={"color": p.text, "size": 12},
    )
    fig.update_xaxes(
        title_text=measure or score_name(answer.model),
        range=[low - 0.06 * room, high + 0.04 * room],
        nticks=6,
        zeroline=False,
    )
    fig.update_layout(barmode="overlay")
    return fig


def score_name(model: str) -> str:
    """What the explained score is called on an axis."""
    return _("raw logit of the item") if model == "transformer" else _("the ensemble's score of the item")


def _write_values(
    fig: go.Figure, answer: Attribution, values: np.ndarray, steps: np.ndarray, rows: np.ndarray, dark: bool
) -> None:
    """Each value at the right of its bar, clear of the spread and of the titles at the left; base and score too."""
    p = palette(dark)
    for i, value in enumerate(values):
        fig.add_annotation(
            x=max(steps[i], steps[i + 1] + answer.players[rows[i]].spread),
            y=i + 1,
            text=signed(float(value)),
            showarrow=False,
            xanchor="left",
            xshift=5,
            font={"color": p.raises if value >= 0 else p.lowers, "size": 12},
        )
    for y, x in ((0, answer.base), (len(values) + 1, answer.score)):
        fig.add_annotation(
            x=x,
            y=y,
            text=f"<b>{number(x)}</b>",
            showarrow=False,
            xanchor="left",
            xshift=11,
            font={"color": p.text, "size": 13},
        )


def _row_label(answer: Attribution, row: int) -> str:
    player = answer.players[row]
    text = label(player_label(player), 34)
    return text if player.position is None else f"{text} <i>{player.position}</i>"
