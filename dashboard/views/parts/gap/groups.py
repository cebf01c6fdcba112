"""Groups of users on the page Head vs tail: who is served worse, along which line, and who they are."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.cache import runs as run_cache
from dashboard.charts import why as charts
from dashboard.charts.style import look
from dashboard.text import common as common_text, fairness as fairness_text
from dashboard.text.i18n import _, count
from dashboard.text.shown import labels
from dashboard.ui import components, state
from dashboard.views.parts.gap.disparity import disparity
from dashboard.views.parts.page_frame import Page
from engine import EngineError

USERS = "users"  # the anchor of the part of the page that lists users
SAVED = "saved"


def clickable(fig: go.Figure, key: str, alt: str) -> None:
    """A chart whose dots stand for users; who clicks one finds them further down."""
    components.chart(fig, key, alt, on_point=lambda: state.choose_point("group", key))
    group = state.chosen("group")
    if group is None:
        components.note(_("Click a dot to see its users."))
    else:
        text = components.escape_markdown(_("Chosen: {group}.").format(group=called(group, {})))
        link = _("See the users")
        st.markdown(f":small[{text} [{link}](#{USERS})]")


def called(rule: str, saved: dict[str, str]) -> str:
    """What people call a group: by the name it was saved under, else by its rule in words."""
    if rule in saved:
        return saved[rule]
    try:
        return fairness_text.group_name(rule)
    except EngineError:
        return rule


def groups(page: Page, metric: str) -> str:
    """Every group of a kind with its figure, the worst in words, and the users of a chosen one.

    Returns:
        The worst in words, for the head of the page; nothing where groups cannot be measured.
    """
    components.section(_("Groups of users"))
    try:
        saved = run_cache.saved_groups(page.key)
        tables = run_cache.group_tables(page.key, metric, tuple(saved))
    except EngineError as error:
        components.error_panel(error)
        return ""
    figures = tables.figures.assign(
        by=tables.figures["rule"].map(_dimension), name=[called(str(rule), saved) for rule in tables.figures["rule"]]
    )
    standard = figures["group"] != figures["rule"]
    kinds = [by for by in dict.fromkeys(figures.loc[standard, "by"]) if by != "user_cohort"]
    names = labels(kinds, _by_name)
    if saved:
        kinds, names = [*kinds, SAVED], {**names, SAVED: _("Saved groups")}
    worst = fairness_text.worst_group(tables.gaps, metric)
    components.note(worst)
    picked = _kind(kinds, names)
    shown = figures.loc[figures["rule"].isin(list(saved)) if picked == SAVED else standard & (figures["by"] == picked)]
    everybody = page.run.evaluation.models[page.run.answers].overall.metrics[metric].value
    fig = charts.groups(shown, everybody, metric, page.dark, look(page.run.answers, page.dark).colour)
    clickable(
        fig, "groups", _("{metric} of groups of users, with intervals.").format(metric=common_text.metric_name(metric))
    )
    text = _("Figures of: {model}. Hollow: too few users, or no hit at all, so that nothing can be told.")
    components.note(text.format(model=common_text.model_name(page.run.answers)))
    for row in shown.loc[shown["too_small"] & (shown["n"] > 0)].head(3).to_dict("records"):
        components.note(f"{row['name']}: {fairness_text.too_small(int(row['n']), row['n_needed'])}")
    components.data_table(_table(shown, tables.gaps, metric), _("Groups of users"))
    disparity(page, metric, tuple(map(str, shown.loc[shown["n"] > 0, "rule"])))
    return worst


def _kind(kinds: list[str], names: dict[str, str]) -> str:
    """What users are cut by, as the address has it."""
    if kinds:
        state.set_widget("groups_by", state.one_of("by", kinds))
    return st.selectbox(
        _("Users cut by"),
        kinds,
        format_func=names.__getitem__,
        key="groups_by",
        width=320,
        on_change=state.choose_from,
        args=("by", "groups_by"),
    )


def _dimension(rule: str) -> str:
    """The columns that a rule asks for, as one text."""
    from engine import Rule

    return "+".join(Rule.parse(rule).columns)


def _by_name(by: str) -> str:
    return _(" × ").join(fairness_text.dimension_name(column) for column in by.split("+"))


def _table(figures: pd.DataFrame, gaps: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Figures and differences of groups with names for people."""
    both = figures.merge(
        gaps[["rule", "difference", "low", "high", "p_holm", "effect_size"]],
        on="rule",
        how="left",
        suffixes=("", "_gap"),
    )
    names = {
        "name": _("Group"),
        "n": _("Users"),
        "value": common_text.metric_name(metric),
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
    """The rule of a chosen group of users: lengths first, as the curve above shows them, then saved ones, then all."""
    offered = {
        f"history_length={int(b['low_length'])}..{int(b['high_length'])}": int(b["n"]) for b in bins.to_dict("records")
    }
    saved: dict[str, str] = {}
    try:
        saved = run_cache.saved_groups(page.key)
        rows = run_cache.group_tables(page.key, metric, tuple(saved)).figures
        sizes = {str(row["rule"]): int(row["n"]) for row in rows.to_dict("records") if row["n"] > 0}
        offered |= {rule: sizes.get(rule, 0) for rule in saved} | sizes
    except EngineError:
        pass
    asked = state.chosen("group")
    if asked is not None and asked not in offered:
        offered = {asked: 0} | offered
    names = labels(
        offered,
        lambda rule: called(rule, saved) + (_(", n = {n}").format(n=count(offered[rule])) if offered[rule] else ""),
    )
    if asked is not None:
        state.set_widget("group_rule", asked)
    return st.selectbox(
        _("Which users"),
        list(offered),
        format_func=names.__getitem__,
        key="group_rule",
        width=360,
        on_change=state.choose_from,
        args=("group", "group_rule"),
    )
