"""Raw tables -> a Dataset, and a report of every row dropped or repaired.

A row is dropped for the first of these reasons that holds, in this order: it could not be split, it has no user, no
item, a time that is missing, unreadable or absurd, a rating that is not a number or below the limit, or it repeats an
earlier row.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from engine.config import DataConfig
from engine.data.attributes import clean_attributes
from engine.data.cleaning_report import FIRST_LINES, CleaningIssue, CleaningReport, shorten
from engine.data.dataset import Dataset, Histories, Vocabulary
from engine.data.formats.readers import RawTables, read
from engine.data.numbers import MISSING_NUMBERS, missing_ids, read_numbers, whole_ids
from engine.data.schema import ITEM_ID, LINE, RATING, TIMESTAMP, USER_ID, interactions_schema
from engine.data.times import Times, parse_times
from engine.errors import DataError, Message
from engine.progress import OnProgress, Progress, ignore

SECONDS_A_DAY = 86_400


def load_dataset(
    path: Path | str, config: DataConfig | None = None, on_progress: OnProgress = ignore
) -> tuple[Dataset, CleaningReport]:
    """The Dataset of a log on disk, in any known format, and the report of its cleaning.

    Args:
        path: file, folder or pipe, or a pattern that names parts of one table.
        config: column names, guessed when not given, and the lowest rating kept.
        on_progress: called with how much was read from a pipe, and before the rows are cleaned.

    Raises:
        DataError: the log cannot be used; names the place, the value, the rule and what to do.

    >>> dataset, report = engine.load_dataset(log)
    >>> dataset.n_users, dataset.n_items, report.rows_read, report.rows_kept
    (120, 60, 1054, 1052)
    >>> [(issue.table, issue.rows, str(issue.reason)) for issue in report.issues]
    [('interactions', 1, 'item_id is missing'), ('interactions', 1, 'timestamp is no time that can be read')]
    """
    config = config or DataConfig()
    on_progress(Progress("read", 0.0, f"reading {path}"))
    raw = read(Path(path), config, on_progress)
    on_progress(Progress("read", 0.5, f"cleaning {len(raw.interactions):,} rows"))
    return clean(raw, config)


def clean(raw: RawTables, config: DataConfig, now: float | None = None) -> tuple[Dataset, CleaningReport]:
    """The Dataset of raw tables, and the report of what was dropped and repaired.

    Users and items are numbered in the order in which the log first names them. Each user's rows are sorted by time,
    equal times keep the file's order; without times the file's order is the history.

    Exact duplicates are rows with the same user, item, time and rating; the first one is kept. Without times, a user
    may well return to an item, so only a row that repeats the same user's previous row is a duplicate. In sequences
    every position is an event, so there are no duplicates.

    Args:
        raw: what a reader read.
        config: `min_rating` and `time_format` are used here.
        now: seconds since 1970; a time more than a day later is absurd. None for the current time.

    Raises:
        DataError: no row is left.
    """
    rows = _Rows(raw)
    user_ids, item_ids = rows.ids(USER_ID), rows.ids(ITEM_ID)
    seconds, notes = _times(rows, config, time.time() if now is None else now)
    ratings = _ratings(rows, config.min_rating)
    kept = np.flatnonzero(rows.keep)
    user_idx, user_terms = pd.factorize(user_ids.iloc[kept])
    item_idx, item_terms = pd.factorize(item_ids.iloc[kept])
    events = pd.DataFrame({"user_idx": user_idx.astype(np.int32), "item_idx": item_idx.astype(np.int32) + np.int32(1)})
    if seconds is not None:
        events[TIMESTAMP] = seconds[kept]
    if ratings is not None:
        events[RATING] = ratings[kept].astype(np.float32)
    # A stable sort: equal rows keep the order of the file. Fractions of a second still count here.
    keys = ["user_idx"] if seconds is None else [TIMESTAMP, "user_idx"]
    events = events.iloc[np.lexsort([events[key] for key in keys])]
    if raw.format != "sequences":
        repeats = _repeats(events)
        again = Message("an exact duplicate of an earlier row")
        rows.drop(_mask(kept[events.index[repeats]], len(rows.keep)), again, ITEM_ID)
        events = events.loc[~repeats]
        if TIMESTAMP not in rows.frame:
            notes += (Message("no column of times: the order of the file is the order of each history"),)
    issues = [*raw.malformed, *rows.issues()]
    n_read = len(rows.keep) + sum(i.rows for i in raw.malformed if i.table == "interactions")
    if len(events) == 0:
        raise _nothing_left(raw, issues, n_read)

    users = Vocabulary(np.asarray(user_terms, dtype=object), first=0, kind="user")
    items = Vocabulary(np.asarray(item_terms, dtype=object), first=1, kind="item")
    user_table, user_issues, of_users = clean_attributes(raw.users, "users", users, raw.kinds.get("users", {}))
    item_table, item_issues, of_items = clean_attributes(raw.items, "items", items, raw.kinds.get("items", {}))
    dataset = _dataset(raw.name, users, items, events, user_table, item_table)
    found = [*issues, *user_issues, *item_issues]
    ordered = tuple(i for table in ("interactions", "users", "items") for i in found if i.table == table)
    told = (*raw.notes, *notes, *of_users, *of_items)
    return dataset, CleaningReport(raw.source, raw.format, n_read, len(events), ordered, told)


class _Rows:
    """The raw interactions, which of them are kept so far, and why the others are not."""

    def __init__(self, raw: RawTables) -> None:
        self.frame = raw.interactions
        self.source = raw.source
        self.keep = np.ones(len(self.frame), dtype=bool)
        self._dropped: list[CleaningIssue] = []
        self._mended: list[tuple[np.ndarray, Message, str]] = []

    def ids(self, column: str) -> pd.Series:
        """The ids of a column, without surrounding white space or a common ".0"; rows without an id are dropped."""
        raw = self.frame[column].astype("str").fillna("")
        bare = raw.str.strip()
        missing = missing_ids(bare)
        self.drop(missing, Message("{column} is missing", {"column": column}), column)
        spaced = Message("white space around {column} taken away", {"column": column})
        self.mend((bare != raw).to_numpy() & ~missing, spaced, column)
        if (short := whole_ids(bare[~missing])) is not None:
            bare = bare.copy()
            bare[~missing] = short
            self.mend(
                ~missing, Message("{column} written with .0 behind it, which is left out", {"column": column}), column
            )
        return bare

    def drop(self, wrong: np.ndarray, reason: Message, column: str) -> None:
        """Drop the wrong rows that are still kept; the issue quotes the first one's value in a column."""
        wrong = wrong & self.keep
        self.keep &= ~wrong
        if wrong.any():
            self._dropped.append(self._issue(wrong, reason, "dropped", column))

    def mend(self, changed: np.ndarray, reason: Message, column: str) -> None:
        """Note rows that were changed; rows that are dropped later do not count."""
        if changed.any():
            self._mended.append((changed, reason, column))

    def issues(self) -> list[CleaningIssue]:
        """All issues, in order."""
        mended = [(changed & self.keep, reason, column) for changed, reason, column in self._mended]
        return self._dropped + [self._issue(c, reason, "mended", column) for c, reason, column in mended if c.any()]

    def at(self, row: int, column: str) -> dict[str, Any]:
        """A value and its place, for messages."""
        line = int(self.frame[LINE].iat[row])
        return {"source": self.source, "line": line, "column": column, "value": shorten(self.frame[column].iat[row])}

    def _issue(
        self, where: np.ndarray, reason: Message, action: Literal["dropped", "mended"], column: str
    ) -> CleaningIssue:
        rows = np.flatnonzero(where)
        lines = tuple(int(n) for n in self.frame[LINE].to_numpy()[rows[:FIRST_LINES]])
        example = shorten(self.frame[column].iat[int(rows[0])])
        return CleaningIssue("interactions", reason, action, len(rows), lines, example)


