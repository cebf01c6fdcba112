"""Charts of a changed history: ranks before and now, where the last row looks, and lists by the number of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.style import AXIS_ROOM, drawn, figure, label, look, palette, plain, rgba, room
from dashboard.i18n import _, count, percent
from dashboard.i18n import figure as number
from dashboard.words import metric_name

if TYPE_CHECKING:
    from engine import AttentionMap, Confidence, Growth, Moved

READOUT_EVENTS = 20
"""Events whose attention is drawn, the newest."""

RANK_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20000, 100000)


def ranks(moved: tuple[Moved, ...], k: int, dark: bool) -> go.Figure:
    """Each item's rank before (hollow) and now (filled), on a scale that gives the first ranks the most room."""
    p = palette(dark)
    rows = [one for one in moved if one.now is not None or one.before is not None]
    worst = max([rank for one in rows for rank in (one.before, one.now) if rank is not None] + [k])
    traces: list[dict[str, Any]] = []
    for colour in (p.raises, p.lowers):
        mine = [(row, one) for row, one in enumerate(rows) if _went(one) and _direction(one, dark) == colour]
        line = {
            "type": "scatter",
            "x": [rank for _row, one in mine for rank in (one.before, one.now, None)],  # None ends a line
            "y": [at for row, _one in mine for at in (row, row, None)],
            "mode": "lines",
            "line": {"color": colour, "width": 2},
            "hoverinfo": "skip",
        }
        traces += [line] if mine else []
    for name, filled in (("before", False), ("now", True)):
        known = [(row, one, getattr(one, name)) for row, one in enumerate(rows) if getattr(one, name) is not None]
        colours = [_direction(one, dark) for _row, one, _rank in known]
        dots = {
            "type": "scatter",
            "x": [rank for _row, _one, rank in known],
            "y": [row for row, _one, _rank in known],
            "mode": "markers",
            "marker": {
                "size": 11 if filled else 9,
                "symbol": "circle" if filled else "circle-open",
                "color": colours,
                "line": {"color": colours, "width": 2},
            },
            "customdata": [
                [plain(one.title), _("now") if filled else _("before"), count(rank)] for _row, one, rank in known
            ],
            "hovertemplate": "%{customdata[0]}<br>%{customdata[1]}: %{customdata[2]}<extra></extra>",
        }
        traces.append(dots)
    end = {"type": "line", "x0": k + 0.5, "x1": k + 0.5, "y0": -0.7, "y1": len(rows) - 0.3}
    titles = [label(one.title, 30) for one in rows]
    layout = {
        "margin": {"l": room(titles), "b": AXIS_ROOM},
        "shapes": [{**end, "line": {"color": p.muted, "width": 1, "dash": "dot"}}],
        "xaxis": {
            "title": {"text": _("rank, best at the left")},
            "type": "log",
            "range": [float(np.log10(0.8)), float(np.log10(worst * 1.25))],
            "tickvals": [tick for tick in RANK_TICKS if tick <= worst * 1.2],
            "tickformat": "d",
        },
        "yaxis": {
            "tickvals": list(range(len(rows))),
            "ticktext": titles,
            "range": [len(rows) - 0.3, -0.7],
            "showgrid": False,
            "zeroline": False,
            "tickfont": {"color": p.text, "size": 12},
        },
    }
    return drawn(dark, 90 + 26 * max(len(rows), 1), traces, layout)


def _went(one: Moved) -> bool:
    """Whether the item has a rank before and another now."""
    return one.before is not None and one.now is not None and one.before != one.now


def _direction(one: Moved, dark: bool) -> str:
    p = palette(dark)
    if one.before == one.now:
        return p.muted
    return p.raises if (one.now or np.inf) < (one.before or np.inf) else p.lowers


