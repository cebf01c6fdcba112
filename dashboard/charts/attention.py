"""Charts of attention: one map large, all maps small. Rows are query steps, columns key steps, the unseen is blank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.style import figure, label, palette, plain
from dashboard.i18n import _
from dashboard.i18n import figure as number

SCALE_ROOM = 56
"""Pixels above a map for its colour scale."""

SET_OFF = 0.7
"""The gap, in rows, between the last row and the others: it alone reads out the next item."""

READOUT_LIMIT = 60
"""Beyond this many events, titles on the axes overlap: positions stand in for them."""


def window(values: np.ndarray, size: int) -> np.ndarray:
    """The `size` most recent columns of (..., query, key) maps, and their rows; a decoder's row has no column."""
    more = values.shape[-2] - values.shape[-1]
    return values[..., -size - more :, -size:]


def ceiling(values: np.ndarray, lifted: bool) -> float:
    """The top of the one colour scale that all heads share.

    A lift scale ends at its 99.5th percentile, or a single outlier would leave every other cell pale; it reaches 2 at
    least, so that an even spread is never painted as a strong one.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return 1.0
    top = max(2.0, float(np.quantile(known, 0.995))) if lifted else float(known.max())
    return max(top, 1e-6)


def _scale(dark: bool) -> list[list[float | str]]:
    low, middle, high = palette(dark).attention
    return [[0.0, low], [0.5, middle], [1.0, high]]


def _staircase(size: int) -> tuple[list[float], list[float]]:
    """The border between past and future, so that blank cells are seen to lie outside the map."""
    xs: list[float] = []
    ys: list[float] = []
    for row in range(size - 1):
        xs += [row + 0.5, row + 0.5]
        ys += [row - 0.5, row + 0.5]
    return xs, ys


def chosen_map(
    values: np.ndarray, titles: Sequence[str], positions: Sequence[int], lifted: bool, top: float, dark: bool
) -> go.Figure:
    """One head's map with titles on both axes, the last row set off.

    Args:
        values: (query, key) weights or lifts, NaN where nobody looks.
        titles: a title for each row, oldest first; columns have the first of them.
        positions: likewise, in the whole history; 1 is the oldest.
        lifted: values are lifts over uniform.
        top: top of the shared colour scale.
        dark: which palette.
    """
    p = palette(dark)
    size, n_columns = values.shape
    cell = 22 if size <= 32 else 14
    causal = bool(np.isnan(values).any())  # half of it is blank, so there is room for the scale
    fig = figure(dark, 220 + cell * size + (0 if causal else SCALE_ROOM))
    x_edges = np.arange(n_columns + 1) - 0.5
    last_y = size - 1 + SET_OFF
    rows = [(values[:-1], np.arange(size) - 0.5), (values[-1:], np.array([last_y - 0.5, last_y + 0.5]))]
    for part, edges in rows:
        if len(part):
            fig.add_heatmap(z=part, x=x_edges, y=edges, coloraxis="coloraxis", hoverinfo="skip", xgap=1, ygap=1)
    if causal:
        stairs_x, stairs_y = _staircase(size)
        fig.add_scatter(x=stairs_x, y=stairs_y, mode="lines", line={"color": p.muted, "width": 1}, hoverinfo="skip")
    fig.add_shape(
        type="rect",
        x0=-0.5,
        x1=n_columns - 0.5,
        y0=last_y - 0.5,
        y1=last_y + 0.5,
        line={"color": p.model, "width": 1.5},
    )
    fig.add_trace(_cells(values, titles, last_y, lifted, cell))
    x_ticks, x_texts = _axis_labels(titles[:n_columns], positions[:n_columns])
    fig.update_xaxes(
        title_text=_("looked at (key)"),
        tickvals=x_ticks,
        ticktext=x_texts,
        tickangle=-90,
        showgrid=False,
        zeroline=False,
        range=[-0.6, n_columns - 0.4],
        tickfont={"size": 11},
    )
    ticks, texts = _axis_labels(titles, positions)
    y_ticks = [float(t) if t < size - 1 else last_y for t in ticks]
    y_texts = [text if t < size - 1 else f"<b>{text}</b>" for t, text in zip(ticks, texts, strict=True)]
    fig.update_yaxes(
        title_text=_("while reading (query)"),
        tickvals=y_ticks,
        ticktext=y_texts,
        showgrid=False,
        zeroline=False,
        range=[last_y + 0.6, -0.6],
        tickfont={"size": 11},
    )
    # Wherever a click lands in a cell, however wide, it is its marker's.
    scale = _coloraxis(lifted, top, dark)
    if not causal:  # the scale goes above a map that is full
        scale["colorbar"] = {**scale["colorbar"], "yanchor": "bottom", "y": 1.02}
        fig.update_layout(margin_t=SCALE_ROOM)
    fig.update_layout(coloraxis=scale, hovermode="closest", hoverdistance=-1)
    if size > READOUT_LIMIT:  # cells are small: drag to look closer, double-click to come back
        fig.update_layout(dragmode="zoom")
    return fig


def _coloraxis(lifted: bool, top: float, dark: bool) -> dict[str, Any]:
    return {
        "colorscale": _scale(dark),
        "cmin": 0,
        "cmax": top,
        "colorbar": {
            "title": {
                "text": _("times uniform") if lifted else _("weight"),
                "side": "top",
                "font": {"color": palette(dark).muted, "size": 12},
            },
            "tickfont": {"color": palette(dark).muted, "size": 12},
            "orientation": "h",
            "thickness": 8,
            "len": 0.42,
            "x": 1,
            "xanchor": "right",
            "y": 1,
            "yanchor": "top",
            "nticks": 5,
            "outlinewidth": 0,
        },
    }


def _cells(values: np.ndarray, titles: Sequence[str], last_y: float, lifted: bool, cell: int) -> go.Scatter:
    """Unseen markers over the cells: a heatmap by itself neither selects nor names its cells."""
    size = len(titles)
    query, key = np.nonzero(np.isfinite(values))
    says = _("times uniform") if lifted else _("weight")
    return go.Scatter(
        x=key,
        y=np.where(query == size - 1, last_y, query),
        mode="markers",
        marker={"symbol": "square", "size": cell - 4, "opacity": 0, "color": "#888888"},
        selected={"marker": {"opacity": 0.25}},
        unselected={"marker": {"opacity": 0}},
        customdata=[
            [q, k, plain(titles[q]), plain(titles[k]), number(float(values[q, k]))]
            for q, k in zip(query.tolist(), key.tolist(), strict=True)
        ],
        hovertemplate="%{customdata[2]} → %{customdata[3]}<br>" + says + " %{customdata[4]}<extra></extra>",
    )


def _axis_labels(titles: Sequence[str], positions: Sequence[int]) -> tuple[list[int], list[str]]:
    size = len(titles)
    if size <= READOUT_LIMIT:
        return list(range(size)), [f"{label(t, 18)} {pos}" for t, pos in zip(titles, positions, strict=True)]
    step = -(-size // 24)
    ticks = sorted({*range(0, size - step // 2, step), size - 1})
    return ticks, [str(positions[t]) for t in ticks]


def all_heads(values: np.ndarray, chosen: tuple[int, int], lifted: bool, top: float, dark: bool) -> go.Figure:
    """Every layer's every head as a small multiple on one colour scale, the chosen one framed.

    Args:
        values: (n_layers, n_heads, query, key) weights or lifts, NaN where nobody looks.
        chosen: (layer, head), both from 0.
        lifted: values are lifts over uniform.
        top: top of the shared colour scale.
        dark: which palette.
    """
    p = palette(dark)
    n_layers, n_heads, size, n_columns = values.shape
    columns = min(4, n_layers * n_heads) if n_layers == 1 or n_heads > 4 else n_heads
    total = n_layers * n_heads
    n_rows = -(-total // columns)
    names = [_("layer {layer}, head {head}").format(layer=i // n_heads + 1, head=i % n_heads + 1) for i in range(total)]
    fig = make_subplots(
        rows=n_rows, cols=columns, subplot_titles=names, horizontal_spacing=0.05, vertical_spacing=0.28 / n_rows
    )
    base = figure(dark, 40 + 175 * n_rows)
    fig.update_layout(base.layout)
    for i in range(total):
        layer, head = divmod(i, n_heads)
        row, column = i // columns + 1, i % columns + 1
        fig.add_heatmap(
            z=values[layer, head],
            coloraxis="coloraxis",
            row=row,
            col=column,
            hovertemplate=names[i] + "<extra></extra>",
        )
        picked = (layer, head) == chosen
        fig.add_shape(
            type="rect",
            x0=-0.5,
            x1=n_columns - 0.5,
            y0=-0.5,
            y1=size - 0.5,
            line={"color": p.model if picked else p.grid, "width": 3 if picked else 1},
            row=row,
            col=column,
        )
    fig.update_xaxes(showticklabels=False, ticks="", showgrid=False, zeroline=False, range=[-0.7, n_columns - 0.3])
    fig.update_yaxes(showticklabels=False, ticks="", showgrid=False, zeroline=False, range=[size - 0.3, -0.7])
    for i, note in enumerate(fig.select_annotations()):
        assert isinstance(note, go.layout.Annotation)
        picked = divmod(i, n_heads) == chosen
        note.font = {"color": p.model if picked else p.muted, "size": 12}
    fig.update_layout(coloraxis={**_coloraxis(lifted, top, dark), "showscale": False}, margin={"t": 28})
    return fig
