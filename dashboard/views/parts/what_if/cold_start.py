"""How many events a list needs, on the page What if: measured once for a run, when it is asked for."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import what_if as what_if_cache
from dashboard.charts import what_if as charts
from dashboard.text import common as common_text, what_if as what_if_text
from dashboard.text.i18n import _, percent
from dashboard.ui import components
from dashboard.ui.blocks import Block, Heading, Note, Text
from dashboard.views.parts.page_frame import Page, metric_of


def held(page: Page) -> engine.ColdStartCurve | None:
    """The curve, if it was measured."""
    return what_if_cache.kept_cold_start(page.key, metric_of(page))


def answer(growth: engine.ColdStartCurve | None, n: int) -> list[Block]:
    """How many events a list needs, and where a person of n events stands; what it takes to measure that."""
    title = Heading(_("How many events does a list need?"))
    if growth is not None:
        return [title, Text(what_if_text.placed(growth, n), lead=what_if_text.enough(growth))]
    note = _(
        "Test users with long histories are tested with only their newest 0, 1, 2, 3, 5, 8, … events, and compared "
        "with the average user. Measured once per run, in a few seconds to a minute."
    )
    return [title, Note(note)]


def evidence(page: Page, growth: engine.ColdStartCurve | None) -> None:
    """The curve; before it is measured, a button that measures it."""
    if growth is None:
        if st.button(_("Measure it"), key="measure_growth", icon=":material/show_chart:"):
            bar = st.progress(0.0, _("Ranking with short histories…"))
            what_if_cache.measure_cold_start(
                page.key, metric_of(page), lambda share: bar.progress(share, _("Ranking with short histories…"))
            )
            st.rerun()
        return
    alt = _("Quality of lists against the number of newest events known, with the average of all test users as a rule.")
    components.chart(charts.growth(growth, page.dark), "growth", alt)
    components.note(what_if_text.enough_users(growth))
    components.note(what_if_text.own_level(growth))
    components.note(
        _(
            "What these users contributed to training stays in the model, and items that they already had are not "
            "offered again: the curve is about what is known at the time of asking."
        )
        if page.run.config.evaluation.exclude_seen is not False
        else _(
            "What these users contributed to training stays in the model: the curve is about what is known at the "
            "time of asking."
        )
    )
    rows = [
        (
            p.n,
            common_text.estimate(p.quality),
            common_text.interval(p.against),
            percent(p.hits.value),
            percent(p.share),
        )
        for p in growth.points
    ]
    name = common_text.metric_name(growth.metric)
    columns = [
        _("Events known"),
        name,
        _("{metric} minus the average, interval").format(metric=name),
        common_text.metric_name(f"hr@{growth.k}"),
        _("Confidence"),
    ]
    components.data_table(pd.DataFrame(rows, columns=columns), _("How many events does a list need?"))
