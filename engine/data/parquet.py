"""Parquet -> a frame in which ids may be integers, times may be dates, and everything else is plain text or numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from engine.data.schema import LIST_SEPARATOR
from engine.errors import DataError

pc: Any = pyarrow.compute  # its functions are made at import, where a type checker cannot see them


def parquet_columns(path: Path) -> tuple[str, ...]:
    """The column names of a Parquet file.

    Raises:
        DataError: the file is damaged, empty of rows, or names a column twice.
    """
    try:
        about = pq.ParquetFile(path)
        names, rows = tuple(about.schema_arrow.names), about.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    if twice := [n for i, n in enumerate(names) if n in names[:i]]:
        raise DataError(f"{path} names the column {twice[0]!r} twice; give each column its own name.")
    if rows == 0:
        raise DataError(f"{path} holds the columns {', '.join(names)} and no row; it must hold at least one row.")
    return names


def read_parquet(path: Path, columns: list[str], ids: frozenset[str]) -> tuple[pd.DataFrame, frozenset[str]]:
    """Columns of a Parquet file and which of them hold text.

    Args:
        path: the file.
        columns: the columns wanted.
        ids: those of them that hold ids: integers become their digits, never "7.0".

    Returns:
        A frame (text as str with missing values as "", numbers as numbers, times as UTC), and its text columns.

    Raises:
        DataError: the file is damaged, or holds ids of a kind that is no id.
    """
    try:
        table = pq.read_table(path, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    arrays = {c: _id_text(path, c, table[c]) if c in ids else _plain(table[c]) for c in columns}
    text = frozenset(c for c, array in arrays.items() if pa.types.is_large_string(array.type))
    return pa.table(arrays).to_pandas(), text


def _id_text(path: Path, name: str, column: Any) -> Any:
    column = _undictionary(column)
    kind = column.type
    if pa.types.is_floating(kind):  # integers that a gap turned into floats
        whole = column.fill_null(0)
        if not pc.all(pc.equal(pc.floor(whole), whole)).as_py():
            raise DataError(f"{path}: column {name!r} holds fractions ({kind}), which are no ids; store ids as text.")
        column = column.cast(pa.int64())
    elif not (pa.types.is_integer(kind) or _is_text(kind)):
        raise DataError(f"{path}: column {name!r} holds {kind} values, which are no ids; store ids as text.")
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


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is a damaged Parquet file ({error}); write it anew, or give CSV.")
