"""More on one recommendation: which of the things known decided it, and what would have undone it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.data.dataset import Histories
from engine.ensemble.ensemble import Ensemble
from engine.errors import EngineError, Message
from engine.explanation.counterfactual import BUDGET, smallest_removal
from engine.explanation.feature_attribution import Feature, Parts, feature_values, member_values, parts_of
from engine.explanation.shapley import Solution
from engine.queries.explain import Newcomer, asked_by, item_or_top
from engine.queries.recommend import Asked, rank_of, scores_for
from engine.queries.types import View
from engine.recommender import Answering, top_of
from engine.runs.contents import contents_of
from engine.runs.store import Run


@dataclass(frozen=True)
class FeatureValue:
    """One thing known, and what it did to the score.

    Attributes:
        of: "items": a part of every item's vector; "user": an attribute of the user; "member": another member of the
            ensemble, which reads which items were met and nothing of what they are.
        name: "own", what tells items apart beyond their content; "text"; or a column. Of a member, the model.
        told: what is known: of the explained item for a part of items, else of the user; empty where there is no word
            for it.
        value: Shapley value, in units of the score.
        spread: standard error of the value over sampled orders; 0 when exact.
    """

    of: Literal["items", "user", "member"]
    name: str
    told: str
    value: float
    spread: float


@dataclass(frozen=True)
class FeatureAttribution:
    """Which of the things known gave one item its score: `base` plus the features' values is `score`.

    Attributes:
        user_id: None for somebody who is not in the data.
        item_id, title: the item's.
        rank: the item's rank among unseen candidates; None if it was seen.
        score: the item's score with everything known.
        base: that of an average item, for a history of average items, of a user of whom nothing is known; the events
            and their places are there.
        features: parts of items, then attributes of the user, then the other members of the ensemble.
        exact: whether every set of features was evaluated.
        n_evaluations: how many sets were.
        seconds: time it took.
        model: what was explained.
    """

    user_id: str | None
    item_id: str
    title: str
    rank: int | None
    score: float
    base: float
    features: tuple[FeatureValue, ...]
    exact: bool
    n_evaluations: int
    seconds: float
    model: Answering


@dataclass(frozen=True)
class Place:
    """An item's place in a list."""

    rank: int
    item_id: str
    title: str


@dataclass(frozen=True)
class HiddenEvent:
    """An event that was taken away; `position` is its place in the user's whole history, 1 is the oldest."""

    position: int
    item_id: str
    title: str


@dataclass(frozen=True)
class Counterfactual:
    """Without which events an item would leave the top k.

    Attributes:
        user_id: None for somebody who is not in the data.
        item_id, title: the item's.
        k: length of the list.
        rank: the item's rank now, at most k.
        events: the set, oldest first; empty where no set was found.
        rank_hidden: its rank with them hidden at their places, the whole catalogue scored again.
        rank_deleted: its rank had they never happened, so that all later events move up: scored as any history is,
            and no part of the search. An item that leaves when events are hidden need not leave when they are deleted.
        replaced_by: what is in the top k with these events hidden, and was not before.
        proven: no smaller set does it, as every one was tried; where none was found, none does.
        tried_up_to: every set of so many events was tried.
        n_events: how many events there are to be taken away.
        n_evaluations: how many sets were scored against the whole catalogue.
        seconds: time it took.
        model: what was asked.
    """

    user_id: str | None
    item_id: str
    title: str
    k: int
    rank: int
    events: tuple[HiddenEvent, ...]
    rank_hidden: int
    rank_deleted: int
    replaced_by: tuple[Place, ...]
    proven: bool
    tried_up_to: int
    n_events: int
    n_evaluations: int
    seconds: float
    model: Answering


