"""Figures of lists: by hand, within their ranges, whoever comes first, and as others compute them."""

from __future__ import annotations

import doctest
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from scipy import sparse
from scipy.stats import entropy
from sklearn.metrics.pairwise import cosine_similarity

from engine.data.dataset import Dataset, Histories, Vocabulary
from engine.data.splits import Holdout
from engine.evaluation.cohorts import make_cohorts
from engine.evaluation.metrics import beyond_accuracy as lists_module, item_facts as items_module
from engine.evaluation.metrics.beyond_accuracy import (
    PER_USER,
    aplt,
    arp,
    calibration,
    coverage,
    exposure_entropy,
    exposure_gini,
    exposures,
    history_popularity,
    ild,
    novelty,
    per_user_lists,
    popularity_lift,
    serendipity,
)
from engine.evaluation.metrics.item_facts import ItemFacts, item_facts

NAN = float("nan")
N_ITEMS = 12
TARGET_AND_VALID = [5, 5]  # held out of every training history below


@pytest.fixture
def split(make_split):
    """Item 1 is met by all four, 2 by two, 3 and 4 by one, 5 by nobody. One user meets 2 twice."""
    return make_split([row + TARGET_AND_VALID for row in ([1, 2, 3], [1, 2, 2], [1], [1, 4])], 5)


@pytest.fixture
def dataset() -> Dataset:
    items = Vocabulary(np.array(list("abcde"), dtype=object))
    users = Vocabulary(np.array(list("wxyz"), dtype=object), first=0, kind="user")
    table = pd.DataFrame({"item_id": list("abcde"), "category": ["x", "x| y", "y", "unknown", "z"]})
    return Dataset("hand", users, items, Histories.of([[1]] * 4), None, None, pd.DataFrame(), table)


@pytest.fixture
def facts(split) -> ItemFacts:
    return item_facts(None, split, make_cohorts(split, 0.2, 0.2))


@pytest.fixture
def with_categories(split, dataset) -> ItemFacts:
    return item_facts(dataset, split, make_cohorts(split, 0.2, 0.2))


def test_doctests():
    assert doctest.testmod(lists_module).attempted >= 12
    assert doctest.testmod(lists_module).failed == 0


def test_facts_of_items(facts, with_categories):
    assert facts.popularity.tolist() == [0, 4, 3, 1, 1, 0]
    assert np.flatnonzero(facts.is_head).tolist() == [1]
    assert facts.information.tolist() == [2, 0, 1, 2, 2, 2]  # who meets 2 twice is one user; 5 counts as met by one
    assert facts.similarity == "co-occurrence"
    assert with_categories.similarity == "category"
    assert with_categories.category_names == ("x", "y", "z")
    assert with_categories.categories is not None
    assert with_categories.categories.toarray().tolist() == [
        *([0, 0, 0], [1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]),
    ]


def test_a_log_whose_categories_are_all_unknown_has_none(split, dataset):
    unknown = replace(dataset, item_table=dataset.item_table.assign(category="unknown"))
    assert item_facts(unknown, split, make_cohorts(split, 0.2, 0.2)).categories is None


def test_popularity_of_lists_by_hand(facts):
    lists = np.array([[1, 2, 3], [4, 0, 0], [0, 0, 0]])
    assert aplt(lists, facts) == pytest.approx([2 / 3, 1, NAN], nan_ok=True)
    assert arp(lists, facts) == pytest.approx([8 / 3, 1, NAN], nan_ok=True)
    assert novelty(lists, facts) == pytest.approx([1, 2, NAN], nan_ok=True)


def test_variety_by_hand(facts, with_categories):
    lists = np.array([[1, 2, 3], [2, 4, 0], [4, 0, 0], [1, 5, 0]])
    half, root = 1 / 2, 1 / 2**0.5
    # by who met them: 1-2 share two of four and two, 1-3 one of four and one, 2-3 one of two and one; 5 was never met
    expected = [1 - (root + half + root) / 3, 1, NAN, NAN]
    assert ild(lists, facts) == pytest.approx(expected, nan_ok=True)
    # by category: 1-2 and 2-3 share one of two categories, 1-3 none; 4 has none
    assert ild(lists, with_categories) == pytest.approx([1 - 2 * root / 3, NAN, NAN, 1], nan_ok=True)


