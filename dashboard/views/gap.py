"""Head vs tail: whom does the model serve worse, and where does it begin?"""

from __future__ import annotations

from typing import Literal

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.charts import curve as curves, gap as charts
from dashboard.report.html import report
from dashboard.text import common as common_text, gap as gap_text
from dashboard.text.i18n import _, count, percent
from dashboard.ui import components, state
from dashboard.views.parts.ensemble import members, who_answers
from dashboard.views.parts.frame import Page, open_page, oracle_value
from dashboard.views.parts.gap.external_lists import own_lists
from dashboard.views.parts.gap.groups import USERS, choose_group, clickable, groups
from dashboard.views.parts.gap.lists import glossary, lists
from dashboard.views.parts.gap.saved_groups import keep_group
from dashboard.views.parts.gap.why import why
from dashboard.views.parts.metric import choose_metric
from engine import EngineError


def ordered_models(page: Page, metric: str) -> list[str]:
    """The model that answers first, then the other one trained, then the baselines, the best first."""
    models, first = page.run.evaluation.models, (page.run.answers, "transformer", "ensemble")
    places = {name: place for place, name in reversed(list(enumerate(first)))}
    sign = 1 if engine.term_of(metric).better == "lower" else -1
    return sorted(models, key=lambda m: (places.get(m, len(first)), sign * models[m].overall.metrics[metric].value))


def cohorts(page: Page, metric: str, by: Literal["users", "items"]) -> None:
    """Head and tail for every model, with the gap in words."""
    try:
        gaps = {model: run_cache.gap(page.key, metric, model, by) for model in ordered_models(page, metric)}
    except EngineError as error:
        components.error_panel(error)
        return
    ours = gaps[page.run.answers]
    if by == "items":
        verdict = run_cache.verdict(page.key, metric, page.run.answers, page.lang, by)
        components.section(verdict.text)
        components.note(verdict.evidence)
    scores = {model: {"head": g.head, "tail": g.tail} for model, g in gaps.items()}
    sizes = {"head": ours.n_head, "tail": ours.n_tail}
    oracle = {c: v for c in ("head", "tail") if by == "users" and (v := oracle_value(page, metric, c)) is not None}
    column = {"users": "user_cohort", "items": "item_cohort"}[by]
    fig = charts.cohorts(scores, sizes, metric, page.dark, oracle, page.run.answers, column)
    alt = _("{metric} of head and tail for every model, with intervals.").format(metric=common_text.metric_name(metric))
    clickable(fig, f"cohorts_{by}", alt)
    components.note(cohort_note(page, by, ours))
    rows = [
        (common_text.model_name(m), common_text.cohort_name(c), sizes[c], e.value, e.low, e.high)
        for m, parts in scores.items()
        for c, e in parts.items()
    ]
    columns = [_("Model"), _("Cohort"), _("Users"), common_text.metric_name(metric), _("Low"), _("High")]
    about = {"users": _("Users: head and tail by model"), "items": _("Items: head and tail by model")}[by]
    components.table_twin(pd.DataFrame(rows, columns=columns), about)


def cohort_note(page: Page, by: str, ours: engine.Gap) -> str:
    """What the cohorts are."""
    settings, cut = page.run.config.evaluation, page.run.cohorts
    text = {
        "users": _(
            "Head users have {cut} training events or more: the longest {share} of histories (n = {head}); "
            "all others are tail (n = {tail})."
        ),
        "items": _(
            "Head items have {cut} training events or more: the most popular {share}. "
            "Users are counted by their (first) held-out item: head n = {head}, tail n = {tail}."
        ),
    }[by]
    return text.format(
        cut=count(cut.user_cut if by == "users" else cut.item_cut),
        share=percent(settings.head_share if by == "users" else settings.item_head_share),
        head=count(ours.n_head),
        tail=count(ours.n_tail),
    )


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
    components.table_twin(pd.DataFrame(rows, columns=columns), _("The gap"))
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
    components.table_twin(both.loc[:, list(names)].rename(columns=names), _("Quality against history length"))


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


def draw() -> None:
    """Draw the page."""
    page = open_page()
    top = st.container()
    metric = choose_metric(page)
    try:
        found = run_cache.verdict(page.key, metric, page.run.answers, page.lang)
    except EngineError as error:
        with top:
            components.headline(_("Head and tail cannot be compared in this run"))
            components.error_panel(error)
        st.stop()
    with top:
        components.headline(found.text)
        components.note(found.evidence)
        who_answers(page)
        head, tail = (oracle_value(page, metric, cohort) for cohort in ("head", "tail"))
        if head is not None and tail is not None:
            gap = run_cache.gap(page.key, metric, page.run.answers, "users")
            components.note(gap_text.ceiling_gap(head, tail, gap))
        of_groups = st.empty()
    components.note(common_text.metric_gloss(metric))
    left, right = st.columns([7, 5], gap="large")
    with left:
        components.section(_("Users: head and tail by model"))
        cohorts(page, metric, "users")
    with right:
        components.section(_("The gap"))
        gap_chart(page, metric)
    curve(page, metric)
    why(page, metric)
    worst = groups(page, metric)
    if worst:
        with of_groups:
            components.note(worst)
    behind(page, metric)
    members(page)
    cohorts(page, metric, "items")
    lists(page, int(metric.partition("@")[2]))
    own_lists(page, metric)
    glossary()
    hand_over(page, metric)


def hand_over(page: Page, metric: str) -> None:
    """The findings as one file for somebody else."""
    components.section(_("Hand it over"))
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
