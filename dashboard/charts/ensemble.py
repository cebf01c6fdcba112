"""The chart of an ensemble: how much each member counts, for short histories and for long ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.style import figure, look, palette, rgba
from dashboard.text.common import model_name
from dashboard.text.i18n import _, count, percent

if TYPE_CHECKING:
    from engine import EnsembleWeights

LABELLED = 0.1
"""A narrower part of a bar has no room for its share, which is then told on hover and in the table alone."""


def bin_labels(weights: EnsembleWeights) -> list[str]:
    """History lengths of each bin: "1–2", "3", "12+"."""
    lows = [1, *(int(last) + 1 for last in weights.longest)]
    highs = [*(int(last) for last in weights.longest), None]
    return [
        f"{low}+" if high is None else f"{low}" if low >= high else f"{low}–{high}"
        for low, high in zip(lows, highs, strict=True)
    ]


def blend_table(weights: EnsembleWeights) -> pd.DataFrame:
    """A row for each bin of history lengths.

    Returns:
        `label`, `n` (validation users); "influence MEMBER" and "weight MEMBER" for each member, and for them and for
        the ensemble "ndcg MEMBER", NaN where a bin has nobody.
    """
    columns: dict[str, object] = {"label": bin_labels(weights), "n": weights.n_users}
    for at, member in enumerate(weights.members):
        columns[f"influence {member}"] = weights.influence[:, at]
        columns[f"weight {member}"] = weights.weights[:, at]
    columns |= {f"ndcg {name}": values for name, values in weights.by_length.items()}
    return pd.DataFrame(columns)


def influence(weights: EnsembleWeights, dark: bool) -> go.Figure:
    """A bar for each bin of history lengths, the shortest at the top, parted among the members."""
    p = palette(dark)
    labels = bin_labels(weights)
    fig = figure(dark, 128 + 40 * len(labels))
    left = weights.influence.cumsum(axis=1) - weights.influence
    greys = {"ease": 0.62, "itemknn": 0.3}  # of one colour, since both are baselines; the names tell them apart
    for at, member in enumerate(weights.members):
        shares = weights.influence[:, at]
        colour = look(member, dark).colour
        fig.add_bar(
            orientation="h",
            name=model_name(member),
            y=list(range(len(labels))),
            x=shares,
            base=left[:, at],
            width=0.72,
            marker={
                "color": rgba(colour, greys[member]) if member in greys else colour,
                "line": {"color": p.background, "width": 1},
            },
            customdata=[
                [label, percent(share), count(n)]
                for label, share, n in zip(labels, shares, weights.n_users, strict=True)
            ],
            hovertemplate=f"{model_name(member)}: %{{customdata[1]}}, n = %{{customdata[2]}}<extra></extra>",
        )
        for row, share in enumerate(shares):
            if share >= LABELLED:
                fig.add_annotation(
                    x=left[row, at] + share / 2,
                    y=row,
                    text=percent(share),
                    showarrow=False,
                    font={"color": p.text if member in greys else p.background, "size": 12},
                )
    fig.update_yaxes(
        tickvals=list(range(len(labels))),
        ticktext=labels,
        title_text=_("events in history"),
        range=[len(labels) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        tickfont={"color": p.text, "size": 12},
    )
    fig.update_xaxes(
        title_text=_("share of the ensemble's weight"), range=[0, 1], tickformat=".0%", dtick=0.2, showgrid=False
    )
    fig.update_layout(
        barmode="overlay",
        showlegend=True,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "traceorder": "normal",
            "itemclick": False,
            "itemdoubleclick": False,
            "font": {"color": p.text, "size": 13},
        },
    )
    return fig
