"""Does an explanation name what moves the score? Deletion and insertion curves, agreement, stability, a sanity check.

Deletion hides a user's events one after another, the most important first; insertion starts from the empty history and
reveals them in the same order (Petsiuk, Das and Saenko, "RISE", BMVC 2018; Samek et al. 2017). A hidden event is masked
as in `engine.explanation.shapley`. An explanation that names what matters makes the score fall fast in the one and rise
fast in the other, so a lower area under the deletion curve and a higher one under the insertion curve are better.

The area is taken over the share of events from 0 to 1, relative to what the history adds to the score,

    AUC = sum over users of the area under (score(S) - base) / sum over users of (full - base),

with base the score of the empty history and full that of the full one. Dividing user by user would need a rule for
users whose history adds almost nothing to the score of their item, where the quotient is noise; with a quotient of sums
nobody is excluded, and users are weighted by how much there is to explain. Users whose history lowers the score of the
item count too, with a negative amount; `n_lowered` is their number. Users with a single event would get 0.5 from every
method and are excluded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from engine.explanation.attention_readings import Reading, relevance, trace
from engine.explanation.shapley import shapley_values
from engine.recommender import Explainable, TransformerRecommender

METHODS = ("shap", "gradient_attention", "rollout", "attention", "recency", "random")
"""Ways to order events. "recency" (the newest first) and "random" explain nothing; they are the baselines."""

STEPS = 20
"""Steps of a curve: one event each for histories up to this length, else 1 / STEPS of the events."""

GRID = np.linspace(0, 1, STEPS + 1)
"""Shares of events at which mean curves are given."""

MAX_PLAYERS = 100
"""The number of newest events with SHAP values of their own here; earlier ones share the value of their group
evenly."""

BUDGET = 600
"""At most so many masked histories are used for one user's SHAP values, but at least two orders of the events."""


@dataclass(frozen=True)
class Question:
    """A score to explain: an item's, for a user with a history of at least two events.

    Attributes:
        user: index of the user.
        history: (L,) item indices, oldest first; at most as many as the answering model reads.
        item: index of the item.
        cohort: "head" or "tail".
    """

    user: int
    history: np.ndarray
    item: int
    cohort: str


Explainer = Callable[[Question], Mapping[str, np.ndarray]]
"""(L,) importance of every event by each method; larger is more important."""


@dataclass(frozen=True)
class Curves:
    """The effect of hiding and revealing events on one score, in its units.

    Attributes:
        base: the score of the empty history.
        full: the score of the full history.
        deletion: (n_methods, STEPS + 1) score - base along `GRID`, the share of events hidden.
        insertion: likewise, along the share of events revealed.
        deletion_area: (n_methods,) exact areas, by trapezoids between the steps.
        insertion_area: likewise.
    """

    base: float
    full: float
    deletion: np.ndarray
    insertion: np.ndarray
    deletion_area: np.ndarray
    insertion_area: np.ndarray


def explainer_of(serving: Explainable, network: TransformerRecommender, seed: int = 0) -> Explainer:
    """The explanations of a run: SHAP of the answering model, and three readings of its Transformer's attention.

    Attention does not cover events before the Transformer's window; they come last, the newest of them first.
    """

    def explain(question: Question) -> dict[str, np.ndarray]:
        n = len(question.history)
        seen = trace(network, question.history, question.item, question.user)
        beyond = np.zeros(n - seen.n_events)
        readings: dict[str, Reading] = {"gradient_attention": "gradient", "rollout": "rollout", "attention": "raw"}
        found = {name: np.concatenate([beyond, relevance(seen, how)]) for name, how in readings.items()}
        return {"shap": shap_of(serving, question, seed), **found}

    return explain


def shap_of(serving: Explainable, question: Question, seed: int = 0) -> np.ndarray:
    """(L,) Shapley value of every event; see `MAX_PLAYERS` and `BUDGET`."""
    history = question.history
    n_players = min(len(history), MAX_PLAYERS + 1)
    orders = int(np.clip(BUDGET // (2 * n_players + 1), 2, 10))
    found = shapley_values(serving, history, question.item, MAX_PLAYERS, orders, seed, question.user)
    out = np.zeros(len(history))
    for group, value in zip(found.groups, found.values, strict=True):
        out[list(group)] = value / len(group)
    return out


def order_of(importance: np.ndarray) -> np.ndarray:
    """(L,) positions, the most important first, ties by recency."""
    return np.lexsort((-np.arange(len(importance)), -importance))


def curves(recommender: Explainable, question: Question, orders: np.ndarray) -> Curves:
    """The deletion and insertion curves of one user's events in several orders, computed in one batch.

    Args:
        recommender: whose score.
        question: the user, the history and the item.
        orders: (n_methods, L) positions, the most important first.
    """
    n = orders.shape[1]
    cuts = np.unique(np.round(np.linspace(0, n, min(n, STEPS) + 1)).astype(int))
    place = np.argsort(orders, axis=1)  # (n_methods, L): the place of each event in the order
    shown = place[:, None, :] < cuts[:, None]  # (n_methods, n_cuts, L)
    masks, where = np.unique(np.concatenate([~shown, shown]).reshape(-1, n), axis=0, return_inverse=True)
    scores = recommender.score_masked(question.history, question.item, masks, question.user)
    deletion, insertion = scores[where.ravel()].reshape(2, len(orders), len(cuts))
    base, full = float(insertion[0, 0]), float(deletion[0, 0])
    x = cuts / n
    on_grid = [np.stack([np.interp(GRID, x, row - base) for row in part]) for part in (deletion, insertion)]
    areas = [np.trapezoid(part - base, x, axis=1) for part in (deletion, insertion)]
    return Curves(base, full, *on_grid, *areas)


def question_curves(
    recommender: Explainable, question: Question, importances: Mapping[str, np.ndarray], rng: np.random.Generator
) -> Curves:
    """Curves of the given methods, of recency and of a random order, in this order.

    A random order is averaged with its reverse at no cost: what the one hides, the other reveals.
    """
    n = len(question.history)
    orders = [order_of(values) for values in importances.values()]
    found = curves(recommender, question, np.stack([*orders, np.arange(n)[::-1], rng.permutation(n)]))
    deletion, insertion = found.deletion.copy(), found.insertion.copy()
    deletion[-1] = (found.deletion[-1] + found.insertion[-1, ::-1]) / 2
    insertion[-1] = (found.insertion[-1] + found.deletion[-1, ::-1]) / 2
    deletion_area, insertion_area = found.deletion_area.copy(), found.insertion_area.copy()
    deletion_area[-1] = insertion_area[-1] = (found.deletion_area[-1] + found.insertion_area[-1]) / 2
    return Curves(found.base, found.full, deletion, insertion, deletion_area, insertion_area)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's correlation between two importances of the same events; NaN where one is constant."""
    a, b = (rankdata(values) - (len(values) + 1) / 2 for values in (first, second))
    length = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / length) if length > 0 else float("nan")
