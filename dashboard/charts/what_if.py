"""Charts of a changed history: ranks before and now, where the last row looks, and lists by the number of events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.explain import event_number
from dashboard.charts.scale import Scale, between, ink
from dashboard.charts.style import figure, look, palette, rgba
from dashboard.text import what_if as what_if_text
from dashboard.text.common import metric_name, player_label
from dashboard.text.i18n import _, count, figure as number, percent
from dashboard.ui.blocks import Chart, ChartRow, Rule, Shape, Table, Value

if TYPE_CHECKING:
    from engine import AttentionMap, ColdStartCurve, Confidence, MovedItem, Player

RANK_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20000, 100000)

MOST_STEPS = 12
"""Events after which the confidence is drawn, the newest; the table has them all."""


def ranks(moved: tuple[MovedItem, ...], k: int, dark: bool) -> Chart:
    """Each item's rank before (hollow) and now (filled), on a scale that gives the first ranks the most room."""
    rows = [one for one in moved if one.now is not None or one.before is not None]
    worst = max([rank for one in rows for rank in (one.before, one.now) if rank is not None] + [k])
    scale = Scale(0.8, worst * 1.25, logarithmic=True)
    columns = (_("Title"), _("Rank before"), _("Rank now"), _("Score before"), _("Score now"), _("Item"))
    table = tuple((m.title, m.before, m.now, m.score_before, m.score_now, m.item_id) for m in moved)
    return Chart(
        "ranks",
        _("Each item's rank before the change, hollow, and now, filled; the first ranks have the most room."),
        tuple(_moved(one, scale, dark) for one in rows),
        scale.ticks(RANK_TICKS, lambda rank: count(int(rank))),
        _("rank, best at the left"),
        ink(dark),
        Table(columns, table),
        (Rule(scale.at(k + 0.5), "2 3"),),
    )


def _moved(one: MovedItem, scale: Scale, dark: bool) -> ChartRow:
    colour = _direction(one, dark)
    before, now = (None if rank is None else scale.at(rank) for rank in (one.before, one.now))
    shapes = []
    if before is not None and now is not None and before != now:
        shapes.append(Shape("line", before, now, colour))
    shapes += [Shape("ring", before, before, colour)] if before is not None else []
    shapes += [Shape("dot", now, now, colour)] if now is not None else []
    told = (_("before"), what_if_text.rank(one.before)), (_("now"), what_if_text.rank(one.now))
    tip = f"{one.title}\n" + ", ".join(f"{name}: {rank}" for name, rank in told)
    return ChartRow(one.title, tuple(shapes), tip=tip)


def _direction(one: MovedItem, dark: bool) -> str:
    p = palette(dark)
    if one.before == one.now:
        return p.muted
    return p.raises if (one.now or np.inf) < (one.before or np.inf) else p.lowers


def readout(
    found: AttentionMap, players: tuple[Player, ...], dark: bool, numbered: Callable[[Player], str] = event_number
) -> Chart:
    """What the last row of every head looks at: a row for each player of the explanation beside it, a column a head.

    Args:
        found: the weights.
        players: of the explanation.
        dark: which palette.
        numbered: what stands behind an event's title.
    """
    low, middle, high = palette(dark).attention
    n_layers, n_heads = found.weights.shape[:2]
    last = found.weights[:, :, -1, : found.n_events].reshape(n_layers * n_heads, -1)
    heads = [f"{i // n_heads + 1}.{i % n_heads + 1}" for i in range(len(last))]
    weights = _looked_at(found, players, last)
    single = [player.position is not None for player in players]
    most = max(float(weights[single].max(initial=0.0)), 1e-6)  # a group's weight may be any number of events'
    rows = []
    for player, row in zip(players, weights.tolist(), strict=True):
        shapes = []
        for i, weight in enumerate(row):
            share = min(weight / most, 1.0)
            colour = between(low, middle, 2 * share) if share < 0.5 else between(middle, high, 2 * share - 1)
            tip = f"{player_label(player)}\n" + _("layer {layer}, attention head {head}").format(
                layer=i // n_heads + 1, head=i % n_heads + 1
            )
            shapes.append(Shape("cell", i / len(heads), (i + 1) / len(heads), colour, f"{tip}: {percent(weight)}"))
        rows.append(ChartRow(player_label(player), tuple(shapes), numbered(player)))
    columns = (_("Event"), _("Title"), *(_("Layer.attention head {name}").format(name=name) for name in heads))
    table = tuple(
        (position, label, *weights)
        for position, label, weights in zip(
            found.positions[: found.n_events][::-1],
            found.labels[: found.n_events][::-1],
            last.T[::-1].round(4).tolist(),
            strict=True,
        )
    )
    return Chart(
        "readout",
        _("For every attention head, how much of its last row's attention lies on each event of the history."),
        tuple(rows),
        tuple(((i + 0.5) / len(heads), name) for i, name in enumerate(heads)),
        _("layer.attention head"),
        ink(dark),
        Table(columns, table),
        grid=False,
    )


