"""A run whose tested users are all head, or all tail: that there is no gap is told, not reported as an error."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from dashboard.text import one_cohort as one_cohort_text
from dashboard.ui import components
from dashboard.views.parts.page_frame import Page


def only_cohort(page: Page, by: Literal["users", "items"] = "users") -> Literal["head", "tail"] | None:
    """The cohort that all tested users are of, or that all that they sought is of; None where there are both."""
    report = page.run.evaluation.models[page.run.answers]
    parts = report.users if by == "users" else report.items
    if parts["head"].n and parts["tail"].n:
        return None
    return "head" if parts["head"].n else "tail"


def no_gap(page: Page, cohort: Literal["head", "tail"]) -> None:
    """The first lines of a page about the gap: why there is none, and what parts the users."""
    run = page.run
    tested = run.split.train.lengths[run.split.test.users]
    components.headline(one_cohort_text.headline(cohort))
    why = one_cohort_text.why(cohort, len(tested), run.cohorts.user_cut, run.config.evaluation.head_share)
    lengths = int(tested.min()), int(tested.max())
    st.info(
        components.escape_markdown(f"{why} {one_cohort_text.way_out(cohort, lengths, run.name)}"),
        icon=":material/info:",
    )
