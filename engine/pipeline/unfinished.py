"""An interrupted training: whether its work can be resumed, by whom, and how."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.config import load_config
from engine.data.cleaning_report import CleaningReport
from engine.data.dataset import Dataset
from engine.errors import ConfigError, Message, RunError
from engine.model.training.checkpoint import load_checkpoint
from engine.runs.folder import (
    CHECKPOINT,
    CHECKPOINTS,
    CONFIG,
    contents_fingerprint,
    files_at,
    load_data,
    read_about,
    save_data,
    write_about,
)
from engine.runs.place import (
    check_free,
    empty,
    interrupted_replacements,
    is_whole,
    make_folder,
    working_folder,
)

CHANGEABLE = (
    "device", "max_epochs", "max_seconds", "patience", "batch_tokens", "n_negatives", "learning_rate", "clip_norm",
    "precision", "compile",
)  # fmt: skip
"""Settings of `training` that may change in a resumed run: how long, how fast and on which device to train."""


def require_same_weights(name: str, about: dict[str, Any], dataset: Dataset, weights: tuple[Path, ...]) -> None:
    """Return if the weights that a training reads besides its data are those it started with.

    Raises:
        RunError: they have changed.
    """
    if weights and "contents" in about and about["contents"] != contents_fingerprint(dataset, weights):
        raise RunError(
            "{paths} changed since training {name!r} was cut off, so it would go on with other weights than it began "
            "with. Put them back, or train anew under another --name.",
            paths=", ".join(str(path) for path in weights),
            name=name,
        )


def check_free_to_resume(name: str, folder: Path, overwrite: bool) -> None:
    """Return if the finished training may take its place.

    Raises:
        RunError: something is there that must not be replaced.
    """
    try:
        check_free(name, folder, overwrite)
    except RunError as error:
        raise RunError(
            "{reason} The training that was cut off waits in {folder}: `tailscope train --resume {name} --overwrite` "
            "goes on with it and puts it in the place of a run.",
            reason=error.message,
            folder=working_folder(name, folder),
            name=name,
        ) from None


def allowed_changes(changes: Iterable[str]) -> dict[str, Any]:
    """The fields of `training` that the changes set."""
    given = load_config(None, changes).model_dump(exclude_unset=True)
    for section, fields in given.items():
        for key in fields:
            if section != "training" or key not in CHANGEABLE:
                raise ConfigError(
                    "{section}.{key} cannot change in the middle of a training; training.… can for {changeable}. "
                    "Train with it again under another --name.",
                    section=section,
                    key=key,
                    changeable=", ".join(CHANGEABLE),
                )
    return given.get("training", {})


def way_on(working: Path, name: str) -> Message | str:
    """How to resume from the checkpoint, if there is one."""
    if (working / CHECKPOINT).is_file():
        done = len(load_checkpoint(working / CHECKPOINT).log)
        return Message(
            " All up to epoch {done} is kept: `tailscope train --resume {name} --set training.KEY=VALUE` goes on with "
            "the setting changed; training.max_epochs={done} among them ends it there, with the best weights so far.",
            {"done": done, "name": name},
        )
    if has_learnt(working):
        return Message(
            " The pre-training is kept: `tailscope train --resume {name} --set training.KEY=VALUE` goes on from it "
            "with the setting changed.",
            {"name": name},
        )
    return ""


def free_name(wish: str, folder: Path, about: dict[str, Any]) -> str:
    """The data's name as a run name, with a number if it is taken by a run or by another training's work."""
    base = "".join(c if c.isalnum() or c in "._-" else "-" for c in wish).strip("-._")[:60] or "run"
    number = 1
    while not _may_take(name := base if number == 1 else f"{base}-{number}", folder, about):
        number += 1
    return name


def _may_take(name: str, folder: Path, about: dict[str, Any]) -> bool:
    working = working_folder(name, folder)
    if os.path.lexists(folder / name) or name in interrupted_replacements(folder):
        return False
    return not os.path.lexists(working) or same_work(working, about) or not has_learnt(working)


def has_learnt(working: Path) -> bool:
    """Whether there is anything that a training could resume from."""
    return is_whole(working) or any((working / name).is_file() for name in CHECKPOINTS)


def same_work(working: Path, about: dict[str, Any]) -> bool:
    """Whether the working folder holds an unfinished training of the same data with the same settings."""
    try:
        held = read_about(working)
    except RunError:
        return False
    begun = held.get("begun_with", held.get("config"))
    if held.get("fingerprint") != about["fingerprint"] or begun != about["config"]:
        return False
    return _contents(working, held) == about["contents"]


def _contents(working: Path, held: dict[str, Any]) -> str | None:
    """The fingerprint of what an interrupted training had read; computed from its data for older versions."""
    if "contents" in held:
        return held["contents"]
    try:
        return contents_fingerprint(load_data(working)[0])
    except RunError:
        return None


def changed_files(name: str, runs_dir: str | Path = "runs") -> tuple[str, ...]:
    """Files that were read for an interrupted training and have changed since.

    `resume_run` continues with what was read from them then.

    >>> import shutil
    >>> shop = Path(shutil.copytree(log, folder / "shop"))
    >>> def fail(progress):
    ...     if progress.epoch == 1:
    ...         raise OSError("no power")
    >>> try:
    ...     engine.train_run(shop, name="cut-off", runs_dir=folder, config=config, on_progress=fail)
    ... except OSError:
    ...     _ = (shop / "users.csv").write_text("user_id,region\\nu000,North\\n")
    >>> [Path(file).name for file in engine.changed_files("cut-off", folder)]
    ['users.csv']
    """
    working = working_folder(name, Path(runs_dir))
    if not (working / CONFIG).is_file():
        return ()
    held = read_about(working)
    if not isinstance(then := held.get("files"), dict):
        return ()
    return tuple(file for file, found in then.items() if Path(file).is_dir() or files_at(Path(file)).get(file) != found)


def begin(working: Path, name: str, about: dict[str, Any], dataset: Dataset, cleaning: CleaningReport, anew: bool):
    """Recreate the working folder; another training's work is deleted only if it had learnt nothing, or with `anew`.

    Raises:
        RunError: it had learnt something, or the folder holds something that is not ours.
    """
    if has_learnt(working) and not anew:
        raise RunError(
            "A training called {name!r} with other data or settings was cut off and waits in {folder}: "
            "`tailscope train --resume {name}` goes on with it. To begin anew choose another --name, or pass "
            "--overwrite, which deletes that work.",
            name=name,
            folder=working,
        )
    empty(working)
    make_folder(working)
    save_data(working, dataset, cleaning)
    write_about(working, about)
