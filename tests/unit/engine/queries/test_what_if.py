"""A changed history is answered as the engine answers it anywhere else, and what moved is what a full ranking says."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

import engine
from engine.analyses.cold_start import GROWTH, ColdStartCurve, chosen_lengths
from engine.data.dataset import Histories
from engine.queries.confidence import confidence_of
from engine.queries.what_if import HypotheticalUser
from engine.recommender import mask_seen
from tests.conftest import BLENDED_RUN, TINY_RUN

USER = "u017"


@pytest.fixture(scope="module", params=[TINY_RUN, BLENDED_RUN])
def run(request: pytest.FixtureRequest, tiny_run_dir: Path, blended_run_dir: Path) -> engine.Run:
    return engine.load_run(request.param, tiny_run_dir if request.param == TINY_RUN else blended_run_dir)


@pytest.fixture(scope="module")
def own_run(blended_run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> engine.Run:
    """The blended run in a folder that may be written to."""
    folder = tmp_path_factory.mktemp("own-runs")
    shutil.copytree(blended_run_dir / BLENDED_RUN, folder / BLENDED_RUN)
    return engine.load_run(BLENDED_RUN, folder)


def full_ranking(run: engine.Run, person: HypotheticalUser) -> dict[str, int]:
    """Ranks of everything that can be recommended to a person of the data, by plain sorting."""
    rows = Histories.of(
        [run.dataset.items.indices_of(person.item_ids)], [run.dataset.users.index_of(str(person.as_user))]
    )
    scores = mask_seen(run.serving.score(rows), rows)[0]
    order = [int(i) for i in np.argsort(-scores, kind="stable") if np.isfinite(scores[i])]
    return {run.dataset.items.id_of(item): place for place, item in enumerate(order, start=1)}


def test_nothing_changed_is_the_users_own_list(run: engine.Run) -> None:
    own = engine.hypothetical_user(run, USER)
    found, plain = engine.what_if(run, own), engine.recommend(run, USER)
    assert [i.item_id for i in found.answer.items] == [i.item_id for i in plain.items]
    assert [i.score for i in found.answer.items] == pytest.approx([i.score for i in plain.items])
    assert all(one.before == one.now for one in found.moved)
    assert found.confidence == found.confidence_before
    why = engine.explain_quick(run, own)
    assert why is not None
    assert why.explanation is not None
    assert why.explanation.item_id == plain.items[0].item_id
    np.testing.assert_allclose(why.attention.weights, engine.attention(run, USER).weights, atol=1e-6)


def test_a_scored_person_answers_as_a_person_does(run: engine.Run) -> None:
    own = engine.hypothetical_user(run, USER)
    edited = HypotheticalUser((*own.item_ids[1:-1], "i40"), USER)
    before, now = engine.score_hypothetical(run, own), engine.score_hypothetical(run, edited)
    plain, scored = engine.what_if(run, edited, own), engine.what_if(run, now, before)
    assert (scored.moved, scored.confidence, scored.confidence_before) == (
        plain.moved,
        plain.confidence,
        plain.confidence_before,
    )
    second = plain.answer.items[1].item_id
    why = [engine.explain_quick(run, who, second) for who in (edited, now)]
    assert why[0] is not None
    assert why[1] is not None
    assert why[0].explanation is not None
    assert why[1].explanation is not None
    assert why[0].explanation.item_id == second
    assert why[0].explanation.rank == 2
    assert why[0].explanation.players == why[1].explanation.players


def test_what_cannot_be_recommended_is_not_explained_but_the_first_is(run: engine.Run) -> None:
    own = engine.hypothetical_user(run, USER)
    why = engine.explain_quick(run, own, own.item_ids[0])
    assert why is not None
    assert why.explanation is not None
    assert why.explanation.item_id == engine.recommend(run, USER).items[0].item_id


def test_what_moved_is_what_two_full_rankings_say(run: engine.Run) -> None:
    own = engine.hypothetical_user(run, USER)
    edited = HypotheticalUser((*own.item_ids[1:-1], "i40", "i41"), USER)
    found = engine.what_if(run, edited, own, k=5, follow=("i50", own.item_ids[0]))
    before, now = full_ranking(run, own), full_ranking(run, edited)
    told = {one.item_id: (one.before, one.now) for one in found.moved}
    assert told == {item: (before.get(item), now.get(item)) for item in told}
    tops = {item for ranks in (before, now) for item, rank in ranks.items() if rank <= 5}
    assert set(told) == tops | {"i50", own.item_ids[0]}
    assert any(b != n for b, n in told.values())
    ranks = [one.now for one in found.moved if one.now is not None]
    assert ranks == sorted(ranks)


def test_attributes_are_those_of_the_user_and_changing_them_changes_the_list(tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    own = engine.hypothetical_user(run, USER)
    known = engine.attributes_of(run, USER)
    assert set(known) == set(engine.attributes_used(run)) == {"region", "age_band"}
    alike = engine.what_if(run, HypotheticalUser(own.item_ids, attributes=tuple(known.items())), own)
    assert all(one.score_now == pytest.approx(one.score_before, abs=1e-5) for one in alike.moved)
    other = next(v for v in engine.attributes_used(run)["region"] if v != known["region"])
    changed = engine.what_if(
        run, HypotheticalUser(own.item_ids, attributes=(*{**known, "region": other}.items(),)), own
    )
    assert any(abs(one.score_now - one.score_before) > 1e-4 for one in changed.moved)  # pyright: ignore
    with pytest.raises(engine.EngineError, match="not both"):
        engine.what_if(run, HypotheticalUser(own.item_ids, USER, (("region", other),)))


def test_nobody_at_all_gets_a_list_and_no_reasons(run: engine.Run) -> None:
    found = engine.what_if(run, HypotheticalUser())
    assert len(found.answer.items) == 10
    assert engine.explain_quick(run, HypotheticalUser(), "i01") is None
    assert found.confidence is not None


@pytest.mark.parametrize(
    "who",
    [
        HypotheticalUser(("no such item",)),
        HypotheticalUser((), "nobody"),
        HypotheticalUser((), None, (("region", "X"),)),
    ],
)
def test_what_is_not_in_the_data_is_refused_on_either_side(tiny_run_dir: Path, who: HypotheticalUser) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    with pytest.raises(engine.EngineError):
        engine.what_if(run, who)
    with pytest.raises(engine.EngineError):
        engine.what_if(run, HypotheticalUser(), who)


def test_confidence_by_event_ends_with_the_confidence_of_the_list(run: engine.Run) -> None:
    own = engine.hypothetical_user(run, USER)
    heat = engine.Temperatures((0, 4), (0.5, 2.0))
    grown = engine.confidence_by_event(run, own, temperatures=heat)
    assert [n for n, _c in grown] == list(range(len(own.item_ids) + 1))[-31:]
    assert grown[-1][1].share == pytest.approx(engine.what_if(run, own, temperatures=heat).confidence.share, abs=1e-6)  # pyright: ignore


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=40), st.integers(1, 50), st.floats(0.05, 20))
def test_confidence_is_a_share_and_a_number_of_items(values: list[float], k: int, temperature: float) -> None:
    scores = np.array([-np.inf, *values], dtype=np.float32)
    found = confidence_of(scores, k, temperature)
    assert found is not None
    n = len(values)
    assert min(k, n) / n - 1e-9 <= found.share <= 1
    assert 1 - 1e-9 <= found.spread <= n + 1e-6
    if k >= n:
        assert found.share == pytest.approx(1)
    even = confidence_of(scores, k, 1e9)
    assert even is not None
    assert even.spread == pytest.approx(n, rel=1e-3)


def test_temperatures_are_those_of_the_best_log_share_on_validation(own_run: engine.Run) -> None:
    run, valid = own_run, own_run.split.valid
    found = engine.fitted_temperatures(run)
    assert found.lengths[:3] == (0, 1, 2)
    for n, fitted in zip(found.lengths[:3], found.values, strict=False):
        asked = valid.take(np.flatnonzero(valid.histories.lengths >= n))
        scores = mask_seen(run.serving.score(asked.histories.last(n)), asked.histories).astype(np.float64)

        def loss(temperature: float, scores: np.ndarray = scores, targets: np.ndarray = asked.targets.items) -> float:
            scaled = np.where(np.isfinite(scores), scores / temperature, -np.inf)
            own = scaled[np.arange(len(scaled)), targets]
            good = np.isfinite(own)
            top = scaled.max(axis=1)
            return float((top + np.log(np.exp(scaled - top[:, None]).sum(axis=1)) - own)[good].mean())

        assert loss(fitted) <= min(loss(fitted * 1.15), loss(fitted / 1.15))
    assert engine.fitted_temperatures(run) == found  # from the run folder now
    assert engine.Temperatures((0, 3), (1.0, 4.0)).at(1) == pytest.approx(2.0)
    assert engine.Temperatures((0, 3), (1.0, 4.0)).at(99) == 4.0


def test_lengths_grow_and_enough_users_reach_the_last() -> None:
    asked, long = chosen_lengths(np.arange(100))
    assert asked[:6] == (0, 1, 2, 3, 5, 8)
    assert long.sum() >= 20
    assert asked[-1] <= 80
    asked, long = chosen_lengths(np.array([2, 2, 2, 9]))
    assert (asked, long.sum()) == ((0, 1, 2), 4)


def test_the_curve_ends_where_whole_histories_are_and_tells_when_the_average_is_reached(own_run: engine.Run) -> None:
    steps: list[float] = []
    found = engine.measure_cold_start(own_run, on_progress=lambda told: steps.append(told.done))
    assert steps == sorted(steps)
    table = own_run.evaluation.per_user.query("model == @own_run.answers").set_index("user_idx")
    assert found.average.value == pytest.approx(table["ndcg@10"].mean())
    lengths = own_run.split.test.histories.lengths
    chosen = own_run.split.test.users[lengths >= found.shortest]
    assert found.n_users == len(chosen)
    assert found.whole.value == pytest.approx(table.loc[chosen, "ndcg@10"].mean())
    for point in found.points:
        assert point.quality.low <= point.quality.value <= point.quality.high
        assert point.against.value == pytest.approx(point.quality.value - found.average.value)
    ends = [np.inf if end is None else end for end in (found.earliest, found.enough, found.latest)]
    assert ends == sorted(ends)
    reached = [point.n for point in found.points if point.quality.value >= found.average.value]
    assert found.enough == (reached[0] if reached else None)
    assert 0 <= found.never <= 1
    assert sum(b.n for b in found.reliability) == found.n_users * len(found.points)
    assert ColdStartCurve.from_dict(found.to_dict()) == found
    assert engine.kept_cold_start(own_run) == found
    (own_run.path / GROWTH).write_text('{"version": 2}')
    assert engine.kept_cold_start(own_run) is None


@pytest.mark.parametrize("n", [0, 2])
def test_a_point_of_the_curve_is_of_that_many_newest_events(own_run: engine.Run, n: int) -> None:
    from engine.analyses.cold_start import _figures

    test = own_run.split.test
    found = _figures(own_run, test, n, "ndcg@10", 10, lambda share: None)
    scores = mask_seen(own_run.serving.score(test.histories.last(n)), test.histories)
    own = scores[np.arange(len(test)), test.targets.items]
    ranks = (scores >= own[:, None]).sum(axis=1)
    np.testing.assert_array_equal(found[:, 1], np.isfinite(own) & (ranks <= 10))


def test_users_whose_history_is_no_longer_than_the_cut_fare_as_they_were_measured(own_run: engine.Run) -> None:
    from engine.analyses.cold_start import _figures

    test = own_run.split.test
    longest = int(test.histories.lengths.max())
    found = _figures(own_run, test, longest, "ndcg@10", 10, lambda share: None)
    table = own_run.evaluation.per_user.query("model == @own_run.answers").set_index("user_idx").loc[test.users]
    np.testing.assert_allclose(found[:, 0], table["ndcg@10"])
    np.testing.assert_allclose(found[:, 1], table["hr@10"])
