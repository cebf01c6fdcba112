"""Engine results as rich tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

import engine
from dashboard.cli.output import duration, figure
from dashboard.text import common as common_text, gap as gap_text

if TYPE_CHECKING:
    from engine import (
        CleaningReport,
        Dataset,
        Difference,
        Evaluation,
        Message,
        Recommendations,
        Run,
        RunComparison,
        RunConfig,
        RunSummary,
    )

MODEL_NAMES = {
    "transformer": "Transformer",
    "ensemble": "Ensemble",
    "popularity": "Popularity",
    "itemknn": "Item kNN",
    "ease": "EASE",
}
SHORT_LIST = 10
"""Events of a history that a terminal shows; --json gives all."""


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table in the house's style; columns named in `right` hold numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def interval(estimate: Any) -> str:
    """An estimate, and below it the ends of its interval, since few are even: `0.0412`, `0.0381 to 0.0445`."""
    if estimate is None:
        return "–"
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return figure(estimate.value)
    return f"{figure(estimate.value)}\n{ends(estimate.low, estimate.high)}"


def ends(low: float, high: float) -> str:
    """The ends of an interval: `−0.0381 to 0.0445`."""
    return " to ".join(("−" if end < 0 else "") + figure(abs(end)) for end in (low, high))


def evaluation_table(evaluation: Evaluation, answers: str, oracle: Mapping[str, float] | None = None) -> Table:
    """Models down, the one that answers in bold; NDCG@10 for all, head and tail users, and HR@10 for all, across."""
    first = next(iter(evaluation.models.values()))
    cohorts = {"all users": first.overall, "head users": first.users["head"], "tail users": first.users["tail"]}
    columns = [f"NDCG@10\n{name}, n = {report.n:,}" for name, report in cohorts.items()]
    columns.append("HR@10\nall users")
    made = table("model", *columns, right=columns)
    for name, report in evaluation.models.items():
        parts = [report.overall, report.users["head"], report.users["tail"]]
        cells = [interval(part.metrics.get("ndcg@10")) for part in parts]
        cells.append(interval(report.overall.metrics.get("hr@10")))
        made.add_row(MODEL_NAMES.get(name, name), *cells, style="bold" if name == answers else "")
    if oracle:  # what `engine.oracle_figures` gave; it may know all users and not these cohorts
        cells = [figure(oracle.get(part)) for part in ("all", "head", "tail")]
        made.add_row("oracle (ceiling)", *cells, "–", style="dim")
    return made


def several_targets(evaluation: Evaluation, answers: str) -> list[Table]:
    """Models down, the metrics that count several right items a user across; nothing where each user has one."""
    if evaluation.protocol != "temporal":
        return []
    metrics = [f"{name}@10" for name in ("precision", "recall", "f1", "map")]
    columns = [f"{metric_name(metric)}\nall users" for metric in metrics]
    made = table("model", *columns, right=columns)
    for name, report in evaluation.models.items():
        cells = [interval(report.overall.metrics.get(metric)) for metric in metrics]
        made.add_row(MODEL_NAMES.get(name, name), *cells, style="bold" if name == answers else "")
    return [made]


def verdict_lines(evaluation: Evaluation, answers: str, settings: RunConfig) -> list[Text]:
    """Whom the model that answers serves worse, and by what figures; or why that cannot be said."""
    k = 10 if "ndcg@10" in evaluation.metrics else settings.evaluation.ks[0]
    try:
        verdict = gap_text.verdict_of(evaluation, f"ndcg@{k}", answers, settings)
    except engine.EngineError as error:
        return [Text(str(error))]
    return [Text(verdict.text, style="bold"), Text(verdict.evidence)]


def evaluation_note(evaluation: Evaluation, settings: RunConfig) -> Text:
    """What the figures of `evaluation_table` are."""
    ranked, confidence = common_text.ranked(settings), settings.evaluation.confidence
    several = evaluation.protocol == "temporal"
    right = (
        "how high the right items (all that came later) rank, 1 is best; HR@10: how often one is among the first ten."
        if several
        else "how high the right item ranks, 1 is best; HR@10: how often it is among the first ten."
    )
    return Text(
        f"{ranked}, {evaluation.protocol}. Below figures their {confidence:.0%} intervals over users. NDCG@10: {right}",
        style="dim",
    )


def target_remarks(evaluation: Evaluation, answers: str) -> list[Text]:
    """What is to be minded of the targets: repeats, and why figures are 0 or say nothing."""
    from dashboard.text.targets import remarks  # the words of pages, which `tailscope --help` need not load

    metrics = evaluation.metrics
    metric = "ndcg@10" if "ndcg@10" in metrics else metrics[0]
    return [Text(f"Note: {text}") for text in remarks(evaluation, answers, metric)]


def answers_line(run: Run, settings: RunConfig | None = None) -> Text | None:
    """Which model recommends and is explained, and why; None where there is no choice.

    Args:
        run: that chose.
        settings: that its figures are told by, the run's own when not given. It chose by validation figures of its own
            settings, which are not told where seen items are ranked by another rule.
    """
    if run.ensemble is None:
        return None
    if settings is not None and settings.evaluation.exclude_seen != run.config.evaluation.exclude_seen:
        chosen = run.answers == "ensemble"
        why = (
            "ensemble answers: it was better" if chosen else "Transformer answers: the ensemble was not clearly better"
        )
        return Text(f"The {why} on validation, by the settings that the run was trained with.")
    ours, theirs = (figure(run.ensemble.weights.validation[name]) for name in ("ensemble", "transformer"))
    found = f"on validation its NDCG@10 is {ours}, the Transformer's {theirs}"
    if run.answers == "ensemble":
        return Text(f"The ensemble answers: {found}.")
    return Text(f"The Transformer answers: the ensemble is not clearly better ({found}).")


def run_line(run: Run, seconds: dict[str, float]) -> Text:
    """One line: the run, its data, its epochs and times."""
    data = run.dataset
    return Text.assemble(
        (run.name, "bold"),
        f"  {data.n_users:,} users, {data.n_items:,} items, {data.n_interactions:,} interactions; "
        f"{run.epochs} epochs in {duration(seconds['train'])}, evaluated in {duration(seconds['evaluate'])}",
    )


def cleaning_lines(report: CleaningReport | None) -> list[Table | Text]:
    """A CleaningReport for a person: what was read, what was guessed, each reason with its first lines."""
    if report is None:
        return []
    out: list[Table | Text] = [
        Text.assemble((report.source, "bold"), f"  read as: {report.format}"),
        Text(f"{report.rows_kept:,} of {report.rows_read:,} rows kept."),
    ]
    out += [Text(f"Note: {note}") for note in report.notes]
    if report.issues:
        made = table("table", "reason", "action", "rows", "first lines", "example", right=("rows",))
        for issue in report.issues:
            lines = ", ".join(str(line) for line in issue.lines) or "–"
            cells = (issue.table, str(issue.reason), issue.action, f"{issue.rows:,}", lines, short(issue.example, 40))
            made.add_row(*(Text(cell) for cell in cells))
        out.append(made)
    else:
        out.append(Text("Nothing was dropped or mended."))
    return out


def usable(dataset: Dataset) -> Text:
    """What is left to learn from."""
    size = f"{dataset.n_users:,} users, {dataset.n_items:,} items, {dataset.n_interactions:,} interactions"
    return Text(f"Usable: {size}.", style="green")


def unusable(why: Message) -> Text:
    """Why training would refuse the log."""
    return Text(f"Not usable: {why}", style="red")


def runs_table(summaries: Sequence[RunSummary]) -> Table:
    """One row a run."""
    numbers = ("users", "items", "interactions", "epochs", "training", "NDCG@10")
    made = table("run", "created", "data", *numbers, right=numbers)
    for run in summaries:
        cells = (
            run.name,
            run.created[:16].replace("T", " "),
            run.dataset,
            f"{run.n_users:,}",
            f"{run.n_items:,}",
            f"{run.n_interactions:,}",
            str(run.epochs),
            duration(run.train_seconds),
            interval(run.ndcg10).replace("\n", " (", 1) + (")" if run.ndcg10 else ""),
        )
        made.add_row(*(Text(cell) for cell in cells))
    return made


def comparison_tables(given: RunComparison) -> list[Table | Text]:
    """Models by cohort, their differences from the first, and the settings that are not the same."""
    several = len(given.runs) > 1
    metric = metric_name(given.metric)
    numbers = [f"{metric}\n{cohort} users, n = {n:,}" for cohort, n in given.sizes.items()]
    cohorts = [f"{cohort} users" for cohort in given.sizes]
    lead = ["run", "model"] if several else ["model"]
    made = table(*lead, *numbers, "trained in", right=[*numbers, "trained in"])
    apart = table(*lead, *cohorts, right=cohorts)
    for place, row in enumerate(given.models):
        name = MODEL_NAMES.get(row.model, row.model)
        names = [Text(name) for name in ([row.run, name] if several else [name])]
        seconds = "–" if row.train_seconds is None else duration(row.train_seconds)
        figures = [interval(row.figures.get(cohort)) for cohort in given.sizes]
        made.add_row(*names, *figures, seconds, style="" if place else "bold")
        if place:
            apart.add_row(*names, *(_difference(row.differences.get(cohort)) for cohort in given.sizes))
    note = Text(
        f"Full ranking, {given.protocol}. Below figures their {given.confidence:.0%} intervals over users; "
        "differences are paired, user by user. * is a difference that chance does not explain: its interval leaves "
        "out 0, and so does a paired t-test after Holm's correction for all differences of the table.",
        style="dim",
    )
    out: list[Table | Text] = [made]
    if apart.row_count:
        out += [Text(f"{metric}, difference from the first", style="bold"), apart]
    out.append(note)
    if several and given.settings:
        settings = table("setting", *given.runs)
        for key, values in given.settings.items():
            settings.add_row(key, *(Text(_setting(value)) for value in values))
        out += [Text("Settings that differ", style="bold"), settings]
    elif several:
        out.append(Text("All settings are the same."))
    return out


def metric_name(metric: str) -> str:
    """A metric as people write it: `NDCG@10`, `Recall@5`."""
    name, at, k = metric.partition("@")
    return (name.upper() if name in ("ndcg", "hr", "mrr", "f1", "map") else name.capitalize()) + at + k


def _difference(given: Difference | None) -> str:
    if given is None:
        return "–"
    found = given.comparison.difference
    mark = " *" if given.significant else ""
    return f"{'+' if found.value >= 0 else '−'}{figure(abs(found.value))}{mark}\n{ends(found.low, found.high)}"


def _setting(value: Any) -> str:
    return "none" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def recommendation_tables(answer: Recommendations) -> list[Table | Text]:
    """The end of a user's history, and the ranked list."""
    shown = answer.history[-SHORT_LIST:]
    history = table("#", "item", "title", "category", right=("#",))
    for event in shown:
        cells = (str(event.position), event.item_id, event.title, event.category or "–")
        history.add_row(*(Text(cell) for cell in cells))
    ranked = table("rank", "item", "title", "category", "score", right=("rank", "score"))
    for item in answer.items:
        mark = "  ← held out" if item.is_held_out else ""
        cells = (str(item.rank), item.item_id, item.title + mark, item.category or "–", f"{item.score:.3f}")
        ranked.add_row(*(Text(cell) for cell in cells), style="bold" if item.is_held_out else "")
    part = "all" if len(shown) == len(answer.history) else f"the last {len(shown)} of"
    who = "New user" if answer.user_id is None else f"User {answer.user_id}"
    heading = f"{who}: {part} {len(answer.history):,} events, oldest first"
    known: list[Table | Text] = [Text(heading, style="bold"), history]
    if not answer.history:
        known = [Text(f"{who}: no event is known", style="bold")]
    nothing = Text("Nothing is left to recommend: every item that could be was met already.")
    out: list[Table | Text] = [*known, Text("Recommended next", style="bold"), ranked if answer.items else nothing]
    if answer.n_held_out > 1:
        hits = sum(item.is_held_out for item in answer.items)
        out.append(Text(f"Held out: {answer.n_held_out:,} items, {hits} of them in this list.", style="dim"))
    elif answer.held_out is not None and answer.held_out_rank is not None:
        out.append(Text(f"Held out: {answer.held_out.title}, ranked {answer.held_out_rank:,}.", style="dim"))
    return out


def short(text: str, width: int) -> str:
    """Text cut at the end with an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"
