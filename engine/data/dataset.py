"""Vocabulary, Histories and Dataset: immutable, and the only place where ids and indices meet.

Item indices start at 1, since 0 is padding. User indices are row numbers and start at 0: a user is never padded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from engine.errors import Message, UnknownIdError

PAD = 0
"""The item index that stands for no item."""

NOBODY = -1
"""The user index of a user who is not in the data."""


LONGEST_SHOWN = 300
"""Characters of a title that are shown: a page with tens of thousands in each row would freeze."""


def truncate_text(text: str) -> str:
    """The text, truncated for display, with an ellipsis where it was longer."""
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1].rstrip() + "…"


@dataclass(frozen=True)
class Vocabulary:
    """A mapping between ids, which are text, and contiguous indices.

    Attributes:
        ids: (n,) array of unique strings; `ids[0]` has the index `first`.
        first: index of the first id: 1 for items (0 is padding), 0 for users.
        kind: "item" or "user", for error messages.
    """

    ids: np.ndarray
    first: int = 1
    kind: str = "item"

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _index(self) -> pd.Index:
        return pd.Index(self.ids)

    def index_of(self, term: str, missing: int | None = None) -> int:
        """Index of an id; `missing` when it is unknown.

        Raises:
            UnknownIdError: the id is unknown and no `missing` was given.
        """
        try:  # five times as fast as looking up an array of one id
            return int(self._index.get_loc(term)) + self.first  # pyright: ignore[reportArgumentType]
        except (KeyError, TypeError, pd.errors.InvalidIndexError):
            pass
        if missing is not None:
            return missing
        sample = ", ".join(str(i) for i in self.ids[:3])
        unknown = (
            Message("No user {term!r} among the {n:,} users of this data; ids are text, for example {sample}.")
            if self.kind == "user"
            else Message("No item {term!r} among the {n:,} items of this data; ids are text, for example {sample}.")
        )
        raise UnknownIdError(unknown, term=term, n=len(self), sample=sample)

    def indices_of(self, terms: Iterable[str], missing: int = -1) -> np.ndarray:
        """(n,) int32 indices of ids; `missing` where an id is unknown."""
        found = self._index.get_indexer(pd.Index(np.asarray(list(terms), dtype=object)))
        return np.where(found >= 0, found + self.first, missing).astype(np.int32)

    def id_of(self, number: int) -> str:
        """The id of an index.

        Raises:
            UnknownIdError: there is no such index. For items 0 is padding, which has no id.
        """
        if not self.first <= number < self.first + len(self):
            raise UnknownIdError(
                "No {kind} has the index {number}; indices run from {first} to {last}.",
                kind=self.kind,
                number=number,
                first=self.first,
                last=self.first + len(self) - 1,
            )
        return str(self.ids[number - self.first])

    def ids_of(self, numbers: np.ndarray) -> np.ndarray:
        """(n,) ids of indices.

        Raises:
            UnknownIdError: one of the indices does not exist.
        """
        rows = np.asarray(numbers, dtype=np.int64) - self.first
        for row in (rows.min(initial=0), rows.max(initial=0)) if rows.size else ():
            self.id_of(int(row) + self.first)  # a negative row would silently count from the end
        return self.ids[rows]


@dataclass(frozen=True)
class Histories:
    """Rows of item indices, oldest first, as one flat array with offsets (CSR).

    Attributes:
        offsets: (n + 1,) int64; row i is `items[offsets[i]:offsets[i + 1]]`.
        items: (total,) int32 item indices.
        users: (n,) int64 user index of each row, `NOBODY` for a user who is not in the data; None where it is unknown
            or does not matter.
    """

    offsets: np.ndarray
    items: np.ndarray
    users: np.ndarray | None = None

    @classmethod
    def of(cls, rows: Iterable[Sequence[int] | np.ndarray], users: Sequence[int] | None = None) -> Histories:
        """Histories from plain rows, with the users they belong to if known."""
        arrays = [np.asarray(row, dtype=np.int32) for row in rows]
        offsets = np.zeros(len(arrays) + 1, dtype=np.int64)
        np.cumsum([len(a) for a in arrays], out=offsets[1:])
        items = np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int32)
        return cls(offsets, items.astype(np.int32), None if users is None else np.asarray(users, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        return self.items[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> np.ndarray:
        """(n,) int64 number of items in each row."""
        return np.diff(self.offsets)

    def positions(self) -> np.ndarray:
        """(total,) int64 row number of each item."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def take(self, rows: np.ndarray) -> Histories:
        """The chosen rows, in the order given."""
        rows = np.asarray(rows, dtype=np.int64)
        return self.ranges(self.offsets[rows], self.offsets[rows + 1], rows)

    def drop_last(self, n: int | np.ndarray) -> Histories:
        """Every row without its last n items (n may differ by row); short rows become empty."""
        return self.ranges(self.offsets[:-1], np.maximum(self.offsets[1:] - n, self.offsets[:-1]))

    def last(self, n: int) -> Histories:
        """Every row truncated to its n most recent items."""
        return self.ranges(np.maximum(self.offsets[1:] - n, self.offsets[:-1]), self.offsets[1:])

    def ranges(self, starts: np.ndarray, stops: np.ndarray, rows: np.ndarray | None = None) -> Histories:
        """One row for each slice `items[start:stop]` of the flat array.

        Args:
            starts: (m,) int64.
            stops: (m,) int64, none before its start.
            rows: (m,) the row that each slice lies in; None for one slice of every row, in order.
        """
        lengths = stops - starts
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        where = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        users = self.users if self.users is None or rows is None else self.users[rows]
        return Histories(offsets, self.items[where], users)

    def padded(self, width: int | None = None) -> np.ndarray:
        """(n, width) int64 rows padded with 0 at the right; longer rows keep their most recent items."""
        rows = self if width is None else self.last(width)
        width = int(rows.lengths.max(initial=0)) if width is None else width
        out = np.full((len(rows), width), PAD, dtype=np.int64)
        column = np.arange(len(rows.items)) - np.repeat(rows.offsets[:-1], rows.lengths)
        out[rows.positions(), column] = rows.items
        return out


