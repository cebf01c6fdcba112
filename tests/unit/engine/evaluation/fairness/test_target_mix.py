"""Support by similar users, kinds of targets and the gap at equal targets: by hand, and against slow counts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, strategies as st

from engine.config import EvaluationConfig
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.evaluation.cohorts import make_cohorts
from engine.evaluation.fairness import target_mix
from engine.evaluation.fairness.target_mix import (
    KINDS,
    Targets,
    neighbour_support,
    support_levels,
    target_kinds,
    targets_by,
)

CONFIG = EvaluationConfig(bootstrap_samples=300)  # pyright: ignore[reportCallIssue]


def split_of(
    train: list[list[int]], users: list[int], histories: list[list[int]], targets: list[list[int]], n: int = 9
):
    candidates = np.zeros(n + 1, dtype=bool)
    rows = Histories.of(train)
    candidates[rows.items] = True
    test = Holdout(np.array(users), Histories.of(histories, users), Histories.of(targets))
    return Split("leave-last-out", rows, test, test, candidates)


def slow_support(split: Split, k: int) -> list[float]:
    out = []
    for row, user in enumerate(split.test.users):
        own = set(split.test.histories[row].tolist())
        similar = []
        for other, theirs in enumerate(set(t.tolist()) for t in split.train):
            both = len(own & theirs)
            if other != user and both:
                similar.append((-np.float32(both) / np.sqrt(len(theirs)), other, theirs))
        nearest = sorted(similar, key=lambda s: (round(float(s[0]), 5), s[1]))[:k]
        targets = split.test.targets[row].tolist()
        out.append(float(np.mean([sum(t in theirs for *_, theirs in nearest) / k for t in targets])))
    return out


def test_support_by_hand():
    train = [[1, 2], [1, 2, 5], [1, 5, 6, 7], [3, 5], [1, 2]]
    split = split_of(train, [0, 3, 4], [[1, 2, 4], [3], [8]], [[5], [5], [5]])
    # User 0 is like 4 (identical), 1 (two of three) and 2 (one of four); user 3 is like nobody but themselves.
    assert neighbour_support(split, 1).tolist() == [0, 0, 0]
    assert neighbour_support(split, 2).tolist() == [0.5, 0, 0]
    assert neighbour_support(split, 3) == pytest.approx([2 / 3, 0, 0])
    assert neighbour_support(split, 10) == pytest.approx([0.2, 0, 0])


@given(st.integers(0, 200), st.integers(1, 6), st.integers(1, 3), st.sampled_from([1, 40, 1 << 23]))
def test_support_equals_a_slow_count_whatever_the_chunks(seed: int, k: int, targets: int, products: int):
    rng = np.random.default_rng(seed)
    train = [rng.integers(1, 10, rng.integers(0, 6)).tolist() for _ in range(12)]
    users = np.sort(rng.choice(12, 7, replace=False)).tolist()
    histories = [train[user] + [int(rng.integers(1, 10))] for user in users]
    split = split_of(train, users, histories, [rng.choice(np.arange(1, 10), targets, False).tolist() for _ in users])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target_mix, "_PRODUCTS", products)
        told: list[float] = []
        assert neighbour_support(split, k, told.append) == pytest.approx(slow_support(split, k))
    assert told == sorted(told)
    assert told[-1] == 1


def test_kinds_by_hand():
    train = [[1, 2], [1, 3], [1, 2], [1, 4]]
    split = split_of(train, [0, 1, 2, 3], [[1, 2], [1, 3], [1, 2], [1, 4]], [[2], [4, 1], [9], [1]])
    kinds = target_kinds(split, make_cohorts(split, 0.5, 0.25))
    assert [KINDS[kind] for kind in kinds] == ["repeat", "novel", "unseen", "repeat"]
    fresh = split_of(train, [1], [[3]], [[1]])
    assert [KINDS[kind] for kind in target_kinds(fresh, make_cohorts(fresh, 0.5, 0.25))] == ["popular"]


def test_support_levels_are_cut_at_the_median_of_those_that_have_any():
    assert support_levels(np.array([0, 0.1, 0.2, 0.3, 0])).tolist() == [0, 1, 1, 2, 0]
    assert support_levels(np.zeros(3)).tolist() == [0, 0, 0]


def test_equal_targets_by_hand(make_evaluation):
    """Head: 3 in 4 popular, tail: 1 in 4. Both score 0.8 on popular; on novel the tail has 0.1, the head 0.2."""
    is_head = np.repeat([True, False], 400)
    popular = np.r_[np.arange(400) % 4 > 0, np.arange(400) % 4 == 0]
    values = np.where(popular, 0.8, np.where(is_head, 0.2, 0.1))
    codes = np.where(popular, KINDS.index("popular"), KINDS.index("novel"))
    evaluation = make_evaluation(is_head, transformer=values, flat=np.full(800, 0.5))
    found = targets_by("kind", codes, np.arange(800), evaluation, "ndcg@10", CONFIG)
    ours = found.equal["transformer"]
    assert ours.gap.value == pytest.approx(0.25 * 0.8 + 0.75 * 0.1 - (0.75 * 0.8 + 0.25 * 0.2))
    assert ours.equal.value == pytest.approx(0.25 * (0.1 - 0.2))
    assert ours.mix.value == pytest.approx(ours.gap.value - ours.equal.value)
    assert ours.equal.low < ours.equal.value < ours.equal.high < 0
    assert ours.mix.high < ours.equal.low
    assert (ours.n, ours.n_left_out) == (800, 0)
    assert found.equal["flat"].gap.value == pytest.approx(0)
    groups = {(group.cohort, group.name): group for group in found.groups}
    assert groups["head", "popular"].share.value == pytest.approx(0.75)
    assert groups["tail", "popular"].n == 100
    assert groups["tail", "novel"].quality["transformer"].value == pytest.approx(0.1)
    assert groups["tail", "repeat"].quality == {}
    assert groups["tail", "repeat"].too_small
    assert not groups["tail", "popular"].too_small
    for cohort in ("head", "tail"):
        assert sum(group.share.value for group in found.groups if group.cohort == cohort) == pytest.approx(1)
    assert Targets.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found


def test_kinds_that_one_cohort_has_none_of_are_left_out_and_counted(make_evaluation):
    is_head = np.repeat([True, False], 100)
    codes = np.r_[np.ones(60, int), np.full(40, 3), np.ones(100, int)]
    values = np.r_[np.full(60, 0.5), np.zeros(40), np.full(100, 0.4)]
    found = targets_by("kind", codes, np.arange(200), make_evaluation(is_head, model=values), "ndcg@10", CONFIG)
    assert found.equal["model"].equal.value == pytest.approx(-0.1)
    assert (found.equal["model"].n, found.equal["model"].n_left_out) == (160, 40)
    nothing = targets_by("kind", 1 + is_head, np.arange(200), make_evaluation(is_head, model=values), "ndcg@10", CONFIG)
    assert nothing.equal == {}


@given(st.integers(0, 60), st.integers(1, 3))
def test_the_parts_sum_to_the_gap_and_users_may_come_in_any_order(make_evaluation_of, seed: int, n_kinds: int):
    rng = np.random.default_rng(seed)
    is_head = rng.random(60) < 0.4
    is_head[:2] = True, False
    values, codes = rng.random(60), rng.integers(0, n_kinds, 60)
    evaluation = make_evaluation_of(is_head, model=values)
    config = CONFIG.model_copy(update={"bootstrap_samples": 20})
    found = targets_by("kind", codes, np.arange(60), evaluation, "ndcg@10", config)
    order = rng.permutation(60)
    moved = targets_by("kind", codes[order], order, evaluation, "ndcg@10", config)
    for model, equal in found.equal.items():
        assert equal.equal.value + equal.mix.value == pytest.approx(equal.gap.value, abs=1e-12)
        assert moved.equal[model].equal.value == pytest.approx(equal.equal.value)
        if n_kinds == 1:
            assert equal.mix.value == pytest.approx(0, abs=1e-12)
            assert equal.gap.value == pytest.approx(values[~is_head].mean() - values[is_head].mean())


def test_where_nobody_is_served_nothing_is_certain(make_evaluation_of):
    is_head, codes = np.repeat([True, False], [40, 160]), np.arange(200) % 2
    found = targets_by("kind", codes, np.arange(200), make_evaluation_of(is_head, np.zeros(200)), "hr@10", CONFIG)
    for figure in (found.equal["model"].gap, found.equal["model"].equal):
        assert figure.value == 0
        assert figure.low < -0.01 < 0.01 < figure.high


@pytest.mark.parametrize(("head", "tail"), [(0.02, 0.02), (0.1, 0.02), (0.05, 0.01)])
def test_of_few_hits_too_the_truth_is_covered(make_evaluation_of, head: float, tail: float):
    held = {"gap": [], "equal": [], "mix": []}
    config = CONFIG.model_copy(update={"bootstrap_samples": 20})
    for seed in range(120):
        rng = np.random.default_rng(seed)
        is_head = np.arange(200) < 60
        codes = (rng.random(200) < np.where(is_head, 0.7, 0.3)).astype(int)
        hits = (rng.random(200) < np.where(is_head, head, tail)).astype(float)
        found = targets_by("kind", codes, np.arange(200), make_evaluation_of(is_head, hits), "hr@10", config)
        for name, truth in (("gap", tail - head), ("equal", tail - head), ("mix", 0.0)):
            figure = getattr(found.equal["model"], name)
            held[name].append(figure.low <= truth <= figure.high)
    assert min(np.mean(values) for values in held.values()) >= 0.93


@pytest.fixture(scope="module")
def make_evaluation_of():
    import pandas as pd

    from engine.evaluation.report import CohortReport, Evaluation, ModelReport

    def make(is_head: np.ndarray, model: np.ndarray) -> Evaluation:
        side = np.where(is_head, "head", "tail")
        frame = pd.DataFrame(
            {"model": "model", "user_idx": np.arange(len(side)), "user_cohort": side, "ndcg@10": model, "hr@10": model}
        )
        nothing = ModelReport(CohortReport(0, {}), {}, {}, {}, {})
        return Evaluation("leave-last-out", {"model": nothing}, frame)

    return make
