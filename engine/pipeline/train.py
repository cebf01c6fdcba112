"""From a log on disk to a run folder: read, clean, split, train, evaluate, write."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine.config import RunConfig, load_config, parse_config
from engine.data.cleaning import load_dataset
from engine.data.cleaning_report import CleaningReport
from engine.data.dataset import Dataset
from engine.data.oracle import read_oracle
from engine.data.splits import Split
from engine.disk import whole
from engine.ensemble.storage import save_ensemble
from engine.errors import ConfigError, Message, RunError, TrainingError
from engine.evaluation.report import Evaluation
from engine.model.content.tables import Contents
from engine.model.network.content_storage import save_contents
from engine.model.training.checkpoint import load_checkpoint, save_network
from engine.model.training.defaults import resolve
from engine.model.training.loop import NOTHING_KNOWN, Trained, choose_device
from engine.model.training.warm_start import Start
from engine.pipeline.fitting import answering, blend, contents_of, fit, fit_baselines, measure
from engine.pipeline.transfer import begun_like, start_of, weights_read
from engine.progress import OnProgress, Progress, ignore
from engine.recommender import Answering, TransformerRecommender, top_k
from engine.runs.folder import (
    CHECKPOINT,
    CHECKPOINTS,
    CONFIG,
    CONTENTS,
    ENSEMBLE,
    MODEL,
    PROGRESS,
    STUDY,
    as_rows,
    contents_fingerprint,
    file_digest,
    files_at,
    fingerprint,
    load_data,
    read_about,
    save_data,
    save_results,
    write_about,
)
from engine.runs.place import (
    WHOLE,
    check_free,
    empty,
    interrupted_replacements,
    is_whole,
    lock_name,
    make_folder,
    put_in_place,
    remove,
    require_writable,
    room_on_disk,
    settle,
    settle_all,
    settle_quietly,
    working_folder,
)
from engine.runs.store import Run, candidates_of, load_run, split_of

CHANGEABLE = (
    "device", "max_epochs", "max_seconds", "patience", "batch_tokens", "n_negatives", "learning_rate", "clip_norm",
    "precision", "compile",
)  # fmt: skip
"""Settings of `training` that a resumed run may be given anew: how far and how large its steps go, and where."""

FIXED = ("protocol", "test_share", "new_items")
"""Settings of `evaluation` that decide what was trained on, so that a trained run cannot be measured by others."""

_PACKAGES = ("tailscope", "torch", "numpy", "pandas", "scikit-learn", "shap")


def train_run(
    path: str | Path,
    *,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    config: RunConfig | None = None,
    on_progress: OnProgress = ignore,
    overwrite: bool = False,
    study: Path | None = None,
) -> Run:
    """A whole run, trained on the log at `path`, evaluated beside its baselines and written to `runs_dir`.

    If an earlier training of the same name, data and settings was cut off, this one goes on from its checkpoint.

    Args:
        path: a file or folder in one of the formats of `engine.data.formats.readers`.
        name: the run folder's name; made from the data's name when not given.
        runs_dir: where runs live; made if need be.
        config: settings; unset ones are chosen by the data's size.
        on_progress: told where the work stands.
        overwrite: replace a run of that name, once the new one is whole.
        study: the file of a search that found these settings; the run keeps a copy.

    Raises:
        DataError: the log cannot be used.
        RunError: the name is taken or cannot be one.
        TrainingError: training could not go on.
    """
    config = config or RunConfig()
    folder = Path(runs_dir)
    require_writable(folder)
    settle_all(folder)
    if name is not None:
        check_free(name, folder, overwrite)
    on_progress(Progress("read", 0.0, f"reading {path}"))
    dataset, cleaning = load_dataset(Path(path), config.data, on_progress)
    oracle = read_oracle(Path(path))
    split = split_of(dataset, config)
    config = resolve(begun_like(config, folder), split, dataset.item_table)
    choose_device(config.training.device)
    about = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "dataset": dataset.name,
        "source": str(path),
        "fingerprint": fingerprint(dataset, times=split.cuts is not None),
        "contents": contents_fingerprint(dataset, weights_read(config, folder)),
        "files": files_at(Path(path).resolve()),
        "size": {"users": dataset.n_users, "items": dataset.n_items, "interactions": dataset.n_interactions},
        "config": config.model_dump(mode="json"),
        "versions": {package: version(package) for package in _PACKAGES},
        "oracle": oracle,
    }
    name = name or _free_name(dataset.name, folder, about)
    with room_on_disk(working_folder(name, folder), name), lock_name(name, folder) as working:
        settle(name, folder)
        check_free(name, folder, overwrite)
        if _same_work(working, about):
            config = parse_config(read_about(working)["config"], str(working / CONFIG))
        else:
            _begin(working, name, {"name": name, **about}, dataset, cleaning, overwrite)
        if study is not None:  # now, so that the run has it from the moment when it stands in its place
            with whole(working / STUDY) as beside:
                shutil.copyfile(study, beside)
        try:
            return _finish(name, folder, split, config, on_progress, overwrite)
        except TrainingError:
            if not _has_learnt(working):  # so there is nothing to keep
                remove(working)
            raise


def resume_run(
    name: str,
    runs_dir: str | Path = "runs",
    on_progress: OnProgress = ignore,
    overwrite: bool = False,
    changes: Iterable[str] = (),
) -> Run:
    """The run whose training was cut off, finished. A run that is whole already is returned as it is.

    Args:
        name: of the run.
        runs_dir: where runs live.
        on_progress: told where the work stands.
        overwrite: replace a run of that name, once this one is whole.
        changes: "training.key=value" for what may change on the way (`CHANGEABLE`), such as a smaller step where the
            loss had become no number. The run keeps what it was begun with as well.

    Raises:
        RunError: there is nothing to go on with.
        ConfigError: a change is not one of those.
        TrainingError: training could not go on.
    """
    folder = Path(runs_dir)
    working = working_folder(name, folder)
    changed = _allowed(changes)
    settle_quietly(name, folder)
    if not (working / CONFIG).is_file():
        return load_run(name, folder)
    require_writable(folder)
    with room_on_disk(working, name), lock_name(name, folder):
        _check_free_to_resume(name, folder, overwrite)
        about = read_about(working)
        config = parse_config(about["config"], str(working / CONFIG))
        dataset, _ = load_data(working)
        _require_same_weights(name, about, dataset, weights_read(config, folder))
        split = split_of(dataset, config)
        if changed:
            (working / WHOLE).unlink(missing_ok=True)
            config = resolve(config.replace({"training": changed}), split, dataset.item_table)
            begun = about.get("begun_with", about["config"])
            write_about(working, {**about, "config": config.model_dump(mode="json"), "begun_with": begun})
        return _finish(name, folder, split, config, on_progress, overwrite)


def _require_same_weights(name: str, about: dict[str, Any], dataset: Dataset, weights: tuple[Path, ...]) -> None:
    """Return if the weights that a training reads beside its data are those that it began with.

    Raises:
        RunError: they are others.
    """
    if weights and "contents" in about and about["contents"] != contents_fingerprint(dataset, weights):
        raise RunError(
            "{paths} changed since training {name!r} was cut off, so it would go on with other weights than it began "
            "with. Put them back, or train anew under another --name.",
            paths=", ".join(str(path) for path in weights),
            name=name,
        )


def _check_free_to_resume(name: str, folder: Path, overwrite: bool) -> None:
    """Return if the training may end in its place.

    Raises:
        RunError: something is there, which may not be replaced.
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


