"""Head and tail by model, of users and of items, on the page Head vs tail."""

from __future__ import annotations

from typing import Literal

import pandas as pd

import engine
from dashboard.cache import runs as run_cache
from dashboard.charts import gap as charts
from dashboard.text import common as common_text
from dashboard.text.i18n import _, count, percent
from dashboard.ui import components
from dashboard.views.parts.gap.groups import clickable
from dashboard.views.parts.one_cohort import only_cohort
from dashboard.views.parts.page_frame import Page, oracle_value
from engine import EngineError


def ordered_models(page: Page, metric: str) -> list[str]:
    """The model that answers first, then the other one trained, then the baselines, the best first."""
    models, first = page.run.evaluation.models, (page.run.answers, "transformer", "ensemble")
    places = {name: place for place, name in reversed(list(enumerate(first)))}
    sign = 1 if engine.term_of(metric).better == "lower" else -1
    return sorted(models, key=lambda m: (places.get(m, len(first)), sign * models[m].overall.metrics[metric].value))


def cohorts(page: Page, metric: str, by: Literal["users", "items"]) -> None:
    """Head and tail for every model, with the gap in words where there are both."""
    if only_cohort(page, by) is not None:
        one_cohort(page, metric, by)
        return
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
    draw_cohorts(page, metric, by, scores, sizes)


def one_cohort(page: Page, metric: str, by: Literal["users", "items"]) -> None:
    """The figures of every model for the only cohort there is."""
    models = page.run.evaluation.models
    reports = {m: models[m].users if by == "users" else models[m].items for m in ordered_models(page, metric)}
    if by == "items":
        only = only_cohort(page, by)
        components.section(_("All targets are head items") if only == "head" else _("All targets are tail items"))
    scores = {
        m: {cohort: part.metrics[metric] for cohort, part in parts.items() if part.n} for m, parts in reports.items()
    }
    sizes = {cohort: part.n for cohort, part in reports[page.run.answers].items()}
    draw_cohorts(page, metric, by, scores, sizes)


def draw_cohorts(
    page: Page,
    metric: str,
    by: Literal["users", "items"],
    scores: dict[str, dict[str, engine.Estimate]],
    sizes: dict[str, int],
) -> None:
    """The chart of cohorts by model, what they are, and their table."""
    oracle = {c: v for c in sizes if sizes[c] and by == "users" and (v := oracle_value(page, metric, c)) is not None}
    column = {"users": "user_cohort", "items": "item_cohort"}[by]
    fig = charts.cohorts(scores, sizes, metric, page.dark, oracle, page.run.answers, column)
    alt = _("{metric} of head and tail for every model, with intervals.").format(metric=common_text.metric_name(metric))
    clickable(fig, f"cohorts_{by}", alt)
    components.note(cohort_note(page, by, sizes))
    rows = [
        (common_text.model_name(m), common_text.cohort_name(c), sizes[c], e.value, e.low, e.high)
        for m, parts in scores.items()
        for c, e in parts.items()
    ]
    columns = [_("Model"), _("Cohort"), _("Users"), common_text.metric_name(metric), _("Low"), _("High")]
    about = {"users": _("Users: head and tail by model"), "items": _("Items: head and tail by model")}[by]
    components.data_table(pd.DataFrame(rows, columns=columns), about)


def cohort_note(page: Page, by: str, sizes: dict[str, int]) -> str:
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
        head=count(sizes["head"]),
        tail=count(sizes["tail"]),
    )
