"""Parquet -> a frame in which ids may be integers, times may be dates, and everything else is plain text or numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from engine.data.files import NO_LIMIT, ReadLimit
from engine.data.names import first_twice, listed
from engine.data.schema import LIST_SEPARATOR
from engine.errors import DataError

pc: Any = pyarrow.compute  # its functions are made at import, where a type checker cannot see them

BATCH_ROWS = 16_384
"""Rows that are unpacked between two looks at a limit."""


def parquet_columns(path: Path, limit: ReadLimit = NO_LIMIT) -> tuple[str, ...]:
    """The column names of a Parquet file.

    Raises:
        DataError: the file is damaged, empty of rows, has more rows than it may, or names a column twice.
    """
    try:
        about = pq.ParquetFile(path)
        names, rows = tuple(about.schema_arrow.names), about.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    limit.check_rows(path, rows)
    if (twice := first_twice(names)) is not None:
        raise DataError("{path} names the column {name!r} twice; give each column its own name.", path=path, name=twice)
    if rows == 0:
        raise DataError(
            "{path} holds the columns {names} and no row; it must hold at least one row.",
            path=path,
            names=listed(names),
        )
    return names


def read_parquet(
    path: Path, columns: list[str], ids: frozenset[str], limit: ReadLimit = NO_LIMIT
) -> tuple[pd.DataFrame, frozenset[str]]:
    """Columns of a Parquet file and which of them hold text.

    Args:
        path: the file.
        columns: the columns wanted.
        ids: those of them that hold ids: integers become their digits, never "7.0".
        limit: how much may be unpacked.

    Returns:
        A frame (text as str with missing values as "", numbers as numbers, times as UTC), and its text columns.

    Raises:
        DataError: the file is damaged, larger than it may be, or holds ids of a kind that is no id.
    """
    try:
        table = _read(path, columns) if limit == NO_LIMIT else _read_within(path, columns, limit)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    arrays = {c: _id_text(path, c, table[c]) if c in ids else _plain(table[c]) for c in columns}
    text = frozenset(c for c, array in arrays.items() if pa.types.is_large_string(array.type))
    return pa.table(arrays).to_pandas(), text


def _read(path: Path, columns: list[str]) -> pa.Table:
    with pq.ParquetFile(path) as packed:  # `read_table` would make a column of a folder called day=2024-01-31
        return packed.read(columns=columns).select(columns)


def _read_within(path: Path, columns: list[str], limit: ReadLimit) -> pa.Table:
    """The columns, unpacked piece by piece for as long as a limit allows.

    The file's own account is looked at first, and is not believed: a dictionary or a prefix that many values share
    makes gigabytes of kilobytes, so text stays in its dictionaries until its length is known.
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
    """How many bytes an array takes when each value stands for itself."""
    if not pa.types.is_dictionary(array.type):
        return array.nbytes
    lengths = pc.binary_length(array.dictionary).take(array.indices)
    return (pc.sum(lengths).as_py() or 0) + 8 * len(array)


def _id_text(path: Path, name: str, column: Any) -> Any:
    column = _undictionary(column)
    kind = column.type
    if pa.types.is_floating(kind):  # integers that a gap turned into floats
        whole = column.fill_null(0)
        if not pc.all(pc.equal(pc.floor(whole), whole)).as_py():
            raise DataError(
                "{path}: column {name!r} holds fractions ({kind}), which are no ids; store ids as text.",
                path=path,
                name=name,
                kind=str(kind),
            )
        column = column.cast(pa.int64())
    elif not (pa.types.is_integer(kind) or _is_text(kind)):
        raise DataError(
            "{path}: column {name!r} holds {kind} values, which are no ids; store ids as text.",
            path=path,
            name=name,
            kind=str(kind),
        )
    return column.cast(pa.large_string()).fill_null("")


def _plain(column: Any) -> Any:
    column = _undictionary(column)
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind):
        return column
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
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
