"""evaluate(): what it counts, keeps and promises."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from engine.config import EvaluationConfig
from engine.errors import EngineError
from engine.evaluation.cohorts import make_cohorts
from engine.evaluation.metrics.accuracy import METRICS
from engine.evaluation.metrics.beyond_accuracy import ACROSS, PER_USER, coverage, exposure_gini, exposures
from engine.evaluation.metrics.item_facts import item_facts
from engine.evaluation.ranking import Ranking
from engine.evaluation.report import Evaluation, evaluate, measured
from engine.evaluation.stats.bootstrap import Levels, resampled_means
from engine.evaluation.stats.intervals import mean_ends
from engine.recommender import top_k

CONFIG = EvaluationConfig(ks=(1, 3), bootstrap_samples=50, exclude_seen=True)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def rows() -> list[list[int]]:
    """Forty users; the history's first item names the row of a table recommender."""
    rng = np.random.default_rng(0)
    rows = [[u + 1, *rng.integers(1, 61, rng.integers(0, 9)).tolist(), *rng.integers(1, 61, 2)] for u in range(40)]
    return [[int(i) for i in row] for row in rows]


@pytest.fixture
def world(make_split, rows, table_recommender):
    split = make_split(rows, 60)
    rng = np.random.default_rng(1)
    oracle = np.zeros((61, 61))
    for row in rows:
        oracle[row[0], row[-1]] = 1
    recommenders = [
        table_recommender(rng.random((61, 61)), split.candidates, "guess"),
        table_recommender(oracle, split.candidates, "oracle"),
    ]
    return split, make_cohorts(split, 0.2, 0.2), recommenders


def test_an_oracle_hits_every_target_that_can_be_hit(world):
    split, cohorts, recommenders = world
    evaluation = evaluate(recommenders, split, cohorts, CONFIG)
    frame = evaluation.per_user[evaluation.per_user["model"] == "oracle"]
    possible = [
        bool(split.candidates[target[0]]) and target[0] not in history
        for history, target in zip(split.test.histories, split.test.targets, strict=True)
    ]
    assert 0 < sum(possible) < 40
    assert (frame["rank"].to_numpy() == possible).all()
    overall = evaluation.models["oracle"].overall
    for metric in ("hr@1", "ndcg@1", "ndcg@3", "mrr@3", "recall@3", "f1@1", "precision@1"):
        assert overall.metrics[metric].value == pytest.approx(np.mean(possible)), metric
    assert overall.metrics["precision@3"].value == pytest.approx(np.mean(possible) / 3)


def test_figures_are_means_over_the_rows_of_each_cohort(world):
    split, cohorts, recommenders = world
    evaluation = evaluate(recommenders, split, cohorts, CONFIG)
    for name, report in evaluation.models.items():
        frame = evaluation.per_user[evaluation.per_user["model"] == name]
        groups = {"overall": (report.overall, frame)}
        for side in ("head", "tail"):
            groups[f"users {side}"] = (report.users[side], frame[frame["user_cohort"] == side])
            groups[f"items {side}"] = (report.items[side], frame[frame["item_cohort"] == side])
        for place, (cohort, part) in groups.items():
            assert cohort.n == len(part) > 0, place
            for metric in evaluation.metrics:
                estimate = cohort.metrics[metric]
                assert estimate.value == pytest.approx(part[metric].mean()), (place, metric)
                assert estimate.low <= estimate.value + 1e-12, (place, metric)
                assert estimate.high >= estimate.value - 1e-12, (place, metric)
        assert report.overall.metrics["hr@3"].low < report.overall.metrics["hr@3"].high


def test_per_user_rows_tell_who_and_what(world):
    split, cohorts, recommenders = world
    frame = evaluate(recommenders, split, cohorts, CONFIG).per_user
    assert frame["model"].tolist() == ["guess"] * 40 + ["oracle"] * 40
    assert list(frame.columns) == [
        *("model", "user_idx", "history_length", "user_cohort", "target_idx", "item_cohort", "rank", "log_rank"),
        *(f"{name}@{k}" for k in (1, 3) for name in METRICS),
        *(f"{name}@{k}" for k in (1, 3) for name in PER_USER),
    ]
    one = frame[frame["model"] == "guess"]
    assert one["user_idx"].tolist() == list(range(40))
    assert one["history_length"].tolist() == split.train.lengths.tolist()
    assert one["target_idx"].tolist() == split.test.targets.items.tolist()
    assert (one["user_cohort"] == "head").tolist() == cohorts.user_is_head.tolist()
    assert (one["item_cohort"] == "head").tolist() == cohorts.item_is_head[split.test.targets.items].tolist()


def test_rank_is_the_best_of_several_targets(table_recommender, make_split, make_holdout):
    split = make_split([[1, 2, 3, 4], [2, 3, 1, 4], [3, 4, 1, 2], [4, 1, 2, 3]], 4)
    test = make_holdout([[1], [2], [3]], [[4, 5], [2, 9], [9, 4]])
    split = type(split)(split.protocol, split.train, split.valid, test, np.ones(10, dtype=bool))
    recommender = table_recommender(np.tile(np.arange(10), (10, 1)))
    recommender.candidates[9] = False
    frame = evaluate([recommender], split, make_cohorts(split, 0.2, 0.2), CONFIG).per_user
    # 9 is left out, so 8, 7, 6, 5, 4 come first; then a seen one with no candidate; then no candidate with 4
    assert frame["rank"].tolist() == [4, 0, 5]


