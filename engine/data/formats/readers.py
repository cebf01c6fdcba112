"""A path on disk -> raw tables, one function for each format; `engine.data.formats.detect` recognises the format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from engine.config import DataConfig
from engine.data.cleaning_report import CleaningIssue, TableName
from engine.data.formats import movielens
from engine.data.formats.columns import map_attributes, map_interactions, unused_settings
from engine.data.formats.delimited import Delimited, without_padding
from engine.data.formats.detect import (
    Format,
    data_name,
    glob_of,
    is_table,
    only,
    parts_of,
    recognise,
    stem,
    triples_names,
)
from engine.data.formats.dialect import preface_of
from engine.data.formats.files import read_text
from engine.data.formats.pipes import on_disk
from engine.data.formats.recbole import KINDS, lists_of, open_atomic, unfold
from engine.data.formats.sequences import read_item_attributes, read_sequences
from engine.data.formats.tables import Kind, RawTable, Table, TextTable, open_parts, open_table
from engine.data.oracle import read_oracle
from engine.data.schema import ATTRIBUTES, CATEGORY, ITEM_ID, LINE, LIST_SEPARATOR, SETTING_OF_ROLE, USER_ID
from engine.errors import Message
from engine.progress import OnProgress, ignore

__all__ = ["Kind", "RawTables", "read", "read_oracle"]


@dataclass(frozen=True)
class RawTables:
    """A log as read, before any cleaning.

    Attributes:
        name: a short name for people.
        format: "folder", "movielens", "atomic", "sequences" or "table".
        interactions: `user_id`, `item_id`, perhaps `timestamp` and `rating`, all as read (text; numbers and times as
            such only where Parquet typed them), and `line`, the number of the line or Parquet row.
        users: `user_id`, attributes, `line`; None when there is no such table.
        items: `item_id`, attributes, `line`; None likewise.
        notes: what was guessed, one sentence each.
        malformed: rows that could not be split; they are not in the tables.
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


def read(path: Path | str, config: DataConfig, on_progress: OnProgress = ignore) -> RawTables:
    """The raw tables of a log, in any known format.

    Args:
        path: file, folder, pipe, or a pattern that names several files of one schema.
        config: may name the columns of the log.
        on_progress: called with how much was read from a pipe.

    Raises:
        DataError: there is nothing usable; names the file, the line, the rule and what to do.
    """
    with on_disk(Path(path), on_progress) as place:
        return replace(_read(place, config), source=str(path))


def _read(path: Path, config: DataConfig) -> RawTables:
    log, format_name = recognise(path)
    readers = {
        "folder": _read_folder,
        "movielens": _read_movielens,
        "atomic": _read_atomic,
        "sequences": _read_sequences,
        "table": _read_single,
        "triples": _read_triples,
        "parts": _read_single,
    }
    interactions, users, items = readers[format_name](log, config)
    tables = [t for t in (interactions, users, items) if t is not None]
    if interactions.in_lists:
        format_name = "sequences"
    return RawTables(
        name=data_name(path, log),
        format="table" if format_name in ("triples", "parts") else format_name,
        interactions=interactions.frame,
        users=users.frame if users else None,
        items=items.frame if items else None,
        notes=tuple(note for t in tables for note in t.notes),
        malformed=tuple(issue for t in tables for issue in t.malformed),
        kinds={"users": users.kinds if users else {}, "items": items.kinds if items else {}},
        oracle=read_oracle(log),
    )


# ---- One function for each format
# -------------------------------------------------------------------------------------------


def _read_folder(log: Path, config: DataConfig) -> _Tables:
    """`interactions.*` with `items.*` and `users.*` beside it."""
    interactions = _log_of(_open_any(log, config), config)
    return interactions, _beside(log, "users", USER_ID, config.user), _beside(log, "items", ITEM_ID, config.item)


def _read_single(log: Path, config: DataConfig) -> _Tables:
    """One table of interactions with columns of any name, in one file or in parts."""
    return _log_of(_open_any(log, config), config), None, None


def _read_triples(log: Path, config: DataConfig) -> _Tables:
    """`user item rating time`, separated by spaces, without a header."""
    names = triples_names(log)
    text = read_text(log)
    above = preface_of(log, text.data, has_header=False)
    body = without_padding(text.data[above.start :])
    note = Message(
        "{file} has no header; its columns are read as {names}", {"file": log.name, "names": ", ".join(names)}
    )
    table = Delimited(log, names, body, " ", above.line, notes=(*text.notes, *above.notes, note))
    rows = TextTable(table).rows("interactions", list(names), [USER_ID, ITEM_ID])
    return replace(rows, notes=(*rows.notes, *unused_settings(config, "tables without a header"))), None, None


