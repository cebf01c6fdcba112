"""Ranking metrics for each user, from the ranks of the targets: pure NumPy.

Every function takes the same three arguments and returns one figure for each user.

* ranks: (n_targets in all,) ranks of the targets among the candidates, 1 is best; 0 means that a target could not be
ranked, a miss. * offsets: (n_users + 1,) where each user's targets start and stop in `ranks`. Leave-last-out has one
target a user, so offsets are 0, 1, 2, ...; a temporal split has one or more. * k: length of the list.

Symbols: T_u the targets of user u, r_t the rank of target t, [·] is 1 where true and 0 elsewhere. All figures lie
between 0 and 1, and higher is better. The figure of a model is the mean over users.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def hit_rate(ranks: np.ndarray, offsets: np.ndarray, k: int) -> np.ndarray:
    """(n_users,) 1 where at least one target is in the list: HR_u@k = max over t in T_u of [1 ≤ r_t ≤ k].

    Source: Deshpande and Karypis, "Item-based top-N recommendation algorithms" (TOIS 2004), section 6.2.

    >>> hit_rate(np.array([1, 4, 0, 3, 2]), np.array([0, 1, 2, 3, 5]), k=3)
    array([1., 0., 0., 1.])
    """
    return (_sums(_hits(ranks, k), offsets) > 0).astype(np.float64)


def ndcg(ranks: np.ndarray, offsets: np.ndarray, k: int) -> np.ndarray:
    """(n_users,) normalised discounted cumulative gain with binary gains.

    DCG_u@k = sum over t in T_u of [1 ≤ r_t ≤ k] / log2(r_t + 1); IDCG_u@k = sum over i = 1..min(k, |T_u|) of
    1 / log2(i + 1); NDCG = DCG / IDCG. With one target: 1 / log2(r + 1) where r ≤ k.
    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (TOIS 2002).

    >>> ndcg(np.array([1, 3, 0, 1, 2]), np.array([0, 1, 2, 3, 5]), k=3)
    array([1. , 0.5, 0. , 1. ])
    """
    gains = _hits(ranks, k) / np.log2(np.maximum(ranks, 1) + 1.0)
    ideal = np.cumsum(1.0 / np.log2(np.arange(1, k + 1) + 1.0))
    return _sums(gains, offsets) / ideal[np.minimum(np.diff(offsets), k) - 1]


def mrr(ranks: np.ndarray, offsets: np.ndarray, k: int) -> np.ndarray:
    """(n_users,) reciprocal rank of the first target in the list: MRR_u@k = max over t of [1 ≤ r_t ≤ k] / r_t.

    Source: Voorhees, "The TREC-8 question answering track report" (TREC 1999).

    >>> mrr(np.array([1, 4, 0, 3, 2]), np.array([0, 1, 2, 3, 5]), k=3)
    array([1. , 0. , 0. , 0.5])
    """
    return np.maximum.reduceat(_hits(ranks, k) / np.maximum(ranks, 1), offsets[:-1])


def precision(ranks: np.ndarray, offsets: np.ndarray, k: int) -> np.ndarray:
    """(n_users,) share of the list that are targets: P_u@k = sum over t in T_u of [1 ≤ r_t ≤ k] / k.

    With one target it cannot exceed 1 / k. Source: Manning, Raghavan and Schütze, "Introduction to information
    retrieval" (2008), section 8.4.

    >>> precision(np.array([1, 4, 0, 3, 2]), np.array([0, 1, 2, 3, 5]), k=4)
    array([0.25, 0.25, 0.  , 0.5 ])
    """
    return _sums(_hits(ranks, k), offsets) / k


def recall(ranks: np.ndarray, offsets: np.ndarray, k: int) -> np.ndarray:
    """(n_users,) share of the targets that are in the list: R_u@k = sum over t in T_u of [1 ≤ r_t ≤ k] / |T_u|.

    With one target it equals the hit rate. Source: Manning, Raghavan and Schütze (2008), section 8.4.

    >>> recall(np.array([1, 4, 0, 3, 2]), np.array([0, 1, 2, 3, 5]), k=2)
    array([1. , 0. , 0. , 0.5])
    """
    return _sums(_hits(ranks, k), offsets) / np.diff(offsets)


def f1(ranks: np.ndarray, offsets: np.ndarray, k: int) -> np.ndarray:
    """(n_users,) harmonic mean of precision and recall: F1_u@k = 2 P R / (P + R), 0 where both are 0.

    P = h / k and R = h / |T_u| with h targets in the list, so F1 = 2 h / (k + |T_u|).
    Source: van Rijsbergen, "Information retrieval" (1979), chapter 7.

    >>> f1(np.array([1, 4, 0, 3, 2]), np.array([0, 1, 2, 3, 5]), k=3)
    array([0.5, 0. , 0. , 0.8])
    """
    return 2.0 * _sums(_hits(ranks, k), offsets) / (k + np.diff(offsets))


def average_precision(ranks: np.ndarray, offsets: np.ndarray, k: int) -> np.ndarray:
    """(n_users,) average precision; its mean over users is MAP.

    AP_u@k = sum over t in T_u of [1 ≤ r_t ≤ k] P_u@r_t, divided by min(k, |T_u|), where P_u@r counts the targets up to
    rank r; so a list that consists of targets only scores 1, as with NDCG. With one target it equals MRR.
    Source: Manning, Raghavan and Schütze (2008), section 8.4, cut at k.

    >>> average_precision(np.array([1, 4, 0, 3, 2]), np.array([0, 1, 2, 3, 5]), k=4)
    array([1.        , 0.25      , 0.        , 0.58333333])
    """
    users = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = np.lexsort((np.where(ranks > 0, ranks, np.iinfo(np.int64).max), users))  # misses last
    nth = np.empty(len(ranks), dtype=np.int64)  # targets up to each target's rank, itself included
    nth[order] = np.arange(len(ranks)) - offsets[users] + 1
    found = _sums(_hits(ranks, k) * nth / np.maximum(ranks, 1), offsets)
    return found / np.minimum(np.diff(offsets), k)


METRICS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "hr": hit_rate,
    "ndcg": ndcg,
    "mrr": mrr,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "map": average_precision,
}


def per_user_metrics(ranks: np.ndarray, offsets: np.ndarray, ks: Sequence[int]) -> dict[str, np.ndarray]:
    """All metrics at all list lengths, keyed "hr@5", "ndcg@5", ...; one (n_users,) array each.

    Raises:
        ValueError: a user without a target, a negative rank, or a list length under 1.
    """
    ranks, offsets = np.asarray(ranks), np.asarray(offsets)
    if len(offsets) < 1 or offsets[0] != 0 or offsets[-1] != len(ranks) or (np.diff(offsets) < 1).any():
        raise ValueError("offsets must start at 0, end at the number of ranks, and give every user a target.")
    if len(ranks) and ranks.min() < 0:
        raise ValueError(f"ranks are 0 (a miss) or more, not {ranks.min()}.")
    if any(k < 1 for k in ks):
        raise ValueError(f"list lengths are 1 or more, not {min(ks)}.")
    return {f"{name}@{k}": metric(ranks, offsets, k) for k in ks for name, metric in METRICS.items()}


def log_ranks(ranks: np.ndarray, n_candidates: int | np.ndarray) -> np.ndarray:
    """(n,) natural logarithm of ranks, from 0 to ln(n_candidates + 1); lower is better.

    A miss counts as rank n_candidates + 1. NDCG@k of one target is 0 for most users, so that it hardly distinguishes
    two groups; a rank is informative for every user, and its logarithm makes a step from 1 to 2 as large as one from
    100 to 200. Its mean is the logarithm of the geometric mean of ranks. Averaging logarithms gives weight to users who
    are served badly: Robertson, "On GMAP: and other transformations" (CIKM 2006).

    >>> log_ranks(np.array([1, 0]), 9).round(6)
    array([0.      , 2.302585])
    """
    return np.log(np.where(ranks > 0, ranks, np.asarray(n_candidates) + 1.0))


def _hits(ranks: np.ndarray, k: int) -> np.ndarray:
    return ((ranks >= 1) & (ranks <= k)).astype(np.float64)


def _sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values, offsets[:-1])
