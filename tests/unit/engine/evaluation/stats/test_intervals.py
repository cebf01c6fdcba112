"""Intervals where hits are rare: how often they hold the truth, and that none of them is a point."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from engine.config import EvaluationConfig
from engine.evaluation.fairness.ceiling import ceilings
from engine.evaluation.fairness.gap import gap, paired_difference, quality_by_length
from engine.evaluation.fairness.gap_change import ModelRun, gap_change
from engine.evaluation.groups.rules import Rule
from engine.evaluation.groups.standard import Group
from engine.evaluation.metrics.beyond_accuracy_intervals import list_estimates
from engine.evaluation.report import Estimate, Evaluation
from engine.evaluation.stats.bootstrap import Levels, resampled_means
from engine.evaluation.stats.intervals import bca, few_hits, mean_estimate, most_of, mover, wilson

CONFIG = EvaluationConfig(bootstrap_samples=200)  # pyright: ignore[reportCallIssue]
WORLDS = 400


def of_mean(values: np.ndarray, metric: str, rng: np.random.Generator) -> Estimate:
    drawn = resampled_means(Levels.of(values[:, None]), np.arange(len(values)), 200, rng)[:, 0]
    return mean_estimate(values, metric, drawn, 0.95)


def coverage(metric: str, n: int, hit_rate: float, gains: np.ndarray) -> float:
    """How often the interval of a mean of n users holds the truth; each has a hit, of a gain drawn from some."""
    rng = np.random.default_rng(7)
    truth, held = hit_rate * gains.mean(), 0
    for _world in range(WORLDS):
        found = of_mean(np.where(rng.random(n) < hit_rate, rng.choice(gains, n), 0.0), metric, rng)
        held += found.low <= truth <= found.high
    return held / WORLDS


RATE, PLACES = np.ones(1), 1 / np.log2(np.arange(1, 11) + 1)


@pytest.mark.parametrize("hit_rate", [0.02, 0.05])
@pytest.mark.parametrize(("metric", "gains"), [("hr@10", RATE), ("ndcg@10", PLACES), ("precision@10", RATE / 10)])
def test_intervals_of_thirty_users_with_rare_hits_hold_the_truth(
    metric: str, gains: np.ndarray, hit_rate: float
) -> None:
    assert coverage(metric, 30, hit_rate, gains) >= 0.93


def test_intervals_of_many_hits_hold_the_truth_as_often_as_they_say() -> None:
    assert coverage("ndcg@10", 200, 0.15, PLACES) == pytest.approx(0.95, abs=0.03)


def test_wilson_agrees_with_scipy() -> None:
    for hits, n in [(0, 30), (1, 30), (7, 20), (20, 20)]:
        ends = stats.binomtest(hits, n).proportion_ci(method="wilson")
        assert [float(e) for e in wilson(np.array(hits / n), np.array(n), 0.95)] == pytest.approx([ends.low, ends.high])


def test_bca_agrees_with_scipy() -> None:
    values = np.random.default_rng(1).exponential(size=60)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(2))
    drawn = resampled_means(Levels.of(values[:, None]), np.arange(60), 20_000, np.random.default_rng(3))
    low, high = bca(values[:, None], np.ones(60), values.mean(keepdims=True), drawn, 0.95)
    ends = theirs.confidence_interval
    assert (low[0], high[0]) == pytest.approx((ends.low, ends.high), rel=0.02)


@pytest.mark.parametrize("metric", ["hr@10", "ndcg@5", "mrr@20", "precision@10", "recall@10", "f1@10", "map@10"])
def test_no_hit_at_all_is_no_certainty(metric: str) -> None:
    rng = np.random.default_rng(0)
    found = of_mean(np.zeros(30), metric, rng)
    most = most_of(metric)
    assert most is not None
    assert found.value == found.low == 0
    assert found.high == pytest.approx(0.1135 * most, abs=1e-4 * most)


def test_a_rate_that_is_whole_is_no_certainty_either() -> None:
    found = of_mean(np.ones(30), "hr@10", np.random.default_rng(0))
    assert found.low == pytest.approx(1 - 0.1135, abs=1e-4)
    assert found.high == 1


def test_a_log_rank_is_no_matter_of_hits() -> None:
    assert most_of("log_rank") is None
    assert not few_hits(np.zeros(30), "log_rank")


def test_a_difference_of_rates_is_newcombes() -> None:
    """The example of Newcombe 1998, table II (a): 56/70 against 48/80."""
    sides = []
    for hits, n in ((56, 70), (48, 80)):
        low, high = wilson(np.array(hits / n), np.array(n), 0.95)
        sides.append(Estimate(hits / n, float(low), float(high)))
    assert mover(*sides) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def rare(n_head: int, n_tail: int, head_hits: int, tail_hits: int, make_evaluation: Callable[..., Evaluation]):
    is_head = np.arange(n_head + n_tail) < n_head
    values = np.zeros(n_head + n_tail)
    values[:head_hits] = values[n_head : n_head + tail_hits] = 1
    return make_evaluation(is_head, transformer=values, ease=np.zeros(n_head + n_tail))


@pytest.mark.parametrize(("head_hits", "tail_hits"), [(0, 0), (0, 2), (2, 0), (1, 1), (12, 0), (0, 12)])
def test_no_interval_of_a_gap_is_a_point(make_evaluation, head_hits: int, tail_hits: int) -> None:
    evaluation = rare(40, 200, head_hits, tail_hits, make_evaluation)
    found = gap(evaluation, "ndcg@10", config=CONFIG)
    compared = paired_difference(evaluation, "ndcg@10", "transformer", "ease", config=CONFIG)
    for e in (found.head, found.tail, found.difference, compared.difference):
        assert e.low < e.high
        assert e.low <= e.value <= e.high
    assert found.few_hits
    bins = quality_by_length(evaluation, "ndcg@10", config=CONFIG)
    assert (bins["low"].to_numpy() < bins["high"].to_numpy()).all()


@pytest.mark.parametrize("seed", range(40))
def test_a_ratio_is_finite_or_cannot_be_said(make_evaluation, seed: int) -> None:
    """300 users, 50 samples: resamples of the head without a hit used to end the ratio at infinity."""
    rng = np.random.default_rng(seed)
    is_head = np.arange(300) < 60
    values = np.where(rng.random(300) < 0.06, rng.choice(PLACES, 300), 0.0)
    config = CONFIG.model_copy(update={"bootstrap_samples": 50, "seed": seed})
    found = gap(make_evaluation(is_head, transformer=values), "ndcg@10", config=config)
    json.dumps(asdict(found), allow_nan=False)


def test_a_cost_has_no_ratio(make_evaluation) -> None:
    rng = np.random.default_rng(0)
    evaluation = make_evaluation(np.arange(300) < 60, transformer=rng.uniform(1, 5, 300))
    evaluation.per_user["log_rank"] = evaluation.per_user["ndcg@10"]
    assert gap(evaluation, "ndcg@10", config=CONFIG).ratio is not None
    assert gap(evaluation, "log_rank", config=CONFIG).ratio is None


TAIL, HEAD = (Group(f"{side} users", Rule.parse(f"user_cohort={side}")) for side in ("tail", "head"))
SIZES = (30, 120)
IS_HEAD = np.arange(sum(SIZES)) < SIZES[0]


def changed(old: np.ndarray, new: np.ndarray, make_evaluation: Callable[..., Evaluation], seed: int = 0):
    """What changes from one model to another, and what is lacking to the best of both."""
    evaluation = make_evaluation(IS_HEAD, old=old, new=new)
    facts = pd.DataFrame({"user_idx": np.arange(len(old)), "user_cohort": np.where(IS_HEAD, "head", "tail")})
    config = CONFIG.model_copy(update={"seed": seed})
    change = gap_change(ModelRun(evaluation, "old"), ModelRun(evaluation, "new"), facts, TAIL, HEAD, config=config)
    (best,) = ceilings(evaluation, "ndcg@10", config)
    return change, best.cohorts


@pytest.mark.parametrize("rate", [0.02, 0.05])
def test_changes_of_gaps_and_ceilings_of_rare_hits_hold_the_truth(make_evaluation, rate: float) -> None:
    """By percentile ends .80 to .92 of these worlds were held; both models hit at chance, heads .05 more often."""
    rng = np.random.default_rng(5)
    chance = np.where(IS_HEAD, rate + 0.05, rate)
    mean, best_of_two = PLACES.mean(), np.maximum.outer(PLACES, PLACES).mean()
    held: dict[str, list[bool]] = {}
    for seed in range(100):
        old, new = (np.where(rng.random(len(chance)) < chance, rng.choice(PLACES, len(chance)), 0.0) for _ in range(2))
        change, best = changed(old, new, make_evaluation, seed)
        truths = {"old_gap": -0.05 * mean, "new_gap": -0.05 * mean, "gain": 0, "gain_other": 0, "difference": 0}
        told = [(name, getattr(change, name), truth) for name, truth in truths.items()]
        told.append(("size", change.size, 0))
        for cohort, p in (("head", rate + 0.05), ("tail", rate)):
            top = p * p * best_of_two + 2 * p * (1 - p) * mean
            told.append((f"ceiling of {cohort}", best[cohort].ceiling, top))
            told.append((f"shortfall of {cohort}", best[cohort].shortfall["old"], p * mean - top))
        for name, e, truth in told:
            assert e.low < e.high, name
            assert e.low - 1e-12 <= e.value <= e.high + 1e-12, name
            held.setdefault(name, []).append(bool(e.low <= truth <= e.high))
    assert min(np.mean(each) for each in held.values()) >= 0.93, {name: np.mean(each) for name, each in held.items()}


@pytest.mark.parametrize(("family", "most"), [("serendipity", 0.1), ("aplt", 0.3)])
def test_figures_of_lists_that_few_users_have_hold_the_truth(family: str, most: float) -> None:
    """By percentile ends .4 to .5 of these worlds were held, and six in ten intervals were points."""
    rng, held = np.random.default_rng(6), 0
    for seed in range(WORLDS):
        values = np.where(rng.random(30) < 0.02, most, 0.0)
        found = list_estimates({f"{family}@10": values}, None, CONFIG, np.random.default_rng(seed))[f"{family}@10"]
        held += found.low <= 0.02 * most <= found.high
    assert held / WORLDS >= 0.93


@pytest.mark.parametrize("turned", [True, False])
def test_the_change_of_size_of_few_hits_has_the_signs_that_were_seen(make_evaluation, turned: bool) -> None:
    old, new = np.zeros(sum(SIZES)), np.zeros(sum(SIZES))
    old[:5] = 1  # five hits in the head
    new[slice(30, 90) if turned else slice(0, 1)] = 1
    change, _best = changed(old, new, make_evaluation)
    assert change.turned == turned
    assert change.size.value == pytest.approx(abs(change.new_gap.value) - abs(change.old_gap.value))
    assert change.size.low < change.size.value < change.size.high
    if not turned:  # of gaps on one side, it is the difference in differences seen from that side
        ends = (change.size.low, change.size.high)
        assert ends == pytest.approx((-change.difference.high, -change.difference.low))
    mirrored, _best = changed(new, old, make_evaluation)
    assert mirrored.size.value == pytest.approx(-change.size.value)
    assert (mirrored.size.low, mirrored.size.high) == pytest.approx((-change.size.high, -change.size.low), abs=0.02)


def test_no_gap_before_or_after_has_a_size_that_may_go_either_way(make_evaluation) -> None:
    change, best = changed(np.zeros(150), np.zeros(150), make_evaluation)
    assert change.size.value == change.difference.value == 0
    assert change.size.low == -change.size.high < 0
    assert best["head"].shortfall["old"].high == 0
    assert best["head"].shortfall["old"].low < 0