def test_lists_are_what_was_ranked_first(world):
    split, cohorts, recommenders = world
    lists = evaluate(recommenders, split, cohorts, CONFIG).lists
    assert list(lists) == ["guess", "oracle"]
    for recommender in recommenders:
        expected, _ = top_k(recommender, split.test.histories, 3)
        np.testing.assert_array_equal(lists[recommender.name], expected)


def test_log_rank_counts_a_miss_as_one_behind_the_last(world):
    split, cohorts, recommenders = world
    frame = evaluate(recommenders, split, cohorts, CONFIG).per_user
    missed = frame["rank"] == 0
    assert missed.any()
    assert not missed.all()
    assert (frame.loc[missed, "log_rank"] == np.log(split.candidates.sum() + 1)).all()
    assert np.exp(frame.loc[~missed, "log_rank"]).tolist() == pytest.approx(frame.loc[~missed, "rank"].tolist())


def test_coverage_and_exposure_by_hand(table_recommender, make_split):
    split = make_split([[1, 5, 6, 7], [2, 5, 6, 7], [3, 5, 8, 7], [4, 6, 8, 7]], 9)
    # candidates 1..6; the most popular, 5, is head (and with it nobody: 6 was met once)
    cohorts = make_cohorts(split, 0.2, 0.1)
    assert np.flatnonzero(cohorts.item_is_head).tolist() == [5]
    table = np.zeros((10, 10))
    table[:, 6], table[:, 5], table[4, 3] = 9, 8, 7
    report = evaluate([table_recommender(table, split.candidates)], split, cohorts, CONFIG).models["table"]
    # what each of the four is given at 1, after what they saw: [1,5,6]->2; [2,5,6]->1; [3,5,8]->6; [4,6,8]->5
    assert report.coverage["coverage@1"] == pytest.approx(4 / 6)
    assert report.tail_exposure["tail_exposure@1"] == pytest.approx(3 / 4)
    # at 3: 2,3,4 | 1,3,4 | 6,1,2 | 5,3,1: all six items, one place of twelve for the head
    assert report.coverage["coverage@3"] == 1
    assert report.tail_exposure["tail_exposure@3"] == pytest.approx(11 / 12)


def test_places_left_empty_count_for_nothing(table_recommender, make_split):
    split = make_split([[1, 3, 3], [2, 1, 3]], 3)
    cohorts = make_cohorts(split, 0.2, 0.5)
    assert np.flatnonzero(cohorts.item_is_head).tolist() == [1, 2]
    report = evaluate([table_recommender(np.ones((4, 4)), split.candidates)], split, cohorts, CONFIG).models["table"]
    # user 0 saw 1 and 3 and can be given 2 alone; user 1 saw both candidates and is given nothing
    assert report.coverage == {"coverage@1": 0.5, "coverage@3": 0.5}
    assert report.tail_exposure == {"tail_exposure@1": 0, "tail_exposure@3": 0}


def test_survives_json_and_back(world):
    split, cohorts, recommenders = world
    evaluation = evaluate(recommenders, split, cohorts, CONFIG)
    text = json.dumps(evaluation.to_dict(), allow_nan=False)
    values = json.loads(text)
    assert set(values["guess"]) == {
        *("overall", "users", "items"),
        *("coverage@1", "coverage@3", "tail_exposure@1", "tail_exposure@3"),
    }
    assert set(values["guess"]["users"]["tail"]["ndcg@3"]) == {"value", "low", "high"}
    back = Evaluation.from_dict(values, evaluation.per_user, evaluation.protocol)
    assert back.models == evaluation.models
    assert back.metrics == evaluation.metrics
    assert back.protocol == "leave-last-out"


def test_figures_of_lists_stand_under_each_cohort_of_users(world):
    split, cohorts, recommenders = world
    evaluation = evaluate(recommenders, split, cohorts, CONFIG)
    assert evaluation.list_metrics == tuple(f"{name}@{k}" for k in (1, 3) for name in PER_USER)
    assert not set(evaluation.metrics) & set(evaluation.list_metrics)
    for name, report in evaluation.models.items():
        frame = evaluation.per_user[evaluation.per_user["model"] == name].reset_index(drop=True)
        sides = {side: (frame["user_cohort"] == side).to_numpy() for side in ("head", "tail")}
        for part, rows in [(report.overall, np.ones(40, bool)), *((report.users[side], sides[side]) for side in sides)]:
            defined = [m for m in evaluation.list_metrics if frame.loc[rows, m].notna().any()]
            assert "ild@1" not in defined  # a list of one item has no variety
            assert "calibration@3" not in defined  # there is no category
            across = [f"{family}@{k}" for k in (1, 3) for family in ACROSS]
            assert set(part.metrics) == {*evaluation.metrics, "log_rank", *defined, *across}
            for metric in ("log_rank", *defined):
                estimate = part.metrics[metric]
                assert estimate.value == pytest.approx(frame.loc[rows, metric].mean()), metric
                assert estimate.low - 1e-12 <= estimate.value <= estimate.high + 1e-12, metric
            exposure = exposures(evaluation.lists[name][rows], 60)[split.candidates]
            n = int(split.candidates.sum())
            assert part.metrics["coverage@3"].value == coverage(exposure, n)
            assert part.metrics["exposure_gini@3"].value == pytest.approx(exposure_gini(exposure, n))
        for k in (1, 3):
            assert report.overall.metrics[f"coverage@{k}"].value == report.coverage[f"coverage@{k}"]
        for part in report.items.values():
            assert set(part.metrics) == {*evaluation.metrics, "log_rank"}


