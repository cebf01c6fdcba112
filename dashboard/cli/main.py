"""The `tailscope` command: reads arguments, asks the engine's facade, prints the answer.

Nothing heavy is imported here: the facade loads torch, pandas and the rest when a command first needs them, so that
`tailscope --help` answers at once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

import engine
from dashboard.cli import (
    diagnose as diagnosing,
    experiments as searching,
    explain as explaining,
    faithfulness as trusting,
    json_documents as documents,
    server_process,
    streams,
    tables,
)
from dashboard.cli.options import (
    RUNS,
    About,
    Address,
    Browser,
    Config,
    Events,
    HeldOut,
    ItemColumn,
    Json,
    MinRating,
    NoTime,
    Port,
    PresetName,
    RatingColumn,
    RunName,
    RunsDir,
    Set,
    TimeColumn,
    TimeFormat,
    User,
    UserColumn,
    by_column,
    known_about,
    new_events,
    read_settings,
)
from dashboard.cli.output import Answer, ProgressView, complain, remark

SAMPLE_RUN = "sample-shop"

app = typer.Typer(
    name="tailscope",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals can hold a user's data
    context_settings={"help_option_names": ["-h", "--help"]},
)

MAKE, LOOK, HELP = "Train", "Look", "Settings and data"


def main() -> None:
    """The console entry point: a problem that the caller can mend ends as a message and exit code 1."""
    streams.prepare()
    try:
        with streams.told():
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


@app.command(rich_help_panel=MAKE)
def train(
    path: Annotated[Path | None, typer.Argument(metavar="PATH", help="A log: a file or a folder.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run; default: the data's name.")] = None,
    runs: RunsDir = RUNS,
    config: Config = None,
    changes: Set = None,
    preset: PresetName = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="NUMBER", help="Same seed, same weights.")] = None,
    user: UserColumn = None,
    item: ItemColumn = None,
    time_column: TimeColumn = None,
    rating: RatingColumn = None,
    min_rating: MinRating = None,
    time_format: TimeFormat = None,
    no_time: NoTime = False,
    resume: Annotated[str | None, typer.Option(metavar="NAME", help="Finish a run that was cut off.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run of that name.")] = False,
    json: Json = False,
) -> None:
    """Read a log, train the Transformer and its baselines, evaluate them, and keep all of it as a run.

    Ctrl-C ends training early: the best weights so far are evaluated and kept.
    """
    answer = Answer(json)
    settings = read_settings(
        config, changes, seed, user, item, time_column, rating, min_rating, preset, time_format, no_time
    )
    if resume is None and path is None:
        raise typer.BadParameter("give the PATH of a log, or --resume NAME.")
    if resume is not None:
        given = path or name or config or preset or seed is not None or user or item or time_column or rating
        if given or min_rating is not None or time_format or no_time:
            raise typer.BadParameter(
                "a run resumes with its own data and settings; give --runs, --overwrite, --set alone."
            )
    with _making_a_run(answer) as view:
        if path is None:
            for file in engine.changed_files(resume or "", runs_dir=runs):
                remark(
                    f"{file} has changed since this training began; it goes on with what was read then. To read it "
                    f"anew, train again: tailscope train PATH --name {quote(resume or '')} --overwrite"
                )
            run = engine.resume_run(
                resume or "", runs_dir=runs, on_progress=view, overwrite=overwrite, changes=changes or ()
            )
        else:
            run = engine.train_run(
                path, name=name, runs_dir=runs, config=settings, on_progress=view, overwrite=overwrite
            )
    _tell_if_interrupted(run)
    hint = _next_step(run.name, runs)
    cleaned = tables.cleaning_lines(run.cleaning)
    _give_evaluation(answer, run, run.evaluation, dict(run.seconds), hint, run.config, cleaned)


@app.command(rich_help_panel=MAKE)
def validate(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A log: a file or a folder.")],
    config: Config = None,
    changes: Set = None,
    user: UserColumn = None,
    item: ItemColumn = None,
    time_column: TimeColumn = None,
    rating: RatingColumn = None,
    min_rating: MinRating = None,
    time_format: TimeFormat = None,
    no_time: NoTime = False,
    json: Json = False,
) -> None:
    """Read and clean a log without training: what is kept, mended and dropped, and why."""
    answer = Answer(json)
    settings = read_settings(
        config, changes, None, user, item, time_column, rating, min_rating, None, time_format, no_time
    )
    with answer.working(), ProgressView() as view:
        dataset, report = engine.load_dataset(path, settings.data, view)
        why_not = engine.untrainable(dataset, settings.evaluation)
    document = {
        **(documents.cleaning(report, dataset) or {}),
        "usable": why_not is None,
        "why_not": why_not and str(why_not),
    }
    if why_not is not None:
        answer.give(document, *tables.cleaning_lines(report), tables.unusable(why_not))
        raise typer.Exit(1)
    hint = Text(f"Next: tailscope train {quote(str(path))}", style="dim")
    answer.give(document, *tables.cleaning_lines(report), tables.usable(dataset), hint)


@app.command(rich_help_panel=MAKE)
def evaluate(
    run: RunName, runs: RunsDir = RUNS, config: Config = None, changes: Set = None, json: Json = False
) -> None:
    """Measure a run's models again, by cohort, with its own settings or others (evaluation.head_share, …).

    The run keeps the evaluation that it was trained with.
    """
    answer = Answer(json)
    with answer.working(), ProgressView() as view:
        found = engine.load_run(run, runs_dir=runs)
        settings = _evaluation_settings(found, config, changes or [])
        began = time.perf_counter()
        evaluation = engine.evaluate_run(found, config=settings, on_progress=view)
        if evaluation.targets is not None:  # what auto came to
            settings = settings.replace({"evaluation": {"exclude_seen": evaluation.targets.seen_left_out}})
        seconds = {"train": found.seconds["train"], "evaluate": time.perf_counter() - began}
    _give_evaluation(answer, found, evaluation, seconds, _next_step(run, runs), settings)


@app.command(rich_help_panel=LOOK)
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
    """What a run recommends next: to a user of the data, or to somebody new from the events given."""
    answer = Answer(json)
    items, known = new_events(user, events, held_out), known_about(about, events)
    with answer.working():
        found = engine.load_run(run, runs_dir=runs)
        if user is None:
            given = engine.recommend_for(found, items, k=k, about=by_column(known, found))
        else:
            given = engine.recommend(found, user, k=k, view="evaluated" if held_out else "full")
    answer.give(documents.recommendations(given), *tables.recommendation_tables(given))


app.command(rich_help_panel=LOOK)(explaining.explain)
app.command(rich_help_panel=LOOK)(explaining.explain_users)
app.command(rich_help_panel=LOOK)(searching.compare)
app.command(rich_help_panel=LOOK)(diagnosing.diagnose)
app.command(rich_help_panel=LOOK)(diagnosing.report)
app.command(rich_help_panel=LOOK)(trusting.faithfulness)
app.command(rich_help_panel=MAKE)(searching.tune)
app.command(rich_help_panel=MAKE)(searching.cross_validate)


@app.command("runs", rich_help_panel=LOOK)
def list_runs(runs: RunsDir = RUNS, json: Json = False) -> None:
    """List the runs, newest first."""
    answer = Answer(json)
    with answer.working():
        found, damaged = engine.list_runs(runs), engine.damaged_runs(runs)
    empty = Text(f"No run in {runs} yet. Make one: tailscope train PATH, or tailscope demo.")
    others = [Text(f"Left out: {run.reason}", style="red") for run in damaged]
    answer.give(documents.runs(found, damaged), tables.runs_table(found) if found else empty, *others)


@app.command(rich_help_panel=LOOK)
def serve(
    runs: RunsDir = RUNS,
    port: Port = 8501,
    address: Address = "127.0.0.1",
    browser: Browser = True,
    json: Json = False,
) -> None:
    """Open the dashboard over a folder of runs; Ctrl-C ends it."""
    _serve(Answer(json), runs, port, address, browser, {})


@app.command(rich_help_panel=LOOK)
def demo(
    runs: RunsDir = RUNS,
    port: Port = 8501,
    address: Address = "127.0.0.1",
    browser: Browser = True,
    json: Json = False,
) -> None:
    """Train on the sample shop, unless that is done already, then open the dashboard."""
    answer = Answer(json)
    server_process.require_free(address, port)  # before a minute of training, not after it
    if not (runs / SAMPLE_RUN / "config.json").is_file():  # a run in sight is whole; to ask the engine would load torch
        remark(f"Training on the sample shop; the run is kept as {runs / SAMPLE_RUN}.")
        with _making_a_run(answer) as view:
            run = engine.train_run(server_process.sample_data(), name=SAMPLE_RUN, runs_dir=runs, on_progress=view)
        _tell_if_interrupted(run)
        if not answer.as_json:
            table = tables.evaluation_table(run.evaluation, run.answers, _oracle(run, run.evaluation, run.config))
            answer.give(None, table, *tables.target_remarks(run.evaluation, run.answers))
    _serve(answer, runs, port, address, browser, {"run": SAMPLE_RUN})


@app.command(rich_help_panel=HELP)
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


@app.command("config", rich_help_panel=HELP)
def show_config(config: Config = None, changes: Set = None, json: Json = False) -> None:
    """Print all settings as TOML, with their values and help: a file to start from for --config."""
    answer = Answer(json)
    settings = engine.load_config(config, changes or ())
    answer.give(documents.settings(settings), engine.describe_config(settings).rstrip())


def _evaluation_settings(run: engine.Run, config: Path | None, changes: list[str]) -> engine.RunConfig:
    """The run's own settings, with the evaluation section changed where asked."""
    for change in changes:
        if not change.strip().startswith("evaluation."):
            raise typer.BadParameter(f"--set {change}: a trained run can be measured otherwise, by evaluation.… alone.")
    asked = engine.load_config(config, changes)
    for section, fields in asked.model_dump(exclude_unset=True).items():
        held = getattr(run.config, section)
        for key, value in {} if section == "evaluation" else fields.items():
            if value != getattr(held, key):  # a file that the run was trained with may say it all again
                raise engine.ConfigError(
                    "{section}.{key} = {value!r} changes what was trained, and run {name!r} has {held!r}; it can be "
                    "measured otherwise by evaluation.… alone. Leave it out, or train anew with it.",
                    section=section,
                    key=key,
                    value=value,
                    name=run.name,
                    held=getattr(held, key),
                )
    return run.config.replace({"evaluation": asked.evaluation.model_dump(exclude_unset=True)})


