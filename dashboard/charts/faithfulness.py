"""Charts of how faithful explanations are: areas with intervals for head and tail users, and the curves themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.style import figure, palette
from dashboard.text import faithfulness as faithfulness_text
from dashboard.text.common import cohort_name, interval
from dashboard.text.i18n import _, count, figure as number

if TYPE_CHECKING:
    from engine import Faithfulness

SIDES = (("head", 0.16), ("tail", -0.16))
"""Cohorts, and how far each stands from the middle of a method's row."""

DASHES = {
    "shap": "solid",
    "gradient_attention": "dash",
    "rollout": "dashdot",
    "attention": "longdash",
    "recency": "longdashdot",
    "random": "dot",
}
"""A method is told by its line as well as by its colour."""


def areas(found: Faithfulness, dark: bool) -> go.Figure:
    """Methods from the top; the area under the deletion curve at the left, under the insertion curve at the right."""
    p = palette(dark)
    titles = [_("Hidden first: less is better"), _("Shown first: more is better")]
    fig = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06, subplot_titles=titles)
    fig.update_layout(figure(dark, 110 + 44 * len(found.methods)).layout)
    for at, name in enumerate(found.methods):
        y = len(found.methods) - 1 - at
        for cohort, shift in SIDES:
            part = found.methods[name].users.get(cohort)
            if part is None:
                continue
            colour = p.head if cohort == "head" else p.tail
            for column, e in enumerate((part.deletion_auc, part.insertion_auc), start=1):
                said = (
                    f"{faithfulness_text.method_name(name)}, {cohort_name(cohort)}: {number(e.value)} ({interval(e)})"
                )
                fig.add_scatter(
                    x=[e.value],
                    y=[y + shift],
                    mode="markers",
                    marker={"size": 9, "color": colour, "symbol": "circle" if cohort == "head" else "diamond"},
                    error_x={
                        "array": [e.high - e.value],
                        "arrayminus": [e.value - e.low],
                        "color": colour,
                        "thickness": 2,
                    },
                    hovertemplate=said + "<extra></extra>",
                    name=f"{cohort_name(cohort)} (n = {count(part.n)})",
                    legendgroup=cohort,
                    showlegend=at == 0 and column == 1,
                    row=1,
                    col=column,
                )
    names = [faithfulness_text.method_name(name) for name in found.methods]
    fig.update_yaxes(
        tickvals=list(range(len(names) - 1, -1, -1)),
        ticktext=names,
        tickfont={"color": p.text, "size": 12},
        range=[-0.6, len(names) - 0.4],
        showgrid=False,
        zeroline=False,
    )
    fig.update_xaxes(nticks=5, gridcolor=p.grid, zeroline=False, tickfont={"color": p.muted, "size": 12})
    fig.update_annotations(font={"color": p.muted, "size": 13})
    fig.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.12, "x": 0}, margin={"t": 28})
    return fig


def curves(found: Faithfulness, insertion: bool, dark: bool) -> go.Figure:
    """The mean curve of every method over the share of events hidden or shown, as a share of what histories add."""
    p = palette(dark)
    fig = figure(dark, 110 + 44 * len(found.methods))
    for name, score in found.methods.items():
        y = score.insertion if insertion else score.deletion
        colour = p.model if name == "shap" else p.baseline if name in ("recency", "random") else p.attention[1]
        fig.add_scatter(
            x=np.linspace(0, 1, len(y)),
            y=y,
            mode="lines",
            name=faithfulness_text.method_name(name),
            line={"color": colour, "dash": DASHES[name], "width": 3 if name == "shap" else 2},
            hovertemplate=faithfulness_text.method_name(name) + " %{x:.0%}: %{y:.2f}<extra></extra>",
        )
    fig.update_xaxes(
        title_text=_("share of events shown") if insertion else _("share of events hidden"), tickformat=".0%"
    )
    fig.update_yaxes(title_text=_("share of what the history adds"), nticks=6)
    fig.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.2, "x": 0, "font": {"size": 12}})
    return fig
