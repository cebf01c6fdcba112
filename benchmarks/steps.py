"""How long a training step takes over a catalogue of any size, on whatever device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from benchmarks.synthetic import MEAN_LENGTH, history_lengths
from engine.config import RunConfig
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.model.training.batching import count_batches, windows
from engine.model.training.defaults import resolve
from engine.model.training.loop import Checkpoint, train

WARM_UP = 1


def split_over(n_items: int, n_interactions: int, seed: int = 0) -> Split:
    """A training part of geometric histories of uniform items, with nothing held out."""
    rng = np.random.default_rng(seed)
    lengths = history_lengths(n_interactions, rng)
    items = rng.integers(1, n_items + 1, n_interactions, dtype=np.int32)
    nobody = Holdout(np.empty(0, dtype=np.int64), Histories.of([]), Histories.of([]))
    candidates = np.arange(n_items + 1) > 0
    return Split(
        "leave-last-out", Histories(np.concatenate([[0], np.cumsum(lengths)]), items), nobody, nobody, candidates
    )


def settings(split: Split, loss: str, device: str = "cpu", precision: str = "float32") -> RunConfig:
    """The defaults of a short-history log, with a loss, a device and a precision of one's choice."""
    return resolve(RunConfig().replace({"training": {"loss": loss, "device": device, "precision": precision}}), split)


def seconds_a_step(
    n_items: int,
    loss: str,
    steps: int,
    epochs: int = 2,
    device: str = "cpu",
    precision: str = "float32",
) -> float:
    """The median over epochs of their seconds, divided by their steps; an epoch before them warms up.

    Args:
        n_items: size of the catalogue.
        loss: "full" or "sampled".
        steps: about how many an epoch holds.
        epochs: how many are timed.
        device: where to train.
        precision: "float32" or "bfloat16".
    """
    tokens = settings(split_over(1, 100), loss).training.batch_tokens or 0
    split = split_over(n_items, int(steps * tokens * MEAN_LENGTH / (MEAN_LENGTH - 1)))
    config = settings(split, loss, device, precision)
    ends: list[float] = []

    def note(_: Callable[[], Checkpoint]) -> None:
        ends.append(time.perf_counter())
        if len(ends) == WARM_UP + epochs:
            raise KeyboardInterrupt  # ends training before its last epoch, which would validate

    train(split, config.replace({"training": {"validate_every": 10**6}}), save=note)
    taken = np.diff(ends[WARM_UP - 1 :]).tolist()
    return statistics.median(taken) / count_batches(windows(split.train, config.model.max_len or 0), tokens)
