"""Queries about one user: the profile, recommendations and attention."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from engine.data.cleaning_report import shorten
from engine.data.dataset import NOBODY, Histories, truncate_text
from engine.data.schema import CATEGORY, display_columns
from engine.errors import EngineError, UnknownIdError
from engine.explanation.attention import attend
from engine.explanation.attention_readings import Reading
from engine.model.content.tables import one_row
from engine.queries.types import AttentionMap, Cohort, Event, RankedItem, Recommendations, UserProfile, View
from engine.recommender import mask_seen, top_of
from engine.runs.contents import contents_of
from engine.runs.store import Run


@dataclass(frozen=True)
class Query:
    """The user that a query is about, and their known events: `user_id` is None for a user who is not in the data."""

    user_id: str | None
    view: View
    history: np.ndarray
    events: tuple[Event, ...] = ()
    held_out: Event | None = None
    targets: frozenset[int] = frozenset()

    def user_index(self, run: Run) -> int:
        """The user's index."""
        return NOBODY if self.user_id is None else run.dataset.users.index_of(self.user_id)


def profile(run: Run, user_id: str, view: View = "evaluated", lang: str = "en") -> UserProfile:
    """A user's profile and known events.

    Raises:
        UnknownIdError: no such user.

    >>> found = engine.profile(run, "u005")
    >>> found.cohort, found.train_length, found.attributes
    ('tail', 7, {'region': 'South', 'age_band': '30-49'})
    >>> found.events[0].position, found.events[0].item_id
    (1, 'i11')
    """
    user = run.dataset.users.index_of(user_id)
    events, held_out = _events(run, user, view, lang)
    table = run.dataset.user_table
    attributes = {c: str(table[c].iat[user]) for c in display_columns(table)}
    return UserProfile(
        user_id,
        "head" if run.cohorts.user_is_head[user] else "tail",
        int(run.split.train.lengths[user]),
        attributes,
        events,
        held_out,
    )


def recommend(run: Run, user_id: str, k: int = 10, view: View = "evaluated", lang: str = "en") -> Recommendations:
    """The k best unseen items for a user.

    Raises:
        UnknownIdError: no such user.
        EngineError: k is under 1.

    >>> found = engine.recommend(run, "u005", k=3)
    >>> [item.rank for item in found.items], found.held_out.item_id
    ([1, 2, 3], 'i12')
    >>> found.items[0].score >= found.items[1].score
    True
    """
    user = run.dataset.users.index_of(user_id)
    events, held_out = _events(run, user, view, lang)
    history, targets = history_of(run, user, view)
    query = Query(user_id, view, history, events, held_out, frozenset(targets.tolist()))
    return ranked_list(run, query, k, lang)


def recommend_for(
    run: Run, item_ids: Sequence[str], k: int = 10, lang: str = "en", attributes: Mapping[str, str] | None = None
) -> Recommendations:
    """The k best items for a user who is not in the data, from given events; nothing is trained.

    Without any event the network scores a hidden event, which `model.event_dropout` has trained it to do: the result is
    what users choose when nothing is known about them, close to what is popular.

    Args:
        run: the run.
        item_ids: their items, oldest first; may be empty.
        k: length of the list.
        lang: of the titles.
        attributes: column of the users' table to value.

    Returns:
        Recommendations whose `user_id` is None and whose view is "full"; their events have no time.

    Raises:
        UnknownIdError: an item is not in the data; all such are named.
        EngineError: k is under 1, or the run does not use such a column or value.

    >>> found = engine.recommend_for(run, ["i10", "i11"], k=3)
    >>> [item.rank for item in found.items], [event.item_id for event in found.history]
    ([1, 2, 3], ['i10', 'i11'])
    """
    run = with_attributes(run, attributes)
    return ranked_list(run, query_of_events(run, item_ids, lang), k, lang)


