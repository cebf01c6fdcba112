"""What the browser may say of a sheet with buttons, and what a sheet is as plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from dashboard.elements.sheet import read_press
from dashboard.ui.blocks import Badge, Block, Button, Chips, Heading, Row, Rows, plain

ROWS = (
    Row("Tent", acts=(Button("up", "Up", "up", off=True), Button("remove", "Remove", "cross"))),
    Row(
        "Stove",
        (("new", "violet"),),
        mark=Badge("3"),
        acts=(Button("up", "Up", "up"), Button("remove", "Remove", "cross")),
    ),
)
BLOCKS: tuple[tuple[Block, ...], ...] = (
    (Heading("Things"), Rows("things", ROWS, "Things")),
    (Chips("found", (Button("pick", "Lamp"), Button("pick", "Rope", off=True)), "Found"),),
)


@pytest.mark.parametrize(
    ("listed", "act", "row"),
    [("things", "remove", 0), ("things", "up", 1), ("things", "remove", 1), ("found", "pick", 0)],
)
def test_a_press_of_a_button_that_is_there_is_read(listed: str, act: str, row: int) -> None:
    press = {"list": listed, "act": act, "row": row, "stamp": "s"}
    assert read_press(press, BLOCKS, "s") == (listed, act, row)


@pytest.mark.parametrize(
    "press",
    [
        None,
        "remove",
        {},
        {"list": "things", "act": "up", "row": 0, "stamp": "s"},  # that button is off
        {"list": "found", "act": "pick", "row": 1, "stamp": "s"},  # so is that
        {"list": "things", "act": "remove", "row": 2, "stamp": "s"},
        {"list": "found", "act": "pick", "row": 2, "stamp": "s"},
        {"list": "things", "act": "remove", "row": -1, "stamp": "s"},
        {"list": "found", "act": "pick", "row": -1, "stamp": "s"},
        {"list": "things", "act": "remove", "row": 1.0, "stamp": "s"},
        {"list": "things", "act": "remove", "row": "1", "stamp": "s"},
        {"list": "things", "act": "remove", "row": 1, "stamp": "of other rows"},
        {"list": "things", "act": "remove", "row": 1},
        {"list": "others", "act": "remove", "row": 1, "stamp": "s"},
        {"list": ["things"], "act": "remove", "row": 1, "stamp": "s"},
        {"act": "remove", "row": 1, "stamp": "s"},
        {"list": "things", "act": ["remove"], "row": 1, "stamp": "s"},
    ],
)
def test_whatever_else_is_sent_is_nothing(press: Any) -> None:
    assert read_press(press, BLOCKS, "s") is None


def test_a_block_as_plain_values_is_what_the_standard_library_gives() -> None:
    for column in BLOCKS:
        for block in column:
            assert plain(block) == _listed(asdict(block))


def _listed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _listed(part) for key, part in value.items()}
    return [_listed(part) for part in value] if isinstance(value, tuple | list) else value
