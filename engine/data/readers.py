"""A path on disk -> raw tables: what format it is, told from its content, and one function a format."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engine.config import DataConfig
from engine.data import movielens
from engine.data.columns import map_attributes, map_interactions, unused_settings
from engine.data.delimited import Delimited, open_delimited, split_rows
from engine.data.files import head, is_parquet, read_text
from engine.data.oracle import load_json, read_oracle
from engine.data.parquet import parquet_columns, read_parquet
from engine.data.report import CleaningIssue, TableName, shorten
from engine.data.schema import (
    ATTRIBUTES,
    CATEGORY,
    ITEM_ID,
    LINE,
    LIST_SEPARATOR,
    USER_ID,
)
from engine.errors import DataError

FORMATS = (
    "a folder with interactions.csv, .tsv or .parquet (and items.*, users.*); a MovieLens folder (ratings.csv, u.data or "
    "ratings.dat); RecBole atomic files (.inter, .item, .user); a text file of sequences (user item item ...); "
    "one CSV, TSV or Parquet file"
)
"""What can be read, for messages."""

TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".parquet")
_ATOMIC_HEADER = re.compile(
    r"^[^\t:]+:(token|float|token_seq|float_seq)(\t[^\t:]+:(token|float|token_seq|float_seq))*$"
)


@dataclass(frozen=True)
class RawTables:
    """A log as read, before any cleaning.

    Attributes:
        name: short name for people.
        format: "folder", "movielens", "atomic", "sequences" or "table".
        interactions: `user_id`, `item_id`, perhaps `timestamp` and `rating`, all as read (text; numbers and times as such
            only where Parquet typed them), and `line`, the number of the line or Parquet row.
        users: `user_id`, attributes, `line`; None when there is no such table.
        items: `item_id`, attributes, `line`; None likewise.
        notes: what was guessed, one sentence each.
        malformed: rows that could not be split; they are in none of the tables.
        text_columns: attributes declared to be text, which are never taken for numbers.
        oracle: the contents of an `oracle.json` beside the log.
        source: the path as given.
    """

    name: str
    format: str
    interactions: pd.DataFrame
    users: pd.DataFrame | None = None
    items: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()
    malformed: tuple[CleaningIssue, ...] = ()
    text_columns: frozenset[str] = frozenset()
    oracle: dict[str, Any] | None = None
    source: str = ""


@dataclass(frozen=True)
class _Table:
    """One table as read."""

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    malformed: tuple[CleaningIssue, ...] = ()
    text_columns: frozenset[str] = frozenset()


def read(path: Path | str, config: DataConfig) -> RawTables:
    """The raw tables of a log, in whatever known format it is.

    Args:
        path: file or folder.
        config: may name the columns of the log.

    Raises:
        DataError: nothing usable is there; names the file, the line, the rule and the way out.
    """
    path = Path(path)
    log, reader = _recognise(path)
    raw = reader(log, config)
    return RawTables(**{**vars(raw), "name": _name(path, log), "oracle": read_oracle(log), "source": str(path)})


# ---- What is it? -----------------------------------------------------------------------------------------------------

Reader = Callable[[Path, DataConfig], RawTables]


def _recognise(path: Path) -> tuple[Path, Reader]:
    """The file that holds the interactions, and the function that reads it."""
    if not path.exists():
        raise DataError(f"{path} does not exist; check the path. It may be: {FORMATS}.")
    return _recognise_folder(path) if path.is_dir() else (path, _recognise_file(path))


def _recognise_file(path: Path) -> Reader:
    name = _bare(path.name)
    if name in movielens.LOGS:
        return _read_movielens
    if name.endswith((".item", ".user")):
        log = path.with_name(re.sub(r"\.(item|user)(?=\.gz$|$)", ".inter", path.name))
        raise DataError(f"{path} holds {name.rsplit('.', 1)[1]}s, not interactions; give {log.name} or the folder.")
    if is_parquet(path):
        return _read_folder if _stem(path) == "interactions" else _read_single
    first = _first_line(path)
    if name.endswith(".inter") or _ATOMIC_HEADER.match(first):
        return _read_atomic
    if _stem(path) == "interactions":
        return _read_folder
    if "::" in first:
        return _read_movielens
    if not any(d in first for d in ",\t;|") and len(first.split()) > 1:
        return _read_sequences
    return _read_single


def _recognise_folder(folder: Path) -> tuple[Path, Reader]:
    try:
        files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder} cannot be read ({error.strerror}); check its permissions.") from None
    logs = [p for p in files if _stem(p) == "interactions" and _is_table(p)]
    if logs:
        return _only(folder, logs), _read_folder
    logs = [p for p in files if _bare(p.name).endswith(".inter")]
    if logs:
        named = [p for p in logs if _stem(p) == folder.name]
        return _only(folder, named or logs), _read_atomic
    logs = [p for p in files if _bare(p.name) in movielens.LOGS]
    if logs:
        return _only(folder, logs), _read_movielens
    others = [p for p in files if _is_table(p) and not re.match(r"(?i)readme|licen[cs]e", p.name)]
    texts = [p for p in others if _bare(p.name).endswith(".txt")]
    for group in (texts, others):
        if len(group) == 1:
            return group[0], _recognise_file(group[0])
    found = ", ".join(p.name for p in others or files) or "no file"
    hint = (
        "give the path of the one file that holds the interactions" if others else "give a path that holds one of these"
    )
    raise DataError(f"{folder} holds {shorten(found, 300)}, which is not clearly a log; {hint}: {FORMATS}.")


def _only(folder: Path, logs: list[Path]) -> Path:
    if len(logs) > 1:
        names = ", ".join(p.name for p in logs)
        raise DataError(f"{folder} holds {len(logs)} logs: {names}. Give the path of the one to read.")
    return logs[0]


def _bare(name: str) -> str:
    return name.lower().removesuffix(".gz")


def _stem(path: Path) -> str:
    name = path.name
    for ending in (".gz", *TABLE_ENDINGS, ".inter", ".data", ".dat"):
        name = name[: -len(ending)] if name.lower().endswith(ending) else name
    return name


def _is_table(path: Path) -> bool:
    return _bare(path.name).endswith(TABLE_ENDINGS)


def _name(path: Path, log: Path) -> str:
    """What people call the data: the folder's name, or the file's where that says more."""
    generic = _stem(log) == "interactions" or _bare(log.name) in movielens.LOGS
    folder = path if path.is_dir() else log.parent if generic else None
    return folder.resolve().name if folder is not None else _stem(log)


def _first_line(path: Path) -> str:
    text = head(path).removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    return re.split(rb"[\r\n]", text, maxsplit=1)[0].decode(errors="replace")


# ---- One function a format -------------------------------------------------------------------------------------------


def _read_folder(log: Path, config: DataConfig) -> RawTables:
    """`interactions.*` with `items.*` and `users.*` beside it."""
    interactions = _log_of(_open(log), config)
    users = _read_beside(log, "users", USER_ID, config.user)
    items = _read_beside(log, "items", ITEM_ID, config.item)
    return _raw("folder", interactions, users, items)


def _read_single(log: Path, config: DataConfig) -> RawTables:
    """One table of interactions with columns of any name."""
    return _raw("table", _log_of(_open(log), config), None, None)


def _read_movielens(log: Path, config: DataConfig) -> RawTables:
    """`u.data`, `ratings.dat` or `ratings.csv` with the files of films and users beside it."""
    opened, open_users, open_films = movielens.open_folder(log)
    users = _attributes_of(open_users, "users", USER_ID, None) if open_users else None
    films = _attributes_of(open_films, "items", ITEM_ID, None) if open_films else None
    return _raw(
        "movielens",
        _log_of(opened, config),
        users and replace(users, frame=movielens.decode_users(users.frame), text_columns=movielens.TEXT_COLUMNS),
        films and replace(films, frame=movielens.decode_films(films.frame), text_columns=movielens.TEXT_COLUMNS),
    )


def _read_atomic(log: Path, config: DataConfig) -> RawTables:
    """RecBole's `.inter` with `.item` and `.user` of the same name beside it; headers say `name:type`."""
    interactions = _log_of(_open_atomic(log)[0], config)
    tables: dict[str, _Table | None] = {}
    for ending, name, key, given in (("user", "users", USER_ID, config.user), ("item", "items", ITEM_ID, config.item)):
        beside = [p for e in ("", ".gz") if (p := log.with_name(f"{_stem(log)}.{ending}{e}")).exists()]
        tables[name] = _read_atomic_attributes(beside[0], name, key, given) if beside else None  # pyright: ignore
    return _raw("atomic", interactions, tables["users"], tables["items"])


