"""What a walk over the pages can do next, and what must hold wherever it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

from babel.messages.pofile import read_po
from google.protobuf.message import Message

import dashboard
from tests.websocket_client import Node, Reader

BAR = ("bar_run", "bar_user", "bar_view", "bar_lang")
PAGES = ("overview", "recommendations", "attention", "explain", "what-if", "items", "head-vs-tail", "compare")
ABOUT_A_USER = ("recommendations", "attention", "explain", "what-if", "items")
BROKE = ("something went wrong inside Tailscope", "Tailscope 内部出错")

_TEXT_FIELDS = {"label", "body", "placeholder", "help", "alt", "delta", "title", "content", "text", "delta_description"}
_CHOICES = {"options"}


@dataclass(frozen=True)
class Said:
    """A text on a page; `own` where it is the interface's own, rather than a title or a value of the data."""

    text: str
    own: bool


def texts(reader: Reader) -> Iterator[Said]:
    """All that a page says, as a person reads it."""
    yield from (Said(label, own=True) for label in reader.labels)
    for node in reader.root.walk():
        if node.kind == "plotly_chart":
            yield Said(node.shown.alt, own=True)
            yield from (Said(text, own=False) for text in _strings(json.loads(node.shown.spec)))
        elif node.kind == "bidi_component":
            if node.shown.component_name.endswith("built_in"):
                continue  # which holds Streamlit's words in both languages
            yield from (Said(text, own=False) for text in _strings(data_of(node)))
        elif node.kind not in ("code", "html", "exception", "", "empty"):
            yield from _fields(node.shown)


def _fields(message: Message) -> Iterator[Said]:
    for field, value in message.ListFields():
        many = value if field.is_repeated else [value]
        for one in many:
            if isinstance(one, str) and field.name in _TEXT_FIELDS | _CHOICES:
                yield Said(plain(one), own=field.name not in _CHOICES)
            elif isinstance(one, Message) and field.name in _CHOICES:
                yield from (Said(said.text, own=False) for said in _fields(one))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield plain(value)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def plain(text: str) -> str:
    """Without the marks of Markdown."""
    text = re.sub(r":material/\w+:", "", text)
    text = re.sub(r"^:small\[:gray\[(.*)\]\]$", r"\1", text, flags=re.DOTALL)
    return re.sub(r"\\(.)", r"\1", text).replace("\u2060", "").strip()


def data_of(node: Node) -> dict[str, Any]:
    """What an element of our own draws."""
    return json.loads(node.shown.json or node.shown.mixed.json or "{}")


@lru_cache(maxsize=1)
def english() -> tuple[frozenset[str], re.Pattern[str]]:
    """English messages that have a Chinese one: whole short ones, and a pattern of long stretches of others."""
    path = Path(dashboard.__file__).parent / "locale" / "zh" / "LC_MESSAGES" / "tailscope.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale="zh")
    whole, parts = set(), set()
    for message in catalogue:
        forms = message.id if isinstance(message.id, tuple | list) else (message.id,)
        strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
        for form in forms:
            if not form or form in strings:
                continue
            stretches = [stretch for stretch, *_field in Formatter().parse(form)] if "{" in form else [form]
            if "{" not in form and re.search(r"[A-Za-z]{3}", form):
                whole.add(form)
            parts |= {s.strip() for s in stretches if len(re.findall(r"[A-Za-z]{2,}", s)) >= 4}
    longest = sorted(parts, key=len, reverse=True)
    return frozenset(whole), re.compile("|".join(map(re.escape, longest)))


def english_on(reader: Reader) -> list[str]:
    """What a page says in English though there are Chinese words for it."""
    whole, part = english()
    return [said.text for said in texts(reader) if (said.own and said.text in whole) or part.search(said.text)]


def faults(reader: Reader) -> list[str]:
    """What must never be, on any page, whatever was done before."""
    found = [*reader.errors]
    alerts = [plain(node.shown.body) for node in reader.nodes("alert")]
    found += [f"it broke: {text}" for text in alerts if any(words in text for words in BROKE)]
    bar = {node.key: reader.shows(node) for node in reader.nodes("selectbox", "button_group") if node.key in BAR}
    address = reader.choices()
    missing = {"bar_run", "bar_lang"} - bar.keys()
    found += [f"no {key} on {reader.path}" for key in missing]
    lang = "zh" if bar.get("bar_lang") == ["中文"] else "en"
    if bar.get("bar_run") != address.get("run"):
        found.append(f"the bar shows run {bar.get('bar_run')}, the address says {address.get('run')}")
    if address.get("lang", lang) != lang:
        found.append(f"the bar shows {lang}, the address says {address['lang']}")
    if reader.path in ABOUT_A_USER:
        if bar.get("bar_user") != address.get("user"):
            found.append(f"the bar shows user {bar.get('bar_user')}, the address says {address.get('user')}")
        full = bar.get("bar_view") in (["All events"], ["全部事件"])
        if len(bar.get("bar_view") or ()) != 1 or full != (address.get("view") == "full"):
            found.append(f"the bar shows view {bar.get('bar_view')}, the address says {address.get('view')}")
    if reader.path and reader.path not in ("compare",) and (address.get("run") or "?") not in reader.title:
        found.append(f"the tab is called {reader.title!r}")
    if not reader.headline() and not any(b.get("kind") == "headline" for n in sheets(reader) for b in blocks(n)):
        found.append("there is no headline")
    if lang == "zh":
        found += [f"English in Chinese: {text[:200]}" for text in english_on(reader)]
    return found


