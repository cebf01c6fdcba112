"""What all metrics say of a gap together."""

from __future__ import annotations

import numpy as np
import pytest

from engine.config import EvaluationConfig
from engine.evaluation.fairness.agreement import gap_by_all_metrics
from engine.evaluation.fairness.gap import gap
from engine.evaluation.metrics.accuracy import log_ranks, per_user_metrics

CONFIG = EvaluationConfig(bootstrap_samples=300)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def lower_in_the_list(make_evaluation):
    """1,000 head and 3,000 tail users who find the right item as often, the head's on top, the tail's at the end."""
    rng = np.random.default_rng(0)
    is_head = np.arange(4000) < 1000
    found = np.arange(4000) % 5 < 2
    place = np.where(is_head, rng.integers(1, 4, 4000), rng.integers(6, 11, 4000))
    ranks = np.where(found, place, 50 + rng.integers(0, 500, 4000))
    figures = per_user_metrics(ranks, np.arange(4001), (5, 10))
    evaluation = make_evaluation(is_head, transformer=figures["ndcg@10"])
    for name, values in figures.items():
        evaluation.per_user[name] = values
    evaluation.per_user["log_rank"] = log_ranks(ranks, 1000)
    return evaluation


def test_place_and_presence_are_told_apart(lower_in_the_list):
    found = gap_by_all_metrics(lower_in_the_list, "ndcg@10", config=CONFIG)
    assert found.gap.verdict == "worse"
    assert found.hits is not None
    assert found.hits.verdict == "even"
    assert {"ndcg@10", "mrr@10", "map@10"} <= set(found.agreeing("worse"))
    assert set(found.agreeing("even")) == {"hr@10", "precision@10", "recall@10", "f1@10"}
    assert found.agreeing("worse")[0] == "ndcg@10"
    assert not [name for name in found.others if name.endswith("@5")]  # other lists are another matter


def test_the_gap_of_each_metric_is_that_of_the_metric_alone(lower_in_the_list):
    found = gap_by_all_metrics(lower_in_the_list, "mrr@5", config=CONFIG)
    assert found.gap == gap(lower_in_the_list, "mrr@5", config=CONFIG)
    assert found.others["log_rank"] == gap(lower_in_the_list, "log_rank", config=CONFIG)


def test_a_log_rank_that_is_higher_is_worse(lower_in_the_list):
    found = gap(lower_in_the_list, "log_rank", config=CONFIG)
    assert found.tail.value > found.head.value
    assert found.verdict == "worse"
    assert found.ratio is None
