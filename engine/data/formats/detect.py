"""What a path holds: which file is the log, and in which format, by its content and by well-known names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from engine.data.cleaning_report import shorten
from engine.data.formats.dialect import DELIMITERS, is_rating, is_time, preface_of
from engine.data.formats.files import head, is_parquet, refuse_foreign
from engine.data.formats.json_records import is_json
from engine.data.formats.movielens import LOGS as MOVIELENS_LOGS
from engine.data.names import listed
from engine.data.schema import ITEM_ID, RATING, TIMESTAMP, USER_ID, USUAL_NAMES, find_column
from engine.errors import DataError, Message

Format = Literal["folder", "movielens", "atomic", "sequences", "table", "triples", "parts"]

FORMATS = Message(
    "a folder with interactions.csv, .tsv, .jsonl or .parquet (and items.*, users.*); a MovieLens folder (ratings.csv, "
    "u.data or ratings.dat); RecBole atomic files (.inter, .item, .user); a text file of sequences (user item item "
    "...); one CSV, TSV, JSON or Parquet file; a folder of Parquet parts"
)
"""What can be read, for messages."""

_TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson", ".json")
_BESIDE = frozenset({"item2attributes.json", "oracle.json", "dataset_infos.json", "package.json", "metadata.json"})
"""JSON files that are not logs."""
_PART = re.compile(r"(?i)(part|chunk|shard|split)?[-_.]?\d+\b.*|[0-9a-f]{32}-\d+\..*|.*-\d{5}-of-\d{5}\..*")
_TYPED = r"[^\t:]+:(token|float|token_seq|float_seq)"
_ATOMIC_HEADER = re.compile(rf"{_TYPED}(\t{_TYPED})*")
_ABOUT = re.compile(r"(?i)(readme|licen[cs]e|notice|citation|changelog)\b")


def recognise(path: Path) -> tuple[Path, Format]:
    """The file, or folder of parts, that holds the interactions, and its format.

    Raises:
        DataError: there is nothing usable, or several logs; says what there is and what could be given.
    """
    if not path.exists():
        if glob_of(path):
            return path, "parts"
        raise DataError("{path} does not exist; check the path. It may be: {formats}.", path=path, formats=FORMATS)
    return _recognise_folder(path) if path.is_dir() else (path, recognise_file(path))


def glob_of(path: Path) -> list[Path]:
    """The files that match a pattern such as `logs/*.parquet`, in order; none if it is not a pattern."""
    if not re.search(r"[*?\[]", str(path)):
        return []
    plain = list(path.parts)
    first = next(i for i, part in enumerate(plain) if re.search(r"[*?\[]", part))
    root = Path(*plain[:first]) if first else Path()
    try:
        found = [p for p in root.glob(str(Path(*plain[first:]))) if p.is_file() and not _is_idle(p)]
    except (OSError, ValueError):
        return []
    return sorted(found, key=_by_number)


def parts_of(folder: Path) -> list[Path]:
    """The files of a folder that is one table in parts, as Spark, Dask and Hive write them; none if it is not."""
    try:
        found = sorted((p for p in folder.rglob("*") if p.is_file() and not _is_idle(p)), key=_by_number)
        names = {p.name for p in folder.iterdir()}
    except OSError:
        return []
    if not found or not all(is_parquet(p) or is_table(p) or p.suffix == "" for p in found):
        return []
    if not all(is_parquet(p) for p in found) and any(is_parquet(p) for p in found):
        return []
    inside = [p.relative_to(folder).parts[:-1] for p in found]
    hive = all(parts and all("=" in part for part in parts) for parts in inside)
    flat = not any(inside)
    marked = bool(names & {"_SUCCESS", "_metadata", "_common_metadata"}) or is_table(folder)
    numbered = len(found) > 1 and all(_PART.fullmatch(p.name) for p in found)
    return found if hive or (flat and (marked or numbered)) else []


def _is_idle(path: Path) -> bool:
    """Whether a file only serves the program that wrote the others."""
    return path.name.startswith((".", "_")) or path.suffix == ".crc" or path.name.lower() == "desktop.ini"


def _by_number(path: Path) -> list[tuple[int, int, str]]:
    """A key by which `part.10` comes after `part.9`."""
    return [(0, int(w), "") if w.isdigit() else (1, 0, w) for w in re.split(r"(\d+)", str(path)) if w]


def data_name(path: Path, log: Path) -> str:
    """A name for the data: that of the folder, or of the file where that says more."""
    generic = stem(log) == "interactions" or bare_name(log) in MOVIELENS_LOGS
    if path.is_dir():
        folder = path.resolve().parent if stem(path.resolve()) == "interactions" else path
        return stem(folder.resolve())
    if glob_of(path):
        return path.resolve().parent.name
    folder = log.parent if generic else None
    return folder.resolve().name if folder is not None else stem(log)


def bare_name(path: Path) -> str:
    """A file's name in lower case, without `.gz`."""
    return path.name.lower().removesuffix(".gz")


