"""A file on disk -> its text as clean bytes: gunzipped, UTF-8, no byte order mark, lines ended by a line feed alone."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from engine.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive (or an Excel workbook); unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV",
    b"BZh": "compressed with bzip2; unpack it, or use gzip",
    b"\xfd7zXZ\x00": "compressed with xz; unpack it, or use gzip",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it, or use gzip",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive; unpack it",
    b"SQLite format 3\x00": "an SQLite database; export the table as CSV",
    b"%PDF": "a PDF document; an interaction log is CSV, TSV, Parquet or plain text",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
}


def head(path: Path, size: int = 65_536) -> bytes:
    """The first bytes of a file, gunzipped, for telling what it is."""
    raw = _read(path, size)
    if not raw.startswith(GZIP_MAGIC):
        return raw
    try:
        return zlib.decompressobj(wbits=31).decompress(raw, size)
    except zlib.error as error:
        raise _damaged(path, error) from None


def is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet does."""
    return _read(path, 4) == PARQUET_MAGIC


def read_text(path: Path, *, latin_1: bool = False) -> bytes:
    """The file's text as UTF-8 bytes with no byte order mark and with `\\n` at line ends.

    Args:
        path: file, gzipped or not.
        latin_1: text that is not UTF-8 is taken as ISO 8859-1 (the older MovieLens files).

    Raises:
        DataError: the file is missing, empty, binary, damaged, or in another encoding; names the line and the byte.
    """
    data = _read(path)
    if data.startswith(GZIP_MAGIC):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged(path, error) from None
    for magic, what in _FOREIGN.items():
        if data.startswith(magic):
            raise DataError(f"{path} is {what}.")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise DataError(f"{path} is empty; it must hold at least one interaction.")
    if (at := data.find(0)) >= 0:
        raise DataError(
            f"{path}, line {line_of(data, at)}: a zero byte at offset {at:,}, so this is no text file; "
            "give CSV, TSV or plain text in UTF-8, or Parquet."
        )
    data = _decodable(path, data, latin_1)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
        if b"\n" not in data:
            data = data.replace(b"\r", b"\n")
    return data


def line_of(data: bytes, offset: int) -> int:
    """1-based number of the line that holds the byte at `offset`."""
    return data.count(b"\n", 0, offset) + 1


def _decodable(path: Path, data: bytes, latin_1: bool) -> bytes:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if latin_1:
            return data.decode("latin-1").encode("utf-8")
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise DataError(
            f"{path}, line {line_of(data, error.start)}, byte {column}: 0x{data[error.start]:02x} is not UTF-8 text; "
            "save the file as UTF-8, for example with `iconv -f latin1 -t utf-8`."
        ) from None
    return data


def _read(path: Path, size: int = -1) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; check the path.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions.") from None


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is a damaged gzip file ({error}); fetch it anew, or give the unpacked file.")