def test_calibration_by_hand(facts, with_categories):
    lists = np.array([[3, 0], [1, 2], [4, 0], [1, 0]])
    histories = Histories.of([[1, 2], [2, 1], [1], [4]])
    first = 0.75 * np.log(0.75 / 0.0075) + 0.25 * np.log(0.25 / (0.99 + 0.0025))
    # the second has the same mix; the third's list and the fourth's history have no category
    assert calibration(lists, histories, with_categories) == pytest.approx([first, 0, NAN, NAN], nan_ok=True)
    assert np.isnan(calibration(lists, histories, facts)).all()


def test_serendipity_by_hand(facts):
    # popularity offers 1, 3, 4 after 2 was seen
    holdout = Holdout(np.arange(2), Histories.of([[2, 2], [2]]), Histories.of([[3], [4]]))
    lists = np.array([[3, 1], [1, 3]])
    assert serendipity(lists[:, :1], holdout, facts).tolist() == [1, 0]
    assert serendipity(lists, holdout, facts).tolist() == [0, 0]
    assert serendipity(lists, holdout, facts, exclude_seen=False).tolist() == [0.5, 0]  # then it offers 1 and 2
    beside = Holdout(np.arange(1), Histories.of([[4]]), Histories.of([[3]]))
    assert serendipity(np.array([[3, 1]]), beside, facts).tolist() == [0.5]  # 4 is less popular: it makes no room
    again = Holdout(np.arange(1), Histories.of([[4, 1]]), Histories.of([[4]]))
    for exclude_seen in (True, False):
        assert serendipity(np.array([[4]]), again, facts, exclude_seen).tolist() == [0]  # a repeat is no surprise
    new = Holdout(np.arange(1), Histories.of([[1]]), Histories.of([[5]]))
    assert serendipity(np.array([[5, 0, 0, 0, 0]]), new, facts).tolist() == [0.2]  # popularity offers nothing never met


def test_spread_over_items_by_hand():
    exposure = exposures(np.array([[1, 2], [1, 4], [1, 0]]), 4)[1:]
    assert exposure.tolist() == [3, 1, 0, 1]
    assert coverage(exposure, 4) == 0.75
    assert coverage(exposure[1:], 3) == pytest.approx(2 / 3)  # of the tail, with 1 for the head
    assert exposure_gini(exposure, 4) == pytest.approx((-1 * 1 + 1 * 1 + 3 * 3) / (4 * 5))
    shares = np.array([0.6, 0.2, 0.2])
    assert exposure_entropy(exposure, 4) == pytest.approx(-(shares * np.log(shares)).sum() / np.log(4))
    for figure in (coverage, exposure_gini, exposure_entropy):  # items that nobody is shown need not be there
        assert figure(exposure[exposure > 0], 4) == pytest.approx(figure(exposure, 4))


def test_nothing_shown_is_no_gini_and_no_entropy():
    nothing = np.zeros(3, dtype=int)
    assert coverage(nothing, 3) == 0
    assert np.isnan(exposure_gini(nothing, 3))
    assert np.isnan(exposure_entropy(nothing, 3))
    assert np.isnan(exposure_entropy(np.array([5]), 1))


def test_popularity_lift_by_hand(facts):
    met = history_popularity(Histories.of([[1, 2], [3, 3, 1, 1], []]), facts)
    assert met == pytest.approx([3.5, 2.5, NAN], nan_ok=True)
    shown = arp(np.array([[1, 0], [2, 4], [1, 1]]), facts)
    assert popularity_lift(shown, met) == pytest.approx((4 + 2) / (3.5 + 2.5) - 1)
    assert np.isnan(popularity_lift(shown[2:], met[2:]))


