"""Beyond-accuracy metrics: popularity, novelty, diversity and calibration of lists, and how exposure is distributed.

The first functions give one figure for each user, NaN where it is undefined; the others one figure for any set of
users. Only `serendipity` uses targets.

Symbols: L_u the items shown to user u (places left empty do not count), H_u the history that the list was made from,
φ(i) the training interactions of item i, Γ the tail items (`Cohorts.item_is_head` says which are not), C the
candidates, e(i) the exposure of item i: how many of the lists hold it. Lists are (n_users, k) item indices, best first,
0 where there was nothing more; truncate them to the wanted k.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse

from engine.data.dataset import Histories
from engine.data.splits import Holdout
from engine.evaluation.metrics.item_facts import ItemFacts, matrix, pair_cosines, product, rows_to

SMOOTHING = 0.01
"""The weight with which Steck (2018) mixes the history's categories into the list's, so that their divergence is
finite."""

_CELLS = 8_000_000
"""Cells of a matrix of users by categories held in memory at a time."""


# One figure a user.


def aplt(lists: np.ndarray, facts: ItemFacts) -> np.ndarray:
    """(n_users,) share of tail items in the list: APLT_u = |L_u ∩ Γ| / |L_u|, from 0 to 1; higher serves the tail more.

    NaN for an empty list. Source: Abdollahpouri, Burke and Mobasher, "Managing popularity bias in recommender systems
    with personalized re-ranking" (FLAIRS 2019), average percentage of long tail items.

    >>> aplt(np.array([[1, 2], [2, 3], [1, 0]]), example_facts())
    array([0.5, 1. , 0. ])
    """
    return _means(lists, (~facts.is_head).astype(np.float64))


def arp(lists: np.ndarray, facts: ItemFacts) -> np.ndarray:
    """(n_users,) mean popularity of the list: ARP_u = sum over L_u of φ(i) / |L_u|, 0 or more; neither end is better.

    NaN for an empty list. Source: Yin, Cui, Li, Yao and Chen, "Challenging the long tail recommendation" (VLDB 2012),
    as Abdollahpouri et al. (FLAIRS 2019) name it, average recommendation popularity.

    >>> arp(np.array([[1, 2], [2, 3], [1, 0]]), example_facts())
    array([2.5, 1.5, 3. ])
    """
    return _means(lists, facts.popularity.astype(np.float64))


def novelty(lists: np.ndarray, facts: ItemFacts) -> np.ndarray:
    """(n_users,) mean self-information of the list in bits: sum over L_u of -log2 p(i) / |L_u|; higher is less known.

    p(i) is the share of training users who interacted with item i, so that the figure lies between 0 (all did) and log2
    of their number; an item without interactions counts as if it had one user. NaN for an empty list. Source: Zhou et
    al., "Solving the apparent diversity-accuracy dilemma of recommender systems" (PNAS 2010), surprisal.

    >>> novelty(np.array([[1, 2], [2, 3], [1, 0]]), example_facts()).round(4)
    array([0.7075, 1.5   , 0.415 ])
    """
    return _means(lists, facts.information)


def ild(lists: np.ndarray, facts: ItemFacts) -> np.ndarray:
    """(n_users,) diversity of the list: 1 - mean of cos(i, j) over its pairs of items, 0 to 1; higher is more diverse.

    Items are compared by their categories where the data has some, else by their training users (the cosine of two
    columns of the interaction matrix, as in item kNN); `ItemFacts.similarity` says which. Items without a category, or
    without users, cannot be compared and are left out. NaN with fewer than two comparable items. Source: Smyth and
    McClave, "Similarity vs. diversity" (ICCBR 2001); Ziegler et al., "Improving recommendation lists through topic
    diversification" (WWW 2005).

    >>> ild(np.array([[1, 2], [2, 3], [1, 0]]), example_facts()).round(4)
    array([0.1835, 1.    ,    nan])
    """
    return _varieties(lists, facts, [lists.shape[1]])[lists.shape[1]]


def calibration(lists: np.ndarray, histories: Histories, facts: ItemFacts) -> np.ndarray:
    """(n_users,) how far the list's categories are from the history's: KL(p ‖ q̃), from 0 to ln 100; lower is truer.

    p(g) = mean over H_u of an item's share in category g, q likewise over L_u, q̃ = (1 - α) q + α p with α = 0.01, and
    KL(p ‖ q̃) = sum over g of p(g) ln(p(g) / q̃(g)). Items without a category are left out. NaN where history or list
    has no item with one, or where the data has no categories. Source: Steck, "Calibrated recommendations" (RecSys
    2018), equations 2 to 5, every event of the history weighing the same.

    >>> facts = example_facts(categories=[[1, 0], [0, 1], [1, 0]])
    >>> calibration(np.array([[1, 3], [1, 2]]), Histories.of([[1], [1, 1]]), facts).round(4)
    array([0.    , 0.6832])
    """
    out = np.full(len(lists), np.nan)
    if facts.categories is None:
        return out
    known = (np.diff(facts.categories.indptr) > 0).astype(np.float64)
    for rows in _portions(len(lists), len(facts.category_names)):
        part = histories.take(np.arange(rows.start, rows.stop))
        held = matrix(part.positions(), part.items, (len(part), len(known)))
        given = _incidence(lists[rows], len(known))
        p, q = (_ratio(product(m, facts.categories).toarray(), (m @ known)[:, None]) for m in (held, given))
        smooth = (1 - SMOOTHING) * q + SMOOTHING * p
        terms = p * np.log(np.divide(p, smooth, out=np.ones_like(p), where=p > 0))
        out[rows] = np.maximum(terms.sum(axis=1), 0)
    return out


def serendipity(lists: np.ndarray, holdout: Holdout, facts: ItemFacts, exclude_seen: bool = True) -> np.ndarray:
    """(n_users,) unexpected hits: |(L_u \\ E_u) ∩ T_u| / k, from 0 to 1; higher is better.

    The expected items E_u are those of the history and the k most popular training items, without those of the history
    if lists exclude them. T_u are the targets. So the figure never exceeds the share of hits in the list, and is 0 for
    recommending by popularity. Source: Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy: evaluating recommender
    systems by coverage and serendipity" (RecSys 2010), with popularity as the primitive model; what is known as
    expected, and the denominator, as in Adamopoulos and Tuzhilin, "On unexpectedness in recommender systems" (TIST
    2014).

    Args:
        lists: (n_users, k).
        holdout: histories and targets, in the order of the lists.
        facts: of the items.
        exclude_seen: whether items of the history are excluded from recommendation.

    >>> holdout = Holdout(np.arange(2), Histories.of([[3], [1]]), Histories.of([[1], [3]]))
    >>> serendipity(np.array([[1, 2], [3, 0]])[:, :1], holdout, example_facts())
    array([0., 1.])
    """
    k = lists.shape[1]
    owners, targets = holdout.targets.positions(), holdout.targets.items
    hits = np.flatnonzero((lists[owners] == targets[:, None]).any(axis=1))
    place = facts.place[targets[hits]]
    seen = holdout.histories.take(owners[hits])
    hit, item = np.unique(np.stack([seen.positions(), seen.items]), axis=1)
    again = np.bincount(hit, weights=item == targets[hits][hit], minlength=len(hits)) > 0
    if exclude_seen:  # each seen item that is more popular makes room for one more
        place = place - np.bincount(hit, weights=facts.place[item] < place[hit], minlength=len(hits))
    return np.bincount(owners[hits], weights=(place >= k) & ~again, minlength=len(lists)) / k


def per_user_lists(
    top: np.ndarray, holdout: Holdout, facts: ItemFacts, ks: Sequence[int], exclude_seen: bool = True
) -> dict[str, np.ndarray]:
    """All figures of users' lists at all lengths, keyed "aplt@5", "arp@5", ...; one (n_users,) array each.

    Args:
        top: (n_users, longest k).
        holdout: histories and targets, in the order of the lists.
        facts: of the items.
        ks: list lengths.
        exclude_seen: whether items of the history are excluded from recommendation.
    """
    found: dict[str, np.ndarray] = {}
    varieties = _varieties(top, facts, ks)
    for k in ks:
        lists = top[:, :k]
        found |= {
            f"aplt@{k}": aplt(lists, facts),
            f"arp@{k}": arp(lists, facts),
            f"novelty@{k}": novelty(lists, facts),
            f"ild@{k}": varieties[k],
            f"calibration@{k}": calibration(lists, holdout.histories, facts),
            f"serendipity@{k}": serendipity(lists, holdout, facts, exclude_seen),
        }
    return found


PER_USER = ("aplt", "arp", "novelty", "ild", "calibration", "serendipity")
"""Families of the figures of a user's list."""

