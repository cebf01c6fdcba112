"""Facts of users and targets by hand; groups that hold whom they should, once, with ties together."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from engine.data.dataset import Dataset, Histories, Vocabulary
from engine.data.splits import Holdout, Split, leave_last_out, temporal
from engine.evaluation.cohorts import make_cohorts
from engine.evaluation.groups.rules import Rule, members
from engine.evaluation.groups.standard import (
    Group,
    group_sizes,
    item_groups,
    standard_groups,
    target_facts,
    user_facts,
    value_bins,
)

DAY = 86_400


def small_log(times: bool = True) -> Dataset:
    rows = [[1, 2, 1, 3, 4], [1, 2, 3], [2, 1]]
    days = [0, 1, 2, 3, 4, 1.5, 6, 7, 0, 9]
    return Dataset(
        name="small",
        users=Vocabulary(np.array(["a", "b", "c"], dtype=object), 0, "user"),
        items=Vocabulary(np.array(["p", "q", "r", "s"], dtype=object)),
        histories=Histories.of(rows, [0, 1, 2]),
        timestamps=(np.array(days) * DAY).astype(np.int64) if times else None,
        ratings=None,
        user_table=pd.DataFrame(
            {
                "user_id": ["a", "b", "c"],
                "gender": ["F", "M", "M"],
                "age": [30, 40, 50],
                "age__missing": [False, True, False],
                "age__z": [-1.0, 0.0, 1.0],
                "mainstream": ["yes", "no", "no"],
                "target_day": [1, 2, 3],
            }
        ),
        item_table=pd.DataFrame(
            {"item_id": ["p", "q", "r", "s"], "category": ["A|B", "B", "C", "unknown"], "age_days": [1, 2, 3, 4]}
        ),
    )


def test_facts_of_users_by_hand():
    dataset = small_log()
    split = leave_last_out(dataset)  # training: a has 1 2 1, b has 1, c has 2 1, and nothing of c is held out
    facts = user_facts(dataset, split, make_cohorts(split, 0.2, 0.5))
    assert facts["user_idx"].tolist() == [0, 1]
    assert facts["history_length"].tolist() == [3, 1]
    assert facts["user_cohort"].tolist() == ["head", "tail"]
    # the last training events were on day 2 for a, on 1.5 for b, and on 9 for c
    assert facts["recency_days"].tolist() == [7.0, 7.5]
    assert facts["mainstream"].tolist() == [0.667, 1.0]  # item 1 alone is head: two of a's three, b's only one
    assert facts["gender"].tolist() == ["F", "M"]
    assert facts["age"].tolist()[0] == 30
    assert np.isnan(facts["age"].tolist()[1])  # a filled-in age is not known
    assert facts["user_mainstream"].tolist() == ["yes", "no"]
    assert facts["user_target_day"].tolist() == [1, 2]
    assert not {"user_id", "age__z", "age__missing"} & set(facts)


def test_facts_of_targets_by_hand():
    dataset = small_log()
    split = leave_last_out(dataset)
    facts = target_facts(dataset, split, make_cohorts(split, 0.2, 0.5))
    assert split.test.targets.items.tolist() == [4, 3]
    assert facts["item_cohort"].tolist() == ["tail", "tail"]
    assert facts["target_popularity"].tolist() == [0, 0]
    assert facts["target_age_days"].isna().all()
    assert facts["target_category"].tolist() == ["unknown", "C"]
    assert facts["target_target_age_days"].tolist() == [4, 3]
    asked = Holdout(split.test.users, split.test.histories, Histories.of([[1], [2]]))
    met = Split(split.protocol, split.train, split.valid, asked, split.candidates)
    facts = target_facts(dataset, met, make_cohorts(split, 0.2, 0.5))
    assert facts["target_popularity"].tolist() == [4, 2]
    # both were first met on day 0, item 1 by a and item 2 by c, and training ends on day 9 with item 1
    assert facts["target_age_days"].tolist() == [9, 9]
    assert facts["item_cohort"].tolist() == ["head", "tail"]
    assert facts["target_category"].tolist() == ["A|B", "B"]


def test_a_log_without_times_has_no_recency_and_no_age():
    dataset = small_log(times=False)
    split = leave_last_out(dataset)
    cohorts = make_cohorts(split, 0.2, 0.5)
    assert "recency_days" not in user_facts(dataset, split, cohorts)
    assert "target_age_days" not in target_facts(dataset, split, cohorts)


def test_what_is_held_out_decides_no_fact():
    dataset = small_log()
    split = temporal(dataset, 0.3)
    facts = user_facts(dataset, split, make_cohorts(split, 0.2, 0.5))
    later = np.asarray(dataset.timestamps).copy()
    assert split.cuts is not None
    later[later >= split.cuts[0]] += 3 * DAY
    moved = Dataset(**{**vars(dataset), "timestamps": later})
    pd.testing.assert_frame_equal(user_facts(moved, split, make_cohorts(split, 0.2, 0.5)), facts)


def crowd(n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    lengths = rng.geometric(0.2, n) + 2
    region = rng.choice(["N", "S", "E|W"], n, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {
            "user_idx": np.arange(n),
            "history_length": lengths,
            "user_cohort": np.where(lengths >= 8, "head", "tail"),
            "recency_days": rng.exponential(30, n).round(2),
            "mainstream": rng.integers(0, 4, n) / 3,
            "region": region,
            "region_zh": pd.Series(region).map({"N": "北", "S": "南", "E|W": "东|西"}),
            "age": rng.integers(18, 80, n),
            "rare": np.where(np.arange(n) < 29, "few", "many"),
            "constant": "same",
            "zip": [f"{i:05d}" for i in range(n)],
            "stars": rng.integers(1, 4, n).astype(float),
        }
    )


def test_standard_groups_of_a_crowd():
    facts = crowd()
    groups = {group.name: group for group in standard_groups(facts)}
    assert {"head users", "tail users", "region N", "region E", "tail users, region E", "stars 2"} <= set(groups)
    assert groups["region E"].rule == Rule.parse("region=E")
    assert groups["tail users, region E"].rule == Rule.parse("user_cohort=tail & region=E")
    columns = {column for group in groups.values() for column in group.rule.columns}
    # the Chinese column says the same as region; the others say nothing of groups of thirty
    assert columns == {
        "user_cohort", "history_length", "recency_days", "mainstream", "region", "age", "rare", "stars"
    }  # fmt: skip
    assert "rare few" not in groups
    assert len(groups) == len(standard_groups(facts))
    for column in ("user_cohort", "history_length", "recency_days", "mainstream", "age", "stars"):
        held = np.array([members(g.rule, facts) for g in groups.values() if g.rule.columns == (column,)])
        assert 2 <= len(held) <= 5
        assert (held.sum(axis=0) == 1).all()
        assert (held.sum(axis=1) >= 30).all()
    sizes = group_sizes(tuple(groups.values()), facts).set_index("group")
    assert sizes.loc["head users", "n"] == (facts["user_cohort"] == "head").sum()
    assert sizes.loc["head users", "share"] == pytest.approx((facts["user_cohort"] == "head").mean())
    assert not sizes.loc["head users", "too_small"]


def test_facts_of_targets_make_no_groups_of_users():
    facts = crowd()
    beside = facts.assign(item_cohort="head", target_brand=np.arange(600) // 100, target_popularity=np.arange(600))
    assert standard_groups(beside) == standard_groups(facts)


def test_a_size_says_when_it_is_small():
    sizes = group_sizes([Group("few", Rule.parse("rare=few"))], crowd())
    assert sizes.to_dict("records") == [
        {"group": "few", "rule": "rare=few", "n": 29, "share": pytest.approx(29 / 600), "too_small": True}
    ]


def test_item_groups_go_by_popularity_age_and_category():
    rng = np.random.default_rng(1)
    n = 500
    facts = pd.DataFrame(
        {
            "item_cohort": rng.choice(["head", "tail"], n),
            "target_popularity": rng.geometric(0.05, n),
            "target_age_days": np.where(rng.random(n) < 0.1, np.nan, rng.random(n)),
            "target_title": [f"t{i % 3}" for i in range(n)],
            "target_category": rng.choice(["Camping|Light", "Light", "Shoes"], n),
        }
    )
    groups = {group.name: members(group.rule, facts) for group in item_groups(facts)}
    assert {"head targets", "tail targets", "target category Light"} <= set(groups)
    assert groups["target category Light"].sum() == facts["target_category"].str.contains("Light").sum()
    assert not any("title" in name for name in groups)
    aged = np.array([held for name, held in groups.items() if "age days" in name])
    assert np.array_equal(aged.sum(axis=0), facts["target_age_days"].notna())  # never met: in no bin


@given(
    st.lists(st.integers(0, 30) | st.floats(0, 30), min_size=1, max_size=400),
    st.integers(1, 12),
    st.lists(st.just(np.nan), max_size=5),
)
def test_bins_hold_every_number_once_and_part_no_equals(values: list[float], n_bins: int, unknown: list[float]):
    array = np.array([*values, *unknown], dtype=float)
    bins = value_bins(array, n_bins)
    inside = np.array([(array >= low) & (array <= high) for low, high in bins])
    assert np.array_equal(inside.sum(axis=0), ~np.isnan(array))
    assert len(bins) <= n_bins
    assert all(low <= high for low, high in bins)
    assert all(left[1] < right[0] for left, right in pairwise(bins))
    if len(bins) > 1:
        assert inside.sum(axis=1).min() >= max(30, len(values) / n_bins)
