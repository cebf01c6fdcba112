"""Overview: how good is this run, and for whom?"""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard.cache import runs as run_cache
from dashboard.charts import overview as charts
from dashboard.text import common as common_text, gap as gap_text, targets as targets_text
from dashboard.text.i18n import _, count, figure, moment, ngettext, percent, translate
from dashboard.ui import components, state
from dashboard.views.parts.ensemble import who_answers
from dashboard.views.parts.one_cohort import no_gap, only_cohort
from dashboard.views.parts.page_frame import Page, metric_of, open_page, oracle_value
from engine import EngineError


def verdict(page: Page, metric: str) -> None:
    """The page's first line."""
    only = only_cohort(page)
    if only is not None:
        no_gap(page, only)
        components.note(common_text.metric_gloss(metric))
        who_answers(page)
        return
    try:
        found = run_cache.verdict(page.key, metric, page.run.answers, page.lang)
    except EngineError as error:
        components.headline(_("This run cannot compare tail and head users"))
        components.error_panel(error)
        return
    components.headline(found.text)
    components.note(found.evidence + " " + common_text.metric_gloss(metric))
    head, tail = (oracle_value(page, metric, cohort) for cohort in ("head", "tail"))
    if head is not None and tail is not None:
        gap = run_cache.gap(page.key, metric, page.run.answers, "users")
        components.note(gap_text.ceiling_gap(head, tail, gap))
    who_answers(page)


def four_figures(page: Page, metric: str) -> None:
    """Users, items, interactions and quality."""
    data, cohorts = page.run.dataset, page.run.cohorts
    overall = page.run.evaluation.models[page.run.answers].overall
    lengths = page.run.split.train.lengths
    tail = int((~cohorts.user_is_head).sum())
    components.figures(
        [
            (
                _("Users"),
                count(data.n_users),
                _("{share} in the tail").format(share=percent(tail / max(data.n_users, 1))),
            ),
            (_("Items"), count(data.n_items), _("{n} can be ranked").format(n=count(page.run.split.candidates.sum()))),
            (
                _("Interactions"),
                count(data.n_interactions),
                _("median history {n}").format(n=figure(float(pd.Series(lengths).median()))),
            ),
            (
                common_text.metric_name(metric),
                figure(overall.metrics[metric].value),
                common_text.interval(overall.metrics[metric]),
            ),
        ]
    )


def activity(page: Page) -> None:
    """How long histories are, and where the cohorts part."""
    components.section(_("How active users are"))
    lengths, cut = page.run.split.train.lengths, page.run.cohorts.user_cut
    fig = charts.activity(lengths, cut, page.dark)
    components.chart(
        fig, "activity", _("Histogram of users by events in training history, with the head and tail cut.")
    )
    share = percent(page.run.config.evaluation.head_share)
    components.note(
        _(
            "Head: the {share} of users with the longest training histories, here {cut} events or more. "
            "Users tied at the cut are all head."
        ).format(share=share, cut=count(cut))
    )
    table = charts.activity_bins(lengths, cut)
    names = {"low": _("From"), "high": _("To"), "n": _("Users"), "cohort": _("Cohort")}
    table["cohort"] = table["cohort"].map(common_text.cohort_name)
    components.data_table(table.rename(columns=names), _("How active users are"))


def models(page: Page, metric: str) -> None:
    """What was trained beside the baselines."""
    components.section(_("The model against the baselines"))
    scores = {name: report.overall.metrics[metric] for name, report in page.run.evaluation.models.items()}
    against = run_cache.against_best_baseline(page.key, metric)
    if against is not None:
        st.markdown(components.escape_markdown(gap_text.comparison(against)))
    oracle = oracle_value(page, metric, "all")
    fig = charts.models(scores, metric, oracle, page.dark, page.run.answers)
    components.chart(
        fig, "models", _("{metric} of every model with its interval.").format(metric=common_text.metric_name(metric))
    )
    n = page.run.evaluation.models[page.run.answers].overall.n
    text = ngettext(
        "{ranked}; {protocol} on {n} user; bars are {share} intervals.",
        "{ranked}; {protocol} on {n} users; bars are {share} intervals.",
        n,
    ).format(
        ranked=common_text.ranked(page.run.config),
        protocol=common_text.protocol(page.run.split.protocol, page.run.split.cuts),
        n=count(n),
        share=percent(page.run.config.evaluation.confidence),
    )
    if oracle is not None:
        text += " " + _("Oracle: a ceiling worked out by the data's generator, which knows the true chances.")
    components.note(text)
    for remark in targets_text.remarks(page.run.evaluation, page.run.answers, metric):
        components.note(remark)
    rows: list[tuple[str, float, float | None, float | None]] = [
        (common_text.model_name(m), e.value, e.low, e.high) for m, e in scores.items()
    ]
    if oracle is not None:
        rows.append((_("Oracle"), oracle, None, None))
    columns = [_("Model"), common_text.metric_name(metric), _("Low"), _("High")]
    components.data_table(pd.DataFrame(rows, columns=columns), _("The model against the baselines"))


