"""What if a user had a different history, or were another user? The list, what moved in it and why, without training.

A hypothetical user is a list of events and attributes, whether or not the data has such a user. Two of them are put to
the same model, and their lists are compared.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.data.dataset import NOBODY, Histories
from engine.data.schema import LIST_SEPARATOR, SCALED_SUFFIX, UNKNOWN
from engine.errors import EngineError
from engine.model.content.tables import text_columns
from engine.queries.confidence import Confidence, Temperatures, confidence_of
from engine.queries.explain import attributions
from engine.queries.recommend import (
    Query,
    attention_map,
    describe,
    item_indices,
    profile,
    query_of_events,
    ranked_list,
    scores_for,
    with_attributes,
)
from engine.queries.types import AttentionMap, Attribution, Cohort, Recommendations, View
from engine.recommender import mask_seen
from engine.runs.contents import contents_of
from engine.runs.store import Run

QUICK_PERMUTATIONS = 4
"""Sampled orders of the events, instead of the ten of a full explanation."""

QUICK_EVENTS = 12
"""The number of newest events that are players, instead of twenty; earlier ones form one more player."""


@dataclass(frozen=True)
class HypotheticalUser:
    """A user as the model knows them: a history, and attributes.

    Attributes:
        item_ids: their items, oldest first.
        as_user: a user of the data whose attributes they have; None for a new user.
        attributes: of a new user: column of the users' table to value.

    >>> somebody = engine.HypotheticalUser(item_ids=("i10", "i11"), attributes=(("region", "North"),))
    >>> [item.rank for item in engine.what_if(run, somebody, k=3).answer.items]
    [1, 2, 3]
    """

    item_ids: tuple[str, ...] = ()
    as_user: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class ScoredUser:
    """A user whom the model has been asked about; see `score_hypothetical`.

    Attributes:
        user: the hypothetical user.
        query: their events.
        scores: (n_items + 1,) float32; -inf where an item cannot be recommended to them.
        seconds: time it took.
    """

    user: HypotheticalUser
    query: Query
    scores: np.ndarray
    seconds: float


@dataclass(frozen=True)
class MovedItem:
    """One item's rank for both hypothetical users.

    Attributes:
        before, now: ranks among what can be recommended, ties against it; None where the item is seen.
        score_before, score_now: None likewise.
    """

    item_id: str
    title: str
    category: str | None
    item_cohort: Cohort
    before: int | None
    now: int | None
    score_before: float | None
    score_now: float | None


@dataclass(frozen=True)
class WhatIf:
    """The list of a hypothetical user, compared with that of another.

    Attributes:
        answer: the list.
        moved: ranks of every item that is in either list, and of the requested ones; sorted by the rank now.
        confidence, confidence_before: of the two lists; None where nothing is left to recommend.
        seconds: time of model and ranking for the first user.
    """

    answer: Recommendations
    moved: tuple[MovedItem, ...]
    confidence: Confidence | None
    confidence_before: Confidence | None
    seconds: float


@dataclass(frozen=True)
class QuickExplanation:
    """Why a hypothetical user gets an item.

    Attributes:
        attention: of the network.
        explanation: of the item's score, from fewer orders than a full one; None where nothing is left to recommend.
        seconds: "attention" and "explanation".
    """

    attention: AttentionMap
    explanation: Attribution | None
    seconds: dict[str, float]


def hypothetical_user(run: Run, user_id: str, view: View = "evaluated") -> HypotheticalUser:
    """A user of the data as the model sees them.

    Raises:
        UnknownIdError: no such user.

    >>> somebody = engine.hypothetical_user(run, "u005")
    >>> somebody.as_user, somebody.item_ids[-2:]
    ('u005', ('i10', 'i11'))
    """
    return HypotheticalUser(tuple(event.item_id for event in profile(run, user_id, view).events), user_id)


def score_hypothetical(run: Run, user: HypotheticalUser, lang: str = "en") -> ScoredUser:
    """Score a hypothetical user with a run's model; `what_if` and `explain_quick` can reuse the result.

    Raises:
        UnknownIdError: an item or a user is not in the data.
        EngineError: the run does not use such an attribute or value.

    >>> asked = engine.score_hypothetical(run, engine.HypotheticalUser(item_ids=("i10", "i11")))
    >>> asked.scores.shape, asked.user.item_ids  # index 0 is padding
    ((61,), ('i10', 'i11'))
    """
    start = time.perf_counter()
    known, query = _answering_for(run, user), query_of_events(run, user.item_ids, lang, user.as_user)
    return ScoredUser(user, query, scores_for(known, query), time.perf_counter() - start)


def what_if(
    run: Run,
    now: HypotheticalUser | ScoredUser,
    before: HypotheticalUser | ScoredUser | None = None,
    k: int = 10,
    lang: str = "en",
    follow: tuple[str, ...] = (),
    temperatures: Temperatures | None = None,
) -> WhatIf:
    """The list of a hypothetical user, compared with that of another.

    Args:
        run: the run.
        now: the hypothetical user.
        before: the user to compare with; the same when not given.
        k: length of the lists.
        lang: of the titles.
        follow: items whose ranks are reported whether or not they are in a list.
        temperatures: of the confidence; 1 when not given. See `engine.queries.confidence.fitted_temperatures`.

    Raises:
        UnknownIdError: an item or a user is not in the data.
        EngineError: k is under 1, or the run does not use such an attribute or value.

    >>> before = engine.HypotheticalUser(item_ids=("i10",))
    >>> found = engine.what_if(run, engine.HypotheticalUser(item_ids=("i10", "i11")), before, k=3)
    >>> [item.rank for item in found.answer.items]
    [1, 2, 3]
    >>> {moved.now for moved in found.moved} >= {1, 2, 3}
    True
    """
    start = time.perf_counter()
    mine = _scored(run, now, lang)
    theirs = mine if before is None or before == now else _scored(run, before, lang)
    heat = temperatures or Temperatures()
    answer = ranked_list(run, mine.query, k, lang, mine.scores)
    listed = [*(item.item_id for item in answer.items), *follow]
    items = [*_top(theirs.scores, k), *item_indices(run, listed).tolist()]
    return WhatIf(
        answer,
        _moved(run, (theirs.scores, mine.scores), items, lang),
        confidence_of(mine.scores, k, heat.at(len(mine.query.history))),
        confidence_of(theirs.scores, k, heat.at(len(theirs.query.history))),
        time.perf_counter() - start + (mine.seconds if isinstance(now, ScoredUser) else 0.0),
    )


def explain_quick(
    run: Run,
    now: HypotheticalUser | ScoredUser,
    item_id: str | None = None,
    lang: str = "en",
    n_permutations: int = QUICK_PERMUTATIONS,
    max_events: int = QUICK_EVENTS,
) -> QuickExplanation | None:
    """Why a hypothetical user gets an item: attention and quick Shapley values; None without any event.

    Args:
        run: the run.
        now: the hypothetical user.
        item_id: the item; the first of their list when not given or when it cannot be recommended to them.
        lang: of the titles.
        n_permutations: sampled orders of the explanation.
        max_events: how many of the newest events are players in it.

    Raises:
        UnknownIdError: an item or a user is not in the data.
        EngineError: the run does not use such an attribute or value.

    >>> found = engine.explain_quick(run, engine.HypotheticalUser(item_ids=("i10", "i11")))
    >>> found.attention.item_ids, len(found.explanation.players)
    (('i10', 'i11'), 2)
    """
    scored = _scored(run, now, lang)
    query, scores = scored.query, scored.scores
    if not len(query.history):
        return None
    mine = _answering_for(run, scored.user)
    marks = [time.perf_counter()]
    seen = attention_map(mine, query, lang)
    marks.append(time.perf_counter())
    explanation = None
    if items := [item for item in (_item_index(run, item_id), *_top(scores, 1)) if item and np.isfinite(scores[item])]:
        explanation = attributions(mine, query, scores, np.array(items[:1]), lang, 0, max_events, n_permutations)[0][0]
    marks.append(time.perf_counter())
    return QuickExplanation(
        seen, explanation, dict(zip(("attention", "explanation"), np.diff(marks).tolist(), strict=True))
    )


def _item_index(run: Run, item_id: str | None) -> int | None:
    return None if item_id is None else int(item_indices(run, [item_id])[0])


def _scored(run: Run, who: HypotheticalUser | ScoredUser, lang: str) -> ScoredUser:
    return who if isinstance(who, ScoredUser) else score_hypothetical(run, who, lang)


def confidence_by_event(
    run: Run, now: HypotheticalUser, k: int = 10, last: int = 30, temperatures: Temperatures | None = None
) -> tuple[tuple[int, Confidence], ...]:
    """How the confidence grows with a user's events: with none, with the first, and so on to all of them.

    Args:
        run: the run.
        now: the hypothetical user.
        k: length of the lists.
        last: only so many of the newest steps are returned.
        temperatures: 1 when not given. See `engine.queries.confidence.fitted_temperatures`.

    Returns:
        Pairs of a number of events and the confidence with them.

    Raises:
        UnknownIdError: an item or a user is not in the data.
        EngineError: the run does not use such an attribute or value.

    >>> somebody = engine.HypotheticalUser(item_ids=("i10", "i11"))
    >>> grown = engine.confidence_by_event(run, somebody)
    >>> [n for n, _ in grown], all(0 <= sure.share <= 1 for _, sure in grown)
    ([0, 1, 2], True)
    """
    known = _answering_for(run, now)
    history = item_indices(run, now.item_ids)
    lengths = range(max(0, len(history) - last), len(history) + 1)
    rows = Histories.of([history[:n] for n in lengths], [_user_index(run, now)] * len(lengths))
    scores, heat = _masked(known, rows), temperatures or Temperatures()
    found = ((n, confidence_of(row, k, heat.at(n))) for n, row in zip(lengths, scores, strict=True))
    return tuple((n, confidence) for n, confidence in found if confidence is not None)


def attributes_used(run: Run) -> dict[str, tuple[str, ...]]:
    """The user attributes that a run's network uses: columns and their known values; none for numbers and texts.

    >>> engine.attributes_used(run)
    {'region': ('North', 'South', '西部'), 'age_band': ('18-29', '30-49', '50+')}
    """
    content = contents_of(run).users
    if content is None:
        return {}
    numbers = [name for name in content.dense_names if name + SCALED_SUFFIX in run.dataset.user_table.columns]
    texts = text_columns(run.dataset.user_table) if content.text is not None else []
    return content.values() | dict.fromkeys([*numbers, *texts], ())


def attributes_of(run: Run, user_id: str) -> dict[str, str]:
    """The attributes of a user that a run's network knows, in the form of `HypotheticalUser.attributes`.

    Raises:
        UnknownIdError: no such user.

    >>> engine.attributes_of(run, "u005")
    {'region': 'South', 'age_band': '30-49'}
    """
    row = run.dataset.user_table.iloc[run.dataset.users.index_of(user_id)]
    known: dict[str, str] = {}
    for column, values in attributes_used(run).items():
        text = str(row[column])
        parts = [part.strip() for part in text.split(LIST_SEPARATOR)] if values else [text]
        kept = [part for part in parts if part in values] if values else [part for part in parts if part != UNKNOWN]
        if kept:
            known[column] = LIST_SEPARATOR.join(kept)
    return known


def _answering_for(run: Run, user: HypotheticalUser) -> Run:
    """The run, answering for a user with these attributes.

    Raises:
        EngineError: they have both `as_user` and attributes, or the run does not use such an attribute or value.
    """
    if user.as_user is not None and user.attributes:
        raise EngineError(
            "A hypothetical user is user {as_user!r} or has attributes of their own ({about}), not both.",
            as_user=user.as_user,
            about=user.attributes[0][0],
        )
    attributes: Mapping[str, str] = dict(user.attributes)
    return with_attributes(run, attributes)


def _user_index(run: Run, user: HypotheticalUser) -> int:
    return NOBODY if user.as_user is None else run.dataset.users.index_of(user.as_user)


def _masked(run: Run, rows: Histories) -> np.ndarray:
    """(B, n_items + 1) scores, -inf where an item cannot be recommended."""
    scores = run.serving.score(rows)
    return mask_seen(scores, rows) if run.config.evaluation.seen_left_out else scores


def _top(scores: np.ndarray, k: int) -> list[int]:
    """The k best, fewer if there are fewer."""
    order = np.argsort(-scores, kind="stable")[:k]
    return [int(item) for item in order if np.isfinite(scores[item])]


def _moved(run: Run, scores: tuple[np.ndarray, np.ndarray], items: list[int], lang: str) -> tuple[MovedItem, ...]:
    """The changes of items' ranks, by the rank now; items that cannot be recommended come last."""
    found: list[MovedItem] = []
    for item in dict.fromkeys(items):
        title, category, cohort = describe(run, item, lang)
        ranks = [int((s >= s[item]).sum()) if np.isfinite(s[item]) else None for s in scores]
        own = [float(s[item]) if np.isfinite(s[item]) else None for s in scores]
        found.append(
            MovedItem(run.dataset.items.id_of(item), title, category, cohort, ranks[0], ranks[1], own[0], own[1])
        )
    return tuple(sorted(found, key=lambda one: (one.now is None, one.now or 0)))
