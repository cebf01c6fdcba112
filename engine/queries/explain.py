"""Why a run recommends what it recommends: one item, a whole list, or one item and not another."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.ensemble.ensemble import Ensemble
from engine.errors import EngineError
from engine.explanation.shapley import N_PERMUTATIONS, Solution, shapley_of_items, shapley_values
from engine.queries.recommend import Query, history_of, query_of_events, rank_of, scores_for, with_attributes
from engine.queries.standing import score_differences
from engine.queries.types import Attribution, Contrast, Player, View
from engine.recommender import top_of
from engine.runs.store import Run

if TYPE_CHECKING:
    import shap


@dataclass(frozen=True)
class NewUser:
    """A user who is not in the data.

    Attributes:
        item_ids: their items, oldest first; at least one.
        attributes: column of the users' table to value; they stay known throughout.

    >>> somebody = engine.NewUser(("i10", "i11"), attributes={"region": "North"})
    >>> [why.rank for why in engine.explain_list(run, somebody, k=2)]
    [1, 2]
    """

    item_ids: tuple[str, ...]
    attributes: Mapping[str, str] | None = None


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
        EngineError: the user has no events, or the item is not ranked.

    >>> why = engine.explain(run, "u005", "i12")
    >>> [player.label for player in why.players][-2:]
    ['Boots no. 10', 'Rope no. 11']
    >>> abs(why.base + sum(player.value for player in why.players) - why.score) < 1e-4
    True
    """
    return _of_one(run, user_id, item_id, view, lang, seed, max_events)


def explain_for(
    run: Run,
    item_ids: Sequence[str],
    item_id: str | None = None,
    lang: str = "en",
    seed: int = 0,
    max_events: int = 20,
    attributes: Mapping[str, str] | None = None,
) -> Attribution:
    """Shapley values of the events of a new user, for one item's score.

    Args:
        run: the run.
        item_ids: their items, oldest first; at least one.
        item_id: the item to explain; the top recommendation when not given.
        lang: of the titles.
        seed: of the sampled orders.
        max_events: how many of the newest events are players; earlier ones form one more player.
        attributes: column of the users' table to value; part of the base.

    Raises:
        UnknownIdError: an item is not in the data.
        EngineError: there is no event, the item is not ranked, or the run does not use such a column or value.

    >>> why = engine.explain_for(run, ["i10", "i11"], "i12")
    >>> [player.item_id for player in why.players], why.exact
    (['i10', 'i11'], True)
    """
    return _of_one(run, NewUser(tuple(item_ids), attributes), item_id, "full", lang, seed, max_events)


def explain_list(
    run: Run,
    who: str | NewUser,
    k: int = 10,
    view: View = "evaluated",
    lang: str = "en",
    seed: int = 0,
    max_events: int = 20,
) -> tuple[Attribution, ...]:
    """Shapley values of the same events for each of the k best items, best first.

    All use the same hidden histories and orders, so that their values can be compared. The time and the number of
    evaluations of each are those of all together.

    Args:
        run: the run.
        who: a user's id, or a new user.
        k: length of the list; fewer if no more can be recommended.
        view: of a user's history.
        lang: of the titles.
        seed: of the sampled orders.
        max_events: how many of the newest events are players; earlier ones form one more player.

    Raises:
        UnknownIdError: no such user, or an item is not in the data.
        EngineError: they have no events, nothing is left to recommend, or k is under 1.

    >>> [why.rank for why in engine.explain_list(run, "u005", k=3)]
    [1, 2, 3]
    """
    if k < 1:
        raise EngineError("k ({k}) must be 1 or more.", k=k)
    run, query = query_for(run, who, view, lang)
    scores = scores_for(run, query)
    items = top_of(scores[None, :], k)[0][0]
    if not (items > 0).any():
        raise EngineError("There is nothing left to recommend: every item that could be was seen.")
    return attributions(run, query, scores, items[items > 0], lang, seed, max_events)[0]


def explain_instead(
    run: Run,
    who: str | NewUser,
    item_id: str | None,
    other_id: str,
    view: View = "evaluated",
    lang: str = "en",
    seed: int = 0,
    max_events: int = 20,
) -> Contrast:
    """Why one item scores above another, or below: Shapley values of the difference of their scores.

    The first is the top recommendation when not given.

    Raises:
        UnknownIdError: no such user or item.
        EngineError: they have no events, an item is not ranked, or the two are the same.

    >>> why = engine.explain_instead(run, "u005", "i12", "i40")
    >>> why.first.item_id, why.second.item_id, why.against.item_id
    ('i12', 'i40', 'i40')
    >>> gained = why.first.score - why.second.score - (why.first.base - why.second.base)
    >>> abs(sum(player.value for player in why.players) - gained) < 1e-4
    True
    >>> causes = why.against.standing + why.against.history + why.against.user
    >>> abs(why.first.score - why.against.score - causes) < 1e-4
    True
    """
    run, query = query_for(run, who, view, lang)
    scores = scores_for(run, query)
    items = np.array([item_or_top(run, query, scores, item_id), run.dataset.items.index_of(other_id)])
    if items[0] == items[1]:
        raise EngineError("Item {other_id!r} cannot be compared with itself; choose another one.", other_id=other_id)
    (first, second), found = attributions(run, query, scores, items, lang, seed, max_events)
    values, spread = found.difference(0, 1)
    players = tuple(
        Player(player.label, player.item_id, player.position, player.n_events, float(value), float(error))
        for player, value, error in zip(first.players, values, spread, strict=True)
    )
    (against,) = score_differences(run, query, scores, items[:1], lang, int(items[1]))
    return Contrast(first, second, players, against)


