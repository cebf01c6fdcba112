"""What the browser is given to draw of a sheet, and what it sends when something on one is pressed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from streamlit.testing.v1 import AppTest


def _protos(app: AppTest) -> dict[str, Any]:
    return {str(e.proto.id).rsplit("-", 1)[-1]: e.proto for e in app.get("bidi_component")}


def blocks(app: AppTest, kind: str, key: str | None = None) -> Iterator[dict[str, Any]]:
    """All blocks of a kind, from the sheet with that key or from all of them."""
    for name, proto in _protos(app).items():
        if key in (None, name):
            for column in json.loads(proto.json).get("columns", []):  # not every element of ours is a sheet
                yield from (block for block in column if block["kind"] == kind)


def stamp(app: AppTest, key: str) -> str:
    """The stamp that a sheet's presses bear."""
    return json.loads(_protos(app)[key].json)["stamp"]


def buttons(app: AppTest, key: str) -> dict[str, bool]:
    """Names of the chips on a sheet, and whether each can be pressed."""
    return {act["name"]: not act["off"] for block in blocks(app, "chips", key) for act in block["chips"]}


def press(app: AppTest, key: str, listed: str, act: str, row: int, with_stamp: str | None = None) -> AppTest:
    """Send what the browser sends when a button is pressed."""
    value = {"list": listed, "act": act, "row": row, "stamp": with_stamp or stamp(app, key)}
    states = app._tree.get_widget_states()
    states.widgets.add(
        id=f"$$STREAMLIT_INTERNAL_KEY_{_protos(app)[key].id}__events",
        json_trigger_value=json.dumps([{"event": "press", "value": value}]),
    )
    return app._run(states)


def press_chip(app: AppTest, key: str, listed: str, text: str) -> AppTest:
    """Press the chip with that text."""
    block = next(block for block in blocks(app, "chips", key) if block["key"] == listed)
    row = next(at for at, act in enumerate(block["chips"]) if act["text"] == text)
    return press(app, key, listed, block["chips"][row]["name"], row)


def written(app: AppTest) -> list[str]:
    """All that is written on sheets, but for charts."""
    said = [block["text"] for kind in ("headline", "heading", "text", "note") for block in blocks(app, kind)]
    said += [block["lead"] for block in blocks(app, "text")]
    said += [text for block in blocks(app, "points") for text in block["texts"]]
    said += [act[word] for block in blocks(app, "chips") for act in block["chips"] for word in ("text", "label")]
    for block in blocks(app, "rows"):
        for row in block["rows"]:
            said += [act[word] for act in row["acts"] for word in ("label", "text")]
            said += [row["title"], *(text for text, _tone in row["below"])]
            said += [row["mark"][word] for word in ("text", "label")] if row["mark"] else []
    for block in blocks(app, "chart"):
        said += [block["alt"], block["axis"], *block["table"]["columns"]]
    return said
