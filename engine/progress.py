"""What long work reports while it runs: one small value, handed to a callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["read", "pretrain", "train", "baseline", "evaluate", "write", "fold", "trial", "explain"]


@dataclass(frozen=True)
class Progress:
    """Where long work stands.

    Attributes:
        stage: which part of the work.
        done: share of that stage, between 0 and 1.
        message: a short line for a person.
        epoch: epochs finished; None outside training.
        max_epochs: epochs at most.
        loss: mean training loss of the last epoch.
        valid_ndcg: NDCG@10 at the last validation, between 0 and 1; None before the first.
        seconds: since training began.
        remaining: seconds until the last epoch, if training does not stop early.

    >>> engine.Progress("train", 0.5, "epoch 5 of 10", epoch=5, max_epochs=10).done
    0.5
    """

    stage: Stage
    done: float
    message: str
    epoch: int | None = None
    max_epochs: int | None = None
    loss: float | None = None
    valid_ndcg: float | None = None
    seconds: float | None = None
    remaining: float | None = None


OnProgress = Callable[[Progress], None]


def ignore(_: Progress) -> None:
    """The callback that does nothing."""
