"""Folds: nobody who is asked has trained, nothing later is known, and a cut-off cross-validation goes on."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import engine
import engine.pipeline.cross_validation as folding
from engine.data.dataset import Dataset
from engine.data.splits import Split, user_folds, windows_in_time
from engine.model.network.transformer import Transformer
from engine.model.training.defaults import resolve
from engine.pipeline.fitting import fit
from engine.progress import Progress, ignore
from tests.conftest import tiny_config

QUICK = {"training__max_epochs": 2, "training__validate_every": 1, "model__d_model": 8, "model__n_layers": 1}


def quick(**changes: object) -> engine.RunConfig:
    return tiny_config(**{**QUICK, "evaluation__bootstrap_samples": 10, **changes})


@pytest.fixture(scope="module")
def log(tiny_log_dir: Path) -> Dataset:
    return engine.load_dataset(tiny_log_dir, quick().data)[0]


@pytest.fixture(scope="module")
def found(tiny_log_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> engine.CrossValidation:
    """Three user folds, from beginning to end."""
    folder = tmp_path_factory.mktemp("whole")
    return engine.cross_validate(tiny_log_dir, folds=3, runs_dir=folder, config=quick())


def same_weights(left: Transformer, right: Transformer) -> bool:
    ours, theirs = left.state_dict(), right.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def trained(split: Split) -> Transformer:
    return fit(split, resolve(quick(), split)).network


def test_what_is_kept_out_changes_no_weight(log: Dataset) -> None:
    fold = user_folds(log, 3, 0)[1]
    out = np.isin(np.arange(log.n_users), np.flatnonzero(fold.train.lengths == 0))
    items = log.histories.items.copy()
    changed = out[log.histories.positions()]
    items[changed] = np.random.default_rng(1).integers(1, log.n_items + 1, changed.sum())
    other = user_folds(replace(log, histories=replace(log.histories, items=items)), 3, 0)[1]
    assert not np.array_equal(other.test.targets.items, fold.test.targets.items)
    assert same_weights(trained(fold), trained(other))
    items[~changed] = items[~changed][::-1]  # and what is kept in does change them
    wrong = user_folds(replace(log, histories=replace(log.histories, items=items)), 3, 0)[1]
    assert not same_weights(trained(fold), trained(wrong))


def test_what_comes_after_a_window_changes_no_weight_of_it(log: Dataset) -> None:
    first, second = windows_in_time(log, 0.2, 2)
    assert log.timestamps is not None
    assert first.cuts is not None
    assert second.cuts is not None
    items = log.histories.items.copy()
    later = log.timestamps >= first.cuts[1]
    items[later] = np.random.default_rng(1).integers(1, log.n_items + 1, later.sum())
    other = windows_in_time(replace(log, histories=replace(log.histories, items=items)), 0.2, 2)[0]
    assert same_weights(trained(first), trained(other))
    assert first.test.targets.items.tolist() != other.test.targets.items.tolist()


def test_every_user_is_measured_once(found: engine.CrossValidation, log: Dataset) -> None:
    assert sum(found.sizes["all"]) == (log.histories.lengths >= 3).sum() == 118
    both = np.add(found.sizes["head"], found.sizes["tail"])
    assert both.tolist() == list(found.sizes["all"])
    assert min(found.sizes["head"]) > 0  # who is kept out is head or tail by the history that is given
    assert list(found.models) == ["transformer", "popularity", "itemknn", "ease"]
    assert (found.by, found.protocol, found.cuts) == ("users", "leave-last-out", ())


@pytest.mark.parametrize("by", ["users", "time"])
def test_every_fold_blends_an_ensemble_of_its_own(by: Any, tiny_log_dir: Path, tmp_path: Path) -> None:
    config = quick(model__ensemble='["itemknn"]', evaluation__test_share=0.2)
    found = engine.cross_validate(tiny_log_dir, by=by, folds=2, runs_dir=tmp_path, config=config)
    assert list(found.models) == ["transformer", "ensemble", "popularity", "itemknn", "ease"]
    ours, theirs = (found.models[name]["all"]["ndcg@10"].folds for name in ("ensemble", "transformer"))
    assert all(one != other for one, other in zip(ours, theirs, strict=True))


def test_a_figure_is_the_mean_of_its_folds_with_their_spread(found: engine.CrossValidation) -> None:
    for cohorts in found.models.values():
        for cohort, metrics in cohorts.items():
            for metric, spread in metrics.items():
                there = [value for value in spread.folds if value is not None]
                assert len(spread.folds) == 3
                assert [value is None for value in spread.folds] == [n == 0 for n in found.sizes[cohort]]
                assert spread.mean == pytest.approx(np.mean(there)), metric
                assert (spread.low, spread.high) == (min(there), max(there))
                assert spread.sd == (pytest.approx(np.std(there, ddof=1)) if len(there) > 1 else None)


def test_the_last_window_is_the_temporal_protocol(tiny_log_dir: Path, tmp_path: Path) -> None:
    config = quick(evaluation__protocol="temporal", evaluation__test_share=0.15)
    folds = engine.cross_validate(tiny_log_dir, folds=3, by="time", runs_dir=tmp_path, config=config)
    run = engine.train_run(tiny_log_dir, runs_dir=tmp_path, config=config)
    last = folds.models["transformer"]["all"]["ndcg@10"].folds[-1]
    assert last == pytest.approx(run.evaluation.models["transformer"].overall.metrics["ndcg@10"].value)
    assert run.split.cuts is not None
    assert folds.cuts[-1] == run.split.cuts[1]
    assert list(folds.cuts) == sorted(folds.cuts)


class Killed(BaseException):
    """Stands for the end of the process: nothing in the engine catches it."""


@pytest.mark.parametrize("how", [Killed, KeyboardInterrupt])
def test_goes_on_where_it_was_cut_off(
    found: engine.CrossValidation, tiny_log_dir: Path, tmp_path: Path, how: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(progress: Progress) -> None:
        if progress.stage == "fold" and progress.message.startswith("2 of 3: epoch 2"):
            raise how

    with pytest.raises(how):
        engine.cross_validate(tiny_log_dir, folds=3, runs_dir=tmp_path, config=quick(), on_progress=cut)
    (folder,) = [path for path in tmp_path.iterdir() if path.name.startswith(".cross-validation-")]
    assert [path.name for path in folder.glob("fold-*.json")] == ["fold-1.json"]
    assert engine.list_runs(tmp_path) == ()
    trained: list[int] = []
    real = folding.fit

    def spy(split: Split, *rest: Any) -> Any:
        trained.append(len(split.test))
        return real(split, *rest)

    monkeypatch.setattr(folding, "fit", spy)
    again = engine.cross_validate(tiny_log_dir, folds=3, runs_dir=tmp_path, config=quick())
    assert len(trained) == 2
    assert again.models == found.models
    assert not list(folder.glob("*.safetensors"))
    engine.cross_validate(tiny_log_dir, folds=3, runs_dir=tmp_path, config=quick())
    assert len(trained) == 2


def test_other_settings_are_other_folds(found: engine.CrossValidation, tiny_log_dir: Path) -> None:
    other = engine.cross_validate(tiny_log_dir, folds=2, runs_dir=found.folder.parent, config=quick(training__seed=1))
    assert other.folder != found.folder
    assert len(other.epochs) == 2


def test_weights_of_another_run_are_no_start_of_a_fold(tiny_log_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(engine.ConfigError, match=r"training.start_from \('other'\).*cross-validate without it"):
        engine.cross_validate(tiny_log_dir, runs_dir=tmp_path, config=quick(training__start_from="other"))


def test_a_torn_fold_is_made_again(tiny_log_dir: Path, tmp_path: Path) -> None:
    first = engine.cross_validate(tiny_log_dir, folds=2, runs_dir=tmp_path, config=quick())
    file = first.folder / "fold-2.json"
    whole = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(file.read_text(encoding="utf-8")[:100], encoding="utf-8")
    assert engine.cross_validate(tiny_log_dir, folds=2, runs_dir=tmp_path, config=quick()).models == first.models
    assert json.loads(file.read_text(encoding="utf-8"))["models"] == whole["models"]


@pytest.mark.skipif(os.name != "posix", reason="advisory locks")
def test_two_processes_do_not_share_folds(found: engine.CrossValidation, tiny_log_dir: Path) -> None:
    from engine.runs.place import lock

    with (
        lock(found.folder, "x"),
        pytest.raises(engine.RunError, match=r"these folds.*wait for it, or choose other settings"),
    ):
        engine.cross_validate(tiny_log_dir, folds=3, runs_dir=found.folder.parent, config=quick(), on_progress=ignore)
