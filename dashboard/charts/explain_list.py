"""The events of a history against the items of a list: what each adds to the score of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.style import figure, label, palette, plain
from dashboard.text.common import player_label
from dashboard.text.i18n import _, count, signed

if TYPE_CHECKING:
    from engine import Attribution

TITLE_WIDTH = 24
"""Characters of a title beside the map; the whole title is shown on hover."""


def heatmap(answers: Sequence[Attribution], dark: bool, chosen: str | None = None) -> go.Figure:
    """Events from the oldest at the top, items from the best at the left, coloured by what one adds to the other.

    Args:
        answers: one an item, best first, all of the same history.
        dark: which palette.
        chosen: id of the item that stands in bold.
    """
    p = palette(dark)
    players = answers[0].players
    values = np.array([[player.value for player in answer.players] for answer in answers]).T  # (players, items)
    most = float(np.abs(values).max()) or 1.0
    rows = [plain(player_label(player)) for player in players]
    columns = [f"{count(place)}. {plain(answer.title)}" for place, answer in enumerate(answers, start=1)]
    fig = figure(dark, 210 + 22 * len(players), margin={"l": 8, "r": 8, "t": 8, "b": 56})
    fig.add_heatmap(
        z=values,
        zmin=-most,
        zmax=most,
        colorscale=[[0, p.lowers], [0.5, p.background], [1, p.raises]],
        xgap=1,
        ygap=1,
        customdata=[
            [[row, column, signed(float(value))] for column, value in zip(columns, line, strict=True)]
            for row, line in zip(rows, values, strict=True)
        ],
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br><b>%{customdata[2]}</b><extra></extra>",
        colorbar={
            "orientation": "h",
            "thickness": 10,
            "len": 0.7,
            "y": 0,
            "yanchor": "top",
            "ypad": 10,
            "tickvals": [-most, 0, most],
            "ticktext": [signed(-most, 2), "0", signed(most, 2)],
            "tickfont": {"color": p.muted, "size": 12},
            "outlinewidth": 0,
            "title": {"text": _("adds to the score"), "side": "bottom", "font": {"color": p.muted, "size": 12}},
        },
    )
    named = [f"{count(place)}. {label(answer.title, 18)}" for place, answer in enumerate(answers, start=1)]
    bold = [f"<b>{n}</b>" if a.item_id == chosen else n for n, a in zip(named, answers, strict=True)]
    fig.update_xaxes(
        side="top",
        tickvals=list(range(len(answers))),
        ticktext=bold,
        tickangle=-90,  # at a slant the last titles would leave a narrow screen
        showgrid=False,
        zeroline=False,
        tickfont={"color": p.text, "size": 11},
    )
    fig.update_yaxes(
        tickvals=list(range(len(players))),
        ticktext=[_row(label(player_label(player), TITLE_WIDTH), player.position) for player in players],
        range=[len(players) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
        tickfont={"color": p.text, "size": 11},
    )
    return fig


def _row(text: str, position: int | None) -> str:
    return text if position is None else f"{text} <i>{position}</i>"