@contextmanager
def _making_a_run(answer: Answer) -> Iterator[ProgressView]:
    """Progress is shown; Ctrl-C ends with a word on how to go on.

    That is Ctrl-C before training or after it: within it, the engine ends training and goes on with the rest.
    """
    try:
        with answer.working(), ProgressView() as view:
            yield view
    except KeyboardInterrupt:
        complain("Stopped before the run was whole; the same command goes on with it.")
        raise typer.Exit(130) from None


def _tell_if_interrupted(run: engine.Run) -> None:
    if run.stopped_by == "interrupted":
        epochs = "1 epoch" if run.epochs == 1 else f"{run.epochs} epochs"
        remark(f"Interrupted after {epochs}; the best weights so far, of epoch {run.best_epoch}, are kept.")


def _give_evaluation(
    answer: Answer,
    run: engine.Run,
    evaluation: engine.Evaluation,
    seconds: dict[str, float],
    hint: Text,
    config: engine.RunConfig,
    cleaned: Sequence[RenderableType] = (),
) -> None:
    """Print a run's figures; after training also what cleaning did to its log."""
    document = engine.document(run.name, run.epochs, seconds, evaluation, run.answers)
    told = {"cleaning": documents.cleaning(run.cleaning, run.dataset)} if cleaned else {}
    answer.give(
        document | told,
        *cleaned,
        tables.run_line(run, seconds),
        tables.evaluation_table(evaluation, run.answers, _oracle(run, evaluation, config)),
        *([] if (answers := tables.answers_line(run, config)) is None else [answers]),
        *tables.several_targets(evaluation, run.answers),
        *tables.target_remarks(evaluation, run.answers),
        *tables.verdict_lines(evaluation, run.answers, config),
        tables.evaluation_note(evaluation, config),
        hint,
    )


