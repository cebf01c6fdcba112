"""RecBole's atomic files: `name:type` headers, fields separated by tabs, lists of a session called `name_list`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from engine.data.formats.delimited import Delimited, open_delimited
from engine.data.formats.files import Text, read_text
from engine.data.formats.tables import Kind, RawTable
from engine.data.schema import ITEM_ID, LINE, TIMESTAMP, USER_ID
from engine.errors import DataError, Message

KINDS: dict[str, Kind] = {"token": "text", "token_seq": "text", "float_seq": "text", "float": "number"}
LIST = "_list"
"""The end of the name of a column that holds what came before its namesake."""


def open_atomic(path: Path) -> tuple[Delimited, dict[str, str]]:
    """An atomic file, its columns without their types, and the types by column.

    Raises:
        DataError: the header is not that of an atomic file, or its fields cannot be separated.
    """
    text = read_text(path)
    first = text.data.lstrip(b"\n").split(b"\n", 1)[0].decode()
    delimiter, notes = "\t", []
    if "\t" not in first and first.count(":") > 1:
        delimiter = "," if "," in first else " "
        if delimiter == " " and "_seq" in first:
            raise DataError(
                "{path}: spaces stand where an atomic file has tabs, and also within its lists, so that fields cannot "
                "be told apart; write tabs between fields.",
                path=path,
            )
        word = Message("commas") if delimiter == "," else Message("spaces")
        notes = [Message("{file}: {signs} stand where an atomic file has tabs", {"file": path.name, "signs": word})]
    table = open_delimited(path, Text(text.data, text.notes), delimiter, quoting=False)
    types: dict[str, str] = {}
    for name in table.names:
        column, _, kind = name.rpartition(":")
        if not column or column in types or kind not in KINDS:
            raise DataError(
                "{path}, line {line}: the header names {name!r}; an atomic file's header says name:type once for each "
                "column (token, float, token_seq or float_seq), such as user_id:token.",
                path=path,
                line=table.first_line - 1,
                name=name,
            )
        types[column] = kind
    return replace(table, names=tuple(types), notes=(*table.notes, *notes)), types


def lists_of(types: dict[str, str]) -> dict[str, str]:
    """For each column, the column of lists that holds what came before it."""
    return {c: f"{c}{LIST}" for c in types if types.get(f"{c}{LIST}", "").endswith("_seq")}


def unfold(rows: RawTable, lists: dict[str, str]) -> RawTable:
    """Full sessions, a row for each event, from rows that hold a list of earlier events and the last one.

    Such files often hold one session many times, each time with one event more; a row that is the beginning of another
    row of its user is not read again.

    Args:
        rows: `user_id`, `item_id`, perhaps `timestamp`, `line`, and columns of lists.
        lists: for `item_id` and perhaps `timestamp`, the column of its list.
    """
    frame = rows.frame
    before = [value.split() for value in frame[lists[ITEM_ID]]]
    items = [[*b, last] for b, last in zip(before, frame[ITEM_ID], strict=True)]
    kept = _longest(frame[USER_ID].tolist(), items)
    lengths = np.array([len(items[i]) for i in kept], dtype=np.int64)
    out = {
        USER_ID: np.repeat(frame[USER_ID].to_numpy(dtype=object)[kept], lengths),
        ITEM_ID: [item for i in kept for item in items[i]],
        LINE: np.repeat(frame[LINE].to_numpy()[kept], lengths),
    }
    notes = [Message("each row holds a session: the list of what came before its item, and the item", {})]
    if TIMESTAMP in lists:
        times = [[*value.split(), last] for value, last in zip(frame[lists[TIMESTAMP]], frame[TIMESTAMP], strict=True)]
        if all(len(times[i]) == len(items[i]) for i in kept):
            out[TIMESTAMP] = [moment for i in kept for moment in times[i]]
    if fewer := len(items) - len(kept):
        notes.append(
            Message("{n:,} rows are the beginning of another row of their user, and are not read again", {"n": fewer})
        )
    plain = pd.DataFrame(out).astype({c: "str" for c in out if c != LINE})
    return replace(rows, frame=plain, notes=(*rows.notes, *notes), in_lists=True)


def _longest(users: list[str], items: list[list[str]]) -> list[int]:
    """The rows that are not the beginning of another row of their user, in order; of equal rows the first."""
    by_user: dict[str, list[int]] = {}
    for row, user in enumerate(users):
        by_user.setdefault(user, []).append(row)
    kept: list[int] = []
    for rows in by_user.values():
        met: set[tuple[str, ...]] = set()
        for row in sorted(rows, key=lambda r: -len(items[r])):
            whole = tuple(items[row])
            if whole in met:
                continue
            kept.append(row)
            if len(rows) > 1:
                met.update(whole[:n] for n in range(1, len(whole) + 1))
    return sorted(kept)