def explain_without(
    run: Run,
    who: str | Newcomer,
    item_id: str | None = None,
    k: int = 10,
    view: View = "evaluated",
    lang: str = "en",
    budget: int = BUDGET,
    seed: int = 0,
) -> Counterfactual:
    """The smallest set of events without which an item would leave the top k, or the smallest found in the budget.

    Args:
        run: the run.
        who: a user's id, or somebody who is not in the data.
        item_id: the item; the top recommendation when not given.
        k: length of the list that it would leave.
        view: of a user's history.
        lang: of the titles.
        budget: sets of events that are scored at most, against the whole catalogue.
        seed: of the orders by which events are first looked at.

    Raises:
        UnknownIdError: no such user or item.
        EngineError: nothing is known of them, or the item is not among the top k now.
    """
    run, asked = asked_by(run, who, view, lang)
    history, user = asked.history, asked.number(run)
    if len(history) == 0:
        raise EngineError("An empty history has no events to take away; choose a user with at least one event.")
    scores = scores_for(run, asked)
    item = item_or_top(run, asked, scores, item_id)
    rank = rank_of(scores, item)
    if rank is None or rank > k:
        where = Message("not ranked") if rank is None else Message("ranked {rank:,}", {"rank": rank})
        raise EngineError(
            "Item {item!r} is {where}, so it is in no top {k} that it could leave.",
            item=run.dataset.items.term(item),
            where=where,
            k=k,
        )
    start = time.perf_counter()
    barred = np.unique(history) if run.config.evaluation.seen_left_out else np.zeros(0, dtype=np.int64)
    found = smallest_removal(run.serving, history, item, barred, k, user, budget, seed)
    left = np.delete(history, found.events)
    deleted = run.serving.score(Histories.of([left], [user]))[0]
    deleted[barred] = -np.inf
    before, after = (top_of(each[None].astype(np.float32), k)[0][0] for each in (scores, found.scores_without))
    seconds = time.perf_counter() - start
    name, title = run.dataset.items.term, run.dataset.title
    return Counterfactual(
        asked.user_id,
        name(item),
        title(item, lang),
        k,
        rank,
        tuple(HiddenEvent(int(at) + 1, name(int(history[at])), title(int(history[at]), lang)) for at in found.events),
        found.rank_without,
        rank_of(deleted, item) or rank,
        tuple(
            Place(place, name(int(each)), title(int(each), lang))
            for place, each in enumerate(after, start=1)
            if each and each not in before
        ),
        found.proven,
        found.tried_up_to,
        min(len(history), run.serving.max_len),
        found.n_evaluations,
        seconds,
        run.answers,
    )


def explain_features(
    run: Run, who: str | Newcomer, item_id: str | None = None, view: View = "evaluated", lang: str = "en", seed: int = 0
) -> FeatureAttribution:
    """Shapley values of what items and the user are made of, for one item's score; the top one's when none is given.

    See `engine.explanation.feature_attribution` for what it means that a feature is absent.

    Raises:
        UnknownIdError: no such user or item.
        EngineError: nothing is known of them, or the item is not ranked.
    """
    run, asked = asked_by(run, who, view, lang)
    if len(asked.history) == 0:
        raise EngineError("An empty history has no items to take apart; choose a user with at least one event.")
    scores = scores_for(run, asked)
    item = item_or_top(run, asked, scores, item_id)
    if not run.serving.candidates[item]:
        raise EngineError(
            "Item {item_id!r} was never met in training, so it is not ranked and has no score to explain; "
            "choose one of the recommended items.",
            item_id=item_id,
        )
    start = time.perf_counter()
    features, found = features_of(run, run_parts(run), asked.history, item, asked.number(run), seed)
    seconds = time.perf_counter() - start
    return FeatureAttribution(
        asked.user_id,
        run.dataset.items.term(item),
        run.dataset.title(item, lang),
        rank_of(scores, item),
        float(found.score[0]),
        float(found.base[0]),
        tuple(
            FeatureValue(feature.of, feature.name, _told(run, asked, who, feature, item), float(value), float(spread))
            for feature, value, spread in zip(features, found.values[0], found.spread[0], strict=True)
        ),
        found.exact,
        found.n_evaluations,
        seconds,
        run.answers,
    )


def run_parts(run: Run) -> Parts:
    """What the run's vectors are made of."""
    return parts_of(run.recommender, contents_of(run))


def features_of(
    run: Run, parts: Parts, history: np.ndarray, item: int, user: int, seed: int = 0, n_permutations: int = 10
) -> tuple[tuple[Feature, ...], Solution]:
    """Feature values of the score of the run's answering model."""
    features, found = feature_values(parts, history, item, user, n_permutations, seed)
    if isinstance(run.serving, Ensemble):
        return member_values(run.serving, history, item, features, found)
    return features, found


def _told(run: Run, asked: Asked, who: str | Newcomer, feature: Feature, item: int) -> str:
    """What is known in respect of a feature, in the data's own words."""
    if feature.of == "items" and feature.name in run.dataset.item_table.columns:
        return str(run.dataset.item_table[feature.name].iat[item - 1])
    if feature.of == "user" and isinstance(who, Newcomer):
        return dict(who.about or {}).get(feature.name, "")
    if feature.of == "user" and feature.name in run.dataset.user_table.columns:
        return str(run.dataset.user_table[feature.name].iat[asked.number(run)])
    return ""
