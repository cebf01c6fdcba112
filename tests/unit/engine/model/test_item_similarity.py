"""The kept form of EASE and item kNN: whole where it fits, the strongest where not, and the same scores."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, strategies as st

from engine.data.dataset import Histories
from engine.model import item_similarity
from engine.model.baselines import EASE, ItemKNN
from engine.model.item_similarity import among_strongest, as_sets, spans, strongest_of

N_ITEMS = 23


def random_log(seed: int, n_users: int = 40) -> Histories:
    rng = np.random.default_rng(seed)
    return Histories.of([rng.integers(1, N_ITEMS, rng.integers(0, 9)) for _ in range(n_users)])


@pytest.mark.parametrize("model", [EASE, ItemKNN])
def test_a_small_model_is_kept_whole(model: type[EASE] | type[ItemKNN]):
    train, asked = random_log(0, 200), random_log(1)
    fitted = model(train, N_ITEMS)
    sums = fitted.strongest().sums(asked).toarray()
    np.testing.assert_allclose(sums[:, fitted.candidates], fitted.score(asked)[:, fitted.candidates], atol=1e-6)
    assert (sums[:, ~fitted.candidates] == 0).all()


def plain_strongest(weights: np.ndarray, kept: int) -> np.ndarray:
    """The largest of each column by absolute value, one by one."""
    out = np.zeros_like(weights)
    for column in range(weights.shape[1]):
        order = sorted(range(len(weights)), key=lambda row: (-abs(weights[row, column]), row))[:kept]
        out[order, column] = weights[order, column]
    return out


@pytest.mark.parametrize("block", [3, 512])
@pytest.mark.parametrize("limit", [1, 50, 200, 10_000])
@pytest.mark.parametrize("dense", [True, False])
def test_what_is_cut_is_each_columns_weakest(limit: int, dense: bool, block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(item_similarity, "_BLOCK", block)
    monkeypatch.setattr(item_similarity, "_BLOCK_ENTRIES", 10 * block)
    rng = np.random.default_rng(0)
    weights = rng.integers(-3, 4, (N_ITEMS + 1, N_ITEMS + 1)).astype(np.float32)  # ties abound
    given = weights.copy() if dense else sp.csr_array(weights)
    found = strongest_of("ease", given, limit).matrix.toarray()
    kept = N_ITEMS + 1 if limit >= np.count_nonzero(weights) else max(1, limit // (N_ITEMS + 1))
    np.testing.assert_array_equal(found, plain_strongest(weights, kept))
    np.testing.assert_array_equal(given if dense else given.toarray(), weights)  # pyright: ignore


@given(st.lists(st.lists(st.integers(1, N_ITEMS), max_size=12), max_size=6), st.integers(1, N_ITEMS))
def test_pieces_of_distinct_items_add_up_to_the_sum(rows: list[list[int]], item: int):
    part = ItemKNN(random_log(3, 100), N_ITEMS).strongest()
    histories = Histories.of(rows)
    sums = part.sums(histories).toarray()
    for row, history in enumerate(histories):
        events, items = np.asarray(history), np.array([item, 1])
        together, apart = part.of_events(np.unique(events), items)
        np.testing.assert_allclose(together, sums[row], atol=1e-6)
        assert apart[:, 0].sum() == pytest.approx(sums[row, item], abs=1e-6)
        np.testing.assert_array_equal(part.of_events(events, items)[1], part.matrix.toarray()[events][:, items])
        np.testing.assert_array_equal(part.of_events(events)[1], part.matrix.toarray()[events])


def test_a_history_is_a_set_and_indices_stay_narrow():
    matrix = as_sets(Histories.of([[2, 2, 1], []]), 3)
    np.testing.assert_array_equal(matrix.toarray(), [[0, 1, 1, 0], [0, 0, 0, 0]])
    part = EASE(random_log(0), N_ITEMS).strongest()
    assert {matrix.indices.dtype, part.matrix.indices.dtype, part.matrix.indptr.dtype} == {np.dtype(np.int32)}


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.0, 0.25, 0.5, 1.0])), max_size=60), st.integers(1, 7))
def test_the_strongest_of_each_group_stay(entries: list[tuple[int, float]], kept: int):
    groups = np.array(sorted(group for group, _ in entries), dtype=np.int32)
    values = np.array([value for _, value in entries], dtype=np.float32)
    members = np.random.default_rng(0).permutation(len(entries))
    strong = among_strongest(groups, members, values, kept)
    for group in range(5):
        rows = np.flatnonzero(groups == group).tolist()
        best = sorted(rows, key=lambda row: (-values[row], members[row]))[:kept]
        assert set(np.flatnonzero(strong & (groups == group)).tolist()) == set(best)


@given(st.lists(st.integers(0, 20), max_size=30), st.integers(1, 40))
def test_spans_cover_all_and_hold_no_more_than_asked(sizes: list[int], most: int):
    found = spans(np.array(sizes), most)
    assert [at for start, stop in found for at in range(start, stop)] == list(range(len(sizes)))
    assert all(stop == start + 1 or sum(sizes[start:stop]) <= most for start, stop in found)
    assert all(sum(sizes[start : stop + 1]) > most for start, stop in found if stop < len(sizes))