ACROSS = ("coverage", "tail_coverage", "exposure_gini", "exposure_entropy", "popularity_lift")
"""Families of the figures of many users' lists."""


# One figure for many users.


def exposures(lists: np.ndarray, n_items: int) -> np.ndarray:
    """(n_items + 1,) how many of the lists hold each item.

    >>> exposures(np.array([[1, 2], [2, 0]]), 3)
    array([0, 1, 2, 0])
    """
    counts = np.bincount(lists.ravel(), minlength=n_items + 1)
    counts[0] = 0
    return counts


def coverage(exposure: np.ndarray, n: int) -> np.ndarray:
    """(...,) share of items that at least one user is shown: |{i in C: e(i) > 0}| / |C|, from 0 to 1; higher is wider.

    It grows with the number of users: compare only sets of similar size. Of tail items alone it is the tail coverage.
    Source: Ge, Delgado-Battenfeld and Jannach (RecSys 2010), catalogue coverage.

    Args:
        exposure: (..., m) exposure of candidates; those in no list may be left out.
        n: number of candidates, including those left out.

    >>> float(coverage(np.array([3, 0, 1]), n=4))
    0.5
    """
    return np.count_nonzero(exposure, axis=-1) / max(n, 1)


def exposure_gini(exposure: np.ndarray, n: int) -> np.ndarray:
    """(...,) how unequally items are shown, from 0 (all equally) to 1 - 1 / n (only one); lower is more even.

    With exposures in rising order e_1 ≤ ... ≤ e_n: G = sum over i of (2 i - n - 1) e_i / (n sum over i of e_i). NaN
    where nothing is shown. Source: Shani and Gunawardana, "Evaluating recommendation systems" (Recommender Systems
    Handbook 2011), section 8.3.

    Args:
        exposure: (..., m) exposure of candidates; those in no list may be left out.
        n: number of candidates, including those left out.

    >>> float(exposure_gini(np.array([2, 2, 2]), n=3)), float(exposure_gini(np.array([6]), n=3).round(4))
    (0.0, 0.6667)
    """
    rising = np.sort(exposure, axis=-1)
    m = rising.shape[-1]
    weights = 2.0 * np.arange(n - m + 1, n + 1) - n - 1
    return _ratio(rising @ weights, n * rising.sum(axis=-1, dtype=np.float64))


