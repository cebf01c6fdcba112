"""A diagnosis: put together, kept in the run folder, and asked of figures alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import engine
from engine.analyses import diagnosis as home
from engine.analyses.diagnosis import DIAGNOSIS, Diagnosis, diagnose_evaluation, diagnose_run
from engine.progress import Progress

NOT_YET = shutil.ignore_patterns(DIAGNOSIS)
"""The shared run may have been diagnosed by a page's test."""


@pytest.fixture
def run(blended_run_dir: Path, tmp_path: Path) -> engine.Run:
    """A copy of the blended run, to be written to."""
    shutil.copytree(blended_run_dir / "blended", tmp_path / "blended", ignore=NOT_YET)
    return engine.load_run("blended", tmp_path)


@pytest.fixture(scope="module")
def made(blended_run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[engine.Run, Diagnosis]:
    folder = tmp_path_factory.mktemp("diagnosed")
    shutil.copytree(blended_run_dir / "blended", folder / "blended", ignore=NOT_YET)
    run = engine.load_run("blended", folder)
    return run, diagnose_run(run)


def same(one: Diagnosis, other: Diagnosis) -> bool:
    pd.testing.assert_frame_equal(one.curve, other.curve)
    nothing = pd.DataFrame()
    return replace(one, curve=nothing, seconds=0).to_dict() == replace(other, curve=nothing, seconds=0).to_dict()


def test_it_speaks_of_every_model_and_its_parts_agree(made: tuple[engine.Run, Diagnosis]):
    run, found = made
    models = {"transformer", "ensemble", "popularity", "itemknn", "ease"}
    assert set(found.models) == set(run.evaluation.models) == models
    assert found.truncation is not None
    assert set(found.truncation) == set(found.gaps) == models
    assert found.n_head + found.n_tail == len(run.split.test)
    for model, cut in found.truncation.items():
        parts, gap = cut.parts["ndcg@10"], found.gaps[model]
        assert parts.gap.value == pytest.approx(gap.difference.value)
        assert (cut.n_head, cut.n_tail) == (gap.n_head, gap.n_tail) == (found.n_head, found.n_tail)
        for targets in found.targets:
            equal = targets.equal[model]
            if equal.n_left_out == 0:
                assert equal.gap.value == pytest.approx(gap.difference.value)
    assert [targets.by for targets in found.targets] == ["kind", "support"]
    assert set(found.support) == {"head", "tail"}
    assert [ceiling.kind for ceiling in found.ceilings] == ["best of all models"]
    assert set(found.curve["model"]) == models
    # The ensemble is asked as it is: what it does with short histories is not what the Transformer does.
    assert found.truncation["ensemble"].parts["log_rank"] != found.truncation["transformer"].parts["log_rank"]
    assert found.truncation["popularity"].parts["log_rank"].length.value == 0


def test_it_survives_json_and_holds_no_nan(made: tuple[engine.Run, Diagnosis]):
    _, found = made
    again = Diagnosis.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert same(again, found)
    assert again.gaps == found.gaps


def test_it_is_kept_in_the_run_and_read_from_there(run: engine.Run, monkeypatch: pytest.MonkeyPatch):
    told: list[Progress] = []
    found = diagnose_run(run, on_progress=told.append)
    shares = [progress.done for progress in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert (run.path / DIAGNOSIS).is_file()
    monkeypatch.setattr(home, "fit_baselines", None)  # the experiment, done once, serves other metrics too
    other = diagnose_run(run, "log_rank")
    assert other.truncation == found.truncation
    assert other.gaps["ease"].metric == "log_rank"
    monkeypatch.setattr(home, "diagnose_evaluation", None)
    assert same(diagnose_run(run), found)
    assert same(diagnose_run(run, "log_rank"), other)


@pytest.mark.parametrize("spoil", ["settings", "created", "cut off", "other form"])
def test_what_is_kept_of_other_work_or_is_damaged_is_not_believed(
    made: tuple[engine.Run, Diagnosis], run: engine.Run, monkeypatch: pytest.MonkeyPatch, spoil: str
):
    source, found = made
    shutil.copy(source.path / DIAGNOSIS, run.path / DIAGNOSIS)
    assert same(diagnose_run(run), found)
    kept = json.loads((run.path / DIAGNOSIS).read_text())
    if spoil == "settings":
        kept["depends_on"]["settings"]["seed"] += 1
    elif spoil == "created":
        kept["depends_on"]["created"] = "1970-01-01"
    elif spoil == "other form":
        kept["found"]["diagnoses"]["ndcg@10"].pop("gaps")
    text = json.dumps(kept)
    (run.path / DIAGNOSIS).write_text(text[: len(text) // 2] if spoil == "cut off" else text)
    asked = []
    whole = home.truncation_experiment
    monkeypatch.setattr(home, "truncation_experiment", lambda *args, **given: asked.append(1) or whole(*args, **given))
    assert same(diagnose_run(run), found)
    assert asked == [1]
    assert same(diagnose_run(run), found)
    assert asked == [1]  # the good answer took the place of the bad one


def test_a_folder_that_cannot_be_written_to_still_gives_the_answer(
    made: tuple[engine.Run, Diagnosis], run: engine.Run, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("engine.disk.write_json", refuse)
    assert same(diagnose_run(run), made[1])
    assert not (run.path / DIAGNOSIS).exists()


def test_figures_alone_are_diagnosed_without_the_experiment(made: tuple[engine.Run, Diagnosis]):
    run, found = made
    alone = diagnose_evaluation(run.evaluation, run.split, run.cohorts, run.config.evaluation)
    assert alone.truncation is None
    assert alone.gaps == found.gaps
    assert alone.targets == found.targets
    assert same(Diagnosis.from_dict(json.loads(json.dumps(alone.to_dict(), allow_nan=False))), alone)


def test_where_all_users_are_head_the_rest_is_still_told(made: tuple[engine.Run, Diagnosis]):
    run, _ = made
    everyone = replace(run.evaluation, per_user=run.evaluation.per_user.assign(user_cohort="head"))
    found = diagnose_evaluation(everyone, run.split, run.cohorts, run.config.evaluation)
    assert (found.gaps, found.targets, found.n_tail) == ({}, (), 0)
    assert len(found.curve)
    assert set(found.ceilings[0].cohorts) == {"all", "head"}
    assert same(Diagnosis.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))), found)


def test_a_metric_that_was_not_measured_is_said(made: tuple[engine.Run, Diagnosis]):
    with pytest.raises(engine.EngineError, match=r"No metric 'ndcg@7' was measured; there are .*ndcg@10.*log_rank"):
        diagnose_run(made[0], "ndcg@7")


def test_several_targets_a_user(tiny_log_dir: Path, tmp_path: Path):
    from tests.conftest import tiny_config

    config = tiny_config(evaluation__protocol="temporal", evaluation__test_share=0.2, training__max_epochs=1)
    run = engine.train_run(tiny_log_dir, name="in-time", runs_dir=tmp_path, config=config)
    found = diagnose_run(run)
    assert run.split.test.targets.lengths.max() > 1
    assert found.truncation is not None
    for parts in found.truncation["transformer"].parts.values():
        assert np.isfinite([parts.length.value, parts.users.value]).all()