def _looked_at(found: AttentionMap, players: tuple[Player, ...], last: np.ndarray) -> np.ndarray:
    """(n_players, n_layers * n_heads) weights of the players; that of a group is its events' together."""
    positions = np.array(found.positions[: found.n_events])
    alone = [player.position for player in players if player.position is not None]
    masks = [
        positions < min(alone, default=np.inf) if player.position is None else positions == player.position
        for player in players
    ]
    return np.stack([last[:, mask].sum(axis=1) for mask in masks])


def confidence(steps: tuple[tuple[int, Confidence], ...], dark: bool) -> Chart:
    """How much of the softmax the list held after each event, the newest at the top."""
    p = palette(dark)
    shown = steps[-MOST_STEPS:][::-1]
    scale = Scale(0.0, max(c.share for _n, c in shown) or 1.0)
    rows = []
    for n, c in shown:
        after = _("{n} events: {share}, as if over {spread} items").format(
            n=count(n), share=percent(c.share), spread=count(c.spread)
        )
        bar = Shape("bar", 0.0, scale.at(c.share), p.model)
        rows.append(ChartRow(count(n), (bar,), value=Value(bar.end, percent(c.share), p.text), tip=after))
    columns = (_("Events known"), _("Confidence"), _("As if over so many items"))
    return Chart(
        "confidence",
        _("Share of the softmax on the first ten after each event."),
        tuple(rows),
        scale.ticks(told=percent),
        _("confidence by events known"),
        ink(dark),
        Table(columns, tuple((n, c.share, c.spread) for n, c in steps)),
        room=64,
    )


def growth(found: ColdStartCurve, dark: bool) -> go.Figure:
    """Quality against events known, with its band, and the average of all as a rule."""
    p = palette(dark)
    drawn = look(found.model, dark)
    at = [_place(point.n) for point in found.points]
    fig = figure(dark, 360)
    fig.add_scatter(
        x=[*at, *reversed(at)],
        y=[*(q.quality.high for q in found.points), *(q.quality.low for q in reversed(found.points))],
        mode="lines",
        fill="toself",
        fillcolor=rgba(drawn.colour, 0.16),
        line={"width": 0},
        hoverinfo="skip",
    )
    fig.add_scatter(
        x=at,
        y=[point.quality.value for point in found.points],
        mode="lines+markers",
        line={"color": drawn.colour, "width": 2},
        marker={"size": 8, "color": drawn.fill, "symbol": drawn.symbol},
        customdata=[
            [count(q.n), number(q.quality.value), number(q.quality.low), number(q.quality.high)] for q in found.points
        ],
        hovertemplate=_("{n} events: {value} ({low} to {high})").format(
            n="%{customdata[0]}", value="%{customdata[1]}", low="%{customdata[2]}", high="%{customdata[3]}"
        )
        + "<extra></extra>",
    )
    end = at[-1] + 0.15
    over = found.average.value >= found.whole.value  # whose name stands above its rule
    for value, text, dash, side in (
        (found.average.value, _("average of all, {value}"), "dash", "bottom" if over else "top"),
        (found.whole.value, _("these users, whole histories, {value}"), "dot", "top" if over else "bottom"),
    ):
        fig.add_shape(
            type="line", x0=-0.1, x1=end, y0=value, y1=value, line={"color": p.muted, "width": 1, "dash": dash}
        )
        fig.add_annotation(
            x=end,
            y=value,
            text=text.format(value=number(value)),
            showarrow=False,
            xanchor="right",
            yanchor=side,
            font={"color": p.muted, "size": 12},
        )
    top = max([q.quality.high for q in found.points] + [found.average.value, found.whole.value]) * 1.14 or 1.0
    fig.update_xaxes(
        title_text=_("newest events known"),
        tickvals=at,
        ticktext=[count(q.n) for q in found.points],
        range=[-0.15, end + 0.05],
        showgrid=False,
        zeroline=False,
    )
    fig.update_yaxes(title_text=metric_name(found.metric), range=[0, top], nticks=6)
    return fig


def _place(n: int) -> float:
    """Where n events stand on an axis that gives the first ones the most room."""
    return float(np.log1p(n))
