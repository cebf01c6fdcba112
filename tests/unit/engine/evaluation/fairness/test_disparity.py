"""Disparity: each figure by hand and against plain loops, mirrored where lower is better, and quiet in a null world."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from engine.config import EvaluationConfig
from engine.errors import EngineError
from engine.evaluation.fairness.disparity import Disparity, disparity, gini, worst_share
from engine.evaluation.groups.rules import Rule
from engine.evaluation.groups.standard import Group
from engine.evaluation.stats.bootstrap import Levels

CONFIG = EvaluationConfig(bootstrap_samples=400)  # pyright: ignore[reportCallIssue]

utilities = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, 7.5]), min_size=1, max_size=60)


def counted(values: list[float]) -> tuple[np.ndarray, np.ndarray]:
    distinct, counts = np.unique(values, return_counts=True)
    return counts[None], distinct


@given(utilities)
def test_gini_is_the_mean_difference_of_pairs(values: list[float]):
    x = np.array(values)
    found = gini(*counted(values))[0]
    if x.sum() == 0:
        assert found == 0
        return
    assert found == pytest.approx(np.abs(x[:, None] - x).sum() / (2 * len(x) ** 2 * x.mean()), abs=1e-12)
    assert gini(*counted((10 * x).tolist()))[0] == pytest.approx(found)  # no unit
    assert gini(*counted([*values, *values]))[0] == pytest.approx(found)  # no size
    assert -1e-12 <= found <= 1 - 1 / len(x) + 1e-12


@given(utilities, st.floats(0.01, 1))
def test_the_worst_share_is_the_mean_of_a_sorted_part(values: list[float], alpha: float):
    for better, order in (("higher", sorted(values)), ("lower", sorted(values, reverse=True))):
        left, total = alpha * len(values), 0.0
        for value in order:
            total += min(left, 1) * value
            left = max(left - 1, 0)
        found = worst_share(*counted(values), alpha, better)[0]  # type: ignore[arg-type]
        assert found == pytest.approx(total / (alpha * len(values)), abs=1e-9)
    mirrored = worst_share(*counted([-v for v in values]), alpha)[0]
    assert worst_share(*counted(values), alpha, "lower")[0] == pytest.approx(-mirrored, abs=1e-9)


def test_the_worst_share_is_rockafellar_and_uryasevs_minimum():
    values = np.random.default_rng(0).exponential(1, 301)
    at = np.sort(values)
    bound = (at[:, None] - np.maximum(at[:, None] - at, 0) / 0.2).mean(axis=1).max()  # over every candidate quantile
    levels = Levels.of(values[:, None])
    counts = np.bincount(levels.codes)[None]
    assert worst_share(counts, levels.values[:, 0], 0.2)[0] == pytest.approx(bound)


def measured(make_evaluation, rates: dict[str, tuple[int, float]], seed: int = 0, **changes) -> Disparity:
    rng = np.random.default_rng(seed)
    values = np.concatenate([(rng.random(n) < rate) * rng.random(n) for n, rate in rates.values()])
    region = np.repeat(list(rates), [n for n, _ in rates.values()])
    facts = pd.DataFrame({"user_idx": np.arange(len(values)), "region": region})
    metric = changes.setdefault("metric", "ndcg@10")
    groups = [Group(name, Rule.parse(f"region={name}")) for name in rates]
    evaluation = make_evaluation(values > 2, metric=metric, transformer=values)
    return disparity(evaluation, facts, groups, config=CONFIG.model_copy(update={"seed": seed}), **changes)


def test_planted_groups_are_found(make_evaluation):
    rates = {"good": (500, 0.6), "middle": (500, 0.4), "bad": (400, 0.2), "few": (29, 0.9), "none": (200, 0.0)}
    found = measured(make_evaluation, rates)
    assert found.too_small == ("few", "none")
    assert found.n == 1629
    spread = found.between
    assert spread is not None
    assert spread.groups == ("good", "middle", "bad")
    assert (spread.best, spread.worst) == ("good", "bad")
    assert spread.worst_value.value == pytest.approx(0.1, abs=0.03)
    assert spread.difference.value == pytest.approx(0.2, abs=0.04)
    assert spread.difference.low < spread.difference.value < spread.difference.high
    assert spread.p_value == pytest.approx(1 / 401)
    assert spread.by_chance < 0.05
    assert spread.ratio is not None
    assert spread.ratio.value == pytest.approx(1 / 3, abs=0.07)
    assert 0 < spread.ratio.low < spread.ratio.value < spread.ratio.high < 0.6
    assert found.worst_share.value == 0  # far more than a fifth get nothing
    assert found.gini is not None
    assert 0.5 < found.gini.low < found.gini.value < found.gini.high < 1
    assert found.mean.low < found.mean.value < found.mean.high


def test_where_lower_is_better_all_is_mirrored(make_evaluation):
    rates = {"low": (300, 0.2), "high": (300, 0.8)}
    up = measured(make_evaluation, rates, alpha=0.3)
    down = measured(make_evaluation, rates, alpha=0.3, metric="log_rank")
    assert (up.better, down.better) == ("higher", "lower")
    assert up.between is not None
    assert down.between is not None
    assert (up.between.worst, down.between.worst) == ("low", "high")
    assert up.between.difference == down.between.difference
    assert down.worst_share.value > down.mean.value > up.worst_share.value
    assert up.gini is not None
    assert down.gini is None


def test_a_null_world_is_apart_by_chance_alone(make_evaluation):
    alike = {f"g{i}": (60, 0.3) for i in range(6)}
    found = [measured(make_evaluation, alike, seed).between for seed in range(60)]
    assert np.mean([f.p_value <= 0.1 for f in found if f]) <= 0.1 + 3 * (0.09 / 60) ** 0.5
    seen, chance = (
        np.mean([value(f) for f in found if f]) for value in (lambda f: f.difference.value, lambda f: f.by_chance)
    )
    assert seen == pytest.approx(chance, rel=0.15)


def test_intervals_of_worst_share_and_gini_cover_the_truth(make_evaluation):
    rng = np.random.default_rng(0)
    facts = pd.DataFrame({"user_idx": np.arange(400)})
    covered = np.zeros(2)
    worlds = 150
    for seed in range(worlds):  # uniform: the worst fifth has a mean of 0.1, the Gini index is a third
        evaluation = make_evaluation(np.zeros(400, bool), transformer=rng.random(400))
        config = EvaluationConfig(bootstrap_samples=200, seed=seed)  # pyright: ignore[reportCallIssue]
        found = disparity(evaluation, facts, [], config=config)
        assert found.gini is not None
        covered += [found.worst_share.low <= 0.1 <= found.worst_share.high, found.gini.low <= 1 / 3 <= found.gini.high]
    assert (covered / worlds > 0.95 - 4 * (0.95 * 0.05 / worlds) ** 0.5).all()


def test_users_without_a_figure_are_left_out(make_evaluation):
    values = np.r_[np.full(50, np.nan), np.tile([0.2, 0.4], 50)]
    facts = pd.DataFrame({"user_idx": np.arange(150), "who": np.where(np.arange(150) < 90, "a", "b")})
    groups = [Group(w, Rule.parse(f"who={w}")) for w in "ab"]
    found = disparity(
        make_evaluation(values > 2, metric="recall@5", transformer=values), facts, groups, "recall@5", config=CONFIG
    )
    assert found.n == 100
    assert found.mean.value == pytest.approx(0.3)
    assert found.between is not None
    assert found.between.difference.value == pytest.approx(0)
    assert found.between.p_value == 1


def test_what_cannot_be_said_is_told(make_evaluation):
    with pytest.raises(EngineError, match=r"alpha \(0\)"):
        measured(make_evaluation, {"a": (50, 0.5)}, alpha=0)
    with pytest.raises(EngineError, match="'arp@10' has no better end"):
        measured(make_evaluation, {"a": (50, 0.5)}, metric="arp@10")
    assert measured(make_evaluation, {"a": (50, 0.5)}, metric="arp@10", better="lower").better == "lower"
    assert measured(make_evaluation, {"a": (50, 0.5), "b": (5, 0.5)}).between is None
    facts = pd.DataFrame({"user_idx": np.arange(50), "who": "a"})
    groups = [Group("one", Rule.parse("who=a")), Group("all", Rule())]
    with pytest.raises(EngineError, match=r"'one' and 'all' have users in common \(50 users"):
        disparity(make_evaluation(np.ones(50, bool), transformer=np.ones(50)), facts, groups, config=CONFIG)
    with pytest.raises(EngineError, match="Nobody has a figure for 'ndcg@10'"):
        disparity(make_evaluation(np.ones(50, bool), transformer=np.full(50, np.nan)), facts, [], config=CONFIG)
