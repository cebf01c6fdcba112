"""From a split to a trained network and its figures, as in a run, a search and a cross-validation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.config import RunConfig
from engine.data.dataset import Dataset
from engine.data.splits import Split
from engine.ensemble.ensemble import Ensemble
from engine.ensemble.learning import learn_weights
from engine.evaluation.cohorts import Cohorts
from engine.evaluation.metrics.item_facts import item_facts
from engine.evaluation.report import Evaluation, evaluate
from engine.model.baselines import EASE, BaselineName, ItemKNN, Popularity, make_baseline
from engine.model.content.tables import Contents, table_content
from engine.model.training.checkpoint import load_checkpoint, save_checkpoint
from engine.model.training.loop import NOTHING_KNOWN, Checkpoint, Trained, train
from engine.model.training.warm_start import Start, first_stage
from engine.progress import OnProgress, Progress, ignore
from engine.recommender import Recommender, TransformerRecommender
from engine.runs.store import cohorts_of

Baselines = dict[BaselineName, Popularity | ItemKNN | EASE]
"""Fitted once, whether they are measured, used in the ensemble, or both."""

CHECKPOINT_SECONDS = 5.0
"""At most about this much training is repeated after a kill, plus or minus an epoch."""


def contents_of(
    dataset: Dataset, config: RunConfig, on_progress: OnProgress = ignore, like: Contents = NOTHING_KNOWN
) -> Contents:
    """The content of items and users, as far as the settings use it; text in the spaces of `like`, if given."""
    m = config.model
    if m.item_content or m.user_content:
        on_progress(Progress("read", 1.0, "reading what is known of items and users"))
    items, users = (
        table_content(table, m.text_size, config.training.seed, then and then.text, m.text_model) if wanted else None
        for table, wanted, then in (
            (dataset.item_table, m.item_content, like.items),
            (dataset.user_table, m.user_content, like.users),
        )
    )
    return Contents(items, users)


def fit(
    split: Split,
    config: RunConfig,
    contents: Contents = NOTHING_KNOWN,
    on_progress: OnProgress = ignore,
    checkpoint: Path | None = None,
    start: Start | None = None,
) -> Trained:
    """The trained network, pre-trained first where the settings say so.

    Training resumes from the checkpoint, if there is one.

    Args:
        split: its training part is trained on, its validation part decides when to stop.
        config: resolved settings.
        contents: what `contents_of` gave.
        on_progress: called as training proceeds.
        checkpoint: a file of the same split, settings and contents, kept up to date while training goes on.
        start: weights of another run to start from.

    Raises:
        TrainingError: training could not go on.
        KeyboardInterrupt: pre-training was interrupted, so there is no usable network yet.
    """
    stage = None if checkpoint is None else checkpoint.with_suffix(".pretraining.safetensors")
    if config.training.pretrain_epochs and (checkpoint is None or not checkpoint.is_file()):
        start = _pretrain(split, config, contents, on_progress, stage, start)
    trained = _train(split, config, contents, on_progress, checkpoint, start)
    if stage is not None:
        stage.unlink(missing_ok=True)
    return trained


def _pretrain(
    split: Split,
    config: RunConfig,
    contents: Contents,
    on_progress: OnProgress,
    checkpoint: Path | None,
    start: Start | None,
) -> Start:
    def report(progress: Progress) -> None:
        on_progress(replace(progress, stage="pretrain"))

    trained = _train(split, first_stage(config), contents, report, checkpoint, start, keep_last=True)
    if trained.stopped_by == "interrupted":
        raise KeyboardInterrupt
    return Start(trained.network, contents, np.arange(split.n_items + 1), trained.seconds)


def _train(
    split: Split,
    config: RunConfig,
    contents: Contents,
    on_progress: OnProgress,
    checkpoint: Path | None,
    start: Start | None,
    keep_last: bool = False,
) -> Trained:
    """Train one stage; with `keep_last` its last epoch is saved too, in case the next stage fails immediately."""
    resume = load_checkpoint(checkpoint) if checkpoint is not None and checkpoint.is_file() else None
    last = time.perf_counter()
    done = 0 if resume is None else len(resume.log)

    def save(make: Callable[[], Checkpoint]) -> None:
        nonlocal last, done
        done += 1
        due = time.perf_counter() - last >= CHECKPOINT_SECONDS or (keep_last and done == config.training.max_epochs)
        if checkpoint is not None and due:
            save_checkpoint(make(), checkpoint)
            last = time.perf_counter()

    return train(split, config, on_progress, save, resume, contents, start)


def fit_baselines(split: Split, config: RunConfig, on_progress: OnProgress = ignore) -> Baselines:
    """The baselines to measure and the other members of the ensemble, fitted on the training part."""
    fitted: Baselines = {}
    measured, members = _measured(split, config), _members(split, config)
    names: list[BaselineName] = [*measured, *(name for name in members if name not in measured)]
    for i, name in enumerate(names):
        on_progress(Progress("baseline", i / len(names), f"fitting {name}"))
        fitted[name] = make_baseline(name, split, config.evaluation)
    on_progress(Progress("baseline", 1.0, "baselines fitted"))
    return fitted


def fit_ensemble(
    transformer: TransformerRecommender,
    fitted: Baselines,
    split: Split,
    config: RunConfig,
    on_progress: OnProgress = ignore,
) -> Ensemble | None:
    """The ensemble of the settings, its weights learnt on validation; None if there is to be none.

    Args:
        transformer: the trained network.
        fitted: what `fit_baselines` gave.
        split: of both.
        config: resolved settings.
        on_progress: called as the work proceeds.
    """
    models = [fitted[name] for name in _members(split, config)]
    parts = [model.strongest() for model in models if not isinstance(model, Popularity)]
    if not parts:
        return None
    on_progress(Progress("baseline", 1.0, "learning how much each member of the ensemble counts"))
    return learn_weights(transformer, parts, split, config)


def answering(transformer: TransformerRecommender, ensemble: Ensemble | None) -> TransformerRecommender | Ensemble:
    """The ensemble if it beats the Transformer on validation, else the Transformer; no test figure enters."""
    return ensemble if ensemble is not None and ensemble.weights.beats_transformer else transformer


def measure(
    transformer: TransformerRecommender,
    split: Split,
    config: RunConfig,
    on_progress: OnProgress = ignore,
    ensemble: Ensemble | None = None,
    fitted: Baselines | None = None,
    cohorts: Cohorts | None = None,
    dataset: Dataset | None = None,
) -> Evaluation:
    """The figures of a network, of its ensemble if it has one, and of the baselines on the test part of a split.

    Args:
        transformer: the trained network.
        split: its test part is used.
        config: resolved settings.
        on_progress: called as the work proceeds.
        ensemble: what `fit_ensemble` gave.
        fitted: what `fit_baselines` gave; baselines are fitted here where they are not given.
        cohorts: head and tail; according to the settings when not given.
        dataset: what was split, for the categories of its items; lists are judged without them when not given.
    """
    if fitted is None:
        fitted = fit_baselines(split, config.replace({"model": {"ensemble": ()}}), on_progress)
    trained: list[Recommender] = [transformer] if ensemble is None else [transformer, ensemble]
    models = [*trained, *(fitted[name] for name in _measured(split, config))]

    def report(message: str, done: float) -> None:
        on_progress(Progress("evaluate", done, message))

    cohorts = cohorts or cohorts_of(split, config)
    return evaluate(models, split, cohorts, config.evaluation, report, item_facts(dataset, split, cohorts))


def _measured(split: Split, config: RunConfig) -> list[BaselineName]:
    """The baselines to measure; without EASE for a catalogue that is too large for it."""
    return [n for n in config.evaluation.baselines if n != "ease" or split.n_items < config.evaluation.ease_max_items]


def _members(split: Split, config: RunConfig) -> list[BaselineName]:
    """The other members of the ensemble; without EASE likewise."""
    return [n for n in config.model.ensemble if n != "ease" or split.n_items < config.evaluation.ease_max_items]
