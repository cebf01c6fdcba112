"""The values of many users: one dot a value, and how far each group of values moves scores, head and tail apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.style import figure, label, palette, plain
from dashboard.text.common import cohort_name
from dashboard.text.i18n import _, count, figure as number, signed

SIDES = (("head", -0.2), ("tail", 0.2))
"""Cohorts from the top, and how far each stands from the middle of a group's row."""

REACH = 0.17
"""How far the densest stretch of dots spreads from its cohort's line."""

_BINS = 80
_FEW = 4  # dots side by side that fill a row's width; fewer lie nearer

ROW = 54
"""Pixels a group takes."""


def beeswarm(values: pd.DataFrame, names: Mapping[str, str], dark: bool) -> go.Figure:
    """A dot for every value, spread where many lie together.

    Args:
        values: what `engine.values_by` gives; groups are drawn from the top in their order.
        names: group -> what it is called.
        dark: which palette.
    """
    p = palette(dark)
    groups = list(values["group"].cat.categories)
    fig = _rows(groups, names, dark)
    every = values["value"].to_numpy(dtype=np.float64)
    low, high = every.min(), every.max()
    for cohort, shift in SIDES:
        mine = values.loc[values["cohort"] == cohort]
        codes, x = mine["group"].cat.codes.to_numpy(), mine["value"].to_numpy()
        fig.add_scatter(
            x=x,
            y=codes + shift + swarm(codes, x, low, high),
            mode="markers",
            marker={"size": 4.5, "color": getattr(p, cohort), "opacity": 0.6, "line": {"width": 0}},
            customdata=[
                [plain(names[groups[code]]), plain(str(user)), signed(float(value))]
                for code, user, value in zip(codes, mine["user_id"], x, strict=True)
            ],
            hovertemplate="%{customdata[0]}<br>"
            + plain(cohort_name(cohort))
            + " %{customdata[1]}: %{customdata[2]}<extra></extra>",
        )
    fig.add_vline(x=0, line={"color": p.muted, "width": 1})
    fig.update_xaxes(title_text=_("adds to the score"), nticks=6, zeroline=False)
    return fig


def swarm(codes: np.ndarray, x: np.ndarray, low: float, high: float) -> np.ndarray:
    """(n,) offsets across: dots of one row and nearly one value stand side by side, a row's densest `REACH` away."""
    bins = np.minimum(((x - low) / max(high - low, 1e-9) * _BINS).astype(int), _BINS - 1)
    place = pd.Series(1, index=range(len(x))).groupby([codes, bins]).cumsum().to_numpy() - 1
    steps = (place + 1) // 2 * np.where(place % 2 == 0, 1, -1)
    widest = np.full(int(codes.max(initial=0)) + 1, _FEW)
    np.maximum.at(widest, codes, np.abs(steps))
    return steps * (REACH / widest[codes])


def sizes(table: pd.DataFrame, names: Mapping[str, str], dark: bool) -> go.Figure:
    """Mean absolute values of every group, with intervals over users.

    Args:
        table: what `engine.value_sizes` gives.
        names: group -> what it is called.
        dark: which palette.
    """
    p = palette(dark)
    groups = list(names)
    fig = _rows(groups, names, dark)
    for cohort, shift in SIDES:
        mine = table.loc[table["cohort"] == cohort]
        colour = getattr(p, cohort)
        at = [groups.index(group) + shift for group in mine["group"]]
        fig.add_bar(
            orientation="h",
            x=mine["size"],
            y=at,
            width=0.34,
            marker={"color": colour, "line": {"width": 0}},
            error_x={
                "array": mine["high"] - mine["size"],
                "arrayminus": mine["size"] - mine["low"],
                "color": p.text,
                "thickness": 1.2,
                "width": 3,
            },
            customdata=[
                [plain(names[row.group]), number(row.size_), number(row.low), number(row.high), count(row.n_users)]
                for row in mine.rename(columns={"size": "size_"}).itertuples()
            ],
            hovertemplate="%{customdata[0]}<br>"
            + plain(cohort_name(cohort))
            + " %{customdata[1]} (%{customdata[2]} – %{customdata[3]}), n = %{customdata[4]}<extra></extra>",
        )
    fig.update_xaxes(title_text=_("mean absolute value"), nticks=5, rangemode="tozero", zeroline=False)
    fig.update_layout(barmode="overlay")
    return fig


def _rows(groups: list[str], names: Mapping[str, str], dark: bool) -> go.Figure:
    """An empty figure with a row for each group from the top, and the cohorts' colours named above."""
    p = palette(dark)
    fig = figure(dark, 120 + ROW * len(groups), margin={"l": 8, "r": 12, "t": 34, "b": 8})
    fig.update_yaxes(
        tickvals=list(range(len(groups))),
        ticktext=[label(names[group], 26) for group in groups],
        range=[len(groups) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
        tickfont={"color": p.text, "size": 12},
    )
    for x, (cohort, _shift) in zip((0.0, 0.35), SIDES, strict=True):
        fig.add_annotation(
            x=x,
            y=1,
            xref="paper",
            yref="paper",
            yanchor="bottom",
            yshift=6,
            xanchor="left",
            showarrow=False,
            text=f"● {cohort_name(cohort)}",
            font={"color": getattr(p, cohort), "size": 13},
        )
    return fig