def _allowed(changes: Iterable[str]) -> dict[str, Any]:
    """The fields of `training` that changes set."""
    given = load_config(None, changes).model_dump(exclude_unset=True)
    for section, fields in given.items():
        for key in fields:
            if section != "training" or key not in CHANGEABLE:
                raise ConfigError(
                    "{section}.{key} cannot change in the middle of a training; training.… can for {changeable}. "
                    "Train anew with it under another --name.",
                    section=section,
                    key=key,
                    changeable=", ".join(CHANGEABLE),
                )
    return given.get("training", {})


def evaluate_run(run: Run, config: RunConfig | None = None, on_progress: OnProgress = ignore) -> Evaluation:
    """The run's figures measured again, its baselines fitted anew; the run folder is left alone.

    Args:
        run: a whole run.
        config: settings whose `evaluation` section counts; the run's own when not given.
        on_progress: told where the work stands.

    Raises:
        ConfigError: one of them was fixed when the run was trained, and is another now.
    """
    for key in FIXED:
        now, then = (getattr(c.evaluation, key) for c in (config or run.config, run.config))
        if now != then:
            raise ConfigError(
                "evaluation.{key} = {now!r} cannot be measured on run {name!r}, which was trained with {then!r}: it "
                "decides what training may see. Leave it out, or train anew with it: `tailscope train PATH --set "
                "evaluation.{key}={now} --name ANOTHER`.",
                key=key,
                now=now,
                then=then,
                name=run.name,
            )
    config = (config or run.config).replace({"model": run.config.model.model_dump()})
    return measure(run.recommender, run.split, config, on_progress, run.ensemble, dataset=run.dataset)


