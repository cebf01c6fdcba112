"""Charts of the catalogue: a map of items, and exposure against popularity."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.style import figure, label, palette, plain, rgba
from dashboard.text.common import category as category_name, cohort_name
from dashboard.text.i18n import _, count

KINDS = 7
"""Categories that have a look of their own; the others share one."""

_HUES = {
    False: ("#0E7490", "#B45309", "#7E22CE", "#15803D", "#BE123C", "#1D4ED8", "#A16207"),
    True: ("#22D3EE", "#FBBF24", "#D8B4FE", "#86EFAC", "#FDA4AF", "#93C5FD", "#FDE68A"),
}
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star")


def catalogue(
    table: pd.DataFrame,
    colour: str,
    item: str,
    history: Collection[str],
    listed: Collection[str],
    dark: bool,
    item_cut: int,
) -> go.Figure:
    """Items on a plane; a user's history ringed, their list as diamonds, the chosen item named.

    Args:
        table: `item_id`, `title`, `category`, `item_cohort`, `popularity`, `x`, `y`.
        colour: "popularity" or "category".
        item: id of the chosen item.
        history: ids of a user's events.
        listed: ids of what they are recommended.
        dark: which palette.
        item_cut: training interactions of the least popular head item: where the colours part.
    """
    p = palette(dark)
    fig = figure(dark, 620)
    if colour == "category":
        _by_category(fig, table, dark)
    else:
        _by_popularity(fig, table, dark, item_cut)
    for name, ids, symbol, tint, size in (
        (_("history"), history, "circle-open", p.text, 13),
        (_("recommended"), listed, "diamond-open", p.model, 15),
    ):
        rows = table.loc[table["item_id"].isin(list(ids))]
        fig.add_trace(
            go.Scattergl(
                x=rows["x"],
                y=rows["y"],
                mode="markers",
                name=f"{name} ({count(len(rows))})",
                marker={"symbol": symbol, "size": size, "color": tint, "line": {"color": tint, "width": 2}},
                customdata=_data(rows),
                hovertemplate=_HOVER,
            )
        )
    for row in table.loc[table["item_id"] == item].to_dict("records"):
        fig.add_annotation(
            x=row["x"],
            y=row["y"],
            text=f"<b>{label(str(row['title']), 32)}</b>",
            arrowcolor=p.text,
            arrowwidth=1.5,
            arrowhead=0,
            ax=0,
            ay=-34,
            font={"color": p.text, "size": 13},
            bgcolor=rgba(p.background, 0.8),
        )
    blank: dict[str, Any] = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}
    fig.update_xaxes(**blank)
    fig.update_yaxes(**blank, scaleanchor="x")
    fig.update_layout(
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": -0.02, "yanchor": "top", "font": {"color": p.text, "size": 12}},
        clickmode="event+select",
        dragmode="pan",
        hovermode="closest",
    )
    return fig


_HOVER = "%{customdata[1]}<br>%{customdata[2]}<br>%{customdata[3]}<extra></extra>"


def _data(rows: pd.DataFrame) -> list[list[str]]:
    return [
        [item_id, plain(title), plain(category_name(category) or ""), _("{n} training events").format(n=count(met))]
        for item_id, title, category, met in zip(
            rows["item_id"], rows["title"], rows["category"], rows["popularity"], strict=True
        )
    ]


def _by_popularity(fig: go.Figure, table: pd.DataFrame, dark: bool, item_cut: int) -> None:
    """One trace, from the tail's colour over grey at the cut to the head's, on a scale of logarithms."""
    p = palette(dark)
    low, high = 0.0, float(np.log10(max(int(table["popularity"].to_numpy().max()), 2)))
    cut = min(max(float(np.log10(max(item_cut, 1))) / high, 0.02), 0.98)
    values = np.log10(np.maximum(table["popularity"].to_numpy(), 1))
    ticks = [t for t in (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 100_000) if np.log10(t) <= high]
    fig.add_trace(
        go.Scattergl(
            x=table["x"],
            y=table["y"],
            mode="markers",
            name=_("items"),
            showlegend=False,
            marker={
                "size": 6,
                "color": values,
                "colorscale": [[0.0, p.tail], [cut, p.muted], [1.0, p.head]],
                "cmin": low,
                "cmax": high,
                "opacity": 0.75,
                "colorbar": {
                    "title": {"text": _("training events"), "side": "top", "font": {"color": p.muted, "size": 12}},
                    "tickvals": [float(np.log10(t)) for t in ticks],
                    "ticktext": [count(t) for t in ticks],
                    "tickfont": {"color": p.muted, "size": 12},
                    "orientation": "h",
                    "thickness": 8,
                    "len": 0.5,
                    "x": 1,
                    "xanchor": "right",
                    "y": 1.0,
                    "yanchor": "bottom",
                    "outlinewidth": 0,
                },
            },
            customdata=_data(table),
            hovertemplate=_HOVER,
        )
    )
    fig.update_layout(margin_t=56)


def _by_category(fig: go.Figure, table: pd.DataFrame, dark: bool) -> None:
    """A trace for each of the most frequent categories, told apart by colour and by shape."""
    p = palette(dark)
    frequent = table.loc[table["category"] != "", "category"].value_counts().index[:KINDS].tolist()
    for at, kind in enumerate(frequent):
        rows = table.loc[table["category"] == kind]
        fig.add_trace(
            go.Scattergl(
                x=rows["x"],
                y=rows["y"],
                mode="markers",
                name=label(category_name(str(kind)) or str(kind), 24),
                marker={"size": 7, "color": _HUES[dark][at], "symbol": _SYMBOLS[at], "opacity": 0.75},
                customdata=_data(rows),
                hovertemplate=_HOVER,
            )
        )
    rest = table.loc[~table["category"].isin(frequent)]
    if len(rest):
        fig.add_trace(
            go.Scattergl(
                x=rest["x"],
                y=rest["y"],
                mode="markers",
                name=_("other"),
                marker={"size": 4, "color": p.muted, "opacity": 0.5},
                customdata=_data(rest),
                hovertemplate=_HOVER,
            )
        )


def exposure(table: pd.DataFrame, item: str, dark: bool) -> go.Figure:
    """Rank in lists against rank in popularity; on the line an item is shown as much as it is met.

    Args:
        table: `item_id`, `title`, `category`, `item_cohort`, `popularity`, `popularity_rank`, `exposure`,
            `exposure_rank`.
        item: id of the chosen item.
        dark: which palette.
    """
    p = palette(dark)
    fig = figure(dark, 420)
    shown = table.loc[table["exposure"] > 0]
    worst = float(max(*(table[name].to_numpy().max() for name in ("popularity_rank", "exposure_rank")), 2))
    for cohort, tint, symbol in (("head", p.head, "circle"), ("tail", p.tail, "diamond")):
        rows = shown.loc[shown["item_cohort"] == cohort]
        fig.add_trace(
            go.Scattergl(
                x=rows["popularity_rank"],
                y=rows["exposure_rank"],
                mode="markers",
                name=_("{cohort} items").format(cohort=cohort_name(cohort)),
                marker={"size": 6, "color": tint, "symbol": symbol, "opacity": 0.6},
                customdata=_data(rows),
                hovertemplate=_HOVER,
            )
        )
    fig.add_scatter(
        x=[1, worst], y=[1, worst], mode="lines", showlegend=False, hoverinfo="skip",
        line={"color": p.muted, "width": 1, "dash": "dot"},
    )  # fmt: skip
    for row in table.loc[table["item_id"] == item].to_dict("records"):
        fig.add_scatter(
            x=[row["popularity_rank"]],
            y=[row["exposure_rank"]],
            mode="markers",
            showlegend=False,
            marker={"size": 15, "symbol": "circle-open", "color": p.text, "line": {"color": p.text, "width": 2}},
            hoverinfo="skip",
        )
        fig.add_annotation(
            x=float(np.log10(row["popularity_rank"])),
            y=float(np.log10(row["exposure_rank"])),
            text=f"<b>{label(str(row['title']), 28)}</b>",
            arrowcolor=p.text,
            arrowhead=0,
            ax=0,
            ay=-30 if row["exposure_rank"] > 3 else 34,  # above the top ranks stands the legend
            font={"color": p.text, "size": 13},
            bgcolor=rgba(p.background, 0.8),
        )
    ends = [-0.1, float(np.log10(worst)) + 0.1]
    fig.update_xaxes(title_text=_("rank by popularity, 1 is the most popular"), type="log", dtick=1, range=ends)
    fig.update_yaxes(title_text=_("rank by lists, 1 is in most"), type="log", dtick=1, range=list(reversed(ends)))
    fig.update_layout(
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"color": p.text, "size": 12}},
        clickmode="event+select",
        hovermode="closest",
    )
    return fig
