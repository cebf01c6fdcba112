"""Text in any usual encoding -> UTF-8, and a note on what was assumed.

UTF-16 and UTF-32 are recognised by byte order marks or zero bytes. Other encodings are recognised by the pattern of
their bytes: in East Asian encodings they come in pairs whose first byte shows the script; in the others they stand
alone among Latin letters or form whole Cyrillic words.
"""

from __future__ import annotations

import re
from pathlib import Path

from engine.errors import DataError, Message

SAMPLE = 1 << 18
"""So many bytes of lines that are not plain ASCII are examined."""
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_NAMES = {
    "gb18030": "GBK (Chinese)",
    "big5": "Big5 (Chinese)",
    "shift_jis": "Shift JIS (Japanese)",
    "euc_jp": "EUC-JP (Japanese)",
    "euc_kr": "EUC-KR (Korean)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1252": "Windows-1252 (Western European)",
    "latin-1": "ISO 8859-1 (Western European)",
}
_KANA, _HANGUL = r"[\u3041-\u30ff]", r"[\uac00-\ud7a3]"


def to_utf8(path: Path, data: bytes) -> tuple[bytes, Message | None]:
    """Text as UTF-8 without a byte order mark, and a note where it was in another encoding.

    Raises:
        DataError: it is not text, or in an unknown encoding; names the line and the byte.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    wide = _wide(data)
    if wide is None:
        if (at := data.find(0)) >= 0:
            raise DataError(
                "{path}, line {line}: a zero byte at offset {at:,}, so this is no text file; "
                "give CSV, TSV or plain text in UTF-8, or Parquet.",
                path=path,
                line=line_of(data, at),
                at=at,
            )
        try:
            data.decode("utf-8")
            return data, None
        except UnicodeDecodeError as error:
            if _is_damaged(data):
                raise _not_utf8(path, data, error) from None
    codec = wide or _guess(data)
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        raise _not_utf8(path, data, error) from None
    name = _NAMES.get(codec, codec.upper())
    note = Message(
        "{file} is not UTF-8; its bytes look like {encoding} and are read so. If names come out wrong, save it as "
        "UTF-8",
        {"file": path.name, "encoding": name},
    )
    return text.removeprefix("\ufeff").encode("utf-8"), note


def start_as_utf8(data: bytes) -> bytes:
    """The beginning of a file, possibly cut within a character: wide characters as UTF-8, all else as it is."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    wide = _wide(data)
    return data if wide is None else data.decode(wide, errors="ignore").removeprefix("\ufeff").encode("utf-8")


def line_of(data: bytes, offset: int) -> int:
    """1-based number of the line that holds the byte at `offset`."""
    return data.count(b"\n", 0, offset) + 1


def _wide(data: bytes) -> str | None:
    """UTF-16 or UTF-32, by its mark or, for UTF-16 without one, by zeros in every second byte."""
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return codec
    sample = data[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) / 2
    if odd > 0.4 * half and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd == 0 else None


def _is_damaged(data: bytes) -> bool:
    """Whether most of what is not ASCII is UTF-8, so that the rest is damage and not another encoding."""
    sample = _sample(data)
    wrong = sample.decode("utf-8", errors="replace").count("\ufffd")
    right = len(re.findall(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", sample))
    return right > wrong


def _sample(data: bytes) -> bytes:
    lines = re.finditer(rb"[^\n]*[\x80-\xff][^\n]*", data)
    parts, size = [], 0
    for found in lines:
        parts.append(found.group()[:SAMPLE])
        size += len(parts[-1])
        if size >= SAMPLE:
            break
    return b"\n".join(parts)


def _guess(data: bytes) -> str:
    """The most likely encoding of text that is not UTF-8."""
    sample = _sample(data)
    high = len(re.findall(rb"[\x80-\xff]", sample))
    for codec in ("euc_jp", "shift_jis"):
        text = sample.decode(codec, errors="replace")
        wide = len(re.findall(r"[^\x00-\x7f]", text))
        if (
            "\ufffd" not in text
            and len(re.findall(_KANA, text)) > 0.25 * wide
            and not re.search(r"[\uff61-\uff9f]", text)
        ):
            return codec
    korean = sample.decode("euc_kr", errors="replace")
    if len(re.findall(_HANGUL, korean)) >= 0.45 * high and "\ufffd" not in korean:
        return "euc_kr"
    # For each, the rows of punctuation and of the commonest characters.
    chinese = len(re.findall(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]", sample))
    taiwanese = len(re.findall(rb"[\xa1-\xc6][\x40-\x7e\xa1-\xfe]", sample))
    letters = len(re.findall(rb"[\xe0-\xff\xb8]", sample))
    if 2 * chinese >= 0.7 * high and 2 * chinese >= taiwanese:
        return "gb18030"
    if letters >= 0.5 * high and len(re.findall(rb"[\xc0-\xff\xa8\xb8]{3,}", sample)) * 12 >= high:
        return "cp1251"
    pairs = len(re.findall(rb"[\xa1-\xf9](?:[\xa1-\xfe]|[\x40-\x7e](?=[\xa1-\xf9]))", sample))
    if taiwanese >= 0.5 * pairs and 2 * pairs >= 0.7 * high and taiwanese * 2 >= 0.7 * high:
        return "big5"
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def _not_utf8(path: Path, data: bytes, error: UnicodeDecodeError) -> DataError:
    at = error.start
    return DataError(
        "{path}, line {line}, byte {column}: 0x{value:02x} is not UTF-8 text; "
        "save the file as UTF-8, for example with `iconv -f latin1 -t utf-8`.",
        path=path,
        line=line_of(data, at),
        column=at - data.rfind(b"\n", 0, at),
        value=data[at],
    )
