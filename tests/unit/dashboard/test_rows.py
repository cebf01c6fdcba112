"""What the browser may say of a list with buttons."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.elements.rows import Act, Row, read_press

ROWS = (
    Row("Tent", acts=(Act("up", "Up", "up", off=True), Act("remove", "Remove", "cross"))),
    Row("Stove", acts=(Act("up", "Up", "up"), Act("remove", "Remove", "cross"))),
)


@pytest.mark.parametrize(("act", "row"), [("remove", 0), ("up", 1), ("remove", 1)])
def test_a_press_of_a_button_that_is_there_is_read(act: str, row: int) -> None:
    assert read_press({"act": act, "row": row, "stamp": "s"}, ROWS, "s") == (act, row)


@pytest.mark.parametrize(
    "press",
    [
        None,
        "remove",
        {},
        {"act": "up", "row": 0, "stamp": "s"},  # that button is off
        {"act": "remove", "row": 2, "stamp": "s"},
        {"act": "remove", "row": -1, "stamp": "s"},
        {"act": "remove", "row": 1.0, "stamp": "s"},
        {"act": "remove", "row": "1", "stamp": "s"},
        {"act": "remove", "row": 1, "stamp": "of other rows"},
        {"act": "remove", "row": 1},
        {"act": ["remove"], "row": 1, "stamp": "s"},
    ],
)
def test_whatever_else_is_sent_is_nothing(press: Any) -> None:
    assert read_press(press, ROWS, "s") is None