def ranked_list(run: Run, query: Query, k: int, lang: str, scores: np.ndarray | None = None) -> Recommendations:
    """The k best; `scores` are those of `scores_for`, if they have been computed already.

    Raises:
        EngineError: k is under 1.
    """
    if k < 1:
        raise EngineError("k ({k}) must be 1 or more.", k=k)
    start = time.perf_counter()
    scores = scores_for(run, query) if scores is None else scores
    items, values = top_of(scores[None, :], k)
    seconds = time.perf_counter() - start
    target = run.dataset.items.index_of(query.held_out.item_id) if query.held_out else 0
    ranked = tuple(
        RankedItem(
            rank,
            run.dataset.items.id_of(item),
            run.dataset.title(item, lang),
            _category(run, item, lang),
            float(value),
            _item_cohort(run, item),
            item in query.targets,
        )
        for rank, (item, value) in enumerate(zip(items[0].tolist(), values[0], strict=True), start=1)
        if item > 0
    )
    rank = rank_of(scores, target) if target else None
    n_candidates = int(np.isfinite(scores).sum())
    return Recommendations(
        query.user_id,
        query.view,
        query.events,
        ranked,
        query.held_out,
        rank,
        len(query.targets),
        n_candidates,
        seconds,
        run.answers,
    )


def attention(
    run: Run,
    user_id: str,
    view: View = "evaluated",
    lang: str = "en",
    reading: Reading = "raw",
    item_id: str | None = None,
) -> AttentionMap:
    """The attention of every head over a user's most recent events (at most `max_len`).

    Args:
        run: the run.
        user_id: the user.
        view: of the user's history.
        lang: of the titles.
        reading: raw weights ("raw"), their flow through all layers ("rollout"), or how far they raise the score of one
            item ("gradient").
        item_id: that item; the top recommendation when not given.

    Raises:
        UnknownIdError: no such user or item.
        EngineError: the user has no events in this view, or the item is not ranked.

    >>> found = engine.attention(run, "u005")
    >>> found.weights.shape, found.item_ids[-2:]  # layers, attention heads, events, events
    ((2, 2, 8, 8), ('i10', 'i11'))
    """
    history, _ = history_of(run, run.dataset.users.index_of(user_id), view)
    return attention_map(run, Query(user_id, view, history), lang, reading, item_id)


def attention_for(
    run: Run, item_ids: Sequence[str], lang: str = "en", attributes: Mapping[str, str] | None = None
) -> AttentionMap:
    """The attention of every head over given events (the last `max_len` of them).

    Args:
        run: the run.
        item_ids: their items, oldest first; at least one.
        lang: of the titles.
        attributes: column of the users' table to value.

    Raises:
        UnknownIdError: an item is not in the data.
        EngineError: there is no event, or the run does not use such a column or value.

    >>> found = engine.attention_for(run, ["i10", "i11", "i12"])
    >>> found.weights.shape, found.item_ids
    ((2, 2, 3, 3), ('i10', 'i11', 'i12'))
    """
    run = with_attributes(run, attributes)
    return attention_map(run, query_of_events(run, item_ids, lang), lang)


def attention_map(
    run: Run, query: Query, lang: str, reading: Reading = "raw", item_id: str | None = None
) -> AttentionMap:
    """The attention of every head.

    Raises:
        UnknownIdError: no such item.
        EngineError: there is no event, or the item is not ranked.
    """
    history = query.history
    item = _gradient_item(run, query, item_id) if reading == "gradient" and len(history) else 0
    seen = attend(run.recommender, history, query.user_index(run), reading, item)
    window = history[-run.recommender.max_len :].tolist()
    asks = {"causal": (), "bidirectional": ("[MASK]",), "cross": ("START",)}[seen.kind]
    return AttentionMap(
        query.user_id,
        seen.weights,
        (*(run.dataset.title(event, lang) for event in window), *asks),
        (*(run.dataset.items.id_of(event) for event in window), *("" for _ in asks)),
        tuple(range(len(history) - len(window) + 1, len(history) + len(asks) + 1)),
        seen.heads,
        seen.kind,
        len(window),
        seen.reading,
        seen.relevance,
        tuple(_category(run, event, lang) for event in window),
        run.dataset.items.id_of(item) if item else "",
        run.dataset.title(item, lang) if item else "",
    )


def _gradient_item(run: Run, query: Query, item_id: str | None) -> int:
    """The item of gradient-weighted attention: the given one, else the top recommendation."""
    if item_id is None:
        return int(top_of(scores_for(run, query)[None, :], 1)[0][0, 0]) or int(np.flatnonzero(run.split.candidates)[0])
    item = run.dataset.items.index_of(item_id)
    if not run.split.candidates[item]:
        raise EngineError(
            "Item {item_id!r} does not occur in the training data, so it has no score; choose one of the "
            "recommended items.",
            item_id=item_id,
        )
    return item


