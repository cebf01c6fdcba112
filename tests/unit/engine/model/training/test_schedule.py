"""The step size rises, then stays or falls to its end, whatever the schedule."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from engine.config import RunConfig, TrainingConfig
from engine.model.training.schedule import step_size


def settings(schedule: str, warmup: int, final: float = 0.1) -> TrainingConfig:
    values = {"schedule": schedule, "warmup_steps": warmup, "final_share": final, "learning_rate": 0.02}
    return RunConfig().replace({"training": values}).training


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_the_warm_up_is_a_line_to_the_peak(schedule: str) -> None:
    sizes = [step_size(settings(schedule, 4), step, 100) for step in range(5)]
    assert sizes == pytest.approx([0.005, 0.01, 0.015, 0.02, 0.02])


def test_a_constant_stays_at_the_peak_to_the_end() -> None:
    assert {step_size(settings("constant", 4), step, 100) for step in range(3, 101)} == {0.02}


@pytest.mark.parametrize(("schedule", "half_way"), [("cosine", 0.55), ("linear", 0.55)])
def test_a_fall_ends_at_its_share_by_way_of_the_middle(schedule: str, half_way: float) -> None:
    given = settings(schedule, 10)
    assert step_size(given, 10, 110) == pytest.approx(0.02)
    assert step_size(given, 60, 110) == pytest.approx(0.02 * half_way)
    assert step_size(given, 110, 110) == pytest.approx(0.002)
    assert step_size(given, 500, 110) == pytest.approx(0.002)  # a resumed training may have been lengthened


def test_a_cosine_leaves_the_peak_slowly_and_a_line_does_not() -> None:
    cosine, line = (step_size(settings(schedule, 0, 0.0), 25, 100) for schedule in ("cosine", "linear"))
    assert (cosine, line) == pytest.approx((0.02 * (1 + math.cos(math.pi / 4)) / 2, 0.015))


@given(
    schedule=st.sampled_from(["constant", "cosine", "linear"]),
    warmup=st.integers(0, 30),
    final=st.floats(0, 1),
    steps=st.integers(1, 60),
)
def test_it_rises_at_first_and_never_after_and_keeps_to_its_bounds(
    schedule: str, warmup: int, final: float, steps: int
) -> None:
    sizes = [step_size(settings(schedule, warmup, final), step, steps) for step in range(steps)]
    assert all(0 < size <= 0.02 or (final == 0 and size >= 0) for size in sizes)
    top = min(warmup, steps - 1)
    assert sizes[: top + 1] == sorted(sizes[: top + 1])
    assert sizes[top:] == sorted(sizes[top:], reverse=True)
