"""Head vs tail: whom does the model serve worse, and where does it begin?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.cache import runs as run_cache
from dashboard.charts import curve as curves, gap as charts
from dashboard.report.html import report
from dashboard.text import common as common_text, gap as gap_text
from dashboard.text.i18n import _, count
from dashboard.ui import components, state
from dashboard.views.parts.ensemble import members, who_answers
from dashboard.views.parts.gap.cohorts import cohorts, ordered_models
from dashboard.views.parts.gap.external_lists import own_lists
from dashboard.views.parts.gap.groups import USERS, choose_group, clickable, groups
from dashboard.views.parts.gap.lists import glossary, lists
from dashboard.views.parts.gap.saved_groups import keep_group
from dashboard.views.parts.gap.why import why
from dashboard.views.parts.metric import choose_metric
from dashboard.views.parts.one_cohort import no_gap, only_cohort
from dashboard.views.parts.page_frame import Page, open_page, oracle_value
from engine import EngineError


def gap_chart(page: Page, metric: str) -> None:
    """The gap itself with its interval."""
    gaps = {model: run_cache.gap(page.key, metric, model, "users") for model in ordered_models(page, metric)}
    fig = charts.difference({m: g.difference for m, g in gaps.items()}, metric, page.dark, page.run.answers)
    components.chart(
        fig, "difference", _("Difference between tail and head for every model, with intervals and a zero line.")
    )
    components.note(
        _("An interval that crosses zero is no clear difference. Differences compare each model with itself.")
    )
    rows = [
        (
            common_text.model_name(m),
            g.difference.value,
            g.difference.low,
            g.difference.high,
            g.ratio.value if g.ratio else None,
            g.p_value,
        )
        for m, g in gaps.items()
    ]
    columns = [_("Model"), _("Tail minus head"), _("Low"), _("High"), _("Tail / head"), _("p-value")]
    components.data_table(pd.DataFrame(rows, columns=columns), _("The gap"))
    with st.spinner(_("Comparing ranks…")):
        components.note(gap_text.rank_gap(run_cache.gap(page.key, "log_rank", page.run.answers, "users")))


def curve(page: Page, metric: str) -> None:
    """Quality against history length, smooth for every model, and bins whose users can be looked at."""
    components.section(_("Quality against history length"))
    try:
        with st.spinner(_("Drawing curves…")):
            smooth = run_cache.quality_curve(page.key, metric)
        bins = run_cache.quality_by_length(page.key, metric, tuple(page.run.evaluation.models))
    except EngineError as error:
        components.error_panel(error)
        return
    own = bins.loc[bins["model"] == page.run.answers].sort_values(by="low_length")
    fig = curves.by_length(smooth, own, metric, page.run.cohorts.user_cut, page.dark, page.run.answers)
    alt = _("{metric} against events in training history for every model.").format(
        metric=common_text.metric_name(metric)
    )
    clickable(fig, "curve", alt)
    components.note(
        _(
            "Curves are local regressions over the nearest 30 % of users, with their intervals. Dots are means of: "
            "{model}, over bins of whole lengths with {low} to {high} tested users each."
        ).format(
            model=common_text.model_name(page.run.answers),
            low=count(own["n"].to_numpy().min()),
            high=count(own["n"].to_numpy().max()),
        )
    )
    names = {
        "model": _("Model"),
        "label": _("Events"),
        "n": _("Users"),
        "value": common_text.metric_name(metric),
        "low": _("Low"),
        "high": _("High"),
    }
    points = smooth.assign(label=[round(float(x), 1) for x in smooth["length"]], kind=_("curve"))
    both = pd.concat([bins.assign(kind=_("bin")), points], ignore_index=True)
    both = both.assign(model=both["model"].map(common_text.model_name), label=both["label"].astype(str))
    names |= {"kind": _("Kind")}
    components.data_table(both.loc[:, list(names)].rename(columns=names), _("Quality against history length"))


def behind(page: Page, metric: str) -> None:
    """The users of a chosen group, the worst served first."""
    st.header(_("The users behind a figure"), anchor=USERS)
    bins = run_cache.quality_by_length(page.key, metric, (page.run.answers,)).sort_values(by="low_length")
    rule = choose_group(page, metric, bins)
    keep_group(page, rule)
    try:
        users = run_cache.users_behind(page.key, metric, rule, page.run.answers)
    except EngineError as error:
        components.error_panel(error)
        return
    ids = users["user_id"].astype(str).tolist()
    shown = users.assign(
        cohort=users["cohort"].map(common_text.cohort_name),
        rank=[count(r) if r else _("miss") for r in users["rank"]],
    ).set_axis([_("User"), _("Cohort"), _("Training events"), _("Rank"), common_text.metric_name(metric)], axis=1)
    picked = components.frame(
        shown,
        hide_index=True,
        height=300,
        key="behind",
        on_select="rerun",
        selection_mode="single-row",
        alt=_("Users behind the chosen figure, the worst served first"),
    )
    rows = picked["selection"]["rows"]
    if not rows or rows[0] >= len(ids):
        components.note(_("The worst served come first. Choose a row to see that user's recommendations."))
        return
    user = ids[rows[0]]
    with st.container(horizontal=True):
        for view, label, icon in (
            ("recommendations", _("Recommendations for user {user}"), ":material/recommend:"),
            ("explain", _("Why user {user} gets them"), ":material/lightbulb:"),
        ):
            st.page_link(
                f"views/{view}.py",
                label=components.escape_markdown(label.format(user=user)),
                icon=icon,
                query_params=state.link(user=user, view="evaluated"),
            )


def first_lines(page: Page, metric: str) -> None:
    """The verdict and what supports it; where it cannot be given for another reason than one cohort, stop."""
    try:
        found = run_cache.verdict(page.key, metric, page.run.answers, page.lang)
    except EngineError as error:
        components.headline(_("Head and tail cannot be compared in this run"))
        components.error_panel(error)
        st.stop()
    components.headline(found.text)
    components.note(found.evidence)
    who_answers(page)
    head, tail = (oracle_value(page, metric, cohort) for cohort in ("head", "tail"))
    if head is not None and tail is not None:
        gap = run_cache.gap(page.key, metric, page.run.answers, "users")
        components.note(gap_text.ceiling_gap(head, tail, gap))


def draw() -> None:
    """Draw the page; where all tested users are of one cohort, without what is said of the other."""
    page = open_page()
    top = st.container()
    metric = choose_metric(page)
    only = only_cohort(page)
    with top:
        if only is None:
            first_lines(page, metric)
        else:
            no_gap(page, only)
            who_answers(page)
        of_groups = st.empty()
    components.note(common_text.metric_gloss(metric))
    if only is None:
        left, right = st.columns([7, 5], gap="large")
        with left:
            components.section(_("Users: head and tail by model"))
            cohorts(page, metric, "users")
        with right:
            components.section(_("The gap"))
            gap_chart(page, metric)
    else:
        components.section(_("Users: head and tail by model"))
        cohorts(page, metric, "users")
    curve(page, metric)
    if only is None:
        why(page, metric)
    worst = groups(page, metric)
    if worst and only is None:
        with of_groups:
            components.note(worst)
    behind(page, metric)
    members(page)
    cohorts(page, metric, "items")
    lists(page, int(metric.partition("@")[2]))
    own_lists(page, metric)
    glossary()
    if only is None:
        hand_over(page, metric)


def hand_over(page: Page, metric: str) -> None:
    """The findings as one file for somebody else."""
    components.section(_("Share it"))
    st.download_button(
        _("Download the report"),
        data=lambda: report(page.run, metric, page.lang).encode(),
        file_name=f"{page.run.name}-report.html",
        mime="text/html",
        icon=":material/description:",
        key="report",
    )
    components.note(_("One HTML file with the findings, drawings, limits and settings; it opens offline and prints."))


draw()
