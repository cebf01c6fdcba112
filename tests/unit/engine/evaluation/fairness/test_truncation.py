"""The truncation experiment: ranks against a slow count, parts that sum to the gap, and planted causes found."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from engine.config import EvaluationConfig
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.errors import EngineError
from engine.evaluation.cohorts import make_cohorts
from engine.evaluation.fairness.gap_decomposition import decompose
from engine.evaluation.fairness.truncation import Truncation, draw_lengths, rank_truncated, truncation_experiment
from engine.evaluation.ranking import rank_targets
from engine.evaluation.report import evaluate

CONFIG = EvaluationConfig(bootstrap_samples=300, ks=(1, 3))  # pyright: ignore[reportCallIssue]
N_ITEMS = 20


class SumRecommender:
    """Scores by the sum of its table's rows of the history's events, so that every event counts."""

    def __init__(self, seed: int = 0, name: str = "sum", n_items: int = N_ITEMS) -> None:
        rng = np.random.default_rng(seed)
        self.name = name
        self.table = rng.integers(0, 4, (n_items + 1, n_items + 1)).astype(np.float32)  # integers: ties, and exact sums
        self.candidates = rng.random(n_items + 1) < 0.9
        self.candidates[0] = False

    def score(self, histories: Histories) -> np.ndarray:
        scores = np.zeros((len(histories), len(self.table)), dtype=np.float32)
        np.add.at(scores, histories.positions(), self.table[histories.items])
        scores[:, ~self.candidates] = -np.inf
        return scores


class DeafRecommender(SumRecommender):
    """Does not look at the history."""

    def score(self, histories: Histories) -> np.ndarray:
        return np.tile(np.where(self.candidates, self.table[1], -np.inf).astype(np.float32), (len(histories), 1))


def world(seed: int, n_users: int = 12, targets: int = 1, longest: int = 9) -> Holdout:
    rng = np.random.default_rng(seed)
    histories = [rng.integers(1, N_ITEMS + 1, rng.integers(1, longest)).tolist() for _ in range(n_users)]
    answers = [rng.choice(np.arange(1, N_ITEMS + 1), targets, replace=False).tolist() for _ in range(n_users)]
    return Holdout(np.arange(n_users), Histories.of(histories, range(n_users)), Histories.of(answers))


@pytest.mark.parametrize(("exclude_seen", "forget"), [(True, False), (False, False), (True, True)])
@pytest.mark.parametrize("seed", range(3))
def test_ranks_count_the_newest_events_alone_and_leave_out_what_the_whole_history_holds(
    seed: int, exclude_seen: bool, forget: bool
):
    holdout, recommender = world(seed, 30), SumRecommender(seed)
    lengths = np.random.default_rng(seed).integers(1, 5, 30)
    found = rank_truncated(recommender, holdout, lengths, exclude_seen, forget)
    expected = []
    for row, length in enumerate(lengths):
        whole, target = holdout.histories[row].tolist(), int(holdout.targets[row][0])
        scores = recommender.table[whole[-length:]].sum(axis=0)
        allowed = [i for i in range(1, N_ITEMS + 1) if recommender.candidates[i]]
        allowed = [i for i in allowed if not (exclude_seen and i in (whole[-length:] if forget else whole))]
        expected.append(sum(scores[i] >= scores[target] for i in allowed) if target in allowed else 0)
    assert found.tolist() == expected
    assert 0 in expected


@given(st.integers(0, 50), st.booleans(), st.integers(1, 3), st.integers(0, 4))
def test_lengths_that_cut_nothing_change_nothing(seed: int, exclude_seen: bool, targets: int, more: int):
    holdout, recommender = world(seed, targets=targets), SumRecommender(seed)
    found = rank_truncated(recommender, holdout, holdout.histories.lengths + more, exclude_seen)
    assert found.tolist() == rank_targets(recommender, holdout, 0, exclude_seen).ranks.tolist()


@given(st.integers(0, 50), st.booleans(), st.integers(1, 3))
def test_a_model_that_is_deaf_to_histories_ranks_as_before_however_short_they_are(
    seed: int, exclude_seen: bool, length: int
):
    holdout, recommender = world(seed), DeafRecommender(seed)
    found = rank_truncated(recommender, holdout, np.full(len(holdout), length), exclude_seen)
    assert found.tolist() == rank_targets(recommender, holdout, 0, exclude_seen).ranks.tolist()


def test_whoever_is_asked_stays_the_user_they_are():
    holdout = world(0)
    asked: list[int] = []

    class Listening(SumRecommender):
        def score(self, histories: Histories) -> np.ndarray:
            assert histories.users is not None
            asked.extend(histories.users.tolist())
            return super().score(histories)

    rank_truncated(Listening(), holdout, np.ones(len(holdout), dtype=int))
    assert asked == list(range(len(holdout)))


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=20),
    st.lists(st.integers(1, 12), min_size=1, max_size=20),
    st.integers(1, 4),
    st.integers(0, 9),
)
def test_drawn_lengths_are_the_others_and_never_longer_than_a_history(own, others, draws: int, seed: int):
    found = draw_lengths(np.array(own), np.array(others), draws, np.random.default_rng(seed))
    assert found.shape == (len(own), draws)
    assert (found <= np.array(own)[:, None]).all()
    assert all(int(cell) in {*others, *own} for cell in found.ravel())
    roomy = draw_lengths(np.full(3 * len(others), 99), np.array(others), draws, np.random.default_rng(seed))
    for draw in roomy.T:  # as many slices as others, three times over: the very same distribution
        assert sorted(draw) == sorted(others * 3)


def test_lengths_are_dealt_out_at_random():
    found = draw_lengths(np.full(400, 99), np.arange(1, 11), 2, np.random.default_rng(0))
    assert abs(np.corrcoef(np.arange(400), found[:, 0])[0, 1]) < 0.2
    assert abs(np.corrcoef(found.T)[0, 1]) < 0.2


@pytest.fixture(scope="module")
def shop():
    """A split of 300 users, long and short, and two models measured on it."""
    rng = np.random.default_rng(3)
    rows = [
        rng.integers(1, N_ITEMS + 1, length).tolist()
        for length in np.r_[rng.integers(3, 7, 240), rng.integers(9, 19, 60)]
    ]
    train = Histories.of([row[:-2] for row in rows])
    users = np.arange(len(rows))

    def holdout(back: int) -> Holdout:
        return Holdout(
            users,
            Histories.of([row[:-back] for row in rows], range(len(rows))),
            Histories.of([row[-back : len(row) - back + 1] for row in rows]),
        )

    candidates = np.arange(N_ITEMS + 1) > 0
    split = Split("leave-last-out", train, holdout(2), holdout(1), candidates)
    models = [SumRecommender(), DeafRecommender(1, "deaf")]
    return models, split, evaluate(models, split, make_cohorts(split, 0.2, 0.2), CONFIG)


@pytest.fixture(scope="module")
def found(shop):
    models, split, evaluation = shop
    return truncation_experiment(models, split, evaluation, CONFIG, draws=3)


def test_parts_sum_to_the_gap_and_the_ends_are_those_that_were_measured(shop, found):
    _, _, evaluation = shop
    for model, experiment in found.items():
        assert set(experiment.parts) == {*evaluation.metrics, "log_rank"}
        rows = evaluation.per_user[evaluation.per_user["model"] == model]
        for metric, parts in experiment.parts.items():
            assert parts.length.value + parts.users.value == pytest.approx(parts.gap.value, abs=1e-12)
            assert parts.gap.value == pytest.approx(parts.tail.value - parts.head.value, abs=1e-12)
            assert parts.length.value == pytest.approx(parts.truncated.value - parts.head.value, abs=1e-12)
            means = rows.groupby("user_cohort")[metric].mean()
            assert (parts.head.value, parts.tail.value) == pytest.approx((means["head"], means["tail"]))
            if parts.length_share is not None:
                assert parts.users_share is not None
                assert parts.length_share.value + parts.users_share.value == pytest.approx(1)
                assert not parts.gap.low <= 0 <= parts.gap.high
            else:
                assert parts.gap.low <= 0 <= parts.gap.high


def test_the_deaf_model_has_no_part_that_lengths_explain(found):
    for parts in found["deaf"].parts.values():
        assert (parts.length.value, parts.length.low, parts.length.high) == (0, 0, 0)
        assert parts.users == parts.gap
    assert any(parts.length.value != 0 for parts in found["sum"].parts.values())


def test_lengths_say_what_was_cut(shop, found):
    _, split, evaluation = shop
    is_head = (evaluation.per_user["user_cohort"][: len(split.test)] == "head").to_numpy()
    lengths = split.test.histories.lengths
    experiment = found["sum"]
    assert (experiment.n_head, experiment.n_tail, experiment.draws) == (is_head.sum(), (~is_head).sum(), 3)
    assert experiment.head_length == pytest.approx(lengths[is_head].mean())
    assert experiment.tail_length == pytest.approx(lengths[~is_head].mean())
    assert experiment.cut_length == pytest.approx(experiment.tail_length, abs=0.1)


def test_it_is_the_same_again_and_survives_json(shop, found):
    models, split, evaluation = shop
    again = truncation_experiment(models, split, evaluation, CONFIG, draws=3)
    assert again == found
    plain = json.loads(json.dumps(found["sum"].to_dict(), allow_nan=False))
    assert Truncation.from_dict(plain) == found["sum"]


def test_another_model_beside_it_does_not_change_a_figure(shop, found):
    models, split, evaluation = shop
    alone = truncation_experiment(models[1:], split, evaluation, CONFIG, draws=3)["deaf"]
    for metric, parts in alone.parts.items():
        assert parts.users.low == pytest.approx(found["deaf"].parts[metric].users.low)
        assert parts.users.high == pytest.approx(found["deaf"].parts[metric].users.high)


def test_progress_rises_to_the_end(shop):
    models, split, evaluation = shop
    told: list[float] = []
    truncation_experiment(models, split, evaluation, CONFIG, 2, on_progress=lambda message, share: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 4


def test_what_cannot_be_split_is_said(shop):
    models, split, evaluation = shop
    everyone = replace(evaluation, per_user=evaluation.per_user.assign(user_cohort="head"))
    with pytest.raises(EngineError, match=r"of 300 test users 300 are head"):
        truncation_experiment(models, split, everyone, CONFIG)
    with pytest.raises(EngineError, match="No model 'stranger'"):
        truncation_experiment([SumRecommender(name="stranger")], split, evaluation, CONFIG)
    assert truncation_experiment([], split, evaluation, CONFIG) == {}


def split_of_figures(head, cut, tail, **changes):
    """`decompose` of one model and one metric."""
    whole = np.r_[head, tail][None, :, None]
    is_head = np.arange(whole.shape[1]) < len(head)
    rngs = np.random.default_rng(0).spawn(2)
    config = CONFIG.model_copy(update=changes)
    return decompose(["ndcg@10"], (whole, np.array(cut)[None, :, None]), is_head, config, *rngs)[0]["ndcg@10"]


RNG = np.random.default_rng(5)
HIGH, LOW = RNG.normal(0.5, 0.1, 200), RNG.normal(0.3, 0.1, 400)


@pytest.mark.parametrize(
    ("head", "cut", "tail", "verdict", "dominant"),
    [
        (HIGH, HIGH - 0.2, LOW, "length", "length"),
        (HIGH, HIGH, LOW, "users", "users"),
        (HIGH, HIGH - 0.1, LOW, "both", None),
        (HIGH, HIGH - 0.15, LOW, "both", "length"),
        (HIGH, HIGH + 0.1, LOW, "both", "users"),
        (HIGH, HIGH, HIGH, "neither", None),
        (HIGH[:20], HIGH[:20] - 0.2, LOW, "unclear", None),
        (HIGH, HIGH - 0.2, LOW[:29], "unclear", None),
    ],
)
def test_verdicts(head, cut, tail, verdict: str, dominant: str | None):
    found = split_of_figures(head, cut, tail)
    assert (found.verdict, found.dominant) == (verdict, dominant)


def test_a_gap_that_no_part_alone_accounts_for_is_unclear():
    rng = np.random.default_rng(1)
    head, tail, change = (values - values.mean() for values in rng.normal(0, 0.2, (3, 300)))
    head, tail, cut = head + 0.3, tail + 0.25, head + 0.3 + 3 * change - 0.025
    found = split_of_figures(head, cut, tail)
    assert found.verdict == "unclear"
    assert found.length_share is not None
    assert found.length_share.low < found.length_share.value < found.length_share.high


@pytest.mark.parametrize("figure", [4.51085951, 1 / 3, 0.1, 1e-3])
def test_what_rounding_leaves_of_equal_means_is_no_gap(figure: float):
    """Everybody has one figure: the means of ten and of 290 users differ in the last digit, and always by as much."""
    found = split_of_figures(np.full(10, figure), np.full(10, figure), np.full(290, figure))
    for part in (found.gap, found.length, found.users):
        assert (part.value, part.low, part.high) == (0, 0, 0)
    assert found.length_share is found.users_share is found.dominant is None


def test_a_head_user_keeps_their_figure_before_and_after_the_cut():
    """Everyone loses the same, so there is nothing unsure about the loss, however much users differ."""
    found = split_of_figures(HIGH, HIGH - 0.1, LOW)
    assert found.length.high - found.length.low < 1e-9
    assert found.head.high - found.head.low > 0.01
    levelled = split_of_figures(HIGH, np.full(200, 0.4), LOW)
    assert levelled.truncated.high - levelled.truncated.low < 1e-9
    # The tail is drawn by itself: its spread adds to that of the gap.
    assert found.gap.high - found.gap.low > found.tail.high - found.tail.low


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(2)
    inside = {"gap": 0, "length": 0, "users": 0}
    worlds = 200
    for _ in range(worlds):
        head, tail = rng.normal(0.5, 0.3, 80), rng.normal(0.35, 0.3, 150)
        found = split_of_figures(head, head + rng.normal(-0.1, 0.3, 80), tail)
        truth = {"gap": -0.15, "length": -0.1, "users": -0.05}
        for name, value in truth.items():
            part = getattr(found, name)
            inside[name] += part.low <= value <= part.high
    for name, count in inside.items():
        assert count / worlds == pytest.approx(0.95, abs=0.05), name
