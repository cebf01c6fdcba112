"""Groups of users: facts about each test user, standard groups, and their sizes.

A group is a name and a rule over facts (`engine.evaluation.groups.rules`), so that one definition serves tables, plots,
filters, links and tests. Facts come only from the training part and the tables of users and items; those about the
target describe the target, never a model's answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data.dataset import Dataset
from engine.data.schema import ATTRIBUTES, CATEGORY, MISSING_SUFFIX, display_columns
from engine.data.splits import Split
from engine.evaluation.cohorts import Cohorts
from engine.evaluation.groups.rules import Between, Condition, OneOf, Rule, members, plain_number, split_texts
from engine.evaluation.stats.bootstrap import SMALL

QUANTILES = 5
"""At most so many bins of a number."""

MAX_VALUES = 12
"""At most so many values of an attribute get a group of their own: the most frequent ones."""

_DAY = 86_400
_TARGET = "target_"
_OWN = ("user_idx", "history_length", "user_cohort", "recency_days", "mainstream")
_OWN_TARGET = ("target_popularity", "target_age_days")


@dataclass(frozen=True)
class Group:
    """Users under a name.

    Attributes:
        name: for people.
        rule: who is in it.

    >>> new = engine.Group("New", engine.Rule.parse("history_length=..2"))
    >>> new.name, str(new.rule)
    ('New', 'history_length=..2')
    """

    name: str
    rule: Rule


def user_facts(dataset: Dataset, split: Split, cohorts: Cohorts) -> pd.DataFrame:
    """Facts about the users of the test part, without their targets.

    Args:
        dataset: the log.
        split: of that log.
        cohorts: of that split.

    Returns:
        One row a test user, in the order of `split.test.users`:
        `user_idx`;
        `history_length`: events in the training part;
        `user_cohort`: "head" or "tail";
        `recency_days`: from the user's last training event to the last of all training events, to a hundredth (absent
        from a log without times);
        `mainstream`: share of the user's training events that went to head items, from 0 to 1, to a thousandth: the
        ratio of popular items in a profile by which Abdollahpouri et al., "The unfairness of popularity bias in
        recommendation" (RMSE workshop at RecSys 2019), distinguish niche from blockbuster tastes;
        and the displayable columns of the user table: text, or numbers where the column is numeric, with NaN where
        cleaning filled a gap. One whose name is taken above, or by a fact about targets, is called "user_NAME". A user
        without a training event has NaN for recency and `mainstream`.
    """
    users, lengths = split.test.users, split.train.lengths
    to_head = np.concatenate([[0], np.cumsum(cohorts.item_is_head[split.train.items])])[split.train.offsets]
    columns: dict[str, np.ndarray | pd.Series] = {
        "user_idx": users,
        "history_length": lengths[users],
        "user_cohort": _cohort_names(cohorts.user_is_head[users]),
    }
    if (times := _training_times(dataset, split)) is not None:
        last = np.full(len(lengths), np.nan)
        some = lengths > 0
        last[some] = times[split.train.offsets[1:][some] - 1]
        columns["recency_days"] = ((times.max() - last[users]) / _DAY).round(2)
    with np.errstate(invalid="ignore"):
        columns["mainstream"] = (np.diff(to_head)[users] / lengths[users]).round(3)
    for column in display_columns(dataset.user_table):
        name = f"user_{column}" if column in _OWN or _is_of_target(column) else column
        columns[name] = _attribute(dataset.user_table, column, users)
    return pd.DataFrame(columns)


def target_facts(dataset: Dataset, split: Split, cohorts: Cohorts) -> pd.DataFrame:
    """Facts about the (first) target of each test user, from the training part alone.

    Args:
        dataset: the log.
        split: of that log.
        cohorts: of that split.

    Returns:
        One row a test user, in the order of `split.test.users`:
        `item_cohort`: "head" or "tail";
        `target_popularity`: training events of the item;
        `target_age_days`: from the item's first training event to the last of all training events, to a hundredth;
        NaN for an item that does not occur in training (absent from a log without times);
        and the displayable columns of the item table, under "target_COLUMN" ("target_target_COLUMN" where
        that is a name above).
    """
    targets = split.test.targets.items[split.test.targets.offsets[:-1]]
    columns: dict[str, np.ndarray | pd.Series] = {
        "item_cohort": _cohort_names(cohorts.item_is_head[targets]),
        "target_popularity": np.bincount(split.train.items, minlength=split.n_items + 1)[targets],
    }
    if (times := _training_times(dataset, split)) is not None:
        first = np.full(split.n_items + 1, np.inf)
        np.minimum.at(first, split.train.items, times)
        ages = (times.max() - first[targets]) / _DAY
        columns["target_age_days"] = np.where(np.isfinite(ages), ages, np.nan).round(2)
    for column in display_columns(dataset.item_table):
        name = f"{_TARGET}{column}"
        name = f"{_TARGET}{name}" if name in _OWN_TARGET else name
        columns[name] = _attribute(dataset.item_table, column, targets - dataset.items.first)
    return pd.DataFrame(columns)


def standard_groups(facts: pd.DataFrame) -> tuple[Group, ...]:
    """The standard groups of users, without empty ones.

    Head and tail; bins of history length, of recency and of taste; the values of each attribute that at least 30 users
    have, the twelve most frequent of them (bins, where a numeric attribute has more); and each of those within the head
    and within the tail. An attribute that repeats an earlier one, or is the same for everybody, is left out.

    Args:
        facts: about users; see `user_facts`. Facts about targets may be among them and are ignored.

    >>> [str(group.rule) for group in engine.standard_groups(facts)][:3]
    ['user_cohort=head', 'user_cohort=tail', 'history_length=..2']
    """
    cohorts = _cohort_groups(facts, "user_cohort", "users")
    groups = [*cohorts]
    for column in ("history_length", "recency_days", "mainstream"):
        if column in facts:
            groups += _along(facts, column)
    for found in _by_attribute(facts, [c for c in facts.columns if c not in _OWN and not _is_of_target(c)]):
        groups += found
        for cohort in cohorts:
            crossed = [
                Group(f"{cohort.name}, {g.name}", Rule(cohort.rule.conditions + g.rule.conditions)) for g in found
            ]
            groups += [group for group in crossed if members(group.rule, facts).any()]
    return tuple(groups)


def item_groups(facts: pd.DataFrame) -> tuple[Group, ...]:
    """The groups of users by their target: head and tail targets, popularity, age and category of the target.

    Args:
        facts: about targets; see `target_facts`.

    >>> [str(group.rule) for group in engine.item_groups(facts)][:3]
    ['item_cohort=head', 'item_cohort=tail', 'target_popularity=..9']
    """
    groups = _cohort_groups(facts, "item_cohort", "targets")
    for column in ("target_popularity", "target_age_days"):
        if column in facts:
            groups += _along(facts, column)
    kinds = [f"{_TARGET}{column}" for column in (CATEGORY, ATTRIBUTES)]
    for found in _by_attribute(facts, [column for column in kinds if column in facts]):
        groups += found
    return tuple(groups)


def group_sizes(groups: Sequence[Group], facts: pd.DataFrame) -> pd.DataFrame:
    """How many test users are in each group.

    Returns:
        One row a group: `group`, `rule` (its text), `n`, `share` of all test users, `too_small` (fewer than 30).

    Raises:
        EngineError: a rule does not fit the facts.

    >>> facts = pd.DataFrame({"history_length": [2, 5, 9, 1]})
    >>> new = engine.Group("New", engine.Rule.parse("history_length=..2"))
    >>> engine.group_sizes([new], facts)
      group                rule  n  share  too_small
    0   New  history_length=..2  2    0.5       True
    """
    sizes = [int(members(group.rule, facts).sum()) for group in groups]
    return pd.DataFrame(
        {
            "group": [group.name for group in groups],
            "rule": [str(group.rule) for group in groups],
            "n": np.array(sizes, dtype=np.int64),
            "share": np.array(sizes, dtype=np.float64) / max(len(facts), 1),
            "too_small": np.array(sizes, dtype=np.int64) < SMALL,
        }
    )


def value_bins(values: np.ndarray, n_bins: int) -> list[tuple[float, float]]:
    """Bins (lowest, highest value) that cover everybody, lowest first; equal values are never separated.

    Each has at least 30 users and an n-th of all, if there are enough; a last bin that would be too small is merged.

    Args:
        values: (n,) numbers; NaN is in no bin.
        n_bins: how many at most.
    """
    values = values[~np.isnan(values)]
    distinct, counts = np.unique(values, return_counts=True)
    wanted = max(SMALL, len(values) / n_bins)
    starts, held = [], np.inf
    for place, count in enumerate(counts):
        if held >= wanted:
            starts.append(place)
            held = 0
        held += count
    if held < wanted and len(starts) > 1:
        starts.pop()
    stops = [*starts[1:], len(distinct)]
    return [(distinct[start].item(), distinct[stop - 1].item()) for start, stop in zip(starts, stops, strict=True)]


def bin_label(low: float, high: float, last: bool) -> str:
    """The label of a bin: "3", "4–5", "51+" for the last."""
    if low == high:
        return plain_number(low)
    return f"{plain_number(low)}+" if last else f"{plain_number(low)}–{plain_number(high)}"


def _along(facts: pd.DataFrame, column: str) -> list[Group]:
    """Bins of a number as groups, the outer ones open; none if all users fall into one."""
    bins = value_bins(facts[column].to_numpy(), QUANTILES)
    if len(bins) < 2:
        return []
    groups = []
    for low, high in bins:
        first, last = low == bins[0][0], high == bins[-1][1]
        rule = Rule((Between(column, None if first else low, None if last else high),))
        groups.append(Group(f"{_words(column)} {bin_label(low, high, last)}", rule))
    return groups


def _by_attribute(facts: pd.DataFrame, columns: Sequence[str]) -> Iterator[list[Group]]:
    """The groups of each attribute that adds information."""
    known: set[tuple[bytes, ...]] = set()
    for column in columns:
        groups = _of_attribute(facts, column)
        held = [members(group.rule, facts) for group in groups]
        parts = tuple(sorted(part.tobytes() for part in held))
        if groups and parts not in known and not (len(groups) == 1 and held[0].all()):
            known.add(parts)
            yield groups


def _of_attribute(facts: pd.DataFrame, column: str) -> list[Group]:
    held = pd.Series(facts[column])
    numeric = pd.api.types.is_numeric_dtype(held.dtype)
    if numeric and held.nunique() > MAX_VALUES:
        return _along(facts, column)
    counts = (held if numeric else split_texts(held)).value_counts()
    frequent = sorted(counts.loc[counts >= SMALL].index[:MAX_VALUES])
    values = [plain_number(value) if numeric else str(value) for value in frequent]
    conditions: list[Condition] = [OneOf(column, (value,)) for value in values]
    return [Group(f"{_words(column)} {v}", Rule((c,))) for v, c in zip(values, conditions, strict=True)]


def _cohort_groups(facts: pd.DataFrame, column: str, whom: str) -> list[Group]:
    present = set(facts[column])
    return [
        Group(f"{cohort} {whom}", Rule((OneOf(column, (cohort,)),))) for cohort in ("head", "tail") if cohort in present
    ]


def _cohort_names(is_head: np.ndarray) -> np.ndarray:
    return np.array(["tail", "head"], dtype=object)[is_head.astype(int)]


def _is_of_target(column: str) -> bool:
    return column == "item_cohort" or column.startswith(_TARGET)


def _words(column: str) -> str:
    return column.replace("_", " ")


def _training_times(dataset: Dataset, split: Split) -> np.ndarray | None:
    """(n_training_events,) seconds, aligned with `split.train.items`; training rows are prefixes of full histories."""
    if dataset.timestamps is None:
        return None
    train = split.train
    shift = np.repeat(dataset.histories.offsets[:-1] - train.offsets[:-1], train.lengths)
    return dataset.timestamps[np.arange(len(train.items)) + shift]


def _attribute(table: pd.DataFrame, column: str, rows: np.ndarray) -> np.ndarray | pd.Series:
    """A column of a cleaned table for some of its rows: text as it is, numbers with NaN where a gap was filled."""
    values = table[column].iloc[rows].reset_index(drop=True)
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype(str)
    flag = f"{column}{MISSING_SUFFIX}"
    if flag not in table:
        return values
    return np.where(table[flag].to_numpy(dtype=bool)[rows], np.nan, values.to_numpy(dtype=np.float64))
