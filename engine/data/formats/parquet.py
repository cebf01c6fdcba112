"""Parquet -> a frame in which ids may be integers, times may be dates, and everything else is plain text or numbers."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from engine.data.formats.files import NO_LIMIT, EmptyError, ReadLimit
from engine.data.names import first_duplicate, listed
from engine.data.schema import LIST_SEPARATOR
from engine.errors import DataError

pc: Any = pyarrow.compute  # its functions are made at import, where a type checker cannot see them

BATCH_ROWS = 16_384
"""Rows that are unpacked between two checks of a limit."""


def parquet_columns(path: Path, limit: ReadLimit = NO_LIMIT) -> tuple[str, ...]:
    """The column names of a Parquet file.

    Raises:
        DataError: the file is damaged, has no rows or more than it may, or names a column twice.
    """
    try:
        about = pq.ParquetFile(path)
        names, rows = tuple(about.schema_arrow.names), about.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    limit.check_rows(path, rows)
    if (twice := first_duplicate(names)) is not None:
        raise DataError("{path} names the column {name!r} twice; give each column its own name.", path=path, name=twice)
    if rows == 0:
        raise EmptyError(
            "{path} holds the columns {names} and no row; it must hold at least one row.",
            path=path,
            names=listed(names),
        )
    return names


def parquet_rows(path: Path) -> int:
    """How many rows a Parquet file declares.

    Raises:
        DataError: the file is damaged.
    """
    try:
        return pq.read_metadata(path).num_rows
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def read_parquet(
    path: Path, columns: list[str], ids: frozenset[str], limit: ReadLimit = NO_LIMIT
) -> tuple[pd.DataFrame, frozenset[str], dict[str, np.ndarray]]:
    """Columns of a Parquet file, which of them hold text, and which rows hold invalid ids.

    Args:
        path: the file.
        columns: the columns wanted.
        ids: those of them that hold ids: numbers become their digits, never "7.0", bytes their text or digits, and
            lists stay lists of such.
        limit: how much may be unpacked.

    Returns:
        A frame (text as str with missing values as "", numbers as numbers, times as UTC), its text columns, and for
        each column of ids with numbers that are infinite or too large, (n,) bool where.

    Raises:
        DataError: the file is damaged, larger than it may be, or holds ids of a type that cannot be an id.
    """
    try:
        table = _read(path, columns) if limit == NO_LIMIT else _read_within(path, columns, limit)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    wrong: dict[str, np.ndarray] = {}
    arrays: dict[str, Any] = {}
    for column in columns:
        if column not in ids:
            arrays[column] = _plain(table[column])
            continue
        arrays[column], beyond = _id_text(path, column, table[column])
        if beyond.any():
            wrong[column] = beyond
    text = frozenset(c for c, array in arrays.items() if pa.types.is_large_string(array.type))
    return pa.table(arrays).to_pandas(), text, wrong


def _read(path: Path, columns: list[str]) -> pa.Table:
    with pq.ParquetFile(path) as packed:  # `read_table` would turn a folder called day=2024-01-31 into a column
        return packed.read(columns=columns).select(columns)


def _read_within(path: Path, columns: list[str], limit: ReadLimit) -> pa.Table:
    """The columns, unpacked in pieces as long as a limit allows.

    The size that the file declares is checked first, but not trusted: a dictionary or prefix that many values share can
    turn kilobytes into gigabytes, so text stays dictionary-encoded until its length is known.
    """
    with pq.ParquetFile(path) as plain:
        about, schema = plain.metadata, plain.schema_arrow
        chunks = [about.row_group(g).column(c) for g in range(about.num_row_groups) for c in range(about.num_columns)]
    chunks = [c for c in chunks if {c.path_in_schema, c.path_in_schema.split(".")[0]} & set(columns)]
    limit.check_rows(path, about.num_rows)
    limit.check_bytes(path, sum(c.total_uncompressed_size for c in chunks))
    if any("DELTA_BYTE_ARRAY" in c.encodings for c in chunks):
        raise DataError(
            "{path} is Parquet whose text is packed by what values have in common (DELTA_BYTE_ARRAY), so that its "
            "size cannot be told; write it with the usual encodings, or give CSV.",
            path=path,
        )
    text = [n for n in columns if _is_text(schema.field(n).type) or _is_binary(schema.field(n).type)]
    batches, rows, size = [], 0, 0
    with pq.ParquetFile(path, read_dictionary=text) as packed:
        for batch in packed.iter_batches(BATCH_ROWS, columns=columns):
            rows += batch.num_rows
            size += sum(_unpacked_bytes(array) for array in batch.columns)
            limit.check_rows(path, rows)
            limit.check_bytes(path, size, at_least=True)
            batches.append(batch)
    if not batches:
        raise pa.ArrowInvalid("no rows, though it tells of some")
    return pa.Table.from_batches(batches).select(columns)


def _unpacked_bytes(array: Any) -> int:
    """How many bytes an array takes without dictionary encoding."""
    if not pa.types.is_dictionary(array.type):
        return array.nbytes
    lengths = pc.binary_length(array.dictionary).take(array.indices)
    return (pc.sum(lengths).as_py() or 0) + 8 * len(array)


def _id_text(path: Path, name: str, column: Any) -> tuple[Any, np.ndarray]:
    """Ids as text, and (n,) bool where a number is infinite or so large that its digits are lost."""
    column = _undictionary(column)
    kind = column.type
    beyond = np.zeros(len(column), dtype=bool)
    if _is_bytes(kind):
        return _bytes_text(column), beyond
    if pa.types.is_decimal(kind):
        column = column.cast(pa.decimal256(76, kind.scale)) if kind.scale else column
        whole = pc.equal(pc.floor(column), column) if kind.scale else None
        if whole is not None and not pc.all(whole).as_py():
            raise _fractions(path, name, kind)
        text = column.cast(pa.string())
        return pc.replace_substring_regex(text, r"\.0*$", "").cast(pa.large_string()).fill_null(""), beyond
    if pa.types.is_floating(kind):  # integers that a gap turned into floats
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        beyond = np.isinf(numbers) | (np.abs(numbers) >= 2.0**63)
        missing = np.isnan(numbers)
        whole = np.where(beyond | missing, 0.0, numbers)
        if (whole != np.floor(whole)).any():
            raise _fractions(path, name, kind)
        column = pa.chunked_array([pa.array(whole.astype(np.int64), mask=missing)])
    elif not (pa.types.is_integer(kind) or _is_text(kind)):
        raise DataError(
            "{path}: column {name!r} holds {kind} values, which are no ids; store ids as text.",
            path=path,
            name=name,
            kind=str(kind),
        )
    return column.cast(pa.large_string()).fill_null(""), beyond


def _fractions(path: Path, name: str, kind: Any) -> DataError:
    return DataError(
        "{path}: column {name!r} holds fractions ({kind}), which are no ids; store ids as text.",
        path=path,
        name=name,
        kind=str(kind),
    )


def _is_bytes(kind: Any) -> bool:
    return _is_binary(kind) or pa.types.is_fixed_size_binary(kind) or isinstance(kind, pa.BaseExtensionType)


def _bytes_text(column: Any) -> Any:
    """Bytes as the text that they encode, else as UUIDs if there are sixteen, else as hexadecimal digits."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.cast(column.type.storage_type)
    if not (_is_binary(column.type) or pa.types.is_fixed_size_binary(column.type)):
        return column.cast(pa.large_string()).fill_null("")
    values = column.to_pylist()
    try:
        texts = [None if v is None else v.decode("utf-8") for v in values]
        if any(t is not None and not t.isprintable() for t in texts):
            raise ValueError("control characters")
    except ValueError:
        sixteen = all(v is None or len(v) == 16 for v in values)
        texts = [None if v is None else str(uuid.UUID(bytes=v)) if sixteen else v.hex() for v in values]
    return pa.chunked_array([pa.array(texts, pa.large_string()).fill_null("")])


def _plain(column: Any) -> Any:
    column = _undictionary(column)
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind):
        return column
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if _is_bytes(kind):
        return _bytes_text(column)
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("ms"))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        texts = [None if v is None else LIST_SEPARATOR.join(map(str, v)) for v in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.large_string()).fill_null("")])
    if _is_text(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.large_string()).fill_null("")
    texts = [None if v is None else str(v) for v in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.large_string()).fill_null("")])


def _undictionary(column: Any) -> Any:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_text(kind: Any) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_binary(kind: Any) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        "{path} is a damaged Parquet file ({problem}); write it anew, or give CSV.", path=path, problem=str(error)
    )
