"""One table on disk, text or Parquet: its columns first, then the rows of those that are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from engine.data.delimited import Delimited, open_delimited, split_rows
from engine.data.files import NO_LIMIT, ReadLimit, is_parquet, read_text
from engine.data.parquet import parquet_columns, read_parquet
from engine.data.report import CleaningIssue, TableName
from engine.data.schema import LINE
from engine.errors import Message

Kind = Literal["text", "number"]


@dataclass(frozen=True)
class RawTable:
    """One table as read: its rows with `line`, and what RawTables says of all.

    Attributes:
        frame: the wanted columns and `line`.
        notes: what was guessed, one sentence each.
        malformed: rows that are in no table.
        kinds: the columns that the file declares to be text or numbers.
    """

    frame: pd.DataFrame
    notes: tuple[Message | str, ...] = ()
    malformed: tuple[CleaningIssue, ...] = ()
    kinds: Mapping[str, Kind] = field(default_factory=dict)


class Table(Protocol):
    """A table whose columns are known and whose rows are yet to be read."""

    @property
    def path(self) -> Path:
        """The file, for messages."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns, in order."""
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

    def rows(self, name: TableName, columns: list[str], ids: list[str]) -> RawTable:
        frame, lines, malformed = split_rows(self.text, name, columns)
        return RawTable(frame.assign(**{LINE: lines}), malformed=malformed)


@dataclass(frozen=True)
class ParquetTable:
    """One Parquet file."""

    path: Path
    names: tuple[str, ...]
    limit: ReadLimit = NO_LIMIT

    def rows(self, name: TableName, columns: list[str], ids: list[str]) -> RawTable:
        frame, text = read_parquet(self.path, columns, frozenset(ids), self.limit)
        return RawTable(frame.assign(**{LINE: np.arange(1, len(frame) + 1)}), kinds=dict.fromkeys(text, "text"))


def open_table(path: Path, limit: ReadLimit = NO_LIMIT) -> Table:
    """The table in a file, known by its content.

    Raises:
        DataError: the file is no table, or is larger than it may be.
    """
    if is_parquet(path):
        return ParquetTable(path, parquet_columns(path, limit), limit)
    return TextTable(open_delimited(path, read_text(path, limit=limit)))
