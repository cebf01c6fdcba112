"""Shapley values of features add up, leave the network alone, and mean what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import engine
from engine.data.dataset import Histories
from engine.explanation.feature_attribution import Feature, feature_values
from engine.queries.explain_features import run_parts
from tests.conftest import BLENDED_RUN, TINY_RUN


@pytest.fixture(scope="module")
def run(tiny_run_dir: Path) -> engine.Run:
    return engine.load_run(TINY_RUN, tiny_run_dir)


@pytest.mark.parametrize("name", [TINY_RUN, BLENDED_RUN, "masked", "encoder-decoder"])
def test_they_add_up_to_the_score_in_every_architecture(
    name: str, tiny_run_dir: Path, blended_run_dir: Path, architecture_runs: Path
) -> None:
    run = engine.load_run(name, {TINY_RUN: tiny_run_dir, BLENDED_RUN: blended_run_dir}.get(name, architecture_runs))
    user = run.dataset.users.id_of(int(run.dataset.histories.lengths.argmax()))
    second = engine.recommend(run, user).items[1]
    found = engine.explain_features(run, user, second.item_id)
    assert found.rank == 2
    assert found.exact
    assert found.score == pytest.approx(second.score, abs=1e-4)
    assert found.base + sum(f.value for f in found.features) == pytest.approx(found.score, abs=1e-4)
    names = [(f.of, f.name) for f in found.features]
    assert names[:4] == [("items", "own"), ("items", "category"), ("items", "text"), ("items", "price")]
    told = {f.name: f.content for f in found.features}
    assert told["category"] == second.category
    if name == BLENDED_RUN:  # reads nothing of users, and is an ensemble
        assert names[4:] == [("member", "ease"), ("member", "itemknn")]
        shares = engine.explain(run, user, second.item_id).shares
        assert {f.name: f.value for f in found.features[4:]} == pytest.approx(
            {m: shares[m] for m in told if m in shares}
        )
    else:
        assert {name for _of, name in names[4:]} == {"region", "age_band"}
        assert told["region"] == engine.profile(run, user).attributes["region"]


def test_a_user_of_whom_nothing_is_known_is_what_absent_attributes_leave(run: engine.Run) -> None:
    """By the network's own code: the score with both attributes absent is that of an unknown user."""
    parts, user = run_parts(run), 7
    history = run.dataset.histories[user]
    item = int(np.flatnonzero(run.recommender.candidates)[0])
    _, known = feature_values(parts, history, item, user)
    features, unknown = feature_values(parts, history, item)
    assert [f for f in features if f.of == "user"] == []
    one = Histories.of([history])
    assert unknown.score[0] == pytest.approx(float(run.recommender.score(one)[0, item]), abs=1e-4)
    assert unknown.base[0] == pytest.approx(known.base[0], abs=1e-4)
    assert abs(known.score[0] - unknown.score[0]) > 1e-3


def test_what_no_item_has_apart_from_others_counts_nothing(run: engine.Run) -> None:
    """With the map of numbers at zero the price has no value, and the run's own network is as it was."""
    parts, user = run_parts(run), 7
    history = run.dataset.histories[user]
    item = int(np.flatnonzero(run.recommender.candidates)[0])
    before = run.recommender.score(Histories.of([history]))
    features, found = feature_values(parts, history, item, user)
    at = features.index(Feature("items", "price"))
    assert abs(found.values[0, at]) > 1e-5
    content = run.recommender.network.item_vectors.content
    assert content is not None
    assert content.dense_map is not None
    column = parts.items[at - 1].dense
    with torch.no_grad():
        kept = content.dense_map.weight[:, column].clone()
        content.dense_map.weight[:, column] = 0
    try:
        _, mute = feature_values(run_parts(run), history, item, user)
    finally:
        with torch.no_grad():
            content.dense_map.weight[:, column] = kept
    assert abs(mute.values[0, at]) < 1e-6
    np.testing.assert_array_equal(run.recommender.score(Histories.of([history])), before)
