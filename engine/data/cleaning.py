"""Raw tables -> a Dataset, and a report of every row dropped or mended.

A row is dropped for the first of these reasons that holds, in this order: it could not be split, it has no user, no
item, a time that is missing, unreadable or absurd, a rating that is no number or under the limit, or it repeats an
earlier row.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from engine.config import DataConfig
from engine.data.attributes import clean_attributes
from engine.data.dataset import Dataset, Histories, Vocabulary
from engine.data.readers import RawTables, read
from engine.data.report import FIRST_LINES, CleaningIssue, CleaningReport, shorten
from engine.data.schema import ITEM_ID, LINE, RATING, TIMESTAMP, USER_ID, interactions_schema
from engine.data.times import parse_times, to_numbers
from engine.errors import DataError

SECONDS_A_DAY = 86_400


def load_dataset(path: Path | str, config: DataConfig | None = None) -> tuple[Dataset, CleaningReport]:
    """The Dataset of a log on disk, in any known format, and the report of its cleaning.

    Args:
        path: file or folder.
        config: column names and the least rating; guessed and none when not given.

    Raises:
        DataError: the log cannot be used; names the place, the value, the rule and the way out.
    """
    config = config or DataConfig()  # pyright: ignore[reportCallIssue]
    return clean(read(Path(path), config), config)


def clean(raw: RawTables, config: DataConfig, now: float | None = None) -> tuple[Dataset, CleaningReport]:
    """The Dataset of raw tables, and the report of what was dropped and mended.

    Users and items are numbered in the order in which the log first names them. Each user's rows are sorted by time,
    equal times keep the file's order; without times the file's order is the history.

    Exact duplicates are rows with the same user, item, time and rating; the first stays. Without times, order alone
    says when something happened and a user may well come back to an item, so only a row that repeats the same user's
    previous row is one; and in sequences, where every position is an event of its own, none is.

    Args:
        raw: what a reader read.
        config: `min_rating` is used here.
        now: seconds since 1970 after which, by more than a day, a time is absurd; the clock's when None.

    Raises:
        DataError: no row is left.
    """
    rows = _Rows(raw.interactions)
    user_ids, item_ids = rows.ids(USER_ID), rows.ids(ITEM_ID)
    seconds, notes = _times(rows, time.time() if now is None else now)
    ratings = _ratings(rows, config.min_rating)
    kept = np.flatnonzero(rows.keep)
    user_idx, user_terms = pd.factorize(user_ids.iloc[kept])
    item_idx, item_terms = pd.factorize(item_ids.iloc[kept])
    events = pd.DataFrame({"user_idx": user_idx.astype(np.int32), "item_idx": item_idx.astype(np.int32) + np.int32(1)})
    if seconds is not None:
        events[TIMESTAMP] = seconds[kept]
    if ratings is not None:
        events[RATING] = ratings[kept].astype(np.float32)
    # A stable sort: what is equal keeps the order of the file. Fractions of a second still count here.
    keys = ["user_idx"] if seconds is None else [TIMESTAMP, "user_idx"]
    events = events.iloc[np.lexsort([events[key] for key in keys])]
    if raw.format != "sequences":
        repeats = _repeats(events)
        rows.drop(_mask(kept[events.index[repeats]], len(rows.keep)), "an exact duplicate of an earlier row", ITEM_ID)
        events = events.loc[~repeats]
        if seconds is None:
            notes += ("no column of times: the order of the file is the order of each history",)
    issues = [*raw.malformed, *rows.issues()]
    n_read = len(rows.keep) + sum(i.rows for i in raw.malformed if i.table == "interactions")
    if len(events) == 0:
        raise _nothing_left(raw, issues, n_read)

    users = Vocabulary(np.asarray(user_terms, dtype=object), first=0, kind="user")
    items = Vocabulary(np.asarray(item_terms, dtype=object), first=1, kind="item")
    user_table, user_issues = clean_attributes(raw.users, "users", users, raw.kinds.get("users", {}))
    item_table, item_issues = clean_attributes(raw.items, "items", items, raw.kinds.get("items", {}))
    dataset = _dataset(raw.name, users, items, events, user_table, item_table)
    found = [*issues, *user_issues, *item_issues]
    ordered = tuple(i for table in ("interactions", "users", "items") for i in found if i.table == table)
    return dataset, CleaningReport(raw.source, raw.format, n_read, len(events), ordered, raw.notes + notes)


class _Rows:
    """The raw interactions, which of them are still kept, and why the others are not."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.keep = np.ones(len(frame), dtype=bool)
        self._dropped: list[CleaningIssue] = []
        self._mended: list[tuple[np.ndarray, str, str]] = []

    def ids(self, column: str) -> pd.Series:
        """The ids of a column without white space around them; rows without one are dropped."""
        raw = self.frame[column].astype("str").fillna("")
        bare = raw.str.strip()
        empty = (bare == "").to_numpy()
        self.drop(empty, f"{column} is missing", column)
        self.mend((bare != raw).to_numpy() & ~empty, f"white space around {column} taken away", column)
        return bare

    def drop(self, wrong: np.ndarray, reason: str, column: str) -> None:
        """Drops the rows that are wrong and still there; quotes the first one's value in a column."""
        wrong = wrong & self.keep
        self.keep &= ~wrong
        if wrong.any():
            self._dropped.append(self._issue(wrong, reason, "dropped", column))

    def mend(self, changed: np.ndarray, reason: str, column: str) -> None:
        """Notes rows that were changed; those that are dropped in the end do not count."""
        if changed.any():
            self._mended.append((changed, reason, column))

    def issues(self) -> list[CleaningIssue]:
        """All that happened."""
        mended = [(changed & self.keep, reason, column) for changed, reason, column in self._mended]
        return self._dropped + [self._issue(c, reason, "mended", column) for c, reason, column in mended if c.any()]

    def _issue(
        self, where: np.ndarray, reason: str, action: Literal["dropped", "mended"], column: str
    ) -> CleaningIssue:
        rows = np.flatnonzero(where)
        lines = tuple(int(n) for n in self.frame[LINE].to_numpy()[rows[:FIRST_LINES]])
        example = shorten(self.frame[column].iat[int(rows[0])])
        return CleaningIssue("interactions", reason, action, len(rows), lines, example)


