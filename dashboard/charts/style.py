"""Colours, type and the bare layout that all charts share. A colour keeps its meaning on every page."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go


@dataclass(frozen=True)
class Palette:
    """The colours of one theme, by meaning."""

    background: str
    raised: str
    text: str
    muted: str
    grid: str
    head: str
    tail: str
    model: str
    ensemble: str
    baseline: str
    raises: str
    lowers: str
    attention: tuple[str, str, str]


LIGHT = Palette(
    background="#FFFFFF",
    raised="#F4F6FA",
    text="#1A1F2B",
    muted="#5B6472",
    grid="#E6E9F0",
    head="#0369A1",
    tail="#C2410C",
    model="#6D28D9",
    ensemble="#15803D",
    baseline="#6B7280",
    raises="#D81B4A",
    lowers="#1F6FD6",
    attention=("#FFFFFF", "#A48BD3", "#4C1D95"),
)
DARK = Palette(
    background="#0F1420",
    raised="#1A2130",
    text="#E8EAF0",
    muted="#9AA4B5",
    grid="#273044",
    head="#38BDF8",
    tail="#FDA065",
    model="#C4B5FD",
    ensemble="#86EFAC",
    baseline="#94A0B0",
    raises="#FF7A9C",
    lowers="#6FB1FF",
    attention=("#0F1420", "#5D4FA3", "#DDD6FE"),
)


def palette(dark: bool) -> Palette:
    """The colours of the dark or the light theme."""
    return DARK if dark else LIGHT


@dataclass(frozen=True)
class Look:
    """How a model is drawn: what was trained is filled and solid, a baseline hollow and dashed.

    Attributes:
        colour: of lines, and of the edge of markers.
        fill: of markers.
        symbol, dash: in plotly's words, so that no model is told by colour alone.
    """

    colour: str
    fill: str
    symbol: str
    dash: str


TRAINED = ("transformer", "ensemble")
"""Models that are no baselines."""


def look(model: str, dark: bool) -> Look:
    """How a model is drawn in every chart."""
    p = palette(dark)
    if model == "transformer":
        return Look(p.model, p.model, "circle", "solid")
    if model == "ensemble":
        return Look(p.ensemble, p.ensemble, "square", "solid")
    return Look(p.baseline, p.background, "circle", "dash")


def named(model: str, name: str, answers: str) -> str:
    """A model's name as an axis label: in bold if it is the one that answers."""
    return f"<b>{name}</b>" if model == answers else name


def figure(dark: bool, height: int, **layout: Any) -> go.Figure:
    """An empty figure in the house style; `layout` holds plotly's own names, nested where they are."""
    # Plotly would look at every value of the layout here; the tests of the charts have it do so.
    return go.Figure({"data": [], "layout": _merged(_house(dark, height), layout)}, _validate=False)


def _house(dark: bool, height: int) -> dict[str, Any]:
    p = palette(dark)
    axis = {
        "gridcolor": p.grid,
        "zerolinecolor": p.grid,
        "linecolor": p.grid,
        "tickfont": {"color": p.muted, "size": 12},
        "title": {"font": {"color": p.muted, "size": 13}, "standoff": 10},
        "automargin": True,
        "ticklabeloverflow": "allow",  # there is room for them; to look for what to hide takes a third of the drawing
    }
    return {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": p.background,  # that of the page; a picture saved from a dark page stays legible elsewhere
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": p.text, "size": 13, "family": "Source Sans, Noto Sans SC, Noto Sans CJK SC, sans-serif"},
        "hoverlabel": {"bgcolor": p.raised, "bordercolor": p.grid, "font": {"color": p.text}},
        "showlegend": False,
        "xaxis": axis,
        "yaxis": deepcopy(axis),  # or what is later said of one would be said of both
        "dragmode": False,
    }


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """One layout on top of another, part by part."""
    out = dict(under)
    for key, value in over.items():
        below = out.get(key)
        out[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return out


def shorten(text: str, width: int) -> str:
    """The text cut at the end with an ellipsis; a Chinese character takes the room of two."""
    room = 0
    for i, char in enumerate(text):
        room += 2 if ord(char) > 0x2E7F else 1
        if room > width:
            return text[: max(0, i - 1)].rstrip() + "…"
    return text


def plain(text: str) -> str:
    """A title made safe for plotly, which reads a few HTML tags in labels."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def label(text: str, width: int) -> str:
    """A title cut to a width and made safe for plotly."""
    return plain(shorten(text, width))


def rgba(colour: str, alpha: float) -> str:
    """A "#RRGGBB" colour made see-through."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
