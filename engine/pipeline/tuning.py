"""Tuning: Optuna proposes settings, each is trained and validated, and the best ones win.

The measure is NDCG@10 on the validation part alone. The test part is removed before the first trial, so that no trial
can use it and later figures on it are unbiased.

The study lives in an SQLite file, in a hidden folder of the runs directory named after the data, the settings and the
space. Trial n is proposed from its own seed and the trials before it, so that an interrupted search resumes as if
nothing had happened; its current trial resumes from a checkpoint.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from engine.config import RunConfig
from engine.data.cleaning import load_dataset
from engine.data.cleaning_report import CleaningReport
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.errors import ConfigError, RunError, TrainingError
from engine.model.content.tables import Contents
from engine.model.training.checkpoint import load_checkpoint
from engine.model.training.defaults import resolve
from engine.model.training.loop import Trained
from engine.pipeline.fitting import contents_of, fit
from engine.pipeline.search_space import as_written, search_space, value_of, with_settings
from engine.pipeline.train import train_run
from engine.pipeline.transfer import weights_read
from engine.progress import OnProgress, Progress, ignore
from engine.runs.folder import STUDY, contents_fingerprint, digest, write_json
from engine.runs.place import lock, require_writable, room_on_disk
from engine.runs.store import Run, split_of

RANDOM_TRIALS = 8
"""Random trials before the sampler (TPE) learns from results."""

ENOUGH_FOR_IMPORTANCES = 10

_NAME = "tailscope"

_CHECKPOINT = re.compile(r"trial-[0-9a-f]{12}(\.pretraining)?\.safetensors")


@dataclass(frozen=True)
class Trial:
    """One training with one set of settings.

    Attributes:
        number: 1 is the first, which uses the settings as given.
        state: "done"; "pruned", stopped since it lagged behind earlier ones; or "failed", for example because the loss
            became NaN.
        value: the best NDCG@10 on the validation part; None if it failed before a validation.
        settings: "section.key" -> value, of the searched settings.
        epochs: passes over the training part.
    """

    number: int
    state: Literal["done", "pruned", "failed"]
    value: float | None
    settings: dict[str, Any]
    epochs: int


@dataclass(frozen=True)
class Search:
    """The result of a search.

    Attributes:
        dataset: the dataset's name.
        protocol: how the validation part was held out.
        trials: all finished ones, in order.
        best: the one with the highest value.
        config: the given settings, with the best trial's filled in.
        importances: share of the variation between trials due to each setting, largest first; None with too few trials.
        folder: where the study is kept.
        cleaning: what cleaning did to the log.
    """

    dataset: str
    protocol: str
    trials: tuple[Trial, ...]
    best: Trial
    config: RunConfig
    importances: dict[str, float] | None
    folder: Path
    cleaning: CleaningReport | None = None


class _OutOfTime(Exception):
    """The time limit is reached; the current trial is left for the next call."""


def tune(
    path: str | Path,
    *,
    trials: int = 30,
    timeout: float | None = None,
    runs_dir: str | Path = "runs",
    config: RunConfig | None = None,
    on_progress: OnProgress = ignore,
) -> Search:
    """The settings with the best NDCG@10 on the validation part; the test part is never used.

    The same call on the same data resumes where it was interrupted, and adds trials if `trials` has grown.

    Args:
        path: a file or folder in one of the formats of `engine.data.formats.readers`.
        trials: how many in total, including earlier calls.
        timeout: seconds after which this call ends, with the trials finished by then; None: no limit.
        runs_dir: folder of the runs; created if necessary.
        config: settings; those that are set are kept, the others are searched or chosen by the size of the data.
        on_progress: called as the work proceeds.

    Raises:
        DataError: the log cannot be used.
        ConfigError: every setting of the search space is set, or the settings start from another run's weights.
        RunError: another process runs the same search, the disk is full or cannot be written to, or the files of an
            earlier call are damaged.
        TrainingError: training with the given settings fails, or no trial was finished in time.
        KeyboardInterrupt: Ctrl-C; finished trials are kept, and the current one resumes with the next call.

    >>> search = engine.tune(log, trials=1, runs_dir=folder, config=config)
    >>> [(trial.number, trial.state) for trial in search.trials], search.best.number
    ([(1, 'done')], 1)
    """
    ends = None if timeout is None else time.monotonic() + timeout
    config = config or RunConfig()
    if config.training.start_from is not None:
        raise ConfigError(
            "training.start_from ({start_from!r}) fixes the network that a search would vary; search without it.",
            start_from=config.training.start_from,
        )
    require_writable(Path(runs_dir))
    on_progress(Progress("read", 0.0, f"reading {path}"))
    dataset, cleaning = load_dataset(Path(path), config.data, on_progress)
    split = split_of(dataset, config)
    nobody = np.empty(0, dtype=np.int64)
    split = replace(split, test=Holdout(nobody, Histories.of([]), Histories.of([])))
    contents = contents_of(dataset, resolve(config, split), on_progress)
    told = config if contents.items is not None else config.replace({"model": {"item_content": False}})
    space = search_space(told, resolve(told, split), contents.items is not None)
    work = {
        "fingerprint": contents_fingerprint(dataset, weights_read(config, Path(runs_dir))),
        "config": config.model_dump(mode="json"),
        "space": {key: distribution_to_json(distribution) for key, distribution in space.items()},
        "version": version("tailscope"),
    }
    folder = Path(runs_dir) / f".tune-{digest(work)}"
    with room_on_disk(folder), lock(folder, "this search"), _study(folder) as study:
        write_json(folder / "work.json", work)
        _discard_unfinished(study)
        _forget_checkpoint_of_last(folder, study, told, split)
        while (done := len(_ended(study))) < trials and (ends is None or time.monotonic() < ends):
            try:
                _Trying(folder, study, space, split, told, contents, on_progress, (done, trials), ends).run()
            except _OutOfTime:
                break
        return replace(_found(study, config, dataset.name, split.protocol, folder, timeout), cleaning=cleaning)


def train_best(
    search: Search,
    path: str | Path,
    *,
    name: str | None = None,
    runs_dir: str | Path = "runs",
    on_progress: OnProgress = ignore,
    overwrite: bool = False,
) -> Run:
    """The run trained with the settings that a search found; its folder keeps a copy of the study.

    Args:
        search: the result of `tune`.
        path: the log of the search.
        name: the run folder's name; made from the data's name when not given.
        runs_dir: folder of the runs.
        on_progress: called as the work proceeds.
        overwrite: replace a run of that name, once the new one is complete.

    Raises:
        EngineError: as for `engine.pipeline.train.train_run`.

    >>> search = engine.tune(log, trials=1, runs_dir=folder, config=config)
    >>> engine.train_best(search, log, name="best", runs_dir=folder).name
    'best'
    """
    return train_run(
        path,
        name=name,
        runs_dir=runs_dir,
        config=search.config,
        on_progress=on_progress,
        overwrite=overwrite,
        study=search.folder / STUDY,
    )


@contextmanager
def _study(folder: Path) -> Iterator[optuna.Study]:
    """The study of a folder; SQLite holds it as rows and JSON, and nothing is unpickled.

    Raises:
        RunError: its file cannot be read or written.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _sqlite_told(folder / STUDY):
        storage = optuna.storages.RDBStorage(f"sqlite:///{(folder / STUDY).resolve()}")
        try:
            yield optuna.create_study(storage=storage, study_name=_NAME, direction="maximize", load_if_exists=True)
        finally:
            storage.remove_session()
            storage.engine.dispose()


