"""The dialect of a delimited text: what precedes its header, what separates its fields, and whether it has a header."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.data.cleaning_report import shorten
from engine.data.schema import ITEM_ID, RATING, TIMESTAMP, USER_ID, USUAL_ATTRIBUTES, USUAL_NAMES, find_column
from engine.errors import DataError, Message

DELIMITERS = (",", "\t", ";", "|", "\x01")  # the last is Hive's
NUMBERED = re.compile(r"column [1-9]\d*")
"""Names of unnamed columns, by which the settings may also name those of a file without a header."""
LONGEST_SAMPLE = 4096
"""So many characters of a line are examined to find out how it is quoted."""
MATRIX_COLUMNS = 5
"""From this many columns with numbers for names, a table counts as a matrix with a column for each item."""

_SEPARATOR_LINE = re.compile(r'(?i)"?sep=(.|\\t)"?')
_BORDER = re.compile(r"(?=.*-)[-+|=: ]{3,}")
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_DATE = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([ T].*)?"
_DATUM = re.compile(rf"{_NUMBER}|{_DATE}|[0-9a-fA-F]{{16,}}|(?=[A-Z0-9]*\d)(?=[A-Z0-9]*[A-Z])[A-Z0-9]{{8,}}")


@dataclass(frozen=True)
class Preface:
    """What precedes the header.

    Attributes:
        start: where the header's text begins.
        end: where the line after the header begins, if the header itself is in a comment; else None.
        line: line number of the header.
        delimiter: what a `sep=` line says.
        header: the header's text if it is in a comment.
        notes: what was skipped.
    """

    start: int
    line: int
    delimiter: str | None = None
    header: str | None = None
    notes: tuple[Message, ...] = ()


def preface_of(path: Path, text: bytes, has_header: bool = True) -> Preface:
    """Blank lines, a spreadsheet's `sep=;`, and lines that begin with `#` or `%`, all above the header or first row."""
    at, line, delimiter = 0, 1, None
    comments: list[tuple[int, int, str]] = []
    notes: list[Message] = []
    while at < len(text):
        end = text.find(b"\n", at)
        end = len(text) if end < 0 else end
        said = text[at : min(end, at + 4096)].decode(errors="replace").strip()
        if (found := _SEPARATOR_LINE.fullmatch(said)) and delimiter is None and not comments:
            delimiter = "\t" if found[1] == "\\t" else found[1]
            notes.append(Message("{file} says {line!r} above its header", {"file": path.name, "line": said}))
        elif said[:1] in ("#", "%"):
            comments.append((at, line, said))
        elif said and not is_border(said):
            break
        at, line = end + 1, line + 1
    at = min(at, len(text))
    here = text[at : at + 65_536].split(b"\n", 1)[0].decode(errors="replace")
    bare = comments[-1][2].lstrip("#% ") if comments else ""
    is_header = has_header and bool(comments) and _names_columns(bare) and not _names_columns(here)
    if above := len(comments) - is_header:
        told = {"n": above, "file": path.name, "sign": comments[0][2][0]}
        if above == 1:
            said = Message("a line at the top of {file} begins with {sign!r} and is passed over as a comment", told)
        else:
            said = Message("{n:,} lines at the top of {file} begin with {sign!r} and are passed over as comments", told)
        notes.append(said)
    if is_header:
        return Preface(at, line - 1, delimiter, bare, tuple(notes))
    return Preface(at, line, delimiter, None, tuple(notes))


def is_border(line: str) -> bool:
    """Whether a line is a rule, such as database shells print between the header and the rows."""
    return _BORDER.fullmatch(line.strip()) is not None


def _names_columns(line: str) -> bool:
    names = line.split() if sniff(line) == " " else line.split(sniff(line))
    return _has_usual(names, USER_ID) or _has_usual(names, ITEM_ID)


def _has_usual(names: Sequence[str], role: str) -> bool:
    return find_column([n.strip().strip('"') for n in names], USUAL_NAMES[role]) is not None


def sniff(header: str) -> str:
    """The most likely delimiter of a header line: comma, tab, semicolon or bar; a space when none of them occurs."""
    bare = re.sub(r'"[^"]*"', "", header)
    likeliest = max(DELIMITERS, key=bare.count)
    return likeliest if likeliest in bare or " " not in bare.strip() else " "


