"""The learning rate schedule: a warm-up from zero, then constant or falling."""

from __future__ import annotations

import math

from engine.config import TrainingConfig


def step_size(settings: TrainingConfig, step: float, steps: int) -> float:
    """The learning rate of a step, between 0 and `learning_rate`.

    Linear warm-up, then as `schedule` says: constant; along half a cosine wave (Loshchilov and Hutter 2017, SGDR,
    equation 5, without restarts); along a line. The last two reach `final_share` of the peak after `steps` steps.

    Args:
        settings: resolved.
        step: steps done before this one.
        steps: all steps of a training without early stopping.
    """
    assert settings.learning_rate
    peak = settings.learning_rate
    warm = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    if settings.schedule == "constant":
        return peak * warm
    done = min(1.0, max(0.0, step - settings.warmup_steps) / max(1, steps - settings.warmup_steps))
    left = 1 - done if settings.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return peak * warm * (settings.final_share + (1 - settings.final_share) * left)
