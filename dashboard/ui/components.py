"""Small shared pieces of pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.text import i18n, spreadsheets
from dashboard.text.common import cohort_name
from dashboard.text.i18n import _, count
from dashboard.ui import state
from engine import EngineError, Message

LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 148 32" width="148" height="32">'
    '<g fill="#8B5CF6"><rect x="2" y="4" width="5" height="24" rx="1.5"/>'
    '<rect x="9" y="13" width="5" height="15" rx="1.5"/></g>'
    '<g fill="#F0803C"><rect x="16" y="19" width="5" height="9" rx="1.5"/>'
    '<rect x="23" y="23" width="5" height="5" rx="1.5"/><rect x="30" y="25" width="5" height="3" rx="1.5"/></g>'
    '<text x="44" y="23" font-family="Source Sans, Noto Sans, Helvetica, Arial, sans-serif" font-size="20" '
    'font-weight="650" fill="#8B5CF6">Tailscope</text></svg>'
)

ICON = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="#7C3AED"><rect x="2" y="3" width="6" '
    'height="26" rx="1.5"/><rect x="10" y="14" width="6" height="15" rx="1.5"/></g><g fill="#EA580C">'
    '<rect x="18" y="21" width="6" height="8" rx="1.5"/><rect x="26" y="25" width="5" height="4" rx="1.5"/></g></svg>'
)
"""The browser tab's icon; one of Streamlit's named icons would be fetched from another server."""

NOT_IN_THE_BAR = [
    *("zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"),
    *("hoverClosestCartesian", "hoverCompareCartesian", "toggleSpikelines"),
]
"""Of plotly's buttons over a chart all but the camera; Streamlit adds its own for the full screen."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>$:&=^'\"])")
_BREAK = "\u2060"  # a word joiner: unseen, and no link survives it


def escape_markdown(text: str) -> str:
    """The text such that Streamlit's Markdown shows it as it is.

    Backslashes disarm Markdown, LaTeX, HTML and Streamlit's colour and icon directives. Bare addresses are made into
    links after escapes are gone, so a word joiner is put where one would be recognised.
    """
    one_line = re.sub(r"[ \t\r\n\v\f\x85\u2028\u2029]+", " ", text)  # not the no-break spaces that numbers hold
    unlinked = re.sub(
        r"(?i)(https?|ftp|mailto):|www\.|(?<=[\w.+-])@(?=[\w-]+\.)", lambda m: _unlink(m.group(0)), one_line
    )
    return _SPECIAL.sub(r"\\\1", unlinked)


def _unlink(found: str) -> str:
    return found[:-1] + _BREAK + found[-1] + _BREAK


def headline(text: str) -> None:
    """The page's first line: the answer to its question."""
    st.title(escape_markdown(text), anchor=False)


def note(text: str) -> None:
    """A line of small print under a chart or a headline."""
    st.markdown(f":small[:gray[{escape_markdown(text)}]]")  # a caption of Streamlit's is too pale to read


def section(text: str) -> None:
    """The heading of a part of a page."""
    st.header(escape_markdown(text), anchor=False)


def frame(table: pd.DataFrame, place: Any = st, **options: Any) -> Any:
    """Streamlit's data frame with these options, whose button to save it saves no formula that came with the data."""
    return place.dataframe(spreadsheets.defused(table, spreadsheets.UNSEEN_MARK), **options)


def chart(fig: go.Figure, key: str, alt: str, on_point: Callable[[], None] | None = None) -> None:
    """A chart that follows the theme, described for who cannot see it; the camera over it saves it as a picture.

    Args:
        fig: what is drawn.
        key: of the element, and of the file that the camera saves.
        alt: what is to be seen.
        on_point: called when somebody clicks a point.
    """
    config = {
        "displayNotifier": False,
        "modeBarButtonsToRemove": NOT_IN_THE_BAR,
        "toImageButtonOptions": {
            "format": state.picture(),
            "filename": f"tailscope-{key.replace('_', '-')}",
            "scale": 2,
        },
    }
    if on_point is None:
        st.plotly_chart(fig, theme=None, key=key, alt=alt, config=config)
    else:
        st.plotly_chart(fig, theme=None, key=key, alt=alt, config=config, on_select=on_point, selection_mode="points")


