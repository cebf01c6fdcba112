"""A search looks at the validation part alone, proposes what can be trained, and goes on where it was cut off."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution

import engine
import engine.pipeline.fitting
import engine.pipeline.tuning as searching
from engine.data.dataset import Histories
from engine.data.splits import Split, leave_last_out
from engine.errors import TrainingError
from engine.model.training.defaults import resolve
from engine.pipeline.search_space import as_written, search_space, value_of, with_settings
from engine.progress import Progress, ignore
from engine.runs.place import lock
from tests.conftest import tiny_config

ROOT = Path(__file__).resolve().parents[4]
TRIALS = 7
QUICK = {
    "training__max_epochs": 4,
    "training__validate_every": 1,
    "model__d_model": 8,
    "model__n_layers": 1,
    "evaluation__bootstrap_samples": 10,
}


def quick(**changes: object) -> engine.RunConfig:
    return tiny_config(**{**QUICK, **changes})


@pytest.fixture(scope="module")
def found(tiny_log_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> engine.Search:
    """A search from beginning to end."""
    runs = tmp_path_factory.mktemp("search")
    return engine.tune(tiny_log_dir, trials=TRIALS, runs_dir=runs, config=quick())


@pytest.fixture(autouse=True)
def checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.pipeline.fitting, "CHECKPOINT_SECONDS", 0.0)  # after every epoch


def test_trials_are_told_apart_and_the_best_is_found(found: engine.Search) -> None:
    assert [trial.number for trial in found.trials] == list(range(1, TRIALS + 1))
    assert len({tuple(trial.settings.values()) for trial in found.trials}) == TRIALS
    done = [trial for trial in found.trials if trial.state == "done"]
    assert found.best.value == max(trial.value or 0 for trial in done)
    assert all(trial.epochs == 4 for trial in done)
    assert engine.list_runs(found.folder.parent) == ()
    for key, value in found.best.settings.items():
        section, _, field = key.partition(".")
        assert getattr(getattr(found.config, section), field) == value


def test_a_trial_that_lags_behind_is_given_up(found: engine.Search) -> None:
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned
    assert all(trial.epochs < 4 for trial in pruned)
    assert all(trial.number > 5 for trial in pruned)  # the first ones are what later ones are held against


def test_the_first_trial_has_the_settings_as_they_stand(found: engine.Search, tiny_log_dir: Path) -> None:
    resolved = resolve(quick(), leave_last_out(engine.load_dataset(tiny_log_dir, quick().data)[0]))
    for key, value in found.trials[0].settings.items():
        section, _, field = key.partition(".")
        assert getattr(getattr(resolved, section), field) == value


def test_settings_that_are_set_are_not_searched(found: engine.Search) -> None:
    assert list(found.best.settings) == [
        *("model.dropout", "model.id_dropout", "model.temperature", "training.batch_tokens"),
        *("training.learning_rate", "training.weight_decay"),
    ]  # fmt: skip


def test_the_test_part_is_not_there_to_be_asked(tiny_log_dir: Path, tmp_path: Path, monkeypatch) -> None:
    asked: list[int] = []
    real = searching.fit

    def spy(split: Split, *rest: Any) -> Any:
        asked.append(len(split.test))
        assert len(split.valid) == 118
        return real(split, *rest)

    monkeypatch.setattr(searching, "fit", spy)
    engine.tune(tiny_log_dir, trials=2, runs_dir=tmp_path, config=quick())
    assert asked == [0, 0]


def test_other_test_targets_change_nothing(
    found: engine.Search, tiny_log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, report = engine.load_dataset(tiny_log_dir, quick().data)
    items = dataset.histories.items.copy()
    last = (dataset.histories.offsets[1:] - 1)[dataset.histories.lengths >= 3]
    items[last] = items[last] % dataset.n_items + 1
    other = replace(dataset, histories=replace(dataset.histories, items=items))
    monkeypatch.setattr(searching, "load_dataset", lambda *_: (other, report))
    again = engine.tune(tiny_log_dir, trials=TRIALS, runs_dir=tmp_path, config=quick())
    assert again.folder.name != found.folder.name  # another log, so another search
    assert again.trials == found.trials


def validations(search: engine.Search) -> list[dict[int, float]]:
    """What each trial that ended reported, epoch by epoch."""
    with searching._study(search.folder) as study:
        return [dict(trial.intermediate_values) for trial in searching._ended(study)]


class Killed(BaseException):
    """Stands for the end of the process: nothing in the engine catches it."""


@pytest.mark.parametrize(
    ("how", "moment"),
    [
        (Killed, "1 of 7: epoch 1 of 4"),
        (Killed, "3 of 7: epoch 3 of 4"),
        (KeyboardInterrupt, "5 of 7: epoch 2 of 4"),
    ],
)
def test_goes_on_as_if_nothing_had_happened(
    found: engine.Search, tiny_log_dir: Path, tmp_path: Path, how: type, moment: str
) -> None:
    def cut(progress: Progress) -> None:
        if progress.message.startswith(moment):
            raise how

    with pytest.raises(how):
        engine.tune(tiny_log_dir, trials=TRIALS, runs_dir=tmp_path, config=quick(), on_progress=cut)
    said: list[str] = []
    again = engine.tune(
        tiny_log_dir, trials=TRIALS, runs_dir=tmp_path, config=quick(), on_progress=lambda p: said.append(p.message)
    )
    assert again.trials == found.trials
    assert again.config == found.config
    assert validations(again) == validations(found)  # what the pruner and the sampler go by
    first = next(message for message in said if "epoch" in message)
    assert first.startswith(moment)  # what was before it is not trained again
    assert not list(again.folder.glob("*.safetensors"))


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_goes_on_after_a_real_kill(found: engine.Search, tiny_log_dir: Path, tmp_path: Path) -> None:
    script = f"""
