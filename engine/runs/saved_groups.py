"""User-defined groups of a run: kept in its folder, by name, as the text of their rules."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

from engine import disk
from engine.data.dataset import Dataset
from engine.data.splits import Split
from engine.errors import EngineError, Message, RunError, UnknownIdError
from engine.evaluation.cohorts import Cohorts
from engine.evaluation.groups.rules import Rule, members
from engine.evaluation.groups.standard import Group, target_facts, user_facts
from engine.runs.folder import read_json, write_json
from engine.runs.store import Run

COHORTS = "cohorts.json"
LOCK = ".cohorts.lock"

PATIENCE = 10.0
"""Seconds to wait for other processes that change the groups of a run; each takes moments."""

_NAME = re.compile(r"[^\W_][^\x00-\x1f\x7f\u2028\u2029]{0,79}")


def run_facts(run: Run) -> pd.DataFrame:
    """Facts about each test user and their (first) target: the columns that rules may use.

    One row for each test user, in the order of `run.split.test.users`; see `user_facts` and `target_facts`.

    >>> facts = engine.run_facts(run)
    >>> len(facts), facts.columns[:4].tolist()
    (118, ['user_idx', 'history_length', 'user_cohort', 'recency_days'])
    """
    return facts_of(run.dataset, run.split, run.cohorts)


def facts_of(dataset: Dataset, split: Split, cohorts: Cohorts) -> pd.DataFrame:
    """The facts for a log without a run, such as one against which external lists are measured.

    >>> facts = engine.facts_of(dataset, run.split, run.cohorts)
    >>> len(facts), facts.columns[:4].tolist()
    (118, ['user_idx', 'history_length', 'user_cohort', 'recency_days'])
    """
    facts = user_facts(dataset, split, cohorts)
    asked = target_facts(dataset, split, cohorts)
    return pd.concat([facts, asked[[column for column in asked if column not in facts]]], axis=1)


def user_columns(facts: pd.DataFrame) -> pd.DataFrame:
    """The columns of `run_facts` that describe users, without those that describe their targets.

    >>> engine.user_columns(facts).columns.tolist()
    ['user_idx', 'history_length', 'user_cohort', 'recency_days', 'mainstream', 'region', 'age_band']
    """
    kept = [str(c) for c in facts if c != "item_cohort" and not str(c).startswith("target_")]
    return facts.loc[:, kept]


def load_groups(run: Run) -> tuple[Group, ...]:
    """The groups saved with a run, in the order in which they were saved.

    Raises:
        RunError: their file is damaged.

    >>> engine.save_group(run, engine.Group("Northern", engine.Rule.parse("region=North")))
    >>> [group.name for group in engine.load_groups(run)]
    ['Northern']
    >>> engine.delete_group(run, "Northern")
    """
    path = run.path / COHORTS
    if not path.exists():
        return ()
    way_on = Message("mend {path}, or delete it to begin without saved groups", {"path": path})
    try:
        held = read_json(path).get("groups")
    except RunError as error:
        raise RunError(
            "The saved groups cannot be read ({reason}); {way_on}.",
            reason=str(error).removesuffix("; train the run again."),
            way_on=way_on,
        ) from None
    if not isinstance(held, list):
        raise RunError('{path} has no list "groups"; {way_on}.', path=path, way_on=way_on)
    groups: list[Group] = []
    for place, entry in enumerate(held, start=1):
        try:
            groups.append(_group(entry))
        except EngineError as error:
            raise RunError(
                "Group {place} in {path} cannot be read ({error}); {way_on}.",
                place=place,
                path=path,
                error=error,
                way_on=way_on,
            ) from None
        if groups[-1].name in {group.name for group in groups[:-1]}:
            raise RunError(
                "{path} holds two groups called {groups_name!r}; {way_on}.",
                path=path,
                groups_name=groups[-1].name,
                way_on=way_on,
            )
    return tuple(groups)


def save_group(run: Run, group: Group, overwrite: bool = False) -> None:
    """Save a group with a run; if this fails, the saved groups stay as they were.

    Args:
        run: whose folder keeps it.
        group: its rule must fit the facts about the run's users.
        overwrite: replace a group of that name.

    Raises:
        EngineError: its name is invalid or taken, or its rule does not fit.
        RunError: the file of groups is damaged or cannot be written.

    >>> new = engine.Group("New", engine.Rule.parse("history_length=..2"))
    >>> engine.save_group(run, new)
    >>> engine.save_group(run, new)
    Traceback (most recent call last):
        ...
    engine.errors.EngineError: A group called 'New' is saved with run 'tiny' already; choose another ...
    >>> engine.load_groups(run) == (new,)
    True
    >>> engine.delete_group(run, "New")
    """
    _check_name(group.name)
    members(group.rule, run_facts(run))
    with _alone(run):
        held = load_groups(run)
        if not overwrite and any(group.name == other.name for other in held):
            raise EngineError(
                "A group called {group!r} is saved with run {run!r} already; choose another name, delete that one "
                "first, or overwrite it.",
                group=group.name,
                run=run.name,
            )
        kept = {other.name: other for other in held} | {group.name: group}
        _write(run, tuple(kept.values()))


def delete_group(run: Run, name: str) -> None:
    """Delete a saved group.

    Raises:
        UnknownIdError: no group has that name.
        RunError: the file of groups is damaged or cannot be written.

    >>> engine.save_group(run, engine.Group("New", engine.Rule.parse("history_length=..2")))
    >>> engine.delete_group(run, "New")
    >>> engine.load_groups(run)
    ()
    """
    with _alone(run):
        held = load_groups(run)
        names = [group.name for group in held]
        if name not in names:
            raise UnknownIdError(
                "No group {group!r} is saved with run {run!r}; there are {names}.",
                group=name,
                run=run.name,
                names=", ".join(map(repr, names)) or Message("none"),
            )
        _write(run, tuple(group for group in held if group.name != name))


@contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Within this no other process changes the run's groups, so that none is lost between reading and writing.

    Raises:
        RunError: others hold the lock for too long, or the folder cannot be written to.
    """
    try:
        with disk.exclusive_lock(run.path / LOCK, PATIENCE) as mine:
            if not mine:
                raise RunError("Somebody else is changing the groups of run {run!r}; try again.", run=run.name)
            yield
    except OSError as error:
        path, way = run.path / COHORTS, Message("look whether the folder is still there")
        if error.errno in disk.NO_ROOM:
            way = Message("make room")
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            way = Message("make the folder writable")
        raise RunError(
            "{path} cannot be written ({reason}); the groups saved before are as they were: {way}.",
            path=path,
            reason=error.strerror or str(error),
            way=way,
        ) from error


def _write(run: Run, groups: tuple[Group, ...]) -> None:
    write_json(run.path / COHORTS, {"groups": [{"name": group.name, "rule": str(group.rule)} for group in groups]})


def _group(entry: Any) -> Group:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("name", "rule")):
        raise EngineError('it is no object with the texts "name" and "rule"')
    return Group(_check_name(entry["name"]), Rule.parse(entry["rule"]))


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name) or name != name.strip():
        raise EngineError(
            "A group cannot be called {name!r}: a name begins with a letter or digit, has at most 80 signs "
            "on one line, and no white space at its end.",
            name=name,
        )
    return name
