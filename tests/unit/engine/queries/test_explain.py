"""Lists and pairs of items are explained with the values that each item alone has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engine
from tests.conftest import BLENDED_RUN, TINY_RUN


@pytest.fixture(scope="module", params=[TINY_RUN, BLENDED_RUN])
def run(request: pytest.FixtureRequest, tiny_run_dir: Path, blended_run_dir: Path) -> engine.Run:
    return engine.load_run(request.param, {TINY_RUN: tiny_run_dir, BLENDED_RUN: blended_run_dir}[request.param])


@pytest.fixture(scope="module")
def user(run: engine.Run) -> str:
    """The user with the longest history."""
    return run.dataset.users.id_of(int(run.dataset.histories.lengths.argmax()))


def test_a_list_is_explained_item_by_item(run: engine.Run, user: str) -> None:
    ranked = engine.recommend(run, user, k=4).items
    found = engine.explain_list(run, user, k=4)
    assert [a.item_id for a in found] == [i.item_id for i in ranked]
    for place, (answer, item) in enumerate(zip(found, ranked, strict=True), start=1):
        assert answer.rank == place
        assert answer.score == pytest.approx(item.score, abs=1e-4)
        assert answer.base + sum(p.value for p in answer.players) == pytest.approx(answer.score, abs=1e-4)
        assert sum(answer.shares.values()) == pytest.approx(answer.score, abs=1e-4)
    handed = engine.to_shap(found)
    np.testing.assert_allclose(
        np.asarray(handed.values).sum(axis=1) + handed.base_values, [i.score for i in ranked], atol=1e-4
    )
    assert len(handed.feature_names) == handed.shape[1] == len(found[0].players)
    alone = engine.explain(run, user, ranked[2].item_id)
    assert [p.value for p in found[2].players] == pytest.approx([p.value for p in alone.players], abs=1e-4)


def test_this_and_not_that_adds_up_to_the_difference_of_the_scores(run: engine.Run, user: str) -> None:
    first, second = engine.explain_list(run, user, k=2)
    found = engine.explain_instead(run, user, first.item_id, second.item_id)
    assert (found.first.item_id, found.second.item_id) == (first.item_id, second.item_id)
    apart = [a.value - b.value for a, b in zip(first.players, second.players, strict=True)]
    assert [p.value for p in found.players] == pytest.approx(apart, abs=1e-4)
    total = sum(p.value for p in found.players) + first.base - second.base
    assert total == pytest.approx(first.score - second.score, abs=1e-4)
    assert any(p.spread > 0 for p in found.players)
    with pytest.raises(engine.EngineError, match="compared with itself"):
        engine.explain_instead(run, user, first.item_id, first.item_id)


def test_somebody_new_is_explained_like_a_user_with_the_same_events(run: engine.Run) -> None:
    events = run.dataset.items.ids_of(np.array([3, 4, 5])).tolist()
    found = engine.explain_list(run, engine.NewUser(tuple(events)), k=3)
    assert found[0].item_id == engine.recommend_for(run, events, k=1).items[0].item_id
    assert found[0].user_id is None
    one = engine.explain_for(run, events)
    assert [p.value for p in one.players] == pytest.approx([p.value for p in found[0].players], abs=1e-4)
    with pytest.raises(engine.EngineError, match="nothing to explain"):
        engine.explain_list(run, engine.NewUser(()))


def test_an_item_is_held_against_the_first_in_causes_that_add_up(tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    offered = engine.recommend(run, "u017", k=20).items
    met = np.bincount(run.split.train.items, minlength=run.dataset.n_items + 1)
    for answer in engine.explain_list(run, "u017", k=20):
        against = answer.against
        assert against is not None
        assert against.item_id == offered[1 if answer.rank == 1 else 0].item_id
        assert against.user is not None
        parts = against.standing + against.history + against.user
        assert parts == pytest.approx(answer.score - against.score, abs=1e-5)
        assert against.standing + against.user == pytest.approx(answer.base - against.base, abs=1e-5)
        assert against.n_training == met[run.dataset.items.index_of(answer.item_id)]
        assert against.n_training_other == met[run.dataset.items.index_of(against.item_id)]
    found = engine.explain_instead(run, "u017", offered[4].item_id, offered[2].item_id)
    assert found.against is not None
    assert (found.against.item_id, found.against.rank) == (offered[2].item_id, 3)
    apart = found.first.score - found.second.score
    known = found.against.user or 0.0
    assert found.against.standing + found.against.history + known == pytest.approx(apart, abs=1e-5)


def test_what_is_known_of_somebody_new_is_a_cause_of_its_own(tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    bare = engine.explain_for(run, ["i03", "i04"], item_id="i20").against
    told = engine.explain_for(run, ["i03", "i04"], item_id="i20", attributes={"region": "North"}).against
    assert bare is not None
    assert told is not None
    assert bare.user is None
    assert told.user is not None
    if told.item_id == bare.item_id:
        assert told.standing == pytest.approx(bare.standing, abs=1e-5)


def test_a_user_who_has_had_every_item_has_no_list_to_explain(kinds_of_runs: Path) -> None:
    run = engine.load_run("plain", kinds_of_runs)
    everything = engine.NewUser(tuple(str(item) for item in run.dataset.items.ids))
    with pytest.raises(engine.EngineError, match="nothing left to recommend"):
        engine.explain_list(run, everything)


def test_a_long_title_is_cut_where_it_leaves_the_data(kinds_of_runs: Path) -> None:
    run = engine.load_run("odd", kinds_of_runs)
    titles = [run.dataset.title(item) for item in range(1, run.dataset.n_items + 1)]
    assert max(map(len, titles)) <= 300
    assert any(title.endswith("…") for title in titles)
