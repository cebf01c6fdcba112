"""One HTML file that a stakeholder can be handed: the question, what was found, how far to believe it.

It holds no script and asks nothing of any server, so that it opens anywhere and prints as it looks. Every text that
comes from data is escaped.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import engine
from dashboard.charts.style import LIGHT, look
from dashboard.report import parts, svg
from dashboard.report.blocks import Block, drawing, folded, footer, heading, paragraph, points, table, title
from dashboard.text import (
    common as common_text,
    fairness as fairness_text,
    gap as gap_text,
    i18n,
    targets as targets_text,
)
from dashboard.text.i18n import _, count, figure, percent

if TYPE_CHECKING:
    from jinja2 import Environment


def report(run: engine.Run, metric: str = "ndcg@10", lang: str = "en", on_progress: Any = None) -> str:
    """The report of a run as HTML.

    Args:
        run: a whole run.
        metric: the figure that the findings are told in.
        lang: "en" or "zh".
        on_progress: told where the work stands.

    Raises:
        EngineError: the metric was not measured, or head and tail cannot be compared.
    """
    with i18n.speaking(lang):
        return _document(run, metric, on_progress)


def _document(run: engine.Run, metric: str, on_progress: Any) -> str:
    whole = engine.gap_by_all_metrics(run.evaluation, metric, run.answers, "users", run.config.evaluation)
    found = engine.diagnose_run(run, metric, *([] if on_progress is None else [on_progress]))
    facts = engine.run_facts(run)
    groups = engine.standard_groups(engine.user_columns(facts))
    tables = engine.group_tables(run.evaluation, facts, groups, [metric], [run.answers], run.config.evaluation)
    verdict, k = gap_text.verdict(whole), int(metric.partition("@")[2] or max(run.config.evaluation.ks))
    body = [
        title(verdict.text),
        paragraph(verdict.evidence),
        paragraph(" ".join([*parts.ceiling(run, whole.gap), fairness_text.worst_group(tables.gaps, metric)])),
        *_question(run, metric),
        *_cohorts(run, metric),
        *parts.gap_of_models(run, metric),
        *_why(run, found),
        *_curve(run, metric, found),
        *_groups(run, metric, tables),
        *parts.unevenness(run, facts, groups, metric),
        *parts.list_figures(run, k),
        *parts.exposure(run, k),
        *parts.faithfulness(run),
        *_limits(run),
        *_settings(run),
    ]
    tab = _("Tailscope: whom does {run} serve?").format(run=run.name)
    return _templates().get_template("report.html").render(language=i18n.language(), title=tab, blocks=body)


@cache
def _templates() -> Environment:
    """The templates of this folder; every text in them is escaped, and one that is missing is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _question(run: engine.Run, metric: str) -> list[Block]:
    data = run.dataset
    size = _("{users} users, {items} items and {events} interactions of {data}.").format(
        users=count(data.n_users), items=count(data.n_items), events=count(data.n_interactions), data=data.name
    )
    return [
        heading(_("The question")),
        paragraph(
            _(
                "Does this recommender fail users with short histories, by how much, why, and is it the data, the "
                "users or the model?"
            )
        ),
        paragraph(size + " " + common_text.protocol(run.split.protocol, run.split.cuts) + ".", "note"),
        paragraph(common_text.ranked(run.config) + ". " + common_text.recommendable(run.config), "note"),
        paragraph(common_text.metric_gloss(metric), "note"),
        *(paragraph(text, "note") for text in targets_text.remarks(run.evaluation, run.answers, metric)),
    ]


def _cohorts(run: engine.Run, metric: str) -> list[Block]:
    models = run.evaluation.models
    sign = 1 if engine.term_of(metric).better == "lower" else -1
    order = sorted(models, key=lambda m: (m != run.answers, sign * models[m].overall.metrics[metric].value))
    rows = []
    for model in order:
        for cohort, colour in (("head", LIGHT.head), ("tail", LIGHT.tail)):
            part = models[model].users[cohort]
            if part.n:
                e = part.metrics[metric]
                name = (
                    f"{common_text.model_name(model)}, {common_text.cohort_name(cohort).lower()} (n = {count(part.n)})"
                )
                rows.append(svg.Row(name, e.value, e.low, e.high, colour, model in ("transformer", "ensemble")))
    about = _("Users: head and tail by model")
    return [
        heading(about),
        drawing(svg.interval_rows(rows, common_text.metric_name(metric), about)),
        paragraph(
            _("Head users have {cut} training events or more: the longest {share} of histories.").format(
                cut=count(run.cohorts.user_cut), share=percent(run.config.evaluation.head_share)
            ),
            "note",
        ),
    ]