def _open_atomic(path: Path) -> tuple[Delimited, dict[str, str]]:
    """An atomic file, its columns without their types, and the types by column."""
    table = open_delimited(path, read_text(path), "\t", quoting=False)
    types: dict[str, str] = {}
    for name in table.names:
        column, colon, kind = name.rpartition(":")
        if not colon or kind not in ("token", "float", "token_seq", "float_seq"):
            raise DataError(
                f"{path}, line {table.first_line - 1}: the header names {name!r}; an atomic file's header says name:type "
                "with the type token, float, token_seq or float_seq, such as user_id:token."
            )
        types[column] = kind
    return Delimited(table.path, tuple(types), table.body, "\t", table.first_line, quoting=False), types


def _read_atomic_attributes(path: Path, name: TableName, key: str, given: str | None) -> _Table:
    opened, types = _open_atomic(path)
    table = _attributes_of(opened, name, key, given)
    old_names = {new: old for old, new in zip(opened.names, table.frame.columns, strict=False)}
    frame = table.frame
    if CATEGORY in frame.columns and types.get(old_names[CATEGORY]) == "token_seq":
        words = frame[CATEGORY].str.strip().str.replace(r"\s+", LIST_SEPARATOR, regex=True)
        frame = frame.assign(**{CATEGORY: words})
    text = frozenset(new for new, old in old_names.items() if types.get(old) != "float")
    return _Table(frame, table.notes, table.malformed, text)


