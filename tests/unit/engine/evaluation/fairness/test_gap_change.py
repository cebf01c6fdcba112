"""Differences in differences and the users who moved most: by hand, as planted, and no oftener than the level says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from engine.config import EvaluationConfig
from engine.errors import EngineError
from engine.evaluation.fairness.gap_change import ModelRun, gap_change, rank_changes
from engine.evaluation.groups.rules import Rule
from engine.evaluation.groups.standard import Group
from engine.evaluation.report import Evaluation

CONFIG = EvaluationConfig(bootstrap_samples=400)  # pyright: ignore[reportCallIssue]
TAIL, HEAD = (Group(f"{side} users", Rule.parse(f"user_cohort={side}")) for side in ("tail", "head"))


def facts_of(n_head: int, n_tail: int) -> pd.DataFrame:
    n = n_head + n_tail
    return pd.DataFrame({"user_idx": np.arange(n), "user_cohort": np.where(np.arange(n) < n_head, "head", "tail")})


@pytest.fixture
def planted(make_evaluation) -> tuple[Evaluation, pd.DataFrame]:
    """From old to new the tail gains 0.1 and the head loses 0.05, with noise that is the users' own in both."""
    rng = np.random.default_rng(0)
    is_head = np.arange(1000) < 300
    own = rng.normal(np.where(is_head, 0.6, 0.3), 0.2)
    new = own + np.where(is_head, -0.05, 0.1) + rng.normal(0, 0.1, 1000)
    return make_evaluation(is_head, old=own, new=new), facts_of(300, 700)


def test_a_planted_change_is_found_with_who_paid(planted):
    evaluation, facts = planted
    found = gap_change(ModelRun(evaluation, "old"), ModelRun(evaluation, "new"), facts, TAIL, HEAD, config=CONFIG)
    frame = evaluation.per_user.pivot(index="user_idx", columns="model", values="ndcg@10")
    gains = (frame["new"] - frame["old"]).to_numpy()
    assert (found.n, found.n_other) == (700, 300)
    assert found.gain.value == pytest.approx(gains[300:].mean())
    assert found.gain_other.value == pytest.approx(gains[:300].mean())
    assert found.difference.value == pytest.approx(gains[300:].mean() - gains[:300].mean())
    assert found.difference.value == pytest.approx(found.new_gap.value - found.old_gap.value)
    assert found.old_gap.value == pytest.approx(frame["old"][300:].mean() - frame["old"][:300].mean())
    tests = [stats.ttest_ind(gains[300:], gains[:300], equal_var=equal).pvalue for equal in (True, False)]
    assert found.p_value == pytest.approx(max(tests))
    error = np.sqrt(gains[300:].var() / 700 + gains[:300].var() / 300)
    assert found.difference.high - found.difference.low == pytest.approx(2 * 1.96 * error, rel=0.15)  # paired
    assert found.significant
    assert found.narrowed
    assert found.paid == ("head users",)
    back = gap_change(ModelRun(evaluation, "new"), ModelRun(evaluation, "old"), facts, TAIL, HEAD, config=CONFIG)
    assert back.difference.value == pytest.approx(-found.difference.value)
    assert back.paid == ("tail users",)
    assert not back.narrowed


def test_the_same_in_two_runs(planted):
    evaluation, facts = planted
    one, two = (
        dataclasses.replace(
            evaluation,
            models={"transformer": evaluation.models[model]},
            per_user=evaluation.per_user[evaluation.per_user["model"] == model]
            .assign(model="transformer")
            .sample(frac=1, random_state=1),  # in any order
        )
        for model in ("old", "new")
    )
    together = gap_change(ModelRun(evaluation, "old"), ModelRun(evaluation, "new"), facts, TAIL, HEAD, config=CONFIG)
    assert (
        gap_change(ModelRun(one, "transformer"), ModelRun(two, "transformer"), facts, TAIL, HEAD, config=CONFIG)
        == together
    )
    two.per_user.loc[two.per_user["user_idx"] == 7, "target_idx"] = 2
    with pytest.raises(EngineError, match="different items of 1 of the 1,000 users"):
        gap_change(ModelRun(one, "transformer"), ModelRun(two, "transformer"), facts, TAIL, HEAD, config=CONFIG)


