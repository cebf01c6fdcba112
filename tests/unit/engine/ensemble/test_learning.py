"""What is learnt helps, never hurts, comes from validation alone, and asks for no order of users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from engine.config import RunConfig
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.ensemble import learning
from engine.ensemble.ensemble import Ensemble
from engine.ensemble.learning import learn_weights
from engine.evaluation.metrics.accuracy import per_user_metrics
from engine.evaluation.ranking import ranks_of_targets
from engine.model.item_similarity import ItemWeights
from tests.unit.engine.ensemble.conftest import LaidDown

Parts = tuple[ItemWeights, ...]


def ndcg(recommender: Ensemble | LaidDown, holdout: Holdout) -> float:
    """By the evaluation's own code."""
    ranks = ranks_of_targets(recommender, holdout)
    return float(per_user_metrics(ranks, holdout.targets.offsets, (10,))["ndcg@10"].mean())


def alone(ensemble: Ensemble, member: int) -> Ensemble:
    weights = np.tile(np.eye(len(ensemble.weights.members))[member], (len(ensemble.weights.weights), 1))
    return replace(ensemble, weights=replace(ensemble.weights, weights=weights))


def test_members_that_know_different_things_do_better_together(
    habits: Split, walker: LaidDown, parts: Parts, config: RunConfig
):
    found = learn_weights(walker, parts, habits, config)
    assert found.weights.beats_transformer
    assert found.weights.members == ("transformer", "ease", "itemknn")
    best = max(value for name, value in found.weights.validation.items() if name != "ensemble")
    assert found.weights.validation["ensemble"] > best + 0.02
    assert ndcg(found, habits.test) > max(ndcg(alone(found, m), habits.test) for m in range(3)) + 0.02


def test_what_it_says_of_itself_is_what_the_evaluation_measures(
    habits: Split, walker: LaidDown, parts: Parts, config: RunConfig
):
    found = learn_weights(walker, parts, habits, config)
    measured = [ndcg(alone(found, m), habits.valid) for m in range(3)] + [ndcg(found, habits.valid)]
    assert list(found.weights.validation.values()) == pytest.approx(measured, abs=1e-9)
    assert found.weights.validation["transformer"] == pytest.approx(ndcg(walker, habits.valid), abs=1e-9)


