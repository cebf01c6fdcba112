"""A path on disk -> raw tables: one function a format. What format it is, `engine.data.recognise` tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from engine.config import DataConfig
from engine.data import movielens
from engine.data.columns import map_attributes, map_interactions, unused_settings
from engine.data.delimited import Delimited, open_delimited
from engine.data.files import read_text
from engine.data.oracle import read_oracle
from engine.data.recognise import Format, data_name, is_table, only, recognise, stem
from engine.data.report import CleaningIssue, TableName
from engine.data.schema import ATTRIBUTES, CATEGORY, ITEM_ID, LINE, LIST_SEPARATOR, USER_ID
from engine.data.sequences import read_item_attributes, read_sequences
from engine.data.tables import Kind, RawTable, Table, TextTable, open_table
from engine.errors import DataError, Message

__all__ = ["Kind", "RawTables", "read", "read_oracle"]

_ATOMIC_KINDS: dict[str, Kind] = {"token": "text", "token_seq": "text", "float_seq": "text", "float": "number"}


@dataclass(frozen=True)
class RawTables:
    """A log as read, before any cleaning.

    Attributes:
        name: short name for people.
        format: "folder", "movielens", "atomic", "sequences" or "table".
        interactions: `user_id`, `item_id`, perhaps `timestamp` and `rating`, all as read (text; numbers and times as
            such only where Parquet typed them), and `line`, the number of the line or Parquet row.
        users: `user_id`, attributes, `line`; None when there is no such table.
        items: `item_id`, attributes, `line`; None likewise.
        notes: what was guessed, one sentence each.
        malformed: rows that could not be split; they are in none of the tables.
        kinds: for "users" and "items", the attributes that the file declares to be text or numbers.
        oracle: the contents of an `oracle.json` beside the log.
        source: the path as given.
    """

    name: str
    format: Format
    interactions: pd.DataFrame
    users: pd.DataFrame | None = None
    items: pd.DataFrame | None = None
    notes: tuple[Message | str, ...] = ()
    malformed: tuple[CleaningIssue, ...] = ()
    kinds: Mapping[str, Mapping[str, Kind]] = field(default_factory=dict)
    oracle: dict[str, Any] | None = None
    source: str = ""


_Tables = tuple[RawTable, RawTable | None, RawTable | None]
"""Interactions, users, items."""


def read(path: Path | str, config: DataConfig) -> RawTables:
    """The raw tables of a log, in whatever known format it is.

    Args:
        path: file or folder.
        config: may name the columns of the log.

    Raises:
        DataError: nothing usable is there; names the file, the line, the rule and the way out.
    """
    path = Path(path)
    log, format_name = recognise(path)
    readers = {
        "folder": _read_folder,
        "movielens": _read_movielens,
        "atomic": _read_atomic,
        "sequences": _read_sequences,
        "table": _read_single,
    }
    interactions, users, items = readers[format_name](log, config)
    tables = [t for t in (interactions, users, items) if t is not None]
    return RawTables(
        name=data_name(path, log),
        format=format_name,
        interactions=interactions.frame,
        users=users.frame if users else None,
        items=items.frame if items else None,
        notes=tuple(note for t in tables for note in t.notes),
        malformed=tuple(issue for t in tables for issue in t.malformed),
        kinds={"users": users.kinds if users else {}, "items": items.kinds if items else {}},
        oracle=read_oracle(log),
        source=str(path),
    )


# ---- One function a format -------------------------------------------------------------------------------------------


def _read_folder(log: Path, config: DataConfig) -> _Tables:
    """`interactions.*` with `items.*` and `users.*` beside it."""
    interactions = _log_of(open_table(log), config)
    return interactions, _beside(log, "users", USER_ID, config.user), _beside(log, "items", ITEM_ID, config.item)


def _read_single(log: Path, config: DataConfig) -> _Tables:
    """One table of interactions with columns of any name."""
    return _log_of(open_table(log), config), None, None


def _read_movielens(log: Path, config: DataConfig) -> _Tables:
    """`u.data`, `ratings.dat` or `ratings.csv` with the files of films and users beside it."""
    opened, open_users, open_films = movielens.open_folder(log)
    users = _attributes_of(TextTable(open_users), "users", USER_ID, config.user) if open_users else None
    films = _attributes_of(TextTable(open_films), "items", ITEM_ID, config.item) if open_films else None
    kinds: dict[str, Kind] = dict.fromkeys(movielens.TEXT_COLUMNS, "text")
    return (
        _log_of(TextTable(opened), config),
        users and replace(users, frame=movielens.decode_users(users.frame), kinds=kinds),
        films and replace(films, frame=movielens.decode_films(films.frame), kinds=kinds),
    )


def _read_atomic(log: Path, config: DataConfig) -> _Tables:
    """RecBole's `.inter` with `.item` and `.user` of the same name beside it; headers say `name:type`."""
    interactions = _log_of(TextTable(_open_atomic(log)[0]), config)
    paths = {e: [log.with_name(f"{stem(log)}.{e}{gz}") for gz in ("", ".gz")] for e in ("user", "item")}
    users = next((_atomic_attributes(p, "users", USER_ID, config.user) for p in paths["user"] if p.exists()), None)
    items = next((_atomic_attributes(p, "items", ITEM_ID, config.item) for p in paths["item"] if p.exists()), None)
    return interactions, users, items