def test_where_lower_is_better_a_rise_is_what_is_paid(make_evaluation):
    rng = np.random.default_rng(1)
    is_head = np.arange(400) < 200
    old = rng.normal(4, 1, 400)
    new = old + np.where(is_head, 0.3, -0.3) + rng.normal(0, 0.2, 400)
    evaluation = make_evaluation(is_head, metric="log_rank", old=old, new=new)
    found = gap_change(
        ModelRun(evaluation, "old"), ModelRun(evaluation, "new"), facts_of(200, 200), TAIL, HEAD, "log_rank", CONFIG
    )
    assert found.paid == ("head users",)
    assert found.difference.high < 0


def test_a_null_world_is_called_a_change_at_most_as_often_as_the_level_says(make_evaluation):
    rng = np.random.default_rng(2)
    facts, worlds, called = facts_of(60, 240), 200, 0
    for seed in range(worlds):
        old, new = ((rng.random(300) < 0.3) * rng.random(300) for _ in range(2))
        evaluation = make_evaluation(np.arange(300) < 60, old=old, new=new)
        config = EvaluationConfig(bootstrap_samples=100, seed=seed)  # pyright: ignore[reportCallIssue]
        found = gap_change(ModelRun(evaluation, "old"), ModelRun(evaluation, "new"), facts, TAIL, HEAD, config=config)
        called += found.significant
    assert called / worlds <= 0.05 + 3 * (0.05 * 0.95 / worlds) ** 0.5


def test_small_groups_and_absent_figures(make_evaluation):
    rng = np.random.default_rng(3)
    new = rng.random(200) + np.where(np.arange(200) < 40, 1, 0)
    new[:15] = np.nan  # 25 of the head are left
    evaluation = make_evaluation(np.arange(200) < 40, old=rng.random(200), new=new)
    found = gap_change(
        ModelRun(evaluation, "old"), ModelRun(evaluation, "new"), facts_of(40, 160), TAIL, HEAD, config=CONFIG
    )
    assert (found.n, found.n_other) == (160, 25)
    assert found.too_small
    assert not found.significant
    assert found.p_value < 0.01


def test_groups_that_overlap_or_are_empty_are_told(planted):
    evaluation, facts = planted
    served = ModelRun(evaluation, "old"), ModelRun(evaluation, "new")
    with pytest.raises(EngineError, match="'tail users' and 'all' have 700 users in common"):
        gap_change(*served, facts, TAIL, Group("all", Rule()), config=CONFIG)
    nobody = Group("nobody", Rule.parse("user_cohort=tail & user_cohort=head"))
    with pytest.raises(EngineError, match=r"'nobody' .* holds 0 test users"):
        gap_change(*served, facts, TAIL, nobody, config=CONFIG)
    with pytest.raises(EngineError, match="'bert'"):
        gap_change(served[0], ModelRun(evaluation, "bert"), facts, TAIL, HEAD, config=CONFIG)


