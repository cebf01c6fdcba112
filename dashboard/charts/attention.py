"""Charts of attention: one map large, all maps small. Rows are query steps, columns key steps, the unseen is blank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.style import figure, label, palette, plain
from dashboard.text.i18n import _, figure as number

BAR_ROOM = 36
"""Pixels above a map for the buttons that appear over it."""

SCALE_ROOM = 56
"""Pixels above a map for its colour scale, where the map is full."""

SET_OFF = 0.7
"""The gap, in rows, between the last row and the others: it alone reads out the next item."""

READOUT_LIMIT = 60
"""Beyond this many events, titles on the axes overlap: positions stand in for them."""

LONG_SIDE = 840
"""Pixels of a map of more events than that; its cells shrink instead."""


@dataclass(frozen=True)
class Window:
    """The part of a map that is drawn.

    Attributes:
        rows: indices of its queries; the last of them is the row that reads out, wherever the window lies.
        columns: indices of its keys, those of the first rows.
    """

    rows: np.ndarray
    columns: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """The part of (..., query, key) maps that the window shows."""
        return values[..., self.rows[:, None], self.columns]


def window(shape: tuple[int, int], n_events: int, first: int, last: int) -> Window:
    """The window over the events with index `first` to `last`, from 0.

    Args:
        shape: queries and keys of the map.
        n_events: how many of both are events; [MASK] or START may follow, which the newest events bring with them.
        first: index of the oldest event shown.
        last: index of the newest.
    """
    n_rows, n_keys = shape
    until = n_keys if last == n_events - 1 else last + 1
    columns = np.arange(first, until)
    return Window(np.union1d(np.arange(first, min(until, n_rows)), [n_rows - 1]), columns)


def cell_address(query: int | None, key: int | None) -> str:
    """How an address names a cell, by the positions of its two events; either may be left open."""
    return f"{'' if query is None else query}.{'' if key is None else key}"


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
    values: np.ndarray,
    titles: Sequence[str],
    positions: Sequence[int],
    lifted: bool,
    top: float,
    dark: bool,
    cell: tuple[int, int] | None = None,
) -> go.Figure:
    """One head's map with titles on both axes, the last row set off.

    Args:
        values: (query, key) weights or lifts, NaN where nobody looks.
        titles: a title for each row, oldest first; columns have the first of them.
        positions: likewise, in the whole history; 1 is the oldest.
        lifted: values are lifts over uniform.
        top: top of the shared colour scale.
        dark: which palette.
        cell: row and column of a cell to frame.
    """
    p = palette(dark)
    size, n_columns = values.shape
    side = 22 if size <= 32 else 14 if size <= READOUT_LIMIT else max(LONG_SIDE // size, 3)
    gap = 1 if size <= READOUT_LIMIT else 0
    causal = bool(np.isnan(values).any())  # half of it is blank, so there is room for the scale
    room = BAR_ROOM if causal else BAR_ROOM + SCALE_ROOM
    fig = figure(dark, 220 + side * size + room)
    x_edges = np.arange(n_columns + 1) - 0.5
    last_y = size - 1 + SET_OFF
    rows = [(values[:-1], np.arange(size) - 0.5), (values[-1:], np.array([last_y - 0.5, last_y + 0.5]))]
    for part, edges in rows:
        if len(part):
            fig.add_heatmap(z=part, x=x_edges, y=edges, coloraxis="coloraxis", hoverinfo="skip", xgap=gap, ygap=gap)
    if causal:
        stairs_x, stairs_y = _staircase(size)
        fig.add_scatter(x=stairs_x, y=stairs_y, mode="lines", line={"color": p.muted, "width": 1}, hoverinfo="skip")
    _frame(fig, (-0.5, n_columns - 0.5), last_y, p.model, 1.5)
    if cell is not None:
        _mark(fig, cell[1], last_y if cell[0] == size - 1 else cell[0], last_y, p.text)
    fig.add_trace(_cells(values, titles, positions, last_y, lifted))
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
    fig.update_layout(coloraxis=scale, hovermode="closest", hoverdistance=-1, margin_t=room)
    if size > READOUT_LIMIT:  # cells are small: drag to look closer, double-click to come back
        fig.update_layout(dragmode="zoom")
    return fig


def _frame(fig: go.Figure, xs: tuple[float, float], y: float, color: str, width: float) -> None:
    """A frame around cells of the row at y."""
    fig.add_shape(type="rect", x0=xs[0], x1=xs[1], y0=y - 0.5, y1=y + 0.5, line={"color": color, "width": width})


def _mark(fig: go.Figure, x: float, y: float, last_y: float, color: str) -> None:
    """A frame around one cell, and lines to both axes, which lead the eye to it in a large map."""
    _frame(fig, (x - 0.5, x + 0.5), y, color, 2.5)
    for x1, y1 in ((-0.5, y), (x, last_y + 0.5)):
        start_x, start_y = (x - 0.5, y) if y1 == y else (x, y + 0.5)
        fig.add_shape(
            type="line", x0=start_x, y0=start_y, x1=x1, y1=y1, line={"color": color, "width": 1, "dash": "dot"}
        )


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


def _cells(
    values: np.ndarray, titles: Sequence[str], positions: Sequence[int], last_y: float, lifted: bool
) -> go.Scatter:
    """Unseen markers over the cells: a heatmap by itself neither selects nor names its cells.

    Hovering and clicking go by a marker's place, drawn or not; all but a few are not, or a long map would take seconds.
    """
    size = len(titles)
    query, key = np.nonzero(np.isfinite(values))
    says = _("times uniform") if lifted else _("weight")
    names = [plain(title) for title in titles]
    return go.Scatter(
        x=key,
        y=np.where(query == size - 1, last_y, query),
        mode="markers",
        marker={"symbol": "square", "size": 4, "opacity": 0, "color": "#888888", "maxdisplayed": 1},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=[
            [names[q], names[k], text, cell_address(positions[q], positions[k])]
            for q, k, text in zip(query.tolist(), key.tolist(), _numbers(values[query, key]), strict=True)
        ],
        hovertemplate="%{customdata[0]} → %{customdata[1]}<br>" + says + " %{customdata[2]}<extra></extra>",
    )


def _numbers(values: np.ndarray) -> list[str]:
    """Values as text; a large map holds the same three digits many times, and each is put in words once."""
    rounded = np.array([float(f"{value:.2e}") for value in values.tolist()])
    _distinct, first, where = np.unique(rounded, return_index=True, return_inverse=True)
    texts = [number(value) for value in values[first].tolist()]
    return [texts[i] for i in where.tolist()]


def _axis_labels(titles: Sequence[str], positions: Sequence[int]) -> tuple[list[int], list[str]]:
    size = len(titles)
    if size <= READOUT_LIMIT:
        return list(range(size)), [f"{label(t, 18)} {pos}" for t, pos in zip(titles, positions, strict=True)]
    step = -(-size // 24)
    ticks = sorted({*range(0, size - step // 2, step), size - 1})
    return ticks, [str(positions[t]) for t in ticks]


def all_heads(
    values: np.ndarray, chosen: tuple[int, int], lifted: bool, top: float, dark: bool, flow: bool = False
) -> go.Figure:
    """Every layer's every head as a small multiple on one colour scale, the chosen one framed.

    Args:
        values: (n_layers, n_heads, query, key) weights or lifts, NaN where nobody looks.
        chosen: (layer, head), both from 0.
        lifted: values are lifts over uniform.
        top: top of the shared colour scale.
        dark: which palette.
        flow: maps are of the flow through layers, which has one map a layer and knows no heads.
    """
    p = palette(dark)
    n_layers, n_heads, size, n_columns = values.shape
    columns = min(4, n_layers * n_heads) if n_layers == 1 or n_heads > 4 or flow else n_heads
    total = n_layers * n_heads
    n_rows = -(-total // columns)
    said = _("after layer {layer}") if flow else _("layer {layer}, attention head {head}")
    names = [said.format(layer=i // n_heads + 1, head=i % n_heads + 1) for i in range(total)]
    fig = make_subplots(
        rows=n_rows, cols=columns, subplot_titles=names, horizontal_spacing=0.05, vertical_spacing=0.28 / n_rows
    )
    base = figure(dark, 40 + 175 * n_rows)
    fig.update_layout(base.layout)
    picked = [divmod(i, n_heads) == chosen for i in range(total)]
    fig.add_traces(
        [
            go.Heatmap(z=values[divmod(i, n_heads)], coloraxis="coloraxis", hovertemplate=names[i] + "<extra></extra>")
            for i in range(total)
        ],
        rows=[i // columns + 1 for i in range(total)],
        cols=[i % columns + 1 for i in range(total)],
    )
    frames = [  # all at once: a shape added by itself is as slow as a whole layout
        {
            "type": "rect",
            "x0": -0.5,
            "x1": n_columns - 0.5,
            "y0": -0.5,
            "y1": size - 0.5,
            "xref": f"x{i + 1 if i else ''}",
            "yref": f"y{i + 1 if i else ''}",
            "line": {"color": p.model if picked[i] else p.grid, "width": 3 if picked[i] else 1},
        }
        for i in range(total)
    ]
    fig.update_layout(shapes=frames)
    fig.update_xaxes(showticklabels=False, ticks="", showgrid=False, zeroline=False, range=[-0.7, n_columns - 0.3])
    fig.update_yaxes(showticklabels=False, ticks="", showgrid=False, zeroline=False, range=[size - 0.3, -0.7])
    for i, note in enumerate(fig.select_annotations()):
        assert isinstance(note, go.layout.Annotation)
        note.font = {"color": p.model if picked[i] else p.muted, "size": 12}
    fig.update_layout(coloraxis={**_coloraxis(lifted, top, dark), "showscale": False}, margin={"t": 28})
    return fig
