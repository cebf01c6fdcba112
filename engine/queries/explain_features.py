"""Which features decided one score."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.ensemble.ensemble import Ensemble
from engine.errors import EngineError
from engine.explanation.feature_attribution import Feature, Parts, feature_values, member_values, parts_of
from engine.explanation.shapley import Solution
from engine.queries.explain import NewUser, item_or_top, query_for
from engine.queries.recommend import Query, rank_of, scores_for
from engine.queries.types import View
from engine.recommender import Answering
from engine.runs.contents import contents_of
from engine.runs.store import Run


@dataclass(frozen=True)
class FeatureValue:
    """One feature, and its effect on the score.

    Attributes:
        of: "items": a part of every item's vector; "user": an attribute of the user; "member": another member of the
            ensemble, which uses the items of the history but not their content.
        name: "own", the id vector, which distinguishes items beyond their content; "text"; or a column. Of a member,
            the model.
        content: the value of the explained item or of the user; empty if there is none.
        value: Shapley value, in units of the score.
        spread: standard error of the value over sampled orders; 0 when exact.
    """

    of: Literal["items", "user", "member"]
    name: str
    content: str
    value: float
    spread: float


@dataclass(frozen=True)
class FeatureAttribution:
    """Which features gave one item its score: `base` plus the features' values is `score`.

    Attributes:
        user_id: None for a user who is not in the data.
        item_id, title: the item's.
        rank: the item's rank among unseen candidates; None if it was seen.
        score: the item's score with all features.
        base: that of an average item, for a history of as many average items, of a user without known attributes.
        features: parts of items, then attributes of the user, then the other members of the ensemble.
        exact: whether every set of features was evaluated.
        n_evaluations: how many sets were evaluated.
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


def explain_features(
    run: Run, who: str | NewUser, item_id: str | None = None, view: View = "evaluated", lang: str = "en", seed: int = 0
) -> FeatureAttribution:
    """Shapley values of features of items and user for one item's score; for the top recommendation when none is given.

    See `engine.explanation.feature_attribution` for the meaning of an absent feature.

    Raises:
        UnknownIdError: no such user or item.
        EngineError: they have no events, or the item is not ranked.

    >>> why = engine.explain_features(run, "u005", "i12")
    >>> [(feature.of, feature.name) for feature in why.features]
    [('items', 'own'), ('items', 'category'), ('items', 'text'), ('items', 'price'), ('user', 'region'),
     ('user', 'age_band')]
    >>> abs(why.base + sum(feature.value for feature in why.features) - why.score) < 1e-4
    True
    """
    run, query = query_for(run, who, view, lang)
    if len(query.history) == 0:
        raise EngineError("An empty history has no items to take apart; choose a user with at least one event.")
    scores = scores_for(run, query)
    item = item_or_top(run, query, scores, item_id)
    if not run.serving.candidates[item]:
        raise EngineError(
            "Item {item_id!r} does not occur in the training data, so it is not ranked and has no score to explain; "
            "choose one of the recommended items.",
            item_id=item_id,
        )
    start = time.perf_counter()
    features, found = features_of(run, run_parts(run), query.history, item, query.user_index(run), seed)
    seconds = time.perf_counter() - start
    return FeatureAttribution(
        query.user_id,
        run.dataset.items.id_of(item),
        run.dataset.title(item, lang),
        rank_of(scores, item),
        float(found.score[0]),
        float(found.base[0]),
        tuple(
            FeatureValue(
                feature.of, feature.name, _content_of(run, query, who, feature, item), float(value), float(spread)
            )
            for feature, value, spread in zip(features, found.values[0], found.spread[0], strict=True)
        ),
        found.exact,
        found.n_evaluations,
        seconds,
        run.answers,
    )


def run_parts(run: Run) -> Parts:
    """The parts of the run's vectors."""
    return parts_of(run.recommender, contents_of(run))


def features_of(
    run: Run, parts: Parts, history: np.ndarray, item: int, user: int, seed: int = 0, n_permutations: int = 10
) -> tuple[tuple[Feature, ...], Solution]:
    """Feature values of the score of the run's answering model."""
    features, found = feature_values(parts, history, item, user, n_permutations, seed)
    if isinstance(run.serving, Ensemble):
        return member_values(run.serving, history, item, features, found)
    return features, found


def _content_of(run: Run, query: Query, who: str | NewUser, feature: Feature, item: int) -> str:
    """The value of a feature, as in the data."""
    if feature.of == "items" and feature.name in run.dataset.item_table.columns:
        return str(run.dataset.item_table[feature.name].iat[item - 1])
    if feature.of == "user" and isinstance(who, NewUser):
        return dict(who.attributes or {}).get(feature.name, "")
    if feature.of == "user" and feature.name in run.dataset.user_table.columns:
        return str(run.dataset.user_table[feature.name].iat[query.user_index(run)])
    return ""
