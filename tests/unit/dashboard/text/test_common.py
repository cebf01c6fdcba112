"""The words that pages use for results."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from dashboard.text import common as common_text, gap as gap_text, i18n
from engine import (
    Attribution,
    Comparison,
    EnsembleWeights,
    Estimate,
    Event,
    Gap,
    GapByAllMetrics,
    Player,
    RankedItem,
    Recommendations,
)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    i18n.use("en")
    yield
    i18n.use("en")


WORSE = Gap(
    metric="ndcg@10",
    model="transformer",
    by="users",
    head=Estimate(0.050, 0.048, 0.052),
    tail=Estimate(0.036, 0.034, 0.038),
    n_head=4000,
    n_tail=18363,
    difference=Estimate(-0.014, -0.017, -0.011),
    ratio=Estimate(0.72, 0.68, 0.77),
    p_value=0.001,
    significant=True,
    too_small=False,
)


def verdict(gap: Gap, by: gap_text.By = "users") -> gap_text.Verdict:
    return gap_text.verdict(GapByAllMetrics(gap, {}), by)


def test_a_worse_tail_is_called_worse_with_its_share_and_evidence() -> None:
    found = verdict(WORSE)
    assert (found.kind, found.text) == (
        "worse",
        "This model serves tail users 28\u202f% (23\u202f% to 32\u202f%) worse than head users on 22,363 users.",
    )
    assert found.evidence == (
        "NDCG@10 0.0360 (0.0340 to 0.0380) for tail (n = 18,363) against 0.0500 (0.0480 to 0.0520) for head "
        "(n = 4,000). Difference −0.0140 (−0.0170 to −0.0110)."
    )


def test_a_better_tail_is_called_better() -> None:
    better = replace(WORSE, difference=Estimate(0.014, 0.011, 0.017), ratio=Estimate(1.28, 1.2, 1.4))
    assert verdict(better).text.startswith("This model serves tail users 28\u202f% (20\u202f% to 40\u202f%) better")
    assert "4.2 times (3 to 6) as well" in verdict(replace(better, ratio=Estimate(4.2, 3, 6))).text


def test_no_significant_gap_is_no_clear_difference() -> None:
    found = verdict(replace(WORSE, significant=False))
    assert (found.kind, found.text) == ("even", "No clear difference between tail and head users on 22,363 users.")


@pytest.mark.parametrize(("n", "text"), [(1, "head, has 1 tested user."), (12, "head, has 12 tested users.")])
def test_too_few_users_come_before_significance(n: int, text: str) -> None:
    found = verdict(replace(WORSE, n_head=n, too_small=True))
    assert found.kind == "few"
    assert found.text.endswith(text)


def test_a_ratio_that_nothing_bounds_is_not_quoted() -> None:
    found = verdict(replace(WORSE, ratio=None))
    assert (
        found.text
        == "This model serves tail users worse than head users, by 0.0140 (0.0110 to 0.0170), on 22,363 users."
    )


def test_item_gaps_speak_of_items_and_chinese_of_both() -> None:
    assert "finds tail items" in verdict(replace(WORSE, by="items"), "items").text
    i18n.use("zh")
    assert verdict(WORSE).text == "在 22,363 位用户上，该模型对尾部用户的服务比头部用户差 28%（23% 到 32%）。"


def test_an_estimate_without_an_interval_is_its_value() -> None:
    assert common_text.estimate(Estimate(0.5, math.nan, math.nan)) == "0.500"


@pytest.mark.parametrize(
    ("n", "text"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (112, "112th"), (1201, "1,201st")]
)
def test_ordinals(n: int, text: str) -> None:
    assert common_text.ordinal(n) == text


def _compared(difference: float, significant: bool) -> Comparison:
    e = Estimate(difference, difference - 0.01, difference + 0.01)
    return Comparison(
        "ndcg@10", "transformer", "ease", "all", 900, 0.05, 0.05 - difference, e, 0.01, 0.1, significant, False
    )


def test_the_model_is_ahead_behind_or_level() -> None:
    assert (
        gap_text.comparison(_compared(0.02, True)) == "The Transformer is ahead of the best baseline, EASE, by 0.0200."
    )
    assert "behind the best baseline" in gap_text.comparison(_compared(-0.02, True))
    assert "level with" in gap_text.comparison(_compared(0.02, False))


EVENT = Event(5, "i3", "Lamp", None, None, "tail")
ANSWER = Recommendations("u1", "evaluated", (), (), EVENT, 4, 1, 1200, 0.1, "transformer")


def blend_of(ours: float, theirs: float) -> EnsembleWeights:
    figures = {"transformer": theirs, "ease": 0.03, "itemknn": 0.02, "ensemble": ours}
    return EnsembleWeights(
        tuple(figures)[:3], np.zeros(0, int), np.eye(3)[:1], np.ones(3), figures, {}, np.ones(1, int), True
    )


def test_which_model_answers_and_by_what_figures() -> None:
    assert common_text.answering(blend_of(0.061, 0.052), "ensemble") == (
        "The ensemble answers in this run: on validation its NDCG@10 is 0.0610, the Transformer's 0.0520."
    )
    assert common_text.answering(blend_of(0.053, 0.052), "transformer").startswith(
        "The Transformer answers in this run"
    )
    assert common_text.validation_figures(blend_of(0.061, 0.052)) == (
        "NDCG@10 on validation: Ensemble 0.0610, Transformer 0.0520, EASE 0.0300 and Item kNN 0.0200."
    )


def test_what_each_member_gives_of_the_score() -> None:
    answer = replace(_explained(1.0), score=2.5, shares={"transformer": 3.0, "ease": -0.5})
    assert common_text.shares(answer) == "Of the score 2.50, the members give: Transformer +3 and EASE −0.500."


def test_where_the_held_out_item_ranks() -> None:
    assert common_text.held_out(ANSWER, 10) == "Held-out item: Lamp, ranked 4th of 1,200."
    assert common_text.held_out(replace(ANSWER, held_out_rank=11), 10).endswith(
        "ranked 11th of 1,200, so not in the top 10."
    )
    assert "no model can rank" in common_text.held_out(replace(ANSWER, held_out_rank=None), 10)
    assert common_text.held_out(replace(ANSWER, held_out=None), 10) == ""


def test_where_several_held_out_items_rank() -> None:
    items = tuple(RankedItem(i, f"i{i}", "Tent", None, 1.0 / i, "tail", i in (2, 5, 12)) for i in range(1, 21))
    answer = replace(ANSWER, items=items, n_held_out=4)
    assert common_text.held_out(answer, 10) == "2 of 4 held-out items are in the top 10; the first to come was Lamp."


def test_a_protocol_in_words() -> None:
    assert common_text.protocol("leave-last-out", None) == "leave-last-out"
    assert common_text.protocol("temporal", (1_700_000_000, 1_714_560_000)) == "temporal (tested from 1 May 2024 on)"


def _explained(*values: float, spread: float = 0.0, exact: bool = True) -> Attribution:
    players = tuple(Player(f"T{i}", f"i{i}", i, 1, v, spread) for i, v in enumerate(values, start=1))
    score = 1.0 + sum(values)
    return Attribution(
        "u1", "i9", "Tent", 1, score, 1.0, players, exact, 64, 0.1, "transformer", {"transformer": score}
    )


def test_the_group_of_earlier_events_is_named_by_its_size() -> None:
    group = Player("", None, None, 5, 2.0, 0.0)
    assert common_text.player_label(group) == "5 earlier events"


def test_how_steady_the_values_are() -> None:
    assert common_text.steadiness(_explained(1.0)).startswith("Exact")
    assert common_text.steadiness(_explained(1.0, spread=0.1, exact=False)).startswith("Steady")
    assert common_text.steadiness(_explained(1.0, spread=0.5, exact=False)).startswith("Unsteady")
    assert "nothing to vary" in common_text.steadiness(_explained(0.0, exact=False))


def test_known_cleaning_reasons_are_translated_and_others_kept() -> None:
    assert common_text.cleaning_reason("item_id is missing") == "item_id is missing"
    i18n.use("zh")
    assert common_text.cleaning_reason("item_id is missing") == "缺少 item_id"
    assert (
        common_text.cleaning_reason("age is missing, filled with the median, 31") == "缺少 age，以 the median, 31 填补"
    )
    assert common_text.cleaning_reason("something new") == "something new"


@pytest.mark.parametrize(
    "metric", [f"{m}@{k}" for m in ("ndcg", "hr", "mrr", "precision", "recall", "f1", "map") for k in (5, 20)]
)
def test_every_metric_has_a_name_and_a_gloss(metric: str) -> None:
    name = common_text.metric_name(metric)
    gloss = common_text.metric_gloss(metric)
    assert gloss.startswith(f"{name}: ")
    assert len(gloss) > len(name) + 20
    assert "{" not in gloss


def test_categories_and_columns_for_people() -> None:
    assert common_text.category("Animation|Comedy") == "Animation, Comedy"
    assert (common_text.category(None), common_text.category("unknown")) == ("", "")
    assert common_text.attribute_name("age_band") == "Age band"
