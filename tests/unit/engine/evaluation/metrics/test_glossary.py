"""Every figure is explained, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.config import EvaluationConfig
from engine.evaluation.cohorts import make_cohorts
from engine.evaluation.metrics.accuracy import METRICS
from engine.evaluation.metrics.beyond_accuracy import ACROSS, PER_USER, SMOOTHING
from engine.evaluation.metrics.glossary import GLOSSARY, UNEVEN, Term, term_of
from engine.evaluation.report import Evaluation, evaluate

CONFIG = EvaluationConfig(ks=(2, 3), bootstrap_samples=30)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def evaluation(make_split, table_recommender) -> Evaluation:
    rng = np.random.default_rng(0)
    split = make_split([rng.integers(1, 13, rng.integers(4, 9)).tolist() for _ in range(40)], 12)
    table = table_recommender(rng.random((13, 13)), split.candidates)
    return evaluate([table], split, make_cohorts(split, 0.2, 0.2), CONFIG)


def test_every_figure_of_a_user_and_of_a_report_has_a_term(evaluation):
    figures = {c for c in evaluation.per_user.columns if "@" in c or c == "log_rank"}
    report = evaluation.models["table"]
    parts = [report.overall, *report.users.values(), *report.items.values()]
    figures |= {name for part in parts for name in part.metrics} | report.coverage.keys() | report.tail_exposure.keys()
    assert {figure.partition("@")[0] for figure in figures} == set(GLOSSARY) - set(UNEVEN)
    for figure in figures:
        assert isinstance(term_of(figure), Term)


def test_families_are_those_that_are_measured():
    assert set(GLOSSARY) == {*METRICS, "log_rank", *PER_USER, *ACROSS, "tail_exposure", *UNEVEN}


def test_measured_figures_lie_within_the_ranges_that_are_told(evaluation):
    report = evaluation.models["table"]
    parts = [report.overall, *report.users.values(), *report.items.values()]
    for name, estimate in [pair for part in parts for pair in part.metrics.items()]:
        term = term_of(name)
        assert term.low is None or term.low <= estimate.low + 1e-12, name
        assert term.high is None or estimate.high <= term.high + 1e-12, name


def test_terms_are_filled_in():
    for family, term in GLOSSARY.items():
        assert term.name, family
        assert term.meaning.endswith("."), family
        assert term.formula, family
        assert any(year in term.source for year in map(str, range(1979, 2027))), family
        assert term.low is None or term.high is None or term.low < term.high, family
    assert len({term.name for term in GLOSSARY.values()}) == len(GLOSSARY)
    assert GLOSSARY["calibration"].high == pytest.approx(-math.log(SMOOTHING))
    assert [family for family, term in GLOSSARY.items() if term.needs] == ["calibration"]
