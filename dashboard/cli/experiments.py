"""Commands over several trainings: `compare`, `cross-validate`, `tune`. `dashboard.cli.main` gives them their names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

import engine
from dashboard.cli import json_documents as documents, tables
from dashboard.cli.options import (
    RUNS,
    Config,
    FoldsBy,
    ItemColumn,
    Json,
    Log,
    MinRating,
    NoTime,
    PresetName,
    RatingColumn,
    RunsDir,
    Seed,
    Set,
    TimeColumn,
    TimeFormat,
    UserColumn,
    read_settings,
)
from dashboard.cli.output import Answer, ProgressView, complain, duration, figure, remark
from dashboard.cli.streams import check_output, write_output

if TYPE_CHECKING:
    from engine import CrossValidation, Search, Spread


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


def cross_validate(
    path: Log,
    folds: Annotated[int, typer.Option(min=2, metavar="NUMBER", help="How many.")] = 5,
    by: Annotated[
        FoldsBy, typer.Option(help="users: each is new to the model once. time: windows, trained on what came before.")
    ] = FoldsBy.USERS,
    metric: Annotated[str, typer.Option(metavar="NAME", help="What the tables show; --json gives all.")] = "ndcg@10",
    runs: RunsDir = RUNS,
    config: Config = None,
    changes: Set = None,
    preset: PresetName = None,
    seed: Seed = None,
    user: UserColumn = None,
    item: ItemColumn = None,
    time_column: TimeColumn = None,
    rating: RatingColumn = None,
    min_rating: MinRating = None,
    time_format: TimeFormat = None,
    no_time: NoTime = False,
    json: Json = False,
) -> None:
    """Train and measure over several splits of a log: every figure's mean, spread, and value in each fold.

    Finished folds are kept in a hidden folder of --runs: the same command goes on where it was cut off.
    """
    answer = Answer(json)
    settings = read_settings(
        config, changes, seed, user, item, time_column, rating, min_rating, preset, time_format, no_time
    )
    metric = metric.lower()
    known = [f"{name}@{k}" for k in settings.evaluation.ks for name in METRICS]
    if metric not in known:
        raise typer.BadParameter(f"--metric {metric} is not measured; there are {', '.join(known)}.")
    with _going_on(answer, "the folds that are done") as view:
        found = engine.cross_validate(
            path, folds=folds, by=by.value, runs_dir=runs, config=settings, on_progress=view
        )  # fmt: skip
    told = tables.cleaning_lines(found.cleaning)
    answer.give(documents.cross_validation(found), *told, *_fold_tables(found, metric))


def tune(
    path: Log,
    trials: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="How many in all, earlier calls included.")] = 30,
    timeout: Annotated[
        float | None, typer.Option(min=1, metavar="SECONDS", help="End after this long, with what is found by then.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the best settings there as TOML.")] = None,
    train: Annotated[bool, typer.Option("--train", help="Train a run with the best settings.")] = False,
    name: Annotated[str | None, typer.Option(help="With --train: its name; default: the data's name.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="With --train: replace a run of that name.")] = False,
    runs: RunsDir = RUNS,
    config: Config = None,
    changes: Set = None,
    preset: PresetName = None,
    seed: Seed = None,
    user: UserColumn = None,
    item: ItemColumn = None,
    time_column: TimeColumn = None,
    rating: RatingColumn = None,
    min_rating: MinRating = None,
    time_format: TimeFormat = None,
    no_time: NoTime = False,
    json: Json = False,
) -> None:
    """Search settings by NDCG@10 on the validation part; the test part is never asked. Prints the best as TOML.

    Settings given by --set or --config stay as they are. The study is kept in a hidden folder of --runs: the same
    command goes on where it was cut off, and a larger --trials adds to it.
    """
    answer = Answer(json)
    if (name or overwrite) and not train:
        raise typer.BadParameter("--name and --overwrite belong to a run: add --train.")
    if name:  # before hours of search, not after them
        try:
            engine.check_free(name, runs, overwrite)
        except engine.EngineError as error:
            raise typer.BadParameter(str(error)) from None
    if output is not None:
        check_output("--output", output, _holds_settings, "file of settings", overwrite=True)
    settings = read_settings(
        config, changes, seed, user, item, time_column, rating, min_rating, preset, time_format, no_time
    )
    run = None
    with _going_on(answer, "the trials that are done") as view:
        found = engine.tune(
            path, trials=trials, timeout=timeout, runs_dir=runs, config=settings, on_progress=view
        )  # fmt: skip
        text = engine.describe_config(found.config)
        if output is not None:
            write_output(output, text)
        if train:
            run = engine.train_best(
                found, path, name=name, runs_dir=runs, on_progress=view, overwrite=overwrite
            )  # fmt: skip
    if output is not None:
        remark(f"The best settings are in {output}: tailscope train {quote(str(path))} --config {quote(str(output))}")
    lines = [*tables.cleaning_lines(found.cleaning), *_search_lines(found)]
    if run is not None:
        lines += [tables.run_line(run, run.seconds), tables.evaluation_table(run.evaluation, run.answers)]
        lines += [] if (answers := tables.answers_line(run)) is None else [answers]
        lines += [*tables.several_targets(run.evaluation, run.answers)]
        lines += [tables.evaluation_note(run.evaluation, run.config)]
    answer.give(documents.search(found, run.name if run else None), *lines, *([] if output else [text.rstrip()]))


def _holds_settings(path: Path) -> bool:
    """Whether a file is one of settings, as this command writes them."""
    try:
        engine.load_config(path)
    except (engine.EngineError, ValueError):
        return False
    return True


METRICS = ("ndcg", "hr", "mrr", "map", "precision", "recall", "f1")

SHOWN_TRIALS = 6
"""Trials in the table; --json gives all."""


@contextmanager
def _going_on(answer: Answer, kept: str) -> Iterator[ProgressView]:
    """Progress is shown; Ctrl-C ends with a word on what is kept."""
    try:
        with answer.working(), ProgressView() as view:
            yield view
    except KeyboardInterrupt:
        complain(f"Stopped; {kept} are kept, and the same command goes on.")
        raise typer.Exit(130) from None


def _fold_tables(given: CrossValidation, metric: str) -> list[Table | Text]:
    """Models by cohort with mean, spread and range; then every fold's figure."""
    name = tables.metric_name(metric)
    cohorts = [cohort for cohort in ("all", "head", "tail") if any(cohort in held for held in given.models.values())]
    columns = [f"{name}\n{cohort} users, n = {sum(given.sizes[cohort]):,}" for cohort in cohorts]
    spreads = tables.table("model", *columns, right=columns)
    for model, held in given.models.items():
        cells = [_spread(held.get(cohort, {}).get(metric)) for cohort in cohorts]
        style = "bold" if model == "transformer" else ""
        spreads.add_row(tables.MODEL_NAMES.get(model, model), *cells, style=style)
    models = [tables.MODEL_NAMES.get(model, model) for model in given.models]
    numbers = ["fold", "users", "epochs", "trained in", *models]
    folds = tables.table(*numbers, *(["tested from"] if given.cuts else []), right=numbers)
    for at, epochs in enumerate(given.epochs):
        figures = [figure(held["all"][metric].folds[at]) for held in given.models.values()]
        lead = [str(at + 1), f"{given.sizes['all'][at]:,}", str(epochs), duration(given.seconds[at])]
        when = [documents.time_text(given.cuts[at])[:10]] if given.cuts else []
        folds.add_row(*lead, *figures, *when)
    how = {
        "users": "By users: each fold's users are new to the model, and their last item is sought",
        "time": "By time: each fold is trained on what came before its window, and tested on that window",
    }[given.by]
    note = (
        f"{how}. Full ranking. Mean ± standard deviation over {len(given.epochs)} folds, and their range; folds share "
        f"training data, so this is no standard error. Kept in {given.folder}."
    )
    return [spreads, Text(f"{name} of all users, fold by fold", style="bold"), folds, Text(note, style="dim")]


