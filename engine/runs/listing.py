"""The runs of a folder, as a list: what is whole, what is damaged, and what to say of a name that is neither."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import EngineError, Message, RunError
from engine.evaluation.report import Estimate
from engine.recommender import Answering
from engine.runs.documents import Interval, RunLine, parse
from engine.runs.folder import (
    CONFIG,
    DAMAGE,
    METRICS,
    MODEL,
    PER_USER,
    RUN_NAME,
    VOCABULARY,
    read_about,
    read_json,
    require_file,
)
from engine.runs.place import settle_all, working_folder


@dataclass(frozen=True)
class RunSummary:
    """A row in a list of runs.

    Attributes:
        name: the folder's name.
        path: the folder.
        created: when training began, ISO text in UTC.
        dataset: the dataset's name.
        n_users, n_items, n_interactions: its size.
        epochs: passes over the training part.
        train_seconds: time in training alone.
        ndcg10: NDCG@10 over all users of the model that answers, if measured.
    """

    name: str
    path: Path
    created: str
    dataset: str
    n_users: int
    n_items: int
    n_interactions: int
    epochs: int
    train_seconds: float
    ndcg10: Estimate | None


@dataclass(frozen=True)
class DamagedRun:
    """A run folder that cannot be read.

    Attributes:
        name: the folder's name.
        path: the folder.
        reason: why not; its template and values can be translated.
    """

    name: str
    path: Path
    reason: Message


def list_runs(runs_dir: str | Path = "runs") -> tuple[RunSummary, ...]:
    """The complete runs in a folder, newest first; other folders and damaged runs are left out.

    Raises:
        RunError: the folder cannot be read.

    >>> [(found.name, found.n_users, found.epochs) for found in engine.list_runs(runs)]
    [('tiny', 120, 2)]
    """
    found = [entry for entry in _look_through(Path(runs_dir)) if isinstance(entry, RunSummary)]
    return tuple(sorted(found, key=lambda run: run.created, reverse=True))


def damaged_runs(runs_dir: str | Path = "runs") -> tuple[DamagedRun, ...]:
    """The runs in a folder that are damaged or of another version, by name.

    Raises:
        RunError: the folder cannot be read.

    >>> (folder / "broken").mkdir()
    >>> _ = (folder / "broken" / "config.json").write_text("{")
    >>> [found.name for found in engine.damaged_runs(folder)]
    ['broken']
    """
    return tuple(entry for entry in _look_through(Path(runs_dir)) if isinstance(entry, DamagedRun))


def _look_through(folder: Path) -> list[RunSummary | DamagedRun]:
    """All folders that look like runs, sorted by name; one that disappears meanwhile is skipped."""
    settle_all(folder)
    try:
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise RunError(
            "{folder} cannot be read ({reason}).", folder=folder, reason=error.strerror or str(error)
        ) from None
    found: list[RunSummary | DamagedRun] = []
    for path in paths:
        if RUN_NAME.fullmatch(path.name) and os.path.lexists(path / CONFIG):
            try:
                found.append(run_summary(path))
            except RunError as error:
                if path.is_dir():
                    found.append(DamagedRun(path.name, path, error.message))
    return found


def run_summary(path: Path) -> RunSummary:
    """The line of a run folder.

    Raises:
        RunError: it is damaged.
    """
    about = read_about(path)
    try:
        for name in (MODEL, VOCABULARY, PER_USER):
            require_file(path / name)
        metrics = read_json(path / METRICS)
        overall = metrics["models"].get(answering_model(metrics), {}).get("overall", {})
        ndcg = None
        if "ndcg@10" in overall:
            ndcg = Estimate(**parse(Interval, overall["ndcg@10"], METRICS).model_dump())
        line = parse(RunLine, about, CONFIG)
        return RunSummary(
            path.name,
            path,
            line.created,
            line.dataset,
            line.size.users,
            line.size.items,
            line.size.interactions,
            line.epochs,
            line.seconds["train"],
            ndcg,
        )
    except DAMAGE as error:
        raise damaged(path.name, path, error) from error


def answering_model(metrics: dict[str, Any]) -> Answering:
    """Which model answers; runs older than ensembles do not say."""
    return "ensemble" if metrics.get("answers") == "ensemble" else "transformer"


def damaged(name: str, path: Path, error: BaseException) -> RunError:
    if isinstance(error, RunError) and str(error).startswith("Run "):
        return error
    reason = error.message if isinstance(error, EngineError) else (str(error) or type(error).__name__)[:300]
    return RunError(
        "Run {name!r} in {path} is damaged ({reason}); train it again under another name.",
        name=name,
        path=path,
        reason=reason,
    )


def no_such_run(name: str, folder: Path) -> RunError:
    names = [run.name for run in list_runs(folder)]
    working = working_folder(name, folder)
    known = Message("there are {names}", {"names": ", ".join(names[:8])})
    if not names:
        known = Message("there is none yet; `tailscope train PATH` makes one")
    given = {"name": name, "folder": folder, "known": known}
    if (working / CONFIG).is_file():
        return RunError(
            "No run called {name!r} in {folder}; {known}. Its training has not ended: "
            "`tailscope train --resume {name}` goes on with it.",
            **given,
        )
    if working.is_dir():
        return RunError(
            "No run called {name!r} in {folder}; {known}. Its training was cut off before it had learnt anything, so "
            "there is nothing to resume: `tailscope train PATH --name {name}` begins again.",
            **given,
        )
    return RunError("No run called {name!r} in {folder}; {known}.", **given)