def _times(rows: _Rows, config: DataConfig, now: float) -> tuple[np.ndarray | None, tuple[Message | str, ...]]:
    """Seconds since 1970 with fractions, None without a column of times; and notes on what was assumed."""
    if TIMESTAMP not in rows.frame:
        if config.time_format is not None:
            raise DataError(
                "--time-format {format!r} needs times, and the log has no column of them; name it with --time, or "
                "leave --time-format out.",
                format=config.time_format,
            )
        return None, ()
    times = parse_times(rows.frame.loc[:, TIMESTAMP], config.time_format, now)
    unread = np.isnan(times.seconds)
    _ask_where_unsure(rows, times, unread & ~times.missing, config)
    named = {"column": TIMESTAMP}
    rows.drop(times.missing, Message("{column} is missing", named), TIMESTAMP)
    rows.drop(unread, Message("{column} is no time that can be read", named), TIMESTAMP)
    rows.drop(times.seconds < 0, Message("{column} is before 1970-01-01", named), TIMESTAMP)
    late = times.seconds > now + SECONDS_A_DAY
    rows.drop(late, Message("{column} is more than a day in the future", named), TIMESTAMP)
    for changed, reason in times.mended:
        rows.mend(changed, reason, TIMESTAMP)
    left = times.seconds[rows.keep]
    notes = times.notes
    if len(left) > 1 and left.min() == left.max():
        values = {"column": TIMESTAMP, "value": shorten(rows.frame[TIMESTAMP].iat[int(np.flatnonzero(rows.keep)[0])])}
        said = Message(
            "{column} is the same in every row, {value}, and left out: the order of the file is each history",
            values,
        )
        return None, (*notes, said)
    return times.seconds, notes


