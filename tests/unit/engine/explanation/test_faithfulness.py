"""Deletion and insertion curves, by hand on scores that add up, and what is made of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from engine.analyses.faithfulness_scores import mean_correlation, summarise
from engine.data.dataset import NOBODY, Histories
from engine.errors import EngineError
from engine.explanation.faithfulness import (
    GRID,
    Curves,
    Question,
    curves,
    order_of,
    question_curves,
    rank_correlation,
    shap_of,
)


class Additive:
    """A recommender whose score is 2 plus a fixed worth of every event that is present."""

    name = "additive"
    max_len = 50

    def __init__(self, worth: list[float]) -> None:
        self.worth = np.array(worth)
        self.candidates = np.arange(len(worth) + 2) > 0

    def score(self, histories: Histories) -> np.ndarray:
        raise AssertionError("curves ask for scores with events hidden, of one item")

    def scores_masked(
        self, history: np.ndarray, keep_mask: np.ndarray, items: np.ndarray, user: int = NOBODY
    ) -> np.ndarray:
        worth = 2.0 + np.asarray(keep_mask, dtype=float) @ self.worth[history]
        return np.repeat(worth[:, None], len(items), axis=1)

    def score_masked(self, history: np.ndarray, item_idx: int, keep_mask: np.ndarray, user: int = NOBODY) -> np.ndarray:
        return self.scores_masked(history, keep_mask, np.array([item_idx]), user)[:, 0]


WORTH = [0.0, 1.0, 4.0, 3.0, -1.0]  # of items 0 to 4
HISTORY = np.array([1, 2, 3, 4])


def asked(history: np.ndarray = HISTORY, cohort: str = "head") -> Question:
    return Question(7, history, 5, cohort)


def test_curves_and_areas_are_those_worked_out_by_hand() -> None:
    found = curves(Additive(WORTH), asked(), np.array([[1, 2, 0, 3], [3, 0, 2, 1]]))
    assert (found.base, found.full) == (2.0, 9.0)
    # Hiding 4, 3, 1, -1 leaves 7, 3, 0, -1, 0 of what the history adds; showing them gives 0, 4, 7, 8, 7.
    np.testing.assert_allclose(found.deletion[0, ::5], [7, 3, 0, -1, 0])
    np.testing.assert_allclose(found.insertion[0, ::5], [0, 4, 7, 8, 7])
    assert found.deletion_area[0] == pytest.approx((7 / 2 + 3 + 0 - 1 + 0) / 4)
    assert found.insertion_area[0] == pytest.approx((0 + 4 + 7 + 8 + 7 / 2) / 4)
    np.testing.assert_allclose(found.deletion[1, ::5], [7, 8, 7, 4, 0])


def test_where_scores_add_up_no_order_does_better_than_shap_and_random_does_worse() -> None:
    model, question = Additive(WORTH), asked()
    values = shap_of(model, question)
    np.testing.assert_allclose(values, [1, 4, 3, -1], atol=1e-9)
    every = curves(model, question, np.array(list(permutations(range(4)))))
    own = question_curves(model, question, {"shap": values}, np.random.default_rng(0))  # SHAP, recency, random
    assert own.deletion_area[0] == pytest.approx(every.deletion_area.min())
    assert own.insertion_area[0] == pytest.approx(every.insertion_area.max())
    assert own.deletion_area[1] > own.deletion_area[0]
    assert own.deletion_area[2] > own.deletion_area[0]
    # An order and its reverse together: exactly half of what there is, where scores add up.
    assert own.deletion_area[2] == own.insertion_area[2] == pytest.approx(7 / 2)


def test_long_histories_go_in_steps_and_early_events_share_their_value() -> None:
    rng = np.random.default_rng(1)
    model = Additive([0.0, *rng.random(160)])
    question = asked(rng.permutation(np.arange(1, 151)))
    model.max_len = 150
    values = shap_of(model, question)
    np.testing.assert_allclose(values[-100:], model.worth[question.history[-100:]], atol=1e-9)
    np.testing.assert_allclose(values[:50], model.worth[question.history[:50]].mean(), atol=1e-9)
    best = curves(model, question, order_of(model.worth[question.history])[None])
    shown = np.sort(model.worth[question.history])[::-1]
    assert best.insertion[0, 1] == pytest.approx(shown[:8].sum() * 7.5 / 8)  # the first step, of 7.5 events, shows 8
    assert best.insertion[0, -1] == pytest.approx(shown.sum())


def test_equal_importance_goes_by_recency() -> None:
    assert order_of(np.array([0.0, 2.0, 0.0, 2.0])).tolist() == [3, 1, 2, 0]


def areas(worths: list[list[float]], cohorts: list[str]) -> dict:
    found = []
    for at, worth in enumerate(worths):
        model, question = Additive(worth), asked()
        values = {"shap": shap_of(model, question)}
        found.append(question_curves(model, question, values, np.random.default_rng(at)))
    shares = {"head": 0.25, "tail": 0.75}
    return summarise(found, cohorts, ("shap", "recency", "random"), shares, 200, 0.95, 0)


def test_areas_are_a_quotient_of_sums_and_weigh_cohorts_by_their_shares() -> None:
    worths = [[0.0, 1, 4, 3, -1], [0.0, 0, 0, 2, 0], [0.0, 1, 1, 1, 1]]
    found = areas(worths, ["head", "tail", "tail"])
    # By hand: areas 5.5 / 4 of 7; 1 / 4 of 2; 2 of 4.
    shap = found["shap"]
    assert shap.users["head"].deletion_auc.value == pytest.approx(1.375 / 7)
    assert shap.users["tail"].deletion_auc.value == pytest.approx((0.25 + 2.0) / (2 + 4))
    whole = (0.25 * 1.375 + 0.75 * 1.125) / (0.25 * 7 + 0.75 * 3)
    assert shap.overall.deletion_auc.value == pytest.approx(whole)
    assert (shap.users["head"].n, shap.users["tail"].n, shap.overall.n) == (1, 2, 3)
    assert shap.overall.deletion_auc.low <= whole <= shap.overall.deletion_auc.high
    np.testing.assert_allclose([shap.deletion[0], shap.deletion[-1], shap.insertion[0], shap.insertion[-1]],
                               [1, 0, 0, 1], atol=1e-12)  # fmt: skip
    assert np.trapezoid(shap.deletion, GRID) == pytest.approx(whole)  # four events: every step is on the grid
    random = found["random"]
    assert random.overall.deletion_auc.value == pytest.approx(0.5)
    assert random.against["shap"].deletion_auc.value == pytest.approx(0.5 - whole)
    assert shap.against["random"].deletion_auc.value == pytest.approx(whole - 0.5)
    assert "shap" not in shap.against


def test_histories_that_add_nothing_are_refused() -> None:
    with pytest.raises(EngineError, match="add 0 to the score"):
        areas([[0.0, 1, -1, 1, -1]], ["tail"])


def test_rank_correlation_is_spearmans() -> None:
    assert rank_correlation(np.array([1.0, 2, 3]), np.array([1.0, 20, 300])) == pytest.approx(1)
    assert rank_correlation(np.array([1.0, 2, 3, 4]), np.array([2.0, 1, 4, 3])) == pytest.approx(0.6)  # 1 - 6·4/60
    assert np.isnan(rank_correlation(np.ones(3), np.arange(3.0)))
    assert mean_correlation([float("nan")], 10, 0.95, 0) is None
    mean = mean_correlation([0.5, 0.7, float("nan")], 100, 0.95, 0)
    assert mean is not None
    assert mean.value == pytest.approx(0.6)


@pytest.mark.parametrize("gain", [0.0, -1.0, 1e-9])
def test_a_cohort_whose_histories_add_nothing_is_left_out_and_all_figures_are_finite(gain: float) -> None:
    rng = np.random.default_rng(0)

    def curves_of(full: float) -> Curves:
        shape = np.full((3, 21), full / 2)
        return Curves(0.0, full, shape, shape, np.full(3, full / 2), np.full(3, full / 2))

    found = [curves_of(2.0 + rng.random()) for _ in range(20)] + [curves_of(gain + rng.normal()) for _ in range(6)]
    found[20:] = [replace(c, full=c.full - np.mean([d.full for d in found[20:]]) + gain) for c in found[20:]]
    scores = summarise(
        found, ["head"] * 20 + ["tail"] * 6, ("shap", "recency", "random"), {"head": 0.5, "tail": 0.5}, 200, 0.95, 0
    )
    for score in scores.values():
        assert set(score.users) == {"head"}
        for part in (score.overall, *score.users.values(), *score.against.values()):
            for e in (part.deletion_auc, part.insertion_auc):
                assert np.isfinite([e.value, e.low, e.high]).all()
