"""A user who is not in the data gets the answers that a user with the same history gets, and unknowns something."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engine
from tests.conftest import BLENDED_RUN, TINY_RUN, tiny_config


@pytest.fixture(scope="module")
def run(tiny_run_dir: Path) -> engine.Run:
    return engine.load_run(TINY_RUN, tiny_run_dir)


@pytest.fixture(scope="module", params=["transformer", "ensemble"])
def blind(
    request: pytest.FixtureRequest, tiny_log_dir: Path, tmp_path_factory: pytest.TempPathFactory, blended_run_dir: Path
) -> engine.Run:
    """A run that reads nothing of its users but their events, by the model that answers in it."""
    if request.param == "ensemble":
        return engine.load_run(BLENDED_RUN, blended_run_dir)
    runs = tmp_path_factory.mktemp("blind")
    return engine.train_run(tiny_log_dir, runs_dir=runs, config=tiny_config(model__user_content="false"))


@pytest.fixture(scope="module")
def popular(tmp_path_factory: pytest.TempPathFactory) -> engine.Run:
    """A run on a log in which nothing counts but how popular an item is."""
    rng = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("popular")
    shares = 1 / np.arange(1, 41)
    lines = ["user_id,item_id"]
    for user in range(300):
        items = rng.choice(40, size=int(rng.integers(3, 9)), replace=False, p=shares / shares.sum())
        lines += [f"u{user},i{item:02d}" for item in items]
    (folder / "log.csv").write_text("\n".join(lines) + "\n")
    changes = ["training.max_epochs=30", "training.patience=30", "model.d_model=16", "evaluation.bootstrap_samples=10"]
    return engine.train_run(folder / "log.csv", runs_dir=folder, config=engine.load_config(changes=changes))


def some_users(run: engine.Run) -> list[tuple[str, list[str]]]:
    data = run.dataset
    return [(data.users.id_of(u), data.items.ids_of(data.histories[u]).tolist()) for u in (0, 1, 5, 40, 80)]


def test_events_given_now_count_as_the_same_events_in_the_data(blind: engine.Run):
    for user, items in some_users(blind):
        ours, theirs = engine.recommend_for(blind, items, k=7), engine.recommend(blind, user, k=7, view="full")
        assert [(i.item_id, i.rank) for i in ours.items] == [(i.item_id, i.rank) for i in theirs.items]
        assert [i.score for i in ours.items] == pytest.approx([i.score for i in theirs.items], abs=1e-5)
        assert (ours.user_id, ours.view, ours.held_out, ours.held_out_rank) == (None, "full", None, None)
        assert [e.item_id for e in ours.history] == items
        assert [e.position for e in ours.history] == list(range(1, len(items) + 1))
        assert {e.time for e in ours.history} == {None}
        assert ours.n_candidates == theirs.n_candidates


def test_explanations_likewise(blind: engine.Run):
    user, items = some_users(blind)[3]
    ours, theirs = engine.explain_for(blind, items), engine.explain(blind, user, view="full")
    assert (ours.item_id, ours.rank) == (theirs.item_id, 1)
    assert [p.position for p in ours.players] == [p.position for p in theirs.players]
    assert [p.value for p in ours.players] == pytest.approx([p.value for p in theirs.players], abs=1e-5)
    assert ours.base + sum(p.value for p in ours.players) == pytest.approx(ours.score, abs=1e-4)
    chosen = engine.recommend_for(blind, items, k=4).items[-1]
    assert engine.explain_for(blind, items, chosen.item_id).rank == 4


def test_order_counts_and_titles_have_a_language(run: engine.Run):
    one, other = (engine.recommend_for(run, items, k=60) for items in (["i10", "i50"], ["i50", "i10"]))
    assert [i.score for i in one.items] != [i.score for i in other.items]
    assert engine.recommend_for(run, ["i10"], lang="zh").items[0].title.endswith("号")


def test_somebody_of_whom_nothing_is_known_gets_what_is_popular(popular: engine.Run):
    given = engine.recommend_for(popular, [], k=40)
    assert given.history == ()
    counts = np.bincount(popular.split.train.items, minlength=popular.dataset.n_items + 1)
    liked = [int(counts[popular.dataset.items.index_of(item.item_id)]) for item in given.items]
    assert len(liked) == (counts > 0).sum()  # nothing was seen, so nothing is left out
    most = sorted(counts, reverse=True)
    assert sum(liked[:5]) > 0.7 * sum(most[:5])
    assert sum(liked[:10]) > 0.7 * sum(most[:10])
    assert sum(liked[:10]) > 4 * sum(liked[-10:])


def test_unknown_items_are_named_all_of_them(run: engine.Run):
    for ask in (engine.recommend_for, engine.explain_for):
        with pytest.raises(engine.UnknownIdError, match=r"No item 'x1', 'x2' among the 60 items .*for example i\d\d"):
            ask(run, ["i01", "x1", "i02", "x2"])
    with pytest.raises(engine.UnknownIdError, match="No item 'x1'"):
        engine.explain_for(run, ["i01"], "x1")


def test_what_cannot_be_answered(run: engine.Run):
    with pytest.raises(engine.EngineError, match="at least one item id"):
        engine.explain_for(run, [])
    with pytest.raises(engine.EngineError, match=r"k \(0\)"):
        engine.recommend_for(run, ["i01"], k=0)
    everything = run.dataset.items.ids.tolist()
    assert engine.recommend_for(run, everything).items == ()
    with pytest.raises(engine.EngineError, match="nothing left to recommend: every item"):
        engine.explain_for(run, everything)
