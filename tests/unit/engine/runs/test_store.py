"""The run folder: what is written is what is read, and what is broken or half done is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import engine
from engine.data.dataset import Histories
from engine.errors import RunError
from engine.runs.folder import check_name, fingerprint, load_data
from engine.runs.place import lock_name, put_in_place, working_folder
from tests.conftest import TINY_RUN


@pytest.fixture(scope="module")
def run(tiny_run_dir: Path) -> engine.Run:
    return engine.load_run(TINY_RUN, tiny_run_dir)


@pytest.fixture
def copy(tiny_run_dir: Path, tmp_path: Path) -> Path:
    """A runs directory that a test may break."""
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / TINY_RUN)
    return tmp_path


def test_the_folder_holds_what_the_design_names(tiny_run_dir: Path) -> None:
    folder = tiny_run_dir / TINY_RUN
    expected = {
        "config.json", "dataset", "vocabulary.parquet", "model.safetensors", "progress.jsonl", "metrics.json",
        "per_user.parquet", "lists.parquet", "recommendations.parquet", "cleaning.json", "contents.safetensors",
    }  # fmt: skip
    later = {"diagnosis.json", "confidence.json", "attention_heads.json"}  # which a page's test may have asked for
    assert {path.name for path in folder.iterdir()} - later == expected
    assert [path.name for path in tiny_run_dir.iterdir()] == [TINY_RUN]  # nothing else is left behind


def test_the_data_read_back_is_the_data_read(run: engine.Run, tiny_log_dir: Path) -> None:
    dataset, cleaning = engine.load_dataset(tiny_log_dir, run.config.data)
    assert fingerprint(dataset) == fingerprint(run.dataset)
    np.testing.assert_array_equal(dataset.timestamps, run.dataset.timestamps)  # pyright: ignore[reportArgumentType]
    pd.testing.assert_frame_equal(dataset.item_table, run.dataset.item_table)
    pd.testing.assert_frame_equal(dataset.user_table, run.dataset.user_table)
    assert cleaning.issues == run.cleaning.issues
    assert cleaning.dropped == 2


def test_the_fingerprint_tells_other_data(run: engine.Run) -> None:
    from dataclasses import replace

    items = run.dataset.histories.items.copy()
    items[:2] = items[1::-1]
    assert items[0] != items[1]
    other = replace(run.dataset, histories=Histories(run.dataset.histories.offsets, items))
    assert fingerprint(other) != fingerprint(run.dataset)


def test_loaded_figures_are_the_figures_measured(run: engine.Run) -> None:
    again = engine.evaluate_run(run)
    assert again.to_dict() == run.evaluation.to_dict()


def test_recommendations_on_disk_are_those_of_the_model(run: engine.Run) -> None:
    table = pd.read_parquet(run.path / "recommendations.parquet")
    user = str(table["user_id"].iloc[0])
    ours = engine.recommend(run, user, k=20)
    theirs = table[table["user_id"] == user]
    assert [item.item_id for item in ours.items] == theirs["item_id"].tolist()
    assert [item.score for item in ours.items] == pytest.approx(theirs["score"].tolist(), abs=1e-4)
    assert theirs["rank"].tolist() == list(range(1, 21))


def test_loaded_lists_are_those_of_every_model(run: engine.Run) -> None:
    again = engine.evaluate_run(run)
    assert list(run.evaluation.lists) == list(again.lists) == list(run.evaluation.models)
    for name, top in run.evaluation.lists.items():
        assert top.dtype == np.int32
        np.testing.assert_array_equal(top, again.lists[name], err_msg=name)
    own = engine.recommend(run, run.dataset.users.id_of(int(run.split.test.users[5])), k=20)
    numbers = run.dataset.items.indices_of([item.item_id for item in own.items])
    assert run.evaluation.lists[run.answers][5].tolist() == numbers.tolist()


def test_a_run_of_before_lists_were_kept_has_its_own_and_its_log_ranks(run: engine.Run, copy: Path) -> None:
    folder = copy / TINY_RUN
    (folder / "lists.parquet").unlink()
    per_user = pd.read_parquet(folder / "per_user.parquet")
    per_user.drop(columns="log_rank").to_parquet(folder / "per_user.parquet")
    older = engine.load_run(TINY_RUN, copy)
    assert list(older.evaluation.lists) == [run.answers]
    np.testing.assert_array_equal(older.evaluation.lists[run.answers], run.evaluation.lists[run.answers])
    pd.testing.assert_frame_equal(older.evaluation.per_user, run.evaluation.per_user)


@pytest.mark.parametrize(("column", "value"), [("user_idx", 9999), ("user_idx", -1), ("item_idx", 0), ("rank", 0)])
def test_lists_of_nobody_or_of_nothing_are_damage(copy: Path, column: str, value: int) -> None:
    file = copy / TINY_RUN / "lists.parquet"
    table = pd.read_parquet(file)
    table.loc[3, column] = value
    table.to_parquet(file)
    with pytest.raises(RunError, match="is damaged"):
        engine.load_run(TINY_RUN, copy)


def test_a_list_of_runs_is_newest_first_and_leaves_out_what_is_no_run(copy: Path) -> None:
    shutil.copytree(copy / TINY_RUN, copy / "older")
    about = json.loads((copy / "older" / "config.json").read_text())
    (copy / "older" / "config.json").write_text(json.dumps({**about, "created": "2020-01-01T00:00:00+00:00"}))
    (copy / "empty").mkdir()
    (copy / "broken").mkdir()
    (copy / "broken" / "config.json").write_text("{")
    shutil.copytree(copy / TINY_RUN, copy / ".hidden.training")
    found = engine.list_runs(copy)
    assert [run.name for run in found] == [TINY_RUN, "older"]
    assert (found[0].n_users, found[0].epochs) == (120, 2)
    assert found[0].ndcg10 is not None
    assert engine.list_runs(copy / "absent") == ()


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "a\\b", "a\x00", "x" * 81, "-x"])
def test_a_name_that_is_a_path_is_refused(name: str, tiny_run_dir: Path) -> None:
    with pytest.raises(RunError, match="cannot be called"):
        engine.load_run(name, tiny_run_dir)


def test_plain_names_in_any_script_are_fine() -> None:
    assert [check_name(name) for name in ("beauty", "ml-100k_2", "商店.1")] == ["beauty", "ml-100k_2", "商店.1"]


def test_a_missing_run_names_those_that_are_there(tiny_run_dir: Path) -> None:
    with pytest.raises(RunError, match=f"No run called 'nope'.*{TINY_RUN}"):
        engine.load_run("nope", tiny_run_dir)


def test_another_format_version_is_refused(copy: Path) -> None:
    file = copy / TINY_RUN / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format_version": 99}))
    with pytest.raises(RunError, match="format 99"):
        engine.load_run(TINY_RUN, copy)


@pytest.mark.parametrize(
    "name",
    [
        "metrics.json",
        "model.safetensors",
        "per_user.parquet",
        "lists.parquet",
        "vocabulary.parquet",
        "dataset/interactions.parquet",
    ],
)
def test_a_damaged_file_is_named(copy: Path, name: str) -> None:
    file = copy / TINY_RUN / name
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(RunError, match=TINY_RUN):
        engine.load_run(TINY_RUN, copy)


def test_a_name_that_is_taken_is_not_overwritten_unless_asked(copy: Path, tiny_log_dir: Path) -> None:
    before = (copy / TINY_RUN / "metrics.json").read_bytes()
    config = engine.load_config(None, ["training.max_epochs=1", "model.d_model=8", "evaluation.bootstrap_samples=20"])
    with pytest.raises(RunError, match="--overwrite"):
        engine.train_run(tiny_log_dir, name=TINY_RUN, runs_dir=copy, config=config)
    assert (copy / TINY_RUN / "metrics.json").read_bytes() == before
    run = engine.train_run(tiny_log_dir, name=TINY_RUN, runs_dir=copy, config=config, overwrite=True)
    assert run.epochs == 1
    assert [path.name for path in copy.iterdir()] == [TINY_RUN]


def test_without_a_name_the_data_gives_one_and_a_number_where_it_is_taken(copy: Path, tiny_log_dir: Path) -> None:
    config = engine.load_config(None, ["training.max_epochs=1", "model.d_model=8", "evaluation.bootstrap_samples=20"])
    names = [engine.train_run(tiny_log_dir, runs_dir=copy, config=config).name for _ in range(2)]
    assert names[1] == f"{names[0]}-2"


def test_two_trainings_of_one_name_do_not_meet(tmp_path: Path) -> None:
    told = pytest.raises(RunError, match="Another process is training 'x'")
    with lock_name("x", tmp_path), told, lock_name("x", tmp_path):
        pass
    with lock_name("x", tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_appears_meanwhile_is_kept(copy: Path) -> None:
    working = working_folder(TINY_RUN, copy)
    shutil.copytree(copy / TINY_RUN, working)
    (working / "checkpoint.safetensors").write_bytes(b"all that was learnt")
    before = contents(copy)
    with pytest.raises(RunError, match=r"appeared while .*--resume tiny`"):
        put_in_place(working, TINY_RUN, copy, overwrite=False)
    assert contents(copy) == before | {f".{TINY_RUN}.training/whole": b""}
    assert load_data(copy / TINY_RUN)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_failed_training_leaves_nothing_in_sight(tmp_path: Path) -> None:
    log = tmp_path / "short.csv"
    log.write_text("user_id,item_id\n" + "".join(f"u{u},i{i}\n" for u in range(4) for i in range(3)), encoding="utf-8")
    with pytest.raises(engine.TrainingError, match="two training interactions"):
        engine.train_run(log, name="short", runs_dir=tmp_path / "runs")
    assert engine.list_runs(tmp_path / "runs") == ()
    assert list((tmp_path / "runs").iterdir()) == []
