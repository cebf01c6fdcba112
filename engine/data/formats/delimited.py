"""Delimited text -> a table of text columns, with the line number of every row and a report of the broken ones.

There are two ways to read a file. If every record is one line, as is nearly always the case, Arrow's reader splits it.
If a quoted field spans lines, or quoting is broken, Python's csv module reads record by record: slower, but exact about
where a record begins. Both give the same table for files that both can read; a property test checks that.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from engine.data.cleaning_report import FIRST_LINES, CleaningIssue, TableName, shorten
from engine.data.formats.dialect import (
    NUMBERED,
    Preface,
    has_spaced_quotes,
    is_border,
    is_row,
    no_header,
    preface_of,
    refuse_matrix,
    sniff,
)
from engine.data.formats.files import EmptyError, Text
from engine.data.names import first_duplicate
from engine.errors import DataError, Message

MAX_RECORD_LINES = 10_000
"""A longer quoted field is taken for a quote that was never closed."""
MAX_HEADER_BYTES = 1 << 20
SAMPLE_LINES = 200
"""So many lines are examined to find out how fields are quoted and separated."""
UNIT_SEPARATOR = b"\x1f"
"""Stands in for a delimiter of two characters, since Arrow splits by one."""


@dataclass(frozen=True)
class Delimited:
    """A delimited text whose column names are known and whose rows have not been split yet.

    Attributes:
        path: the file, for messages.
        names: column names, in order.
        body: UTF-8 bytes of the rows.
        delimiter: one character.
        first_line: line number of the first line of `body`.
        quoting: whether `"` quotes; in special formats (`u.data`, atomic files) it is a plain character.
        spaced: whether spaces may stand between a delimiter and a quote.
        notes: what was guessed about encoding and header.
    """

    path: Path
    names: tuple[str, ...]
    body: bytes
    delimiter: str
    first_line: int = 1
    quoting: bool = True
    spaced: bool = False
    notes: tuple[Message, ...] = ()

    @property
    def last_line(self) -> int:
        """Line number of the last line."""
        return self.first_line + self.body.removesuffix(b"\n").count(b"\n")


@dataclass
class _Broken:
    """Broken rows of one file, grouped by reason."""

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


def open_delimited(
    path: Path, text: Text, delimiter: str | None = None, *, quoting: bool = True, given: Collection[str] = ()
) -> Delimited:
    """A delimited text with its header read; the delimiter is guessed when not given.

    Args:
        path: the file, for messages.
        text: its text.
        delimiter: one character.
        quoting: whether `"` quotes.
        given: column names that the settings give; "column 3" counts from the left where there is no header.

    Raises:
        DataError: the header cannot be read, is a data row, names a column twice, or nothing follows it.
    """
    data = text.data
    above = preface_of(path, data) if quoting else Preface(start := len(data) - len(data.lstrip(b"\n")), start + 1)
    first = above.header or data[above.start : _line_end(data, above.start)].decode()
    delimiter = delimiter or above.delimiter or sniff(first)
    lines = _lines(data[above.start : above.start + MAX_HEADER_BYTES])
    spaced = (
        quoting
        and '"' in first + "".join(lines[:SAMPLE_LINES])
        and has_spaced_quotes([first, *lines[:SAMPLE_LINES]], delimiter)
    )
    fields, used = _header(path, first, None if above.header else lines, above.line, delimiter, quoting, spaced)
    gaps = delimiter == " " and _parted_by_gaps(first, lines[1:SAMPLE_LINES])
    if delimiter == " " and not spaced and '"' not in first:
        fields = re.split(r"\s{2,}", first.strip()) if gaps else first.split()
    names = tuple(name.strip() or f"column {i}" for i, name in enumerate(fields, start=1))
    if quoting and is_row(names, given):
        if not any(NUMBERED.fullmatch(g) for g in given):
            raise no_header(path, above.line, fields, delimiter)
        names, used = tuple(f"column {i}" for i in range(1, len(names) + 1)), 0
    if (twice := first_duplicate(names)) is not None:
        raise DataError(
            "{path}, line {line}: the header names {name!r} twice; give each column its own name.",
            path=path,
            line=above.line,
            name=twice,
        )
    refuse_matrix(path, names)
    end, used = above.start, 0 if above.header else used
    if quoting and used and len(lines) > used and is_border(lines[used]):
        used += 1
    for _ in range(used):
        end = min(_line_end(data, end) + 1, len(data))
    body = data[end:]
    if not body.strip():
        raise EmptyError(
            "{path} has a header, {header!r}, and no row below it; it must hold at least one row.",
            path=path,
            header=shorten(first),
        )
    if delimiter == " " and b'"' not in body:
        body, delimiter = without_padding(body, gaps), UNIT_SEPARATOR.decode() if gaps else " "
    first_line = above.line + (1 if above.header else used)
    notes = (*text.notes, *above.notes)
    if spaced:
        notes = (*notes, Message("{file} has spaces between fields and their quotes", {"file": path.name}))
    return Delimited(path, names, body, delimiter, first_line, quoting, spaced, notes)


def _header(
    path: Path, first: str, lines: list[str] | None, line: int, delimiter: str, quoting: bool, spaced: bool
) -> tuple[list[str], int]:
    """The fields of a header, and how many lines it takes."""
    if not quoting or '"' not in first:
        return first.split(delimiter), 1
    with _long_fields():
        fields, used, problem = _record(lines or [first], 0, delimiter, spaced=spaced)
    if problem:
        raise DataError(
            "{path}, line {line}: the header {header!r} has {problem}; mend its quotes.",
            path=path,
            line=line,
            header=shorten(first),
            problem=problem,
        )
    return fields, used


def _parted_by_gaps(first: str, rows: list[str]) -> bool:
    """Whether columns are aligned, with two or more spaces between them and single spaces within values."""
    wide = len(re.split(r"\s{2,}", first.strip()))
    rows = [row.strip() for row in rows if row.strip()]
    if wide < 2 or not rows or all(len(row.split()) == len(first.split()) for row in rows):
        return False
    return all(len(re.split(r"\s{2,}", row)) == wide for row in rows)


def without_padding(body: bytes, gaps: bool = False) -> bytes:
    """Rows with one delimiter between fields, without the padding; line breaks stay as they are."""
    body = re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", body)
    return re.sub(rb"[ \t]{2,}", UNIT_SEPARATOR, body) if gaps else re.sub(rb"[ \t]+", b" ", body)


def split_rows(
    table: Delimited, name: TableName, columns: Sequence[str] | None = None
) -> tuple[pd.DataFrame, np.ndarray, tuple[CleaningIssue, ...]]:
    """The rows of a delimited text, without blank lines.

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
    """Whether every quoted field lies within one line, so that lines are records."""
    if b"\r" in table.body or table.spaced:
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
            use_threads=False,  # with threads, Arrow does not report the number of a bad row
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
    if not kept[read].all():  # Arrow turns a blank line into a row
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
                fields, used, problem = _record(lines, at, table.delimiter, table.quoting, table.spaced)
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


def _record(
    lines: list[str], at: int, delimiter: str, quoting: bool = True, spaced: bool = False
) -> tuple[list[str], int, str]:
    """The fields of the record that begins at a line, how many lines it takes, and what is wrong with its quoting.

    If its quoting is wrong, only the first line is taken: an open quote would swallow the good lines after it.
    """
    following = (lines[i] + "\n" for i in range(at, min(at + MAX_RECORD_LINES, len(lines))))
    if spaced:  # spaces before a delimiter mean as little as those after it
        behind = re.compile(rf'" +(?={re.escape(delimiter)}|$)')
        following = (behind.sub('"', line.strip(" ")) for line in following)
    style = csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
    reader = csv.reader(following, delimiter=delimiter, strict=True, quoting=style, skipinitialspace=spaced)
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
    """Within this, the csv module accepts fields of any length; its global limit is restored afterwards."""
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)
