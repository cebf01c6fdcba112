"""Training from another run's weights, `training.start_from`: what must match, and which items are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.config import RunConfig
from engine.data.dataset import Dataset
from engine.errors import ConfigError
from engine.model.content.sentence_bert import MINILM
from engine.model.training.checkpoint import load_network
from engine.model.training.warm_start import Start
from engine.runs.contents import contents_of
from engine.runs.folder import MODEL
from engine.runs.store import Run, load_run

SHARED = ("d_model", "n_layers", "n_heads", "d_ff", "output", "temperature", "text_size", "text_model")
"""Settings that must be equal in both runs, since they determine the weights' shapes and meaning."""


def begun_like(config: RunConfig, runs_dir: Path) -> RunConfig:
    """The settings, with those of the other run where they must be equal.

    Raises:
        RunError: there is no such run.
        ConfigError: one of them has another value.
    """
    if config.training.start_from is None:
        return config
    other = load_run(config.training.start_from, runs_dir).config.model
    asked = config.model.model_dump(exclude_unset=True)
    for field in SHARED:
        wish, held = asked.get(field), getattr(other, field)
        if wish is not None and wish != held:
            raise ConfigError(
                "model.{field} = {wish!r}, but run {start_from!r}, whose weights training is to start from, has "
                "{held!r}; leave it out, or set it to that.",
                field=field,
                wish=wish,
                start_from=config.training.start_from,
                held=held,
            )
    return config.replace({"model": {field: getattr(other, field) for field in SHARED}})


def weights_read(config: RunConfig, runs_dir: Path) -> tuple[Path, ...]:
    """The weight files that a training reads besides its data: of a text model in a folder, or of another run.

    Interrupted work resumes only if they have not changed.
    """
    found: list[Path] = []
    if config.model.text_model not in (None, MINILM):
        found += sorted(Path(config.model.text_model).rglob("*.safetensors"))
    if config.training.start_from is not None:
        found.append(Path(runs_dir) / config.training.start_from / MODEL)
    return tuple(path for path in found if path.is_file())


def start_of(dataset: Dataset, config: RunConfig, runs_dir: Path) -> Start | None:
    """The weights that training starts from; None for random ones.

    Raises:
        RunError: there is no such run, or it is damaged.
    """
    if config.training.start_from is None:
        return None
    run = load_run(config.training.start_from, runs_dir)
    return Start(load_network(run.path / MODEL), contents_of(run), same_items(dataset, run))


def same_items(dataset: Dataset, run: Run) -> np.ndarray:
    """(V + 1,) int64 index of each item in the run, 0 if the run does not have it.

    Items are the same if their ids are equal, and also their titles if both have one: small numbers are common ids.
    """
    found = run.dataset.items.indices_of(dataset.items.ids, missing=0).astype(np.int64)
    for i in np.flatnonzero(found):
        mine, theirs = dataset.title(int(i) + 1), run.dataset.title(int(found[i]))
        item_id = str(dataset.items.ids[i])
        if mine != theirs and item_id not in (mine, theirs):
            found[i] = 0
    return np.concatenate([[0], found])
