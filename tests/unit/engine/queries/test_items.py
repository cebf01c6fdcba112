"""Items are found, described and near each other as the arrays behind them say."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import engine
from tests.conftest import BLENDED_RUN, TINY_RUN


@pytest.fixture(scope="module", params=[TINY_RUN, BLENDED_RUN])
def run(request: pytest.FixtureRequest, tiny_run_dir: Path, blended_run_dir: Path) -> engine.Run:
    return engine.load_run(request.param, tiny_run_dir if request.param == TINY_RUN else blended_run_dir)


def test_items_are_found_by_title_in_any_language_and_by_id(run: engine.Run) -> None:
    assert set(engine.find_items(run, "TENT", limit=60)["item_id"]) == {f"i{n:02d}" for n in range(0, 60, 6)}
    assert engine.find_items(run, "帐篷0号")["item_id"].tolist() == ["i00"]
    assert engine.find_items(run, "i17", lang="zh")["title"].tolist()[0].endswith("17号")
    assert engine.find_items(run, "(.*").empty
    popular = engine.find_items(run, limit=5)["popularity"].to_numpy()
    counts = np.bincount(run.split.train.items, minlength=61)
    assert popular.tolist() == np.sort(counts)[::-1][:5].tolist()


def test_an_items_exposure_is_the_lists_that_hold_it(run: engine.Run) -> None:
    lists = run.evaluation.lists[run.answers]
    item = run.dataset.items.id_of(int(lists[0, 2]))
    found = engine.item_profile(run, item, k=5)
    rows = [row for row in range(len(lists)) if lists[0, 2] in lists[row, :5]]
    assert found.exposure == len(rows) == sum(found.exposure_by.values())
    told = engine.receivers(run, item, k=5)
    assert sorted(told["user_id"]) == sorted(run.dataset.users.ids_of(run.split.test.users[rows]))
    assert told["place"].is_monotonic_increasing
    assert (told["cohort"] == "tail").sum() == found.exposure_by["tail"]
    with pytest.raises(engine.EngineError, match="1000 were asked for"):
        engine.item_profile(run, item, k=1000)
    with pytest.raises(engine.UnknownIdError):
        engine.item_profile(run, "no such item")


def test_the_nearest_in_the_model_are_those_of_all_cosines(run: engine.Run) -> None:
    vectors = run.recommender.output_vectors()
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    item = run.dataset.items.index_of("i07")
    near = unit[item] @ unit.T
    near[[0, item]] = -9
    near[~run.serving.candidates] = -9
    found = engine.neighbours(run, "i07", n=4)
    assert [one.item_id for one in found] == run.dataset.items.ids_of(np.argsort(-near, kind="stable")[:4]).tolist()
    assert [one.similarity for one in found] == pytest.approx(np.sort(near)[::-1][:4].tolist(), abs=1e-5)


def test_the_nearest_in_content_share_what_the_item_is(run: engine.Run) -> None:
    assert engine.has_content(run)
    found = engine.neighbours(run, "i06", "content", n=9)
    assert {one.category for one in found} == {"Camping"}
    assert "i06" not in {one.item_id for one in found}
    assert all(a.similarity >= b.similarity for a, b in pairwise(found))
