"""Work that was cut off goes on only with what is there now: the log, and the tables of items and users."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import engine
from engine.pipeline import cross_validation, train, tuning, unfinished
from engine.pipeline.transfer import weights_read
from engine.pipeline.unfinished import changed_files
from engine.runs.folder import contents_fingerprint, fingerprint, load_data
from tests.conftest import TINY_RUN, tiny_config, tiny_tables


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, table in tiny_tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def _mend(shop: Path, table: str = "items") -> None:
    file = shop / f"{table}.csv"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("Tent no. 0", "Tent no. 0 mended").replace("North", "Far North"), encoding="utf-8")
    assert file.read_text(encoding="utf-8") != text


def _cut_off(*_given: Any, **_more: Any) -> Any:
    raise KeyboardInterrupt


def _begin(shop: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that is cut off before its first epoch."""
    with monkeypatch.context() as patch:
        patch.setattr(train, "fit", _cut_off)
        with pytest.raises(KeyboardInterrupt):
            engine.train_run(shop, name="one", runs_dir=runs, config=tiny_config(training__max_epochs=1))


def test_all_that_was_read_counts_and_survives_the_run_folder(tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, runs_dir=tiny_run_dir)
    data = run.dataset
    again, _ = load_data(run.path)
    assert contents_fingerprint(again) == contents_fingerprint(data)
    assert data.timestamps is not None
    others = [
        replace(data, item_table=data.item_table.assign(title="x")),
        replace(data, user_table=data.user_table.iloc[:, :-1]),
        replace(data, timestamps=data.timestamps + 1),
    ]
    assert len({contents_fingerprint(each) for each in (data, *others)}) == 4
    assert {fingerprint(each) for each in others} == {fingerprint(data)}  # they may still be compared


@pytest.mark.parametrize("table", ["items", "users"])
def test_training_again_reads_a_mended_table(
    table: str, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, config = tmp_path / "runs", tiny_config(training__max_epochs=1)
    _begin(shop, runs, monkeypatch)
    assert changed_files("one", runs) == ()
    _mend(shop, table)
    assert changed_files("one", runs) == (str((shop / f"{table}.csv").resolve()),)
    run = engine.train_run(shop, name="one", runs_dir=runs, config=config)
    kept = run.dataset.item_table if table == "items" else run.dataset.user_table
    assert ("Tent no. 0 mended" if table == "items" else "Far North") in kept.to_csv()


def test_a_training_cut_off_by_an_older_version_is_told_by_its_data(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    _begin(shop, runs, monkeypatch)
    working = train.working_folder("one", runs)
    about = train.read_about(working)
    contents = about.pop("contents")
    train.write_about(working, about)
    assert unfinished.same_work(working, {**about, "contents": contents})
    assert not unfinished.same_work(working, {**about, "contents": "another"})


@pytest.mark.parametrize("command", ["tune", "cross_validate"])
def test_folds_and_trials_of_a_mended_table_are_made_anew(
    command: str, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, config = tmp_path / "runs", tiny_config(training__max_epochs=1)
    monkeypatch.setattr(cross_validation, "_fold", _cut_off)
    monkeypatch.setattr(tuning, "_study", _cut_off)

    def folders() -> set[str]:
        with pytest.raises(KeyboardInterrupt):
            getattr(engine, command)(shop, runs_dir=runs, config=config, **{"folds": 2} if "v" in command else {})
        return {path.name for path in runs.iterdir() if path.name.startswith((".tune-", ".cross-validation-"))}

    assert folders() == folders()
    before = folders()
    _mend(shop)
    assert len(folders()) == len(before) + 1
    config = config.replace({"data": {"time": "timestamp"}})
    assert len(folders()) == len(before) + 2


def test_a_touched_file_is_a_changed_one(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _begin(shop, tmp_path, monkeypatch)
    os.remove(shop / "users.csv")
    assert changed_files("one", tmp_path) == (str((shop / "users.csv").resolve()),)
    assert changed_files("two", tmp_path) == ()


def test_a_training_goes_on_from_the_weights_that_it_began_with_alone(
    shop: Path, tiny_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(tiny_run_dir / TINY_RUN, runs / "base")
    config = tiny_config(training__max_epochs=1, training__start_from="base")
    with monkeypatch.context() as patch:
        patch.setattr(train, "fit", _cut_off)
        with pytest.raises(KeyboardInterrupt):
            engine.train_run(shop, name="one", runs_dir=runs, config=config)
        with pytest.raises(KeyboardInterrupt):
            engine.resume_run("one", runs)
    weights = runs / "base" / "model.safetensors"
    before = weights.read_bytes()
    weights.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    with pytest.raises(engine.RunError, match=r"base.model\.safetensors changed since training 'one'"):
        engine.resume_run("one", runs)
    weights.write_bytes(before)
    assert engine.resume_run("one", runs).epochs == 1


def test_weights_of_a_text_model_count_for_folds_and_trials(tmp_path: Path, tiny_run_dir: Path) -> None:
    folder = tmp_path / "model"
    (folder / "inner").mkdir(parents=True)
    config = tiny_config(model__text_model=str(folder))
    data = engine.load_run(TINY_RUN, tiny_run_dir).dataset

    def told() -> str:
        return contents_fingerprint(data, weights_read(config, tmp_path))

    said = [told()]
    for weights in (folder / "model.safetensors", folder / "inner" / "model.safetensors"):
        weights.write_bytes(b"one")
        said.append(told())
        weights.write_bytes(b"two")
        said.append(told())
    assert len(set(said)) == 5
    assert (
        weights_read(tiny_config(model__text_model="minilm"), tmp_path) == weights_read(tiny_config(), tmp_path) == ()
    )
