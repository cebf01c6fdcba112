"""What attention heads do, measured over many users: what each attends to, and whether it is selective.

All figures describe the row from which the next item is read. Entropy is divided by the logarithm of the number of
events, and shares are relative to uniform attention (lift), so that short and long histories can be compared.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Role = Literal["idle", "first", "newest", "recent", "category", "repeats", "early", "mixed"]

IDLE = 0.95
"""Entropy from which a row counts as uniform: the head is not selective."""

RECENT = 3
"""Newest events that count as recent."""

FEATURES: tuple[str, ...] = (
    "entropy",
    "idle",
    "newest",
    "recent",
    "first",
    "one_even",
    "recent_even",
    "place",
    "peak",
    "category",
    "category_even",
    "repeats",
    "repeats_even",
)
"""The columns of `head_features`, for one head and one history of n events:

entropy: of the row over log n; 0 is all on one event, 1 is uniform.
idle: 1 if that is `IDLE` or more.
newest, recent, first: shares of the newest event, of the `RECENT` newest and of the oldest; one_even, recent_even: what
    uniform attention would give one event, and the `RECENT` newest.
place: mean place attended to, 0 the oldest and 1 the newest; uniform attention has 0.5.
peak: the largest weight times n; 1 is uniform.
category: share of events of the newest one's category, the newest itself left out; category_even: what uniform
    attention to the other events would give them.
repeats: share of events whose item occurs more than once; repeats_even: likewise.
"""


def head_features(weights: np.ndarray, items: np.ndarray, category: np.ndarray | None) -> np.ndarray:
    """(..., len(FEATURES)) float64 of every row of weights over one history.

    Args:
        weights: (..., n) weights of the n events, n at least 2; rows are scaled to sum to 1, since [MASK] also looks at
            itself.
        items: (n,) item indices, oldest first.
        category: (n,) code of each event's category, -1 for none; None where the data has no categories.
    """
    n = len(items)
    w = weights.astype(np.float64)
    w = w / w.sum(axis=-1, keepdims=True)
    entropy = -(w * np.log(np.maximum(w, 1e-30))).sum(axis=-1) / np.log(n)
    alike = np.zeros(n, dtype=bool) if category is None else (category == category[-1]) & (category >= 0)
    alike[-1] = False
    others = np.maximum(1 - w[..., -1], 1e-12)
    _, which, counts = np.unique(items, return_inverse=True, return_counts=True)
    again = counts[which] > 1
    even = np.ones(w.shape[:-1])
    return np.stack(
        [
            entropy,
            (entropy >= IDLE).astype(float),
            w[..., -1],
            w[..., -RECENT:].sum(axis=-1),
            w[..., 0],
            even / n,
            even * min(RECENT, n) / n,
            (w * np.linspace(0, 1, n)).sum(axis=-1),
            w.max(axis=-1) * n,
            w[..., alike].sum(axis=-1) / others,
            even * alike.sum() / (n - 1),
            w[..., again].sum(axis=-1),
            even * again.mean(),
        ],
        axis=-1,
    )


def role_of(means: dict[str, float]) -> Role:
    """A head's role by its mean `FEATURES`; the first rule that applies.

    idle: the head is idle for half of the users or more. first, newest: a third of the attention or more on that event,
    and one and a half times what uniform attention gives it. recent: likewise half or more on the `RECENT` newest.
    repeats, category: twice, or one and a half times, what uniform attention gives such events. recent, early: a mean
    place in the newest or the oldest third. mixed: none of these, so it selects by something else.
    """
    if means["idle"] >= 1 / 2:
        return "idle"
    rules: tuple[tuple[Role, float, str], ...] = (
        ("first", 1 / 3, "one_even"),
        ("newest", 1 / 3, "one_even"),
        ("recent", 1 / 2, "recent_even"),
    )
    for role, least, even in rules:
        if means[role] >= max(least, 1.5 * means[even]):
            return role
    if means["repeats"] >= 2 * means["repeats_even"] > 0:
        return "repeats"
    if means["category"] >= 1.5 * means["category_even"] > 0:
        return "category"
    if means["place"] >= 2 / 3:
        return "recent"
    return "early" if means["place"] <= 1 / 3 else "mixed"