def stem(path: Path) -> str:
    """A file's name without the endings of its format: `beauty.txt.gz` -> `beauty`."""
    name = path.name
    for ending in (".gz", *_TABLE_ENDINGS, ".inter"):
        name = name[: -len(ending)] if name.lower().endswith(ending) else name
    return name


def is_table(path: Path) -> bool:
    """Whether a file's name has the ending of a table."""
    return bare_name(path).endswith(_TABLE_ENDINGS)


def only(folder: Path, files: list[Path]) -> Path:
    """The one file.

    Raises:
        DataError: there are several.
    """
    if len(files) > 1:
        raise DataError(
            "{folder} holds {names}, and only one of them can be read; take the others away, or name one.",
            folder=folder,
            names=listed([p.name for p in files]),
        )
    return files[0]


def recognise_file(path: Path) -> Format:
    """The format of one file.

    Raises:
        DataError: it does not hold interactions, or its content cannot be recognised.
    """
    name = bare_name(path)
    if name.endswith((".item", ".user")):
        raise DataError(
            "{path} holds {what}s, not interactions; give the log beside it (.inter or u.data) or the folder.",
            path=path,
            what=name.rsplit(".", 1)[1],
        )
    is_folder = stem(path) == "interactions"
    if is_parquet(path):
        return "folder" if is_folder else "table"
    beginning = head(path)
    refuse_foreign(path, beginning)
    lines = _lines(beginning)
    first = lines[0] if lines else ""
    if name in MOVIELENS_LOGS and (name == "ratings.csv" or ("::" if name == "ratings.dat" else "\t") in first):
        return "movielens"
    if name.endswith(".inter") or _ATOMIC_HEADER.fullmatch(first):
        return "atomic"
    if is_folder or is_json(beginning):
        return "folder" if is_folder else "table"
    if re.match(r"[^:]+::[^:]+::", first):
        return "movielens"
    refuse_layouts(path, lines)
    words = first.split()
    if len(words) > 1 and not any(delimiter in first for delimiter in DELIMITERS):
        named = all(find_column(words, USUAL_NAMES[role]) for role in (USER_ID, ITEM_ID))
        return "table" if named or '"' in first else _sequences_or_triples(path, lines)
    return "table"


def refuse_layouts(path: Path, lines: list[str]) -> None:
    """Raises a DataError with advice for well-known layouts that are neither tables nor sequences."""
    first = lines[0] if lines else ""
    if re.fullmatch(r"\d+:", first) and len(lines) > 1 and re.match(r"\d+,\d,\d{4}-", lines[1]):
        raise DataError(
            "{path} is in the layout of the Netflix Prize, with a line such as {first!r} above the ratings of each "
            'film; write rows of it, for example with awk -F, \'/:$/{{sub(":","");m=$1;next}}{{print '
            '$1","m","$2","$3}}\', and put user_id,item_id,rating,timestamp above them.',
            path=path,
            first=first,
        )
    words = first.split()
    if len(words) > 1 and all(re.fullmatch(r"\d+(:\d+)?:[-+.\deE]+", w) for w in words[1:]):
        raise DataError(
            "{path} is in the layout of LIBSVM (a label, then number:value); write a row for each interaction with the "
            "columns user_id and item_id.",
            path=path,
        )


