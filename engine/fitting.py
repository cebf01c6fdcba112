"""A split to a trained network and its figures: what a run, a search and a cross-validation all do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from engine.config import RunConfig
from engine.data.dataset import Dataset
from engine.data.splits import Split
from engine.evaluation.cohorts import Cohorts
from engine.evaluation.report import Evaluation, evaluate
from engine.model.baselines import BaselineName, make_baseline
from engine.model.checkpoint import load_checkpoint, save_checkpoint
from engine.model.features import Contents, table_content
from engine.model.training import NOTHING_KNOWN, Checkpoint, Trained, train
from engine.progress import OnProgress, Progress, ignore
from engine.recommender import Recommender, TransformerRecommender
from engine.runs import cohorts_of

CHECKPOINT_SECONDS = 5.0
"""At most this much training is done again after a kill, an epoch more or less."""


def contents_of(dataset: Dataset, config: RunConfig, on_progress: OnProgress = ignore) -> Contents:
    """What is known of items and users, so far as the settings want it read."""
    m = config.model
    if m.item_content or m.user_content:
        on_progress(Progress("read", 1.0, "reading what is known of items and users"))
    items, users = (
        table_content(table, m.text_size, config.training.seed) if wanted else None
        for table, wanted in ((dataset.item_table, m.item_content), (dataset.user_table, m.user_content))
    )
    return Contents(items, users)


def fit(
    split: Split,
    config: RunConfig,
    contents: Contents = NOTHING_KNOWN,
    on_progress: OnProgress = ignore,
    checkpoint: Path | None = None,
) -> Trained:
    """The trained network; training goes on from the checkpoint, where there is one.

    Args:
        split: what is trained on and what decides when to stop.
        config: resolved settings.
        contents: what `contents_of` gave.
        on_progress: told where training stands.
        checkpoint: a file of the same split, settings and contents, kept up to date while training goes on.

    Raises:
        TrainingError: training could not go on.
    """
    resume = load_checkpoint(checkpoint) if checkpoint is not None and checkpoint.is_file() else None
    last = time.perf_counter()

    def save(make: Callable[[], Checkpoint]) -> None:
        nonlocal last
        if checkpoint is not None and time.perf_counter() - last >= CHECKPOINT_SECONDS:
            save_checkpoint(make(), checkpoint)
            last = time.perf_counter()

    return train(split, config, on_progress, save, resume, contents)


def measure(
    transformer: TransformerRecommender,
    split: Split,
    config: RunConfig,
    on_progress: OnProgress = ignore,
    cohorts: Cohorts | None = None,
) -> Evaluation:
    """The figures of a network and of the baselines, fitted here, on the test part of a split.

    Args:
        transformer: what `fit` trained, ready to rank.
        split: the one that it was trained on.
        config: resolved settings.
        on_progress: told where the work stands.
        cohorts: head and tail; as the settings cut them when not given.
    """
    settings = config.evaluation
    names: list[BaselineName] = [
        n for n in settings.baselines if n != "ease" or split.n_items < settings.ease_max_items
    ]
    models: list[Recommender] = [transformer]
    for i, name in enumerate(names):
        on_progress(Progress("baseline", i / len(names), f"fitting {name}"))
        models.append(make_baseline(name, split, settings))
    on_progress(Progress("baseline", 1.0, "baselines fitted"))

    def tell(message: str, done: float) -> None:
        on_progress(Progress("evaluate", done, message))

    return evaluate(models, split, cohorts or cohorts_of(split, config), settings, tell)
