"""Windows changed at random keep what each change promises to keep, and stay windows to learn from."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import example, given, strategies as st

from engine.config import RunConfig
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.evaluation.cohorts import make_cohorts
from engine.model.network.noise import Noise
from engine.model.training.augmentation import (
    LONGEST_STRETCH,
    SUBSTITUTED,
    augmentation_of,
    crop,
    head_cut,
    reorder,
    similar_items,
    substitute,
    truncate,
)
from engine.model.training.batching import rows_of_windows, windows

ROWS = st.lists(st.lists(st.integers(1, 9), min_size=2, max_size=12), min_size=1, max_size=12)
SHARE = st.sampled_from([0.0, 0.3, 1.0])
SEED = st.integers(0, 99)


def many(length: int = 9, n: int = 4000) -> Histories:
    """Windows that hold 1, 2, 3, ...: each item tells its place."""
    return Histories.of([list(range(1, length + 1))] * n)


def changed(before: Histories, after: Histories) -> np.ndarray:
    pairs = zip(before, after, strict=True)
    return np.array([not np.array_equal(a, b) for a, b in pairs])


def is_part(part: list[int], whole: list[int]) -> bool:
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))


@given(rows=ROWS, share=SHARE, seed=SEED)
def test_a_crop_is_a_contiguous_part_of_at_least_two_items(rows: list[list[int]], share: float, seed: int) -> None:
    after = crop(Histories.of(rows), share, np.random.default_rng(seed))
    assert len(after) == len(rows)
    for part, whole in zip(after, rows, strict=True):
        assert len(part) >= 2
        assert is_part(part.tolist(), whole)


def test_crops_begin_and_end_anywhere_in_their_share_of_the_windows() -> None:
    before = many()
    after = crop(before, 0.4, np.random.default_rng(0))
    assert changed(before, after).mean() == pytest.approx(0.4 * 7 / 8, abs=0.03)  # one crop in eight is the whole
    assert {int(row[0]) for row in after} == set(range(1, 9))
    assert {int(row[-1]) for row in after} == set(range(2, 10))
    assert {len(row) for row in after} == set(range(2, 10))


@given(rows=ROWS, share=SHARE, seed=SEED)
def test_reordering_keeps_the_items_and_the_last_and_touches_one_short_stretch(
    rows: list[list[int]], share: float, seed: int
) -> None:
    after = reorder(Histories.of(rows), share, np.random.default_rng(seed))
    for now, before in zip(after, rows, strict=True):
        assert Counter(now.tolist()) == Counter(before)
        assert now[-1] == before[-1]
        moved = np.flatnonzero(now != np.array(before))
        if len(moved):
            assert moved[-1] - moved[0] < LONGEST_STRETCH


def test_a_share_of_windows_is_reordered_at_all_places_but_the_last() -> None:
    before = many()
    after = reorder(before, 0.4, np.random.default_rng(0))
    moved = after.padded() != before.padded()
    assert moved.any(axis=0).tolist() == [True] * 8 + [False]
    share = np.mean([1 - 1 / 2, 1 - 1 / 6, 1 - 1 / 24])  # of the orders of two, three or four items one is the old one
    assert changed(before, after).mean() == pytest.approx(0.4 * share, abs=0.03)
    pairs = Histories.of([[1, 2]] * 50)
    assert not changed(pairs, reorder(pairs, 1.0, np.random.default_rng(0))).any()


@given(rows=ROWS, share=SHARE, seed=SEED, lengths=st.lists(st.integers(2, 15), min_size=1), data=st.data())
def test_only_head_users_windows_are_cut_to_their_newest_items(
    rows: list[list[int]], share: float, seed: int, lengths: list[int], data: st.DataObject
) -> None:
    is_head = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    after = truncate(Histories.of(rows), is_head, np.array(lengths), share, np.random.default_rng(seed))
    for now, before, head in zip(after, rows, is_head, strict=True):
        assert now.tolist() == before[-len(now) :]
        assert len(now) == len(before) or (head and len(now) in lengths)


def test_a_share_of_head_users_windows_gets_the_lengths_of_the_tail() -> None:
    before = many()
    after = truncate(before, np.arange(4000) < 2000, np.array([2, 2, 2, 5]), 0.5, np.random.default_rng(0))
    cut = after.lengths < 9
    assert cut[:2000].mean() == pytest.approx(0.5, abs=0.04)
    assert not cut[2000:].any()
    assert (after.lengths[cut] == 2).mean() == pytest.approx(0.75, abs=0.04)


@given(rows=ROWS, share=SHARE, seed=SEED)
def test_substitutes_are_neighbours_and_neither_padding_nor_masks_are_touched(
    rows: list[list[int]], share: float, seed: int
) -> None:
    similar = np.array([[7, 7], [2, 3], [0, 0], [1, 0], *([i % 3 + 1, 9 - i] for i in range(4, 9)), [4, 0]])
    items = Histories.of(rows).padded(14)
    items[0, 0] = 10  # [MASK]: the first index past the vocabulary
    given_to = items.copy()
    after = substitute(given_to, similar, share, np.random.default_rng(seed))
    np.testing.assert_array_equal(given_to, items)  # the batch's own array is also what is sought
    for was, now in zip(items.ravel().tolist(), after.ravel().tolist(), strict=True):
        assert now == was or (0 < was < 10 and now in similar[was] and now > 0)


def test_a_share_of_rows_has_a_fifth_of_its_events_replaced_by_each_neighbour_alike() -> None:
    similar = np.zeros((10, 3), dtype=np.int64)
    similar[1:, :2] = [11, 12]  # no item that is there stands for another
    before = many().padded()
    after = substitute(before, similar, 0.5, np.random.default_rng(0))
    replaced = after != before
    rows = replaced.any(axis=1)
    assert rows.mean() == pytest.approx(0.5 * (1 - (1 - SUBSTITUTED) ** 9), abs=0.03)
    assert replaced.mean() == pytest.approx(0.5 * SUBSTITUTED, abs=0.01)
    assert (after[replaced] == 11).mean() == pytest.approx(0.5, abs=0.03)


def test_similar_items_are_those_with_the_same_users() -> None:
    train = Histories.of([[1, 2], [1, 2], [1, 3], [4], [2, 1]])
    similar = similar_items(train, 5)
    assert similar.shape == (6, 10)
    assert similar[1].tolist() == [2, 3] + [0] * 8
    assert similar[3].tolist() == [1] + [0] * 9
    assert not similar[[0, 4, 5]].any()  # padding, an item met alone, an item never met


@given(lengths=st.lists(st.integers(0, 30), min_size=1).filter(any), share=st.floats(0.01, 0.99))
@example(lengths=list(range(1, 101)), share=0.07)  # 7.000000000000001 of 100
def test_the_head_is_cut_where_the_evaluation_cuts_it(lengths: list[int], share: float) -> None:
    split = split_of([[1] * n for n in lengths])
    assert head_cut(np.array(lengths), share) == make_cohorts(split, share, 0.2).user_cut


@given(
    rows=st.lists(st.lists(st.integers(1, 9), max_size=23), min_size=1, max_size=20).filter(
        lambda rows: any(len(row) > 1 for row in rows)
    ),
    max_len=st.integers(2, 8),
    seed=SEED,
)
def test_all_changes_together_leave_windows_to_learn_from(rows: list[list[int]], max_len: int, seed: int) -> None:
    split = split_of(rows)
    everything = {"crop": 0.5, "reorder": 0.5, "substitute": 0.5, "truncate_head": 0.5}
    config = RunConfig().replace({"augmentation": everything, "model": {"max_len": max_len}})
    augmentation = augmentation_of(split, config)
    cut = windows(split.train, max_len)
    assert len(augmentation.is_head) == len(cut)
    changed_cut = augmentation.windows(cut, np.random.default_rng(seed))
    assert len(changed_cut) == len(cut)
    assert (changed_cut.lengths >= 2).all()
    assert (changed_cut.lengths <= cut.lengths).all()
    owners = rows_of_windows(split.train, max_len)
    for owner, row in zip(owners, changed_cut, strict=True):
        assert not Counter(row.tolist()) - Counter(rows[owner])
    items = changed_cut.padded()
    read = augmentation.inputs(items, np.random.default_rng(seed))
    np.testing.assert_array_equal(read == 0, items == 0)
    assert split.candidates[read[read > 0]].all()


def test_what_is_off_draws_nothing_and_copies_nothing() -> None:
    split = split_of([[1, 2, 3], [2, 3]])
    augmentation = augmentation_of(split, RunConfig().replace({"model": {"max_len": 5}}))
    rng, untouched = np.random.default_rng(0), np.random.default_rng(0)
    cut = windows(split.train, 5)
    items = cut.padded()
    assert augmentation.windows(cut, rng) is cut
    assert augmentation.inputs(items, rng) is items
    assert rng.random() == untouched.random()


def test_noise_is_as_long_as_asked_for_beside_each_vector() -> None:
    x = torch.randn(400, 64, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 2, 400)[:, None]
    x[7] = 0.0
    added = Noise((1,), torch.device("cpu"), 0.3).jitter(x) - x
    assert torch.equal(added[7], torch.zeros(64))
    ratio = (added.norm(dim=1) / x.norm(dim=1))[x.norm(dim=1) > 0]
    assert ratio.square().mean().sqrt().item() == pytest.approx(0.3, rel=0.02)
    assert ratio.std().item() < 0.05
    assert abs(torch.nn.functional.cosine_similarity(added, x).mean().item()) < 0.03
    assert Noise((1,), torch.device("cpu")).jitter(x) is x


def split_of(rows: list[list[int]]) -> Split:
    """A split of which the training part alone is looked at."""
    train = Histories.of(rows)
    candidates = np.zeros(10, dtype=bool)
    candidates[train.items] = True
    none = np.empty(0, dtype=np.int64)
    nobody = Holdout(none, Histories.of([]), Histories.of([]))
    return Split("leave-last-out", train, nobody, nobody, candidates)
