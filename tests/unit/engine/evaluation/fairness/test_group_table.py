"""Figures of groups, gaps and paired differences: by hand, against scipy, and no more found than the level allows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from engine.config import EvaluationConfig
from engine.errors import EngineError
from engine.evaluation.fairness.gap import gap, paired_difference
from engine.evaluation.fairness.group_table import group_figures, group_gaps, group_tables, paired_in_groups
from engine.evaluation.groups.rules import Rule
from engine.evaluation.groups.standard import Group
from engine.evaluation.report import Evaluation
from engine.evaluation.stats.hypothesis_tests import cliffs_delta
from engine.evaluation.stats.multiple_testing import holm

CONFIG = EvaluationConfig(bootstrap_samples=400)  # pyright: ignore[reportCallIssue]


def group(rule: str) -> Group:
    return Group(rule or "everybody", Rule.parse(rule))


GROUPS = [group(rule) for rule in ("user_cohort=head", "user_cohort=tail", "region=N", "region=few", "")]


@pytest.fixture
def world(make_evaluation) -> tuple[Evaluation, pd.DataFrame]:
    """800 users, 160 of them head, who are served better; 20 of them in a region "few". Two models, three figures."""
    rng = np.random.default_rng(0)
    n = 800
    is_head = np.arange(n) < 160
    base = (rng.random(n) < np.where(is_head, 0.5, 0.2)) / np.log2(rng.integers(2, 12, n))
    better = np.clip(base + np.where(is_head, 0, 0.05), 0, 1)
    evaluation = make_evaluation(is_head, transformer=better, ease=base)
    frame = evaluation.per_user
    frame["log_rank"] = rng.normal(np.where(np.tile(is_head, 2), 4, 5), 1)
    frame["aplt@10"] = np.where(rng.random(2 * n) < 0.3, np.nan, rng.random(2 * n))
    region = np.where(np.arange(n) % 40 == 0, "few", np.where(rng.random(n) < 0.5, "N", "S"))
    facts = pd.DataFrame({"user_idx": np.arange(n), "user_cohort": np.where(is_head, "head", "tail"), "region": region})
    return evaluation, facts


def users_of(evaluation: Evaluation, facts: pd.DataFrame, model: str, metric: str, rule: str) -> np.ndarray:
    own = evaluation.per_user.loc[evaluation.per_user["model"] == model, metric].to_numpy()
    if not rule:
        return own
    column, value = rule.split("=")
    return own[(facts[column] == value).to_numpy()]


def test_figures_are_means_with_intervals_and_sizes(world):
    evaluation, facts = world
    metrics = ("ndcg@10", "log_rank", "aplt@10")
    table = group_figures(evaluation, facts, GROUPS, metrics, config=CONFIG)
    assert len(table) == 2 * len(GROUPS) * 3
    for row in table.itertuples():
        own = users_of(evaluation, facts, row.model, row.metric, row.rule)
        own = own[~np.isnan(own)]
        assert row.n == len(own)
        assert row.value == pytest.approx(own.mean())
        assert row.low < row.value < row.high
        error = own.std() / len(own) ** 0.5
        wide = row.metric == "ndcg@10" and row.rule == "region=few"  # few hits: wide on purpose
        assert row.high - row.low == pytest.approx(2 * 1.96 * error, rel=0.75 if wide else 0.25)
        assert row.too_small == (row.group == "region=few")


def test_order_of_rows_is_models_groups_metrics(world):
    table = group_figures(*world, GROUPS[:2], ("log_rank", "ndcg@10"), ("ease", "transformer"), CONFIG)
    assert table["model"].tolist() == ["ease"] * 4 + ["transformer"] * 4
    assert (
        table["group"].tolist()
        == ["user_cohort=head"] * 2 + ["user_cohort=tail"] * 2 + ["user_cohort=head"] * 2 + ["user_cohort=tail"] * 2
    )
    assert table["metric"].tolist() == ["log_rank", "ndcg@10"] * 4


def test_users_are_matched_by_index_and_not_by_place(world):
    evaluation, facts = world
    order = np.random.default_rng(5).permutation(len(facts))
    shuffled = facts.iloc[order].reset_index(drop=True)
    one = group_gaps(evaluation, facts, GROUPS, config=CONFIG)
    other = group_gaps(evaluation, shuffled, GROUPS, config=CONFIG)
    for column in ("n", "value", "rest", "difference", "effect_size"):
        assert one[column].tolist() == pytest.approx(other[column].tolist())


def test_default_metrics_are_accuracy_and_the_log_rank(world):
    evaluation, facts = world
    assert set(group_figures(evaluation, facts, GROUPS, config=CONFIG)["metric"]) == {*evaluation.metrics, "log_rank"}


def test_gaps_agree_with_independent_figures(world):
    evaluation, facts = world
    metrics = ("ndcg@10", "log_rank")
    table = group_gaps(evaluation, facts, GROUPS, metrics, config=CONFIG)
    assert "everybody" not in set(table["group"])  # nobody is outside
    assert len(table) == 2 * 4 * 2
    for row in table.itertuples():
        inside = (facts[row.rule.split("=")[0]] == row.rule.split("=")[1]).to_numpy()
        everybody = users_of(evaluation, facts, row.model, row.metric, "")
        own, rest = everybody[inside], everybody[~inside]
        assert (row.n, row.n_rest) == (len(own), len(rest))
        assert row.difference == pytest.approx(own.mean() - rest.mean())
        error = np.sqrt(own.var() / len(own) + rest.var() / len(rest))
        wide = row.metric == "ndcg@10" and row.rule == "region=few"  # few hits: wide on purpose
        assert row.high - row.low == pytest.approx(2 * 1.96 * error, rel=0.75 if wide else 0.25)
        assert row.effect_size == pytest.approx(cliffs_delta(everybody[:, None], inside[None])[0, 0])
        if min(row.n, row.n_rest) >= 200 or row.p_value > 0.05:
            tests = [stats.ttest_ind(own, rest, equal_var=equal).pvalue for equal in (True, False)]
            assert row.p_value == pytest.approx(max(tests))
    assert table["p_holm"].tolist() == pytest.approx(holm(table["p_value"].tolist()))
    head = table[table["group"] == "user_cohort=head"]
    assert head["significant"].all()
    assert (head["difference"] * head["metric"].map({"ndcg@10": 1, "log_rank": -1}) > 0).all()
    assert not table.loc[table["group"] == "region=N", "significant"].any()


def test_a_gap_of_head_and_tail_is_the_one_that_the_page_has_always_shown(world):
    evaluation, facts = world
    row = group_gaps(evaluation, facts, [GROUPS[1]], ("ndcg@10",), ("transformer",), CONFIG).iloc[0]
    known = gap(evaluation, "ndcg@10", config=CONFIG)
    assert row["difference"] == pytest.approx(known.difference.value)
    assert row["low"] == pytest.approx(known.difference.low, abs=0.02)
    assert row["high"] == pytest.approx(known.difference.high, abs=0.02)
    assert row["significant"] == known.significant


def test_a_small_group_is_never_called_different_and_says_how_many_it_needs(make_evaluation):
    rng = np.random.default_rng(1)
    values = np.where(np.arange(500) < 20, 1.0, 0.0) + rng.normal(0, 1e-3, 500)
    facts = pd.DataFrame({"user_idx": np.arange(500), "who": np.where(np.arange(500) < 20, "few", "many")})
    table = group_gaps(make_evaluation(values > 2, transformer=values), facts, [group("who=few")], config=CONFIG)
    assert table["p_holm"].tolist()[0] < 0.001
    assert table["too_small"].all()
    assert not table["significant"].any()


def test_a_group_without_any_event_is_too_small_however_many_they_are(make_evaluation):
    values = np.where(np.arange(2000) < 1900, np.arange(2000) % 20 == 0, 0).astype(float)
    facts = pd.DataFrame({"user_idx": np.arange(2000), "who": np.where(np.arange(2000) < 1900, "many", "none")})
    tables = group_tables(
        make_evaluation(values > 2, transformer=values), facts, [group("who=none"), group("who=many")], config=CONFIG
    )
    assert tables.figures["too_small"].tolist() == [True, False]
    assert tables.gaps["too_small"].tolist() == [True, True]  # one side of both
    assert not tables.gaps["significant"].any()


def test_enough_users_make_the_interval_as_narrow_as_was_asked(make_evaluation):
    rng = np.random.default_rng(2)
    n_rest, smallest = 40_000, 0.06

    def width(n: int) -> tuple[float, int]:
        values = np.r_[rng.random(n) < 0.2, rng.random(n_rest) < 0.1].astype(float)
        who = np.where(np.arange(n + n_rest) < n, "own", "rest")
        facts = pd.DataFrame({"user_idx": np.arange(n + n_rest), "who": who})
        evaluation = make_evaluation(who == "own", transformer=values)
        row = group_gaps(evaluation, facts, [group("who=own")], smallest=smallest).iloc[0]
        return row["high"] - row["low"], int(row["n_needed"])

    _, needed = width(5000)
    z = stats.norm.ppf(0.975)
    by_hand = 0.16 / (smallest**2 / (4 * z**2) - 0.09 / n_rest)
    assert needed == pytest.approx(by_hand, rel=0.15)
    reached, again = width(needed)
    assert reached == pytest.approx(smallest, rel=0.1)
    assert again == pytest.approx(needed, rel=0.2)


def test_no_number_of_users_will_do_where_the_others_are_too_few(make_evaluation):
    values = np.random.default_rng(3).integers(0, 2, 200).astype(float)
    facts = pd.DataFrame({"user_idx": np.arange(200), "who": np.where(np.arange(200) < 160, "own", "rest")})
    table = group_figures(make_evaluation(values > 2, transformer=values), facts, [group("who=own"), group("")])
    assert table["n_needed"].isna().all()


def test_paired_differences_in_groups_are_those_of_paired_difference(world):
    evaluation, facts = world
    table = paired_in_groups(evaluation, facts, GROUPS, "transformer", "ease", ("ndcg@10", "aplt@10"), CONFIG)
    rows = table[table["metric"] == "ndcg@10"].set_index("group")
    for name, cohort in (("user_cohort=tail", "tail"), ("everybody", "all"), ("user_cohort=head", "head")):
        row = rows.loc[name]
        known = paired_difference(evaluation, "ndcg@10", "transformer", "ease", cohort, CONFIG)  # type: ignore[arg-type]
        assert row["n"] == known.n
        for column, value in (
            ("model_mean", known.model_mean), ("baseline_mean", known.baseline_mean),
            ("difference", known.difference.value), ("p_value", known.p_value)
        ):  # fmt: skip
            assert row[column] == pytest.approx(value, rel=1e-6, abs=1e-12)
        assert row["low"] == pytest.approx(known.difference.low, abs=0.004)
    assert np.isnan(rows.loc["user_cohort=head", "effect_size"])  # all differ by nothing
    assert rows.loc["user_cohort=head", "too_small"]
    assert rows.loc["user_cohort=tail", "significant"]
    assert table["p_holm"].tolist() == pytest.approx(holm(table["p_value"].tolist()))
    ours, theirs = (users_of(evaluation, facts, m, "aplt@10", "user_cohort=tail") for m in ("transformer", "ease"))
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    row = table[(table["metric"] == "aplt@10") & (table["group"] == "user_cohort=tail")].iloc[0]
    assert row["n"] == both.sum()
    assert row["model_mean"] == pytest.approx(ours[both].mean())
    assert row["p_value"] == pytest.approx(stats.ttest_rel(ours[both], theirs[both]).pvalue)


def test_names_that_are_not_there_are_told(world):
    evaluation, facts = world
    with pytest.raises(EngineError, match=r"'rank' was measured; there are ndcg@10, log_rank, aplt@10"):
        group_figures(evaluation, facts, GROUPS, ("rank",), config=CONFIG)
    with pytest.raises(EngineError, match=r"'bert' was measured; there are transformer, ease"):
        group_figures(evaluation, facts, GROUPS, models=("bert",), config=CONFIG)
    with pytest.raises(EngineError, match=r"of 799 users, and transformer was measured on 800"):
        group_figures(evaluation, facts.iloc[1:], GROUPS, config=CONFIG)
    with pytest.raises(EngineError, match="'shoe_size'"):
        group_figures(evaluation, facts, [group("shoe_size=1")], config=CONFIG)


def test_no_group_gives_empty_tables(world):
    tables = group_tables(*world, [], config=CONFIG)
    assert len(tables.figures) == len(tables.gaps) == 0
    assert {"value", "low", "n_needed"} <= set(tables.figures)
    assert {"p_holm", "significant"} <= set(tables.gaps)


def test_same_seed_same_tables_and_columns_share_their_draws(world, monkeypatch: pytest.MonkeyPatch):
    first = group_tables(*world, GROUPS, config=CONFIG)
    pd.testing.assert_frame_equal(group_tables(*world, GROUPS, config=CONFIG).figures, first.figures)
    monkeypatch.setattr("engine.evaluation.fairness.group_table._CELLS", 1)  # a column at a time
    apart = group_tables(*world, GROUPS, config=CONFIG)
    pd.testing.assert_frame_equal(apart.figures, first.figures, rtol=1e-5)
    pd.testing.assert_frame_equal(apart.gaps, first.gaps, rtol=1e-5)
