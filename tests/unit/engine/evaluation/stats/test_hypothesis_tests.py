"""Moments, p-values and effect sizes agree with scipy and plain loops, and find no more than the level allows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from engine.evaluation.stats.hypothesis_tests import Moments, cliffs_delta, magnitude, p_values


def p_of(values: np.ndarray, inside: np.ndarray, level: float = 0.05, seed: int = 0) -> np.ndarray:
    return p_values(values, inside, Moments.of(values, inside), level, seed)


def world(seed: int = 0, n: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Three columns, one of them without figures here and there, and four groups: large, small, everybody, nobody."""
    rng = np.random.default_rng(seed)
    values = np.column_stack([rng.normal(3, 1, n), (rng.random(n) < 0.1) * rng.random(n), rng.normal(0, 5, n)])
    values[rng.random(n) < 0.3, 2] = np.nan
    inside = np.array([rng.random(n) < 0.4, np.arange(n) < 250, np.ones(n, bool), np.zeros(n, bool)])
    return values, inside


def test_moments_equal_numpy():
    values, inside = world()
    found = Moments.of(values, inside)
    for group, members in enumerate(inside):
        for column in range(3):
            own, rest = (v[~np.isnan(v)] for v in (values[members, column], values[~members, column]))
            assert found.n[group, column] == len(own)
            assert found.n_rest[group, column] == len(rest)
            for part, mean, variance in (
                (own, found.mean, found.variance), (rest, found.mean_rest, found.variance_rest)
            ):  # fmt: skip
                if len(part):
                    assert mean[group, column] == pytest.approx(part.mean())
                    assert variance[group, column] == pytest.approx(part.var(ddof=1))
                else:
                    assert np.isnan(mean[group, column])
                    assert np.isnan(variance[group, column])


def test_a_group_that_is_all_alike_has_no_spread_whatever_the_others_do():
    rng = np.random.default_rng(0)
    for same in rng.random(50):
        values = np.r_[np.full(37, same), rng.random(500) * 1e3][:, None]
        found = Moments.of(values, (np.arange(537) < 37)[None])
        assert found.variance[0, 0] == 0
        assert found.variance_rest[0, 0] > 0


def test_p_value_is_the_larger_of_welch_and_student_where_both_sides_are_many():
    values, inside = world()
    found = p_of(values, inside)
    for group in (0, 1):
        for column in range(3):
            own, rest = (v[~np.isnan(v)] for v in (values[inside[group], column], values[~inside[group], column]))
            both = [stats.ttest_ind(own, rest, equal_var=equal).pvalue for equal in (True, False)]
            assert found[group, column] == pytest.approx(max(both))
    assert np.isnan(found[2:]).all()


def test_where_one_side_is_few_the_shuffles_agree_with_scipy():
    rng = np.random.default_rng(3)
    values = ((rng.random(400) < 0.06) * 1.0)[:, None]
    inside = (np.arange(400) < 40)[None]
    values[:9, 0] = 1
    found = p_of(values, inside)[0, 0]

    def welch(a: np.ndarray, b: np.ndarray) -> float:
        return abs((a.mean() - b.mean()) / np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))

    expected = stats.permutation_test(
        (values[:40, 0], values[40:, 0]), welch, n_resamples=9999, alternative="greater", rng=np.random.default_rng(1)
    ).pvalue
    normal = max(stats.ttest_ind(values[:40, 0], values[40:, 0], equal_var=equal).pvalue for equal in (True, False))
    assert found == pytest.approx(expected, abs=4 * np.sqrt(expected / 5000))
    assert found >= normal


@pytest.mark.parametrize(("n", "rate"), [(20, 0.01), (40, 0.05), (60, 0.02), (300, 0.05)])
def test_a_null_world_is_called_different_at_most_as_often_as_the_level_says(n: int, rate: float):
    rng = np.random.default_rng(0)
    level, worlds = 0.02, 400
    values = (rng.random((2000, worlds)) < rate) * rng.choice([1.0, 0.63, 0.5, 0.39], (2000, worlds))
    found = p_of(values, (np.arange(2000) < n)[None], level)[0]
    assert (found <= level).mean() <= level + 3 * (level * (1 - level) / worlds) ** 0.5


def test_twenty_users_without_a_hit_differ_from_nobody():
    values = np.where(np.arange(2020) % 100 == 99, 1.0, 0.0)[:, None]
    assert p_of(values, (np.arange(2020) < 20)[None])[0, 0] > 0.3


def test_two_constants_apart_are_as_unlikely_as_the_ways_to_draw_them():
    assert p_of(np.r_[0, np.ones(9)][:, None], (np.arange(10) < 1)[None])[0, 0] == pytest.approx(0.1, abs=0.02)
    assert p_of(np.ones((10, 1)), (np.arange(10) < 3)[None])[0, 0] == 1


@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=40).filter(
        lambda users: 0 < sum(inside for _, inside in users) < len(users)
    )
)
def test_cliffs_delta_counts_pairs(users: list[tuple[int, bool]]):
    values, inside = np.array([v for v, _ in users], dtype=float), np.array([i for _, i in users])
    pairs = [np.sign(a - b) for a in values[inside] for b in values[~inside]]
    delta = cliffs_delta(values[:, None], inside[None])[0, 0]
    assert delta == pytest.approx(np.mean(pairs))
    assert cliffs_delta(-values[:, None], inside[None])[0, 0] == pytest.approx(-delta)
    assert cliffs_delta(values[:, None], ~inside[None])[0, 0] == pytest.approx(-delta)


def test_cliffs_delta_leaves_out_who_has_no_figure():
    values, inside = world()
    known = ~np.isnan(values[:, 2])
    alone = cliffs_delta(values[known, 2:], inside[:2, known])
    assert cliffs_delta(values, inside)[:2, 2] == pytest.approx(alone[:, 0])
    assert np.isnan(cliffs_delta(values, inside)[2:]).all()


@pytest.mark.parametrize(
    ("delta", "word"),
    [(0, "negligible"), (0.146, "negligible"), (-0.147, "small"), (0.33, "medium"), (-0.474, "large"), (1, "large")],
)
def test_magnitudes(delta: float, word: str):
    assert magnitude(delta) == word
