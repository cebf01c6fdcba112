"""`tailscope train`, `validate` and `evaluate`: from a log to a run, and a run measured again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

import engine
from dashboard.cli import json_documents as documents, tables
from dashboard.cli.options import (
    RUNS,
    Config,
    ItemColumn,
    Json,
    MinRating,
    NoTime,
    PresetName,
    RatingColumn,
    RunName,
    RunsDir,
    Set,
    TimeColumn,
    TimeFormat,
    UserColumn,
    read_settings,
)
from dashboard.cli.output import Answer, ProgressView, complain, remark


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
    with making_a_run(answer) as view:
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
    remark_if_interrupted(run)
    hint = _next_step(run.name, runs)
    cleaned = tables.cleaning_lines(run.cleaning)
    _give_evaluation(answer, run, run.evaluation, dict(run.seconds), hint, run.config, cleaned)


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
    """Read and clean a log without training: what is kept, corrected and dropped, and why."""
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
                    "measured otherwise by evaluation.… alone. Leave it out, or train with it again.",
                    section=section,
                    key=key,
                    value=value,
                    name=run.name,
                    held=getattr(held, key),
                )
    return run.config.replace({"evaluation": asked.evaluation.model_dump(exclude_unset=True)})


@contextmanager
def making_a_run(answer: Answer) -> Iterator[ProgressView]:
    """Progress is shown; Ctrl-C ends with a word on how to go on.

    That is Ctrl-C before training or after it: within it, the engine ends training and goes on with the rest.
    """
    try:
        with answer.working(), ProgressView() as view:
            yield view
    except KeyboardInterrupt:
        complain("Stopped before the run was whole; the same command goes on with it.")
        raise typer.Exit(130) from None


def remark_if_interrupted(run: engine.Run) -> None:
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
        tables.evaluation_table(evaluation, run.answers, oracle_of(run, evaluation, config)),
        *([] if (answers := tables.answers_line(run, config)) is None else [answers]),
        *tables.several_targets(evaluation, run.answers),
        *tables.target_remarks(evaluation, run.answers),
        *tables.verdict_lines(evaluation, run.answers, config),
        tables.evaluation_note(evaluation, config),
        hint,
    )


def oracle_of(run: engine.Run, evaluation: engine.Evaluation, config: engine.RunConfig) -> Mapping[str, float]:
    """The ceilings that the data's generator worked out, as far as they are of what was measured.

    They were worked out by one rule on seen items, which the run is taken to follow: by another there is none.
    """
    if config.evaluation.exclude_seen != run.config.evaluation.exclude_seen:
        return {}
    return engine.oracle_figures(run.oracle, "ndcg@10", evaluation, config.evaluation)


def _next_step(name: str, runs: Path) -> Text:
    where = "" if runs == RUNS else f" --runs {quote(str(runs))}"
    return Text(f"Next: tailscope serve{where}, or tailscope recommend {name} --user ID{where}", style="dim")