def _times(rows: _Rows, now: float) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Seconds since 1970 with their fractions, None without a column of times; and what was taken for granted."""
    if TIMESTAMP not in rows.frame:
        return None, ()
    times = parse_times(rows.frame.loc[:, TIMESTAMP])
    unread = np.isnan(times.seconds)
    rows.drop(times.missing, f"{TIMESTAMP} is missing", TIMESTAMP)
    rows.drop(unread, f"{TIMESTAMP} is neither a number nor ISO 8601 text (2024-01-31T18:30:00Z)", TIMESTAMP)
    rows.drop(times.seconds < 0, f"{TIMESTAMP} is before 1970-01-01", TIMESTAMP)
    rows.drop(times.seconds > now + SECONDS_A_DAY, f"{TIMESTAMP} is more than a day in the future", TIMESTAMP)
    return times.seconds, (times.note,) if times.note else ()


def _ratings(rows: _Rows, min_rating: float | None) -> np.ndarray | None:
    """Ratings, NaN where a row has none and none is asked for; None without a column of ratings."""
    if RATING not in rows.frame:
        if min_rating is not None:
            raise DataError(
                f"--min-rating {min_rating:g} needs ratings, and the log has no column of them; "
                "name it with --rating, or leave --min-rating out."
            )
        return None
    column = rows.frame[RATING]
    text = column.astype("str").fillna("").str.strip()
    ratings = to_numbers(text)
    missing = (text == "").to_numpy()
    rows.drop(np.isnan(ratings) & ~missing, f"{RATING} is not a number", RATING)
    if min_rating is None:
        rows.mend(missing, f"{RATING} is missing; the interaction is kept without one", RATING)
    else:
        rows.drop(missing, f"{RATING} is missing, so it cannot be {min_rating:g} or more", RATING)
        rows.drop(ratings < min_rating, f"{RATING} is under {min_rating:g}", RATING)
    return ratings


def _repeats(events: pd.DataFrame) -> np.ndarray:
    """(n,) bool: sorted rows that repeat an earlier one; without times, the same user's row directly before."""
    repeats = np.zeros(len(events), dtype=bool)
    if len(events) < 2:
        return repeats
    columns = [events[c].to_numpy() for c in events.columns if c in ("user_idx", TIMESTAMP)]
    alike = np.all([values[1:] == values[:-1] for values in columns], axis=0)  # same user, same time as the row before
    if TIMESTAMP not in events:
        rest = [events[c].to_numpy() for c in events.columns if c != "user_idx"]
        same = [(v[1:] == v[:-1]) | ((v[1:] != v[1:]) & (v[:-1] != v[:-1])) for v in rest]  # NaN repeats NaN
        repeats[1:] = alike & np.all(same, axis=0)
        return repeats
    suspects = np.append(alike, False) | np.append(False, alike)  # only these can have a twin
    repeats[suspects] = events.loc[suspects].duplicated().to_numpy()
    return repeats


def _mask(rows: np.ndarray, n: int) -> np.ndarray:
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return mask


def _dataset(
    name: str,
    users: Vocabulary,
    items: Vocabulary,
    events: pd.DataFrame,
    user_table: pd.DataFrame,
    item_table: pd.DataFrame,
) -> Dataset:
    """The Dataset of sorted events."""
    if TIMESTAMP in events:
        events = events.assign(**{TIMESTAMP: np.floor(events[TIMESTAMP]).astype(np.int64)})
    interactions_schema().validate(events)
    offsets = np.zeros(len(users) + 1, dtype=np.int64)
    np.cumsum(np.bincount(events["user_idx"], minlength=len(users)), out=offsets[1:])
    return Dataset(
        name=name,
        users=users,
        items=items,
        histories=Histories(offsets, events["item_idx"].to_numpy(), np.arange(len(users))),
        timestamps=events[TIMESTAMP].to_numpy() if TIMESTAMP in events else None,
        ratings=events[RATING].to_numpy() if RATING in events else None,
        user_table=user_table,
        item_table=item_table,
    )


def _nothing_left(raw: RawTables, issues: list[CleaningIssue], n_read: int) -> DataError:
    dropped = [i for i in issues if i.table == "interactions" and i.action == "dropped"]
    worst = max(dropped, key=lambda i: i.rows)
    return DataError(
        f"{raw.source}: none of its {n_read:,} interactions can be used. Most often ({worst.rows:,} rows, first on "
        f"line {worst.lines[0]}): {worst.reason}; there stands {worst.example!r}. "
        "Mend that, or name the right columns with --user, --item, --time and --rating."
    )
