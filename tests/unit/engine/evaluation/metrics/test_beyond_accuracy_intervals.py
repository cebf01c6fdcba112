"""Intervals of figures of lists: the draws are drawn users, and the ends hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from engine.config import EvaluationConfig
from engine.evaluation.metrics import beyond_accuracy_intervals
from engine.evaluation.metrics.beyond_accuracy import (
    aplt,
    arp,
    coverage,
    exposure_entropy,
    exposure_gini,
    exposures,
    popularity_lift,
)
from engine.evaluation.metrics.beyond_accuracy_intervals import RankedLists, list_estimates
from engine.evaluation.metrics.item_facts import ItemFacts
from engine.evaluation.stats.intervals import mean_estimate

N_ITEMS = 30
CONFIG = EvaluationConfig(ks=(5, 2), bootstrap_samples=40)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def facts() -> ItemFacts:
    rng = np.random.default_rng(5)
    popularity = np.append(0, np.sort(rng.integers(1, 50, N_ITEMS))[::-1])
    return ItemFacts(popularity, np.arange(N_ITEMS + 1) <= 6, sparse.csr_array(np.ones((N_ITEMS + 1, 1))))


@pytest.fixture
def shown(facts) -> RankedLists:
    rng = np.random.default_rng(6)
    chances = 1 / np.arange(1, N_ITEMS + 1)
    top = np.array([rng.choice(N_ITEMS, 5, replace=False, p=chances / chances.sum()) + 1 for _ in range(25)])
    top[3], top[4, 2:] = 0, 0
    candidates = np.ones(N_ITEMS + 1, dtype=bool)
    candidates[[0, 2, 29]] = False  # 2 is shown though it is no candidate: it covers nothing
    met = rng.uniform(1, 20, 25)
    met[7] = np.nan
    return RankedLists(top.astype(np.int32), met, candidates, facts)


def _figures(shown: RankedLists) -> dict[str, np.ndarray]:
    return {"arp@2": arp(shown.top[:, :2], shown.facts), "aplt@5": aplt(shown.top, shown.facts)}


def _naive(shown: RankedLists) -> dict[str, float]:
    """The figures of the users who are there, in the plain way."""
    found = {name: float(np.nanmean(values)) for name, values in _figures(shown).items()}
    found["popularity_lift@2"] = popularity_lift(_figures(shown)["arp@2"], shown.history_means)
    tail = shown.candidates & ~shown.facts.is_head
    for k in (2, 5):
        exposure = exposures(shown.top[:, :k], N_ITEMS)
        seen, n = exposure[shown.candidates], int(shown.candidates.sum())
        found[f"coverage@{k}"] = float(coverage(seen, n))
        found[f"tail_coverage@{k}"] = float(coverage(exposure[tail], int(tail.sum())))
        found[f"exposure_gini@{k}"] = float(exposure_gini(seen, n))
        found[f"exposure_entropy@{k}"] = float(exposure_entropy(seen, n))
    return found


def test_values_and_ends_are_those_of_users_drawn_one_by_one(shown, monkeypatch):
    monkeypatch.setattr(beyond_accuracy_intervals, "_CELLS", 7 * N_ITEMS)  # in six parts
    found = list_estimates(_figures(shown), shown, CONFIG, np.random.default_rng(3))
    values, rng = _naive(shown), np.random.default_rng(3)
    draws = [_naive(shown.take(rng.integers(0, 25, 25))) for _ in range(40)]
    assert found.keys() == values.keys()
    for name, estimate in found.items():
        drawn = np.array([draw[name] for draw in draws])
        about = name.startswith(("coverage", "tail_coverage", "exposure"))
        shift = values[name] - drawn.mean() if about else 0.0
        low, high = np.quantile(drawn, [0.025, 0.975]) + shift
        if name.startswith("aplt"):
            values_ = _figures(shown)[name]
            rule = mean_estimate(values_[~np.isnan(values_)], name, drawn, 0.95)
            low, high = rule.low, rule.high
        if about:
            low, high = max(low, 0), min(high, 1)
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((values[name], low, high)), name
        assert estimate.low < estimate.value < estimate.high, name


def test_what_is_undefined_for_all_is_left_out(shown):
    nothing = np.full(25, np.nan)
    found = list_estimates({"ild@1": nothing, "log_rank": np.arange(25.0)}, None, CONFIG, np.random.default_rng(0))
    assert list(found) == ["log_rank"]
    empty = RankedLists(np.zeros_like(shown.top), shown.history_means, shown.candidates, shown.facts)
    across = list_estimates({"ild@1": nothing}, empty, CONFIG, np.random.default_rng(0))
    assert {name: estimate.value for name, estimate in across.items()} == {
        **{f"coverage@{k}": 0.0 for k in (2, 5)},
        **{f"tail_coverage@{k}": 0.0 for k in (2, 5)},
    }
    assert (
        list_estimates({"log_rank": np.empty(0)}, shown.take(np.empty(0, int)), CONFIG, np.random.default_rng(0)) == {}
    )


def test_a_figure_that_one_user_alone_has_is_no_interval(shown):
    one = np.full(25, np.nan)
    one[4] = 0.5
    found = list_estimates({"ild@5": one}, None, CONFIG, np.random.default_rng(0))["ild@5"]
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_intervals_of_spread_hold_what_new_users_show(facts):
    """Of 100 samples of 40 users, 95 % intervals hold the mean of such samples nearly as often as they say."""
    rng = np.random.default_rng(0)
    chances = 1 / np.arange(1, N_ITEMS + 1)
    candidates = np.arange(N_ITEMS + 1) > 0
    config = EvaluationConfig(ks=(3,), bootstrap_samples=200)  # pyright: ignore[reportCallIssue]

    def users() -> RankedLists:
        keys = np.log(rng.random((40, N_ITEMS))) / chances  # a weighted draw without replacement, all users at once
        return RankedLists(np.argsort(-keys)[:, :3] + 1, np.ones(40), candidates, facts)

    found = []
    for _ in range(100):
        shown = users()
        found.append(list_estimates({"arp@3": arp(shown.top, facts)}, shown, config, rng))
    for name in ("arp@3", "coverage@3", "exposure_gini@3", "exposure_entropy@3"):
        truth = np.mean([each[name].value for each in found])
        held = np.mean([each[name].low <= truth <= each[name].high for each in found])
        assert held > 0.85, (name, held)
