"""One table on disk, text, Parquet or JSON: first its columns, then the rows of the columns that are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from engine.data.cleaning_report import FIRST_LINES, CleaningIssue, TableName, shorten
from engine.data.formats.delimited import Delimited, open_delimited, split_rows
from engine.data.formats.files import NO_LIMIT, EmptyError, ReadLimit, head, is_parquet, read_text
from engine.data.formats.json_records import Records, is_json, open_records
from engine.data.formats.parquet import parquet_columns, parquet_rows, read_parquet
from engine.data.schema import LINE
from engine.errors import DataError, Message

Kind = Literal["text", "number"]


@dataclass(frozen=True)
class RawTable:
    """One table as read: its rows with `line`, and what RawTables says of all.

    Attributes:
        frame: the wanted columns and `line`.
        notes: what was guessed, one sentence each.
        malformed: rows that are in no table.
        kinds: the columns that the file declares to be text or numbers.
        in_lists: each row is a place in a list, so that none is a duplicate of another.
    """

    frame: pd.DataFrame
    notes: tuple[Message | str, ...] = ()
    malformed: tuple[CleaningIssue, ...] = ()
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    in_lists: bool = False


class Table(Protocol):
    """A table whose columns are known and whose rows have not been read yet."""

    @property
    def path(self) -> Path:
        """The file or folder, for messages."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns, in order."""
        ...

    @property
    def last_line(self) -> int:
        """Line number of its last line, or number of its last row."""
        ...

    def rows(self, name: TableName, columns: list[str], ids: list[str]) -> RawTable:
        """The wanted columns, under their own names; those of `ids` as text that never ends in ".0"."""
        ...


@dataclass(frozen=True)
class TextTable:
    """Delimited text with its header read."""

    text: Delimited

    @property
    def path(self) -> Path:
        return self.text.path

    @property
    def names(self) -> tuple[str, ...]:
        return self.text.names

    @property
    def last_line(self) -> int:
        return self.text.last_line

    def rows(self, name: TableName, columns: list[str], ids: list[str]) -> RawTable:
        frame, lines, malformed = split_rows(self.text, name, columns)
        return RawTable(frame.assign(**{LINE: lines}), self.text.notes, malformed)


@dataclass(frozen=True)
class ParquetTable:
    """One Parquet file."""

    path: Path
    names: tuple[str, ...]
    limit: ReadLimit = NO_LIMIT

    @property
    def last_line(self) -> int:
        return parquet_rows(self.path)

    def rows(self, name: TableName, columns: list[str], ids: list[str]) -> RawTable:
        frame, text, wrong = read_parquet(self.path, columns, frozenset(ids), self.limit)
        frame = frame.assign(**{LINE: np.arange(1, len(frame) + 1)})
        issues, kept = [], np.ones(len(frame), dtype=bool)
        for column, beyond in wrong.items():
            beyond = beyond & kept
            kept &= ~beyond
            if beyond.any():
                lines = tuple(int(n) + 1 for n in np.flatnonzero(beyond)[:FIRST_LINES])
                reason = Message("{column} is infinite or too large a number for an id", {"column": column})
                issues.append(CleaningIssue(name, reason, "dropped", int(beyond.sum()), lines))
        frame = frame if kept.all() else frame.loc[kept].reset_index(drop=True)
        return RawTable(frame, malformed=tuple(issues), kinds=dict.fromkeys(text, "text"))


@dataclass(frozen=True)
class JsonTable:
    """JSON lines, or JSON that holds records in one of the usual ways."""

    records: Records

    @property
    def path(self) -> Path:
        return self.records.path

    @property
    def names(self) -> tuple[str, ...]:
        return self.records.names

    @property
    def last_line(self) -> int:
        return self.records.last_line

    def rows(self, name: TableName, columns: list[str], ids: list[str]) -> RawTable:
        frame, malformed = self.records.rows(name, columns, ids)
        return RawTable(frame, self.records.notes, malformed, in_lists=self.records.list_column is not None)


