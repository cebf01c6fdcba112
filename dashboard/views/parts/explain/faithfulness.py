"""Part of the Explain page: do explanations name what moves the scores? Measured over many users."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import faithfulness as faithfulness_cache
from dashboard.charts import faithfulness as charts
from dashboard.text import common as common_text, faithfulness as faithfulness_text
from dashboard.text.i18n import _, percent
from dashboard.ui import components
from dashboard.ui.components import escape_markdown
from dashboard.views.parts.page_frame import Page

LOOK_EVERY = 1.0  # seconds between looks at work that is under way


def scoreboard(page: Page) -> None:
    """The scoreboard of all ways to explain; until it has been measured, a button that begins it."""
    work = faithfulness_cache.faithfulness(page.key)
    if (trouble := work.trouble()) is not None:
        components.error_panel(trouble)
        _button(page)
    elif work.found is not None:
        _board(page, work.found)
    elif work.goes_on:
        _under_way(page)
    else:
        _offer(page)


def _offer(page: Page) -> None:
    components.note(
        _(
            "Events are hidden and shown in the order that SHAP, attention, recency or chance calls important, for up "
            "to 200 users: a good order moves the score right away. It takes a minute or two, once per run."
        )
    )
    _button(page)


def _button(page: Page) -> None:
    st.button(
        _("Measure it"),
        key="measure_trust",
        icon=":material/speed:",
        on_click=faithfulness_cache.measure,
        args=(page.key,),
    )


@st.fragment(run_every=LOOK_EVERY)
def _under_way(page: Page) -> None:
    """How far the work is; the page is drawn anew when it is done."""
    work = faithfulness_cache.faithfulness(page.key)
    if work.found is not None or work.error is not None:
        st.rerun()
    st.progress(work.done, text=_("Measuring in the background: {share} done").format(share=percent(work.done)))


def _board(page: Page, found: engine.Faithfulness) -> None:
    """Sentences, areas, curves, checks."""
    st.markdown(
        escape_markdown(faithfulness_text.verdict(found))
        + " "
        + escape_markdown(faithfulness_text.about_attention(found))
    )
    left, right = st.columns([7, 5], gap="large")
    with left:
        components.chart(charts.areas(found, page.dark), "areas", _("Areas under both curves by method and cohort."))
    with right:
        _curves(page, found)
    components.note(faithfulness_text.whom(found) + " " + faithfulness_text.rule())
    checks = faithfulness_text.checks(found)
    if checks:
        st.markdown("\n".join(f"- {escape_markdown(text)}" for text in checks))
    components.data_table(_areas_table(found), _("Deletion and insertion"))
    components.data_table(_agreement_table(found), _("Agreement between methods"), _("How far methods agree"), False)


@st.fragment
def _curves(page: Page, found: engine.Faithfulness) -> None:
    names = {"deletion": _("Hidden first"), "insertion": _("Shown first")}
    which = st.segmented_control(
        _("Curve"), list(names), default="deletion", format_func=names.__getitem__, key="trust_curve", required=True
    )
    fig = charts.curves(found, which == "insertion", page.dark)
    components.chart(fig, "trust_curves", _("Mean curves of every method over the share of events."))


def _areas_table(found: engine.Faithfulness) -> pd.DataFrame:
    rows = [
        (
            faithfulness_text.method_name(name),
            group,
            part.n,
            *(x for e in (part.deletion_auc, part.insertion_auc) for x in (e.value, e.low, e.high)),
        )
        for name, score in found.methods.items()
        for group, part in (
            (_("All users"), score.overall),
            *((common_text.cohort_name(cohort), part) for cohort, part in score.users.items()),
        )
    ]
    columns = [_("Order of events"), _("Users asked"), _("Number")]
    columns += [_("Deletion area"), _("Deletion low"), _("Deletion high")]
    columns += [_("Insertion area"), _("Insertion low"), _("Insertion high")]
    return pd.DataFrame(rows, columns=columns)


def _agreement_table(found: engine.Faithfulness) -> pd.DataFrame:
    rows = [
        (faithfulness_text.method_name(first), faithfulness_text.method_name(second), e.value, e.low, e.high)
        for (first, second), e in found.agreement.items()
    ]
    columns = [_("One method"), _("Another method"), _("Mean rank correlation"), _("Low"), _("High")]
    return pd.DataFrame(rows, columns=columns)
