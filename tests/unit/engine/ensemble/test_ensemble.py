"""The mixed score is the sum it says it is, with all events and with some hidden, and survives the disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from engine.data.dataset import Histories
from engine.data.splits import Split
from engine.ensemble.ensemble import Ensemble, EnsembleWeights
from engine.ensemble.storage import _narrow, load_ensemble, save_ensemble
from engine.errors import RunError
from engine.explanation.shapley import shapley_values
from engine.model.item_similarity import ItemWeights
from tests.unit.engine.ensemble.conftest import N_ITEMS, LaidDown

ROWS = st.lists(st.integers(1, N_ITEMS), min_size=1, max_size=15)
WEIGHTS = np.array([[0.5, 0.3, 0.2], [0.2, 0.0, 0.8]])


@pytest.fixture(scope="session")
def ensemble(habits: Split, parts: tuple[ItemWeights, ...]) -> Ensemble:
    table = np.random.default_rng(1).normal(0, 2, (N_ITEMS + 1, N_ITEMS + 1))
    members = ("transformer", "ease", "itemknn")
    by_length = {name: np.array([0.5, np.nan]) for name in (*members, "ensemble")}
    weights = EnsembleWeights(
        members,
        np.array([4]),
        WEIGHTS,
        np.array([4.0, 0.5, 1.0]),
        {"ensemble": 0.25},
        by_length,
        np.array([7, 0]),
        True,
    )
    return Ensemble(LaidDown(table, habits.candidates), parts, weights)


def test_influence_is_the_share_of_weight_times_spread(ensemble: Ensemble):
    np.testing.assert_allclose(ensemble.weights.influence, [[2.0 / 2.35, 0.15 / 2.35, 0.2 / 2.35], [0.5, 0, 0.5]])


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(1, N_ITEMS), max_size=9), min_size=1, max_size=5))
def test_the_score_is_the_weighted_sum_of_what_members_say(ensemble: Ensemble, rows: list[list[int]]):
    found = ensemble.score(Histories.of(rows))
    assert found.dtype == np.float32
    for row, history in enumerate(rows):
        weights = WEIGHTS[0 if len(history) <= 4 else 1] if history else np.array([1.0, 0.0, 0.0])
        expected = weights[0] * ensemble.transformer.score(Histories.of([history]))[0].astype(np.float64)
        for weight, part in zip(weights[1:], ensemble.parts, strict=True):
            sums = part.matrix.toarray()[sorted(set(history))].sum(axis=0, dtype=np.float64)
            deviation = sums[1:].std() or 1.0
            expected += weight * np.sign(sums) * np.log1p(np.abs(sums) / deviation)
        np.testing.assert_allclose(found[row][ensemble.candidates], expected[ensemble.candidates], atol=1e-4)
        assert (found[row][~ensemble.candidates] == -np.inf).all()


def test_a_weight_of_nothing_leaves_no_nan(ensemble: Ensemble):
    only = dataclasses.replace(ensemble.weights, weights=np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]))
    barred = LaidDown(ensemble.transformer.table, np.arange(N_ITEMS + 1) > 5)  # pyright: ignore
    with np.errstate(all="raise"):
        scores = dataclasses.replace(ensemble, weights=only, transformer=barred).score(Histories.of([[1, 2], []]))
    assert not np.isnan(scores).any()


def test_of_nothing_the_network_alone_speaks(ensemble: Ensemble):
    only = dataclasses.replace(ensemble.weights, weights=np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]))
    nothing = Histories.of([[]])
    found = dataclasses.replace(ensemble, weights=only).score(nothing)
    np.testing.assert_array_equal(found, ensemble.transformer.score(nothing))


@settings(deadline=None)
@given(ROWS, st.integers(1, N_ITEMS))
def test_with_every_event_it_is_the_score_and_shares_sum_to_it(ensemble: Ensemble, row: list[int], item: int):
    history = np.array(row)
    score = float(ensemble.score(Histories.of([row]))[0, item])
    everything = np.ones((1, len(row)), dtype=bool)
    assert ensemble.score_masked(history, item, everything)[0] == pytest.approx(score, abs=1e-4)
    shares = ensemble.shares(history, item, score)
    assert list(shares) == ["transformer", "ease", "itemknn"]
    assert sum(shares.values()) == pytest.approx(score, abs=1e-4)
    window = min(len(row), ensemble.transformer.max_len)
    logit = float(ensemble.transformer.score_masked(history[-window:], item, everything[:, -window:])[0])
    weight = ensemble.weights.of_lengths(np.array([len(row)]))[0, 0]
    assert shares["transformer"] == pytest.approx(weight * logit, abs=1e-4)


@settings(deadline=None, max_examples=20)
@given(ROWS, st.integers(1, N_ITEMS))
def test_base_and_values_are_the_score_however_long_the_history(ensemble: Ensemble, row: list[int], item: int):
    found = shapley_values(ensemble, np.array(row), item, max_events=4, n_permutations=2)
    assert found.base + found.values.sum() == pytest.approx(found.score, abs=1e-4)
    assert found.score == pytest.approx(float(ensemble.score(Histories.of([row]))[0, item]), abs=1e-4)
    assert sum(len(group) for group in found.groups) == len(row)  # events beyond the network's window count too


def test_a_hidden_event_is_masked_for_the_network_and_left_out_of_the_sets(ensemble: Ensemble):
    history, item = np.array([3, 7, 3, 9]), 5
    keep_mask = np.array([[1, 0, 1, 1], [0, 1, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0]], dtype=bool)
    found = ensemble.score_masked(history, item, keep_mask)
    network = ensemble.transformer.score_masked(history, item, keep_mask)
    for row, sets in enumerate([{3, 9}, {3, 7, 9}, {7, 9}, set()]):  # 3 was met twice and goes when both are hidden
        expected = WEIGHTS[0, 0] * network[row]
        for weight, part in zip(WEIGHTS[0, 1:], ensemble.parts, strict=True):
            dense = part.matrix.toarray().astype(np.float64)
            deviation = dense[[3, 7, 9]].sum(axis=0)[1:].std()  # of the whole history, whatever is hidden
            value = dense[sorted(sets), item].sum() / deviation if sets else 0.0
            expected += weight * np.sign(value) * np.log1p(abs(value))
        assert found[row] == pytest.approx(expected, abs=1e-4)


def test_of_a_long_history_the_network_is_asked_about_the_recent_events(ensemble: Ensemble):
    history = np.arange(1, 10)
    keep_mask = np.ones((2, 9), dtype=bool)
    keep_mask[0, :3] = False  # beyond the network's window of six
    keep_mask[1, 6:] = False
    found = ensemble.score_masked(history, 5, keep_mask)
    network = ensemble.transformer.score_masked(history[3:], 5, keep_mask[:, 3:])
    assert network[0] != network[1]
    dense = ensemble.parts[1].matrix.toarray().astype(np.float64)  # item kNN; EASE weighs nothing here
    deviation = dense[history].sum(axis=0)[1:].std()
    for row in range(2):
        value = dense[history[keep_mask[row]], 5].sum() / deviation
        assert found[row] == pytest.approx(WEIGHTS[1, 0] * network[row] + WEIGHTS[1, 2] * np.log1p(value), abs=1e-4)


def test_what_is_loaded_is_what_was_saved_to_the_last_bit(ensemble: Ensemble, tmp_path: Path):
    save_ensemble(ensemble, tmp_path / "ensemble.safetensors")
    again = load_ensemble(tmp_path / "ensemble.safetensors", ensemble.transformer)
    rows = Histories.of([np.arange(1, n + 1) for n in range(12)])
    np.testing.assert_array_equal(again.score(rows), ensemble.score(rows))
    np.testing.assert_array_equal(again.weights.weights, ensemble.weights.weights)
    assert again.weights.members == ensemble.weights.members
    assert (again.weights.validation, again.weights.beats_transformer) == (
        ensemble.weights.validation,
        ensemble.weights.beats_transformer,
    )
    np.testing.assert_array_equal(again.weights.n_users, ensemble.weights.n_users)
    np.testing.assert_array_equal(again.weights.spreads, ensemble.weights.spreads)
    assert again.weights.by_length.keys() == ensemble.weights.by_length.keys()
    for name, values in ensemble.weights.by_length.items():
        np.testing.assert_array_equal(again.weights.by_length[name], values)
    for one, two in zip(again.parts, ensemble.parts, strict=True):
        for field in ("data", "indices", "indptr"):
            ours, theirs = getattr(one.matrix, field), getattr(two.matrix, field)
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype
    assert [path.name for path in tmp_path.iterdir()] == ["ensemble.safetensors"]


def test_columns_are_kept_in_as_little_room_as_holds_every_item():
    assert [_narrow(n) for n in (3, 65_535, 65_536)] == [np.uint16, np.uint16, np.int32]


def test_a_damaged_or_foreign_file_is_named(ensemble: Ensemble, tmp_path: Path):
    path = tmp_path / "ensemble.safetensors"
    with pytest.raises(RunError, match="cannot be read"):
        load_ensemble(path, ensemble.transformer)
    save_ensemble(ensemble, path)
    small = LaidDown(np.zeros((4, 4)), np.ones(4, dtype=bool))
    with pytest.raises(RunError, match="run of 3 items"):
        load_ensemble(path, small)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match="cannot be read"):
        load_ensemble(path, ensemble.transformer)