_NO_DATABASE = ("file is not a database", "malformed", "no such table", "no such column")


@contextmanager
def _sqlite_told(file: Path) -> Iterator[None]:
    """Within this, errors of SQLite become a RunError that says how to go on.

    Raises:
        RunError: the file cannot be read or written, or is damaged.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        found = error.__cause__ if isinstance(error, StorageInternalError) else error
        reason = str(getattr(found, "orig", None) or found or error)[:300]
        if any(word in reason for word in _NO_DATABASE):
            raise RunError(
                "{file}, in which the trials of this search are kept, is damaged ({reason}); move it away, and the "
                "same command begins the search anew.",
                file=file,
                reason=reason,
            ) from error
        raise RunError(
            "{file}, in which the trials of this search are kept, cannot be written ({reason}; {free:,.1f} MB free "
            "there). Trials that were finished are kept; make room or make the folder writable, then the same command "
            "goes on where it was.",
            file=file,
            reason=reason,
            free=shutil.disk_usage(file.parent).free / 1e6,
        ) from error


def _ended(study: optuna.Study) -> list[FrozenTrial]:
    """Trials with an outcome; an interrupted one has none, and is tried again."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        or (trial.state == TrialState.FAIL and "error" in trial.user_attrs)
    ]


def _discard_unfinished(study: optuna.Study) -> None:
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _forget_checkpoint_of_last(folder: Path, study: optuna.Study, config: RunConfig, split: Split) -> None:
    """Delete the checkpoint of the last finished trial, in case a kill came just before that."""
    for trial in _ended(study)[-1:]:
        last = _checkpoint(folder, resolve(with_settings(config, as_written(trial.params)), split))
        for path in (last, last.with_suffix(".pretraining.safetensors")):
            path.unlink(missing_ok=True)