def sheets(reader: Reader) -> list[Node]:
    """Elements of our own that hold blocks."""
    return [node for node in reader.nodes("bidi_component") if node.shown.component_name.endswith("sheet")]


def blocks(node: Node) -> list[dict[str, Any]]:
    """The blocks of a sheet."""
    return [block for column in data_of(node).get("columns", []) for block in column]


@dataclass(frozen=True)
class Deed:
    """Something that can be done on a page: what it is called, and how it is done."""

    name: str
    node: Node
    how: str
    value: Any = None

    def do(self, reader: Reader) -> None:
        """Do it."""
        if self.how == "press":
            reader.press(self.node)
        elif self.how == "switch":
            reader.switch(self.node, self.value)
        elif self.how == "select":
            reader.select(self.node, self.value)
        elif self.how == "choose":
            reader.choose(self.node, self.value)
        elif self.how == "write":
            reader.write(self.node, self.value)
        elif self.how == "slide":
            reader.slide(self.node, *self.value)
        elif self.how == "rows":
            reader.send_json(self.node, json.dumps({"selection": {"rows": self.value, "columns": [], "cells": []}}))
        elif self.how == "points":
            points = [] if self.value is None else [{"customdata": self.value}]
            chosen = {"points": points, "point_indices": [0], "box": [], "lasso": []}
            reader.send_json(self.node, json.dumps({"selection": chosen}))
        elif self.how == "sheet":
            event = json.dumps([{"event": "press", "value": self.value}])
            reader.send_json(self.node, event, trigger=f"$$STREAMLIT_INTERNAL_KEY_{self.node.id}__events")
        elif self.how == "link":
            path = next(p for p, page in reader.pages.items() if page == self.node.shown.page_script_hash)
            reader.go(path, self.node.shown.query_string)
        else:
            raise ValueError(self.how)


def deeds(reader: Reader) -> list[Deed]:
    """All that can be done on the page but for the bar and the sidebar."""
    found: list[Deed] = []
    for node in reader.root.walk():
        name, shown = node.key or node.kind, node.shown
        if node.key in BAR or getattr(shown, "disabled", False):
            continue
        if node.kind == "button":
            found.append(Deed(name, node, "press"))
        elif node.kind == "page_link":
            found.append(Deed(f"link {plain(shown.label)}", node, "link"))
        elif node.kind == "checkbox":
            found.append(Deed(name, node, "switch", not reader.shows(node)))
        elif node.kind in ("expandable", "popover") and node.id:
            opened = reader.values.get(node.id)
            found.append(Deed(name, node, "switch", not (opened.bool_value if opened else False)))
        elif node.kind == "selectbox":
            found += [Deed(name, node, "select", option) for option in _few(list(shown.options))]
        elif node.kind == "button_group":
            options = [option.content for option in shown.options]
            found += [Deed(name, node, "choose", [option]) for option in options]
        elif node.kind == "multiselect":
            found += [Deed(name, node, "choose", [option]) for option in _few(list(shown.options))]
            found.append(Deed(name, node, "choose", []))
        elif node.kind == "text_input":
            found += [Deed(name, node, "write", text) for text in ("1", "=x", "")]
        elif node.kind == "slider":
            found.append(Deed(name, node, "slide", [shown.min] * len(shown.default)))
            found.append(Deed(name, node, "slide", [shown.min, shown.max][-len(shown.default) :]))
        elif node.kind == "dataframe" and node.id:
            found += [Deed(name, node, "rows", rows) for rows in ([0], [3], [])]
        elif node.kind == "plotly_chart" and node.id and shown.selection_mode:
            found += [Deed(name, node, "points", point) for point in _points(json.loads(shown.spec))]
        elif node.kind == "bidi_component" and shown.component_name.endswith("sheet"):
            found += _on_a_sheet(node)
    return found


def _few(options: list[str]) -> list[str]:
    return options if len(options) <= 4 else [options[0], options[1], options[len(options) // 2], options[-1]]


def _points(spec: dict[str, Any]) -> list[Any]:
    found = [point for trace in spec.get("data", []) for point in _list(trace.get("customdata"))]
    return [point if isinstance(point, list) else [point] for point in (found[:1] + found[-1:])]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _on_a_sheet(node: Node) -> list[Deed]:
    stamp = data_of(node).get("stamp")
    found = []
    for block in blocks(node):
        if block.get("kind") not in ("rows", "chips"):
            continue
        rows = (
            [row["acts"] for row in block["rows"]] if block["kind"] == "rows" else [[chip] for chip in block["chips"]]
        )
        for place, acts in list(enumerate(rows))[:3] + list(enumerate(rows))[-1:]:
            for act in acts:
                if not act.get("off"):
                    press = {"list": block["key"], "act": act["name"], "row": place, "stamp": stamp}
                    found.append(Deed(f"{block['key']} {act['name']} {place}", node, "sheet", press))
    return found