def cleaning(page: Page) -> None:
    """What became of the rows that were read."""
    report = page.run.cleaning
    with st.expander(_("Data cleaning"), icon=":material/mop:"):
        dropped = sum(i.rows for i in report.issues if i.action == "dropped" and i.table == "interactions")
        st.markdown(
            components.escape_markdown(
                _("{read} interactions read, {kept} kept, {dropped} dropped. Source: {source} ({format}).").format(
                    read=count(report.rows_read),
                    kept=count(report.rows_kept),
                    dropped=count(dropped),
                    source=report.source,
                    format=report.format,
                )
            )
        )
        if report.issues:
            actions = {"dropped": _("dropped"), "mended": _("mended")}
            tables = {"interactions": _("interactions"), "users": _("users"), "items": _("items")}
            rows = [
                (
                    tables[i.table],
                    common_text.cleaning_reason(i.reason),
                    actions[i.action],
                    i.rows,
                    ", ".join(map(str, i.lines)),
                    i.example,
                )
                for i in report.issues
            ]
            columns = [_("Table"), _("Reason"), _("Action"), _("Rows"), _("First lines"), _("Example")]
            components.frame(
                pd.DataFrame(rows, columns=columns), hide_index=True, alt=_("Rows dropped or corrected, by reason")
            )
        else:
            components.note(_("Every row was usable as it stood."))
        for text in report.notes:
            components.note(translate(text))


def provenance(page: Page) -> None:
    """How the run was made."""
    run = page.run
    with st.expander(_("Settings and provenance"), icon=":material/tune:"):
        facts = [
            (_("Run"), run.name),
            (_("Made"), moment(datetime.fromisoformat(run.created))),
            (_("Data"), run.dataset.name),
            (
                _("Epochs"),
                _("{n}, best weights of epoch {best}").format(n=count(run.epochs), best=count(run.best_epoch)),
            ),
            (_("Ended by"), run.stopped_by),
            (_("Training"), _("{n} seconds").format(n=figure(run.seconds["train"]))),
            (_("Evaluation"), _("{n} seconds").format(n=figure(run.seconds["evaluate"]))),
            *(
                [(_("Learning the ensemble"), _("{n} seconds").format(n=figure(run.seconds["ensemble"])))]
                if "ensemble" in run.seconds
                else []
            ),
            (_("Protocol"), common_text.protocol(run.split.protocol, run.split.cuts)),
            (_("Device"), run.device),
            *run.versions.items(),
        ]
        left, right = st.columns(2)
        components.frame(
            pd.DataFrame(facts, columns=[_("Fact"), _("Value")]),
            left,
            hide_index=True,
            alt=_("Settings and provenance"),
        )
        settings = [
            (f"{section}.{key}", "–" if value is None else str(value))
            for section, fields in run.config.model_dump().items()
            for key, value in fields.items()
        ]
        components.frame(
            pd.DataFrame(settings, columns=[_("Setting"), _("Value")]), right, hide_index=True, alt=_("Settings")
        )


def draw() -> None:
    """Draw the page."""
    page = open_page()
    metric = metric_of(page)
    verdict(page, metric)
    four_figures(page, metric)
    left, right = st.columns(2, gap="large")
    with left:
        activity(page)
    with right:
        models(page, metric)
    with st.container(horizontal=True):
        here = state.link()
        st.page_link("views/gap.py", label=_("Whom it fails"), icon=":material/balance:", query_params=here)
        st.page_link(
            "views/recommendations.py",
            label=_("Meet a tail user"),
            icon=":material/person_search:",
            query_params=here,
        )
    cleaning(page)
    provenance(page)


draw()
