"""`tailscope diagnose` and `tailscope report`. `dashboard.cli.main` gives the commands their names."""

from __future__ import annotations

import re
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

import engine
from dashboard.cli import json_documents as documents, tables
from dashboard.cli.options import RUNS, Config, Json, NoTime, RunName, RunsDir, Set, TimeFormat
from dashboard.cli.output import Answer, ProgressView
from dashboard.cli.streams import check_output, write_output

if TYPE_CHECKING:
    from engine import Dataset, ExternalDiagnosis

METRIC = "ndcg@10"


class Language(StrEnum):
    """Languages that a report can be written in."""

    EN = "en"
    ZH = "zh"


def diagnose(
    lists: Annotated[
        Path, typer.Argument(metavar="RECS", help="CSV, TSV or Parquet: user, item, and rank or score, a row each.")
    ],
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="The log that the lists are for.")],
    user: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of user ids in RECS.")] = None,
    item: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of item ids in RECS.")] = None,
    config: Config = None,
    changes: Set = None,
    time_format: TimeFormat = None,
    no_time: NoTime = False,
    json: Json = False,
) -> None:
    """Whom do another system's recommendations fail? Its lists, measured by cohort; no model is trained.

    The lists are held against what the log holds out: each user's last event, or with --set
    evaluation.protocol=temporal all after one time. Make them from what came before.
    """
    answer = Answer(json)
    given = {"time_format": time_format, "no_time": no_time or None}
    settings = engine.load_config(config, changes or ())
    settings = settings.replace({"data": {key: value for key, value in given.items() if value is not None}})
    began = time.perf_counter()
    with answer.working():
        try:
            dataset, cleaned = engine.load_dataset(data, settings.data)
        except engine.DataError as error:
            raise engine.DataError(_options_of_the_log(error.message)) from None
        found = engine.diagnose_lists(lists, dataset, settings, user, item)
        seconds = {"evaluate": time.perf_counter() - began}
        if found.evaluation.targets is not None:  # what auto came to
            settings = settings.replace({"evaluation": {"exclude_seen": found.evaluation.targets.seen_left_out}})
        said = [] if json else _why(found, dataset, settings)
    told = {"cleaning": documents.cleaning(cleaned, dataset)}
    answer.give(document(found, seconds) | told, *tables.cleaning_lines(cleaned), *_lines(found, settings, said))


def report(
    run: RunName,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where the HTML file goes.")],
    metric: Annotated[str, typer.Option(metavar="NAME", help="The figure that findings are told in.")] = "ndcg@10",
    lang: Annotated[Language, typer.Option(help="Language of the report.")] = Language.EN,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file of that name.")] = False,
    runs: RunsDir = RUNS,
    json: Json = False,
) -> None:
    """Whom a run fails, by how much and why: one HTML file to hand over. It opens offline and prints."""
    from dashboard.report.html import report as written

    answer = Answer(json)
    check_output("--output", output, _is_report, "report of this command", overwrite)
    with answer.working(), ProgressView() as view:
        text = written(engine.load_run(run, runs_dir=runs), metric.lower(), lang.value, view)
    write_output(output, text)
    size = output.stat().st_size
    answer.give({"run": run, "output": str(output), "bytes": size}, Text(f"Wrote {output} ({size / 1000:,.0f} kB)."))


def _is_report(path: Path) -> bool:
    """Whether a file begins as our reports do."""
    try:
        with path.open("rb") as file:
            head = file.read(2000).decode("utf-8", "replace")
    except OSError:
        return False
    return head.startswith("<!DOCTYPE html>") and "<title>Tailscope" in head


def document(found: ExternalDiagnosis, seconds: dict[str, float]) -> dict[str, Any]:
    """What --json prints: the document of `evaluate --json`, and beside it what reading the lists noticed."""
    name = found.lists.name
    return {
        "run": None,
        "epochs": None,
        "seconds": seconds,
        "protocol": found.evaluation.protocol,
        "answers": name,
        "models": found.evaluation.to_dict(),
        "targets": None if found.evaluation.targets is None else found.evaluation.targets.to_dict(),
        "lists": {
            "source": found.lists.source,
            "rows": found.lists.rows_read,
            "longest": found.lists.longest,
            "notes": [str(note) for note in found.notes],
            "issues": [issue.to_dict() for issue in found.lists.issues],
        },
    }


def _why(found: ExternalDiagnosis, dataset: Dataset, settings: engine.RunConfig) -> list[str]:
    """What the lists' users seek, who fares worst and how unevenly they are served; nothing without NDCG@10."""
    if METRIC not in found.evaluation.metrics:
        return []
    from dashboard.text import fairness as fairness_text  # loads pandas

    facts = engine.facts_of(dataset, found.split, found.cohorts)
    return fairness_text.of_lists(found, facts, settings, METRIC)


def _lines(found: ExternalDiagnosis, settings: engine.RunConfig, said: list[str]) -> list[Any]:
    """For a person: what was read, the figures, the verdict, and what more can be said."""
    name, size = found.lists.name, f"{found.lists.rows_read:,} rows, lists of up to {found.lists.longest:,} items"
    out: list[Any] = [Text.assemble((name, "bold"), f"  {size}; {len(found.split.test):,} tested users")]
    out += [Text(f"Note: {note}") for note in found.notes]
    for issue in found.lists.issues:
        out.append(Text(f"Dropped: {issue.rows:,} rows, whose {issue.reason} (line {issue.lines[0]}: {issue.example})"))
    out.append(tables.evaluation_table(found.evaluation, name))
    out += tables.several_targets(found.evaluation, name)
    out += tables.target_remarks(found.evaluation, name)
    out += tables.verdict_lines(found.evaluation, name, settings)
    note = tables.evaluation_note(found.evaluation, settings)
    out += [Text(text) for text in said]
    return [*out, note, Text("All figures: --json", style="dim")]


def _options_of_the_log(said: engine.Message) -> engine.Message:
    """The same, where it names options: --user and --item are those of the lists here."""
    told = said.template.replace("--{option} NAME (setting data.{option})", "--set data.{option}=NAME")
    told = re.sub(r"--(user|item|time|rating) (NAME|\{session\})", r"--set data.\1=\2", told)
    told = re.sub(r"--(user|item|time|rating)\b(?!-)", r"--set data.\1=NAME", told)
    return engine.Message(told.replace("--{setting_of_role} must be", "data.{setting_of_role} must be"), said.values)
