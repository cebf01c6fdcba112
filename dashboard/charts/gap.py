"""Charts of head against tail: cohorts by model, and the gap itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from dashboard.charts.style import TRAINED, figure, look, named, palette
from dashboard.text.common import cohort_name, estimate, metric_name, model_name
from dashboard.text.i18n import _, count, figure as number

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
    by: str = "user_cohort",
) -> go.Figure:
    """Head and tail side by side for every model, with intervals; a dot's last custom datum is its users' rule.

    Args:
        scores: model -> cohort ("head", "tail") -> estimate; drawn from the top in this order.
        sizes: cohort -> number of users behind it.
        metric: key such as "ndcg@10".
        dark: which palette.
        oracle: cohort -> its ceiling, drawn as dotted rules.
        answers: the model whose name stands in bold.
        by: the column of facts that tells the cohorts apart.
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
            customdata=[[f"{model_name(order[r])}: {estimate(e)}", f"{by}={cohort}"] for r, e in known],
            hovertemplate="%{customdata[0]}<extra></extra>",
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
            hovertemplate=f"{model_name(model)}: {estimate(e)}<extra></extra>",
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