def document(
    name: str, epochs: int, seconds: dict[str, float], evaluation: Evaluation, answers: Answering
) -> dict[str, Any]:
    """The JSON document of `train --json` and `evaluate --json`, which is also metrics.json."""
    return {
        "run": name,
        "epochs": epochs,
        "seconds": seconds,
        "protocol": evaluation.protocol,
        "answers": answers,
        "models": evaluation.to_dict(),
        "targets": None if evaluation.targets is None else evaluation.targets.to_dict(),
    }


def _finish(name: str, folder: Path, split: Split, config: RunConfig, on_progress: OnProgress, overwrite: bool) -> Run:
    """Train (from the checkpoint, if there is one), evaluate, write and rename in; the working folder is locked."""
    working = working_folder(name, folder)
    if is_whole(working):  # killed, or refused its name, when all was written
        return _placed(name, folder, on_progress, overwrite)
    dataset, _ = load_data(working)
    begun = start_of(dataset, config, folder)
    contents = contents_of(dataset, config, on_progress, begun.contents if begun else NOTHING_KNOWN)
    trained = _train(working, name, split, config, contents, on_progress, begun)
    recommender = TransformerRecommender(trained.network, candidates_of(split, config, trained.network))
    start = time.perf_counter()
    fitted = fit_baselines(split, config, on_progress)
    blending = time.perf_counter()
    ensemble = blend(recommender, fitted, split, config, on_progress)
    blended = time.perf_counter()
    evaluation = measure(recommender, split, config, on_progress, ensemble, fitted, dataset=dataset)
    seconds = {"train": trained.seconds, "evaluate": time.perf_counter() - start - (blended - blending)}
    if ensemble is not None:
        seconds["ensemble"] = blended - blending
    on_progress(Progress("write", 0.0, "writing the run"))
    save_network(trained.network, working / MODEL)
    save_contents(contents, working / CONTENTS)
    if ensemble is not None:
        save_ensemble(ensemble, working / ENSEMBLE)
    answers = answering(recommender, ensemble)
    lists = top_k(answers, split.test.histories, max(config.evaluation.ks), config.evaluation.seen_left_out)
    metrics = document(name, len(trained.log), seconds, evaluation, answers.name)
    save_results(working, dataset, evaluation, metrics, lists)
    write_about(
        working,
        {
            **read_about(working),
            "epochs": len(trained.log),
            "best_epoch": trained.best_epoch,
            "stopped_by": trained.stopped_by,
            "seconds": seconds,
            "device": str(choose_device(config.training.device)),
            "history": as_rows(trained.log),
            "weights": file_digest(working / MODEL),
        },
    )
    return _placed(name, folder, on_progress, overwrite)


