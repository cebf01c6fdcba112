"""The `tailscope` command: reads arguments, asks the engine's facade, prints the answer.

Nothing heavy is imported here: the facade loads torch, pandas and the rest when a command first needs them, so that
`tailscope --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer
from rich.text import Text

import engine
from dashboard.cli import (
    diagnose,
    experiments,
    explain,
    faithfulness,
    json_documents as documents,
    serve,
    streams,
    tables,
    train,
)
from dashboard.cli.options import (
    RUNS,
    About,
    Config,
    Events,
    HeldOut,
    Json,
    RunName,
    RunsDir,
    Set,
    User,
    by_column,
    known_about,
    new_events,
)
from dashboard.cli.output import Answer, complain, remark

app = typer.Typer(
    name="tailscope",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals can hold a user's data
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """The console entry point: a problem that the caller can fix ends as a message and exit code 1."""
    streams.prepare()
    try:
        with streams.failures_reported():
            app()
    except engine.EngineError as error:
        complain(str(error))
        sys.exit(1)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"tailscope {version('tailscope')}")
        raise typer.Exit


@app.callback(epilog="Each command has its own help: tailscope train --help")
def _top(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Train a Transformer recommender on an interaction log and see whom it fails, and why."""


def recommend(
    run: RunName,
    user: User = None,
    events: Events = None,
    about: About = None,
    k: Annotated[int, typer.Option("-k", "--k", min=1, help="Length of the list.")] = 10,
    held_out: HeldOut = False,
    runs: RunsDir = RUNS,
    json: Json = False,
) -> None:
    """What a run recommends next: to a user of the data, or to a new user from the events given."""
    answer = Answer(json)
    items, known = new_events(user, events, held_out), known_about(about, events)
    with answer.working():
        found = engine.load_run(run, runs_dir=runs)
        if user is None:
            given = engine.recommend_for(found, items, k=k, attributes=by_column(known, found))
        else:
            given = engine.recommend(found, user, k=k, view="evaluated" if held_out else "full")
    answer.give(documents.recommendations(given), *tables.recommendation_tables(given))


def list_runs(runs: RunsDir = RUNS, json: Json = False) -> None:
    """List the runs, newest first."""
    answer = Answer(json)
    with answer.working():
        found, damaged = engine.list_runs(runs), engine.damaged_runs(runs)
    empty = Text(f"No run in {runs} yet. Make one: tailscope train PATH, or tailscope demo.")
    others = [Text(f"Left out: {run.reason}", style="red") for run in damaged]
    answer.give(documents.runs(found, damaged), tables.runs_table(found) if found else empty, *others)


def data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A public data set: ml-100k.")],
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Folder for its files; default: downloads/NAME.")
    ] = None,
    json: Json = False,
) -> None:
    """Fetch a public data set, check it, and show its licence."""
    answer = Answer(json)
    with answer.working():
        fetched = engine.fetch_public(name, into, remark)
    hint = Text(f"Next: tailscope train {quote(str(fetched))}", style="dim")
    answer.give(documents.fetched(name, fetched), Text(str(fetched)), hint)


def show_config(config: Config = None, changes: Set = None, json: Json = False) -> None:
    """Print all settings as TOML, with their values and help: a file to start from for --config."""
    answer = Answer(json)
    settings = engine.load_config(config, changes or ())
    answer.give(documents.settings(settings), engine.describe_config(settings).rstrip())


_COMMANDS: dict[str, tuple[Callable[..., None] | tuple[str, Callable[..., None]], ...]] = {
    "Train": (train.train, train.validate, train.evaluate, experiments.tune, experiments.cross_validate),
    "Look": (
        recommend,
        explain.explain,
        explain.explain_users,
        experiments.compare,
        diagnose.diagnose,
        diagnose.report,
        faithfulness.faithfulness,
        ("runs", list_runs),
        serve.serve,
        serve.demo,
    ),
    "Settings and data": (data, ("config", show_config)),
}
"""Commands by the panel of `tailscope --help`, in its order; named after their function where no name is given."""

for _panel, _commands in _COMMANDS.items():
    for _command in _commands:
        _name, _function = _command if isinstance(_command, tuple) else (None, _command)
        app.command(_name, rich_help_panel=_panel)(_function)
