"""Recommendation lists of another system, read from a file and matched with the ids of a log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from engine.data.cleaning_report import CleaningIssue, shorten
from engine.data.dataset import Dataset, Histories, Vocabulary
from engine.data.formats.delimited import Delimited, without_padding
from engine.data.formats.detect import stem
from engine.data.formats.files import NO_LIMIT, ReadLimit, head, is_parquet, read_text
from engine.data.formats.pipes import on_disk
from engine.data.formats.tables import Table, TextTable, open_table
from engine.data.names import listed
from engine.data.schema import ITEM_ID, LINE, USER_ID, USUAL_NAMES, find_column
from engine.errors import DataError, Message

RANK, SCORE = "rank", "score"

USUAL_RANKS = ("rank", "ranking", "position", "pos", "place", "order")
USUAL_SCORES = ("score", "prediction", "pred", "predicted", "relevance", "weight", "logit", "estimate", "est", "value")


@dataclass(frozen=True)
class ExternalLists:
    """The recommendations of another system, by the indices of a dataset.

    Attributes:
        name: of the system: the file's name without its ending.
        source: the path as given.
        items: one row for every user of the dataset, best first; 0 stands for an item that the dataset does not know. A
            user without a list has an empty row.
        ranks: (total,) int64, aligned with `items.items`: the place of each item in its list, 1 is best. Tied items of
            a list all get the last of their places.
        rows_read: rows of the file.
        notes: what was guessed or ignored, one sentence each.
        issues: rows that were dropped.
    """

    name: str
    source: str
    items: Histories
    ranks: np.ndarray
    rows_read: int
    notes: tuple[Message | str, ...]
    issues: tuple[CleaningIssue, ...]

    @property
    def longest(self) -> int:
        """Length of the longest list."""
        return int(self.items.lengths.max(initial=0))


def read_lists(
    path: Path | str,
    dataset: Dataset,
    user: str | None = None,
    item: str | None = None,
    limit: ReadLimit = NO_LIMIT,
) -> ExternalLists:
    """Recommendations from a CSV, TSV or Parquet file: a row for each user and item, with a rank or a score.

    Ranks are taken as they are where they are whole numbers from 1 on, no two the same for one user, as RecTools writes
    them. Otherwise, and for scores, a place is the number of the user's items that do at least as well.

    Args:
        path: the file.
        dataset: the log that the recommendations are for.
        user: column of user ids; guessed from usual names when not given.
        item: column of item ids; guessed likewise.
        limit: how much may be unpacked of a file that a stranger sent.

    Raises:
        DataError: the file is no such table, is larger than it may be, or nothing in it belongs to the log; names the
            place, the rule, the way out.
    """
    with on_disk(Path(path)) as place:
        if not place.is_file():
            if place.is_dir():
                raise DataError(
                    "{path} is a folder; give one CSV, TSV or Parquet file with a user, an item and a rank or score.",
                    path=place,
                )
            raise DataError(
                "{path} does not exist; give one CSV, TSV or Parquet file with a user, an item and a rank or score.",
                path=place,
            )
        return replace(_read_lists(place, dataset, user, item, limit), source=str(path))


def _read_lists(path: Path, dataset: Dataset, user: str | None, item: str | None, limit: ReadLimit) -> ExternalLists:
    table = _open(path, limit, {r: c for r, c in ((USER_ID, user), (ITEM_ID, item)) if c is not None})
    roles = _roles(path, table.names, user, item)
    rows = table.rows("lists", list(roles.values()), [roles[USER_ID], roles[ITEM_ID]])
    frame = rows.frame.set_axis([*roles, LINE], axis=1)
    notes: list[Message | str] = [
        Message("column {column!r} read as {role}", {"column": column, "role": role})
        for role, column in roles.items()
        if column != role
    ]
    by = RANK if RANK in roles else SCORE
    places = _numbers(path, frame, by)
    issues = list(rows.malformed)
    user_ids, item_ids = (frame[c].astype(str).str.strip() for c in (USER_ID, ITEM_ID))
    users = dataset.users.indices_of(user_ids)
    items = np.maximum(dataset.items.indices_of(item_ids), 0)
    kept = users >= 0
    _refuse_lookalikes(path, dataset.users, user_ids[~kept])
    if not kept.any():
        raise DataError(
            "{path}: none of its users is among the {n:,} of {log!r} (the file has {theirs}, the log {ours}); "
            "name the column of user ids with --user, or give the log that these lists are for.",
            path=path,
            n=dataset.n_users,
            log=dataset.name,
            theirs=_some(frame[USER_ID].unique()),
            ours=_some(dataset.users.ids),
        )
    strange = kept & (items == 0)
    _refuse_lookalikes(path, dataset.items, item_ids[strange])
    if 2 * strange.sum() > kept.sum():
        raise DataError(
            "{path}: {wrong:,} of {all:,} recommendations are of items that {log!r} does not know (the file has "
            "{theirs}, the log {ours}); name the column of item ids with --item, or give the log that these lists are "
            "for.",
            path=path,
            wrong=int(strange.sum()),
            all=int(kept.sum()),
            log=dataset.name,
            theirs=_some(item_ids[strange].unique()),
            ours=_some(dataset.items.ids),
        )
    _drop(issues, frame, ~kept, USER_ID, "user is not in the log")
    order = np.lexsort((np.arange(len(frame)), places, users))
    order = order[kept[order]]
    known = order[items[order] > 0]
    pairs = users[known].astype(np.int64) * (dataset.n_items + 1) + items[known]
    again = np.ones(len(known), dtype=bool)
    again[np.unique(pairs, return_index=True)[1]] = False  # the first is the best placed
    twice = np.zeros(len(frame), dtype=bool)
    twice[known[again]] = True
    _drop(issues, frame, twice, ITEM_ID, "item is in the user's list already")
    order = order[~twice[order]]
    if unknown := int((items[order] == 0).sum()):
        notes.append(
            Message(
                "{n:,} places hold items that the log does not know; they count as places without a hit", {"n": unknown}
            )
        )
    lists = _histories(users[order], items[order], dataset.n_users)
    ranks, as_given = _ranks(lists, places[order], by)
    if by == RANK and not as_given:
        notes.append(Message("ranks are not 1, 2, 3, … for every user, so only their order is used"))
    return ExternalLists(stem(path), str(path), lists, ranks, len(frame), (*notes, *rows.notes), tuple(issues))


def _open(path: Path, limit: ReadLimit, given: dict[str, str]) -> Table:
    """The table; the run files of TREC, which have no header, get one."""
    first = [] if is_parquet(path) else head(path).split(b"\n", 1)[0].decode(errors="replace").split()
    if len(first) != 6 or first[1] not in ("Q0", "0") or not first[3].isdigit():
        return open_table(path, limit, given)
    text = read_text(path, limit=limit)
    note = Message("{file} read as a run of TREC: user, item, rank and score", {"file": path.name})
    names = (USER_ID, "Q0", ITEM_ID, RANK, SCORE, "run")
    return TextTable(Delimited(path, names, without_padding(text.data), " ", notes=(*text.notes, note)))


def _refuse_lookalikes(path: Path, known: Vocabulary, unknown: pd.Series) -> None:
    """Raises a DataError where unknown ids would be known without a ".0" at their end, or in other case."""
    ours: dict[str, str] = {}
    for term in known.ids if len(unknown) else ():
        ours.setdefault(_bare(term), term)
    alike = [term for term in unknown.unique() if _bare(term) in ours]
    if not alike:
        return
    theirs, other = alike[0], ours[_bare(alike[0])]
    said = (
        Message(
            "{path}: {n:,} {kind} ids are those of the log but for a '.0' at their end, as {theirs!r} for {ours!r}; "
            "write ids as text or as whole numbers (in pandas: astype('Int64').astype(str))."
        )
        if theirs.casefold() != other.casefold()
        else Message(
            "{path}: {n:,} {kind} ids are those of the log but for capital letters, as {theirs!r} for {ours!r}; write "
            "them as the log does."
        )
    )
    kind = Message("user") if known.kind == "user" else Message("item")
    raise DataError(said, path=path, n=len(alike), kind=kind, theirs=theirs, ours=other)


def _bare(term: str) -> str:
    return re.sub(r"\.0+$", "", str(term)).casefold()


def _some(ids: Iterable[object]) -> str:
    return ", ".join(repr(str(i)) for i in islice(ids, 3))


def _roles(path: Path, names: Sequence[str], user: str | None, item: str | None) -> dict[str, str]:
    """Column of each role: user and item, and a rank, or else a score."""
    roles: dict[str, str] = {}
    for role, given, option in ((USER_ID, user, "user"), (ITEM_ID, item, "item")):
        if given is not None and given not in names:
            raise DataError(
                "{path} has no column {given!r}; --{option} must be one of: {names}.",
                path=path,
                given=given,
                option=option,
                names=listed(names),
            )
        free = [n for n in names if n not in roles.values()]
        found = given or find_column(free, USUAL_NAMES[role])
        if found is None:
            said = (
                Message(
                    "{path} has no column with a usual name for users; its columns are {names}. "
                    "Say which it is with --user NAME."
                )
                if role == USER_ID
                else Message(
                    "{path} has no column with a usual name for items; its columns are {names}. "
                    "Say which it is with --item NAME."
                )
            )
            raise DataError(said, path=path, names=listed(names))
        roles[role] = found
    free = [n for n in names if n not in roles.values()]
    for role, usual in ((RANK, USUAL_RANKS), (SCORE, USUAL_SCORES)):
        if (found := find_column(free, usual)) is not None:
            return {**roles, role: found}
    raise DataError(
        "{path} has neither a rank nor a score; its columns are {names}. "
        "Call the column of ranks (1 is best) 'rank', or that of scores (highest is best) 'score'.",
        path=path,
        names=listed(names),
    )


def _numbers(path: Path, frame: pd.DataFrame, by: str) -> np.ndarray:
    """(n,) numbers by which rows are sorted, the smallest first."""
    read = frame[by]
    numbers = np.asarray(pd.to_numeric(read, errors="coerce"), dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        row = wrong[0]
        raise DataError(
            "{path}, line {line}: {column} {value!r} is not a number; every row needs one ({wrong:,} of {n:,} have "
            "none).",
            path=path,
            line=int(frame[LINE].iat[row]),
            column=by,
            value=shorten(read.iat[row]),
            wrong=len(wrong),
            n=len(frame),
        )
    return numbers if by == RANK else -numbers


def _drop(issues: list[CleaningIssue], frame: pd.DataFrame, rows: np.ndarray, column: str, reason: str) -> None:
    if rows.any():
        gone = frame.loc[rows]
        lines = tuple(int(line) for line in sorted(gone[LINE])[:5])
        issues.append(CleaningIssue("lists", reason, "dropped", len(gone), lines, shorten(gone[column].iat[0])))


def _histories(users: np.ndarray, items: np.ndarray, n_users: int) -> Histories:
    """Rows of items for all users; the input is sorted by user."""
    offsets = np.zeros(n_users + 1, dtype=np.int64)
    np.cumsum(np.bincount(users, minlength=n_users), out=offsets[1:])
    return Histories(offsets, items.astype(np.int32), np.arange(n_users))


def _ranks(lists: Histories, places: np.ndarray, by: str) -> tuple[np.ndarray, bool]:
    """Ranks of all places, and whether they are those of the file."""
    owners = lists.positions()
    changed = np.flatnonzero((np.diff(owners) != 0) | (np.diff(places) != 0))
    ends = np.append(changed, len(places) - 1)  # the last place of each run of equals
    tied = len(ends) < len(places)
    if by == RANK and not tied and (places >= 1).all() and (places == np.floor(places)).all():
        return places.astype(np.int64), True
    last = np.repeat(ends, np.diff(ends, prepend=-1))
    return last - lists.offsets[owners] + 1, False
