"""Commands over several trainings: `compare`. `dashboard.cli` gives them to the `tailscope` command."""

from __future__ import annotations

from typing import Annotated

import typer

import engine
from dashboard import cli_documents as documents
from dashboard import cli_tables as tables
from dashboard.cli_options import RUNS, Json, RunsDir
from dashboard.cli_output import Answer


def compare(
    names: Annotated[
        list[str], typer.Argument(metavar="RUN…", help="Runs on the same data; one gives its own models.")
    ],
    metric: Annotated[str, typer.Option(metavar="NAME", help="A metric that all runs measured.")] = "ndcg@10",
    runs: RunsDir = RUNS,
    json: Json = False,
) -> None:
    """Runs in one table: models by cohort, paired differences against the first, and the settings that differ."""
    answer = Answer(json)
    with answer.working():
        found = engine.compare_runs(names, runs_dir=runs, metric=metric.lower())
    answer.give(documents.comparison(found), *tables.comparison_tables(found))
