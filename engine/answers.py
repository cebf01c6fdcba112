"""What a person asks of a run about one user: who is this, what is recommended, where did the network look, and why."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from engine.answer_types import (
    AttentionMap,
    Attribution,
    Cohort,
    Event,
    Player,
    RankedItem,
    Recommendations,
    UserProfile,
    View,
)
from engine.data.dataset import Histories
from engine.data.schema import CATEGORY, display_columns
from engine.errors import EngineError, UnknownIdError
from engine.explanation.attention import attend
from engine.explanation.shapley import shapley_values
from engine.recommender import mask_seen, top_of
from engine.runs import Run


def find_users(
    run: Run, text: str = "", cohort: str = "all", attributes: dict[str, str] | None = None, limit: int = 200
) -> pd.DataFrame:
    """Users by id, cohort and attributes.

    Args:
        run: the run.
        text: part of a user id; an exact match comes first.
        cohort: "all", "head" or "tail".
        attributes: column to wanted value, as text.
        limit: rows at most.

    Returns:
        `user_id`, `cohort`, `history_length` (training part), and the users' attributes.

    Raises:
        UnknownIdError: an attribute is none of the data's.
    """
    table = run.dataset.user_table
    shown = display_columns(table)
    ids = pd.Series(run.dataset.users.ids.astype(str))
    keep = np.ones(len(ids), dtype=bool)
    if text:
        keep &= ids.str.contains(text, regex=False, case=False).to_numpy(dtype=bool)
    if cohort != "all":
        keep &= run.cohorts.user_is_head == (cohort == "head")
    for column, value in (attributes or {}).items():
        if column not in shown:
            raise UnknownIdError(f"Users have no attribute {column!r}; there are {', '.join(shown) or 'none'}.")
        keep &= (table[column].astype(str) == value).to_numpy(dtype=bool)
    rows = np.flatnonzero(keep)
    exact = ids.iloc[rows].to_numpy() == text
    rows = np.concatenate([rows[exact], rows[~exact]])[:limit]
    found = pd.DataFrame(
        {
            "user_id": ids.iloc[rows].to_numpy(),
            "cohort": np.where(run.cohorts.user_is_head[rows], "head", "tail"),
            "history_length": run.split.train.lengths[rows],
        }
    )
    return pd.concat([found, table[shown].iloc[rows].reset_index(drop=True)], axis=1)


def random_user(run: Run, cohort: str = "all", seed: int | None = None) -> str:
    """The id of a user with a held-out event, drawn from a cohort: "all", "head" or "tail".

    Raises:
        EngineError: the cohort has no such user.
    """
    users = run.split.test.users
    if cohort != "all":
        users = users[run.cohorts.user_is_head[users] == (cohort == "head")]
    if len(users) == 0:
        raise EngineError(f"This run has no {cohort} users with a held-out event; choose another cohort.")
    return run.dataset.users.term(int(np.random.default_rng(seed).choice(users)))


def profile(run: Run, user_id: str, view: View = "evaluated", lang: str = "en") -> UserProfile:
    """Who a user is and what is known of them.

    Raises:
        UnknownIdError: no such user.
    """
    user = run.dataset.users.number(user_id)
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
    """
    if k < 1:
        raise EngineError(f"k ({k}) must be 1 or more.")
    start = time.perf_counter()
    user = run.dataset.users.number(user_id)
    history, _ = _history(run, user, view)
    scores = _scores(run, history)
    items, values = top_of(scores[None, :], k)
    seconds = time.perf_counter() - start
    events, held_out = _events(run, user, view, lang)
    target = run.dataset.items.number(held_out.item_id) if held_out else 0
    ranked = tuple(
        RankedItem(
            rank,
            run.dataset.items.term(item),
            run.dataset.title(item, lang),
            _category(run, item, lang),
            float(value),
            _item_cohort(run, item),
            item == target,
        )
        for rank, (item, value) in enumerate(zip(items[0].tolist(), values[0], strict=True), start=1)
        if item > 0
    )
    rank = _rank(scores, target) if target else None
    n_candidates = int(np.isfinite(scores).sum())
    return Recommendations(user_id, view, events, ranked, held_out, rank, n_candidates, seconds)


def attention(run: Run, user_id: str, view: View = "evaluated", lang: str = "en") -> AttentionMap:
    """Where every head looked over a user's most recent events (at most `max_len`).

    Raises:
        UnknownIdError: no such user.
        EngineError: nothing is known of the user in this view.
    """
    user = run.dataset.users.number(user_id)
    history, _ = _history(run, user, view)
    seen = attend(run.recommender, history)
    window = history[-run.recommender.max_len :].tolist()
    asks = {"causal": (), "bidirectional": ("[MASK]",), "cross": ("START",)}[seen.kind]
    return AttentionMap(
        user_id,
        seen.weights,
        (*(run.dataset.title(item, lang) for item in window), *asks),
        (*(run.dataset.items.term(item) for item in window), *("" for _ in asks)),
        tuple(range(len(history) - len(window) + 1, len(history) + len(asks) + 1)),
        seen.heads,
        seen.kind,
        len(window),
    )


