"""JSON -> records: lines, one array, or one of the shapes that pandas and others write; also lists of events."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from engine.data.cleaning_report import FIRST_LINES, CleaningIssue, TableName, shorten
from engine.data.formats.files import EmptyError, Text
from engine.data.names import first_duplicate, listed
from engine.data.schema import ITEM_ID, LINE, LIST_SEPARATOR, RATING, USER_ID, USUAL_NAMES, find_column
from engine.errors import DataError, Message

SAMPLE = 5_000
"""So many records are examined for the names of columns."""
_JSON = re.compile(rb"\s*(\{\s*(u?[\"']|\}|\Z)|\[\s*([\[{\]]|\Z))")
_BETWEEN = re.compile(r"[\s,]*")
_LISTS = ("history", "sequence", "item_seq", "products", "events")
_NO_RECORD = Message("no JSON object")

Record = dict[str, Any]


@dataclass(frozen=True)
class Records:
    """JSON whose columns are known and whose rows have not been read yet.

    Attributes:
        path: the file, for messages.
        names: columns, in the order in which records first name them.
        lines: the text of JSON lines; None where `records` holds everything.
        records: the records of JSON that is not in lines.
        list_column: the column whose lists hold the events, each of which becomes a row.
        inner: for events that are objects, the column for each of their keys.
        notes: what was guessed.
    """

    path: Path
    names: tuple[str, ...]
    lines: bytes | None
    records: Sequence[Record] | None
    list_column: str | None
    inner: dict[str, str]
    notes: tuple[Message, ...]

    @property
    def last_line(self) -> int:
        """The number of the last line or record."""
        return len(self.records) if self.records is not None else (self.lines or b"").rstrip(b"\n").count(b"\n") + 1

    def rows(
        self, name: TableName, columns: list[str], ids: list[str]
    ) -> tuple[pd.DataFrame, tuple[CleaningIssue, ...]]:
        """The wanted columns as text with `line`, and what was not a record."""
        values: dict[str, list[str]] = {c: [] for c in columns}
        numbers: list[int] = []
        wrong: list[tuple[int, str]] = []
        n_wrong = 0
        for line, record, text in self._numbered():
            if record is None:
                n_wrong += 1
                if len(wrong) < FIRST_LINES:
                    wrong.append((line, text))
                continue
            for row in self._events(record):
                for column in columns:
                    values[column].append(_text(row.get(column), column in ids))
                numbers.append(line)
        frame = pd.DataFrame({c: pd.Series(v, dtype="str") for c, v in values.items()})
        frame = frame.assign(**{LINE: np.asarray(numbers, dtype=np.int64)})
        if not n_wrong:
            return frame, ()
        issue = CleaningIssue(name, _NO_RECORD, "dropped", n_wrong, tuple(n for n, _ in wrong), shorten(wrong[0][1]))
        return frame, (issue,)

    def _numbered(self) -> Iterator[tuple[int, Record | None, str]]:
        if self.records is not None:
            yield from ((i, record, "") for i, record in enumerate(self.records, start=1))
            return
        yield from _numbered(self.lines or b"")

    def _events(self, record: Record) -> Iterator[Record]:
        """The record itself, or a row for each event in its list."""
        if self.list_column is None:
            yield record
            return
        events = record.get(self.list_column)
        events = events if isinstance(events, list) else []
        beside = {
            c: v for c, v in record.items() if isinstance(v, list) and c != self.list_column and len(v) == len(events)
        }
        for i, event in enumerate(events):
            row = {**record, **{c: v[i] for c, v in beside.items()}}
            if isinstance(event, dict) and self.inner:
                yield {**row, **{self.inner[k]: v for k, v in event.items() if k in self.inner}}
            else:
                yield {**row, self.list_column: event}


def is_json(beginning: bytes) -> bool:
    """Whether a file begins like JSON, or like the Python literals in which some data sets are written."""
    return _JSON.match(beginning) is not None


def open_records(path: Path, text: Text, given: Mapping[str, str], is_log: bool = True) -> Records:
    """Records, with their columns found.

    Args:
        path: the file, for messages.
        text: its text.
        given: the columns that the settings name, by role.
        is_log: whether each record may hold a list of events.

    Raises:
        DataError: it is not JSON, or holds no records; names the line.
    """
    data = text.data
    first = data.lstrip().split(b"\n", 1)[0].strip()
    record = _record(first)
    notes = list(text.notes)
    lines, records = (data, None) if record is not None else (None, _all(path, data))
    if record is not None and data.strip() == first and (found := _unfolded(record)) is not None:
        lines, records = None, found
    file = {"file": path.name}
    notes.append(Message("{file} read as JSON lines", file) if lines else Message("{file} read as JSON records", file))
    sample = list(islice((r for _, r, _ in _numbered(lines) if r), SAMPLE)) if lines is not None else records[:SAMPLE]  # pyright: ignore[reportOptionalSubscript]
    names = list(dict.fromkeys(key for r in sample for key in r))
    if not names:
        raise EmptyError("{path} is empty; it must hold at least one interaction.", path=path)
    column = _list_column(path, sample, names, given.get(ITEM_ID)) if is_log else None
    inner: dict[str, str] = {}
    if column is not None:
        keys = dict.fromkeys(k for r in sample for e in _list(r.get(column)) if isinstance(e, dict) for k in e)
        outer = [n for n in names if n != column]
        inner = {k: k if k not in outer else f"{column}.{k}" for k in keys}
        names = [*outer, *inner.values()] if inner else names
        notes.append(
            Message(
                "{file}: each of {column!r}, a list in every record, is a row", {"file": path.name, "column": column}
            )
        )
    if (twice := first_duplicate(names)) is not None:
        raise DataError("{path} names the column {name!r} twice; give each column its own name.", path=path, name=twice)
    return Records(path, tuple(names), lines, records, column, inner, tuple(notes))


def _numbered(data: bytes) -> Iterator[tuple[int, Record | None, str]]:
    """Line number, record and text of every line that is not blank; None for a line that is not a record."""
    for number, line in enumerate(data.split(b"\n"), start=1):
        if bare := line.strip():
            record = _record(bare)
            yield number, record, "" if record is not None else bare[:200].decode(errors="replace")


def _record(line: bytes) -> Record | None:
    """The object in a line, written as JSON or as a Python literal; None where there is none."""
    line = line.removesuffix(b",") if line.endswith(b"},") else line
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        if b"'" not in line:
            return None
        try:
            found = ast.literal_eval(line.decode())
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            return None
    return found if isinstance(found, dict) else None


def _all(path: Path, data: bytes) -> list[Record]:
    """The records of JSON that is not one record a line: an array, one object, or objects that span lines."""
    text = data.decode()
    decoder, found = json.JSONDecoder(), []
    at = len(text) - len(text.lstrip())
    try:
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            found.append(value)
            at = _BETWEEN.match(text, at).end()  # pyright: ignore[reportOptionalMemberAccess]
    except json.JSONDecodeError as error:
        raise DataError(
            "{path}, line {line}, column {column}: this is no JSON ({problem}); mend the file.",
            path=path,
            line=error.lineno,
            column=error.colno,
            problem=error.msg,
        ) from None
    except RecursionError:
        raise DataError("{path} is JSON that is nested too deep; give records that are flat.", path=path) from None
    whole = found[0] if len(found) == 1 else found
    if isinstance(whole, dict):
        whole = _unfolded(whole) or [whole]
    records = [r for r in whole if isinstance(r, dict)] if isinstance(whole, list) else []
    if not records or len(records) < len(whole):
        raise DataError(
            "{path} is JSON, and no list of records; write an object for each interaction, such as "
            '{{"user_id": "u1", "item_id": "i1", "timestamp": 1700000000}}, one a line.',
            path=path,
        )
    return records


def _unfolded(whole: Record) -> list[Record] | None:
    """The records that one object holds in one of the usual ways; None if it is a record itself."""
    if not whole:
        return None
    values = list(whole.values())
    columns, rows = whole.get("columns"), whole.get("data")
    if isinstance(columns, list) and isinstance(rows, list) and all(isinstance(r, list) for r in rows):
        return [dict(zip(map(str, columns), row, strict=False)) for row in rows]  # pandas, orient="split"
    usual = any(find_column(list(whole), USUAL_NAMES[role]) for role in (USER_ID, ITEM_ID))
    if all(isinstance(v, dict) for v in values):
        if usual:  # pandas, orient="columns"
            keys = dict.fromkeys(k for v in values for k in v)
            return [{c: v.get(k) for c, v in whole.items()} for k in keys]
        if all(not isinstance(x, dict | list) for v in values for x in v.values()) and not _named(values):
            return [{USER_ID: u, ITEM_ID: i, RATING: r} for u, v in whole.items() for i, r in v.items()]
        return values  # by some key, as pandas writes with orient="index"
    if all(isinstance(v, list) for v in values):
        if usual and len({len(v) for v in values}) == 1:
            return [dict(zip(whole, row, strict=True)) for row in zip(*values, strict=True)]
        if not usual and not any(isinstance(x, dict | list) for v in values for x in v):
            return [{USER_ID: user, ITEM_ID: items} for user, items in whole.items()]
    held = [v for v in values if isinstance(v, list) and v and all(isinstance(r, dict) for r in v)]
    return held[0] if len(held) == 1 and not usual else None


def _named(records: list[Record]) -> bool:
    return any(find_column(list(r), USUAL_NAMES[role]) for r in records[:20] for role in (USER_ID, ITEM_ID))


def _list_column(path: Path, sample: list[Record], names: list[str], item: str | None) -> str | None:
    """The column whose lists hold a user's items, if no plain column holds items."""
    lists = [n for n in names if any(isinstance(r.get(n), list) for r in sample)]
    plain = [n for n in names if n not in lists]
    if not lists or item in plain or (item is None and find_column(plain, USUAL_NAMES[ITEM_ID])):
        return None
    if item in lists:
        return item
    inner = {n: {k for r in sample for e in _list(r.get(n)) if isinstance(e, dict) for k in e} for n in lists}
    items = (item,) if item else USUAL_NAMES[ITEM_ID]
    usual = tuple(f"{n}{end}" for n in USUAL_NAMES[ITEM_ID] for end in ("", "s", "_list"))
    likely = [n for n in lists if find_column(list(inner[n]), items)]
    likely = likely or [n for n in lists if find_column([n], (*usual, *_LISTS))][:1] or [n for n in lists if inner[n]]
    if len(likely) > 1:
        raise DataError(
            "{path}: the lists {names} could each hold a user's items; name the right one with --item, or write a row "
            "for each interaction.",
            path=path,
            names=listed(likely),
        )
    return likely[0] if likely else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any, is_id: bool) -> str:
    """A value as it would stand in a table of text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if is_id and not math.isfinite(value):
            return ""
        return str(int(value)) if is_id and value.is_integer() and abs(value) < 2**63 else repr(value)
    if isinstance(value, list) and not any(isinstance(v, dict | list) for v in value):
        return LIST_SEPARATOR.join(_text(v, is_id) for v in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
