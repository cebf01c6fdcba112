"""What is read back is checked on the way in, and what a later version adds is passed over."""

from __future__ import annotations

import math
from typing import Any

import pytest

import engine
from engine.runs.documents import RunLine, parse

LINE = {
    "created": "2026-01-02T03:04:05+00:00",
    "dataset": "shop",
    "size": {"users": 1, "items": 2, "interactions": 3},
    "epochs": 4,
    "seconds": {"train": 5},
}


def test_a_sound_line_is_read_whatever_else_stands_there() -> None:
    line = parse(RunLine, {**LINE, "later": [1]}, "config.json")
    assert (line.size.items, line.seconds["train"]) == (2, 5.0)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"size": {**LINE["size"], "users": True}}, "size.users"),  # a Boolean is no count
        ({"size": {**LINE["size"], "items": 2.0}}, "size.items"),
        ({"epochs": -1}, "epochs"),
        ({"epochs": 2**53}, "epochs"),
        ({"seconds": {"train": math.inf}}, "seconds.train"),
        ({"seconds": {"train": "5"}}, "seconds.train"),
        ({"seconds": {}}, "seconds"),
        ({"created": "yesterday"}, "created"),
        ({"dataset": None}, "dataset"),
    ],
)
def test_what_breaks_a_rule_is_named_with_its_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(engine.RunError, match=rf"^config\.json: {place} = "):
        parse(RunLine, {**LINE, **change}, "config.json")


@pytest.mark.parametrize("missing", LINE)
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(engine.RunError, match=f"{missing} = .*required"):
        parse(RunLine, {key: value for key, value in LINE.items() if key != missing}, "config.json")