import os, signal, engine
from tests.unit.engine.pipeline.test_tuning import quick
def die(progress):
    if progress.message.startswith("4 of {TRIALS}: epoch 2"):
        os.kill(os.getpid(), signal.SIGKILL)
engine.tune({str(tiny_log_dir)!r}, trials={TRIALS}, runs_dir={str(tmp_path)!r}, config=quick(), on_progress=die)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    again = engine.tune(tiny_log_dir, trials=TRIALS, runs_dir=tmp_path, config=quick())
    assert again.trials == found.trials


def test_more_trials_are_added_to_those_there_are(found: engine.Search, tiny_log_dir: Path, tmp_path: Path) -> None:
    few = engine.tune(tiny_log_dir, trials=2, runs_dir=tmp_path, config=quick())
    assert few.trials == found.trials[:2]
    more = engine.tune(tiny_log_dir, trials=11, runs_dir=tmp_path, config=quick())
    assert more.trials[:TRIALS] == found.trials
    assert len(more.trials) == 11
    done = sum(trial.state == "done" for trial in more.trials)
    assert (more.importances is None) == (done < searching.ENOUGH_FOR_IMPORTANCES)


def test_importances_are_shares(tiny_log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "ENOUGH_FOR_IMPORTANCES", 4)
    search = engine.tune(tiny_log_dir, trials=5, runs_dir=tmp_path, config=quick(training__max_epochs=1))
    assert search.importances is not None
    assert set(search.importances) == set(search.best.settings)
    assert sum(search.importances.values()) == pytest.approx(1)


