"""Runs in one table: rows, paired differences, Holm's correction, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from engine.config import RunConfig
from engine.errors import EngineError
from engine.evaluation.cohorts import make_cohorts
from engine.evaluation.compare import Measured, comparable_models, compare
from engine.evaluation.fairness.gap import paired_difference
from engine.evaluation.report import Evaluation, evaluate
from engine.evaluation.stats.multiple_testing import holm

N_ITEMS = 30
CONFIG = RunConfig().replace({"evaluation": {"ks": (3, 10), "bootstrap_samples": 200, "exclude_seen": True}})


@pytest.fixture
def world(make_split: Callable, table_recommender: type) -> Callable[..., Measured]:
    """`world("run", transformer=0.9, ease=0.2)`: a run whose models place that share of users' targets first."""
    rng = np.random.default_rng(0)
    lengths = rng.permutation([3] * 160 + [9] * 40)
    rows = [rng.permutation(np.arange(1, N_ITEMS + 1))[:length].tolist() for length in lengths]
    split = make_split(rows, N_ITEMS)

    def make(run: str, settings: dict | None = None, seed: int = 0, **skill: float) -> Measured:
        config = CONFIG.replace(settings or {})
        models = []
        for name, share in skill.items():
            draws = np.random.default_rng([seed, *name.encode()])
            table = draws.random((N_ITEMS + 1, N_ITEMS + 1))
            for row in rows:
                table[row[0], row[-1]] += 2 * (draws.random() < share)
            models.append(table_recommender(table, name=name))
        cohorts = make_cohorts(split, config.evaluation.head_share, 0.2)
        return Measured(run, "f" * 64, config, 12.5, 3, evaluate(models, split, cohorts, config.evaluation))

    return make


def test_one_run_gives_its_models_each_against_the_first(world: Callable[..., Measured]):
    run = world("one", popularity=0.1, transformer=0.6, ease=0.3)
    table = compare([run])
    assert [row.model for row in table.models] == ["transformer", "popularity", "ease"]  # what was trained comes first
    assert [row.train_seconds for row in table.models] == [12.5, None, None]
    assert table.sizes == {"all": 200, "head": 40, "tail": 160}
    assert table.settings == {}
    reports = run.evaluation.models
    for row in table.models:
        report = reports[row.model]
        parts = {"all": report.overall, "head": report.users["head"], "tail": report.users["tail"]}
        assert row.figures == {cohort: part.metrics["ndcg@10"] for cohort, part in parts.items()}
    assert table.models[0].differences == {}
    for row in table.models[1:]:
        for cohort, cell in row.differences.items():
            alone = paired_difference(run.evaluation, "ndcg@10", row.model, "transformer", cohort, CONFIG.evaluation)
            assert cell.comparison.difference == alone.difference
            assert cell.comparison.n == table.sizes[cohort]
            assert cell.p_holm >= alone.p_value
            assert cell.comparison.difference.value == pytest.approx(
                row.figures[cohort].value - table.models[0].figures[cohort].value
            )
    assert table.models[1].differences["all"].significant


def test_baselines_with_the_same_figures_stand_there_once(world: Callable[..., Measured]):
    one = world("one", transformer=0.5, ease=0.3, popularity=0.1)
    two = world("two", {"model": {"d_model": 96}, "evaluation": {"ease_l2": 50.0}}, transformer=0.6, popularity=0.1)
    other = world("three", seed=1, transformer=0.2, ease=0.4)
    table = compare([one, two, other], "hr@3")
    rows = [(row.run, row.model) for row in table.models]
    assert rows == [
        ("one", "transformer"),
        ("two", "transformer"),
        ("three", "transformer"),
        ("one", "ease"),
        ("one", "popularity"),
        ("three", "ease"),
    ]
    assert table.settings == {"model.d_model": (None, 96, None), "evaluation.ease_l2": (200.0, 50.0, 200.0)}
    difference = table.models[1].differences["all"].comparison.difference
    figures = [
        m.evaluation.per_user.loc[m.evaluation.per_user["model"] == "transformer", "hr@3"].to_numpy()
        for m in (one, two)
    ]
    assert difference.value == pytest.approx((figures[1] - figures[0]).mean())


