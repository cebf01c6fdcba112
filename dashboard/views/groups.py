"""Groups of users on the page Head vs tail: who is served worse, along which line, and who they are."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import cache, components, findings, state, words
from dashboard.charts import why as charts
from dashboard.charts.style import look
from dashboard.i18n import _, count
from dashboard.views.frame import Page
from engine import EngineError


def groups(page: Page, metric: str) -> None:
    """Every group of a kind with its figure, the worst in words, and the users of a chosen one."""
    components.section(_("Groups of users"))
    try:
        tables = cache.group_tables(page.key, metric)
    except EngineError as error:
        components.error_panel(str(error))
        return
    figures = tables.figures.assign(by=tables.figures["rule"].map(_dimension))
    kinds = [by for by in dict.fromkeys(figures["by"]) if by != "user_cohort"]
    names = {by: _by_name(by) for by in kinds}
    chosen = state.chosen("by")
    components.note(findings.worst_group(tables.gaps, metric, lower_is_better=metric == "log_rank"))
    if chosen in kinds:
        state.set_widget("groups_by", chosen)
    picked = st.selectbox(
        _("Users cut by"),
        kinds,
        format_func=names.__getitem__,
        key="groups_by",
        width=320,
        on_change=state.choose_from,
        args=("by", "groups_by"),
    )
    shown = figures.loc[figures["by"] == picked]
    everybody = page.run.evaluation.models[page.run.answers].overall.metrics[metric].value
    colour = look(page.run.answers, page.dark).colour
    components.chart(
        charts.groups(shown, everybody, metric, page.dark, colour),
        "groups",
        _("{metric} of groups of users, with intervals.").format(metric=words.metric_name(metric)),
    )
    small = shown.loc[shown["too_small"] & (shown["n"] > 0)]
    components.note(
        _(
            "Figures of: {model}. Hollow: too few users, or no hit at all, so that nothing can be told. A user is in "
            "one group of each kind."
        ).format(model=words.model_name(page.run.answers))
    )
    for row in small.head(3).to_dict("records"):
        name = findings.group_name(str(row["rule"]))
        components.note(f"{name}: {findings.too_small(int(row['n']), row['n_needed'])}")
    components.table_twin(_table(shown, tables.gaps, metric), _("Groups of users"))


def _dimension(rule: str) -> str:
    """The columns that a rule asks for, as one text."""
    from engine import Rule

    return "+".join(Rule.parse(rule).columns)


def _by_name(by: str) -> str:
    return _(" × ").join(findings.dimension_name(column) for column in by.split("+"))


def _table(figures: pd.DataFrame, gaps: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Figures and differences of groups with names for people."""
    both = figures.merge(
        gaps[["rule", "difference", "low", "high", "p_holm", "effect_size"]],
        on="rule",
        how="left",
        suffixes=("", "_gap"),
    )
    both = both.assign(group=[findings.group_name(str(rule)) for rule in both["rule"]])
    names = {
        "group": _("Group"),
        "n": _("Users"),
        "value": words.metric_name(metric),
        "low": _("Low"),
        "high": _("High"),
        "difference": _("Against everybody else"),
        "low_gap": _("Difference, low"),
        "high_gap": _("Difference, high"),
        "p_holm": _("p-value, corrected"),
        "effect_size": _("Effect size (Cliff's delta)"),
        "n_needed": _("Users needed"),
    }
    return both.loc[:, list(names)].rename(columns=names)


def choose_group(page: Page, metric: str, bins: pd.DataFrame) -> str:
    """The rule of a chosen group of users; lengths first, since the curve above shows them."""
    offered = {
        f"history_length={int(b['low_length'])}..{int(b['high_length'])}": int(b["n"]) for b in bins.to_dict("records")
    }
    try:
        rows = cache.group_tables(page.key, metric).figures
        offered |= {str(row["rule"]): int(row["n"]) for row in rows.to_dict("records") if row["n"] > 0}
    except EngineError:
        pass
    asked = state.chosen("group")
    if asked is not None and asked not in offered:
        offered = {asked: 0} | offered
    rules = list(offered)
    labels = {
        rule: findings.group_name(rule) + (_(", n = {n}").format(n=count(offered[rule])) if offered[rule] else "")
        for rule in rules
    }
    if asked is not None:
        state.set_widget("group_rule", asked)
    picked = st.selectbox(
        _("Which users"),
        rules,
        format_func=labels.__getitem__,
        key="group_rule",
        width=360,
        on_change=state.choose_from,
        args=("group", "group_rule"),
    )
    return picked
