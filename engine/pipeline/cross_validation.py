"""Cross-validation: figures over several splits of one log, by folds of new users or by windows in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from engine.config import RunConfig
from engine.data.cleaning import load_dataset
from engine.data.cleaning_report import CleaningReport
from engine.data.dataset import Dataset
from engine.data.repeats import resolve_exclude_seen
from engine.data.splits import Split, user_folds, windows_in_time
from engine.errors import ConfigError, RunError
from engine.evaluation.cohorts import Cohorts
from engine.evaluation.report import CohortReport, ModelReport
from engine.model.content.tables import Contents
from engine.model.training.defaults import resolve
from engine.pipeline.fitting import contents_of, fit, fit_baselines, fit_ensemble, measure
from engine.pipeline.transfer import weights_read
from engine.progress import OnProgress, Progress, ignore
from engine.recommender import TransformerRecommender
from engine.runs.folder import contents_fingerprint, digest, read_json, write_json
from engine.runs.place import lock, require_writable, room_on_disk
from engine.runs.store import candidates_of, cohorts_of

By = Literal["users", "time"]

COHORTS = ("all", "head", "tail", "head_items", "tail_items")
"""All test users; head and tail users; test users whose (first) target is a head or a tail item."""

_TRAINING_SHARE = 0.9  # share of a fold's progress


@dataclass(frozen=True)
class Spread:
    """A figure over folds.

    Attributes:
        mean: over the folds that have it, with equal weights.
        sd: standard deviation over these folds, with divisor n - 1; None for one fold. Folds share training data, so it
            shows how much figures vary, but is not a standard error of the mean.
        low, high: smallest and largest.
        folds: each fold's figure; None where the cohort was empty or the figure undefined.
    """

    mean: float
    sd: float | None
    low: float
    high: float
    folds: tuple[float | None, ...]


@dataclass(frozen=True)
class CrossValidation:
    """The result of a cross-validation.

    Attributes:
        by: "users" or "time".
        protocol: how each fold's targets were held out.
        dataset: the dataset's name.
        sizes: test users of every cohort, one number per fold; see `COHORTS`.
        cuts: by time, when each fold's test part begins, in seconds since 1970 UTC; empty by users.
        seconds: each fold's time in training the network.
        epochs: each fold's passes over its training part.
        models: model -> cohort -> metric -> its figures; a cohort that was empty in every fold is left out.
        folder: where the folds are kept.
        cleaning: what cleaning did to the log.
    """

    by: By
    protocol: str
    dataset: str
    sizes: dict[str, tuple[int, ...]]
    cuts: tuple[int, ...]
    seconds: tuple[float, ...]
    epochs: tuple[int, ...]
    models: dict[str, dict[str, dict[str, Spread]]]
    folder: Path
    cleaning: CleaningReport | None = None


def cross_validate(
    path: str | Path,
    *,
    folds: int = 5,
    by: By = "users",
    runs_dir: str | Path = "runs",
    config: RunConfig | None = None,
    on_progress: OnProgress = ignore,
) -> CrossValidation:
    """The figures of the network, its ensemble and its baselines over several splits, each trained separately.

    By users: everybody is kept out of the training of one fold and measured there as a new user
    (`engine.data.splits.user_folds`). By time: each fold trains on what came before its window and is tested on that
    window (`engine.data.splits.windows_in_time`); `evaluation.test_share` is the width of a window.

    Every finished fold is kept in a hidden folder of `runs_dir`, so that the same call on the same data resumes where
    it was interrupted, by Ctrl-C or by a kill.

    Args:
        path: a file or folder in one of the formats of `engine.data.formats.readers`.
        folds: how many, two or more.
        by: how the log is split.
        runs_dir: folder of the runs; created if necessary.
        config: settings; unset ones are chosen by the size of each fold's training part.
        on_progress: called as the work proceeds.

    Raises:
        ConfigError: the settings start from another run's weights.
        DataError: the log cannot be used, or cannot be split into so many folds.
        RunError: another process works on the same folds, or the disk is full or cannot be written to.
        TrainingError: training could not go on.
        KeyboardInterrupt: Ctrl-C; the fold in hand is not finished, the others are kept.

    >>> found = engine.cross_validate(log, folds=2, runs_dir=folder, config=config)
    >>> found.by, sorted(found.models), sorted(found.models["transformer"])
    ('users', ['ease', 'itemknn', 'popularity', 'transformer'], ['all', 'head', 'head_items', 'tail',
     'tail_items'])
    >>> figure = found.models["transformer"]["all"]["ndcg@10"]
    >>> abs(sum(figure.folds) / 2 - figure.mean) < 1e-9
    True
    """
    config = config or RunConfig()
    if config.training.start_from is not None:
        raise ConfigError(
            "training.start_from ({start_from!r}) would bring weights that may have learnt from what a fold "
            "holds out; cross-validate without it.",
            start_from=config.training.start_from,
        )
    require_writable(Path(runs_dir))
    on_progress(Progress("read", 0.0, f"reading {path}"))
    dataset, cleaning = load_dataset(Path(path), config.data, on_progress)
    splits = _splits(dataset, folds, by, config)
    config = resolve_exclude_seen(config, splits)  # one answer for all folds, so that their figures are comparable
    work = {
        "fingerprint": contents_fingerprint(dataset, weights_read(config, Path(runs_dir))),
        "by": by,
        "folds": folds,
        "config": config.model_dump(mode="json"),
        "version": version("tailscope"),
    }
    folder = Path(runs_dir) / f".cross-validation-{digest(work)}"
    with room_on_disk(folder), lock(folder, "these folds"):
        if not (folder / "work.json").is_file():
            write_json(folder / "work.json", work)
        done: list[dict[str, Any]] = []
        contents: list[Contents] = []
        for number, split in enumerate(splits, start=1):
            file = folder / f"fold-{number}.json"
            if (held := _held(file)) is None:
                settings = resolve(config, split, dataset.item_table)
                if not contents:
                    contents.append(contents_of(dataset, settings, on_progress))
                report = _within(on_progress, number, folds)
                held = _fold(dataset, split, settings, contents[0], report, file.with_suffix(".safetensors"))
                write_json(file, held)
            file.with_suffix(".safetensors").unlink(missing_ok=True)  # here too, since a kill may have come earlier
            done.append(held)
            on_progress(Progress("fold", number / folds, f"{number} of {folds} folds done"))
    return replace(_summary(by, dataset, splits, done, folder), cleaning=cleaning)


def _splits(dataset: Dataset, folds: int, by: By, config: RunConfig) -> tuple[Split, ...]:
    if by == "time":
        return windows_in_time(dataset, config.evaluation.test_share, folds)
    return user_folds(dataset, folds, config.training.seed)


def _held(file: Path) -> dict[str, Any] | None:
    """A finished fold; None if it cannot be read, so that it is computed again."""
    try:
        held = read_json(file)
    except RunError:
        return None
    return held if held.keys() >= {"seconds", "epochs", "models"} else None


def _fold(
    dataset: Dataset,
    split: Split,
    config: RunConfig,
    contents: Contents,
    on_progress: OnProgress,
    checkpoint: Path,
) -> dict[str, Any]:
    """One fold, trained and measured, as plain values.

    Raises:
        KeyboardInterrupt: training was interrupted. Half a training, which a run would keep, is not a figure of a fold.
    """
    trained = fit(split, config, contents, on_progress, checkpoint)
    if trained.stopped_by == "interrupted":
        raise KeyboardInterrupt
    recommender = TransformerRecommender(trained.network, candidates_of(split, config, trained.network))
    fitted = fit_baselines(split, config, on_progress)
    ensemble = fit_ensemble(recommender, fitted, split, config, on_progress)
    evaluation = measure(recommender, split, config, on_progress, ensemble, fitted, _cohorts(split, config), dataset)
    return {"seconds": trained.seconds, "epochs": len(trained.log), "models": evaluation.to_dict()}


def _cohorts(split: Split, config: RunConfig) -> Cohorts:
    """Head and tail, cut on the training part; users kept out of it are head if their history is as long."""
    cohorts = cohorts_of(split, config)
    lengths = split.train.lengths.copy()
    new = lengths[split.test.users] == 0
    lengths[split.test.users[new]] = split.test.histories.lengths[new]
    return replace(cohorts, user_is_head=lengths >= cohorts.user_cut)


def _within(on_progress: OnProgress, number: int, folds: int) -> OnProgress:
    """A callback that turns the progress of one fold into that of all folds."""
    starts = {"train": (0.0, _TRAINING_SHARE), "baseline": (_TRAINING_SHARE, 0.0), "evaluate": (_TRAINING_SHARE, 0.1)}

    def report(progress: Progress) -> None:
        start, share = starts.get(progress.stage, (0.0, 0.0))
        done = (number - 1 + start + share * progress.done) / folds
        ndcg = "" if progress.valid_ndcg is None else f"  validation NDCG@10 {progress.valid_ndcg:.4f}"
        on_progress(Progress("fold", min(done, number / folds), f"{number} of {folds}: {progress.message}{ndcg}"))

    return report


def _summary(
    by: By, dataset: Dataset, splits: Sequence[Split], done: Sequence[dict[str, Any]], folder: Path
) -> CrossValidation:
    reports = [{name: ModelReport.from_dict(held) for name, held in fold["models"].items()} for fold in done]
    names = [name for name in reports[0] if all(name in fold for fold in reports)]
    parts = {name: [_parts(fold[name]) for fold in reports] for name in names}
    first = parts[names[0]]
    models: dict[str, dict[str, dict[str, Spread]]] = {}
    for name, folds in parts.items():
        models[name] = {}
        for cohort in COHORTS:
            metrics = dict.fromkeys(metric for fold in folds for metric in fold[cohort].metrics)
            if metrics:
                models[name][cohort] = {metric: _spread(cohort, metric, folds) for metric in metrics}
    return CrossValidation(
        by,
        splits[0].protocol,
        dataset.name,
        {cohort: tuple(fold[cohort].n for fold in first) for cohort in COHORTS},
        tuple(split.cuts[1] for split in splits if split.cuts is not None),
        tuple(fold["seconds"] for fold in done),
        tuple(fold["epochs"] for fold in done),
        models,
        folder,
    )


def _parts(report: ModelReport) -> dict[str, CohortReport]:
    items = {f"{side}_items": part for side, part in report.items.items()}
    return {"all": report.overall, **report.users, **items}


def _spread(cohort: str, metric: str, folds: Sequence[dict[str, CohortReport]]) -> Spread:
    held = [fold[cohort].metrics.get(metric) for fold in folds]
    values = tuple(None if estimate is None else estimate.value for estimate in held)
    there = np.array([value for value in values if value is not None])
    sd = float(there.std(ddof=1)) if len(there) > 1 else None
    return Spread(float(there.mean()), sd, float(there.min()), float(there.max()), values)
