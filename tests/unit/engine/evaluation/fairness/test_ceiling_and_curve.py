"""Ceilings by hand; the smooth curve against lines it must follow and a slow fit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine.config import EvaluationConfig
from engine.evaluation.fairness.ceiling import Ceiling, ceilings
from engine.evaluation.fairness.length_curve import local_lines, quality_curve

CONFIG = EvaluationConfig(bootstrap_samples=300)  # pyright: ignore[reportCallIssue]


def oracle(n_head: int = 2, n_tail: int = 4, **changes):
    fair = {"all": {"value": 0.9, "n": n_head + n_tail}, "head": {"value": 1.0, "n": n_head}}
    fair["tail"] = {"value": 0.85, "n": n_tail}
    given = {"metric": "ndcg@10", "protocol": "leave-last-out", "head_share": 0.2, **fair, "history_only": fair}
    return given | changes


IS_HEAD = np.array([True, True, False, False, False, False])
ONE = np.array([0.5, 0.5, 1.0, 0.0, 0.0, 0.4])
OTHER = np.array([0.7, 0.1, 0.0, 0.6, 0.0, 0.4])


def test_the_best_of_all_models_and_the_oracle_by_hand(make_evaluation):
    found = ceilings(make_evaluation(IS_HEAD, one=ONE, other=OTHER), "ndcg@10", CONFIG, oracle())
    assert [ceiling.kind for ceiling in found] == ["oracle", "best of all models"]
    truth, best = (ceiling.cohorts for ceiling in found)
    assert {name: cohort.n for name, cohort in best.items()} == {"all": 6, "head": 2, "tail": 4}
    assert best["head"].ceiling.value == pytest.approx((0.7 + 0.5) / 2)
    assert best["tail"].ceiling.value == pytest.approx((1 + 0.6 + 0 + 0.4) / 4)
    assert best["tail"].shortfall["one"].value == pytest.approx(-0.6 / 4)
    assert best["tail"].shortfall["other"].value == pytest.approx(-1 / 4)
    assert best["tail"].shortfall["one"].high <= 0
    assert truth["tail"].ceiling.value == 0.85
    assert truth["tail"].shortfall["one"].value == pytest.approx(ONE[2:].mean() - 0.85)
    for ceiling in found:
        assert Ceiling.from_dict(json.loads(json.dumps(ceiling.to_dict(), allow_nan=False))) == ceiling


def test_one_model_alone_is_its_own_best(make_evaluation):
    (best,) = ceilings(make_evaluation(IS_HEAD, one=ONE), "ndcg@10", CONFIG)
    for cohort in best.cohorts.values():
        short = cohort.shortfall["one"]
        assert (short.value, short.low, short.high) == (0, 0, 0)


def test_of_log_ranks_the_lowest_is_best(make_evaluation):
    (best,) = ceilings(make_evaluation(IS_HEAD, metric="log_rank", one=ONE, other=OTHER), "log_rank", CONFIG)
    assert best.cohorts["head"].ceiling.value == pytest.approx((0.5 + 0.1) / 2)
    assert best.cohorts["head"].shortfall["one"].low >= 0


@pytest.mark.parametrize(
    "unfit", [{"metric": "hr@10"}, {"protocol": "temporal"}, {"head_share": 0.3}, {"history_only": oracle(3, 3)}]
)
def test_an_oracle_of_something_else_is_no_ceiling(make_evaluation, unfit: dict):
    found = ceilings(make_evaluation(IS_HEAD, one=ONE), "ndcg@10", CONFIG, oracle(**unfit))
    assert [ceiling.kind for ceiling in found] == ["best of all models"]


def test_a_cohort_without_users_has_no_ceiling(make_evaluation):
    (best,) = ceilings(make_evaluation(np.ones(6, bool), one=ONE), "ndcg@10", CONFIG)
    assert set(best.cohorts) == {"all", "head"}


def curve_of(make_evaluation, lengths: np.ndarray, **figures: np.ndarray):
    return quality_curve(make_evaluation(lengths > 9, lengths=lengths, **figures), "ndcg@10", CONFIG)


def test_the_curve_follows_a_line_in_log_length_to_its_ends(make_evaluation):
    lengths = np.r_[np.repeat(np.arange(1, 9), 40), np.arange(9, 160)]
    found = curve_of(make_evaluation, lengths, line=0.1 + 0.1 * np.log(lengths), flat=np.full(len(lengths), 0.3))
    assert list(found.columns) == ["model", "length", "value", "low", "high", "n"]
    line, flat = (found[found["model"] == model] for model in ("line", "flat"))
    assert len(line) == len(flat) == 40
    np.testing.assert_allclose(line["value"], 0.1 + 0.1 * np.log(line["length"]), atol=1e-9)
    np.testing.assert_allclose(flat[["value", "low", "high"]], 0.3, atol=1e-9)
    assert line["length"].iloc[0] == 1
    assert line["length"].iloc[-1] == pytest.approx(130)  # as long as or longer than that are 30 users
    assert (line["n"] >= 0.3 * len(lengths)).all()


def test_the_curve_equals_a_slow_weighted_fit(make_evaluation):
    rng = np.random.default_rng(0)
    lengths = rng.geometric(0.08, 400)
    values = rng.random(400)
    found = curve_of(make_evaluation, lengths, model=values)
    x = np.log(lengths)
    for _, row in found.iloc[::7].iterrows():
        distance = np.abs(x - np.log(row["length"]))
        width = max(np.sort(distance)[int(np.ceil(0.3 * 400)) - 1], 0.35) * (1 + 1e-9)
        weight = np.sqrt(np.clip(1 - (distance / width) ** 3, 0, None) ** 3)
        design = np.column_stack([np.ones(400), x - np.log(row["length"])]) * weight[:, None]
        height = np.linalg.lstsq(design, values * weight, rcond=None)[0][0]
        assert row["value"] == pytest.approx(height)
        assert row["n"] == (distance < width).sum()


def test_the_band_holds_the_truth_and_widens_where_there_are_few(make_evaluation):
    rng = np.random.default_rng(1)
    lengths = np.r_[np.repeat(np.arange(1, 9), 200), rng.integers(9, 200, 120)]
    inside = []
    for _ in range(40):
        values = 0.2 + 0.05 * np.log(lengths) + rng.normal(0, 0.2, len(lengths))
        found = curve_of(make_evaluation, lengths, model=values)
        truth = 0.2 + 0.05 * np.log(found["length"])
        inside.append(((found["low"] <= truth) & (truth <= found["high"])).mean())
    assert 0.85 < np.mean(inside) <= 0.99
    width = (found["high"] - found["low"]).to_numpy()
    assert width[-1] > 1.5 * width[:15].mean()


def test_one_length_alone_is_one_point(make_evaluation):
    found = curve_of(make_evaluation, np.full(50, 4), model=np.linspace(0, 1, 50))
    assert len(found) == 1
    assert found["value"].iloc[0] == pytest.approx(0.5)
    assert found["low"].iloc[0] < 0.5 < found["high"].iloc[0]


def test_where_no_slope_can_be_told_the_mean_stands():
    kernel, offsets = np.ones((1, 2)), np.array([[0.0, 1.0]])
    found = local_lines(np.array([[4.0, 0.0], [2.0, 2.0]]), np.array([[2.0, 0.0], [2.0, 0.0]]), kernel, offsets)
    np.testing.assert_allclose(found[:, 0], [0.5, 1.0])