def to_shap(answers: Sequence[Attribution]) -> shap.Explanation:
    """The answers as a `shap.Explanation`, one row each, for its plots: `shap.plots.waterfall(to_shap([answer])[0])`.

    Args:
        answers: at least one, all with the same events, as from `explain_list`.

    >>> engine.to_shap(engine.explain_list(run, engine.NewUser(("i10", "i11")), k=3)).values.shape
    (3, 2)
    """
    from shap import Explanation

    names = [
        player.label if player.position is not None else f"{player.n_events} earlier events"
        for player in answers[0].players
    ]
    return Explanation(
        values=np.array([[player.value for player in answer.players] for answer in answers]),
        base_values=np.array([answer.base for answer in answers]),
        data=np.array([[player.item_id or "" for player in answer.players] for answer in answers]),
        feature_names=names,
        output_names=[answer.title for answer in answers],
    )


def warm_up(run: Run) -> None:
    """Explain once, so that nobody has to wait for what is loaded and compiled on first use.

    >>> engine.warm_up(run)
    """
    lengths = run.split.test.histories.lengths
    if len(lengths):
        history = run.split.test.histories[int(lengths.argmax())]
        item = int(np.flatnonzero(run.split.candidates)[0])
        for part in (history[-3:], history):
            shapley_values(run.serving, part, item, n_permutations=2)


def query_for(run: Run, who: str | NewUser, view: View, lang: str) -> tuple[Run, Query]:
    """The run with their attributes, and the query for them.

    Raises:
        UnknownIdError: no such user, or an item is not in the data.
        EngineError: a new user has no event, or the run does not use such a column or value.
    """
    if isinstance(who, str):
        return run, Query(who, view, history_of(run, run.dataset.users.index_of(who), view)[0])
    if not who.item_ids:
        raise EngineError("Without events there is nothing to explain a score with; give at least one item id.")
    run = with_attributes(run, who.attributes)
    return run, query_of_events(run, who.item_ids, lang)


def item_or_top(run: Run, query: Query, scores: np.ndarray, item_id: str | None) -> int:
    """The item's index; the top recommendation's when no item is given.

    Raises:
        UnknownIdError: no such item.
        EngineError: nothing is left to recommend.
    """
    item = run.dataset.items.index_of(item_id) if item_id is not None else int(top_of(scores[None, :], 1)[0][0, 0])
    if item == 0:
        if query.user_id is None:
            raise EngineError("There is nothing left to recommend: every item was seen.")
        raise EngineError(
            "There is nothing left to recommend to user {user!r}: every item was seen.", user=query.user_id
        )
    return item


def _of_one(
    run: Run, who: str | NewUser, item_id: str | None, view: View, lang: str, seed: int, max_events: int
) -> Attribution:
    run, query = query_for(run, who, view, lang)
    scores = scores_for(run, query)
    item = item_or_top(run, query, scores, item_id)
    return attributions(run, query, scores, np.array([item]), lang, seed, max_events)[0][0]


def attributions(
    run: Run,
    query: Query,
    scores: np.ndarray,
    items: np.ndarray,
    lang: str,
    seed: int,
    max_events: int,
    n_permutations: int = N_PERMUTATIONS,
) -> tuple[tuple[Attribution, ...], Solution]:
    """One attribution for each item, in order, and the values behind them."""
    history, user = query.history, query.user_index(run)
    for item in items[~run.serving.candidates[items]].tolist():
        raise EngineError(
            "Item {item_id!r} does not occur in the training data, so it is not ranked and has no score to explain; "
            "choose one of the recommended items.",
            item_id=run.dataset.items.id_of(item),
        )
    start = time.perf_counter()
    groups, found = shapley_of_items(run.serving, history, items, max_events, n_permutations, seed, user)
    others = score_differences(run, query, scores, items, lang)
    seconds = time.perf_counter() - start
    first = len(history) - sum(len(group) for group in groups) + 1  # position of the window's first event
    made = tuple(
        Attribution(
            query.user_id,
            run.dataset.items.id_of(item),
            run.dataset.title(item, lang),
            rank_of(scores, item),
            float(found.score[row]),
            float(found.base[row]),
            tuple(
                _player(run, history, group, first, float(value), float(spread), lang)
                for group, value, spread in zip(groups, found.values[row], found.spread[row], strict=True)
            ),
            found.exact,
            found.n_evaluations,
            seconds,
            run.answers,
            run.serving.shares(history, item, float(found.score[row]))
            if isinstance(run.serving, Ensemble)
            else {run.answers: float(found.score[row])},
            others[row],
        )
        for row, item in enumerate(items.tolist())
    )
    return made, found


def _player(
    run: Run, history: np.ndarray, group: tuple[int, ...], first: int, value: float, spread: float, lang: str
) -> Player:
    if len(group) > 1:
        return Player("", None, None, len(group), value, spread)
    position = first + min(group)
    item = int(history[position - 1])
    return Player(run.dataset.title(item, lang), run.dataset.items.id_of(item), position, 1, value, spread)
