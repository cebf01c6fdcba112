"""Intervals where hits are rare: how often they hold the truth, and that none of them is a point."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
from scipy import stats

from engine.config import EvaluationConfig
from engine.evaluation.fairness.gap import gap, paired_difference, quality_by_length
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
