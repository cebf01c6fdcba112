"""Running out of memory in training, reported with the settings that decide how much is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.config import RunConfig
from engine.errors import TrainingError

_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")
"""torch's words for it on its devices, in an error that is often a plain RuntimeError."""


@contextmanager
def within_memory(config: RunConfig) -> Iterator[None]:
    """Within this, running out of memory raises a TrainingError that says what to do; `config` is resolved.

    Raises:
        TrainingError: memory ran out.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _ran_out(error):
            raise
        raise TrainingError(_advice(config, error)) from error


def _ran_out(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(word in str(error).lower() for word in _WORDS)


def _advice(config: RunConfig, error: Exception) -> str:
    m, t = config.model, config.training
    assert t.batch_tokens
    width = f"training.n_negatives ({t.n_negatives})" if t.loss == "sampled" else 'training.loss ("full": all items)'
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"Memory ran out while training ({said}). A step takes training.batch_tokens ({t.batch_tokens}) times {width}, "
        f"the network takes model.d_model ({m.d_model}) times the items; "
        f"try training.batch_tokens={max(8, t.batch_tokens // 2)}."
    )
