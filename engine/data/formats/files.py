"""A file on disk -> its text as clean bytes: unzipped, UTF-8, no byte order mark, line feeds alone at line ends."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from engine.data.formats.encoding import start_as_utf8, to_utf8
from engine.errors import DataError, Message

GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
MEGABYTE = 10**6
_FOREIGN = {
    b"PK\x03\x04": Message("a ZIP archive; unpack it, and give the file or the folder that was in it"),
    b"\xd0\xcf\x11\xe0": Message("an old Excel workbook; save the sheet as CSV"),
    b"BZh": Message("compressed with bzip2; unpack it, or use gzip"),
    b"\xfd7zXZ\x00": Message("compressed with xz; unpack it, or use gzip"),
    b"\x28\xb5\x2f\xfd": Message("compressed with zstd; unpack it, or use gzip"),
    b"7z\xbc\xaf\x27\x1c": Message("a 7-Zip archive; unpack it"),
    b"SQLite format 3\x00": Message("an SQLite database; export the table as CSV"),
    b"%PDF": Message("a PDF document; an interaction log is CSV, TSV, Parquet or plain text"),
    b"\x93NUMPY": Message("a NumPy array; write its rows as CSV or Parquet"),
    b"\x89HDF": Message("an HDF5 file; write its table as CSV or Parquet"),
    b"ARROW1": Message("an Arrow or Feather file; write the table as Parquet"),
    b"FEA1": Message("a Feather file; write the table as Parquet"),
    b"%%MatrixMarket": Message(
        "a matrix of Matrix Market; write a row for each entry with the columns user_id and item_id "
        "(in Python: scipy.io.mmread(...).tocoo())"
    ),
    b"Obj\x01": Message("an Avro file; write the table as Parquet"),
    b"ORC": Message("an ORC file; write the table as Parquet"),
    b"\x80\x04\x95": Message("a pickle, which could run anything when opened; write its table as CSV or Parquet"),
    b"\x80\x05\x95": Message("a pickle, which could run anything when opened; write its table as CSV or Parquet"),
}
_WORKBOOK = Message("an Excel workbook; save the sheet as CSV, or as CSV UTF-8 where names are not English")


class EmptyError(DataError):
    """A file without rows; a folder of parts may contain one."""


class Text(NamedTuple):
    """A file's text.

    Attributes:
        data: UTF-8 bytes with no byte order mark and with `\\n` at line ends.
        notes: what was guessed about its encoding.
    """

    data: bytes
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True)
class ReadLimit:
    """How much may be read of an uploaded file; one's own files have no limit.

    A few kilobytes of gzip or Parquet can unpack to gigabytes, so the unpacked size counts: it is taken from the file's
    metadata where there is some, and counted while reading wherever that could lie.

    Attributes:
        max_bytes: unpacked text, or values of the Parquet columns that are wanted; None for no limit.
        max_rows: lines of text or rows of Parquet; None for no limit.

    >>> engine.ReadLimit(max_bytes=1_000_000).check_bytes(Path("sent.csv"), 5_000_000)
    Traceback (most recent call last):
        ...
    engine.errors.DataError: sent.csv holds 5 MB, and 1 MB may be read; give fewer rows, or only the ...
    """

    max_bytes: int | None = None
    max_rows: int | None = None

    def check_bytes(self, path: Path, n: int, *, at_least: bool = False) -> None:
        """Raise a DataError if `n` bytes, or at least that many, are too many."""
        if self.max_bytes is not None and n > self.max_bytes:
            said = (
                Message(
                    "{path} unpacks to more than the {most} MB that may be read; give fewer rows, or only the columns "
                    "that are needed."
                )
                if at_least
                else Message(
                    "{path} holds {size} MB, and {most} MB may be read; give fewer rows, or only the columns that are "
                    "needed."
                )
            )
            size, most = (f"{b / MEGABYTE:,.0f}" if b >= MEGABYTE else f"{b / MEGABYTE:g}" for b in (n, self.max_bytes))
            raise DataError(said, path=path, size=size, most=most)

    def check_rows(self, path: Path, n: int) -> None:
        """Raise a DataError if `n` rows are too many."""
        if self.max_rows is not None and n > self.max_rows:
            raise DataError(
                "{path} holds {n:,} rows, and {most:,} may be read; give fewer, such as shorter lists or fewer users.",
                path=path,
                n=n,
                most=self.max_rows,
            )


NO_LIMIT = ReadLimit()


def head(path: Path, size: int = 65_536) -> bytes:
    """The first bytes of a file, unzipped and, where the encoding is obvious, in UTF-8, to recognise what it is."""
    raw = _read(path, size)
    if not raw.startswith(GZIP_MAGIC):
        return start_as_utf8(raw)
    try:
        return start_as_utf8(zlib.decompressobj(wbits=31).decompress(raw, size))
    except zlib.error as error:
        raise _damaged(path, error) from None


def is_parquet(path: Path) -> bool:
    """Whether the file begins like Parquet."""
    return _read(path, 4) == PARQUET_MAGIC


def read_text(path: Path, *, latin_1: bool = False, limit: ReadLimit = NO_LIMIT) -> Text:
    """The file's text, whatever its encoding and line ends.

    Args:
        path: file, gzipped or not.
        latin_1: text that is not UTF-8 is read as ISO 8859-1 (the older MovieLens files) without a note.
        limit: how much may be read; at most a byte more is unpacked.

    Raises:
        DataError: the file is missing, empty, binary, damaged, too large, or in an unknown encoding; names the line and
            the byte.
    """
    data = _unpacked(path, limit)
    limit.check_rows(path, data.count(b"\n"))
    refuse_foreign(path, data)
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise EmptyError("{path} is empty; it must hold at least one interaction.", path=path)
    if latin_1:
        data, note = _as_latin_1(data), None
    else:
        data, note = to_utf8(path, data)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
        if b"\n" not in data:
            data = data.replace(b"\r", b"\n")
    return Text(data, () if note is None else (note,))


def refuse_foreign(path: Path, data: bytes) -> None:
    """Raise a DataError with advice if a file begins like another well-known kind of file."""
    for magic, what in _FOREIGN.items():
        if data.startswith(magic):
            is_workbook = magic.startswith(b"PK") and (b"xl/" in data[-65_536:] or b"[Content_Types]" in data[:4096])
            raise DataError("{path} is {what}.", path=path, what=_WORKBOOK if is_workbook else what)


def _as_latin_1(data: bytes) -> bytes:
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1").encode("utf-8")
    return data


def _unpacked(path: Path, limit: ReadLimit) -> bytes:
    """The bytes of a file, unzipped; never more than one byte beyond the limit is held."""
    most = -1 if limit.max_bytes is None else limit.max_bytes + 1
    data = _read(path, most)
    if data.startswith(GZIP_MAGIC):
        try:
            with gzip.open(path) as packed:
                data = packed.read(most)
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged(path, error) from None
        limit.check_bytes(path, len(data), at_least=True)
    elif most > 0 and len(data) == most:
        limit.check_bytes(path, path.stat().st_size)
    return data


def _read(path: Path, size: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except FileNotFoundError:
        raise DataError("{path} does not exist; check the path.", path=path) from None
    except OSError as error:
        raise DataError(
            "{path} cannot be read ({problem}); check its permissions.", path=path, problem=error.strerror
        ) from None


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        "{path} is a damaged gzip file ({problem}); fetch it anew, or give the unpacked file.",
        path=path,
        problem=str(error),
    )
