"""Charts of why there is a gap: what short histories do to it, groups of users, kinds of targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.style import figure, label, palette
from dashboard.text import fairness as fairness_text
from dashboard.text.common import cohort_name, interval, metric_name
from dashboard.text.i18n import _, count, figure as number, signed

if TYPE_CHECKING:
    from engine import Estimate, GapDecomposition, Targets


def parts(found: GapDecomposition, dark: bool) -> go.Figure:
    """From head to tail in two steps: histories cut short, then other users."""
    p = palette(dark)
    rows = (
        (_("Head users"), found.head, p.head, True),
        (_("Head users, cut short"), found.truncated, p.head, False),
        (_("Tail users"), found.tail, p.tail, True),
    )
    fig = figure(dark, 230)
    for place, (name, e, colour, filled) in enumerate(rows):
        y = 2 - place
        _dot(fig, e, y, colour, colour if filled else p.background, f"{name}: {number(e.value)} ({interval(e)})")
        fig.add_annotation(
            x=e.high, y=y, text=number(e.value), showarrow=False, xanchor="left", xshift=8, font={"color": colour}
        )
    for y, e, text in ((1.5, found.length, _("short histories")), (0.5, found.users, _("different users"))):
        start, stop = (found.head, found.truncated) if y > 1 else (found.truncated, found.tail)
        fig.add_annotation(
            x=max(start.high, stop.high),
            y=y,
            text=f"{text}<br>{signed(e.value)}",
            align="left",
            showarrow=False,
            xanchor="left",
            xshift=14,
            font={"color": p.muted, "size": 12},
        )
        fig.add_shape(
            type="line", x0=start.value, x1=stop.value, y0=y + 0.42, y1=y - 0.42, line={"color": p.muted, "dash": "dot"}
        )
    right = max(e.high for _n, e, _c, _f in rows)
    fig.update_yaxes(
        tickvals=[2, 1, 0],
        ticktext=[name for name, *_rest in rows],
        tickfont={"color": p.text, "size": 13},
        range=[-0.5, 2.7],
        showgrid=False,
        zeroline=False,
    )
    fig.update_xaxes(title_text=metric_name(found.metric), range=[0, right * 2 or 1], nticks=6)
    return fig


def groups(table: pd.DataFrame, everybody: float, metric: str, dark: bool, colour: str) -> go.Figure:
    """Groups of users from the top, with intervals and the mean of everybody; those too small are hollow and pale.

    Args:
        table: `name`, `rule`, `n`, `value`, `low`, `high`, `too_small`, one row a group; a dot's last custom datum is
            its rule.
        everybody: the mean over all users.
        metric: key such as "ndcg@10".
        dark: which palette.
        colour: of the model's dots.
    """
    p = palette(dark)
    rows = table.loc[table["n"] > 0].to_dict("records")
    fig = figure(dark, 90 + 30 * max(len(rows), 1))
    names = []
    for place, row in enumerate(rows):
        y, small = len(rows) - 1 - place, bool(row["too_small"])
        name = str(row["name"])
        names.append(f"{label(name, 34)}  n = {count(int(row['n']))}")
        ends = f"{number(float(row['low']))}–{number(float(row['high']))}"
        drawn = p.muted if small else colour
        fig.add_scatter(
            x=[row["value"]],
            y=[y],
            mode="markers",
            marker={"size": 10, "color": p.background if small else drawn, "line": {"color": drawn, "width": 2}},
            error_x={
                "array": [row["high"] - row["value"]],
                "arrayminus": [row["value"] - row["low"]],
                "color": drawn,
                "thickness": 1 if small else 2,
            },
            customdata=[[f"{label(name, 60)}: {number(float(row['value']))} ({ends})", str(row["rule"])]],
            hovertemplate="%{customdata[0]}<extra></extra>",
        )
    fig.add_shape(
        type="line",
        x0=everybody,
        x1=everybody,
        y0=-0.6,
        y1=len(rows) - 0.4,
        line={"color": p.text, "width": 1, "dash": "dot"},
    )
    fig.add_annotation(
        x=everybody,
        y=len(rows) - 0.4,
        text=_("everybody {value}").format(value=number(everybody)),
        showarrow=False,
        yanchor="bottom",
        font={"color": p.muted, "size": 12},
    )
    fig.update_yaxes(
        tickvals=list(range(len(rows) - 1, -1, -1)),
        ticktext=names,
        tickfont={"color": p.text, "size": 12},
        range=[-0.6, len(rows) + 0.1],
        showgrid=False,
        zeroline=False,
    )
    fig.update_xaxes(title_text=metric_name(metric), rangemode="tozero", nticks=6)
    return fig


def targets(found: Targets, model: str, metric: str, dark: bool) -> go.Figure:
    """How head and tail users fare with each kind of target, and how often they seek it."""
    p = palette(dark)
    kinds = list(dict.fromkeys(group.name for group in found.groups if group.n))
    fig = figure(dark, 100 + 64 * len(kinds))
    for group in found.groups:
        e = group.quality.get(model)
        if e is None or group.name not in kinds:
            continue
        is_head = group.cohort == "head"
        colour, y = (
            p.head if is_head else p.tail,
            len(kinds) - 1 - kinds.index(group.name) + (0.17 if is_head else -0.17),
        )
        text = _("{cohort}: {share}, {value}").format(
            cohort=cohort_name(group.cohort).lower(), share=f"{100 * group.share.value:.0f} %", value=number(e.value)
        )
        _dot(fig, e, y, colour, p.background if group.too_small else colour, f"{text} ({interval(e)})")
        fig.add_annotation(
            x=e.high, y=y, text=text, showarrow=False, xanchor="left", xshift=8, font={"color": colour, "size": 12}
        )
    right = max([e.high for g in found.groups for m, e in g.quality.items() if m == model] + [1e-9])
    fig.update_yaxes(
        tickvals=list(range(len(kinds) - 1, -1, -1)),
        ticktext=[fairness_text.kind_name(kind) for kind in kinds],
        tickfont={"color": p.text, "size": 13},
        range=[-0.6, len(kinds) - 0.4],
        showgrid=False,
        zeroline=False,
    )
    fig.update_xaxes(title_text=metric_name(metric), range=[-0.04 * right, right * 1.9], nticks=6)
    return fig


def _dot(fig: go.Figure, e: Estimate, y: float, colour: str, fill: str, text: str) -> None:
    """A marker with its interval."""
    fig.add_scatter(
        x=[e.value],
        y=[y],
        mode="markers",
        marker={"size": 12, "color": fill, "line": {"color": colour, "width": 2}},
        error_x={"array": [e.high - e.value], "arrayminus": [e.value - e.low], "color": colour, "thickness": 2},
        hovertemplate=f"{text}<extra></extra>",
    )
