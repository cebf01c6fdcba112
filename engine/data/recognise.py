"""What a path holds: which file is the log, and in which format, told from content and from well-known names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from engine.data.files import head, is_parquet
from engine.data.movielens import LOGS as MOVIELENS_LOGS
from engine.data.report import shorten
from engine.data.schema import ITEM_ID, USER_ID, USUAL_NAMES, find_column
from engine.errors import DataError

Format = Literal["folder", "movielens", "atomic", "sequences", "table"]

FORMATS = (
    "a folder with interactions.csv, .tsv or .parquet (and items.*, users.*); a MovieLens folder (ratings.csv, u.data "
    "or ratings.dat); RecBole atomic files (.inter, .item, .user); a text file of sequences (user item item ...); "
    "one CSV, TSV or Parquet file"
)
"""What can be read, for messages."""

_TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".parquet")
_TYPED = r"[^\t:]+:(token|float|token_seq|float_seq)"
_ATOMIC_HEADER = re.compile(rf"{_TYPED}(\t{_TYPED})*")
_ABOUT = re.compile(r"(?i)(readme|licen[cs]e|notice|citation|changelog)\b")


def recognise(path: Path) -> tuple[Path, Format]:
    """The file that holds the interactions, and its format.

    Raises:
        DataError: nothing usable is there, or several logs are; says what is and what could be.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; check the path. It may be: {FORMATS}.")
    return _recognise_folder(path) if path.is_dir() else (path, _recognise_file(path))


def data_name(path: Path, log: Path) -> str:
    """What people call the data: the folder's name, or the file's where that says more."""
    generic = stem(log) == "interactions" or bare_name(log) in MOVIELENS_LOGS
    folder = path if path.is_dir() else log.parent if generic else None
    return folder.resolve().name if folder is not None else stem(log)


def bare_name(path: Path) -> str:
    """A file's name in lower case, without `.gz`."""
    return path.name.lower().removesuffix(".gz")


def stem(path: Path) -> str:
    """A file's name without the endings that say its format: `beauty.txt.gz` -> `beauty`."""
    name = path.name
    for ending in (".gz", *_TABLE_ENDINGS, ".inter"):
        name = name[: -len(ending)] if name.lower().endswith(ending) else name
    return name


def is_table(path: Path) -> bool:
    """Whether a file's name ends as a table's does."""
    return bare_name(path).endswith(_TABLE_ENDINGS)


def only(folder: Path, files: list[Path]) -> Path:
    """The one file.

    Raises:
        DataError: there are several.
    """
    if len(files) > 1:
        names = ", ".join(p.name for p in files)
        raise DataError(f"{folder} holds {names}, and only one of them can be read; take the others away, or name one.")
    return files[0]


def _recognise_file(path: Path) -> Format:
    name = bare_name(path)
    if name in MOVIELENS_LOGS:
        return "movielens"
    if name.endswith((".item", ".user")):
        raise DataError(
            f"{path} holds {name.rsplit('.', 1)[1]}s, not interactions; give the log beside it (.inter or u.data) "
            "or the folder."
        )
    is_folder = stem(path) == "interactions"
    if is_parquet(path):
        return "folder" if is_folder else "table"
    first = _first_line(path)
    if name.endswith(".inter") or _ATOMIC_HEADER.fullmatch(first):
        return "atomic"
    if is_folder:
        return "folder"
    if re.match(r"[^:]+::[^:]+::", first):
        return "movielens"
    words = first.split()
    if len(words) > 1 and not any(delimiter in first for delimiter in ",\t;|"):
        named = all(find_column(words, USUAL_NAMES[role]) for role in (USER_ID, ITEM_ID))
        return "table" if named else "sequences"
    return "table"


def _recognise_folder(folder: Path) -> tuple[Path, Format]:
    try:
        files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder} cannot be read ({error.strerror}); check its permissions.") from None
    if logs := [p for p in files if stem(p) == "interactions" and is_table(p)]:
        return only(folder, logs), "folder"
    if logs := [p for p in files if bare_name(p).endswith(".inter")]:
        named = [p for p in logs if stem(p) == folder.resolve().name]
        return only(folder, named or logs), "atomic"
    if logs := [p for p in files if bare_name(p) in MOVIELENS_LOGS]:
        return only(folder, logs), "movielens"
    tables = [p for p in files if is_table(p) and not _ABOUT.match(p.name)]
    texts = [p for p in tables if bare_name(p).endswith(".txt")]
    for group in (texts, tables):
        if len(group) == 1:
            return group[0], _recognise_file(group[0])
    found = shorten(", ".join(p.name for p in tables or files) or "no file", 300)
    way = "give the path of the one file that holds the interactions" if tables else "give a path that holds a log"
    raise DataError(f"{folder} holds {found}, which is not clearly a log; {way}. A log may be: {FORMATS}.")


def _first_line(path: Path) -> str:
    text = head(path).removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    return re.split(rb"[\r\n]", text, maxsplit=1)[0].decode(errors="replace")