def _checkpoint(folder: Path, config: RunConfig) -> Path:
    """The checkpoint file of a trial with these settings."""
    return folder / f"trial-{digest(config.model_dump(mode='json'))}.safetensors"


class _Trying:
    """One trial; exists only inside `tune`."""

    def __init__(
        self,
        folder: Path,
        study: optuna.Study,
        space: dict[str, BaseDistribution],
        split: Split,
        config: RunConfig,
        contents: Contents,
        on_progress: OnProgress,
        place: tuple[int, int],
        ends: float | None,
    ) -> None:
        self.study, self.split, self.contents, self.on_progress, self.ends = study, split, contents, on_progress, ends
        self.done, self.of = place
        self.trial = self._ask(space, config)
        self.settings = as_written(self.trial.params)
        self.config = resolve(with_settings(config, self.settings), split)
        self.checkpoint = _checkpoint(folder, self.config)
        _remove_checkpoints(folder, but=self.checkpoint.stem)

    def _ask(self, space: dict[str, BaseDistribution], config: RunConfig) -> optuna.Trial:
        """The next trial. The proposal depends only on the seed, its number and the trials before it."""
        seed = int(np.random.SeedSequence([config.training.seed, self.done]).generate_state(1)[0])
        resolved = resolve(config, self.split)
        assert resolved.training.max_epochs
        self.study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=RANDOM_TRIALS, multivariate=True, constant_liar=False, seed=seed
        )
        self.study.pruner = optuna.pruners.MedianPruner(
            n_startup_trials=5, n_warmup_steps=resolved.training.max_epochs // 5, n_min_trials=3
        )
        waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        if self.done == 0 and not waiting:
            self.study.enqueue_trial({key: value_of(resolved, key) for key in space})
        return self.study.ask(fixed_distributions=space)

    def run(self) -> None:
        """Train, and report the outcome to the study.

        Raises:
            TrainingError: training failed with the settings as given.
            KeyboardInterrupt: training was interrupted; its checkpoint is kept.
            _OutOfTime: likewise, by the time limit.
        """
        try:
            self._report_what_was_done()
            trained = fit(self.split, self.config, self.contents, self._hear, self.checkpoint)
        except optuna.TrialPruned:
            self._end(TrialState.PRUNED)
            return
        except TrainingError as error:
            if self.done == 0:
                raise
            self.trial.set_user_attr("error", str(error))
            self._end(TrialState.FAIL)
            return
        if trained.stopped_by == "interrupted":
            raise KeyboardInterrupt
        self._end(TrialState.COMPLETE, _best_of(trained))

    def _report_what_was_done(self) -> None:
        """Validations of an interrupted trial, from its checkpoint."""
        if self.checkpoint.is_file():
            for epoch in load_checkpoint(self.checkpoint).log:
                if epoch.valid_ndcg is not None:
                    self.trial.report(epoch.valid_ndcg, epoch.epoch)

    def _hear(self, progress: Progress) -> None:
        """Forward the progress of training, and after each epoch report its validation to the pruner.

        Raises:
            TrialPruned: it lags behind.
            _OutOfTime: the time is over.
        """
        training = self.config.training
        assert training.validate_every
        ndcg = "" if progress.valid_ndcg is None else f"  validation NDCG@10 {progress.valid_ndcg:.4f}"
        message = f"{self.done + 1} of {self.of}: {progress.message}{ndcg}"
        self.on_progress(Progress("trial", (self.done + progress.done) / self.of, message))
        if (
            progress.stage != "train"
            or progress.epoch is None
            or progress.max_epochs is None
            or progress.done != progress.epoch / progress.max_epochs
        ):
            return
        last = progress.epoch == progress.max_epochs
        if progress.valid_ndcg is not None and (last or progress.epoch % training.validate_every == 0):
            self.trial.report(progress.valid_ndcg, progress.epoch)
            if not last and self.trial.should_prune():
                raise optuna.TrialPruned
        if self.ends is not None and time.monotonic() >= self.ends and not last:
            raise _OutOfTime

    def _end(self, state: TrialState, value: float | None = None) -> None:
        self.study.tell(self.trial, value, state)
        _remove_checkpoints(self.checkpoint.parent)
        self.on_progress(Progress("trial", (self.done + 1) / self.of, f"{self.done + 1} of {self.of} trials done"))