def _read_movielens(log: Path, config: DataConfig) -> _Tables:
    """`u.data`, `ratings.dat` or `ratings.csv` with the files of films and users beside it."""
    opened, open_users, open_films = movielens.open_folder(log, list(_given(config).values()))
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
    opened, types = open_atomic(log)
    interactions = _sessions_of(opened, types, config) or _log_of(TextTable(opened), config)
    paths = {e: [log.with_name(f"{stem(log)}.{e}{gz}") for gz in ("", ".gz")] for e in ("user", "item")}
    users = next((_atomic_attributes(p, "users", USER_ID, config.user) for p in paths["user"] if p.exists()), None)
    items = next((_atomic_attributes(p, "items", ITEM_ID, config.item) for p in paths["item"] if p.exists()), None)
    return interactions, users, items


def _sessions_of(opened: Delimited, types: dict[str, str], config: DataConfig) -> RawTable | None:
    """The log of an atomic file whose rows hold a list of items beside the last one; None where they do not."""
    lists = lists_of(types)
    names = [n for n in opened.names if n not in lists.values()]
    roles, notes = map_interactions(opened.path, names, config)
    found = {role: lists[column] for role, column in roles.items() if column in lists}
    if ITEM_ID not in found:
        return None
    rows = TextTable(opened).rows("interactions", [*roles.values(), *found.values()], [])
    frame = rows.frame.set_axis([*roles, *found.values(), LINE], axis=1)
    return unfold(replace(rows, frame=frame, notes=(*rows.notes, *notes), kinds={}), found)


def _atomic_attributes(path: Path, name: TableName, key: str, given: str | None) -> RawTable:
    opened, types = open_atomic(path)
    table = _attributes_of(TextTable(opened), name, key, given)
    by_column = dict(zip(table.frame.columns, types.values(), strict=False))  # `line` comes last and has no type
    frame = table.frame
    if by_column.get(CATEGORY) == "token_seq":
        words = frame[CATEGORY].str.strip().str.replace(r"\s+", LIST_SEPARATOR, regex=True)
        frame = frame.assign(**{CATEGORY: words})
    return replace(table, frame=frame, kinds={str(c): KINDS[kind] for c, kind in by_column.items()})


def _read_sequences(log: Path, config: DataConfig) -> _Tables:
    """`user item item ...` on each line, and the item attributes of an `item2attributes.json` beside it."""
    frame, malformed, notes = read_sequences(log)
    attributes = read_item_attributes(log, stem(log))
    items = None if attributes is None else RawTable(attributes, kinds={ATTRIBUTES: "text"})
    return RawTable(frame, (*notes, *unused_settings(config, "sequences")), malformed), None, items


# ---- Tables, their columns mapped ------------------------------------------------------------------------------------


def _given(config: DataConfig) -> dict[str, str]:
    """The columns that the settings name, by role."""
    named = {role: getattr(config, setting) for role, setting in SETTING_OF_ROLE.items()}
    return {role: column for role, column in named.items() if column is not None}


def _open_any(path: Path, config: DataConfig) -> Table:
    """The table in a file, in a folder of parts, or in the files that a pattern names."""
    if path.is_file():
        return open_table(path, given=_given(config))
    return open_parts(path, parts_of(path) if path.is_dir() else glob_of(path), given=_given(config))


def _log_of(table: Table, config: DataConfig) -> RawTable:
    """Interactions with their columns mapped; only those columns are split and kept."""
    roles, notes = map_interactions(table.path, table.names, config)
    rows = table.rows("interactions", list(roles.values()), [roles[USER_ID], roles[ITEM_ID]])
    return replace(rows, frame=rows.frame.set_axis([*roles, LINE], axis=1), notes=(*rows.notes, *notes), kinds={})


def _attributes_of(table: Table, name: TableName, key: str, given: str | None) -> RawTable:
    """A user or item table with its id, title and category columns renamed; all others keep their names."""
    renames, notes = map_attributes(table.path, table.names, key, given)
    rows = table.rows(name, list(table.names), [c for c in table.names if renames.get(c, c) == key])
    kinds = {renames.get(c, c): kind for c, kind in rows.kinds.items()}
    return replace(rows, frame=rows.frame.rename(columns=renames), notes=(*rows.notes, *notes), kinds=kinds)


def _beside(log: Path, name: TableName, key: str, given: str | None) -> RawTable | None:
    """The table of that name in the folder of the log."""
    found = [p for p in sorted(log.parent.iterdir()) if stem(p) == name and is_table(p)]
    found = [p for p in found if p.is_file() or parts_of(p)]
    if not found:
        return None
    path = only(log.parent, found)
    opened = open_table(path, is_log=False) if path.is_file() else open_parts(path, parts_of(path), is_log=False)
    return _attributes_of(opened, name, key, given)