def _world(seed: int, n_users: int = 9, k: int = 5, categories: bool = True) -> tuple[np.ndarray, Holdout, ItemFacts]:
    """Random lists (some cut short), histories, targets and items, no two of them as popular."""
    rng = np.random.default_rng(seed)
    lists = np.array([rng.permutation(N_ITEMS)[:k] + 1 for _ in range(n_users)])
    lists[np.arange(k) >= rng.integers(0, k + 1, n_users)[:, None]] = 0
    histories = Histories.of([rng.integers(1, N_ITEMS + 1, rng.integers(0, 6)) for _ in range(n_users)])
    targets = Histories.of([rng.permutation(N_ITEMS)[: rng.integers(1, 4)] + 1 for _ in range(n_users)])
    met = rng.random((N_ITEMS + 1, 7)) < 0.3
    met[0] = False
    popularity = np.append(0, rng.permutation(N_ITEMS))
    shares = (rng.random((N_ITEMS + 1, 3)) < 0.4).astype(float)
    shares[0] = 0
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
    facts = ItemFacts(
        popularity,
        popularity >= N_ITEMS - 3,
        sparse.csr_array(met.astype(float)),
        sparse.csr_array(shares) if categories else None,
        ("a", "b", "c") if categories else (),
    )
    return lists, Holdout(np.arange(n_users), histories, targets), facts


BOUNDS = {
    "aplt": (0, 1),
    "arp": (0, N_ITEMS),
    "novelty": (0, np.log2(7)),
    "ild": (0, 1),
    "calibration": (0, np.log(100)),
    "serendipity": (0, 1),
}

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, categories=st.booleans())
def test_figures_stay_in_their_ranges(seed: int, categories: bool):
    lists, holdout, facts = _world(seed, categories=categories)
    found = per_user_lists(lists, holdout, facts, (2, 5))
    assert list(found) == [f"{name}@{k}" for k in (2, 5) for name in PER_USER]
    for name, values in found.items():
        low, high = BOUNDS[name.partition("@")[0]]
        defined = values[~np.isnan(values)]
        assert ((defined >= low) & (defined <= high + 1e-12)).all(), (name, values)
    for k in (2, 5):
        exposure = exposures(lists[:, :k], N_ITEMS)[1:]
        assert exposure.sum() == (lists[:, :k] > 0).sum()
        for figure in (coverage, exposure_gini, exposure_entropy):
            assert np.isnan(value := figure(exposure, N_ITEMS)) or 0 <= value <= 1, figure


@settings(max_examples=60, deadline=None)
@given(seed=seeds, categories=st.booleans())
def test_the_order_of_users_changes_no_figure(seed: int, categories: bool):
    lists, holdout, facts = _world(seed, categories=categories)
    order = np.random.default_rng(seed).permutation(len(lists))
    once = per_user_lists(lists, holdout, facts, (5,))
    again = per_user_lists(lists[order], holdout.take(order), facts, (5,))
    for name, values in once.items():
        np.testing.assert_allclose(again[name], values[order], atol=1e-12, err_msg=name)
    np.testing.assert_array_equal(exposures(lists, N_ITEMS), exposures(lists[order], N_ITEMS))


@settings(max_examples=60, deadline=None)
@given(seed=seeds, categories=st.booleans())
def test_the_numbers_of_items_change_no_figure(seed: int, categories: bool):
    lists, holdout, facts = _world(seed, categories=categories)
    order = np.append(0, np.random.default_rng(seed).permutation(N_ITEMS) + 1)  # new number -> old number
    new = np.argsort(order).astype(np.int32)
    renumbered = ItemFacts(
        facts.popularity[order],
        facts.is_head[order],
        sparse.csr_array(facts.item_users.toarray()[order]),
        None if facts.categories is None else sparse.csr_array(facts.categories.toarray()[order]),
        facts.category_names,
    )
    rows = [Histories(each.offsets, new[each.items]) for each in (holdout.histories, holdout.targets)]
    once = per_user_lists(lists, holdout, facts, (2, 5))
    again = per_user_lists(new[lists], Holdout(holdout.users, *rows), renumbered, (2, 5))
    for name, values in once.items():
        np.testing.assert_allclose(again[name], values, atol=1e-12, err_msg=name)
    exposure, moved = exposures(lists, N_ITEMS)[1:], exposures(new[lists], N_ITEMS)[1:]
    for figure in (coverage, exposure_gini, exposure_entropy):
        np.testing.assert_allclose(figure(moved, N_ITEMS), figure(exposure, N_ITEMS), atol=1e-12)