def data_table(
    table: pd.DataFrame,
    about: str,
    label: str | None = None,
    has_chart: bool = True,
    chooses: tuple[str, Sequence[str]] | None = None,
) -> None:
    """A chart's figures as a table, one click away; `about` tells a page's tables apart, also for who cannot see them.

    A closed table is not sent to the browser, which makes pages a good deal lighter; opening one draws it alone.

    Args:
        table: the figures.
        about: what they are of.
        label: what opens the table.
        has_chart: whether a chart shows them too, which can be saved as a picture.
        chooses: what choosing a row chooses: the key in the address, and each row's value.
    """
    now = chooses and state.chosen(chooses[0])
    _data_table(table, about, label or _("Table and downloads"), state.picture() if has_chart else None, chooses, now)


@st.fragment
def _data_table(
    table: pd.DataFrame,
    about: str,
    label: str,
    drawn: str | None,
    chooses: tuple[str, Sequence[str]] | None,
    now: str | None,
) -> None:
    """The table itself; `drawn` is the format that the page's charts save themselves in, `now` the choice they show."""
    expander = st.expander(label, icon=":material/table:", key=f"table_{about}", on_change="rerun")
    if not expander.open:
        return
    if (drawn is not None and state.picture() != drawn) or (chooses and state.chosen(chooses[0]) != now):
        st.rerun()
    with expander:
        alt = _("{about}, as a table").format(about=about)
        if chooses is None:
            frame(table, hide_index=True, alt=alt)
        else:
            _choosing_table(table, f"rows_{about}", alt, *chooses)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.download_button(
                _("Save as CSV"),
                data=spreadsheets.as_csv(table),
                file_name=_file_name(about),
                mime="text/csv",
                icon=":material/download:",
                key=f"csv_{about}",
            )
            if drawn is not None:
                _picture_format(about)


def _choosing_table(table: pd.DataFrame, key: str, alt: str, chooses: str, values: Sequence[str]) -> None:
    """A table whose selected row is what is chosen, wherever it was chosen."""
    now = state.chosen(chooses)
    wanted = [values.index(now)] if now in values else []
    if state.selected_rows(key) != wanted:
        state.set_widget(key, {"selection": {"rows": wanted, "columns": [], "cells": []}})

    def choose() -> None:
        rows = state.selected_rows(key)
        state.choose(chooses, values[rows[0]] if rows and rows[0] < len(values) else None)

    frame(table, hide_index=True, alt=alt, key=key, on_select=choose, selection_mode="single-row")
    note(
        _("Row {row} of {n} is chosen, in the chart as well.").format(row=count(wanted[0] + 1), n=count(len(values)))
        if wanted
        else _("Choose a row to choose it in the chart as well: click its box, or press Shift and Space on it.")
    )


def _file_name(about: str) -> str:
    return re.sub(r"[^\w-]+", "-", about).strip("-") + ".csv"


def _picture_format(about: str) -> None:
    """What the cameras over the page's charts save."""
    note(_("The camera over a chart saves it as"))
    state.set_widget(f"picture_{about}", state.picture())
    st.segmented_control(
        _("Format of pictures"),
        state.PICTURES,
        format_func=str.upper,
        key=f"picture_{about}",
        required=True,
        label_visibility="collapsed",
        on_change=state.choose_from,
        args=("picture", f"picture_{about}"),
    )


def cohort_badge(cohort: str) -> None:
    """A user's or an item's cohort by colour and word."""
    st.badge(cohort_name(cohort), color="orange" if cohort == "tail" else "blue")


def error_panel(what: EngineError | Message | str, way_out: str | None = None) -> None:
    """What happened, in the reader's language, and what to do."""
    st.error(escape_markdown(i18n.translate(what)), icon=":material/info:")
    if way_out:
        st.markdown(escape_markdown(way_out))


def empty_state(directory: str) -> None:
    """No runs yet: how to make one. The page fills by itself when one appears."""
    headline(_("There is no trained run yet"))
    st.markdown(_("Train one in a terminal; this page fills by itself when it is done."))
    st.markdown(_("On the sample shop that comes with Tailscope:"))
    st.code("tailscope demo", language="bash")
    st.markdown(_("On your own interaction log, a file or a folder:"))
    st.code("tailscope train PATH", language="bash")
    note(_("Looked in {directory}. Set TAILSCOPE_RUNS to look elsewhere.").format(directory=directory))


def figures(values: Sequence[tuple[str, str, str | None]]) -> None:
    """A row of figures: label, value, and what qualifies it."""
    with st.container(horizontal=True, gap="small"):
        for label, value, qualifier in values:
            st.metric(label, value, border=True, delta=qualifier, delta_color="off", delta_arrow="off", width="stretch")