def _spread(given: Spread | None) -> str:
    if given is None:
        return "–"
    spread = "" if given.sd is None else f" ± {figure(given.sd)}"
    return f"{figure(given.mean)}{spread} ({figure(given.low)}–{figure(given.high)})"


def _search_lines(given: Search) -> list[Table | Text]:
    """The best trials, best first, and what the differences between trials come from."""
    done = [trial for trial in given.trials if trial.state == "done"]
    shown = sorted(done, key=lambda trial: (-(trial.value or 0.0), trial.number))[:SHOWN_TRIALS]
    names = [f"trial {trial.number}" for trial in shown]
    best = tables.table("best first", *names, right=names)
    best.add_row("validation NDCG@10", *(figure(trial.value) for trial in shown), style="bold")
    best.add_row("epochs", *(str(trial.epochs) for trial in shown))
    for key in given.best.settings:
        best.add_row(key, *(str(trial.settings[key]) for trial in shown))
    counts = {state: sum(trial.state == state for trial in given.trials) for state in ("done", "pruned", "failed")}
    note = (
        f"{len(given.trials)} trials: {counts['done']} done, {counts['pruned']} pruned, {counts['failed']} failed. "
        f"The first has the settings as they stand ({figure(given.trials[0].value)}). Validation by {given.protocol}; "
        f"the test part was not asked. Kept in {given.folder}."
    )
    out: list[Table | Text] = [best, Text(note, style="dim")]
    if given.importances is not None:
        weights = tables.table("setting", "importance", right=["importance"])
        for key, share in given.importances.items():
            weights.add_row(key, f"{share:.0%}")
        out += [weights, Text("Importance: share of the differences between trials (PED-ANOVA).", style="dim")]
    return out
