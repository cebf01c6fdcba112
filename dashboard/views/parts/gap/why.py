"""Why there is a gap, on the page Head vs tail: short histories or other users, what they seek, what could be had."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.charts import why as charts
from dashboard.text import common as common_text, fairness as fairness_text, gap as gap_text
from dashboard.text.i18n import _
from dashboard.ui import components, state
from dashboard.views.parts.page_frame import Page
from engine import EngineError


@st.fragment
def why(page: Page, metric: str) -> None:
    """The evidence, part by part; worked out once for a run and kept in its folder."""
    components.section(_("Why is there a gap?"))
    try:
        with st.spinner(_("Ranking again with histories cut short…")):
            found = run_cache.diagnosis(page.key, metric)
    except EngineError as error:
        components.error_panel(error)
        return
    left, right = st.columns([6, 6], gap="large")
    with left:
        _truncation(page, found)
    with right:
        _targets(page, found)
    _ceiling(page, found)


def _truncation(page: Page, found: engine.Diagnosis) -> None:
    """The truncation experiment."""
    experiment = found.truncation.get(page.run.answers) if found.truncation else None
    if experiment is None or found.metric not in experiment.parts:
        components.note(_("The truncation experiment needs both head and tail users."))
        return
    parts = experiment.parts[found.metric]
    st.markdown(components.escape_markdown(fairness_text.parts(parts)))
    components.chart(
        charts.parts(parts, page.dark), "parts", _("Head users, head users with histories cut short, and tail users.")
    )
    components.note(fairness_text.parts_evidence(parts))
    components.note(
        _(
            "Head users are asked again with histories as short as the tail's ({draws} draws each; on average {cut} "
            "events instead of {whole}). What they gave to training stays in the model."
        ).format(draws=experiment.draws, cut=f"{experiment.cut_length:.1f}", whole=f"{experiment.head_length:.1f}")
    )
    rows = [
        (
            common_text.model_name(model),
            common_text.metric_name(metric),
            p.gap.value,
            gap_text.span(p.length),
            gap_text.span(p.users),
            fairness_text.share(p.length_share),
        )
        for model, e in (found.truncation or {}).items()
        for metric, p in e.parts.items()
    ]
    columns = [
        _("Model"),
        _("Metric"),
        _("Gap"),
        _("Short histories"),
        _("Different users"),
        _("Short histories, share"),
    ]
    components.data_table(pd.DataFrame(rows, columns=columns), _("The truncation experiment"))


def _targets(page: Page, found: engine.Diagnosis) -> None:
    """What head and tail users seek, and how they fare with it."""
    names = {"kind": _("popularity"), "support": _("cover by similar users")}
    state.set_widget("targets_by", state.one_of("targets", names))
    by = st.segmented_control(
        _("Targets by"),
        list(names),
        format_func=names.__getitem__,
        key="targets_by",
        required=True,
        on_change=state.choose_from,
        args=("targets", "targets_by"),
    )
    given = next((each for each in found.targets if each.by == by), None)
    if given is None:
        components.note(_("Not known for this run."))
        return
    st.markdown(components.escape_markdown(fairness_text.targets(given, page.run.answers)))
    components.chart(
        charts.targets(given, page.run.answers, found.metric, page.dark),
        "targets",
        _("How head and tail users fare with each kind of target."),
    )
    rows = [
        (common_text.cohort_name(g.cohort), fairness_text.kind_name(g.name), g.n, g.share.value, e.value, e.low, e.high)
        for g in given.groups
        if (e := g.quality.get(page.run.answers)) is not None
    ]
    columns = [
        _("Cohort"),
        _("Target"),
        _("Users"),
        _("Share"),
        common_text.metric_name(found.metric),
        _("Low"),
        _("High"),
    ]
    components.data_table(pd.DataFrame(rows, columns=columns), _("Kinds of targets"))


def _ceiling(page: Page, found: engine.Diagnosis) -> None:
    """What could be had at best."""
    for ceiling in found.ceilings:
        rows = [
            (common_text.cohort_name(cohort), c.n, c.ceiling.value, gap_text.span(c.shortfall[page.run.answers]))
            for cohort, c in ceiling.cohorts.items()
            if page.run.answers in c.shortfall
        ]
        title = fairness_text.ceiling_name(ceiling.kind)
        components.note(_("The best that could be reached: {name}.").format(name=title))
        columns = [_("Cohort"), _("Users"), _("Ceiling"), _("This model against it")]
        components.frame(pd.DataFrame(rows, columns=columns), hide_index=True, alt=title)