def is_row(fields: Sequence[str], given: Collection[str] = ()) -> bool:
    """Whether a first line holds values, not names: none is a usual name or a given one, and some are clearly data."""
    bare = [f.strip() for f in fields]
    if set(bare) & {g for g in given if not NUMBERED.fullmatch(g)}:
        return False
    if any(find_column(bare, usual) for usual in (*USUAL_NAMES.values(), *USUAL_ATTRIBUTES.values(), ("id",))):
        return False
    return any(_DATUM.fullmatch(f) for f in bare if f)


def no_header(path: Path, line: int, fields: Sequence[str], delimiter: str) -> DataError:
    """The error for a file whose first line is a row: what to put above it, or how to name its columns."""
    roles = likely_roles([f.strip() for f in fields])
    places = {role: i for i, role in enumerate(roles, start=1)}
    options = " ".join(
        f"--{option} 'column {places[role]}'"
        for role, option in ((USER_ID, "user"), (ITEM_ID, "item"), (TIMESTAMP, "time"))
        if role in places
    )
    return DataError(
        "{path}, line {line}: {row!r} looks like a row, not like a header. Put a line of column names above it, such "
        "as {header}, parted as the rows are, or name the columns by their places, such as {options}.",
        path=path,
        line=line,
        row=shorten(" ".join(fields)),
        header=shorten((delimiter if delimiter.isprintable() else ", ").join(roles), 100),
        options=options,
    )


def likely_roles(fields: Sequence[str]) -> list[str]:
    """A name for each field of a row: first a likely time and rating, then a user and an item, then the rest."""
    roles = [f"column {i}" for i in range(1, len(fields) + 1)]
    free = list(range(len(fields)))
    times = [i for i in free if is_time(fields[i])]
    if times and len(free) > 2:
        roles[times[-1]] = TIMESTAMP
        free.remove(times[-1])
    ratings = [i for i in free[2:] if is_rating(fields[i])]
    if ratings and len(fields) <= 5:
        roles[ratings[0]] = RATING
        free.remove(ratings[0])
    for role, i in zip((USER_ID, ITEM_ID), free, strict=False):
        roles[i] = role
    return roles


def is_time(text: str) -> bool:
    """Whether a text looks like a time: seconds or milliseconds since 1990, or a date."""
    if re.fullmatch(r"\d{9,10}(\.\d+)?|\d{12,13}", text):
        return 6e8 < float(text) / (1000 if len(text.split(".")[0]) > 10 else 1) < 4.2e9
    return re.fullmatch(rf"{_DATE}", text) is not None


def is_rating(text: str) -> bool:
    """Whether a text looks like a rating: a number from -10 to 10, or an integer up to 100."""
    return re.fullmatch(_NUMBER, text) is not None and -10 <= float(text) <= 100


def refuse_matrix(path: Path, names: Sequence[str]) -> None:
    """Raise a DataError if the table is a matrix, with a row for each user and a column for each item."""
    numbers = sum(bool(re.fullmatch(r"\d+", n)) for n in names)
    if numbers >= MATRIX_COLUMNS and numbers >= 0.8 * len(names) and not _has_usual(names, ITEM_ID):
        raise DataError(
            "{path} has a column for each of {n:,} items; write a row for each user and item instead, with the "
            "columns user_id, item_id and rating (in pandas: `melt`).",
            path=path,
            n=numbers,
        )


def has_spaced_quotes(lines: Sequence[str], delimiter: str) -> bool:
    """Whether fields are quoted after a space, as in `1, "a, b"`."""
    text = "\n".join(line[:LONGEST_SAMPLE] for line in lines)
    sign = re.escape(delimiter)
    spaced = re.compile(rf'(?:^|{sign})[ \t]+"', re.MULTILINE)
    if not spaced.search(text):
        return False
    well_quoted = re.compile(rf'(?<![^{sign}\n])"[^"]*(?:""[^"]*)*"(?=[{sign}\n]|\Z)')
    return spaced.search(well_quoted.sub("x", text)) is not None
