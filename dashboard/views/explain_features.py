"""Part of the Explain page: which of the things known decided the score, of the items and of the user."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import cache_explain, components, words_explain
from dashboard.charts import explain as charts
from dashboard.charts.style import label
from dashboard.components import escape_markdown
from dashboard.i18n import _, figure
from dashboard.views.frame import Page


def features(page: Page, item: str) -> None:
    """The waterfall over features, its table, and what it means that one is absent."""
    with st.spinner(_("Asking the model with features left out…")):
        found = cache_explain.explain_features(page.key, page.user, item, page.view, page.lang)
    st.markdown(escape_markdown(words_explain.features(found)))
    names = [words_explain.feature_name(feature) for feature in found.features]
    steps = [
        charts.Step(label(name, 34), name, feature.value, feature.spread)
        for name, feature in zip(names, found.features, strict=True)
    ]
    fig = charts.staircase(found.base, found.score, steps, page.dark, charts.score_name(found.model))
    components.chart(fig, "features", _("Waterfall from the base value over the features to the item's score."))
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
                "The other members read which items were met and nothing of what they are: a member's whole part of "
                "the score stands as one bar."
            )
        )
    notes.append(
        _("Exact: every combination of features was tried.")
        if found.exact
        else _("Thin bars: the standard error over random orders of the features.")
    )
    for text in notes:
        components.note(text)
    rows = [(name, f.told, f.value, f.spread) for name, f in zip(names, found.features, strict=True)]
    columns = [_("Feature"), _("Known"), _("Value"), _("Standard error")]
    components.table_twin(pd.DataFrame(rows, columns=columns), _("Features"))
