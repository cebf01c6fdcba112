"""What heads do, by hand, and over the users of a run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.analyses.head_roles import HEADS
from engine.explanation.attention import by_category
from engine.explanation.heads import FEATURES, head_features, role_of


def features(weights: list[float], items: list[int], category: list[int] | None = None) -> dict[str, float]:
    codes = None if category is None else np.array(category)
    return dict(zip(FEATURES, head_features(np.array(weights), np.array(items), codes).tolist(), strict=True))


def test_features_are_those_worked_out_by_hand() -> None:
    found = features([0.1, 0.2, 0.1, 0.4], [5, 6, 5, 7], [0, 1, 1, 1])  # [MASK] kept 0.2 for itself
    assert found["newest"] == pytest.approx(0.5)
    assert found["recent"] == pytest.approx(0.875)
    assert (found["one_even"], found["recent_even"]) == (0.25, 0.75)
    assert found["first"] == pytest.approx(0.125)
    assert found["peak"] == pytest.approx(2)
    assert found["place"] == pytest.approx((0.25 * 1 + 0.125 * 2 + 0.5 * 3) / 3)
    assert found["category"] == pytest.approx((0.25 + 0.125) / 0.5)  # two of the three others are of its category
    assert found["category_even"] == pytest.approx(2 / 3)
    assert found["repeats"] == pytest.approx(0.25)
    assert found["repeats_even"] == pytest.approx(0.5)
    even = features([0.25] * 4, [1, 2, 3, 4])
    assert (even["entropy"], even["idle"], even["repeats_even"]) == (pytest.approx(1), 1, 0)
    assert features([0, 0, 1, 0], [1, 2, 3, 4])["entropy"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("weights", "category", "role"),
    [
        ([1 / 6] * 6, None, "idle"),
        ([0.6, 0.1, 0.1, 0.05, 0.05, 0.1], None, "first"),
        ([0.05, 0.05, 0.1, 0.1, 0.1, 0.6], None, "newest"),
        ([0.02, 0.03, 0.05, 0.3, 0.3, 0.3], None, "recent"),
        ([0.4, 0.05, 0.1, 0.4, 0.05, 0.0], [1, 0, 0, 1, 0, 1], "first"),
        ([0.3, 0.02, 0.13, 0.3, 0.05, 0.2], [1, 0, 0, 1, 0, 1], "category"),
        ([0.25, 0.25, 0.25, 0.2, 0.05, 0.0], None, "early"),
        ([0.25, 0.05, 0.3, 0.05, 0.3, 0.05], None, "mixed"),
    ],
)
def test_roles(weights: list[float], category: list[int] | None, role: str) -> None:
    assert role_of(features(weights, [1, 2, 3, 4, 5, 6], category)) == role


def test_on_short_histories_most_attention_on_the_newest_three_is_no_choice() -> None:
    """Of four events the newest three get three quarters of an even spread."""
    assert role_of(features([0.3, 0.1, 0.45, 0.15], [1, 2, 3, 4])) == "mixed"


def test_a_runs_heads_are_measured_for_head_and_tail_and_kept(tiny_run_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run_dir / "tiny", tmp_path / "tiny", ignore=shutil.ignore_patterns(HEADS))
    run = engine.load_run("tiny", tmp_path)
    found = engine.head_roles(run)
    assert [(h.layer, h.head) for h in found.heads] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert found.has_categories
    test = run.split.test
    able = np.flatnonzero(test.histories.lengths >= 3)
    is_head = run.cohorts.user_is_head[test.users[able]]
    assert found.n_users == {"head": is_head.sum(), "tail": (~is_head).sum()}
    entropies = np.array(
        [engine.attention(run, run.dataset.users.id_of(int(u))).heads["entropy"].to_numpy() for u in test.users[able]]
    )
    for at, head in enumerate(found.heads):
        for cohort, inside in (("head", is_head), ("tail", ~is_head)):
            estimate = head.by_cohort[cohort]["entropy"]
            assert estimate.value == pytest.approx(entropies[inside, at].mean(), abs=1e-5)
            assert estimate.low <= estimate.value <= estimate.high
        assert head.means["entropy"] == pytest.approx(entropies[:, at].mean(), abs=1e-5)
        assert head.entropy_gap is not None
    kept = json.loads((tmp_path / "tiny" / HEADS).read_text())
    kept["found"]["heads"][0]["role"] = "from the file"
    (tmp_path / "tiny" / HEADS).write_text(json.dumps(kept))
    assert engine.head_roles(run).heads[0].role == "from the file"


def test_by_category_adds_up_and_compares_with_an_even_spread() -> None:
    weights = np.array([[[[1, np.nan, np.nan], [0.5, 0.5, np.nan], [0.2, 0.3, 0.5]]]])
    found = by_category(weights, ["a", "b", "a"])
    assert (found.names, found.counts) == (("a", "b"), (2, 1))
    # "a" asks twice: all of 1 on "a"; then .7 on "a" and .3 on "b". An even spread: 1 and 0, then 2/3 and 1/3.
    np.testing.assert_allclose(found.weights[0, 0], [[0.85, 0.15], [0.5, 0.5], [0.7, 0.3]])
    np.testing.assert_allclose(found.lift[0, 0], [[1.7 / (5 / 3), 0.9], [1, 1], [1.05, 0.9]])
    rare = by_category(np.full((1, 1, 20, 20), 0.05), [*(str(i) for i in range(18)), None, "0"])
    assert rare.names[0] == "0"
    assert (rare.names[-1], len(rare.names), rare.counts[-1]) == (None, 12, 8)
    np.testing.assert_allclose(np.nansum(rare.weights, -1), 1)