def _read_sequences(log: Path, config: DataConfig) -> RawTables:
    """One user a line, `user item item ...`, oldest first; item attributes in `item2attributes.json` beside it.

    Every item is an interaction and none is a repeat, since the order is all the time there is. A line with a user and no
    item is one malformed row.
    """
    lines = pa.array(read_text(log).decode().split("\n"), type=pa.large_string())
    words = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(lines))
    counts = pc.list_value_length(words).to_numpy(zero_copy_only=False)
    blank = pc.equal(pc.utf8_trim_whitespace(lines), "").to_numpy(zero_copy_only=False)
    flat = pc.list_flatten(words)
    starts = np.cumsum(counts) - counts
    numbers = np.arange(1, len(lines) + 1)
    is_item = np.ones(len(flat), dtype=bool)
    is_item[starts] = False
    users = flat.take(pa.array(np.repeat(starts, counts)[is_item]))
    frame = pd.DataFrame(
        {
            USER_ID: users.to_pandas(),
            ITEM_ID: flat.filter(pa.array(is_item)).to_pandas(),
            LINE: np.repeat(numbers, counts)[is_item],
        }
    )
    alone = np.flatnonzero((counts == 1) & ~blank)
    malformed: tuple[CleaningIssue, ...] = ()
    if len(alone):
        example = shorten(lines[int(alone[0])].as_py())
        lines_alone = tuple(int(n) for n in numbers[alone[:5]])
        malformed = (
            CleaningIssue("interactions", "a user without items", "dropped", len(alone), lines_alone, example),
        )
    notes = [f"{log.name} read as sequences: each line a user and then that user's items, oldest first"]
    firsts = pd.Series(flat.take(pa.array(starts[~blank])).to_pandas())
    if repeated := int(firsts.duplicated().sum()):
        notes.append(f"{repeated} lines name a user of an earlier line: their items follow that line's")
    notes += unused_settings(config, "sequences")
    return _raw("sequences", _Table(frame, tuple(notes), malformed), None, _read_item_attributes(log))


