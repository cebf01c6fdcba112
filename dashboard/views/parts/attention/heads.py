"""Part of the Attention page: what each head does over many users, head and tail apart."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import faithfulness as faithfulness_cache
from dashboard.text import common as common_text, faithfulness as faithfulness_text
from dashboard.text.i18n import _, count
from dashboard.ui import components
from dashboard.views.parts.page_frame import Page
from engine import EngineError


@st.fragment
def roles(page: Page) -> None:
    """A sentence and a table; measured once for a run and kept in its folder."""
    components.section(_("What attention heads do over many users"))
    try:
        with st.spinner(_("Watching attention heads over many users…")):
            found = faithfulness_cache.head_roles(page.key)
    except EngineError as error:
        components.error_panel(error)
        return
    st.markdown(components.escape_markdown(faithfulness_text.heads(found)))
    components.frame(
        _table(found), hide_index=True, alt=_("What attention heads do over many users"), column_config=_columns()
    )
    sizes = common_text.listing(
        [
            _("{cohort} (n = {n})").format(cohort=common_text.cohort_name(cohort).lower(), n=count(n))
            for cohort, n in found.n_users.items()
        ]
    )
    components.note(
        _(
            "Users: {sizes}, with three events or more. Entropy is divided by the logarithm of the number of events: "
            "0 is all on one event, 1 an even spread; an attention head is idle from 0.95. Peak: the largest weight "
            "times the number of events, 1 is an even spread. Category: attention on other events of the newest one's "
            "category, over an even spread."
        ).format(sizes=sizes)
    )


def _table(found: engine.HeadRoles) -> pd.DataFrame:
    """A row for each head and cohort."""
    rows = []
    for h in found.heads:
        for cohort, part in h.by_cohort.items():
            even = part["category_even"].value
            rows.append(
                (
                    h.layer,
                    h.head,
                    faithfulness_text.role_name(h.role),
                    common_text.cohort_name(cohort),
                    common_text.estimate(part["entropy"]),
                    part["idle"].value,
                    part["newest"].value,
                    part["recent"].value,
                    part["first"].value,
                    part["peak"].value,
                    part["category"].value / even if even > 0 else None,
                )
            )
    return pd.DataFrame(rows, columns=[*_names()])


def _names() -> list[str]:
    return [
        _("Layer"),
        _("Attention head"),
        _("What it does"),
        _("Users"),
        _("Entropy"),
        _("Idle for"),
        _("Newest"),
        _("Newest three"),
        _("First"),
        _("Peak"),
        _("Category"),
    ]


def _columns() -> dict[str, Any]:
    shares = [_("Idle for"), _("Newest"), _("Newest three"), _("First")]
    looks: dict[str, Any] = {name: st.column_config.NumberColumn(format="percent") for name in shares}
    for name in (_("Peak"), _("Category")):
        looks[name] = st.column_config.NumberColumn(format="%.2f")
    return looks
