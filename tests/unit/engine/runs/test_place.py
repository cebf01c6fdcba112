"""A run that replaces another: nothing but a run is replaced, and a kill at any moment loses neither of the two."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
from pathlib import Path

import pytest

import engine
import engine.pipeline.fitting
from engine import disk
from engine.errors import RunError
from engine.model.training.checkpoint import save_network
from engine.runs import place as place_module
from engine.runs.folder import OWN_FILES
from engine.runs.place import foreign_entries, is_whole, put_in_place, reason_not_a_run, settle, working_folder
from tests.conftest import TINY_RUN, tiny_config
from tests.cut_short import killed

QUICK = {"training__max_epochs": 1, "model__d_model": 8, "evaluation__bootstrap_samples": 20}
LONG = {"training__max_epochs": 3, "training__patience": 9, "training__validate_every": 1}


class Cut(Exception):
    """Stands for a kill."""


@pytest.fixture
def runs(tiny_run_dir: Path, tmp_path: Path) -> Path:
    """A folder with the tiny run, and a training that is to replace it: all is written, but for the last step."""
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / TINY_RUN)
    working = working_folder(TINY_RUN, tmp_path)
    shutil.copytree(tiny_run_dir / TINY_RUN, working)
    about = json.loads((working / "config.json").read_text())
    (working / "config.json").write_text(json.dumps({**about, "created": "2099-01-01T00:00:00+00:00"}))
    (working / "checkpoint.safetensors").write_bytes(b"all that was learnt")
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_new(runs: Path) -> bool:
    return engine.list_runs(runs)[0].created.startswith("2099")


@pytest.fixture(params=["in one step", "in two steps"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The two ways to replace a folder; many systems have only the second."""
    if request.param == "in two steps":
        monkeypatch.setattr(disk, "exchange", lambda *_: False)
    elif getattr(disk._libc(), "renameat2", None) is None:
        pytest.skip("this system cannot exchange two folders")
    return request.param


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_killed_at_any_moment_one_of_the_two_is_in_sight_and_the_next_start_ends_it(
    way: str, runs: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    new, moment, ends = False, 0, set()
    while True:
        moment += 1
        place = tmp_path_factory.mktemp("moment") / "runs"
        shutil.copytree(runs, place)
        old, fresh = files(place / TINY_RUN), files(working_folder(TINY_RUN, place))
        stopped = killed(lambda: put_in_place(working_folder(TINY_RUN, place), TINY_RUN, place, True), moment, place)  # noqa: B023
        if way == "in one step":
            assert (place / TINY_RUN / "metrics.json").is_file()  # without anybody's help
        assert [run.name for run in engine.list_runs(place)] == [TINY_RUN]
        assert not new or is_new(place)  # once replaced, later moments find it so
        new = is_new(place)
        ends.add(new)
        assert new or files(place / TINY_RUN) == old
        if not new and not is_whole(working_folder(TINY_RUN, place)):  # it would train once more
            put_in_place(working_folder(TINY_RUN, place), TINY_RUN, place, overwrite=True)
        engine.resume_run(TINY_RUN, place, overwrite=True)
        assert is_new(place)
        assert [path.name for path in place.iterdir()] == [TINY_RUN]
        assert files(place / TINY_RUN) == {name: held for name, held in fresh.items() if "checkpoint" not in name}
        if not stopped:
            break
    assert ends == {False, True}
    assert moment > 15


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_what_settles_a_kill_may_be_killed_too(way: str, runs: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """As soon as the new run stands in its place, a kill before each step of the tidying."""
    working = working_folder(TINY_RUN, runs)
    (working / "whole").touch()
    fresh = files(working)
    place_module._exchange(working, runs / TINY_RUN, TINY_RUN)
    for moment in range(1, 99):
        place = tmp_path_factory.mktemp("moment") / "runs"
        shutil.copytree(runs, place)
        stopped = killed(lambda: settle(TINY_RUN, place), moment, place)  # noqa: B023
        assert is_new(place)
        settle(TINY_RUN, place)
        assert files(place) == {
            f"{TINY_RUN}/{name}": held
            for name, held in fresh.items()
            if name not in ("whole", "checkpoint.safetensors")
        }
        if not stopped:
            assert moment > 5
            return


def test_a_run_that_an_older_version_lost_sight_of_is_found_again(runs: Path) -> None:
    """Version 0.1 renamed twice, and marked nothing."""
    old = files(runs / TINY_RUN)
    (runs / TINY_RUN).rename(runs / f".{TINY_RUN}.replaced")
    assert [run.name for run in engine.list_runs(runs)] == [TINY_RUN]
    assert files(runs / TINY_RUN) == old
    with pytest.raises(RunError, match=r"is there already.*--resume tiny --overwrite"):
        engine.resume_run(TINY_RUN, runs)
    assert (working_folder(TINY_RUN, runs) / "checkpoint.safetensors").is_file()


def made_up(folder: Path, name: str) -> Path:
    """Folders that are no run, each with a file that somebody would miss."""
    place = folder / name
    if name == "file":
        place.write_text("work of years")
        return place
    place.mkdir()
    (place / "interactions.csv").write_text("user_id,item_id\na,b\n")
    if name == "amodel":  # as others call their files too
        for file in ("config.json", "metrics.json", "model.safetensors", "vocabulary.parquet"):
            (place / file).write_text("{}")
    return place


@pytest.mark.parametrize("name", ["data", "file", "amodel"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_run_is_not_replaced_and_nothing_advises_it(
    name: str, overwrite: bool, tiny_log_dir: Path, tmp_path: Path
) -> None:
    place = made_up(tmp_path, name)
    before = files(tmp_path)
    with pytest.raises(RunError, match="is no run") as told:
        engine.train_run(tiny_log_dir, name=name, runs_dir=tmp_path, config=tiny_config(**QUICK), overwrite=overwrite)
    assert "--overwrite" not in str(told.value)
    assert str(place) in str(told.value)
    assert files(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == [name]  # and not after a minute of training


def test_a_run_with_somebodys_notes_in_it_is_not_replaced(runs: Path) -> None:
    (runs / TINY_RUN / "thesis.docx").write_text("work of years")
    with pytest.raises(RunError, match=r"it holds thesis\.docx, which no run does"):
        put_in_place(working_folder(TINY_RUN, runs), TINY_RUN, runs, overwrite=True)
    assert (runs / TINY_RUN / "thesis.docx").is_file()
    assert (working_folder(TINY_RUN, runs) / "checkpoint.safetensors").is_file()
    (runs / TINY_RUN / "thesis.docx").unlink()
    engine.resume_run(TINY_RUN, runs, overwrite=True)
    assert is_new(runs)


def test_a_link_in_the_place_of_a_run_is_not_followed(runs: Path, tmp_path: Path) -> None:
    (runs / TINY_RUN).rename(runs / "elsewhere")
    (runs / TINY_RUN).symlink_to(runs / "elsewhere")
    with pytest.raises(RunError, match="it is a link"):
        put_in_place(working_folder(TINY_RUN, runs), TINY_RUN, runs, overwrite=True)
    assert reason_not_a_run(runs / "elsewhere") is None


def test_a_hidden_folder_of_somebody_else_is_not_emptied(tiny_log_dir: Path, tmp_path: Path) -> None:
    working = working_folder("r", tmp_path)
    working.mkdir()
    (working / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(RunError, match=r"it holds notes\.txt"):
            engine.train_run(
                tiny_log_dir, name="r", runs_dir=tmp_path, config=tiny_config(**QUICK), overwrite=overwrite
            )
    assert files(tmp_path) == {".r.training/notes.txt": b"mine"}


def test_every_file_that_the_engine_keeps_in_a_run_is_known(tiny_run_dir: Path) -> None:
    """Else a run in which it was kept could never be replaced."""
    assert foreign_entries(tiny_run_dir / TINY_RUN) == []
    source = "\n".join(path.read_text(encoding="utf-8") for path in Path(engine.__file__).parent.rglob("*.py"))
    names = set(re.findall(r'^[A-Z_]+ = "(\w+\.(?:json|parquet|safetensors|jsonl|sqlite))"', source, re.MULTILINE))
    assert {"confidence.json", "growth.json"} <= names
    assert names - {"oracle.json"} <= OWN_FILES  # that one stands beside a log


class TestInterrupted:
    """What a training that was cut off had learnt is lost to no other training."""

    @pytest.fixture
    def cut(self, tiny_log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder of runs with a training cut off after two epochs, named by its data."""
        monkeypatch.setattr("engine.pipeline.fitting.CHECKPOINT_SECONDS", 0.0)

        def kill(progress: engine.Progress) -> None:
            if progress.stage == "train" and progress.epoch == 2:
                raise Cut

        with pytest.raises(Cut):
            engine.train_run(tiny_log_dir, runs_dir=tmp_path, config=tiny_config(**{**QUICK, **LONG}), on_progress=kill)
        return tmp_path

    def test_another_training_without_a_name_takes_another_one(self, cut: Path, tiny_log_dir: Path) -> None:
        (working,) = cut.iterdir()
        before = files(working)
        name = working.name.removeprefix(".").removesuffix(".training")
        other = engine.train_run(tiny_log_dir, runs_dir=cut, config=tiny_config(**QUICK, training__seed=7))
        assert other.name == f"{name}-2"
        assert files(working) == before
        same = engine.train_run(tiny_log_dir, runs_dir=cut, config=tiny_config(**{**QUICK, **LONG}))
        assert (same.name, same.history["epoch"].tolist()) == (name, [1, 2, 3])

    def test_another_training_of_its_name_is_refused_unless_asked_for(self, cut: Path, tiny_log_dir: Path) -> None:
        (working,) = cut.iterdir()
        before = files(working)
        name = working.name.removeprefix(".").removesuffix(".training")
        other = {"name": name, "runs_dir": cut, "config": tiny_config(**QUICK, training__seed=7)}
        with pytest.raises(RunError, match=rf"was cut off and waits in .*--resume {name}`.*--overwrite"):
            engine.train_run(tiny_log_dir, **other)
        assert files(working) == before
        assert engine.train_run(tiny_log_dir, **other, overwrite=True).config.training.seed == 7
        assert [path.name for path in cut.iterdir()] == [name]

    def test_a_resumed_training_whose_name_is_taken_is_told_before_it_trains(
        self, cut: Path, tiny_run_dir: Path
    ) -> None:
        (working,) = cut.iterdir()
        name = working.name.removeprefix(".").removesuffix(".training")
        shutil.copytree(tiny_run_dir / TINY_RUN, cut / name)
        before = files(cut)
        with pytest.raises(RunError, match=rf"is there already.*waits in .*--resume {name} --overwrite"):
            engine.resume_run(name, cut)
        assert files(cut) == before
        assert engine.resume_run(name, cut, overwrite=True).epochs == 3

    def test_an_error_at_the_start_of_stage_two_keeps_the_pre_training(
        self, tiny_log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = tiny_config(**QUICK, training__pretrain_epochs=2)
        real = engine.pipeline.fitting.train

        def train(split: object, settings: engine.RunConfig, *more: object) -> object:
            if settings.model.architecture != "masked":
                raise engine.TrainingError("no more memory")
            return real(split, settings, *more)  # pyright: ignore

        with monkeypatch.context() as patch:
            patch.setattr("engine.pipeline.fitting.train", train)
            with pytest.raises(engine.TrainingError, match=r"pre-training is kept: .*--resume r "):
                engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=config)
        assert (working_folder("r", tmp_path) / "checkpoint.pretraining.safetensors").is_file()
        told: list[engine.Progress] = []
        engine.resume_run("r", tmp_path, on_progress=told.append)
        assert not [one for one in told if one.stage == "pretrain"]  # not a step of it again
        assert [path.name for path in tmp_path.iterdir()] == ["r"]

    def test_nothing_to_resume_is_not_answered_with_resume(self, tmp_path: Path) -> None:
        working_folder("base", tmp_path).mkdir()
        with pytest.raises(RunError, match=r"nothing to resume: `tailscope train PATH --name base`") as told:
            engine.resume_run("base", tmp_path)
        assert "--resume" not in str(told.value)


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
@pytest.mark.parametrize("room", [0, 100, 4096, 40_000])
def test_a_disk_that_is_full_in_the_middle_of_a_file_leaves_the_old_one(
    room: int, tiny_run_dir: Path, tmp_path: Path
) -> None:
    """Files larger than the room end as an error of the disk, whoever writes them."""
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / "r")
    before = files(tmp_path)
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        seen = 0
        for write in (
            lambda: save_network(run.recommender.network, tmp_path / "r" / "model.safetensors"),
            lambda: disk.write_text(tmp_path / "r" / "config.json", "x" * 99_999),
        ):
            try:
                write()
            except OSError as error:
                seen += error.errno in disk.NO_ROOM
        os._exit(seen)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert files(tmp_path) == before


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_every_file_has_the_mode_that_the_umask_gives(umask: int, tiny_run_dir: Path, tmp_path: Path) -> None:
    """Weights too, so that who may read a run may read all of it."""
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    before = os.umask(umask)
    try:
        save_network(run.recommender.network, tmp_path / "model.safetensors")
        disk.write_text(tmp_path / "config.json", "{}")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o666 & ~umask}
