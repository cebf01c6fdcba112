"""Gaps, comparisons and quality by length: found where they were planted, and not elsewhere."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from engine.config import EvaluationConfig
from engine.errors import EngineError
from engine.evaluation.fairness.gap import gap, length_bins, paired_difference, quality_by_length

CONFIG = EvaluationConfig(bootstrap_samples=400)  # pyright: ignore[reportCallIssue]


def figures(rng: np.random.Generator, n: int, rate: float) -> np.ndarray:
    return (rng.random(n) < rate) / np.log2(rng.integers(1, 11, n) + 1)


def mixed(rng: np.random.Generator, n_head: int, n_tail: int, head_rate: float, tail_rate: float):
    is_head = np.arange(n_head + n_tail) < n_head
    return is_head, np.r_[figures(rng, n_head, head_rate), figures(rng, n_tail, tail_rate)]


@pytest.mark.parametrize(("head_rate", "tail_rate", "sign"), [(0.4, 0.2, -1), (0.2, 0.4, 1)])
def test_finds_a_planted_gap_and_its_direction(make_evaluation, head_rate: float, tail_rate: float, sign: int):
    is_head, values = mixed(np.random.default_rng(0), 400, 1600, head_rate, tail_rate)
    found = gap(make_evaluation(is_head, transformer=values), "ndcg@10", config=CONFIG)
    assert found.significant
    assert not found.too_small
    assert found.p_value < 0.01
    assert (found.n_head, found.n_tail) == (400, 1600)
    assert found.head.value == pytest.approx(values[is_head].mean())
    assert found.tail.value == pytest.approx(values[~is_head].mean())
    assert found.difference.value == pytest.approx(values[~is_head].mean() - values[is_head].mean())
    assert np.sign([found.difference.low, found.difference.value, found.difference.high]).tolist() == [sign] * 3
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(values[~is_head].mean() / values[is_head].mean())
    assert found.ratio.low < found.ratio.value < found.ratio.high
    assert (found.ratio.high < 1) if sign < 0 else (found.ratio.low > 1)


@pytest.mark.parametrize(("n_head", "n_tail", "rate"), [(100, 400, 0.3), (40, 1000, 0.03)])
def test_a_null_world_is_called_a_gap_at_most_as_often_as_the_level_says(
    make_evaluation, n_head: int, n_tail: int, rate: float
):
    rng = np.random.default_rng(1)
    config = CONFIG.model_copy(update={"bootstrap_samples": 199})
    worlds = 200
    called = 0
    for seed in range(worlds):
        is_head, values = mixed(rng, n_head, n_tail, rate, rate)
        evaluation = make_evaluation(is_head, transformer=values)
        called += gap(evaluation, "ndcg@10", config=config.model_copy(update={"seed": seed})).significant
    assert called / worlds <= 0.05 + 3 * (0.05 * 0.95 / worlds) ** 0.5


def test_difference_covers_the_truth_as_often_as_it_says(make_evaluation):
    rng = np.random.default_rng(2)
    truth = (0.25 - 0.35) * (1 / np.log2(np.arange(1, 11) + 1)).mean()
    worlds, covered = 200, 0
    for seed in range(worlds):
        is_head, values = mixed(rng, 150, 450, 0.35, 0.25)
        config = CONFIG.model_copy(update={"seed": seed})
        found = gap(make_evaluation(is_head, transformer=values), "ndcg@10", config=config).difference
        covered += found.low <= truth <= found.high
    assert covered / worlds == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / worlds) ** 0.5)


def test_a_small_cohort_without_hits_is_no_gap(make_evaluation):
    is_head = np.arange(2020) < 20
    values = np.where(np.arange(2020) % 100 == 99, 1.0, 0.0)
    found = gap(make_evaluation(is_head, transformer=values), "ndcg@10", config=CONFIG)
    assert found.head.value == 0
    assert found.difference.low < 0 < found.difference.high  # a bootstrap of no hits has no width, and would be sure
    assert found.few_hits
    assert found.too_small
    assert not found.significant
    assert found.ratio is None


def test_small_says_a_cohort_of_29_and_not_of_30(make_evaluation):
    rng = np.random.default_rng(3)
    for n, small in ((29, True), (30, False)):
        is_head, values = mixed(rng, n, 200, 0.5, 0.5)
        assert gap(make_evaluation(is_head, transformer=values), "ndcg@10", config=CONFIG).too_small is small


def test_gap_goes_by_items_when_asked(make_evaluation):
    is_head, values = mixed(np.random.default_rng(4), 300, 300, 0.8, 0.1)
    evaluation = make_evaluation(is_head, transformer=values)
    evaluation.per_user["user_cohort"] = np.where(np.arange(600) % 2, "head", "tail")
    assert gap(evaluation, "ndcg@10", by="items", config=CONFIG).significant
    assert not gap(evaluation, "ndcg@10", by="users", config=CONFIG).significant


@pytest.mark.parametrize(("is_head", "sizes"), [(True, "50 are head and 0 tail"), (False, "0 are head and 50 tail")])
def test_no_gap_can_be_measured_without_one_of_the_cohorts(make_evaluation, is_head: bool, sizes: str):
    evaluation = make_evaluation(np.full(50, is_head), transformer=np.ones(50))
    with pytest.raises(EngineError, match=rf"of 50 test users {sizes}\..*head_share \(now 0.2\)"):
        gap(evaluation, "ndcg@10", config=CONFIG)


def test_unknown_names_are_told_with_the_known_ones(make_evaluation):
    evaluation = make_evaluation(np.arange(50) < 9, transformer=np.ones(50), ease=np.ones(50))
    with pytest.raises(EngineError, match=r"'ndcg@99' .* ndcg@10"):
        gap(evaluation, "ndcg@99", config=CONFIG)
    with pytest.raises(EngineError, match=r"'bert' .* transformer, ease"):
        gap(evaluation, "ndcg@10", "bert", config=CONFIG)
    with pytest.raises(EngineError, match="'rank'"):
        quality_by_length(evaluation, "rank", config=CONFIG)
    with pytest.raises(EngineError, match="'bert'"):
        paired_difference(evaluation, "ndcg@10", "transformer", "bert", config=CONFIG)


def test_same_seed_same_gap(make_evaluation):
    is_head, values = mixed(np.random.default_rng(5), 80, 320, 0.3, 0.25)
    evaluation = make_evaluation(is_head, transformer=values)
    assert gap(evaluation, "ndcg@10", config=CONFIG) == gap(evaluation, "ndcg@10", config=CONFIG)
    other = gap(evaluation, "ndcg@10", config=CONFIG.model_copy(update={"seed": 9}))
    assert other.difference.value == gap(evaluation, "ndcg@10", config=CONFIG).difference.value
    assert other != gap(evaluation, "ndcg@10", config=CONFIG)


def test_paired_difference_equals_scipy_and_sees_what_an_unpaired_test_cannot(make_evaluation):
    rng = np.random.default_rng(6)
    base = rng.random(300)
    better = base + rng.normal(0.01, 0.03, 300)
    is_head = np.arange(300) < 60
    evaluation = make_evaluation(is_head, transformer=better, ease=base)
    for cohort, part in (("all", slice(None)), ("head", slice(0, 60)), ("tail", slice(60, None))):
        found = paired_difference(evaluation, "ndcg@10", "transformer", "ease", cohort, CONFIG)
        change = (better - base)[part]
        assert found.n == len(change)
        assert found.difference.value == pytest.approx(change.mean())
        assert found.difference.value == pytest.approx(found.model_mean - found.baseline_mean)
        assert found.p_value == pytest.approx(stats.ttest_1samp(change, 0).pvalue)
        assert found.effect_size == pytest.approx(change.mean() / change.std(ddof=1))
    overall = paired_difference(evaluation, "ndcg@10", "transformer", "ease", config=CONFIG)
    assert overall.significant
    assert stats.ttest_ind(better, base).pvalue > 0.3
    assert not paired_difference(evaluation, "ndcg@10", "ease", "transformer", config=CONFIG).difference.high > 0


def test_users_are_paired_by_index_and_not_by_place(make_evaluation):
    rng = np.random.default_rng(7)
    base = rng.random(100)
    evaluation = make_evaluation(np.arange(100) < 20, transformer=base + 0.1 * rng.random(100), ease=base)
    shuffled = evaluation.per_user.sample(frac=1, random_state=0)
    other = type(evaluation)(evaluation.protocol, evaluation.models, shuffled)
    found, expected = (
        paired_difference(e, "ndcg@10", "transformer", "ease", "tail", CONFIG) for e in (other, evaluation)
    )
    assert found.p_value == pytest.approx(expected.p_value)
    assert found.effect_size == pytest.approx(expected.effect_size)


def test_paired_difference_in_a_null_world(make_evaluation):
    rng = np.random.default_rng(8)
    called = 0
    for seed in range(200):
        evaluation = make_evaluation(np.arange(150) < 30, one=figures(rng, 150, 0.3), two=figures(rng, 150, 0.3))
        config = CONFIG.model_copy(update={"seed": seed, "bootstrap_samples": 200})
        called += paired_difference(evaluation, "ndcg@10", "one", "two", config=config).significant
    assert called / 200 <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_paired_difference_without_spread(make_evaluation):
    evaluation = make_evaluation(np.arange(40) < 8, one=np.ones(40), same=np.ones(40), none=np.zeros(40))
    equal = paired_difference(evaluation, "ndcg@10", "one", "same", config=CONFIG)
    assert (equal.p_value, equal.effect_size, equal.significant) == (1, None, False)
    always = paired_difference(evaluation, "ndcg@10", "one", "none", config=CONFIG)
    assert (always.p_value, always.effect_size, always.significant) == (0.5**39, None, True)
    single = make_evaluation(np.array([True]), one=np.ones(1), none=np.zeros(1))
    found = paired_difference(single, "ndcg@10", "one", "none", config=CONFIG)
    assert (found.n, found.p_value, found.significant, found.too_small) == (1, 1, False, True)


def test_paired_difference_of_nobody(make_evaluation):
    evaluation = make_evaluation(np.ones(40, dtype=bool), one=np.ones(40), two=np.ones(40))
    with pytest.raises(EngineError, match="tail cohort: it holds 0"):
        paired_difference(evaluation, "ndcg@10", "one", "two", "tail", CONFIG)


@given(st.lists(st.integers(1, 80), min_size=1, max_size=900))
def test_bins_hold_every_length_once_and_enough_users(lengths: list[int]):
    sizes = np.array(lengths)
    bins = length_bins(sizes)
    held = [((sizes >= low) & (sizes <= high)).sum() for low, high in bins]
    assert sum(held) == len(sizes)
    assert all(low <= high for low, high in bins)
    assert all(high < low for (_, high), (low, _) in pairwise(bins))
    assert len(bins) == 1 or min(held) >= max(30, len(sizes) / 12)


def test_bins_are_as_fine_as_they_may_be():
    sizes = np.repeat([3, 4, 5, 6, 7, 50, 90], [30, 29, 1, 30, 10, 15, 5])
    assert length_bins(sizes) == [(3, 3), (4, 5), (6, 6), (7, 90)]
    assert length_bins(np.append(sizes[:-1], 6)) == [(3, 3), (4, 5), (6, 90)]  # 29 are too few for a bin of their own


def test_quality_by_length(make_evaluation):
    rng = np.random.default_rng(9)
    lengths = np.repeat([3, 4, 5, 6, 7, 50, 90], [60, 30, 30, 40, 30, 20, 10])
    rising = np.clip(lengths / 100 + 0.1 * rng.random(len(lengths)), 0, 1)
    evaluation = make_evaluation(lengths > 6, lengths, transformer=rising, popularity=np.full(len(lengths), 0.5))
    table = quality_by_length(evaluation, "ndcg@10", config=CONFIG)
    assert list(table.columns) == ["model", "low_length", "high_length", "label", "middle", "n", "value", "low", "high"]
    assert table["middle"].between(table["low_length"], table["high_length"]).all()
    assert table["model"].tolist() == ["transformer"] * 6 + ["popularity"] * 6
    ours = table[table["model"] == "transformer"]
    assert ours["label"].tolist() == ["3", "4", "5", "6", "7", "50+"]
    assert ours["n"].tolist() == [60, 30, 30, 40, 30, 30]
    for row in ours.itertuples():
        inside = (lengths >= row.low_length) & (lengths <= row.high_length)
        assert row.value == pytest.approx(rising[inside].mean())
        assert row.low < row.value < row.high
    flat = table[table["model"] == "popularity"]
    assert (flat[["value", "low", "high"]] == 0.5).all(axis=None)
    assert quality_by_length(evaluation, "ndcg@10", ["popularity"], CONFIG)["model"].unique().tolist() == ["popularity"]


def test_labels_of_middle_and_last_bins(make_evaluation):
    lengths = np.repeat(np.arange(3, 43), 10)
    table = quality_by_length(make_evaluation(lengths > 30, lengths, m=np.ones(400)), "ndcg@10", config=CONFIG)
    assert table["label"].tolist()[:2] == ["3–6", "7–10"]
    assert table["label"].iat[-1] == "39+"
