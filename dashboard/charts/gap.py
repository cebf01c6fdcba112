"""Charts of head against tail: cohorts by model, and quality against history length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.style import TRAINED, figure, look, named, palette, rgba
from dashboard.i18n import _, count
from dashboard.i18n import figure as number
from dashboard.words import cohort_name, estimate, interval, metric_name, model_name

if TYPE_CHECKING:
    from engine import Estimate

OFFSET = 0.13
"""How far a cohort's dot stands from its model's row."""


def cohorts(
    scores: dict[str, dict[str, Estimate]],
    sizes: dict[str, int],
    metric: str,
    dark: bool,
    oracle: dict[str, float] | None = None,
    answers: str = "transformer",
) -> go.Figure:
    """Head and tail side by side for every model, with intervals.

    Args:
        scores: model -> cohort ("head", "tail") -> estimate; drawn from the top in this order.
        sizes: cohort -> number of users behind it.
        metric: key such as "ndcg@10".
        dark: which palette.
        oracle: cohort -> its ceiling, drawn as dotted rules.
        answers: the model whose name stands in bold.
    """
    p = palette(dark)
    order = list(reversed(scores))
    fig = figure(dark, 110 + 84 * len(order))
    for cohort, colour, shift in (("head", p.head, OFFSET), ("tail", p.tail, -OFFSET)):
        known = [(row, scores[m][cohort]) for row, m in enumerate(order) if cohort in scores[m]]
        filled = [colour if order[row] in TRAINED else p.background for row, _e in known]
        symbols = [look(order[row], dark).symbol for row, _e in known]
        fig.add_scatter(
            x=[e.value for _row, e in known],
            y=[row + shift for row, _e in known],
            mode="markers",
            name=f"{cohort_name(cohort)} (n = {count(sizes.get(cohort, 0))})",
            marker={"size": 12, "symbol": symbols, "color": filled, "line": {"color": colour, "width": 2}},
            error_x={
                "array": [e.high - e.value for _row, e in known],
                "arrayminus": [e.value - e.low for _row, e in known],
                "color": colour,
                "thickness": 2,
            },
            customdata=[f"{model_name(order[r])}: {estimate(e)} ({interval(e)})" for r, e in known],
            hovertemplate="%{customdata}<extra></extra>",
        )
        for row, e in known:
            fig.add_annotation(
                x=e.value,
                y=row + shift,
                text=f"{cohort_name(cohort).lower()} {number(e.value)}",
                showarrow=False,
                yshift=15 if cohort == "head" else -15,
                font={"color": colour, "size": 12},
            )
        if oracle and cohort in oracle:
            x = oracle[cohort]
            fig.add_shape(
                type="line",
                x0=x,
                x1=x,
                y0=-0.5,
                y1=len(order) - 0.5,
                line={"color": colour, "width": 1.5, "dash": "dot"},
            )
            fig.add_annotation(
                x=x,
                y=len(order) - (0.5 if cohort == "head" else 0.28),
                text=_("oracle, {cohort}").format(cohort=cohort_name(cohort).lower()),
                showarrow=False,
                xanchor="right",
                yanchor="bottom",
                font={"color": colour, "size": 11},
            )
    right = max([e.high for m in scores.values() for e in m.values()] + list((oracle or {}).values()) + [0.0])
    fig.update_yaxes(
        tickvals=list(range(len(order))),
        ticktext=[named(m, model_name(m), answers) for m in order],
        tickfont={"color": p.text, "size": 13},
        range=[-0.6, len(order) - 0.1 if oracle else len(order) - 0.4],
        showgrid=False,
        zeroline=False,
    )
    fig.update_xaxes(title_text=metric_name(metric), range=[-0.05 * right, right * 1.06 or 1], nticks=6)
    return fig


def difference(estimates: dict[str, Estimate], metric: str, dark: bool, answers: str = "transformer") -> go.Figure:
    """Tail minus head for every model, from the top in the order given, with its interval and a zero line."""
    p = palette(dark)
    order = list(reversed(estimates))
    fig = figure(dark, 110 + 36 * len(order))
    for row, model in enumerate(order):
        e, drawn = estimates[model], look(model, dark)
        fig.add_scatter(
            x=[e.value],
            y=[row],
            mode="markers",
            marker={
                "size": 12,
                "symbol": "diamond",
                "color": drawn.fill,
                "line": {"color": drawn.colour, "width": 2},
            },
            error_x={
                "array": [e.high - e.value],
                "arrayminus": [e.value - e.low],
                "color": drawn.colour,
                "thickness": 2,
            },
            hovertemplate=f"{model_name(model)}: {estimate(e)} ({interval(e)})<extra></extra>",
        )
    reach = max([abs(v) for e in estimates.values() for v in (e.low, e.high)] + [1e-6]) * 1.15
    fig.add_shape(type="line", x0=0, x1=0, y0=-0.6, y1=len(order) - 0.4, line={"color": p.text, "width": 1})
    for x, text, anchor in ((-reach, _("tail worse"), "left"), (reach, _("tail better"), "right")):
        fig.add_annotation(
            x=x,
            y=len(order) - 0.4,
            text=text,
            showarrow=False,
            xanchor=anchor,
            yanchor="bottom",
            font={"color": p.muted, "size": 12},
        )
    fig.update_yaxes(
        tickvals=list(range(len(order))),
        ticktext=[named(m, model_name(m), answers) for m in order],
        tickfont={"color": p.text, "size": 13},
        range=[-0.6, len(order)],
        showgrid=False,
        zeroline=False,
    )
    fig.update_xaxes(
        title_text=_("{metric}, tail minus head").format(metric=metric_name(metric)), range=[-reach, reach], nticks=5
    )
    return fig


def by_length(quality: pd.DataFrame, metric: str, cut: int, dark: bool, answers: str = "transformer") -> go.Figure:
    """Quality against history length: the answering model with its band, baselines dashed, the cohort cut marked.

    Args:
        quality: columns `model, low_length, high_length, label, n, value, low, high`, a row a model and bin.
        metric: key such as "ndcg@10".
        cut: the shortest head history.
        dark: which palette.
        answers: the model drawn boldly and with a band.
    """
    p = palette(dark)
    bins = quality.drop_duplicates("label").sort_values(by="low_length").to_dict("records")
    places = {str(b["label"]): i for i, b in enumerate(bins)}
    fig = figure(dark, 380)
    ends: list[tuple[str, float, str]] = []
    for model in sorted(quality["model"].unique(), key=lambda m: (m == answers, m == "transformer")):
        rows = quality.loc[quality["model"] == model].sort_values(by="low_length")
        x = [places[str(text)] for text in rows["label"]]
        ours, drawn = model == answers, look(model, dark)
        if ours:
            fig.add_scatter(
                x=[*x, *reversed(x)],
                y=[*rows["high"], *reversed(rows["low"].tolist())],
                fill="toself",
                fillcolor=rgba(drawn.colour, 0.16),
                line={"width": 0},
                hoverinfo="skip",
                mode="lines",
            )
        fig.add_scatter(
            x=x,
            y=rows["value"],
            mode="lines+markers",
            line={"color": drawn.colour, "width": 3 if ours else 1.5, "dash": drawn.dash},
            marker={
                "size": 10 if ours else 7,
                "symbol": drawn.symbol,
                "color": drawn.fill,
                "line": {"color": drawn.colour, "width": 2},
            },
            customdata=[
                [f"{number(v)} ({number(low)}–{number(high)})", count(n), str(text)]
                for v, low, high, n, text in zip(
                    rows["value"], rows["low"], rows["high"], rows["n"], rows["label"], strict=True
                )
            ],
            hovertemplate=f"{model_name(model)}: %{{customdata[0]}}, n = %{{customdata[1]}}<extra></extra>",
        )
        if len(rows):
            ends.append((model, float(rows["value"].to_numpy()[-1]), drawn.colour))
    top = float(quality["high"].to_numpy().max()) if len(quality) else 1.0
    _label_ends(fig, ends, len(places) - 1, top, answers)
    edge = _cut_place(bins, cut)
    if edge is not None:
        fig.add_shape(
            type="line", x0=edge, x1=edge, y0=0, y1=1, yref="paper", line={"color": p.muted, "width": 1, "dash": "dot"}
        )
        for text, side, colour in ((_("tail"), "right", p.tail), (_("head"), "left", p.head)):
            fig.add_annotation(
                x=edge,
                y=1,
                yref="paper",
                yanchor="top",
                text=text,
                showarrow=False,
                xanchor=side,
                xshift=-6 if side == "right" else 6,
                font={"color": colour, "size": 13},
            )
    fig.update_xaxes(
        title_text=_("events in training history"),
        tickvals=list(places.values()),
        ticktext=[str(b["label"]) for b in bins],
        range=[-0.4, len(places) - 0.35],
        showgrid=False,
    )
    fig.update_yaxes(title_text=metric_name(metric), rangemode="tozero", nticks=6)
    fig.update_layout(margin={"r": 96})
    return fig


def _cut_place(bins: list[Any], cut: int) -> float | None:
    """Where the head begins on an axis of bins, within a bin that holds both cohorts; None when it is at no bin."""
    for i, b in enumerate(bins):
        if b["low_length"] >= cut:
            return i - 0.5 if i else None
        if b["high_length"] >= cut:
            return i - 0.5 + (cut - b["low_length"]) / (b["high_length"] - b["low_length"] + 1)
    return None


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
