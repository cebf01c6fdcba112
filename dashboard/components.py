"""Small shared pieces of pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.i18n import _
from dashboard.words import cohort_name

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


def chart(fig: go.Figure, key: str, alt: str) -> None:
    """A chart that follows the theme, described for who cannot see it."""
    st.plotly_chart(fig, theme=None, key=key, alt=alt, config={"displayModeBar": False})


@st.fragment
def table_twin(table: pd.DataFrame, about: str, label: str | None = None) -> None:
    """A chart's figures as a table, one click away; `about` tells a page's tables apart, also for who cannot see them.

    A closed table is not sent to the browser, which makes pages a good deal lighter; opening one draws it alone.
    """
    twin = st.expander(
        label or _("The same as a table"), icon=":material/table:", key=f"twin_{about}", on_change="rerun"
    )
    if twin.open:
        twin.dataframe(table, hide_index=True, alt=_("{about}, as a table").format(about=about))


def cohort_badge(cohort: str) -> None:
    """A user's or an item's cohort by colour and word."""
    st.badge(cohort_name(cohort), color="orange" if cohort == "tail" else "blue")


def error_panel(what: str, way_out: str | None = None) -> None:
    """What happened, and what to do."""
    st.error(escape_markdown(what), icon=":material/info:")
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