def _why(run: engine.Run, found: engine.Diagnosis) -> list[Block]:
    out = [heading(_("Why is there a gap?"))]
    experiment = (found.truncation or {}).get(run.answers)
    if experiment is not None and found.metric in experiment.parts:
        split = experiment.parts[found.metric]
        rows = [
            svg.Row(name, e.value, e.low, e.high, colour, filled)
            for name, e, colour, filled in (
                (_("Head users"), split.head, LIGHT.head, True),
                (_("Head users, cut short"), split.truncated, LIGHT.head, False),
                (_("Tail users"), split.tail, LIGHT.tail, True),
            )
        ]
        out += [
            paragraph(fairness_text.parts(split)),
            drawing(svg.interval_rows(rows, common_text.metric_name(found.metric), _("The truncation experiment"))),
            paragraph(fairness_text.parts_evidence(split), "note"),
        ]
    if found.targets:
        said = [fairness_text.targets(each, run.answers) for each in found.targets]
        out.append(points(said))
    for ceiling in found.ceilings:
        rows_of = [
            (
                common_text.cohort_name(c),
                count(part.n),
                figure(part.ceiling.value),
                gap_text.span(part.shortfall[run.answers]),
            )
            for c, part in ceiling.cohorts.items()
            if run.answers in part.shortfall
        ]
        out.append(
            paragraph(
                _("The best that could be reached: {name}.").format(name=fairness_text.ceiling_name(ceiling.kind)),
                "note",
            )
        )
        out.append(table([_("Cohort"), _("Users"), _("Ceiling"), _("This model against it")], rows_of))
    return out


def _curve(run: engine.Run, metric: str, found: engine.Diagnosis) -> list[Block]:
    points_of = found.curve
    lines = []
    for model in sorted(points_of["model"].unique(), key=lambda m: m != run.answers):
        rows, drawn = points_of.loc[points_of["model"] == model], look(model, dark=False)
        lines.append(
            svg.Line(
                common_text.model_name(model),
                rows["length"].tolist(),
                rows["value"].tolist(),
                rows["low"].tolist(),
                rows["high"].tolist(),
                drawn.colour,
                drawn.dash != "solid",
            )
        )
    about = _("Quality against history length")
    mark = (float(run.cohorts.user_cut), _("head from here"))
    axis = _("events in training history")
    return [heading(about), drawing(svg.curves(lines, axis, common_text.metric_name(metric), about, mark))]


def _groups(run: engine.Run, metric: str, tables: engine.GroupTables) -> list[Block]:
    figures = tables.figures
    plain = figures.loc[(figures["n"] > 0) & ~figures["rule"].str.contains("&", regex=False)]
    colour = look(run.answers, dark=False).colour
    rows = [
        svg.Row(
            f"{fairness_text.group_name(str(r['rule']))} (n = {count(int(r['n']))})",
            float(r["value"]),
            float(r["low"]),
            float(r["high"]),
            LIGHT.muted if r["too_small"] else colour,
            not r["too_small"],
        )
        for r in plain.to_dict("records")
    ]
    overall = run.evaluation.models[run.answers].overall.metrics[metric].value
    reference = (overall, _("everybody {value}").format(value=figure(overall)))
    about = _("Groups of users")
    return [
        heading(about),
        paragraph(fairness_text.worst_group(tables.gaps, metric)),
        drawing(svg.interval_rows(rows, common_text.metric_name(metric), about, reference)),
        parts.group_table(tables, metric),
    ]


def _limits(run: engine.Run) -> list[Block]:
    e = run.config.evaluation
    said = [
        _(
            "Intervals hold {confidence} of the time over new samples of users; they say nothing about another "
            "training or other data."
        ).format(confidence=percent(e.confidence)),
        common_text.recommendable(run.config),
        _("A held-out item is what the user did next, not all that would have pleased; low figures are normal."),
        _(
            "The truncation experiment shortens what is known at the time of asking; what head users contributed to "
            "training stays."
        ),
    ]
    if run.split.protocol == "leave-last-out":
        said.append(_("Leave-last-out lets training see events of some users that came after the targets of others."))
    return [
        heading(_("How far to believe it")),
        points(said),
    ]


def _settings(run: engine.Run) -> list[Block]:
    rows = [
        (f"{section}.{key}", "–" if value is None else str(value))
        for section, values in run.config.model_dump(mode="json").items()
        for key, value in values.items()
    ]
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    made_on = _("Made by Tailscope on {day}.").format(day=datetime.now(UTC).strftime("%Y-%m-%d"))
    summary, columns = _("All settings"), [_("Setting"), _("Value")]
    return [
        heading(_("Settings and versions")),
        paragraph(
            _("Run {run}, trained {created}; {versions}.").format(
                run=run.name, created=run.created[:10], versions=versions
            ),
            "note",
        ),
        folded(summary, table(columns, rows)),
        footer(made_on),
    ]
