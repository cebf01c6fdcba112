"""How far a run's explanations can be trusted: asked of its users, kept in its folder, told on the command line."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import engine
from dashboard.report import parts
from dashboard.text import fairness as fairness_text
from engine.analyses.faithfulness_check import (
    FAITHFULNESS,
    faithfulness_of,
    kept_faithfulness,
    questions,
    randomised,
    retraining,
)
from engine.explanation.faithfulness import METHODS
from engine.progress import Progress
from engine.recommender import top_k
from tests.unit.dashboard.conftest import Tailscope, tailscope

__all__ = ["tailscope"]

USERS = 24


@pytest.fixture(scope="module")
def folder(blended_run_dir: Path, architecture_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of runs of the same data, to be written to."""
    runs = tmp_path_factory.mktemp("explained")
    shutil.copytree(blended_run_dir / "blended", runs / "blended", ignore=shutil.ignore_patterns(FAITHFULNESS))
    shutil.copytree(architecture_runs / "encoder-decoder", runs / "encoder-decoder")
    return runs


@pytest.fixture(scope="module")
def measured(folder: Path) -> tuple[engine.Run, engine.Faithfulness]:
    run = engine.load_run("blended", folder)
    return run, faithfulness_of(run, USERS)


def test_half_of_the_users_are_of_each_cohort_and_asked_about_their_first_recommendation(folder: Path) -> None:
    run = engine.load_run("blended", folder)
    asked, shares = questions(run, USERS, 0)
    test = run.split.test
    assert [q.cohort for q in asked].count("head") == [q.cohort for q in asked].count("tail") == USERS // 2
    assert len({q.user for q in asked}) == USERS
    able = test.users[test.histories.lengths >= 2]
    assert shares["head"] == pytest.approx(run.cohorts.user_is_head[able].mean())
    first, _ = top_k(run.serving, test.histories, 1)
    for question in asked:
        row = int(np.searchsorted(test.users, question.user))
        assert question.item == first[row, 0]
        np.testing.assert_array_equal(question.history, test.histories[row])
    assert len(questions(run, 10_000, 0)[0]) == len(able)  # where a cohort is too small, the other fills up


def test_the_report_holds_the_areas_once_they_are_measured(measured) -> None:
    run, found = measured
    cells = [cell for block in parts.faithfulness(run) for row in block.rows for cell in row]
    for score in found.methods.values():
        assert fairness_text.span(score.overall.insertion_auc) in cells
        assert fairness_text.span(score.users["tail"].deletion_auc) in cells
    assert parts.faithfulness(dataclasses.replace(run, created="another day")) == []  # it is of another training


def test_shap_of_what_is_served_beats_a_random_order_on_a_trained_run(measured) -> None:
    run, found = measured
    assert run.answers == found.answers == "ensemble"
    assert tuple(found.methods) == METHODS
    against = found.methods["shap"].against["random"]
    assert against.deletion_auc.high < 0 < against.insertion_auc.low
    for score in found.methods.values():
        ends = [*score.deletion[[0, -1]], *score.insertion[[0, -1]]]
        np.testing.assert_allclose(ends, [1, 0, 0, 1], atol=1e-6)
        assert score.overall.n == USERS
    random = found.methods["random"].overall  # an order and its reverse: the two areas are one
    assert random.deletion_auc == random.insertion_auc
    assert set(found.agreement) >= {("shap", "recency"), ("gradient_attention", "rollout")}
    assert found.stability is not None
    assert found.stability.value > 0.9
    assert abs(found.sanity["shap"].value) < 0.6  # learnt weights and random ones are explained by different events


def test_it_is_kept_in_the_run_and_read_from_there(measured, monkeypatch: pytest.MonkeyPatch) -> None:
    run, found = measured
    monkeypatch.setattr("engine.analyses.faithfulness_check.explainer_of", lambda *_: pytest.fail("worked out again"))
    again = faithfulness_of(run, USERS)
    assert json.dumps(again.to_dict()) == json.dumps(found.to_dict())
    assert kept_faithfulness(run, USERS, seed=1) is None
    assert kept_faithfulness(run) is not None
    kept = run.path / FAITHFULNESS
    text = kept.read_text(encoding="utf-8")
    kept.write_text(text[:100], encoding="utf-8")
    assert kept_faithfulness(run) is None
    kept.write_text(text, encoding="utf-8")


def test_a_run_explains_itself_like_itself_and_another_one_otherwise(folder: Path) -> None:
    run = engine.load_run("encoder-decoder", folder)
    seen: list[Progress] = []
    same = retraining(run, run, 8, on_progress=seen.append)
    assert {round(e.value, 6) for e in same.methods.values()} == {1.0}
    other = retraining(run, engine.load_run("blended", folder), 8)
    assert other.n_users == same.n_users
    assert all(e.value < 0.999 for e in other.methods.values())
    assert {progress.stage for progress in seen} == {"explain"}


def test_random_weights_are_others_and_leave_the_network_alone(folder: Path) -> None:
    recommender = engine.load_run("encoder-decoder", folder).recommender
    before = recommender.network.item_vectors.all().clone()
    strange = randomised(recommender, 0)
    assert not np.allclose(strange.network.item_vectors.all().detach(), before.detach())
    np.testing.assert_array_equal(recommender.network.item_vectors.all().detach(), before.detach())


def test_the_command_prints_the_scoreboard(tailscope: Tailscope, folder: Path, measured) -> None:
    done = tailscope("faithfulness", "blended", "--users", USERS, "--runs", folder, "--json")
    assert done.code == 0, done.err
    assert tuple(done.document["methods"]) == METHODS
    shap = done.document["methods"]["shap"]
    assert set(shap) == {"deletion_auc", "insertion_auc", "users"}
    assert set(shap["deletion_auc"]) == {"value", "low", "high"}
    assert set(shap["users"]["tail"]) == {"deletion_auc", "insertion_auc", "n"}
    told = tailscope("faithfulness", "blended", "--users", USERS, "--runs", folder)
    assert "SHAP names what moves the scores better than" in told.out or "SHAP is not clearly ahead of" in told.out
    assert "Scores and SHAP are the ensemble's; attention is its Transformer's." in told.out
    assert tailscope("faithfulness", "blended", "--users", "1", "--runs", folder).code == 2