def history_of(run: Run, user: int, view: View) -> tuple[np.ndarray, np.ndarray]:
    """The known history of a user, and the items that the view holds out, in time order."""
    history = run.dataset.histories[user]
    if view == "full":
        return history, history[:0]
    row = int(np.searchsorted(run.split.test.users, user))
    if row == len(run.split.test) or run.split.test.users[row] != user:
        return history, history[:0]
    return run.split.test.histories[row], run.split.test.targets[row]


def _events(run: Run, user: int, view: View, lang: str) -> tuple[tuple[Event, ...], Event | None]:
    history, targets = history_of(run, user, view)
    start = int(run.dataset.histories.offsets[user])
    known = tuple(_event(run, start, at, int(item), lang) for at, item in enumerate(history))
    return known, _event(run, start, len(history), int(targets[0]), lang) if len(targets) else None


def query_of_events(run: Run, item_ids: Sequence[str], lang: str, as_user: str | None = None) -> Query:
    """The query for given events, with or without the attributes of a user in the data.

    Raises:
        UnknownIdError: an item is not in the data (all such are named), or there is no such user.
    """
    if as_user is not None:
        run.dataset.users.index_of(as_user)
    history = item_indices(run, item_ids)
    events = tuple(_event(run, None, at, int(item), lang) for at, item in enumerate(history))
    return Query(as_user, "full", history, events)


def item_indices(run: Run, item_ids: Sequence[str]) -> np.ndarray:
    """(n,) indices of items.

    Raises:
        UnknownIdError: an item is not in the data; all such are named.
    """
    history = run.dataset.items.indices_of(item_ids)
    if unknown := [item_id for item_id, item in zip(item_ids, history, strict=True) if item < 0]:
        sample = ", ".join(str(item_id) for item_id in run.dataset.items.ids[:3])
        raise UnknownIdError(
            "No item {unknown}{what} among the {n_items:,} items of this data; ids are text, for example {sample}.",
            unknown=", ".join(map(repr, unknown[:8])),
            what=" …" if len(unknown) > 8 else "",
            n_items=run.dataset.n_items,
            sample=sample,
        )
    return history


def with_attributes(run: Run, attributes: Mapping[str, str] | None) -> Run:
    """The run, answering for a new user with these attributes: column of the users' table to value.

    Raises:
        EngineError: the run does not use such a column or value.
    """
    if not attributes:
        return run
    content = contents_of(run).users
    if content is None:
        raise EngineError(
            "Run {run!r} read nothing of its users but events, so {column!r} would change nothing.",
            run=run.name,
            column=shorten(next(iter(attributes))),
        )
    known = run.recommender.with_user_content(*one_row(content, run.dataset.user_table, attributes))
    ensemble = None if run.ensemble is None else replace(run.ensemble, transformer=known)
    return replace(run, recommender=known, ensemble=ensemble)


def _event(run: Run, start: int | None, at: int, item: int, lang: str) -> Event:
    """Event number `at` (from 0) of a user whose history starts at row `start` of the log; None: not in the log."""
    times = run.dataset.timestamps
    time = None if times is None or start is None else datetime.fromtimestamp(int(times[start + at]), UTC)
    return Event(
        at + 1,
        run.dataset.items.id_of(item),
        run.dataset.title(item, lang),
        _category(run, item, lang),
        time,
        _item_cohort(run, item),
    )


def scores_for(run: Run, query: Query) -> np.ndarray:
    """(n_items + 1,) scores; seen items are excluded if the run's settings say so."""
    one = Histories.of([query.history], [query.user_index(run)])
    scores = run.serving.score(one)
    return (mask_seen(scores, one) if run.config.evaluation.seen_left_out else scores)[0]


def rank_of(scores: np.ndarray, item: int) -> int | None:
    own = scores[item]
    return int((scores >= own).sum()) if np.isfinite(own) else None


def _category(run: Run, item: int, lang: str) -> str | None:
    text = run.dataset.item_text(item, f"{CATEGORY}_{lang}", CATEGORY)
    return text if text is None else truncate_text(text)


def describe(run: Run, item: int, lang: str) -> tuple[str, str | None, Cohort]:
    """An item's title, category and cohort, by its index."""
    return run.dataset.title(item, lang), _category(run, item, lang), _item_cohort(run, item)


def _item_cohort(run: Run, item: int) -> Cohort:
    return "head" if run.cohorts.item_is_head[item] else "tail"
