"""Quality against history length: a smooth curve with a band for every model, and bins of users to choose from."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.style import figure, look, named, palette, rgba
from dashboard.text.common import metric_name, model_name
from dashboard.text.i18n import _, count, figure as number

LENGTHS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Lengths that the axis may name."""

BAND, PALE_BAND = 0.16, 0.07
"""How opaque a band is: the answering model's, and the others'."""


def by_length(
    curve: pd.DataFrame, bins: pd.DataFrame, metric: str, cut: int, dark: bool, answers: str = "transformer"
) -> go.Figure:
    """Smooth curves with bands, the answering model's on top with its bins as dots, and the cohort cut.

    Args:
        curve: `model, length, value, low, high`, as `engine.quality_curve` gives it.
        bins: `low_length, high_length, label, middle, n, value, low, high` of the answering model, a row a bin; a dot's
            last custom datum is the rule of its users.
        metric: key such as "ndcg@10".
        cut: the shortest head history.
        dark: which palette.
        answers: the model drawn boldly.
    """
    fig = figure(dark, 400)
    ends: list[tuple[str, float, str]] = []
    models = sorted(curve["model"].unique(), key=lambda m: (m == answers, m == "transformer"))
    for model in models:
        _curve(fig, curve.loc[curve["model"] == model], model, model == answers, dark)
        ends.append(
            (model, float(curve.loc[curve["model"] == model, "value"].to_numpy()[-1]), look(model, dark).colour)
        )
    _bins(fig, bins, look(answers, dark).colour, answers)
    lengths = curve["length"].to_numpy()
    start, stop = math.log10(lengths.min()), math.log10(max(lengths.max(), bins["middle"].to_numpy().max()))
    wide = max(stop - start, 0.1)
    top = float(max(curve["high"].to_numpy().max(), bins["high"].to_numpy().max()))
    _label_ends(fig, ends, math.log10(lengths.max()), top, answers)
    if start < math.log10(max(cut, 1)) <= stop:
        _cut(fig, math.log10(cut) - 0.002 * wide, dark)
    named_lengths = [x for x in LENGTHS if start - 1e-9 <= math.log10(x) <= stop + 1e-9]
    fig.update_xaxes(
        title_text=_("events in training history"),
        tickvals=[math.log10(x) for x in named_lengths],
        ticktext=[count(x) for x in named_lengths],
        range=[start - 0.03 * wide, stop + 0.04 * wide],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    fig.update_yaxes(
        title_text=metric_name(metric), range=[min(0.0, curve["low"].to_numpy().min()), 1.06 * top or 1], nticks=6
    )
    fig.update_yaxes(fixedrange=True)
    fig.update_layout(margin={"r": 96})
    return fig


def _curve(fig: go.Figure, rows: pd.DataFrame, model: str, ours: bool, dark: bool) -> None:
    """One model's band and line."""
    x, drawn = [math.log10(length) for length in rows["length"]], look(model, dark)
    fig.add_scatter(
        x=[*x, *reversed(x)],
        y=[*rows["high"], *reversed(rows["low"].tolist())],
        fill="toself",
        fillcolor=rgba(drawn.colour, BAND if ours else PALE_BAND),
        line={"width": 0},
        hoverinfo="skip",
        mode="lines",
    )
    fig.add_scatter(
        x=x,
        y=rows["value"],
        mode="lines",
        line={"color": drawn.colour, "width": 3 if ours else 1.5, "dash": drawn.dash},
        text=[
            f"{model_name(model)}: {number(v)} ({number(low)}–{number(high)})"
            for v, low, high in zip(rows["value"], rows["low"], rows["high"], strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
    )


def _bins(fig: go.Figure, bins: pd.DataFrame, colour: str, answers: str) -> None:
    """Means over bins of users, as dots that can be chosen."""
    rows = bins.to_dict("records")
    texts = [
        _("{events} events: {value} ({low}–{high}), n = {n}").format(
            events=row["label"],
            value=number(row["value"]),
            low=number(row["low"]),
            high=number(row["high"]),
            n=count(row["n"]),
        )
        for row in rows
    ]
    rules = [f"history_length={int(row['low_length'])}..{int(row['high_length'])}" for row in rows]
    fig.add_scatter(
        x=[math.log10(max(row["middle"], 1)) for row in rows],
        y=[row["value"] for row in rows],
        mode="markers",
        name=model_name(answers),
        marker={"size": 11, "color": colour, "line": {"color": colour, "width": 2}},
        error_y={
            "array": [row["high"] - row["value"] for row in rows],
            "arrayminus": [row["value"] - row["low"] for row in rows],
            "color": colour,
            "thickness": 1.2,
            "width": 3,
        },
        customdata=[list(pair) for pair in zip(texts, rules, strict=True)],
        hovertemplate="%{customdata[0]}<extra></extra>",
        # Nothing fades when a dot is chosen: the other dots still say what they say.
        unselected={"marker": {"opacity": 1}},
    )


def _cut(fig: go.Figure, x: float, dark: bool) -> None:
    """Where the head begins."""
    p = palette(dark)
    line = {"color": p.muted, "width": 1, "dash": "dot"}
    fig.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line=line)
    for text, side, colour in ((_("tail"), "right", p.tail), (_("head"), "left", p.head)):
        fig.add_annotation(
            x=x,
            y=1,
            yref="paper",
            yanchor="top",
            text=text,
            showarrow=False,
            xanchor=side,
            xshift=-6 if side == "right" else 6,
            font={"color": colour, "size": 13},
        )


def _label_ends(fig: go.Figure, ends: list[tuple[str, float, str]], x: float, top: float, answers: str) -> None:
    """Write each line's name at its right end, pushed apart where lines end close together."""
    gap, last = 0.065 * top, float("-inf")
    for model, y, colour in sorted(ends, key=lambda end: end[1]):
        last = max(y, last + gap)
        fig.add_annotation(
            x=x,
            y=last,
            text=named(model, model_name(model), answers),
            showarrow=False,
            xanchor="left",
            xshift=12,
            font={"color": colour, "size": 12},
        )