def explain(
    run: Run,
    user_id: str,
    item_id: str | None = None,
    view: View = "evaluated",
    lang: str = "en",
    seed: int = 0,
    max_events: int = 20,
) -> Attribution:
    """Shapley values of a user's events for one item's score; for the top recommendation when no item is given.

    Raises:
        UnknownIdError: no such user or item.
        EngineError: nothing is known of the user, or the item is not ranked.
    """
    user = run.dataset.users.number(user_id)
    history, _ = _history(run, user, view)
    scores = _scores(run, history)
    item = run.dataset.items.number(item_id) if item_id is not None else int(top_of(scores[None, :], 1)[0][0, 0])
    if item == 0:
        raise EngineError(f"There is nothing left to recommend to user {user_id!r}: every item was seen.")
    start = time.perf_counter()
    found = shapley_values(run.recommender, history, item, max_events=max_events, seed=seed)
    seconds = time.perf_counter() - start
    first = len(history) - sum(len(group) for group in found.groups) + 1  # position of the window's first event
    players = tuple(
        _player(run, history, group, first, float(value), float(spread), lang)
        for group, value, spread in zip(found.groups, found.values, found.spread, strict=True)
    )
    return Attribution(
        user_id,
        run.dataset.items.term(item),
        run.dataset.title(item, lang),
        _rank(scores, item),
        found.score,
        found.base,
        players,
        found.exact,
        found.n_evaluations,
        seconds,
    )


def warm_up(run: Run) -> None:
    """Load and compile what the first explanation needs, so that a person does not wait for it."""
    lengths = run.split.test.histories.lengths
    if len(lengths):
        history = run.split.test.histories[int(lengths.argmax())]
        item = int(np.flatnonzero(run.split.candidates)[0])
        for part in (history[-3:], history):
            shapley_values(run.recommender, part, item, n_permutations=1)


def _player(
    run: Run, history: np.ndarray, group: tuple[int, ...], first: int, value: float, spread: float, lang: str
) -> Player:
    if len(group) > 1:
        return Player("", None, None, len(group), value, spread)
    position = first + min(group)
    item = int(history[position - 1])
    return Player(run.dataset.title(item, lang), run.dataset.items.term(item), position, 1, value, spread)


def _history(run: Run, user: int, view: View) -> tuple[np.ndarray, int | None]:
    """What is known of a user, and the index of the held-out item if the view holds one out."""
    history = run.dataset.histories[user]
    if view == "full":
        return history, None
    row = int(np.searchsorted(run.split.test.users, user))
    if row == len(run.split.test) or run.split.test.users[row] != user:
        return history, None
    return run.split.test.histories[row], int(run.split.test.targets[row][0])


def _events(run: Run, user: int, view: View, lang: str) -> tuple[tuple[Event, ...], Event | None]:
    history, target = _history(run, user, view)
    start = int(run.dataset.histories.offsets[user])
    known = tuple(_event(run, start, at, int(item), lang) for at, item in enumerate(history))
    return known, None if target is None else _event(run, start, len(history), target, lang)


def _event(run: Run, start: int, at: int, item: int, lang: str) -> Event:
    times = run.dataset.timestamps
    time = None if times is None else datetime.fromtimestamp(int(times[start + at]), UTC)
    return Event(
        at + 1,
        run.dataset.items.term(item),
        run.dataset.title(item, lang),
        _category(run, item, lang),
        time,
        _item_cohort(run, item),
    )


def _scores(run: Run, history: np.ndarray) -> np.ndarray:
    """(n_items + 1,) scores; seen items left out if the run's settings say so."""
    one = Histories.of([history])
    scores = run.recommender.score(one)
    return (mask_seen(scores, one) if run.config.evaluation.exclude_seen else scores)[0]


def _rank(scores: np.ndarray, item: int) -> int | None:
    own = scores[item]
    return int((scores >= own).sum()) if np.isfinite(own) else None


def _category(run: Run, item: int, lang: str) -> str | None:
    table = run.dataset.item_table
    for column in (f"{CATEGORY}_{lang}", CATEGORY):
        if column in table.columns:
            return str(table[column].iat[item - 1])
    return None


def _item_cohort(run: Run, item: int) -> Cohort:
    return "head" if run.cohorts.item_is_head[item] else "tail"