def _by_loop(lists: np.ndarray, holdout: Holdout, facts: ItemFacts) -> dict[str, list[float]]:
    """Every figure, one user and one item at a time, with the parts that scikit-learn and SciPy have."""
    found: dict[str, list[float]] = {name: [] for name in PER_USER}
    k, vectors = lists.shape[1], (facts.item_users if facts.categories is None else facts.categories).toarray()
    for row, history, targets in zip(lists, holdout.histories, holdout.targets, strict=True):
        shown = [int(item) for item in row if item]
        found["aplt"].append(np.mean([not facts.is_head[i] for i in shown]) if shown else NAN)
        found["arp"].append(np.mean([facts.popularity[i] for i in shown]) if shown else NAN)
        readers = {i: max(facts.item_users.toarray()[i].sum(), 1) for i in shown}
        everybody = facts.item_users.toarray().any(axis=0).sum()
        found["novelty"].append(np.mean([-np.log2(readers[i] / everybody) for i in shown]) if shown else NAN)
        told = [i for i in shown if vectors[i].any()]
        alike = cosine_similarity(vectors[told]) if told else np.empty((0, 0))
        found["ild"].append(1 - alike[np.triu_indices(len(told), 1)].mean() if len(told) > 1 else NAN)
        p, q = (vectors[[i for i in each if vectors[i].any()]].mean(axis=0) for each in (history, shown or [0]))
        known = facts.categories is not None and not np.isnan(p + q).any()
        found["calibration"].append(entropy(p, 0.99 * q + 0.01 * p) if known else NAN)
        popular = sorted((i for i in range(1, N_ITEMS + 1) if facts.popularity[i]), key=lambda i: -facts.popularity[i])
        offered = [*history, *[i for i in popular if i not in history][:k]]
        found["serendipity"].append(len([i for i in shown if i in targets and i not in offered]) / k)
    return found


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
@pytest.mark.parametrize("categories", [True, False])
def test_figures_are_those_of_a_plain_loop_with_scikit_learn_and_scipy(categories: bool):
    for seed in range(20):
        lists, holdout, facts = _world(seed, categories=categories)
        ours, theirs = per_user_lists(lists, holdout, facts, (5,)), _by_loop(lists, holdout, facts)
        for name, values in theirs.items():
            np.testing.assert_allclose(ours[f"{name}@5"], values, atol=1e-12, err_msg=f"{name}, seed {seed}")


def test_spread_over_items_is_that_of_scipy_and_of_mean_differences():
    rng = np.random.default_rng(0)
    for _ in range(20):
        exposure = rng.integers(0, 9, (3, 15)) * (rng.random((3, 15)) < 0.7)
        differences = np.abs(exposure[:, :, None] - exposure[:, None, :]).sum(axis=(1, 2))
        gini = differences / (2 * 15 * exposure.sum(axis=1))
        np.testing.assert_allclose(exposure_gini(exposure, 15), gini, atol=1e-12)
        np.testing.assert_allclose(exposure_entropy(exposure, 15), entropy(exposure, axis=1, base=15), atol=1e-12)


def test_large_catalogues_are_compared_in_parts(monkeypatch):
    lists, holdout, facts = _world(3, n_users=30, categories=False)
    whole = per_user_lists(lists, holdout, facts, (5,))
    mixed = _world(3, n_users=30)[2]
    all_at_once = calibration(lists, holdout.histories, mixed)
    for module in (items_module, lists_module):
        monkeypatch.setattr(module, "_CELLS", 7)
    for name, values in per_user_lists(lists, holdout, facts, (5,)).items():
        np.testing.assert_allclose(values, whole[name], atol=1e-12, err_msg=name)
    np.testing.assert_allclose(calibration(lists, holdout.histories, mixed), all_at_once)