def readout(found: AttentionMap, dark: bool) -> go.Figure:
    """What the last row of every head looks at, over the newest events: a row a head, newest event at the right."""
    p = palette(dark)
    n_layers, n_heads = found.weights.shape[:2]
    last = found.weights[:, :, -1, : found.n_events].reshape(n_layers * n_heads, -1)[:, -READOUT_EVENTS:]
    titles = found.labels[: found.n_events][-READOUT_EVENTS:]
    positions = found.positions[: found.n_events][-READOUT_EVENTS:]
    names = [
        _("layer {layer}, head {head}").format(layer=i // n_heads + 1, head=i % n_heads + 1)
        for i in range(n_layers * n_heads)
    ]
    low, middle, high = p.attention
    map_ = {
        "type": "heatmap",
        "z": last,
        "x": list(range(len(titles))),
        "y": list(range(len(names))),
        "colorscale": [[0.0, low], [0.5, middle], [1.0, high]],
        "zmin": 0,
        "zmax": max(float(np.nanmax(last)), 1e-6),
        "xgap": 1,
        "ygap": 1,
        "showscale": False,
        "customdata": [[[plain(t), percent(float(w))] for t, w in zip(titles, row, strict=True)] for row in last],
        "hovertemplate": "%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
    }
    bare = {"showgrid": False, "zeroline": False}
    events = [f"{label(t, 16)} {n}" for t, n in zip(titles, positions, strict=True)]
    layout = {
        "margin": {"l": room(names), "b": room(events, 11)},
        "xaxis": {
            "tickvals": list(range(len(titles))),
            "ticktext": events,
            "tickangle": -90,
            "tickfont": {"size": 11},
            **bare,
        },
        "yaxis": {
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "range": [len(names) - 0.5, -0.5],
            **bare,
        },
    }
    return drawn(dark, 190 + 26 * len(names), [map_], layout)


def confidence(steps: tuple[tuple[int, Confidence], ...], dark: bool) -> go.Figure:
    """How much of the softmax the list held after each event."""
    p = palette(dark)
    fig = figure(dark, 230)
    fig.add_scatter(
        x=[n for n, _c in steps],
        y=[c.share for _n, c in steps],
        mode="lines+markers",
        line={"color": p.model, "width": 2},
        marker={"size": 8, "color": p.model},
        customdata=[[count(n), percent(c.share), count(c.spread)] for n, c in steps],
        hovertemplate=_("{n} events: {share}, as if over {spread} items").format(
            n="%{customdata[0]}", share="%{customdata[1]}", spread="%{customdata[2]}"
        )
        + "<extra></extra>",
    )
    step = max(1, -(-len(steps) // 10))
    fig.update_xaxes(title_text=_("events known"), showgrid=False, dtick=step, tickformat="d", zeroline=False)
    fig.update_yaxes(title_text=_("confidence"), tickformat=".0%", rangemode="tozero", nticks=5)
    return fig


def growth(found: Growth, n: int, dark: bool) -> go.Figure:
    """Quality against events known, with its band; the average of all as a rule, and where a person of n events is."""
    p = palette(dark)
    drawn = look(found.model, dark)
    at = [_place(point.n) for point in found.points]
    fig = figure(dark, 360)
    fig.add_scatter(
        x=[*at, *reversed(at)],
        y=[*(q.quality.high for q in found.points), *(q.quality.low for q in reversed(found.points))],
        mode="lines",
        fill="toself",
        fillcolor=rgba(drawn.colour, 0.16),
        line={"width": 0},
        hoverinfo="skip",
    )
    fig.add_scatter(
        x=at,
        y=[point.quality.value for point in found.points],
        mode="lines+markers",
        line={"color": drawn.colour, "width": 2},
        marker={"size": 8, "color": drawn.fill, "symbol": drawn.symbol},
        customdata=[
            [count(q.n), number(q.quality.value), number(q.quality.low), number(q.quality.high)] for q in found.points
        ],
        hovertemplate=_("{n} events: {value} ({low} to {high})").format(
            n="%{customdata[0]}", value="%{customdata[1]}", low="%{customdata[2]}", high="%{customdata[3]}"
        )
        + "<extra></extra>",
    )
    end = at[-1] + 0.15
    over = found.average.value >= found.whole.value  # whose name stands above its rule
    for value, text, dash, side in (
        (found.average.value, _("average of all, {value}"), "dash", "bottom" if over else "top"),
        (found.whole.value, _("these users, whole histories, {value}"), "dot", "top" if over else "bottom"),
    ):
        fig.add_shape(
            type="line", x0=-0.1, x1=end, y0=value, y1=value, line={"color": p.muted, "width": 1, "dash": dash}
        )
        fig.add_annotation(
            x=end,
            y=value,
            text=text.format(value=number(value)),
            showarrow=False,
            xanchor="right",
            yanchor=side,
            font={"color": p.muted, "size": 12},
        )
    top = max([q.quality.high for q in found.points] + [found.average.value, found.whole.value]) * 1.14 or 1.0
    here = min(_place(n), end)
    fig.add_shape(type="line", x0=here, x1=here, y0=0, y1=top, line={"color": p.text, "width": 1.5, "dash": "dot"})
    fig.add_annotation(
        x=here,
        y=top,
        text=_("this person, {n}").format(n=count(n)),
        showarrow=False,
        xanchor="left" if here < end / 2 else "right",
        xshift=6 if here < end / 2 else -6,
        yanchor="top",
        font={"color": p.text, "size": 12},
    )
    fig.update_xaxes(
        title_text=_("newest events known"),
        tickvals=at,
        ticktext=[count(q.n) for q in found.points],
        range=[-0.15, end + 0.05],
        showgrid=False,
        zeroline=False,
    )
    fig.update_yaxes(title_text=metric_name(found.metric), range=[0, top], nticks=6)
    return fig


def _place(n: int) -> float:
    """Where n events stand on an axis that gives the first ones the most room."""
    return float(np.log1p(n))