def test_figures_of_lists_leave_the_intervals_of_the_others_alone(world):
    split, cohorts, recommenders = world
    evaluation = evaluate(recommenders[:1], split, cohorts, CONFIG)
    levels = Levels.of(evaluation.per_user[list(evaluation.metrics)].to_numpy())
    rng = np.random.default_rng(CONFIG.seed).spawn(5)[0]
    drawn = resampled_means(levels, np.arange(40), 50, rng)
    lows, highs = mean_ends(evaluation.metrics, levels.values, np.bincount(levels.codes), drawn, CONFIG.confidence)
    overall = evaluation.models["guess"].overall.metrics
    assert [(overall[m].low, overall[m].high) for m in evaluation.metrics] == list(zip(lows, highs, strict=True))


def test_categories_are_compared_where_they_are_known(world):
    split, cohorts, recommenders = world
    facts = item_facts(None, split, cohorts)
    shares = sparse.csr_array(np.eye(61)[:, 1:] @ np.repeat(np.eye(2), 30, axis=0))
    known = replace(facts, categories=shares, category_names=("a", "b"))
    overall = evaluate(recommenders, split, cohorts, CONFIG, facts=known).models["guess"].overall.metrics
    assert 0 < overall["calibration@3"].value < np.log(100)
    assert (
        overall["ild@3"].value
        != evaluate(recommenders, split, cohorts, CONFIG).models["guess"].overall.metrics["ild@3"].value
    )


def test_items_that_are_no_candidates_cover_nothing(world):
    split, cohorts, _ = world
    ranking = Ranking(np.zeros(40, dtype=np.int32), np.tile(np.array([7, 8, 9], dtype=np.int32), (40, 1)))
    candidates = split.candidates.copy()
    candidates[[7, 8]] = False
    facts = item_facts(None, split, cohorts)
    _, report = measured("stray", ranking, candidates, split, cohorts, CONFIG, facts)
    assert report.coverage == {"coverage@1": 0, "coverage@3": 1 / 58}
    assert report.overall.metrics["coverage@3"].value == 1 / 58
    assert "exposure_gini@1" not in report.overall.metrics  # nothing that could be is shown


def test_an_empty_cohort_has_n_0_and_no_figures(make_split, table_recommender):
    rows = [[1, 2, 3, 4], [2, 3, 1, 4], [3, 4, 1, 2]]
    split = make_split(rows, 4)
    evaluation = evaluate([table_recommender(np.eye(5))], split, make_cohorts(split, 0.2, 0.2), CONFIG)
    report = evaluation.models["table"]
    assert report.users["tail"].n == 0
    assert report.users["tail"].metrics == {}
    assert evaluation.to_dict()["table"]["users"]["tail"] == {"n": 0}
    assert Evaluation.from_dict(evaluation.to_dict(), evaluation.per_user).models == evaluation.models


def test_a_model_has_the_same_figures_whoever_stands_beside_it(world):
    split, cohorts, recommenders = world
    beside = evaluate(recommenders, split, cohorts, CONFIG)
    alone = evaluate(recommenders[1:], split, cohorts, CONFIG)
    assert alone.models["oracle"] == beside.models["oracle"]


def test_progress_rises_to_1(world):
    split, cohorts, recommenders = world
    told: list[tuple[str, float]] = []
    evaluate(recommenders, split, cohorts, CONFIG, lambda message, share: told.append((message, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert {message for message, _ in told} >= {"Ranking with guess", "Ranking with oracle"}


def test_two_models_of_one_name_are_refused(world):
    split, cohorts, recommenders = world
    with pytest.raises(EngineError, match="guess, guess"):
        evaluate([recommenders[0]] * 2, split, cohorts, CONFIG)


def test_seen_items_are_left_out_only_where_asked(world):
    split, cohorts, recommenders = world
    config = CONFIG.model_copy(update={"exclude_seen": False})
    kept = evaluate(recommenders, split, cohorts, config).models["oracle"].overall.metrics["hr@1"].value
    left_out = evaluate(recommenders, split, cohorts, CONFIG).models["oracle"].overall.metrics["hr@1"].value
    assert kept > left_out
