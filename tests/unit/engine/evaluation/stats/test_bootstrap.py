"""Intervals and the permutation test: right on average, in seeded simulations."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from engine.evaluation.stats import bootstrap
from engine.evaluation.stats.bootstrap import (
    Levels,
    interval,
    permutation_p_value,
    resampled_group_means,
    resampled_means,
)


def figures(rng: np.random.Generator, n: int, rate: float = 0.3) -> np.ndarray:
    """NDCG@10-like figures of n users: a hit with the given rate, at a random rank."""
    return (rng.random(n) < rate) / np.log2(rng.integers(1, 11, n) + 1)


def everybody(values: np.ndarray) -> tuple[Levels, np.ndarray]:
    return Levels.of(values), np.arange(len(values))


def test_levels_hold_the_table():
    table = np.random.default_rng(0).integers(0, 3, (50, 2)).astype(float)
    levels = Levels.of(table)
    np.testing.assert_array_equal(levels.values[levels.codes], table)
    assert len(levels.values) == len(np.unique(table, axis=0)) < 50


def test_resamples_have_the_mean_and_spread_of_drawing_users_one_by_one():
    rng = np.random.default_rng(1)
    table = np.column_stack([figures(rng, 200), rng.random(200)])
    fast = resampled_means(*everybody(table), 20_000, rng)
    slow = table[rng.integers(0, 200, (20_000, 200))].mean(axis=1)
    assert fast.shape == (20_000, 2)
    np.testing.assert_allclose(fast.mean(axis=0), table.mean(axis=0), atol=4 * slow.std(axis=0).max() / 20_000**0.5)
    np.testing.assert_allclose(fast.std(axis=0), slow.std(axis=0), rtol=0.03)
    assert np.corrcoef(fast.T)[0, 1] == pytest.approx(np.corrcoef(slow.T)[0, 1], abs=0.03)


def test_columns_share_their_draw():
    values = figures(np.random.default_rng(2), 100)
    means = resampled_means(*everybody(np.column_stack([values, values * 3])), 50, np.random.default_rng(0))
    np.testing.assert_allclose(means[:, 1], 3 * means[:, 0])


def test_only_the_chosen_users_are_drawn():
    table = np.array([[0.0], [0.0], [1.0], [1.0]])
    chosen = np.array([False, False, True, True])
    assert (resampled_means(Levels.of(table), chosen, 20, np.random.default_rng(0)) == 1).all()
    assert (resampled_means(Levels.of(table), np.array([0]), 20, np.random.default_rng(0)) == 0).all()


def test_a_small_memory_gives_as_many_samples(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bootstrap, "_CELLS", 100)
    values = np.random.default_rng(0).random(30)
    assert resampled_means(*everybody(values[:, None]), 17, np.random.default_rng(0)).shape == (17, 1)
    assert permutation_p_value(values[:15], values[15:] + 9, 17, np.random.default_rng(0)) == pytest.approx(1 / 18)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_cover_the_truth_as_often_as_they_say(confidence: float):
    rng = np.random.default_rng(3)
    truth = 0.3 * (1 / np.log2(np.arange(1, 11) + 1)).mean()
    worlds = 400
    covered = 0
    for _ in range(worlds):
        low, high = interval(resampled_means(*everybody(figures(rng, 300)[:, None]), 400, rng), confidence)
        covered += bool(low[0] <= truth <= high[0])
    # four standard errors either way
    assert covered / worlds == pytest.approx(confidence, abs=4 * (confidence * (1 - confidence) / worlds) ** 0.5)


def test_the_same_seed_gives_the_same_interval():
    table = figures(np.random.default_rng(4), 80)[:, None]
    one, same, other = (resampled_means(*everybody(table), 30, np.random.default_rng(seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_permutation_test_equals_trying_every_relabelling():
    first, second = np.array([0.0, 1.0, 3.0, 4.0]), np.array([2.0, 5.0, 6.0, 9.0, 9.0])
    pool = np.concatenate([first, second])

    def welch(chosen: list[int]) -> float:
        return abs(stats.ttest_ind(pool[chosen], np.delete(pool, chosen), equal_var=False).statistic)

    ways = [welch(list(c)) for c in combinations(range(9), 4)]
    exact = np.mean([way >= welch([0, 1, 2, 3]) - 1e-9 for way in ways])
    found = permutation_p_value(first, second, 20_000, np.random.default_rng(0))
    assert found == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 20_000) ** 0.5)
    assert permutation_p_value(second, first, 20_000, np.random.default_rng(1)) == pytest.approx(exact, abs=0.015)


def test_permutation_test_is_honest_where_the_groups_differ_in_spread_alone():
    rng = np.random.default_rng(5)
    p_values = [permutation_p_value(rng.normal(0, 4, 30), rng.normal(0, 1, 150), 199, rng) for _ in range(400)]
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=4 * (0.05 * 0.95 / 400) ** 0.5)


def test_permutation_test_sees_a_difference_and_knows_small_groups_and_constants():
    rng = np.random.default_rng(6)
    assert permutation_p_value(figures(rng, 500, 0.2), figures(rng, 500, 0.4), 999, rng) < 0.01
    assert permutation_p_value(np.zeros(40), np.zeros(60), 99, rng) == 1
    assert permutation_p_value(np.zeros(40), np.ones(60), 99, rng) == pytest.approx(0.01)
    # one user against nine: ten relabellings, and one of them is as extreme
    assert permutation_p_value(np.array([9.0]), np.arange(9) / 9, 9_999, rng) == pytest.approx(0.1, abs=0.02)


def test_a_group_without_hits_is_no_evidence_when_it_is_small():
    head, tail = np.zeros(20), np.r_[np.ones(20), np.zeros(1980)]
    assert permutation_p_value(head, tail, 999, np.random.default_rng(0)) > 0.5


def grouped(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.normal(50, 1, n), rng.random(n) < 0.1, rng.exponential(1, n)]).astype(float)
    values[rng.random(n) < 0.4, 2] = np.nan
    return values, np.array([np.arange(n) < 100, np.arange(n) % 2 == 0, np.ones(n, bool), np.zeros(n, bool)])


def test_group_means_are_weighted_means_of_their_users(monkeypatch: pytest.MonkeyPatch):
    values, inside = grouped()
    monkeypatch.setattr(bootstrap, "_CELLS", 4 * 50 * 64)  # portions of 64 users
    own, rest = resampled_group_means(values, inside, 50, seed=3)
    rng = np.random.default_rng(3)
    weights = np.concatenate([rng.poisson(1.0, (min(64, 400 - start), 50)) for start in range(0, 400, 64)])
    for means, sides in ((own, inside), (rest, ~inside)):
        for group, members in enumerate(sides):
            for column in range(3):
                known = members & ~np.isnan(values[:, column])
                if not known.any():
                    assert np.isnan(means[:, group, column]).all()
                    continue
                expected = [np.average(values[known, column], weights=w[known]) for w in weights.T]
                assert means[:, group, column] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_group_means_spread_as_drawing_users_one_by_one_does():
    values, inside = grouped()
    own, rest = resampled_group_means(values, inside, 4000, seed=0)
    for group, column in ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2)):
        drawn = values[inside[group], column]
        drawn = drawn[~np.isnan(drawn)]
        means = own[:, group, column]
        assert means.mean() == pytest.approx(drawn.mean(), abs=4 * means.std() / 4000**0.5)
        assert means.std() == pytest.approx(drawn.std() / len(drawn) ** 0.5, rel=0.06)
    assert abs(np.corrcoef(own[:, 0, 0], rest[:, 0, 0])[0, 1]) < 0.06  # no user in common


def test_a_column_that_is_the_same_for_everybody_has_no_width():
    own, rest = resampled_group_means(np.full((50, 1), 0.1), (np.arange(50) < 3)[None], 200, seed=0)
    assert (own == own[0]).all()
    assert np.array_equal(own, rest)
    assert own[0, 0, 0] == pytest.approx(0.1)


def test_a_group_of_one_or_two_has_means_in_every_sample():
    values = np.arange(20.0)[:, None]
    own, rest = resampled_group_means(values, np.array([np.arange(20) < 1, np.arange(20) < 2]), 500, seed=0)
    assert np.isfinite(own).all()
    assert np.isfinite(rest).all()
    assert own[:, 0, 0] == pytest.approx(np.zeros(500), abs=1e-6)
    assert own[:, 1, 0].min() >= -1e-6
    assert own[:, 1, 0].max() <= 1 + 1e-6