@dataclass(frozen=True)
class Parts:
    """Several files that are one table: what Spark and Dask write, or files of one schema that somebody named.

    Attributes:
        path: the folder or pattern, for messages.
        tables: the parts, in order.
        partitions: for each part, the columns that the names of its folders tell, as in `day=2024-01-31`.
    """

    path: Path
    tables: tuple[Table, ...]
    partitions: tuple[Mapping[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        first = self.tables[0].names
        return (*first, *(c for c in self.partitions[0] if c not in first))

    @property
    def last_line(self) -> int:
        return sum(t.last_line for t in self.tables)

    def rows(self, name: TableName, columns: list[str], ids: list[str]) -> RawTable:
        before = 0
        read: list[RawTable] = []
        for table, told in zip(self.tables, self.partitions, strict=True):
            own = [c for c in columns if c in table.names]
            part = table.rows(name, own, [c for c in ids if c in own])
            frame = part.frame.assign(**{c: told[c] for c in columns if c not in own})
            frame = frame[[*columns, LINE]].assign(**{LINE: frame[LINE] + before})
            issues = tuple(replace(i, lines=tuple(n + before for n in i.lines)) for i in part.malformed)
            read.append(replace(part, frame=frame, malformed=issues))
            before += table.last_line
        self._check_kinds(read, columns)
        notes = {str(n): n for part in read for n in part.notes if "{file}" not in getattr(n, "template", "")}
        told_of = Message(
            "{n:,} files are read as one, in the order of their names; line numbers count through them",
            {"n": len(read)},
        )
        return RawTable(
            pd.concat([part.frame for part in read], ignore_index=True),
            (told_of, *notes.values()),
            _together([issue for part in read for issue in part.malformed]),
            {c: "text" for c in columns if any(part.kinds.get(c) == "text" for part in read)},
            any(part.in_lists for part in read),
        )

    def _check_kinds(self, read: list[RawTable], columns: list[str]) -> None:
        """Raises a DataError where a column holds times in one part and something else in another."""
        for column in columns:
            kinds = [part.frame[column].dtype.kind for part in read]
            alike = ["number" if k in "iuf" else k for k in kinds]
            if (other := next((i for i, k in enumerate(alike) if k != alike[0]), None)) is not None:
                raise DataError(
                    "{path}: column {column!r} holds {one} in {first} and {another} in {second}; write the parts with "
                    "one type.",
                    path=self.path,
                    column=column,
                    one=str(read[0].frame[column].dtype),
                    first=self.tables[0].path.name,
                    another=str(read[other].frame[column].dtype),
                    second=self.tables[other].path.name,
                )


def _together(issues: list[CleaningIssue]) -> tuple[CleaningIssue, ...]:
    """One issue for each reason."""
    found: dict[str, CleaningIssue] = {}
    for issue in issues:
        key = str(issue.reason)
        if key in found:
            old = found[key]
            issue = replace(old, rows=old.rows + issue.rows, lines=(old.lines + issue.lines)[:FIRST_LINES])
        found[key] = issue
    return tuple(found.values())


def open_table(
    path: Path, limit: ReadLimit = NO_LIMIT, given: Mapping[str, str] | None = None, *, is_log: bool = True
) -> Table:
    """The table in a file, known by its content.

    Args:
        path: the file.
        limit: how much may be unpacked.
        given: the columns that the settings name, by role.
        is_log: whether a row is an interaction, and not a user or an item.

    Raises:
        DataError: the file is not a table, or is larger than it may be.
    """
    given = given or {}
    if is_parquet(path):
        return ParquetTable(path, parquet_columns(path, limit), limit)
    if is_json(head(path)):
        return JsonTable(open_records(path, read_text(path, limit=limit), given, is_log))
    return TextTable(open_delimited(path, read_text(path, limit=limit), given=list(given.values())))


def open_parts(path: Path, files: list[Path], given: Mapping[str, str] | None = None, *, is_log: bool = True) -> Table:
    """Several files as one table; those without rows are skipped.

    Args:
        path: the folder or pattern that they were found by, for messages.
        files: the files, in order.
        given: the columns that the settings name, by role.
        is_log: whether a row is an interaction, and not a user or an item.

    Raises:
        DataError: they have different columns, or none has a row.
    """
    tables: list[Table] = []
    told: list[Mapping[str, str]] = []
    empty: EmptyError | None = None
    for file in files:
        try:
            tables.append(open_table(file, given=given, is_log=is_log))
        except EmptyError as error:
            empty = error
            continue
        folders = file.relative_to(path).parts[:-1] if path.is_dir() else ()
        told.append(dict(part.split("=", 1) for part in folders if "=" in part))
    if not tables:
        raise empty or EmptyError("{path} is empty; it must hold at least one interaction.", path=path)
    for table, partitions in zip(tables, told, strict=True):
        ours, theirs = (set(t.names) | set(p) for t, p in ((tables[0], told[0]), (table, partitions)))
        if ours != theirs:
            raise DataError(
                "{path}: {second} has not the columns of {first} ({difference}), so that they are no parts of one "
                "table; give one of them.",
                path=path,
                first=tables[0].path.name,
                second=table.path.name,
                difference=shorten(", ".join(sorted(ours ^ theirs))),
            )
    return Parts(path, tuple(tables), tuple(told))
