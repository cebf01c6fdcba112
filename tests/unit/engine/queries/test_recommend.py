"""Answers about one user agree with each other, with the evaluation, and with the log."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import engine
from tests.conftest import HOSTILE_TITLE, TINY_RUN


@pytest.fixture(scope="module")
def run(tiny_run_dir: Path) -> engine.Run:
    return engine.load_run(TINY_RUN, tiny_run_dir)


@pytest.fixture(scope="module")
def user(run: engine.Run) -> str:
    """The user with the longest history."""
    return run.dataset.users.id_of(int(run.dataset.histories.lengths.argmax()))


def history_of(run: engine.Run, user: str) -> list[str]:
    row = run.dataset.histories[run.dataset.users.index_of(user)]
    return run.dataset.items.ids_of(row).tolist()


def test_the_evaluated_view_holds_out_the_last_event_and_the_full_one_does_not(run: engine.Run, user: str) -> None:
    whole = history_of(run, user)
    evaluated, full = engine.profile(run, user), engine.profile(run, user, view="full")
    assert [e.item_id for e in evaluated.events] == whole[:-1]
    assert evaluated.held_out is not None
    assert evaluated.held_out.item_id == whole[-1]
    assert evaluated.held_out.position == len(whole)
    assert [e.item_id for e in full.events] == whole
    assert full.held_out is None
    assert [e.position for e in full.events] == list(range(1, len(whole) + 1))
    times = [e.time for e in full.events if e.time]
    assert len(times) == len(whole)
    assert times == sorted(times)
    assert evaluated.train_length == len(whole) - 2


def test_a_user_too_short_to_hold_anything_out_keeps_every_event(run: engine.Run) -> None:
    for user, length in (("u000", 1), ("u001", 2)):
        profile = engine.profile(run, user)
        assert len(profile.events) == length
        assert profile.held_out is None
        assert engine.recommend(run, user).held_out_rank is None


def test_recommendations_are_unseen_ranked_and_named(run: engine.Run, user: str) -> None:
    found = engine.recommend(run, user, k=7)
    assert [item.rank for item in found.items] == list(range(1, 8))
    scores = [item.score for item in found.items]
    assert scores == sorted(scores, reverse=True)
    assert not {item.item_id for item in found.items} & {event.item_id for event in found.history}
    assert all(item.title == run.dataset.title(run.dataset.items.index_of(item.item_id)) for item in found.items)


def test_ranks_are_those_of_the_evaluation(run: engine.Run) -> None:
    per_user = run.evaluation.per_user
    measured = per_user[per_user["model"] == "transformer"].set_index("user_idx")["rank"]
    for user_idx in measured.index[:25]:
        found = engine.recommend(run, run.dataset.users.id_of(int(user_idx)), k=10)
        rank = int(measured[user_idx])
        assert (found.held_out_rank or 0) == rank
        marked = [item.rank for item in found.items if item.is_held_out]
        assert marked == ([rank] if 1 <= rank <= 10 else [])


def test_titles_come_in_the_language_asked_for(run: engine.Run, user: str) -> None:
    english, chinese = engine.recommend(run, user), engine.recommend(run, user, lang="zh")
    assert [i.item_id for i in english.items] == [i.item_id for i in chinese.items]
    assert all("号" in i.title for i in chinese.items)
    assert run.dataset.title(run.dataset.items.index_of("i03")) == HOSTILE_TITLE


def test_attention_is_labelled_event_by_event(run: engine.Run, user: str) -> None:
    seen = engine.attention(run, user)
    events = engine.profile(run, user).events[-16:]
    assert seen.weights.shape == (2, 2, 16, 16)
    assert list(seen.item_ids) == [e.item_id for e in events]
    assert list(seen.labels) == [e.title for e in events]
    assert list(seen.positions) == [e.position for e in events]
    assert len(seen.heads) == 4


@pytest.mark.parametrize(("name", "asks"), [("masked", "[MASK]"), ("encoder-decoder", "START")])
def test_reading_both_ways_the_last_row_is_no_event(architecture_runs: Path, name: str, asks: str, user: str) -> None:
    run = engine.load_run(name, architecture_runs)
    seen = engine.attention(run, user)
    events = engine.profile(run, user).events[-16:]
    assert seen.n_events == 16
    assert seen.weights.shape == (2, 2, 17, 17 if name == "masked" else 16)
    assert list(seen.item_ids) == [*(e.item_id for e in events), ""]
    assert list(seen.labels) == [*(e.title for e in events), asks]
    assert list(seen.positions) == [*(e.position for e in events), events[-1].position + 1]
    found = engine.explain(run, user)
    assert found.base + sum(p.value for p in found.players) == pytest.approx(found.score, abs=1e-4)
    assert found.score == pytest.approx(engine.recommend(run, user, k=1).items[0].score, abs=1e-4)


def test_an_explanation_adds_up_and_covers_every_event(run: engine.Run, user: str) -> None:
    found = engine.explain(run, user)
    best = engine.recommend(run, user, k=1).items[0]
    assert (found.item_id, found.rank) == (best.item_id, 1)
    assert found.score == pytest.approx(best.score, abs=1e-4)
    assert found.base + sum(p.value for p in found.players) == pytest.approx(found.score, abs=1e-4)
    events = engine.profile(run, user).events[-16:]
    assert [p.item_id for p in found.players] == [e.item_id for e in events]
    assert [p.position for p in found.players] == [e.position for e in events]
    grouped = engine.explain(run, user, item_id=found.item_id, max_events=5)
    assert (grouped.players[0].n_events, grouped.players[0].item_id) == (11, None)
    assert [p.position for p in grouped.players[1:]] == [e.position for e in events[-5:]]


def test_a_chosen_item_is_explained_with_its_own_rank(run: engine.Run, user: str) -> None:
    fifth = engine.recommend(run, user).items[4]
    found = engine.explain(run, user, fifth.item_id)
    assert (found.title, found.rank) == (fifth.title, 5)
    assert found.score == pytest.approx(fifth.score, abs=1e-4)


def test_unknown_ids_are_refused_by_name(run: engine.Run, user: str) -> None:
    for ask in (engine.profile, engine.recommend, engine.attention, engine.explain):
        with pytest.raises(engine.UnknownIdError, match="No user 'nobody'"):
            ask(run, "nobody")
    with pytest.raises(engine.UnknownIdError, match="No item 'nothing'"):
        engine.explain(run, user, "nothing")
    with pytest.raises(engine.EngineError, match="k \\(0\\)"):
        engine.recommend(run, user, k=0)


def test_users_are_found_by_text_cohort_and_attribute(run: engine.Run) -> None:
    assert len(engine.find_users(run)) == 120
    assert engine.find_users(run, "U03")["user_id"].tolist() == [f"u03{i}" for i in range(10)]
    assert engine.find_users(run, limit=7).shape[0] == 7
    head, tail = (engine.find_users(run, cohort=c) for c in ("head", "tail"))
    assert len(head) + len(tail) == 120
    assert head["history_length"].min() > tail["history_length"].max()
    western = engine.find_users(run, attributes={"region": "西部"})
    assert set(western["region"]) == {"西部"}
    assert 0 < len(western) < 120
    with pytest.raises(engine.UnknownIdError, match="'height'"):
        engine.find_users(run, attributes={"height": "1"})


def test_text_is_no_pattern(run: engine.Run) -> None:
    assert engine.find_users(run, "u0.*").empty


def test_a_random_user_belongs_to_the_cohort_and_has_a_held_out_event(run: engine.Run) -> None:
    for cohort in ("head", "tail"):
        users = {engine.random_user(run, cohort, seed) for seed in range(30)}
        assert len(users) > 5
        for user in users:
            profile = engine.profile(run, user)
            assert profile.cohort == cohort
            assert profile.held_out is not None


def test_one_users_recommendations_take_a_few_milliseconds(run: engine.Run, user: str) -> None:
    times = [engine.recommend(run, user).seconds for _ in range(30)]
    assert np.median(times) < 0.010


def test_the_heads_summary_is_finite(run: engine.Run, user: str) -> None:
    heads = engine.attention(run, user).heads
    assert all(math.isfinite(v) for v in heads.to_numpy().ravel())
