"""`tailscope diagnose`: lists that another system made, measured. `dashboard.cli` gives the command its name."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

import engine
from dashboard import cli_tables as tables
from dashboard import words
from dashboard.cli_options import Config, Json, Set
from dashboard.cli_output import Answer

if TYPE_CHECKING:
    from engine import Outside


def diagnose(
    lists: Annotated[
        Path, typer.Argument(metavar="RECS", help="CSV, TSV or Parquet: user, item, and rank or score, a row each.")
    ],
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="The log that the lists are for.")],
    user: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of user ids in RECS.")] = None,
    item: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of item ids in RECS.")] = None,
    config: Config = None,
    changes: Set = None,
    json: Json = False,
) -> None:
    """Whom do another system's recommendations fail? Its lists, measured by cohort; no model is trained.

    The lists are held against what the log holds out: each user's last event, or with --set
    evaluation.protocol=temporal all after one time. Make them from what came before.
    """
    answer = Answer(json)
    settings = engine.load_config(config, changes or ())
    began = time.perf_counter()
    with answer.working():
        dataset, _ = engine.load_dataset(data, settings.data)
        found = engine.diagnose_lists(lists, dataset, settings, user, item)
    seconds = {"evaluate": time.perf_counter() - began}
    answer.give(document(found, seconds), *_lines(found, settings))


def document(found: Outside, seconds: dict[str, float]) -> dict[str, Any]:
    """What --json prints: the document of `evaluate --json`, and beside it what reading the lists noticed."""
    name = found.given.name
    return {
        "run": None,
        "epochs": None,
        "seconds": seconds,
        "protocol": found.evaluation.protocol,
        "answers": name,
        "models": found.evaluation.to_dict(),
        "lists": {
            "source": found.given.source,
            "rows": found.given.rows_read,
            "longest": found.given.longest,
            "notes": list(found.notes),
            "issues": [asdict(issue) for issue in found.given.issues],
        },
    }


def _lines(found: Outside, settings: engine.RunConfig) -> list[Any]:
    """For a person: what was read, the figures, the verdict."""
    name, size = found.given.name, f"{found.given.rows_read:,} rows, lists of up to {found.given.longest:,} items"
    out: list[Any] = [Text.assemble((name, "bold"), f"  {size}; {len(found.split.test):,} tested users")]
    out += [Text(f"Note: {note}") for note in found.notes]
    for issue in found.given.issues:
        out.append(Text(f"Dropped: {issue.rows:,} rows, whose {issue.reason} (line {issue.lines[0]}: {issue.example})"))
    out.append(tables.evaluation_table(found.evaluation, name))
    out += tables.several_targets(found.evaluation, name)
    try:
        verdict = words.verdict(engine.gap(found.evaluation, "ndcg@10", name, "users", settings.evaluation))
    except engine.EngineError as error:
        out.append(Text(str(error)))
    else:
        out += [Text(verdict.text, style="bold"), Text(verdict.evidence)]
    note = tables.evaluation_note(found.evaluation, settings.evaluation.confidence)
    return [*out, note, Text("All figures: --json", style="dim")]