def exposure_entropy(exposure: np.ndarray, n: int) -> np.ndarray:
    """(...,) how evenly items are shown, from 0 (only one) to 1 (all equally); higher is more even.

    H = -sum over i of p_i ln p_i / ln n with p_i = e(i) / sum of all e: Shannon's entropy over its maximum for n
    candidates. NaN where nothing is shown, or with fewer than two candidates. Source: Shani and Gunawardana (2011),
    section 8.3.

    Args:
        exposure: (..., m) exposure of candidates; those in no list may be left out.
        n: number of candidates, including those left out.

    >>> exposure_entropy(np.array([[3, 3], [1, 3], [6, 0]]), n=2).round(4)
    array([1.    , 0.8113, 0.    ])
    """
    total = exposure.sum(axis=-1, dtype=np.float64)
    # sum of e ln e from a table of it, since exposures are small whole numbers; then H = ln(total) - that / total
    table = np.arange(int(exposure.max(initial=0)) + 1, dtype=np.float64)
    table[1:] *= np.log(table[1:])
    inner = np.log(np.maximum(total, 1)) - _ratio(table[exposure].sum(axis=-1), total)
    return np.clip(_ratio(inner, np.where(n > 1, np.log(max(n, 2)), 0.0)), 0, 1)


def popularity_lift(list_means: np.ndarray, history_means: np.ndarray) -> float:
    """How much more popular lists are than histories: ΔGAP = (GAP_L - GAP_H) / GAP_H, -1 or more; nearer 0 is truer.

    GAP_L is the mean over users of the mean popularity of their lists (`arp`), GAP_H that of their histories. Above 0,
    lists are more popular than what these users chose. NaN if no user has both. Source: Abdollahpouri, Mansoury, Burke
    and Mobasher, "The unfairness of popularity bias in recommendation" (RMSE at RecSys 2019).

    Args:
        list_means: (n_users,) mean popularity of each user's list; NaN for none.
        history_means: (n_users,) mean popularity of each user's history; NaN for none.

    >>> popularity_lift(np.array([6.0, 3.0]), np.array([2.0, 4.0]))
    0.5
    """
    both = ~np.isnan(list_means + history_means)
    base = history_means[both].sum()
    return float(list_means[both].sum() / base - 1) if base > 0 else float("nan")