def _open_atomic(path: Path) -> tuple[Delimited, dict[str, str]]:
    """An atomic file, its columns without their types, and the types by column."""
    table = open_delimited(path, read_text(path), "\t", quoting=False)
    types: dict[str, str] = {}
    for name in table.names:
        column, _, kind = name.rpartition(":")
        if not column or column in types or kind not in _ATOMIC_KINDS:
            raise DataError(
                f"{path}, line {table.first_line - 1}: the header names {name!r}; an atomic file's header says "
                "name:type once for each column (token, float, token_seq or float_seq), such as user_id:token."
            )
        types[column] = kind
    return replace(table, names=tuple(types)), types


def _atomic_attributes(path: Path, name: TableName, key: str, given: str | None) -> RawTable:
    opened, types = _open_atomic(path)
    table = _attributes_of(TextTable(opened), name, key, given)
    by_column = dict(zip(table.frame.columns, types.values(), strict=False))  # `line` comes last and has no type
    frame = table.frame
    if by_column.get(CATEGORY) == "token_seq":
        words = frame[CATEGORY].str.strip().str.replace(r"\s+", LIST_SEPARATOR, regex=True)
        frame = frame.assign(**{CATEGORY: words})
    return replace(table, frame=frame, kinds={str(c): _ATOMIC_KINDS[kind] for c, kind in by_column.items()})


def _read_sequences(log: Path, config: DataConfig) -> _Tables:
    """`user item item ...` a line, and the item attributes of an `item2attributes.json` beside it."""
    frame, malformed, notes = read_sequences(log)
    attributes = read_item_attributes(log, stem(log))
    items = None if attributes is None else RawTable(attributes, kinds={ATTRIBUTES: "text"})
    return RawTable(frame, tuple(notes + unused_settings(config, "sequences")), malformed), None, items


# ---- Tables, their columns mapped ------------------------------------------------------------------------------------


def _log_of(table: Table, config: DataConfig) -> RawTable:
    """Interactions with their columns mapped; only those columns are split and kept."""
    roles, notes = map_interactions(table.path, table.names, config)
    rows = table.rows("interactions", list(roles.values()), [roles[USER_ID], roles[ITEM_ID]])
    return replace(rows, frame=rows.frame.set_axis([*roles, LINE], axis=1), notes=tuple(notes), kinds={})


def _attributes_of(table: Table, name: TableName, key: str, given: str | None) -> RawTable:
    """A user or item table with its id, title and category columns renamed; all others keep their names."""
    renames, notes = map_attributes(table.path, table.names, key, given)
    rows = table.rows(name, list(table.names), [c for c in table.names if renames.get(c, c) == key])
    kinds = {renames.get(c, c): kind for c, kind in rows.kinds.items()}
    return replace(rows, frame=rows.frame.rename(columns=renames), notes=tuple(notes), kinds=kinds)


def _beside(log: Path, name: TableName, key: str, given: str | None) -> RawTable | None:
    """The table of that name in the folder of the log."""
    found = [p for p in sorted(log.parent.iterdir()) if p.is_file() and stem(p) == name and is_table(p)]
    return _attributes_of(open_table(only(log.parent, found)), name, key, given) if found else None
