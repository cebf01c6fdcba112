"""Charts of the overview: how active users are, and the model against the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.style import figure, look, named, palette
from dashboard.text.common import estimate, metric_name, model_name
from dashboard.text.i18n import _, count, figure as number

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
    shortest, longest = int(lengths.min(initial=cut)), int(lengths.max(initial=cut))
    some, most = np.quantile(lengths, [0.9, 0.985]) if len(lengths) else (cut, cut)
    end = max(int(min(most, max(some, 4 * cut))), cut)  # a longer axis would squeeze the tail, whom this is about
    width = max(1, -(-(end - shortest + 1) // BARS))
    first = cut - -(-(cut - shortest) // width) * width  # whole bins below the cut, so that none holds both cohorts
    lows = list(range(first, end + 1, width))
    rows = []
    for low in lows:
        high = longest if low == lows[-1] else low + width - 1
        inside = int(np.count_nonzero((lengths >= low) & (lengths <= high)))
        rows.append((max(low, 0), None if high > low + width - 1 else low + width - 1, inside, low >= cut))
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
    fig = figure(dark, 300)
    for cohort, colour in (("tail", p.tail), ("head", p.head)):
        rows = np.flatnonzero(table["cohort"] == cohort)
        fig.add_bar(
            x=rows,
            y=table["n"].to_numpy()[rows],
            width=0.88,  # plotly would take a cohort's own nearest bars for its measure
            marker={"color": colour, "line": {"width": 0}},
            customdata=[labels[r] for r in rows],
            hovertemplate="%{customdata}: %{y:,}<extra></extra>",
        )
    edge = float(np.argmax((table["cohort"] == "head").to_numpy())) - 0.5
    wide = max(0.45 * len(labels), 1)  # how far words reach, on a phone
    left_out, right_out = edge < 0.4 * len(labels), edge > len(labels) - 0.5 - wide  # no room at that side of the cut
    stacked = left_out or right_out
    heights = table["n"].to_numpy(dtype=float)
    under = [
        edge - wide * (not left_out) < row < edge + wide * (left_out or not right_out) for row in range(len(heights))
    ]
    # three lines of words, or two, stand above the bars
    top = max(heights.max() * 1.16, heights[under].max(initial=0) * (1.45 if stacked else 1.3))
    fig.add_shape(type="line", x0=edge, x1=edge, y0=0, y1=top, line={"color": p.muted, "width": 1, "dash": "dot"})
    for cohort, text, side, drop in (
        ("tail", _("tail, {n} users"), "left" if left_out else "right", 0),
        (
            "head",
            _("head, {n} users,<br>{cut} events or more"),
            "right" if right_out and not left_out else "left",
            -18 if stacked else 0,
        ),
    ):
        n = int(table.loc[table["cohort"] == cohort, "n"].sum())
        fig.add_annotation(
            x=edge,
            y=top,
            text=text.format(n=count(n), cut=count(cut)),
            showarrow=False,
            xanchor=side,
            xshift=8 if side == "left" else -8,
            yshift=drop,
            yanchor="top",
            align=side,
            font={"color": getattr(p, cohort), "size": 13},
        )
    step = max(1, -(-len(labels) // 9))
    ticks = [t for t in range(0, len(labels), step) if t < len(labels) - step] + [len(labels) - 1]
    fig.update_xaxes(
        title_text=_("events in training history"),
        tickvals=ticks,
        ticktext=[labels[t] if t == len(labels) - 1 else count(table["low"].iloc[t]) for t in ticks],
        range=[-0.6, len(labels) - 0.4],
        showgrid=False,
        tickangle=0,
    )
    fig.update_yaxes(title_text=_("users"), nticks=5, range=[0, top])
    return fig


def models(
    scores: dict[str, Estimate], metric: str, oracle: float | None, dark: bool, answers: str = "transformer"
) -> go.Figure:
    """Every model's figure with its interval; what was trained filled, baselines hollow, the oracle a dotted rule.

    Args:
        scores: model -> estimate; the best is drawn at the top.
        metric: key such as "ndcg@10".
        oracle: the ceiling, if there is one.
        dark: which palette.
        answers: the model whose name stands in bold.
    """
    p = palette(dark)
    order = sorted(scores, key=lambda m: scores[m].value)
    fig = figure(dark, 96 + 52 * len(order))
    for row, model in enumerate(order):
        drawn, e = look(model, dark), scores[model]
        fig.add_scatter(
            x=[e.value],
            y=[row],
            mode="markers",
            marker={
                "size": 13,
                "symbol": drawn.symbol,
                "color": drawn.fill,
                "line": {"color": drawn.colour, "width": 2},
            },
            error_x={
                "array": [e.high - e.value],
                "arrayminus": [e.value - e.low],
                "color": drawn.colour,
                "thickness": 2,
            },
            hovertemplate=f"{model_name(model)}: {estimate(e)}<extra></extra>",
        )
        fig.add_annotation(
            x=e.value,
            y=row,
            text=number(e.value),
            showarrow=False,
            yshift=17,
            font={"color": p.text if model == answers else p.muted, "size": 13},
        )
    right = max([e.high for e in scores.values()] + ([oracle] if oracle is not None else []))
    if oracle is not None:
        fig.add_shape(
            type="line",
            x0=oracle,
            x1=oracle,
            y0=-0.5,
            y1=len(order) - 0.3,
            line={"color": p.text, "width": 2, "dash": "dot"},
        )
        fig.add_annotation(
            x=oracle,
            y=len(order) - 0.3,
            text=_("oracle {value}").format(value=number(oracle)),
            showarrow=False,
            xanchor="right",
            yanchor="bottom",
            font={"color": p.text, "size": 12},
        )
    fig.update_yaxes(
        tickvals=list(range(len(order))),
        ticktext=[named(m, model_name(m), answers) for m in order],
        tickfont={"color": p.text, "size": 13},
        range=[-0.5, len(order) + (0.1 if oracle is not None else -0.3)],
        showgrid=False,
        zeroline=False,
    )
    fig.update_xaxes(title_text=metric_name(metric), range=[0, right * 1.06 or 1], nticks=6)
    return fig
