"""Delimited text -> a table of text columns, with the line number of every row and an account of the broken ones.

Two ways lead through a file. Where every record is one line, which is nearly always so, Arrow's reader splits it. Where
a quoted field runs over lines, or quoting is broken, Python's csv module reads record by record: slower, and exact
about where a record begins. Both give the same table for files that both can read; a property test holds them to it.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from engine.data.names import first_twice
from engine.data.report import FIRST_LINES, CleaningIssue, TableName, shorten
from engine.errors import DataError

MAX_RECORD_LINES = 10_000
"""A quoted field that runs on for longer is taken for a quote that was never closed."""
MAX_HEADER_BYTES = 1 << 20
UNIT_SEPARATOR = b"\x1f"
"""Stands in for a delimiter of two characters, since Arrow splits by one."""


@dataclass(frozen=True)
class Delimited:
    """A delimited text whose column names are known and whose rows are yet to be split.

    Attributes:
        path: the file, for messages.
        names: column names, in order.
        body: UTF-8 bytes of the rows.
        delimiter: one character.
        first_line: line number of the first line of `body`.
        quoting: whether `"` quotes; formats of their own (`u.data`, atomic files) hold it as a plain character.
    """

    path: Path
    names: tuple[str, ...]
    body: bytes
    delimiter: str
    first_line: int = 1
    quoting: bool = True


@dataclass
class _Broken:
    """Broken rows of one file, gathered by reason."""

    rows: dict[str, int] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, line: int, text: str) -> None:
        self.rows[reason] = self.rows.get(reason, 0) + 1
        lines = self.lines.setdefault(reason, [])
        if len(lines) < FIRST_LINES:
            lines.append(line)
        self.examples.setdefault(reason, shorten(text))

    def issues(self, table: TableName) -> tuple[CleaningIssue, ...]:
        return tuple(
            CleaningIssue(table, reason, "dropped", n, tuple(self.lines[reason]), self.examples[reason])
            for reason, n in self.rows.items()
        )


def open_delimited(path: Path, text: bytes, delimiter: str | None = None, *, quoting: bool = True) -> Delimited:
    """A delimited text with its header read; the delimiter is the likeliest one when not given.

    Raises:
        DataError: the header cannot be read, names a column twice, or nothing follows it.
    """
    start = len(text) - len(text.lstrip(b"\n"))
    line = text.count(b"\n", 0, start) + 1
    first = text[start : _line_end(text, start)].decode()
    lines = _lines(text[start : start + MAX_HEADER_BYTES]) if quoting and '"' in first else None
    delimiter = delimiter or sniff(first)
    if lines is None:
        fields, used = first.split(delimiter), 1
    else:
        with _long_fields():
            fields, used, problem = _record(lines, 0, delimiter)
        if problem:
            raise DataError(
                "{path}, line {line}: the header {header!r} has {problem}; mend its quotes.",
                path=path,
                line=line,
                header=shorten(first),
                problem=problem,
            )
    names = tuple(name.strip() or f"column {i}" for i, name in enumerate(fields, start=1))
    if (twice := first_twice(names)) is not None:
        raise DataError(
            "{path}, line {line}: the header names {name!r} twice; give each column its own name.",
            path=path,
            line=line,
            name=twice,
        )
    end = start
    for _ in range(used):
        end = min(_line_end(text, end) + 1, len(text))
    if not text[end:].strip():
        raise DataError(
            "{path} has a header, {header!r}, and no row below it; it must hold at least one row.",
            path=path,
            header=shorten(first),
        )
    return Delimited(path, names, text[end:], delimiter, line + used, quoting)


def sniff(header: str) -> str:
    """The likeliest delimiter of a header line: comma, tab, semicolon or bar; a space when none of them occurs."""
    bare = re.sub(r'"[^"]*"', "", header)
    likeliest = max((",", "\t", ";", "|"), key=bare.count)
    return likeliest if likeliest in bare or " " not in bare.strip() else " "


def split_rows(
    table: Delimited, name: TableName, columns: Sequence[str] | None = None
) -> tuple[pd.DataFrame, np.ndarray, tuple[CleaningIssue, ...]]:
    """The rows of a delimited text, whole lines without text left out.

    Args:
        table: what to split.
        name: the table's name in the report.
        columns: the columns wanted; None for all.

    Returns:
        A frame of text columns (empty fields are ""), the (n,) int64 line number on which each row begins, and the
        malformed rows.
    """
    columns = list(table.names if columns is None else columns)
    broken = _Broken()
    if one_line_a_record(table):
        frame, lines = _split_fast(table, columns, broken)
    else:
        frame, lines = _split_carefully(table, columns, broken)
    return frame, lines, broken.issues(name)


def one_line_a_record(table: Delimited) -> bool:
    """Whether every quote belongs to a whole quoted field within one line, so that lines are records."""
    if b"\r" in table.body:
        return False
    if not table.quoting or b'"' not in table.body:
        return True
    delimiter = re.escape(table.delimiter.encode())
    quoted = re.compile(rb'"(?<![^%b\n].)[^"\n]*+(?:""[^"\n]*+)*+"(?=[%b\n]|\Z)' % (delimiter, delimiter), re.DOTALL)
    return b'"' not in quoted.sub(b"", table.body)


def _split_fast(table: Delimited, columns: list[str], broken: _Broken) -> tuple[pd.DataFrame, np.ndarray]:
    ends = np.flatnonzero(np.frombuffer(table.body, dtype=np.uint8) == ord("\n"))
    if not table.body.endswith(b"\n"):
        ends = np.append(ends, len(table.body))
    widths = np.diff(ends, prepend=-1)  # of each line, its line feed included
    kept = widths > 1
    n = len(table.names)

    def note(row: pacsv.InvalidRow) -> str:
        at = row.number - 1
        kept[at] = False
        skipped.append(at)
        if row.text.strip(" "):
            broken.add(_wrong_count(row.actual_columns, n), table.first_line + at, row.text)
        return "skip"

    skipped: list[int] = []
    arrow = pacsv.read_csv(
        pa.py_buffer(table.body),
        read_options=pacsv.ReadOptions(
            column_names=list(table.names),
            use_threads=False,  # with threads, Arrow does not tell the number of a bad row
            block_size=int(min(max(1 << 22, 2 * widths.max()), 2**31 - 1)),
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=table.delimiter,
            quote_char='"' if table.quoting else False,
            ignore_empty_lines=False,  # blank lines count in line numbers
            invalid_row_handler=note,
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(table.names, pa.string()),
            include_columns=columns,
            strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    read = np.ones(len(ends), dtype=bool)
    read[skipped] = False
    if not kept[read].all():  # Arrow makes a row of a blank line
        arrow = arrow.filter(pa.array(kept[read]))
    return arrow.to_pandas(), np.flatnonzero(kept) + table.first_line


def _split_carefully(table: Delimited, columns: list[str], broken: _Broken) -> tuple[pd.DataFrame, np.ndarray]:
    lines = _lines(table.body)
    n, at = len(table.names), 0
    rows: list[list[str]] = []
    numbers: list[int] = []
    with _long_fields():
        while at < len(lines):
            line, used = lines[at], 1
            if not line.strip(" "):
                at += 1
                continue
            if "\r" in line or (table.quoting and '"' in line):
                fields, used, problem = _record(lines, at, table.delimiter, table.quoting)
            else:
                fields, problem = line.split(table.delimiter), ""
            if not problem and len(fields) != n:
                problem = _wrong_count(len(fields), n)
            if problem:
                broken.add(problem, table.first_line + at, line)
            else:
                rows.append(fields)
                numbers.append(table.first_line + at)
            at += used
    wanted = [table.names.index(c) for c in columns]
    frame = pd.DataFrame(
        {c: pd.Series([row[i] for row in rows], dtype="str") for c, i in zip(columns, wanted, strict=True)}
    )
    return frame, np.asarray(numbers, dtype=np.int64)


def _record(lines: list[str], at: int, delimiter: str, quoting: bool = True) -> tuple[list[str], int, str]:
    """The fields of the record that begins at a line, how many lines it takes, and what is wrong with its quoting.

    Of a record with wrong quoting only the first line is taken: a quote left open would hide the good lines after it.
    """
    following = (lines[i] + "\n" for i in range(at, min(at + MAX_RECORD_LINES, len(lines))))
    style = csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
    reader = csv.reader(following, delimiter=delimiter, strict=True, quoting=style)
    try:
        fields = next(reader)
    except csv.Error as error:
        if "unexpected end" in str(error):
            return [], 1, "a quote that is never closed"
        if "new-line" in str(error):
            return [], 1, "a carriage return inside the row"
        return [], 1, "text after a closing quote"
    return fields, reader.line_num, ""


def _wrong_count(found: int, expected: int) -> str:
    return f"{found} field{'s' if found != 1 else ''} instead of {expected}"


def _line_end(text: bytes, start: int) -> int:
    end = text.find(b"\n", start)
    return len(text) if end < 0 else end


def _lines(text: bytes) -> list[str]:
    lines = text.decode(errors="replace").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return lines


@contextmanager
def _long_fields() -> Iterator[None]:
    """Lets the csv module take fields of any length, and sets its global limit back afterwards."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)