def _read_item_attributes(log: Path) -> _Table | None:
    """`item2attributes.json`, a map of item to attribute ids, as a text column such as "1|2|3"."""
    beside = [log.with_name(n) for n in (f"{_stem(log)}_item2attributes.json", "item2attributes.json")]
    path = next((p for p in beside if p.exists()), None)
    if path is None:
        return None
    plain = load_json(path)
    if not isinstance(plain, dict) or not all(isinstance(v, list) for v in plain.values()):
        wrong = (
            next((f"{k!r}: {shorten(v)!r}" for k, v in plain.items() if not isinstance(v, list)), "")
            if isinstance(plain, dict)
            else shorten(plain)
        )
        raise DataError(f'{path} must map each item to a list of attribute ids, as in {{"4": [1, 2]}}; found {wrong}.')
    texts = [LIST_SEPARATOR.join(str(v) for v in values) for values in plain.values()]
    frame = pd.DataFrame({ITEM_ID: list(plain), ATTRIBUTES: texts}, dtype="str")
    return _Table(frame.assign(**{LINE: np.arange(1, len(frame) + 1)}), text_columns=frozenset({ATTRIBUTES}))


# ---- Tables ----------------------------------------------------------------------------------------------------------


def _open(path: Path) -> Delimited | Path:
    """A text table with its header read, or the path itself where it is Parquet."""
    return path if is_parquet(path) else open_delimited(path, read_text(path))


def _rows(
    table: Delimited | Path, name: TableName, columns: list[str], ids: list[str]
) -> tuple[pd.DataFrame, tuple[CleaningIssue, ...], frozenset[str]]:
    """The wanted columns with `line`, the malformed rows, and the columns that are declared text."""
    if isinstance(table, Path):
        frame, text = read_parquet(table, columns, frozenset(ids))
        return frame.assign(**{LINE: np.arange(1, len(frame) + 1)}), (), text
    frame, lines, malformed = split_rows(table, name, columns)
    return frame.assign(**{LINE: lines}), malformed, frozenset()


def _log_of(table: Delimited | Path, config: DataConfig) -> _Table:
    """Interactions with their columns mapped; only those columns are split and kept."""
    path, names = (table, parquet_columns(table)) if isinstance(table, Path) else (table.path, table.names)
    roles, notes = map_interactions(path, names, config)
    columns = list(roles.values())
    frame, malformed, _ = _rows(table, "interactions", columns, columns[:2])
    return _Table(frame.set_axis([*roles, LINE], axis=1), tuple(notes), malformed)


def _attributes_of(table: Delimited | Path, name: TableName, key: str, given: str | None) -> _Table:
    """A user or item table with its id, title and category columns renamed; all others keep their names."""
    path, names = (table, parquet_columns(table)) if isinstance(table, Path) else (table.path, table.names)
    renames, notes = map_attributes(path, names, key, given)
    ids = [c for c in names if renames.get(c, c) == key]
    frame, malformed, text = _rows(table, name, list(names), ids)
    return _Table(frame.rename(columns=renames), tuple(notes), malformed, frozenset(renames.get(c, c) for c in text))


def _read_beside(log: Path, stem: TableName, key: str, given: str | None) -> _Table | None:
    """The table named `stem` in the folder of the log."""
    beside = [p for p in sorted(log.parent.iterdir()) if p.is_file() and _stem(p) == stem and _is_table(p)]
    return _attributes_of(_open(_only(log.parent, beside)), stem, key, given) if beside else None


def _raw(format_name: str, interactions: _Table, users: _Table | None, items: _Table | None) -> RawTables:
    tables = [t for t in (interactions, users, items) if t is not None]
    return RawTables(
        name="",
        format=format_name,
        interactions=interactions.frame,
        users=users.frame if users else None,
        items=items.frame if items else None,
        notes=tuple(note for t in tables for note in t.notes),
        malformed=tuple(issue for t in tables for issue in t.malformed),
        text_columns=frozenset().union(*(t.text_columns for t in tables)),
    )
