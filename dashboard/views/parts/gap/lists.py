"""What the lists are like, on the page Head vs tail: popularity, variety, exposure; and the glossary of all figures."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import engine
from dashboard.text import common as common_text, fairness as fairness_text, glossary as terms
from dashboard.text.i18n import _, percent
from dashboard.ui import components
from dashboard.views.parts.page_frame import Page


def lists(page: Page, k: int) -> None:
    """The answering model's lists to head and to tail users, figure by figure; then what each model shows at all."""
    if of_model(page.run.evaluation, page.run.answers, k):
        components.section(_("What the lists are like"))
        figures_of_lists(page.run.evaluation, page.run.answers, k)
    exposure(page)


def of_model(evaluation: engine.Evaluation, model: str, k: int) -> list[str]:
    """Names of the figures that a model's lists of k items have."""
    names = evaluation.models[model].overall.metrics
    return [name for name in names if name.endswith(f"@{k}") and name not in evaluation.metrics]


def figures_of_lists(evaluation: engine.Evaluation, model: str, k: int) -> None:
    """A model's lists to head and to tail users, figure by figure."""
    parts = evaluation.models[model].users
    better = {"higher": _("Higher is better."), "lower": _("Lower is better."), "neither": ""}
    rows = [
        (
            terms.term_name(name),
            *(fairness_text.span_of(e) if (e := parts[side].metrics.get(name)) else "" for side in ("head", "tail")),
            terms.term_meaning(name) + " " + better[engine.term_of(name).better],
        )
        for name in of_model(evaluation, model, k)
    ]
    columns = [_("Figure"), common_text.cohort_name("head"), common_text.cohort_name("tail"), _("Meaning")]
    st.table(  # not a data frame, which would cut the meanings
        pd.DataFrame(rows, columns=columns), hide_index=True, border="horizontal", alt=_("What the lists are like")
    )
    components.note(
        _(
            "Lists of {k} items by: {model}. Coverage, Gini and entropy grow with the number of users who are "
            "counted, so do not compare head and tail by them."
        ).format(k=k, model=common_text.model_name(model))
    )


def exposure(page: Page) -> None:
    """How much of the catalogue, and of its tail, each model shows at all."""
    reports = page.run.evaluation.models
    keys = [*next(iter(reports.values())).coverage, *next(iter(reports.values())).tail_exposure]
    if not keys:
        return
    names = {
        key: (
            _("Catalogue shown, top {k}") if key.startswith("coverage") else _("Slots for tail items, top {k}")
        ).format(k=key.partition("@")[2])
        for key in keys
    }
    rows = [
        {
            _("Model"): common_text.model_name(m),
            **{names[k]: percent({**r.coverage, **r.tail_exposure}[k]) for k in keys},
        }
        for m, r in reports.items()
    ]
    components.section(_("How much of the catalogue each model shows"))
    components.frame(pd.DataFrame(rows), hide_index=True, alt=_("How much of the catalogue each model shows"))


def glossary() -> None:
    """Every figure with its formula, range, direction and source."""
    rows = [
        (
            terms.term_name(family),
            terms.term_meaning(family),
            term.formula,
            f"{'' if term.low is None else term.low:}–{'' if term.high is None else term.high:}",
            {"higher": _("higher"), "lower": _("lower"), "neither": ""}[term.better],
            term.source,
        )
        for family, term in engine.GLOSSARY.items()
    ]
    columns = [_("Figure"), _("Meaning"), _("Formula"), _("Range"), _("Better"), _("Source")]
    components.data_table(
        pd.DataFrame(rows, columns=columns), _("Glossary"), _("What the figures mean"), has_chart=False
    )