def test_movers_by_hand(make_evaluation):
    old, new = np.array([1, 100, 10, 0, 5, 3, 8]), np.array([2, 50, 1, 4, 5, 0, 16])
    evaluation = make_evaluation(np.arange(7) < 2, metric="hr@10", old=np.zeros(7), new=np.zeros(7))
    ranks = np.r_[old, new]
    evaluation.per_user["rank"] = ranks
    evaluation.per_user["target_idx"] = np.tile(np.arange(7) + 1, 2)
    evaluation.per_user["log_rank"] = np.log(np.where(ranks == 0, 1001, ranks))
    facts = facts_of(2, 5).assign(history_length=np.arange(7) + 3)
    found = rank_changes(ModelRun(evaluation, "old"), ModelRun(evaluation, "new"), facts)
    assert found["side"].tolist() == ["gained"] * 3 + ["lost"] * 3  # user 4 is where they were
    assert found["user_idx"].tolist() == [3, 2, 1, 5, 0, 6]  # 0 and 6 lost a factor of two both: the first comes first
    assert found["old_rank"].tolist() == [0, 10, 100, 3, 1, 8]
    assert found["new_rank"].tolist() == [4, 1, 50, 0, 2, 16]
    assert found["change"].tolist() == pytest.approx(
        [np.log(4 / 1001), np.log(0.1), np.log(0.5), np.log(1001 / 3), np.log(2), np.log(2)]
    )
    assert found["history_length"].tolist() == [6, 5, 4, 8, 3, 9]
    shuffled = facts.iloc[[2, 3, 4, 5, 6, 0, 1]].reset_index(drop=True)
    again = rank_changes(ModelRun(evaluation, "old"), ModelRun(evaluation, "new"), shuffled, n=1)
    assert again["user_idx"].tolist() == [3, 5]
    assert again["old_rank"].tolist() == [0, 3]
    assert again["target_idx"].tolist() == [4, 6]


def planted_gaps(make_evaluation, before: float, after: float) -> tuple[Evaluation, pd.DataFrame]:
    """Tail minus head is one by the old model and another by the new one."""
    rng = np.random.default_rng(5)
    is_head = np.arange(2000) < 800
    values = {
        name: 0.5 + rng.normal(0, 0.1, 2000) + np.where(is_head, 0, apart)
        for name, apart in (("old", before), ("new", after))
    }
    return make_evaluation(is_head, **values), facts_of(800, 1200)


@pytest.mark.parametrize(
    ("before", "after", "turned", "size", "moved"),
    [
        (0.05, -0.05, True, 0, -1),  # the gap turns over, and is as large as before
        (0.1, -0.02, True, -1, -1),
        (-0.02, 0.1, True, 1, 1),
        (0.1, 0.02, False, -1, -1),
        (-0.02, -0.1, False, 1, -1),
        (0.05, 0.05, False, 0, 0),
    ],
)
def test_the_size_of_a_gap_and_who_gains_are_told_apart(make_evaluation, before, after, turned, size, moved):
    evaluation, facts = planted_gaps(make_evaluation, before, after)
    found = gap_change(ModelRun(evaluation, "old"), ModelRun(evaluation, "new"), facts, TAIL, HEAD, config=CONFIG)
    assert found.turned == turned
    assert found.size.value == pytest.approx(abs(found.new_gap.value) - abs(found.old_gap.value))
    assert (np.sign(found.size.value) if found.size_significant else 0) == size
    assert (np.sign(found.difference.value) if found.significant else 0) == moved
    assert found.size.low <= found.size.value <= found.size.high
    if not turned:
        assert found.size_p == pytest.approx(found.p_value)


@pytest.mark.slow
def test_a_size_that_does_not_change_is_found_to_at_most_as_often_as_the_level_says(make_evaluation):
    rng = np.random.default_rng(6)
    facts, worlds, called = facts_of(100, 200), 100, 0
    for seed in range(worlds):
        is_head = np.arange(300) < 100
        old, new = (rng.normal(np.where(is_head, 0, apart), 1, 300) for apart in (0.4, -0.4))
        evaluation = make_evaluation(is_head, old=old, new=new)
        config = EvaluationConfig(bootstrap_samples=100, seed=seed)  # pyright: ignore[reportCallIssue]
        found = gap_change(ModelRun(evaluation, "old"), ModelRun(evaluation, "new"), facts, TAIL, HEAD, config=config)
        called += found.size_significant
    assert called / worlds <= 0.05 + 3 * (0.05 * 0.95 / worlds) ** 0.5