def _ask_where_unsure(rows: _Rows, times: Times, unread: np.ndarray, config: DataConfig) -> None:
    """Raise an error where times can be read in two ways, or where most cannot be read at all.

    Raises:
        DataError: names the option that says how they are written.
    """
    if times.unsure is not None:
        raise DataError(
            "{source}, line {line}: {column} {value!r} may have the day first or the month first, and the other rows "
            "do not tell. Say which with --time-format day-first or --time-format month-first (data.time_format), or "
            "leave times out with --no-time.",
            **rows.at(times.unsure, TIMESTAMP),
        )
    there = rows.keep & ~times.missing
    if (unread & there).sum() * 2 <= there.sum() or not there.any():
        return
    row = int(np.flatnonzero(unread & there)[0])
    counts = {"n": int((unread & there).sum()), "all": int(there.sum())}
    if config.time_format is not None:
        raise DataError(
            "{source}, line {line}: {column} {value!r} is not written as --time-format {format!r} says, and so are "
            "{n:,} of {all:,}. Give another format, or leave times out with --no-time.",
            **rows.at(row, TIMESTAMP), **counts, format=config.time_format,
        )  # fmt: skip
    raise DataError(
        "{source}, line {line}: {column} {value!r} is no time that can be read, and so are {n:,} of {all:,}. Say how "
        "times are written with --time-format, such as %d.%m.%Y %H:%M or milliseconds (data.time_format), name another "
        "column with --time, or leave times out with --no-time.",
        **rows.at(row, TIMESTAMP), **counts,
    )  # fmt: skip


def _ratings(rows: _Rows, min_rating: float | None) -> np.ndarray | None:
    """Ratings, NaN where a row has none and `min_rating` is not set; None without a column of ratings."""
    if RATING not in rows.frame:
        if min_rating is not None:
            raise DataError(
                "--min-rating {least:g} needs ratings, and the log has no column of them; name it with --rating, or "
                "leave --min-rating out.",
                least=min_rating,
            )
        return None
    text = rows.frame[RATING].astype("str").fillna("").str.strip()
    missing = text.str.lower().isin(MISSING_NUMBERS).to_numpy()
    numbers = read_numbers(text.mask(missing, ""))
    ratings = numbers.values
    named = {"column": RATING}
    rows.drop(np.isnan(ratings) & ~missing, Message("{column} is not a number", named), RATING)
    if numbers.how is not None:
        how = Message("{column} {how}, read as a number", named | {"how": numbers.how})
        rows.mend(numbers.mended, how, RATING)
    if min_rating is None:
        rows.mend(missing, Message("{column} is missing; the interaction is kept without one", named), RATING)
    else:
        limit = named | {"least": min_rating}
        rows.drop(missing, Message("{column} is missing, so it cannot be {least:g} or more", limit), RATING)
        rows.drop(ratings < min_rating, Message("{column} is under {least:g}", limit), RATING)
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
    suspects = np.append(alike, False) | np.append(False, alike)  # only these can have a duplicate
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
    """The Dataset of the sorted events."""
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
    values = {
        "source": raw.source,
        "read": n_read,
        "rows": worst.rows,
        "line": worst.lines[0],
        "reason": worst.reason,
        "value": worst.example,
    }
    offer = next((note for note in raw.notes if isinstance(note, Message) and "session" in note.values), None)
    if offer is not None:
        return DataError(
            "{source}: none of its {read:,} interactions can be used. Most often ({rows:,} rows, first on line "
            "{line}): {reason}; there stands {value!r}. Mend that, or give --user {session}: the column {session!r} "
            "names sessions.",
            **values, session=offer.values["session"],
        )  # fmt: skip
    return DataError(
        "{source}: none of its {read:,} interactions can be used. Most often ({rows:,} rows, first on line {line}): "
        "{reason}; there stands {value!r}. Mend that, or name the right columns with --user, --item, --time and "
        "--rating.",
        **values,
    )
