"""Counterfactuals: which events a recommendation depends on."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from engine.data.dataset import Histories
from engine.errors import EngineError, Message
from engine.explanation.counterfactual import BUDGET, smallest_removal
from engine.queries.explain import NewUser, item_or_top, query_for
from engine.queries.recommend import rank_of, scores_for
from engine.queries.types import View
from engine.recommender import Answering, top_of
from engine.runs.store import Run


@dataclass(frozen=True)
class Place:
    """An item's place in a list."""

    rank: int
    item_id: str
    title: str


@dataclass(frozen=True)
class HiddenEvent:
    """An event that was removed; `position` is its place in the user's full history, 1 is the oldest."""

    position: int
    item_id: str
    title: str


@dataclass(frozen=True)
class Counterfactual:
    """Without which events an item would leave the top k.

    Attributes:
        user_id: None for a user who is not in the data.
        item_id, title: the item's.
        k: length of the list.
        rank: the item's rank now, at most k.
        events: the set, oldest first; empty if no set was found.
        rank_hidden: its rank with them hidden at their places, with the full catalogue scored again.
        rank_deleted: its rank without these events, where all later events move up: scored like any history, and not
            part of the search. An item that leaves when events are hidden need not leave when they are deleted.
        replaced_by: what is in the top k with these events hidden, and was not before.
        proven: no smaller set works, since every one was tried; if none was found, none exists.
        tried_up_to: every set of so many events was tried.
        n_events: how many events could be removed.
        n_evaluations: how many sets were scored against the full catalogue.
        seconds: time it took.
        model: the answering model.
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
    who: str | NewUser,
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
        who: a user's id, or a new user.
        item_id: the item; the top recommendation when not given.
        k: length of the list that it would leave.
        view: of a user's history.
        lang: of the titles.
        budget: at most so many sets of events are scored against the full catalogue.
        seed: of the sampled orders by which events are ranked first.

    Raises:
        UnknownIdError: no such user or item.
        EngineError: they have no events, or the item is not in the top k now.

    >>> found = engine.explain_without(run, "u005", k=3)
    >>> found.rank, found.rank_hidden > 3
    (1, True)
    >>> found.events[0]
    HiddenEvent(position=..., item_id='...', title='...')
    >>> found.replaced_by[0]
    Place(rank=1, item_id='...', title='...')
    """
    run, query = query_for(run, who, view, lang)
    history, user = query.history, query.user_index(run)
    if len(history) == 0:
        raise EngineError("An empty history has no events to take away; choose a user with at least one event.")
    scores = scores_for(run, query)
    item = item_or_top(run, query, scores, item_id)
    rank = rank_of(scores, item)
    if rank is None or rank > k:
        where = Message("not ranked") if rank is None else Message("ranked {rank:,}", {"rank": rank})
        raise EngineError(
            "Item {item!r} is {where}, so it is in no top {k} that it could leave.",
            item=run.dataset.items.id_of(item),
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
    name, title = run.dataset.items.id_of, run.dataset.title
    return Counterfactual(
        query.user_id,
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