def test_what_it_says_of_each_bin_is_measured_on_the_users_of_that_bin(
    habits: Split, walker: LaidDown, parts: Parts, config: RunConfig
):
    found = learn_weights(walker, parts, habits, config)
    bins = found.weights.bins_of(habits.valid.histories.lengths)
    assert found.weights.n_users.tolist() == np.bincount(bins, minlength=len(found.weights.weights)).tolist()
    assert list(found.weights.by_length) == [*found.weights.members, "ensemble"]
    for which in range(len(found.weights.weights)):
        part = habits.valid.take(np.flatnonzero(bins == which))
        measured = [ndcg(alone(found, m), part) for m in range(3)] + [ndcg(found, part)]
        assert [values[which] for values in found.weights.by_length.values()] == pytest.approx(measured, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_never_worse_on_validation_than_its_best_member(
    habits: Split, walker: LaidDown, useless: Callable[[int], Parts], config: RunConfig, seed: int
):
    """Two of three members are useless here."""
    found = learn_weights(walker, useless(seed), habits, config)
    values = found.weights.validation
    assert values["ensemble"] >= max(values.values())
    assert ndcg(found, habits.valid) >= max(ndcg(alone(found, m), habits.valid) for m in range(3))


def test_where_weights_mislead_the_best_member_is_used_alone(
    habits: Split, walker: LaidDown, useless: Callable[[int], Parts], config: RunConfig, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(learning, "_choose", lambda ranks, bins, n: np.full(n, ranks.shape[1] - 2))  # EASE, of noise
    found = learn_weights(walker, useless(0), habits, config)
    assert (found.weights.weights == [1, 0, 0]).all()
    assert found.weights.validation["ensemble"] == found.weights.validation["transformer"]
    np.testing.assert_array_equal(found.weights.by_length["ensemble"], found.weights.by_length["transformer"])
    assert not found.weights.beats_transformer


def test_what_falls_back_on_the_transformer_does_not_pay_whatever_its_halves_say(
    habits: Split, walker: LaidDown, useless: Callable[[int], Parts], config: RunConfig, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(learning, "_choose", lambda ranks, bins, n: np.full(n, ranks.shape[1] - 2))
    monkeypatch.setattr(learning, "_beats_transformer", lambda *_: True)
    assert not learn_weights(walker, useless(0), habits, config).weights.beats_transformer


def test_a_set_model_can_be_the_best_member(habits: Split, parts: Parts, laid_down: type[LaidDown], config: RunConfig):
    empty = laid_down(np.zeros((habits.n_items + 1, habits.n_items + 1)), habits.candidates)
    found = learn_weights(empty, parts, habits, config)
    assert found.weights.validation["transformer"] == 0  # ties count against it
    assert found.weights.validation["ensemble"] >= found.weights.validation["ease"] > 0.1
    assert found.weights.beats_transformer  # better than the Transformer is what counts, since one of the two answers


def test_noise_does_not_pay(habits: Split, walker: LaidDown, useless: Callable[[int], Parts], config: RunConfig):
    paying = [learn_weights(walker, useless(seed), habits, config).weights.beats_transformer for seed in range(5)]
    assert sum(paying) <= 1


def test_the_test_part_is_not_looked_at(habits: Split, walker: LaidDown, parts: Parts, config: RunConfig):
    hidden = replace(habits, test=None)  # pyright: ignore[reportArgumentType]
    one, two = (learn_weights(walker, parts, split, config).weights for split in (habits, hidden))
    np.testing.assert_array_equal(one.weights, two.weights)


@settings(max_examples=5, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_users_changes_nothing(habits: Split, parts: Parts, rng) -> None:
    table = np.random.default_rng(0).normal(0, 1, (habits.n_items + 1, habits.n_items + 1))
    network = LaidDown(table, habits.candidates)
    order = list(range(len(habits.valid)))
    rng.shuffle(order)
    users = list(range(len(habits.train)))
    rng.shuffle(users)
    mixed = replace(habits, train=habits.train.take(np.array(users)), valid=habits.valid.take(np.array(order)))
    config = RunConfig().replace({"evaluation": {"exclude_seen": True}})
    one, two = (learn_weights(network, parts, split, config).weights for split in (habits, mixed))
    np.testing.assert_array_equal(one.weights, two.weights)
    np.testing.assert_array_equal(one.longest, two.longest)
    assert (one.validation, one.beats_transformer) == (two.validation, two.beats_transformer)


def test_weights_sum_to_one_and_follow_the_length(habits: Split, walker: LaidDown, parts: Parts, config: RunConfig):
    weights = learn_weights(walker, parts, habits, config).weights
    assert (weights.weights >= 0).all()
    np.testing.assert_allclose(weights.weights.sum(axis=1), 1)
    assert len(weights.weights) == len(weights.longest) + 1
    assert (np.diff(weights.longest) > 0).all()
    logits = walker.score(habits.valid.histories)[:, habits.candidates]
    assert weights.spreads[0] == pytest.approx(logits.std(axis=1, dtype=np.float64).mean(), rel=1e-6)
    assert (weights.spreads > 0).all()
    spread = replace(weights, longest=np.array([2, 5]), weights=np.eye(3))
    np.testing.assert_array_equal(spread.of_lengths(np.array([0, 2, 3, 5, 6, 99])).argmax(axis=1), [0, 0, 1, 1, 2, 2])


def test_a_bin_of_few_users_keeps_to_what_all_users_say():
    """Ten users of a bin prefer column 1 a little; 3,000 others prefer column 0 as much."""
    ranks = np.tile([1, 3], (3010, 1))
    ranks[:10] = [3, 1]
    bins = np.array([0] * 10 + [1] * 3000)
    assert learning._choose(ranks, bins, 2).tolist() == [0, 0]
    ranks[:3000] = [3, 1]
    assert learning._choose(ranks, np.array([0] * 3000 + [1] * 10), 2).tolist() == [1, 1]


def test_bins_can_differ_where_users_are_many():
    ranks = np.concatenate([np.tile([1, 9], (3000, 1)), np.tile([9, 1], (3000, 1))])
    assert learning._choose(ranks, np.repeat([0, 1], 3000), 2).tolist() == [0, 1]


def test_cuts_come_from_the_training_lengths():
    assert learning._longest(np.array([1] * 50 + [3] * 30 + [9] * 20)).tolist() == [1, 3]
    assert learning._longest(np.arange(1, 101)).tolist() == [20, 40, 60, 80]
    assert learning._longest(np.zeros(4, dtype=np.int64)).tolist() == []


def test_without_validation_the_transformer_is_used_alone(
    habits: Split, walker: LaidDown, parts: Parts, config: RunConfig
):
    nobody = Holdout(np.empty(0, dtype=np.int64), Histories.of([]), Histories.of([]))
    weights = learn_weights(walker, parts, replace(habits, valid=nobody), config).weights
    assert (weights.weights == [1, 0, 0]).all()
    assert not weights.beats_transformer
