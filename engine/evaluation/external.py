"""Lists of another system, measured like those of our own models."""

from __future__ import annotations

import numpy as np

from engine.config import EvaluationConfig, RunConfig
from engine.data.external_lists import ExternalLists
from engine.data.repeats import is_repeat, resolve_exclude_seen
from engine.data.splits import Holdout, Split
from engine.errors import DataError
from engine.evaluation.cohorts import Cohorts
from engine.evaluation.metrics.item_facts import ItemFacts, item_facts
from engine.evaluation.ranking import Ranking
from engine.evaluation.report import Evaluation, measured
from engine.evaluation.targets import target_facts


def evaluate_external(
    lists: ExternalLists, split: Split, cohorts: Cohorts, config: EvaluationConfig, facts: ItemFacts | None = None
) -> Evaluation:
    """The figures of external lists on the test part of a split.

    A target's rank is its place in the user's list, and a target outside it is a miss; so is every target of a user
    without a list. Lists may contain items that the user has seen already; they are measured as they are.

    Args:
        lists: the lists.
        split: its test part is used.
        cohorts: of the same split.
        config: list lengths, intervals, seed.
        facts: of the items, with their categories where the data has some; without categories when not given.

    Raises:
        DataError: no tested user has a list.
    """
    asked = lists.items.take(split.test.users)
    if not asked.lengths.any():
        raise DataError(
            "{source}: none of the {n_test:,} tested users has a list, though {lengths:,} other users do; "
            "recommend for the users who are tested (protocol {protocol}).",
            source=lists.source,
            n_test=len(split.test),
            lengths=int((lists.items.lengths > 0).sum()),
            protocol=split.protocol,
        )
    config = resolve_exclude_seen(RunConfig(evaluation=config), [split]).evaluation
    ranking = _ranking(lists, split, config)
    facts = facts or item_facts(None, split, cohorts)
    frame, report = measured(lists.name, ranking, split.candidates, split, cohorts, config, facts)
    listed = Holdout(split.test.users, split.test.histories, asked)
    targets = target_facts(split, seen_left_out=not is_repeat(listed).any())  # whatever our own lists would do
    return Evaluation(split.protocol, {lists.name: report}, frame, {lists.name: ranking.top}, targets)


def _ranking(lists: ExternalLists, split: Split, config: EvaluationConfig) -> Ranking:
    """The places of the targets, and the lists, truncated to the longest length that is measured."""
    width = split.n_items + 1
    held = lists.items.positions() * width + lists.items.items
    order = np.argsort(held, kind="stable")
    wanted = split.test.users[split.test.targets.positions()] * width + split.test.targets.items
    at = order[np.minimum(np.searchsorted(held, wanted, sorter=order), len(held) - 1)]
    ranks = np.where(held[at] == wanted, lists.ranks[at], 0)
    asked = lists.items.take(split.test.users)
    rows = asked.positions()
    places = np.arange(len(rows)) - asked.offsets[rows]
    shown = places < max(config.ks)
    top = np.zeros((len(split.test), max(config.ks)), dtype=np.int32)
    top[rows[shown], places[shown]] = asked.items[shown]
    return Ranking(ranks.astype(np.int32), top)
