"""Parts of the report that are tables: groups of users, how unevenly they are served, what the lists are like."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

import engine
from dashboard.report.blocks import Block, folded, heading, paragraph, points, table
from dashboard.text import (
    common as common_text,
    fairness as fairness_text,
    faithfulness as faithfulness_text,
    gap as gap_text,
    glossary as terms,
)
from dashboard.text.i18n import _, count, figure, percent


def gap_of_models(run: engine.Run, metric: str) -> list[Block]:
    """The gap of every model, and the same by rank for the one that answers."""
    settings = run.config.evaluation
    rows = []
    for model in run.evaluation.models:
        gap = engine.gap(run.evaluation, metric, model, "users", settings)
        ratio = "–" if gap.ratio is None else figure(gap.ratio.value, 2)
        rows.append((common_text.model_name(model), gap_text.span(gap.difference), ratio, figure(gap.p_value, 2)))
    ranks = engine.gap(run.evaluation, "log_rank", run.answers, "users", settings)
    columns = [_("Model"), _("Tail minus head"), _("Tail / head"), _("p-value")]
    return [table(columns, rows), paragraph(gap_text.rank_gap(ranks))]


def ceiling(run: engine.Run, gap: engine.Gap) -> list[str]:
    """What the oracle reaches, and what share of it each cohort gets, where the data's generator is known."""
    fair = engine.oracle_figures(run.oracle, gap.metric, run.evaluation, run.config.evaluation)
    if not {"head", "tail"} <= set(fair):
        return []
    return [gap_text.ceiling_gap(fair["head"], fair["tail"], gap)]


def group_table(tables: engine.GroupTables, metric: str) -> Block:
    """Every group of users against everybody else, folded away, since there may be many."""
    gaps = tables.gaps.set_index("rule")
    rows = []
    for row in tables.figures.to_dict("records"):
        rule = str(row["rule"])
        own = [fairness_text.group_name(rule), count(int(row["n"]))]
        if row["n"] == 0:
            continue
        if row["too_small"] or rule not in gaps.index:
            needed = None if pd.isna(row["n_needed"]) else float(row["n_needed"])
            rows.append([*own, figure(float(row["value"])), fairness_text.too_small(int(row["n"]), needed), "–", "–"])
            continue
        value = engine.Estimate(float(row["value"]), float(row["low"]), float(row["high"]))
        found = gaps.loc[rule].to_dict()
        apart = engine.Estimate(float(found["difference"]), float(found["low"]), float(found["high"]))
        p, effect = (figure(float(found[name]), 2) for name in ("p_holm", "effect_size"))
        rows.append([*own, fairness_text.span_of(value), gap_text.span(apart), p, effect])
    columns = [
        *(_("Group"), _("Users"), common_text.metric_name(metric), _("Against everybody else")),
        *(_("p-value, corrected"), _("Effect size (Cliff's delta)")),
    ]
    return folded(_("All groups as a table"), table(columns, rows))


def unevenness(run: engine.Run, facts: pd.DataFrame, groups: Sequence[engine.Group], metric: str) -> list[Block]:
    """The worst-served share, the Gini index, and the best and the worst group by history length."""
    named = [engine.Group(str(g.rule), g.rule) for g in groups if g.rule.columns == ("history_length",)]
    settings = run.config.evaluation
    found = engine.disparity(run.evaluation, facts, named, metric, run.answers, settings)
    ranks = engine.disparity(run.evaluation, facts, (), "log_rank", run.answers, settings)
    rows = [
        (name, fairness_text.span_of(e), meaning)
        for name, e, meaning in fairness_text.uneven_rows(found, ranks, run.evaluation.protocol)
    ]
    return [
        heading(_("How unevenly users are served")),
        paragraph(fairness_text.uneven(found, ranks, run.evaluation.protocol)),
        *([] if found.between is None else [paragraph(fairness_text.apart(found.between))]),
        table([_("Figure"), _("Value"), _("Meaning")], rows),
    ]


def list_figures(run: engine.Run, k: int) -> list[Block]:
    """What the answering model's lists to head and to tail users are like."""
    parts = run.evaluation.models[run.answers].users
    names = [
        n
        for n in run.evaluation.models[run.answers].overall.metrics
        if n.endswith(f"@{k}") and n not in run.evaluation.metrics
    ]
    if not names:
        return []
    better = {"higher": _("Higher is better."), "lower": _("Lower is better."), "neither": ""}
    rows = [
        (
            terms.term_name(name),
            *(fairness_text.span_of(e) if (e := parts[side].metrics.get(name)) else "–" for side in ("head", "tail")),
            terms.term_meaning(name) + " " + better[engine.term_of(name).better],
        )
        for name in names
    ]
    columns = [_("Figure"), common_text.cohort_name("head"), common_text.cohort_name("tail"), _("Meaning")]
    note = _(
        "Lists of {k} items by: {model}. Coverage, Gini and entropy grow with the number of users who are counted, so "
        "do not compare head and tail by them."
    ).format(k=k, model=common_text.model_name(run.answers))
    return [heading(_("What the lists are like")), table(columns, rows), paragraph(note, "note")]


def exposure(run: engine.Run, k: int) -> list[Block]:
    """How much of the catalogue, and of its tail, each model shows, and how unequally."""
    reports = run.evaluation.models
    keys = [*next(iter(reports.values())).coverage, *next(iter(reports.values())).tail_exposure]
    names = {
        key: (
            _("Catalogue shown, top {k}") if key.startswith("coverage") else _("Slots for tail items, top {k}")
        ).format(k=key.partition("@")[2])
        for key in keys
    }
    extra = [f"{family}@{k}" for family in ("exposure_gini", "popularity_lift", "novelty")]
    extra = [name for name in extra if all(name in r.overall.metrics for r in reports.values())]
    rows = [
        (
            common_text.model_name(model),
            *(percent({**r.coverage, **r.tail_exposure}[key]) for key in keys),
            *(figure(r.overall.metrics[name].value) for name in extra),
        )
        for model, r in reports.items()
    ]
    columns = [_("Model"), *names.values(), *(terms.term_name(name) for name in extra)]
    return [heading(_("How much of the catalogue each model shows")), table(columns, rows)]


def faithfulness(run: engine.Run) -> list[Block]:
    """How far explanations of the run can be trusted, where that was measured; nothing otherwise."""
    found = engine.kept_faithfulness(run)
    if found is None:
        return []
    rows = [
        (
            faithfulness_text.method_name(name),
            *(gap_text.span(e) for e in (score.overall.deletion_auc, score.overall.insertion_auc)),
            *(gap_text.span(score.users[c].deletion_auc) if c in score.users else "–" for c in ("head", "tail")),
        )
        for name, score in found.methods.items()
    ]
    columns = [
        _("Order of events"),
        _("Deletion (lower is better)"),
        _("Insertion (higher is better)"),
        _("Deletion, head users"),
        _("Deletion, tail users"),
    ]
    checks = faithfulness_text.checks(found)
    return [
        heading(_("Can explanations be trusted?")),
        paragraph(faithfulness_text.verdict(found) + " " + faithfulness_text.about_attention(found)),
        table(columns, rows),
        paragraph(faithfulness_text.whom(found) + " " + faithfulness_text.rule(), "note"),
        *([points(checks)] if checks else []),
    ]
