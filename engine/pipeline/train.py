"""From a log on disk to a run folder: read, clean, split, train, evaluate, write."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from engine.config import RunConfig, parse_config
from engine.data.cleaning import load_dataset
from engine.data.oracle import read_oracle
from engine.data.splits import Split
from engine.disk import atomic_write
from engine.ensemble.storage import save_ensemble
from engine.errors import TrainingError
from engine.model.content.tables import Contents
from engine.model.network.content_storage import save_contents
from engine.model.training.checkpoint import save_network
from engine.model.training.defaults import resolve
from engine.model.training.loop import NOTHING_KNOWN, Trained, choose_device
from engine.model.training.warm_start import Start
from engine.pipeline.evaluate import document
from engine.pipeline.fitting import answering, contents_of, fit, fit_baselines, fit_ensemble, measure
from engine.pipeline.transfer import begun_like, start_of, weights_read
from engine.pipeline.unfinished import (
    allowed_changes,
    begin,
    check_free_to_resume,
    free_name,
    has_learnt,
    require_same_weights,
    same_work,
    way_on,
)
from engine.progress import OnProgress, Progress, ignore
from engine.recommender import TransformerRecommender, top_k
from engine.runs.folder import (
    CHECKPOINT,
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
    save_results,
    write_about,
)
from engine.runs.place import (
    WHOLE,
    check_free,
    is_whole,
    lock_name,
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
    """A run, trained on the log at `path`, evaluated together with its baselines and written to `runs_dir`.

    If an earlier training with the same name, data and settings was interrupted, this one resumes from its checkpoint.

    Args:
        path: a file or folder in one of the formats of `engine.data.formats.readers`.
        name: the run folder's name; made from the data's name when not given.
        runs_dir: folder of the runs; created if necessary.
        config: settings; unset ones are chosen by the size of the data.
        on_progress: called as the work proceeds.
        overwrite: replace a run of that name, once the new one is complete.
        study: the file of the search that found these settings; the run keeps a copy.

    Raises:
        DataError: the log cannot be used.
        RunError: the name is taken or invalid.
        TrainingError: training could not go on.

    >>> trained = engine.train_run(log, name="mine", runs_dir=folder, config=config)
    >>> trained.name, trained.epochs, trained.stopped_by
    ('mine', 2, 'max_epochs')
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
    name = name or free_name(dataset.name, folder, about)
    with room_on_disk(working_folder(name, folder), name), lock_name(name, folder) as working:
        settle(name, folder)
        check_free(name, folder, overwrite)
        if same_work(working, about):
            config = parse_config(read_about(working)["config"], str(working / CONFIG))
        else:
            begin(working, name, {"name": name, **about}, dataset, cleaning, overwrite)
        if study is not None:  # now, so that the run has it from the beginning
            with atomic_write(working / STUDY) as beside:
                shutil.copyfile(study, beside)
        try:
            return _finish(name, folder, split, config, on_progress, overwrite)
        except TrainingError:
            if not has_learnt(working):  # so there is nothing to keep
                remove(working)
            raise


def resume_run(
    name: str,
    runs_dir: str | Path = "runs",
    on_progress: OnProgress = ignore,
    overwrite: bool = False,
    changes: Iterable[str] = (),
) -> Run:
    """The run whose training was interrupted, now finished. A complete run is returned as it is.

    Args:
        name: of the run.
        runs_dir: folder of the runs.
        on_progress: called as the work proceeds.
        overwrite: replace a run of that name, once this one is complete.
        changes: "training.key=value" for settings that may change midway (`CHANGEABLE`), such as a smaller learning
            rate after the loss became NaN. The run also keeps the settings it started with.

    Raises:
        RunError: there is nothing to resume.
        ConfigError: another setting is changed.
        TrainingError: training could not go on.

    >>> def fail(progress):
    ...     if progress.epoch == 1:
    ...         raise OSError("no power")
    >>> try:
    ...     engine.train_run(log, name="cut-off", runs_dir=folder, config=config, on_progress=fail)
    ... except OSError:
    ...     print(engine.resume_run("cut-off", folder).epochs)
    2
    """
    folder = Path(runs_dir)
    working = working_folder(name, folder)
    changed = allowed_changes(changes)
    settle_quietly(name, folder)
    if not (working / CONFIG).is_file():
        return load_run(name, folder)
    require_writable(folder)
    with room_on_disk(working, name), lock_name(name, folder):
        check_free_to_resume(name, folder, overwrite)
        about = read_about(working)
        config = parse_config(about["config"], str(working / CONFIG))
        dataset, _ = load_data(working)
        require_same_weights(name, about, dataset, weights_read(config, folder))
        split = split_of(dataset, config)
        if changed:
            (working / WHOLE).unlink(missing_ok=True)
            config = resolve(config.replace({"training": changed}), split, dataset.item_table)
            begun = about.get("begun_with", about["config"])
            write_about(working, {**about, "config": config.model_dump(mode="json"), "begun_with": begun})
        return _finish(name, folder, split, config, on_progress, overwrite)


def _finish(name: str, folder: Path, split: Split, config: RunConfig, on_progress: OnProgress, overwrite: bool) -> Run:
    """Train (from the checkpoint, if there is one), evaluate, write and rename; the working folder must be locked."""
    working = working_folder(name, folder)
    if is_whole(working):  # killed, or refused its name, after everything was written
        return _put_in_place(name, folder, on_progress, overwrite)
    dataset, _ = load_data(working)
    begun = start_of(dataset, config, folder)
    contents = contents_of(dataset, config, on_progress, begun.contents if begun else NOTHING_KNOWN)
    trained = _train(working, name, split, config, contents, on_progress, begun)
    recommender = TransformerRecommender(trained.network, candidates_of(split, config, trained.network))
    start = time.perf_counter()
    fitted = fit_baselines(split, config, on_progress)
    blending = time.perf_counter()
    ensemble = fit_ensemble(recommender, fitted, split, config, on_progress)
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
    return _put_in_place(name, folder, on_progress, overwrite)


def _put_in_place(name: str, folder: Path, on_progress: OnProgress, overwrite: bool) -> Run:
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
            raise TrainingError("{reason}{way}", reason=error.message, way=way_on(working, name)) from error
