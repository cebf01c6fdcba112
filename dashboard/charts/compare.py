"""Charts of several models side by side: their figures by cohort, and what each gains against one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from dashboard.charts.style import TRAINED, figure, label, look, palette
from dashboard.text.common import cohort_name, interval
from dashboard.text.i18n import _, figure as number, signed

if TYPE_CHECKING:
    from engine import Estimate

OFFSET = 0.13
"""How far a cohort's dot stands from its model's row."""

LABEL = 26
"""Characters of a row's name; the whole of it is shown on hover."""


@dataclass(frozen=True)
class Row:
    """A model of a comparison.

    Attributes:
        name: for people, with its run where there are several.
        model: its key, which says how it is drawn.
        estimates: "head" and "tail" -> figure or difference.
        strong: whether its name stands in bold.
    """

    name: str
    model: str
    estimates: dict[str, Estimate]
    strong: bool = False


def by_cohort(rows: Sequence[Row], axis: str, dark: bool, differences: bool = False) -> go.Figure:
    """Rows from the top, with a dot for head and for tail users, where there are some; differences get a zero line."""
    p = palette(dark)
    fig = figure(dark, 76 + 84 * max(len(rows), 1))
    written = signed if differences else number
    for cohort, colour, shift in (("head", p.head, OFFSET), ("tail", p.tail, -OFFSET)):
        known = [(len(rows) - 1 - at, row, e) for at, row in enumerate(rows) if (e := row.estimates.get(cohort))]
        fig.add_scatter(
            x=[e.value for _place, _row, e in known],
            y=[place + shift for place, _row, _e in known],
            mode="markers",
            marker={
                "size": 11,
                "symbol": [look(row.model, dark).symbol for _place, row, _e in known],
                "color": [colour if row.model in TRAINED else p.background for _place, row, _e in known],
                "line": {"color": colour, "width": 2},
            },
            error_x={
                "array": [e.high - e.value for _place, _row, e in known],
                "arrayminus": [e.value - e.low for _place, _row, e in known],
                "color": colour,
                "thickness": 2,
            },
            customdata=[
                f"{label(row.name, 80)}, {cohort_name(cohort).lower()}: {written(e.value)} ({interval(e)})"
                for _place, row, e in known
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
        for place, _row, e in known:
            fig.add_annotation(
                x=e.value,
                y=place + shift,
                text=f"{cohort_name(cohort).lower()} {written(e.value)}",
                showarrow=False,
                yshift=15 if cohort == "head" else -15,
                font={"color": colour, "size": 12},
            )
    ends = [v for row in rows for e in row.estimates.values() for v in (e.low, e.high)] + [0.0]
    low, high = min(ends), max(ends)
    width = max(high - low, 1e-6)
    if differences:
        line = {"color": p.text, "width": 1}
        fig.add_shape(type="line", x0=0, x1=0, y0=-0.5, y1=len(rows) - 0.5, line=line)
    fig.update_yaxes(
        tickvals=list(range(len(rows) - 1, -1, -1)),
        ticktext=[f"<b>{label(r.name, LABEL)}</b>" if r.strong else label(r.name, LABEL) for r in rows],
        tickfont={"color": p.text, "size": 12},
        range=[-0.6, len(rows) - 0.4],
        showgrid=False,
        zeroline=False,
    )
    fig.update_xaxes(title_text=axis, range=[low - 0.14 * width, high + 0.14 * width], nticks=5)
    return fig


def axis_of_differences(metric: str, base: str) -> str:
    """What the axis of `by_cohort` says where it shows differences."""
    return _("{metric}, against {base}").format(metric=metric, base=label(base, LABEL))