def _oracle(run: engine.Run, evaluation: engine.Evaluation, config: engine.RunConfig) -> Mapping[str, float]:
    """The ceilings that the data's generator worked out, as far as they are of what was measured.

    They were worked out by one rule on seen items, which the run is taken to follow: by another there is none.
    """
    if config.evaluation.exclude_seen != run.config.evaluation.exclude_seen:
        return {}
    return engine.oracle_figures(run.oracle, "ndcg@10", evaluation, config.evaluation)


def _next_step(name: str, runs: Path) -> Text:
    where = "" if runs == RUNS else f" --runs {quote(str(runs))}"
    return Text(f"Next: tailscope serve{where}, or tailscope recommend {name} --user ID{where}", style="dim")


def _serve(answer: Answer, runs: Path, port: int, address: str, browser: bool, more: dict[str, Any]) -> None:
    def ready(url: str) -> None:
        line = Text.assemble("Dashboard: ", (url, "bold underline"), "  (Ctrl-C ends it)")
        answer.give({"url": url, "runs": str(runs)} | more, line)
        sys.stdout.flush()

    for said in server_process.caution(address, port):
        remark(said)
    code = server_process.serve(runs, address, port, browser and not answer.as_json and sys.stdout.isatty(), ready)
    if code:
        raise typer.Exit(code)