def _remove_checkpoints(folder: Path, but: str | None = None) -> None:
    """Delete the checkpoints of trials, also of pre-training, except those of one trial; other files stay."""
    for path in folder.glob("trial-*.safetensors"):
        if _CHECKPOINT.fullmatch(path.name) and (but is None or not path.name.startswith(f"{but}.")):
            path.unlink(missing_ok=True)


def _best_of(trained: Trained) -> float:
    return max((epoch.valid_ndcg for epoch in trained.log if epoch.valid_ndcg is not None), default=0.0)


def _found(
    study: optuna.Study, config: RunConfig, dataset: str, protocol: str, folder: Path, timeout: float | None
) -> Search:
    trials = tuple(_as_trial(number, held) for number, held in enumerate(_ended(study), start=1))
    done = [trial for trial in trials if trial.state == "done"]
    if not done:
        raise TrainingError(
            "No trial was finished in {timeout:g} seconds; the same command goes on with the first one, and "
            "a longer --timeout gives it more time.",
            timeout=timeout,
        )
    best = max(done, key=lambda trial: (trial.value or 0.0, -trial.number))
    return Search(dataset, protocol, trials, best, with_settings(config, best.settings), _importances(study), folder)


def _as_trial(number: int, held: FrozenTrial) -> Trial:
    states: dict[TrialState, Literal["done", "pruned"]] = {TrialState.COMPLETE: "done", TrialState.PRUNED: "pruned"}
    seen = held.intermediate_values
    value = held.value if held.state == TrialState.COMPLETE else max(seen.values(), default=None)
    return Trial(number, states.get(held.state, "failed"), value, as_written(held.params), max(seen, default=0))


def _importances(study: optuna.Study) -> dict[str, float] | None:
    """PED-ANOVA importances over the finished trials.

    Source: Watanabe, Bansal and Hutter, "PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary
    subspaces" (IJCAI 2023).
    """
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(done) < ENOUGH_FOR_IMPORTANCES or len({trial.value for trial in done}) < 2 or len(done[0].params) < 2:
        return None
    return {key: float(share) for key, share in optuna.importance.get_param_importances(study).items()}
