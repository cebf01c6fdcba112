"""The best that anyone could do: NDCG@10 by the true probabilities, for all, head and tail customers.

Protocol: leave-last-out, as in the engine, written anew here so that the two can check each other. The last purchase of
everyone with three or more is the target; what is ranked are the products of the training part (all purchases but
everyone's last two) that the history does not hold; ties rank pessimistically.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sample_data.behaviour import HEAD_SHARE, Customer, Purchases, World, appetite, context, next_item

K = 10
MIN_PURCHASES = 3
_SAME = 1 - 1e-9  # probabilities this close are a tie

ALL_KNOWING = (
    "All-knowing ceiling: ranks by the true probability that the purchase was drawn from, given the whole history, the "
    "date and the customer's hidden taste. No model sees the taste, so none can be expected to reach this."
)
HISTORY_ONLY = (
    "Fair ceiling: knows the laws of the shop and the date, but each customer's taste only as far as the history "
    "reveals it (the exact Bayesian average over all tastes). What a perfect model of unlimited data would reach."
)


def training_length(n_purchases: int) -> int:
    """Purchases of a customer in the training part."""
    return n_purchases - 2 if n_purchases >= MIN_PURCHASES else n_purchases


def head_cut(log: Sequence[Purchases]) -> int:
    """Shortest training history of a head customer: the longest 20 %, and whoever ties with the last of them."""
    lengths = sorted((training_length(len(p)) for p in log), reverse=True)
    return lengths[math.ceil(HEAD_SHARE * len(lengths)) - 1]


def true_ranks(world: World, customers: Sequence[Customer], log: Sequence[Purchases]) -> np.ndarray:
    """(customers,) rank of each target by its true probability; 0: it is not in the training part, -1: no test."""
    candidates = _candidates(world, log)
    ranks = np.full(len(log), -1)
    for row, (customer, purchases) in enumerate(zip(customers, log, strict=True)):
        if len(purchases) >= MIN_PURCHASES:
            chances = next_item(world, purchases.items[:-1], purchases.times[-1], customer.taste)
            ranks[row] = _rank(chances, purchases, candidates)
    return ranks


def fair_ranks(world: World, prior: np.ndarray, log: Sequence[Purchases]) -> np.ndarray:
    """As `true_ranks`, with the taste unknown: averaged over tastes by their probability given the history.

    Args:
        prior: (S,) how common each taste is.
    """
    candidates = _candidates(world, log)
    by_category = taste_by_category(world)
    ranks = np.full(len(log), -1)
    for row, purchases in enumerate(log):
        if len(purchases) >= MIN_PURCHASES:
            ranks[row] = _rank(expected_next(world, prior, by_category, purchases), purchases, candidates)
    return ranks


def expected_next(world: World, prior: np.ndarray, by_category: np.ndarray, purchases: Purchases) -> np.ndarray:
    """(V,) probability of the last purchase given those before it, by Bayes' rule over tastes.

    Args:
        prior: (S,) how common each taste is.
        by_category: what `taste_by_category` returns.

    Every step's probability is left * (common + weight * taste) over its sum z, so the likelihood of a taste is a
    product of terms (common + weight * taste) / z; `left` is the same for all tastes and cancels.
    """
    category, tastes = world.catalogue.category, world.tastes.chances  # (V,), (S, V)
    counts_for = world.tastes.weights[:, None]
    steps = [context(world, purchases.items[:n], purchases.times[n]) for n in range(len(purchases))]
    common = np.array([c for c, _ in steps])  # (n, V)
    left = np.array([f for _, f in steps])  # (n, V)
    bought = np.array(purchases.items[:-1])
    # tastes @ left.T without its cost: whole categories, less the products already bought at each step.
    wish = np.array([appetite(world, purchases.items[:n]) for n in range(len(purchases))]).T  # (categories, n)
    gone = np.arange(len(bought))[:, None] < np.arange(len(purchases))  # (n - 1, n)
    z = (left * common).sum(axis=1) + counts_for * (
        by_category @ wish - tastes[:, bought] @ (wish[category[bought]] * gone)
    )
    drawn = common[np.arange(len(bought)), bought] + counts_for * tastes[:, bought]  # (S, n - 1)
    log_weight = np.log(prior) + (np.log(drawn) - np.log(z[:, :-1])).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum() * z[:, -1]
    return left[-1] * (common[-1] * weight.sum() + (weight * world.tastes.weights) @ tastes)


def taste_by_category(world: World) -> np.ndarray:
    """(S, categories) chance of each category under each taste."""
    n_categories = len(world.durable)
    return world.tastes.chances @ np.eye(n_categories)[world.catalogue.category]


def _candidates(world: World, log: Sequence[Purchases]) -> np.ndarray:
    """(V,) bool: products in the training part."""
    out = np.zeros(world.n_items, dtype=bool)
    for purchases in log:
        out[list(purchases.items[: training_length(len(purchases))])] = True
    return out


def _rank(chances: np.ndarray, purchases: Purchases, candidates: np.ndarray) -> int:
    target = purchases.items[-1]
    if not candidates[target]:
        return 0
    rivals = candidates.copy()
    rivals[list(purchases.items)] = False
    return 1 + int((chances[rivals] >= chances[target] * _SAME).sum())


def ndcg(ranks: np.ndarray) -> np.ndarray:
    """NDCG@10 of one target each: 1 / log2(1 + rank) for ranks 1 to 10, else 0."""
    return np.where((ranks >= 1) & (ranks <= K), 1 / np.log2(1 + np.maximum(ranks, 1)), 0.0)


def summarise(ranks: np.ndarray, log: Sequence[Purchases]) -> dict[str, dict[str, float | int]]:
    """Mean NDCG@10 and number of tested customers: all, head and tail."""
    lengths = np.array([training_length(len(p)) for p in log])
    head = lengths >= head_cut(log)
    tested = ranks >= 0
    cohorts = {"all": tested, "head": tested & head, "tail": tested & ~head}
    values = ndcg(ranks)
    return {
        name: {"value": round(float(values[rows].mean()), 4), "n": int(rows.sum())} for name, rows in cohorts.items()
    }


def oracle(world: World, customers: Sequence[Customer], prior: np.ndarray, log: Sequence[Purchases]) -> dict[str, Any]:
    """The contents of oracle.json."""
    return {
        "metric": f"ndcg@{K}",
        "protocol": "leave-last-out",
        "head_share": HEAD_SHARE,
        **summarise(true_ranks(world, customers, log), log),
        "description": ALL_KNOWING,
        "history_only": {**summarise(fair_ranks(world, prior, log), log), "description": HISTORY_ONLY},
    }
