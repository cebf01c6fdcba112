"""Part of the Explain page: which of the things known decided the score, of the items and of the user."""

from __future__ import annotations

import streamlit as st

from dashboard.cache import explain as explain_cache
from dashboard.charts import explain as charts
from dashboard.elements.sheet import sheet
from dashboard.text import explain as explain_text
from dashboard.text.i18n import _, figure
from dashboard.text.shown import shown
from dashboard.ui.blocks import Note, Table
from dashboard.ui.components import escape_markdown
from dashboard.views.parts.page_frame import Page


def features(page: Page, item: str) -> None:
    """The waterfall over features, its table, and what it means that one is absent."""
    with st.spinner(_("Asking the model with features left out…")):
        found = explain_cache.explain_features(page.key, page.user, item, page.view, page.lang)
    st.markdown(escape_markdown(explain_text.features(found)))
    names = [explain_text.feature_name(feature) for feature in found.features]
    steps = [charts.Step(name, "", f.value, f.spread) for name, f in zip(names, found.features, strict=True)]
    alt = _("Waterfall from the base value over the features to the item's score.")
    columns = (_("Feature"), _("Known"), _("Value"), _("Standard error"))
    rows = tuple((name, shown(f.content), f.value, f.spread) for name, f in zip(names, found.features, strict=True))
    frame = charts.Frame("features", alt, charts.score_name(found.model), Table(columns, rows))
    notes = [
        _(
            "Absent, a part of the items is replaced by its mean over all items, in every item of the history and in "
            "this one: nothing then tells items apart in this respect. “Which items they are” is what items have "
            "beyond their content. An absent attribute of the user is unknown."
        ),
        _(
            "Base {base}: an average item, for a history of as many average items, of a user of whom nothing is known."
        ).format(base=figure(found.base)),
    ]
    if found.model == "ensemble":
        notes.append(
            _(
                "The other members read which items the history holds, and nothing of what they are: a member's "
                "whole part of the score stands as one bar."
            )
        )
    notes.append(
        _("Exact: every combination of features was tried.")
        if found.exact
        else _("Thin bars: the standard error over random orders of the features.")
    )
    chart = charts.staircase(found.base, found.score, steps, page.dark, frame)
    sheet([[chart, *(Note(text) for text in notes)]], "features")