def history_popularity(histories: Histories, facts: ItemFacts) -> np.ndarray:
    """(n_users,) mean popularity of the items of each history, every event counting; NaN for an empty one."""
    sums = np.bincount(histories.positions(), weights=facts.popularity[histories.items], minlength=len(histories))
    return _ratio(sums, histories.lengths)


def example_facts(categories: list[list[float]] | None = None) -> ItemFacts:
    """Three items for the examples above: of four users three have item 1, two of those item 2, and the last item 3."""
    item_users = sparse.csr_array(np.array([[0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 1]], dtype=np.float64))
    shares = None if categories is None else sparse.csr_array(np.vstack([np.zeros(len(categories[0])), categories]))
    names = tuple("abc"[: 0 if categories is None else len(categories[0])])
    return ItemFacts(np.array([0, 3, 2, 1]), np.array([False, True, False, False]), item_users, shares, names)


def _varieties(top: np.ndarray, facts: ItemFacts, ks: Sequence[int]) -> dict[int, np.ndarray]:
    """`ild` of the lists truncated to each length."""
    vectors = facts.item_users if facts.categories is None else facts.categories
    shown = np.where((np.diff(vectors.indptr) > 0)[top], top, 0)
    unit = rows_to(vectors, 2)
    pairs = None if facts.categories is not None else pair_cosines(shown, unit)
    found: dict[int, np.ndarray] = {}
    for k in ks:
        n = (shown[:, :k] > 0).sum(axis=1)
        if pairs is None:  # |sum of x_i|^2 = n + 2 sum over pairs of x_i x_j, and few columns make the sum cheap
            sums = product(_incidence(shown[:, :k], len(unit.indptr) - 1), unit)
            sums = (np.asarray(sums.power(2).sum(axis=1)).ravel() - n) / 2
        else:
            sums = pairs[:, np.triu_indices(top.shape[1], 1)[1] < k].sum(axis=1)
        found[k] = np.clip(1 - _ratio(sums, n * (n - 1) / 2), 0, 1)
    return found


def _incidence(lists: np.ndarray, width: int) -> sparse.csr_array:
    """(n_users, width) ones where a list holds an item."""
    rows, places = np.nonzero(lists)
    return matrix(rows, lists[rows, places], (len(lists), width))


def _means(lists: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(n_users,) mean of the items' values in each list."""
    shown = lists > 0
    return _ratio(np.where(shown, values[lists], 0.0).sum(axis=1), shown.sum(axis=1))


def _ratio(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """one / other, NaN where the other is 0."""
    one, other = np.broadcast_arrays(np.asarray(one, dtype=np.float64), other)
    return np.divide(one, other, out=np.full(one.shape, np.nan), where=other != 0)


def _portions(n_rows: int, width: int) -> Iterator[slice]:
    step = max(1, _CELLS // max(width, 1))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))
