"""The set found makes the item leave, no event of it is idle, and what is called smallest is."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.data.dataset import NOBODY
from engine.explanation.counterfactual import smallest_removal
from tests.conftest import BLENDED_RUN, TINY_RUN


class Sums:
    """Item i's score is the sum of a table's rows of the events that are there: what is needed can be told by hand."""

    name = "transformer"
    max_len = 30

    def __init__(self, table: np.ndarray, base: np.ndarray | float = 0.0) -> None:
        self.table, self.base, self.candidates = table, base, np.arange(table.shape[1]) > 0

    def scores_masked(
        self, history: np.ndarray, keep_mask: np.ndarray, items: np.ndarray | None = None, user: int = NOBODY
    ) -> np.ndarray:
        rows = keep_mask.astype(float) @ self.table[history] + self.base
        return rows if items is None else rows[:, items]


def smallest_by_hand(model: Sums, history: np.ndarray, item: int, k: int) -> int | None:
    n = len(history)
    for size in range(1, n + 1):
        for gone in combinations(range(n), size):
            scores = model.scores_masked(history, ~np.isin(np.arange(n), gone)[None])[0]
            scores[[0, *history]] = -np.inf
            if (scores >= scores[item]).sum() > k:
                return size
    return None


@pytest.mark.parametrize("seed", range(12))
def test_what_is_proven_smallest_is_smallest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = Sums(rng.normal(size=(31, 31)))
    history = np.arange(1, 10)
    scores = model.scores_masked(history, np.ones((1, 9), dtype=bool))[0]
    scores[[0, *history]] = -np.inf
    item = int(scores.argmax())
    found = smallest_removal(model, history, item, history, k=3)  # pyright: ignore[reportArgumentType]
    assert found.rank == 1
    assert found.proven
    assert found.n_evaluations <= 3000
    by_hand = smallest_by_hand(model, history, item, 3)
    assert len(found.events) == (by_hand or 0)
    if by_hand:
        assert found.rank_without > 3
    cheap = smallest_removal(model, history, item, history, k=3, budget=1)  # pyright: ignore[reportArgumentType]
    assert not cheap.proven or len(cheap.events) == 1
    if len(cheap.events):  # found by the order alone, so perhaps too large, but every event of it is needed
        assert cheap.rank_without > 3
        for kept in cheap.events:
            keep_mask = ~np.isin(np.arange(9), np.setdiff1d(cheap.events, kept))
            scores = model.scores_masked(history, keep_mask[None])[0]
            scores[[0, *history]] = -np.inf
            assert (scores >= scores[item]).sum() <= 3


def test_where_no_event_counts_none_is_found() -> None:
    model = Sums(np.zeros((31, 31)), base=np.arange(31.0))
    found = smallest_removal(model, np.array([1, 2, 3]), 30, np.array([1, 2, 3]), k=1)  # pyright: ignore
    assert found.proven
    assert found.tried_up_to == 3
    assert len(found.events) == 0
    assert found.rank == found.rank_without == 1


@pytest.mark.parametrize("name", [TINY_RUN, BLENDED_RUN])
def test_a_run_s_answer_holds_when_the_catalogue_is_scored_again(
    name: str, tiny_run_dir: Path, blended_run_dir: Path
) -> None:
    run = engine.load_run(name, {TINY_RUN: tiny_run_dir, BLENDED_RUN: blended_run_dir}[name])
    lengths = run.dataset.histories.lengths
    user = run.dataset.users.id_of(int(lengths.argmax()))
    listed = engine.recommend(run, user, k=5)
    third = listed.items[2]
    found = engine.explain_without(run, user, third.item_id, k=5, budget=1500)
    assert found.rank == 3
    assert found.events
    history = run.dataset.items.indices_of([e.item_id for e in listed.history])
    assert [history[e.position - 1] for e in found.events] == [
        run.dataset.items.index_of(e.item_id) for e in found.events
    ]
    keep_mask = ~np.isin(np.arange(len(history)), [e.position - 1 for e in found.events])
    window = min(len(history), run.serving.max_len)
    scores = run.serving.scores_masked(
        history[-window:], keep_mask[None, -window:], None, run.dataset.users.index_of(user)
    )[0]
    scores[~run.serving.candidates] = -np.inf
    scores[history] = -np.inf
    rank = int((scores >= scores[run.dataset.items.index_of(third.item_id)]).sum())
    assert found.rank_hidden == rank > 5
    new = run.dataset.items.ids_of(np.argsort(-scores, kind="stable")[:5]).tolist()
    assert {p.item_id for p in found.replaced_by} == set(new) - {i.item_id for i in listed.items}
    assert all(new[p.rank - 1] == p.item_id for p in found.replaced_by)
    with pytest.raises(engine.EngineError, match="ranked 3, so it is in no top 2"):
        engine.explain_without(run, user, third.item_id, k=2)