def test_a_run_against_one_just_like_it_differs_by_nothing(world: Callable[..., Measured]):
    both = compare([world("one", transformer=0.5), world("two", transformer=0.5)])
    assert [row.run for row in both.models] == ["one", "two"]
    for cell in both.models[1].differences.values():
        found = cell.comparison.difference
        assert found.value == 0
        assert found.low < 0 < found.high < 0.1  # of finitely many users, more cannot be said
        assert (cell.p_holm, cell.significant) == (1, False)


def test_an_empty_cohort_is_left_out(world: Callable[..., Measured]):
    everyone = world("one", {"evaluation": {"head_share": 0.5}}, transformer=0.5, ease=0.1)
    table = compare([everyone])
    assert table.sizes == {"all": 200, "head": 200, "tail": 0}
    assert set(table.models[0].figures) == set(table.models[1].differences) == {"all", "head"}


class TestRefused:
    def test_other_data(self, world: Callable[..., Measured]):
        one, two = world("one", transformer=0.5), replace(world("two", transformer=0.5), fingerprint="e" * 64)
        with pytest.raises(EngineError, match=r"'one' and 'two' were trained on different data.*ffff.*eeee"):
            compare([one, two])

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"exclude_seen": False}, "exclude_seen is True and False"),
            ({"head_share": 0.9}, r"head_share is 0.2 and 0.9"),
        ],
    )
    def test_another_question(self, world: Callable[..., Measured], settings: dict, words: str):
        with pytest.raises(EngineError, match=words):
            compare([world("one", transformer=0.5), world("two", {"evaluation": settings}, transformer=0.5)])

    def test_other_users(self, world: Callable[..., Measured]):
        one, two = world("one", transformer=0.5), world("two", transformer=0.5)
        fewer = Evaluation("leave-last-out", two.evaluation.models, two.evaluation.per_user.iloc[1:])
        with pytest.raises(EngineError, match=r"tested on different users \(200 and 199\)"):
            compare([one, replace(two, evaluation=fewer)])

    def test_another_protocol(self, world: Callable[..., Measured]):
        one, two = world("one", transformer=0.5), world("two", transformer=0.5)
        temporal = Evaluation("temporal", two.evaluation.models, two.evaluation.per_user)
        with pytest.raises(EngineError, match="leave-last-out and temporal"):
            compare([one, replace(two, evaluation=temporal)])

    def test_a_metric_that_one_has_not_measured(self, world: Callable[..., Measured]):
        one, two = world("one", transformer=0.5), world("two", {"evaluation": {"ks": (3,)}}, transformer=0.5)
        with pytest.raises(EngineError, match=r"Run 'two' has not measured 'ndcg@10'; it has hr@3"):
            compare([one, two])

    def test_nothing_and_one_run_twice(self, world: Callable[..., Measured]):
        with pytest.raises(EngineError, match="name at least one run"):
            compare([])
        with pytest.raises(EngineError, match="'one' is named twice"):
            compare([world("one", transformer=0.5)] * 2)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.randoms())
def test_holm_keeps_order_and_never_helps(p_values: list[float], random):
    corrected = holm(p_values)
    assert all(
        p <= c <= min(1, p * len(p_values)) or c == pytest.approx(p) for p, c in zip(p_values, corrected, strict=True)
    )
    assert sorted(corrected) == [c for _, c in sorted(zip(p_values, corrected, strict=True))]
    order = list(range(len(p_values)))
    random.shuffle(order)
    assert holm([p_values[i] for i in order]) == pytest.approx([corrected[i] for i in order])


def test_any_row_can_be_the_base(world: Callable[..., Measured]):
    run = world("one", popularity=0.1, transformer=0.6, ease=0.3)
    assert comparable_models([run]) == (("one", "transformer"), ("one", "popularity"), ("one", "ease"))
    table = compare([run], base=("one", "ease"))
    assert [row.model for row in table.models] == ["ease", "transformer", "popularity"]
    whole = paired_difference(run.evaluation, "ndcg@10", "transformer", "ease", "all", CONFIG.evaluation)
    assert table.models[0].differences == {}
    assert table.models[1].differences["all"].comparison.difference == whole.difference
    with pytest.raises(EngineError, match="There is no one/lens to compare with; there are one/transformer, one/pop"):
        compare([run], base=("one", "lens"))
