"""The diagnosis of another system's recommendations on a log, without a model of our own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.config import RunConfig
from engine.data.dataset import Dataset
from engine.data.external_lists import ExternalLists, read_lists
from engine.data.formats.files import NO_LIMIT, ReadLimit
from engine.data.formats.tables import open_table
from engine.data.repeats import resolve_exclude_seen
from engine.data.splits import Split
from engine.errors import Message
from engine.evaluation.cohorts import Cohorts
from engine.evaluation.external import evaluate_external
from engine.evaluation.metrics.item_facts import item_facts
from engine.evaluation.report import Evaluation
from engine.runs.store import cohorts_of, split_of


@dataclass(frozen=True)
class ExternalDiagnosis:
    """Another system's lists and their figures.

    Attributes:
        lists: the lists, with notes from reading them.
        split: of the log.
        cohorts: head and tail, of users and of items.
        evaluation: the figures; its one model has the name of the lists.
        notes: what a reader of the figures must know, one sentence each, including notes from reading.
    """

    lists: ExternalLists
    split: Split
    cohorts: Cohorts
    evaluation: Evaluation
    notes: tuple[Message | str, ...]


def diagnose_lists(
    path: str | Path,
    dataset: Dataset,
    config: RunConfig | None = None,
    user: str | None = None,
    item: str | None = None,
    limit: ReadLimit = NO_LIMIT,
) -> ExternalDiagnosis:
    """The figures of lists in a file, on the test part of a log.

    Args:
        path: CSV, TSV or Parquet: a user, an item, and a rank or a score in each row.
        dataset: the log that they are for.
        config: settings, of which the `evaluation` section is used.
        user: column of user ids; guessed when not given.
        item: column of item ids; guessed when not given.
        limit: how much may be read of an uploaded file.

    Raises:
        DataError: the file is not such a table, or does not match the log or its test users.

    >>> rows = [f"{user},i{rank:02d},{rank}" for user in dataset.users.ids for rank in range(1, 11)]
    >>> _ = (folder / "lists.csv").write_text("\\n".join(["user_id,item_id,rank", *rows]))
    >>> found = engine.diagnose_lists(folder / "lists.csv", dataset, config)
    >>> list(found.evaluation.models)
    ['lists']
    >>> engine.gap(found.evaluation, "ndcg@10", model="lists").n_tail
    92
    """
    config = config or RunConfig()
    lists = read_lists(path, dataset, user, item, limit)
    split = split_of(dataset, config)
    config = resolve_exclude_seen(config, [split])
    cohorts = cohorts_of(split, config)
    evaluation = evaluate_external(lists, split, cohorts, config.evaluation, item_facts(dataset, split, cohorts))
    return ExternalDiagnosis(lists, split, cohorts, evaluation, (*lists.notes, *_notes(lists, split, config)))


def columns_of_lists(path: str | Path, limit: ReadLimit = NO_LIMIT) -> tuple[str, ...]:
    """The column names of a file of lists, so that users can say which is which.

    Args:
        path: CSV, TSV or Parquet.
        limit: how much may be read of an uploaded file.

    Raises:
        DataError: the file is not a table, or is larger than it may be.

    >>> _ = (folder / "lists.csv").write_text("customer,product,rank\\nu005,i12,1\\n")
    >>> engine.columns_of_lists(folder / "lists.csv")
    ('customer', 'product', 'rank')
    """
    return tuple(open_table(Path(path), limit).names)


def _notes(lists: ExternalLists, split: Split, config: RunConfig) -> list[str]:
    """Notes on differences from lists of our own."""
    asked, longest = lists.items.take(split.test.users), lists.longest
    notes = []
    if without := int((asked.lengths == 0).sum()):
        notes.append(f"{without:,} of {len(asked):,} tested users have no list; each target of theirs counts as a miss")
    if short := [k for k in config.evaluation.ks if k > longest]:
        notes.append(
            f"the longest list holds {longest:,} items, so figures at {', '.join(map(str, short))} count what is there"
        )
    width = split.n_items + 1
    histories = split.test.histories
    met = histories.positions() * width + histories.items
    again = int(np.isin(asked.positions() * width + asked.items, met).sum())
    if again:
        notes.append(f"{again:,} recommendations were in their user's history already; they are measured as given")
    return notes