def _sequences_or_triples(path: Path, lines: list[str]) -> Format:
    """What text with spaces and without a header is: a list of items for each user, or a row for each rating.

    Lists differ in length, and each user has one. Rows all have three or four fields, with many rows for a user and
    ratings or times at the end.
    """
    rows = [line.split() for line in lines]
    width = len(rows[0])
    users = {row[0] for row in rows}
    if width not in (3, 4) or any(len(row) != width for row in rows) or len(users) == len(rows):
        return "sequences"
    columns = list(zip(*rows, strict=True))[2:]
    kinds = [_kind(column) for column in columns]
    if kinds in (["rating"], ["time"], ["rating", "time"], ["time", "rating"]):
        return "triples"
    raise DataError(
        "{path}: each line has {n} fields parted by spaces, and users come back, so that this could be a table or "
        "sequences. For a table, put a line of column names above it, such as user_id item_id weight; for sequences, "
        "write one line for each user.",
        path=path,
        n=width,
    )


def triples_names(path: Path) -> tuple[str, ...]:
    """The columns of a table with spaces between fields and without a header."""
    rows = [line.split() for line in _lines(head(path))]
    role = {"rating": RATING, "time": TIMESTAMP}
    return (USER_ID, ITEM_ID, *(role[_kind(column)] for column in list(zip(*rows, strict=True))[2:]))


def _kind(column: tuple[str, ...]) -> Literal["rating", "time", ""]:
    if all(is_time(value) for value in column):
        return "time"
    if all(is_rating(value) for value in column):
        few = len(set(column)) <= 21 or any("." in value for value in column)
        return "rating" if few and all(-10 <= float(v) <= 10 or len(set(column)) <= 11 for v in column) else ""
    return ""


def _recognise_folder(folder: Path) -> tuple[Path, Format]:
    try:
        entries = sorted(folder.iterdir())
        files = [p for p in entries if p.is_file() and not _is_idle(p)]
    except OSError as error:
        raise DataError(
            "{folder} cannot be read ({problem}); check its permissions.", folder=folder, problem=error.strerror
        ) from None
    if stem(folder) == "interactions" and parts_of(folder):
        return folder, "folder"
    whole = [p for p in entries if stem(p) == "interactions" and p.is_dir() and parts_of(p)]
    if logs := whole + [p for p in files if stem(p) == "interactions" and is_table(p)]:
        return only(folder, logs), "folder"
    if logs := [p for p in files if bare_name(p).endswith(".inter")]:
        named = [p for p in logs if stem(p) == folder.resolve().name]
        return only(folder, named or logs), "atomic"
    if logs := [p for p in files if bare_name(p) in MOVIELENS_LOGS]:
        log = only(folder, logs)
        return log, recognise_file(log)
    if parts_of(folder):
        return folder, "parts"
    tables = [p for p in files if is_table(p) and not _ABOUT.match(p.name) and bare_name(p) not in _BESIDE]
    texts = [p for p in tables if bare_name(p).endswith(".txt")]
    for group in (texts, tables):
        if len(group) == 1:
            return group[0], recognise_file(group[0])
    raise _unclear(folder, tables, files)


def _unclear(folder: Path, tables: list[Path], files: list[Path]) -> DataError:
    found = shorten(", ".join(p.name for p in tables or files), 300) or Message("no file")
    endings = {"".join(p.suffixes[-1:]) for p in tables}
    if len(tables) > 1 and len(endings) == 1:
        return DataError(
            "{folder} holds {found}, which is not clearly a log; give the path of the one file that holds the "
            "interactions or, if they are parts of one table, all of them by a pattern in quotes: {pattern!r}.",
            folder=folder,
            found=found,
            pattern=str(folder / f"*{endings.pop()}"),
        )
    if tables:
        return DataError(
            "{folder} holds {found}, which is not clearly a log; give the path of the one file that holds the "
            "interactions. A log may be: {formats}.",
            folder=folder,
            found=found,
            formats=FORMATS,
        )
    return DataError(
        "{folder} holds {found}, which is not clearly a log; give a path that holds a log. A log may be: {formats}.",
        folder=folder,
        found=found,
        formats=FORMATS,
    )


def _lines(beginning: bytes) -> list[str]:
    """The first lines of a text, without those above its header and a last one that may be incomplete."""
    text = re.sub(rb"\r\n?", b"\n", beginning)
    whole = len(text) < 60_000 or b"\n" not in text
    text = text if whole else text[: text.rfind(b"\n")]
    text = text[preface_of(Path(), text).start :]
    return [line for line in text.decode(errors="replace").split("\n") if line.strip()]
