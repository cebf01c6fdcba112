"""Charts of the overview: how active users are, and the model against the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.style import figure, palette
from dashboard.i18n import _, count
from dashboard.i18n import figure as number
from dashboard.words import estimate, interval, metric_name, model_name

if TYPE_CHECKING:
    from engine import Estimate

BARS = 40
"""About as many bars as a histogram of activity can show at once."""


def activity_bins(lengths: np.ndarray, cut: int) -> pd.DataFrame:
    """Users by training-history length, in bins whose edges meet the head/tail cut.

    Args:
        lengths: (n_users,) training-history lengths.
        cut: the shortest head history.

    Returns:
        Columns `low`, `high` (inclusive; None in the last, open bin), `n`, `cohort`.
    """
    longest = int(lengths.max(initial=1))
    end = max(int(np.quantile(lengths, 0.985)) if len(lengths) else 1, cut, 1)
    width = max(1, -(-end // BARS))
    first = cut % width - width if cut % width else 0
    lows = [low for low in range(first, max(end, cut) + 1, width) if low + width > 0]
    rows = []
    for i, low in enumerate(lows):
        open_ended = i == len(lows) - 1
        high = longest if open_ended else low + width - 1
        inside = int(np.count_nonzero((lengths >= max(low, 0)) & (lengths <= high)))
        is_head = low >= cut
        rows.append((max(low, 0), None if open_ended and high > low + width - 1 else low + width - 1, inside, is_head))
    table = pd.DataFrame(rows, columns=["low", "high", "n", "is_head"])
    table["cohort"] = np.where(table.pop("is_head"), "head", "tail")
    return table


def _bin_label(low: int, high: float | None) -> str:
    if high is None or pd.isna(high):
        return f"{low}+"
    return f"{low}" if int(high) == low else f"{low}–{int(high)}"


def activity(lengths: np.ndarray, cut: int, dark: bool) -> go.Figure:
    """Histogram of training-history lengths with the head/tail cut marked."""
    p = palette(dark)
    table = activity_bins(lengths, cut)
    labels = [_bin_label(low, high) for low, high in zip(table["low"], table["high"], strict=True)]
    fig = figure(dark, 300, bargap=0.12)
    for cohort, colour in (("tail", p.tail), ("head", p.head)):
        rows = np.flatnonzero(table["cohort"] == cohort)
        fig.add_bar(
            x=rows,
            y=table["n"].to_numpy()[rows],
            marker={"color": colour, "line": {"width": 0}},
            customdata=[labels[r] for r in rows],
            hovertemplate="%{customdata}: %{y:,}<extra></extra>",
        )
    edge = float(np.argmax((table["cohort"] == "head").to_numpy())) - 0.5
    top = float(table["n"].to_numpy().max()) * 1.16
    fig.add_shape(type="line", x0=edge, x1=edge, y0=0, y1=top, line={"color": p.muted, "width": 1, "dash": "dot"})
    for cohort, text, side, shift in (
        ("tail", _("tail, {n} users"), "right", -8),
        ("head", _("head, {n} users, {cut} events or more"), "left", 8),
    ):
        n = int(table.loc[table["cohort"] == cohort, "n"].sum())
        fig.add_annotation(
            x=edge,
            y=top,
            text=text.format(n=count(n), cut=count(cut)),
            showarrow=False,
            xanchor=side,
            xshift=shift,
            yanchor="top",
            font={"color": getattr(p, cohort), "size": 13},
        )
    step = max(1, -(-len(labels) // 12))
    ticks = sorted({*range(0, len(labels), step), len(labels) - 1} - ({len(labels) - 2} if step > 1 else set()))
    fig.update_xaxes(
        title_text=_("events in training history"),
        tickvals=ticks,
        ticktext=[labels[t] for t in ticks],
        showgrid=False,
        tickangle=0,
    )
    fig.update_yaxes(title_text=_("users"), nticks=5, range=[0, top])
    return fig


def models(scores: dict[str, Estimate], metric: str, oracle: float | None, dark: bool) -> go.Figure:
    """Every model's figure with its interval; the Transformer filled, baselines hollow, the oracle a dotted rule."""
    p = palette(dark)
    order = sorted(scores, key=lambda m: scores[m].value)
    fig = figure(dark, 110 + 44 * len(order))
    for row, model in enumerate(order):
        ours = model == "transformer"
        colour = p.model if ours else p.baseline
        e = scores[model]
        fig.add_scatter(
            x=[e.value],
            y=[row],
            mode="markers",
            marker={
                "size": 13,
                "color": colour if ours else p.background,
                "line": {"color": colour, "width": 2},
            },
            error_x={"array": [e.high - e.value], "arrayminus": [e.value - e.low], "color": colour, "thickness": 2},
            hovertemplate=f"{model_name(model)}: {estimate(e)} ({interval(e)})<extra></extra>",
        )
        fig.add_annotation(
            x=e.high,
            y=row,
            text=number(e.value),
            showarrow=False,
            xanchor="left",
            xshift=10,
            font={"color": p.text, "size": 13},
        )
    right = max([e.high for e in scores.values()] + ([oracle] if oracle is not None else []))
    if oracle is not None:
        fig.add_shape(
            type="line",
            x0=oracle,
            x1=oracle,
            y0=-0.6,
            y1=len(order) - 0.4,
            line={"color": p.text, "width": 2, "dash": "dot"},
        )
        fig.add_annotation(
            x=oracle,
            y=len(order) - 0.35,
            text=_("oracle {value}").format(value=number(oracle)),
            showarrow=False,
            xanchor="right",
            yanchor="bottom",
            font={"color": p.text, "size": 12},
        )
    fig.update_yaxes(
        tickvals=list(range(len(order))),
        ticktext=[f"<b>{model_name(m)}</b>" if m == "transformer" else model_name(m) for m in order],
        tickfont={"color": p.text, "size": 13},
        range=[-0.6, len(order) + 0.1],
        showgrid=False,
        zeroline=False,
    )
    fig.update_xaxes(title_text=metric_name(metric), range=[0, right * 1.14 or 1], nticks=6)
    return fig
