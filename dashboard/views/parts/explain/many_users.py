"""Part of the Explain page: what moves the first recommendations of many users, head and tail apart."""

from __future__ import annotations

import streamlit as st

from dashboard.cache import explain as explain_cache
from dashboard.charts import explain_many as charts
from dashboard.text import common as common_text, explain as explain_text
from dashboard.text.i18n import _, count, figure, percent
from dashboard.ui import components
from dashboard.ui.components import escape_markdown
from dashboard.views.parts.page_frame import Page

LOOK_EVERY = 1.0  # seconds between looks at work that is under way


def many(page: Page) -> None:
    """Bars and dots by a chosen kind of group; until the values are there, how far the work is."""
    work = explain_cache.many_users(page.key)
    if (trouble := work.trouble()) is not None:
        components.error_panel(trouble)
        return
    if work.found is None:
        _under_way(page)
        return
    cohorts = work.found.users["cohort"].tolist()
    names = {"recency": _("How recent"), "category": _("Category"), "feature": _("Feature")}
    by = st.segmented_control(
        _("Values by"), list(names), default="recency", format_func=lambda b: names[b], key="many_by", required=True
    )
    by = by or "recency"
    values, sizes = explain_cache.many_values(page.key, by, page.lang)
    if values.empty:
        components.note(_("This data has no categories of items."))
        return
    st.markdown(escape_markdown(explain_text.many(sizes, by)))
    called = {group: explain_text.value_group(group, by) for group in values["group"].cat.categories}
    left, right = st.columns(2, gap="large")
    with left:
        components.chart(charts.sizes(sizes, called, page.dark), "many_sizes", _("How far each group moves scores."))
    with right:
        components.chart(charts.beeswarm(values, called, page.dark), "many_dots", _("One dot for each user's value."))
    components.note(
        _(
            "Values behind the first recommendation of {n} tested users ({head} head, {tail} tail), in units of the "
            "score. Bars: the mean absolute value, over each user's values first, then over users, with {level} "
            "intervals over users. An event with several categories counts in each. {evaluations} evaluations in "
            "{seconds} seconds; kept with the run."
        ).format(
            n=count(len(work.found.users)),
            head=count(cohorts.count("head")),
            tail=count(cohorts.count("tail")),
            level=percent(page.run.config.evaluation.confidence),
            evaluations=count(work.found.n_evaluations),
            seconds=figure(work.found.seconds, 2),
        )
    )
    table = sizes.assign(
        group=[called[group] for group in sizes["group"]], cohort=sizes["cohort"].map(common_text.cohort_name)
    ).set_axis(
        [
            _("Group"),
            _("Cohort"),
            _("Users"),
            _("Number"),
            _("Mean absolute value"),
            _("Low"),
            _("High"),
            _("Mean value"),
        ],
        axis=1,
    )
    components.data_table(table, _("Values of many users"))


@st.fragment(run_every=LOOK_EVERY)
def _under_way(page: Page) -> None:
    """How far the work is; the page is drawn anew when it is done."""
    work = explain_cache.many_users(page.key)
    if work.found is not None or work.error is not None:
        st.rerun()
    st.progress(
        work.done, text=_("Explaining many users in the background: {share} done").format(share=percent(work.done))
    )
    components.note(_("It takes a minute or two, once per run; other pages can be used meanwhile."))