@dataclass(frozen=True)
class Dataset:
    """A cleaned interaction log.

    Attributes:
        name: short name for people, such as the folder's.
        users: user ids; user index 0 is row 0 of `histories` and of `user_table`.
        items: item ids; item index 1 is row 0 of `item_table`.
        histories: one row a user, oldest first; equal times keep the file's order.
        timestamps: (n_interactions,) int64 seconds since 1970 UTC, aligned with `histories.items`; None without times.
        ratings: (n_interactions,) float32, aligned likewise; None when the log has none.
        user_table: (n_users rows) `user_id` and attributes, as cleaned.
        item_table: (n_items rows) `item_id`, `title` and attributes, as cleaned.

    >>> dataset.n_users, dataset.n_items, dataset.n_interactions
    (120, 60, 1052)
    """

    name: str
    users: Vocabulary
    items: Vocabulary
    histories: Histories
    timestamps: np.ndarray | None
    ratings: np.ndarray | None
    user_table: pd.DataFrame
    item_table: pd.DataFrame

    @property
    def n_users(self) -> int:
        return len(self.users)

    @property
    def n_items(self) -> int:
        return len(self.items)

    @property
    def n_interactions(self) -> int:
        return len(self.histories.items)

    def title(self, item_idx: int, lang: str = "en") -> str:
        """The item's title in a language, else its title, else its id, whichever the data has; truncated for display.

        Raises:
            UnknownIdError: there is no such index.
        """
        item_id = self.items.id_of(item_idx)
        for column in (f"title_{lang}", "title"):
            value = self.item_text(item_idx, column)
            if value and value != "unknown":
                return truncate_text(value)
        return truncate_text(item_id)

    def item_text(self, item_idx: int, *columns: str) -> str | None:
        """An item's value in the first of these columns that the item table has; None if it has none of them."""
        for column in columns:
            if column in self._item_columns.names:
                return str(self._item_columns[column][item_idx - self.items.first])
        return None

    @cached_property
    def _item_columns(self) -> _Columns:
        return _Columns(self.item_table)


class _Columns(dict[str, np.ndarray]):
    """Columns of a table as arrays, made on first use: reading single cells of a DataFrame is slow."""

    def __init__(self, table: pd.DataFrame) -> None:
        super().__init__()
        self._table = table
        self.names = frozenset(table.columns)

    def __missing__(self, column: str) -> np.ndarray:
        self[column] = self._table[column].to_numpy(dtype=object)
        return self[column]