def test_nothing_is_unpickled(found: engine.Search, tiny_log_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("unpickled")

    for name in ("loads", "load", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    again = engine.tune(tiny_log_dir, trials=TRIALS, runs_dir=found.folder.parent, config=quick())
    assert again.trials == found.trials


def test_a_run_trained_with_the_best_settings_keeps_the_study(
    found: engine.Search, tiny_log_dir: Path, tmp_path: Path
) -> None:
    run = engine.train_best(found, tiny_log_dir, name="best", runs_dir=tmp_path)
    assert run.history["valid_ndcg"].max() == pytest.approx(found.best.value)
    assert (run.path / searching.STUDY).read_bytes() == (found.folder / searching.STUDY).read_bytes()
    assert [summary.name for summary in engine.list_runs(tmp_path)] == ["best"]
    assert engine.load_run("best", tmp_path).config.model.dropout == found.best.settings["model.dropout"]


def test_the_best_settings_can_be_written_and_read(found: engine.Search, tmp_path: Path) -> None:
    (tmp_path / "best.toml").write_text(engine.describe_config(found.config), encoding="utf-8")
    assert engine.load_config(tmp_path / "best.toml") == found.config


def test_time_that_is_over_leaves_the_trial_to_the_next_call(
    found: engine.Search, tiny_log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr(searching.time, "monotonic", lambda: float(next(clock)))  # a second at every look
    with pytest.raises(TrainingError, match=r"No trial was finished in 3 seconds.*goes on with the first.*--timeout"):
        engine.tune(tiny_log_dir, trials=TRIALS, timeout=3, runs_dir=tmp_path, config=quick())
    some = engine.tune(tiny_log_dir, trials=TRIALS, timeout=12, runs_dir=tmp_path, config=quick())
    assert 0 < len(some.trials) < TRIALS
    assert engine.tune(tiny_log_dir, trials=TRIALS, runs_dir=tmp_path, config=quick()).trials == found.trials


def test_a_trial_that_fails_is_passed_over_unless_it_is_the_first(
    tiny_log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = searching.fit, iter([False, True, False, True])

    def fail(*arguments: Any) -> Any:
        if next(calls):
            raise TrainingError("The training loss became nan")
        return real(*arguments)

    monkeypatch.setattr(searching, "fit", fail)
    search = engine.tune(tiny_log_dir, trials=3, runs_dir=tmp_path, config=quick())
    assert [trial.state for trial in search.trials] == ["done", "failed", "done"]
    assert search.trials[1].value is None
    with pytest.raises(TrainingError, match="became nan"):
        engine.tune(tiny_log_dir, trials=3, runs_dir=tmp_path, config=quick(training__seed=5))


def test_a_search_with_everything_set_is_refused() -> None:
    config = quick(
        model__dropout=0.1, model__output="dot", training__batch_tokens=64, training__learning_rate=0.01,
        training__weight_decay=0.1,
    )  # fmt: skip
    with pytest.raises(engine.ConfigError, match=r"Nothing is left to search.*model\.d_model.*--set and --config"):
        search_space(config, resolve(config, _split()), has_content=False)


def test_weights_of_another_run_are_no_start_of_a_search(tiny_log_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(engine.ConfigError, match=r"training.start_from \('other'\).*search without it"):
        engine.tune(tiny_log_dir, runs_dir=tmp_path, config=quick(training__start_from="other"))


def test_a_trial_is_validated_after_its_pre_training_alone(tiny_log_dir: Path, tmp_path: Path) -> None:
    config = quick(training__pretrain_epochs=2, training__max_epochs=1)

    def cut(progress: Progress) -> None:
        if progress.message.startswith("2 of 2: epoch 2 of 2"):  # of its pre-training
            raise Killed

    with pytest.raises(Killed):
        engine.tune(tiny_log_dir, trials=2, runs_dir=tmp_path / "cut", config=config, on_progress=cut)
    again = engine.tune(tiny_log_dir, trials=2, runs_dir=tmp_path / "cut", config=config)
    whole = engine.tune(tiny_log_dir, trials=2, runs_dir=tmp_path / "whole", config=config)
    assert again.trials == whole.trials
    assert [trial.epochs for trial in whole.trials] == [1, 1]
    assert not list(again.folder.glob("*.safetensors"))


def _split() -> Split:
    rows = [[1, 2, 3, 4, 5]] * 4
    nobody = leave_last_out(_Rows(rows))  # pyright: ignore[reportArgumentType]
    return nobody


class _Rows:
    """What `leave_last_out` asks of a dataset."""

    name = "rows"
    n_items = 5

    def __init__(self, rows: list[list[int]]) -> None:
        self.histories = Histories.of(rows)


@given(
    heads=st.sampled_from([None, 1, 2, 3, 4, 8]),
    preset=st.sampled_from(["default", "best"]),
    output=st.sampled_from([None, "dot", "cosine"]),
    has_content=st.booleans(),
    layers=st.sampled_from([None, 1, 7]),
    seed=st.integers(0, 10**6),
)
def test_what_is_proposed_can_be_trained_with(
    heads: int | None, preset: str, output: str | None, has_content: bool, layers: int | None, seed: int
) -> None:
    model = {"n_heads": heads, "output": output, "n_layers": layers}
    config = engine.RunConfig().replace({"model": model, "training": {"preset": preset}})
    if heads == 3:
        config = config.replace({"model": {"d_model": 96}})
    resolved = resolve(config, _split())
    space = search_space(config, resolved, has_content)
    rng = np.random.default_rng(seed)
    drawn: dict[str, Any] = {}
    for key, held in space.items():
        default = value_of(resolved, key)
        assert held._contains(held.to_internal_repr(default)), key
        assert value_of(config, key) is None
        if isinstance(held, CategoricalDistribution):
            drawn[key] = held.choices[rng.integers(len(held.choices))]
        else:
            draw = rng.uniform(held.low, held.high)
            drawn[key] = float(draw) if isinstance(held, FloatDistribution) else round(draw)
    trained = resolve(with_settings(config, as_written(drawn)), _split())  # a refused setting raises
    assert trained.model.d_model is not None
    assert trained.model.n_heads is not None
    assert trained.model.d_model % trained.model.n_heads == 0
    assert ("model.id_dropout" in space) == has_content
    assert ("model.temperature" in space) == (output != "dot")


@pytest.mark.skipif(os.name != "posix", reason="advisory locks")
def test_two_processes_do_not_share_a_search(found: engine.Search, tiny_log_dir: Path) -> None:
    busy = pytest.raises(engine.RunError, match=r"this search.*wait for it, or choose other settings")
    with lock(found.folder, "x"), busy:
        engine.tune(tiny_log_dir, trials=9, runs_dir=found.folder.parent, config=quick(), on_progress=ignore)