def _placed(name: str, folder: Path, on_progress: OnProgress, overwrite: bool) -> Run:
    put_in_place(working_folder(name, folder), name, folder, overwrite)
    on_progress(Progress("write", 1.0, f"wrote {folder / name}"))
    return load_run(name, folder)


def _train(
    working: Path,
    name: str,
    split: Split,
    config: RunConfig,
    contents: Contents,
    on_progress: OnProgress,
    start: Start | None,
) -> Trained:
    with (working / PROGRESS).open("a", encoding="utf-8") as file:

        def report(progress: Progress) -> None:
            if progress.stage in ("pretrain", "train"):
                line = {k: v for k, v in vars(progress).items() if v is not None}
                file.write(json.dumps(line) + "\n")
                file.flush()
            on_progress(progress)

        try:
            return fit(split, config, contents, report, working / CHECKPOINT, start)
        except TrainingError as error:
            raise TrainingError("{reason}{way}", reason=error.message, way=_way_on(working, name)) from error


def _way_on(working: Path, name: str) -> Message:
    """How to go on from the checkpoint, if there is one."""
    if (working / CHECKPOINT).is_file():
        done = len(load_checkpoint(working / CHECKPOINT).log)
        return Message(
            " All up to epoch {done} is kept: `tailscope train --resume {name} --set training.KEY=VALUE` goes on with "
            "the setting changed; training.max_epochs={done} among them ends it there, with the best weights so far.",
            {"done": done, "name": name},
        )
    if _has_learnt(working):
        return Message(
            " The pre-training is kept: `tailscope train --resume {name} --set training.KEY=VALUE` goes on from it "
            "with the setting changed.",
            {"name": name},
        )
    return Message("")


def _free_name(wish: str, folder: Path, about: dict[str, Any]) -> str:
    """The data's name as a run name, with a number where it is taken: by a run, or by another training's work."""
    base = "".join(c if c.isalnum() or c in "._-" else "-" for c in wish).strip("-._")[:60] or "run"
    number = 1
    while not _may_take(name := base if number == 1 else f"{base}-{number}", folder, about):
        number += 1
    return name


def _may_take(name: str, folder: Path, about: dict[str, Any]) -> bool:
    working = working_folder(name, folder)
    if os.path.lexists(folder / name) or name in interrupted_replacements(folder):
        return False
    return not os.path.lexists(working) or _same_work(working, about) or not _has_learnt(working)


def _has_learnt(working: Path) -> bool:
    """Whether there is anything that a training could go on from."""
    return is_whole(working) or any((working / name).is_file() for name in CHECKPOINTS)


def _same_work(working: Path, about: dict[str, Any]) -> bool:
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
    """What a training that was cut off had read; one begun by an older version is asked by its data."""
    if "contents" in held:
        return held["contents"]
    try:
        return contents_fingerprint(load_data(working)[0])
    except RunError:
        return None


def changed_files(name: str, runs_dir: str | Path = "runs") -> tuple[str, ...]:
    """Files that were read for a training that was cut off, and are no longer as they were.

    `resume_run` goes on with what was read from them then.
    """
    working = working_folder(name, Path(runs_dir))
    if not (working / CONFIG).is_file():
        return ()
    held = read_about(working)
    if not isinstance(then := held.get("files"), dict):
        return ()
    return tuple(file for file, found in then.items() if Path(file).is_dir() or files_at(Path(file)).get(file) != found)


def _begin(working: Path, name: str, about: dict[str, Any], dataset: Dataset, cleaning: CleaningReport, anew: bool):
    """Make the working folder anew; what another training left there goes only where it had learnt nothing, or `anew`.

    Raises:
        RunError: it had, or the folder holds what is not ours.
    """
    if _has_learnt(working) and not anew:
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
