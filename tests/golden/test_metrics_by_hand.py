"""A log of four users, ranked and measured by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.config import EvaluationConfig
from engine.data.dataset import Dataset, Histories, Vocabulary
from engine.data.splits import leave_last_out
from engine.evaluation.cohorts import make_cohorts
from engine.evaluation.metrics.accuracy import per_user_metrics
from engine.evaluation.report import evaluate
from engine.model.baselines import EASE, ItemKNN, Popularity

LOG2_3, LOG2_4, LOG2_6 = 1.584962500721156, 2.0, 2.584962500721156

# Training: ann a b c; bob a b; cat a; dan b c d. Users of a: 3, of b: 3, of c: 2, of d: 1. Item e is held out only.
ROWS = {
    "ann": "abc" + "de",  # test: e, no candidate
    "bob": "ab" + "cd",  # test: d
    "cat": "a" + "bc",  # test: c
    "dan": "bcd" + "aa",  # test: a, seen as the validation target
}
CONFIG = EvaluationConfig(ks=(1, 2), bootstrap_samples=20)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def split():
    items = Vocabulary(np.array(list("abcde"), dtype=object))
    users = Vocabulary(np.array(list(ROWS), dtype=object), first=0, kind="user")
    histories = Histories.of([items.indices_of(row) for row in ROWS.values()])
    return leave_last_out(Dataset("hand", users, items, histories, None, None, pd.DataFrame(), pd.DataFrame()))


def test_popularity_by_hand(split):
    popularity = Popularity(split.train, split.n_items)
    scores = popularity.score(split.test.histories)
    assert scores.tolist() == [[-np.inf, 3, 3, 2, 1, -np.inf]] * 4
    evaluation = evaluate([popularity], split, make_cohorts(split, 0.25, 0.5), CONFIG)
    # left to rank: ann nothing, and e is no candidate; bob d alone; cat c, d; dan nothing, and a was seen
    assert evaluation.per_user["rank"].tolist() == [0, 1, 1, 0]
    metrics = evaluation.models["popularity"].overall.metrics
    assert {name: metrics[name].value for name in ("hr@1", "ndcg@1", "mrr@2", "precision@2", "recall@2")} == {
        "hr@1": 0.5,
        "ndcg@1": 0.5,
        "mrr@2": 0.5,
        "precision@2": 0.25,
        "recall@2": 0.5,
    }
    assert metrics["f1@2"].value == pytest.approx((2 / 3 + 2 / 3) / 4)
    # head: one of four users wanted; ann and dan tie at three training items
    assert evaluation.per_user["user_cohort"].tolist() == ["head", "tail", "tail", "head"]
    assert evaluation.models["popularity"].users["tail"].metrics["hr@1"].value == 1
    # four items were met; half of them are wanted: a and b with three users each
    assert evaluation.per_user["item_cohort"].tolist() == ["tail", "tail", "tail", "head"]
    # bob is given d; cat c, then d: two of four candidates, no head item
    assert evaluation.models["popularity"].coverage == {"coverage@1": 0.5, "coverage@2": 0.5}
    assert evaluation.models["popularity"].tail_exposure == {"tail_exposure@1": 1, "tail_exposure@2": 1}


def test_item_knn_by_hand(split):
    scores = ItemKNN(split.train, split.n_items).score(Histories.of([[1], [1, 2], [5]]))
    # together: a-b ann, bob; a-c ann; b-c ann, dan; b-d dan; c-d dan
    ab, ac, bc, bd, cd = 2 / 3, 1 / 6**0.5, 2 / 6**0.5, 1 / 3**0.5, 1 / 2**0.5
    assert scores[0, 1:5] == pytest.approx([0, ab, ac, 0], abs=1e-6)
    assert scores[1, 1:5] == pytest.approx([ab, ab, ac + bc, bd], abs=1e-6)
    assert scores[2, 1:5].tolist() == [0, 0, 0, 0]
    assert cd > bd  # and so it is with d's neighbours
    d = ItemKNN(split.train, split.n_items).score(Histories.of([[4]]))[0, 1:5]
    assert d == pytest.approx([0, bd, cd, 0], abs=1e-6)


def test_ease_by_hand():
    # two items, three users: {1, 2}, {1}, {1}. G = [[3, 1], [1, 1]] + I = [[4, 1], [1, 2]], P = [[2, -1], [-1, 4]] / 7
    ease = EASE(Histories.of([[1, 2], [1], [1]]), 2, l2=1.0)
    # B_12 = 1/4 (column 2 by P_22 = 4/7), B_21 = 1/2
    assert ease.score(Histories.of([[1], [2], [1, 2]]))[:, 1:] == pytest.approx(
        np.array([[0, 0.25], [0.5, 0], [0.5, 0.25]]), abs=1e-6
    )


def test_metrics_of_several_targets_by_hand():
    # one user with three targets at ranks 2 and 5, one of them a miss; lists of 3 and 5
    found = per_user_metrics(np.array([2, 0, 5]), np.array([0, 3]), (3, 5))
    ideal = 1 + 1 / LOG2_3 + 1 / LOG2_4
    expected = {
        "hr@3": 1,
        "ndcg@3": (1 / LOG2_3) / ideal,
        "mrr@3": 1 / 2,
        "precision@3": 1 / 3,
        "recall@3": 1 / 3,
        "f1@3": 1 / 3,
        "map@3": (1 / 2) / 3,
        "hr@5": 1,
        "ndcg@5": (1 / LOG2_3 + 1 / LOG2_6) / ideal,
        "mrr@5": 1 / 2,
        "precision@5": 2 / 5,
        "recall@5": 2 / 3,
        "f1@5": 1 / 2,
        "map@5": (1 / 2 + 2 / 5) / 3,
    }
    assert {name: float(values[0]) for name, values in found.items()} == pytest.approx(expected)


def test_more_targets_than_places():
    # four targets, the first two at ranks 1 and 2, in a list of 2: nothing better is possible
    found = per_user_metrics(np.array([1, 2, 3, 4]), np.array([0, 4]), [2])
    assert {name: float(values[0]) for name, values in found.items()} == pytest.approx(
        {"hr@2": 1, "ndcg@2": 1, "mrr@2": 1, "precision@2": 1, "recall@2": 1 / 2, "f1@2": 2 / 3, "map@2": 1}
    )
