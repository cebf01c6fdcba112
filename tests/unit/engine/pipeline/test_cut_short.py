"""Searches and cross-validations that are killed, or whose disk is full: finished parts and others' files are kept."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

import engine
from engine.data.cleaning_report import CleaningReport
from engine.data.dataset import Dataset
from engine.model.training.checkpoint import save_checkpoint
from engine.model.training.loop import Checkpoint, Epoch
from engine.pipeline import cross_validation, train as pipeline, tuning
from engine.progress import OnProgress, Progress
from engine.runs.folder import STUDY
from tests.conftest import TINY_RUN, tiny_config
from tests.cut_short import changes, killed

QUICK = {
    "training__max_epochs": 1,
    "model__d_model": 8,
    "model__n_layers": 1,
    "model__item_content": "false",
    "model__user_content": "false",
    "evaluation__bootstrap_samples": 10,
}
FOLDS = 3

posix = pytest.mark.skipif(os.name != "posix", reason="SIGKILL and limits are POSIX")


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """What a process wrote outlives it without; only a power cut asks for more."""

    def quicker(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", quicker)
    yield
    event.remove(Engine, "connect", quicker)


@pytest.fixture
def config() -> engine.RunConfig:
    return tiny_config(**QUICK)


@pytest.fixture(scope="module")
def read(tiny_log_dir: Path) -> tuple[Dataset, CleaningReport]:
    return engine.load_dataset(tiny_log_dir, tiny_config(**QUICK).data)


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch, read: tuple[Dataset, CleaningReport]) -> list[str]:
    """Trainings as a search does them, with all that they do to the disk, and nothing learnt; each is noted."""
    done: list[str] = []

    def fit(_split: Any, settings: engine.RunConfig, _contents: Any, tell: OnProgress, checkpoint: Path) -> Any:
        done.append(checkpoint.name)
        value = settings.training.learning_rate
        log = (Epoch(1, 1.0, value, 0.0),)
        if not checkpoint.is_file():
            tell(Progress("train", 1.0, "epoch 1 of 1", epoch=1, max_epochs=1, valid_ndcg=value))
        save_checkpoint(Checkpoint({}, {}, {}, {}, log), checkpoint)
        return SimpleNamespace(stopped_by="max_epochs", log=log)

    monkeypatch.setattr(tuning, "fit", fit)
    monkeypatch.setattr(tuning, "load_dataset", lambda *_: read)
    return done


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch, read: tuple[Dataset, CleaningReport], tiny_run_dir: Path) -> list[str]:
    """The same for folds."""
    models = json.loads((tiny_run_dir / TINY_RUN / "metrics.json").read_text(encoding="utf-8"))["models"]
    done: list[str] = []

    def fold(_data: Any, _split: Any, _settings: Any, _contents: Any, _tell: Any, checkpoint: Path) -> Any:
        done.append(checkpoint.name)
        save_checkpoint(Checkpoint({}, {}, {}, {}, ()), checkpoint)
        return {"seconds": float(checkpoint.stem[-1]), "epochs": 1, "models": models}

    monkeypatch.setattr(cross_validation, "_fold", fold)
    monkeypatch.setattr(cross_validation, "load_dataset", lambda *_: read)
    return done


def _leave_work(runs: Path, hidden: Path) -> dict[Path, bytes]:
    """Files of somebody else beside a hidden folder and in it, under names that come close to ours."""
    hidden.mkdir(parents=True, exist_ok=True)
    (runs / "mydata").mkdir(exist_ok=True)
    names = ("notes.txt", "trial-notes.safetensors", "fold-notes.json", "trial-0123456789ab.safetensors.bak")
    files = [*(hidden / name for name in names), runs / "mydata" / "interactions.csv", runs / "trial-1.safetensors"]
    for file in files:
        file.write_bytes(b"work of years")
    return {file: file.read_bytes() for file in files}


def _own(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.suffix not in (".txt", ".bak") and "notes" not in path.name
    )


def _cut_and_finish(
    work: Callable[[Path], Any], begun: Path | None, moments: Callable[[int], list[int]],
    finished: Callable[[Path], int], done: list[str], wanted: list[str], places: pytest.TempPathFactory, of: int,
) -> Any:  # fmt: skip
    """Kill work at moments and do it again; the results, each of which has all that it should.

    Args:
        work: does it in a folder of runs.
        begun: a folder of runs where a part of it is done.
        moments: which, of so many changes to the disk.
        finished: how many parts are kept in a hidden folder.
        done: the trainings.
        wanted: what the hidden folder holds at the end.
        places: for folders.
        of: parts in all.
    """

    def place() -> Path:
        runs = places.mktemp("moment") / "runs"
        shutil.copytree(begun, runs) if begun else runs.mkdir()
        return runs

    runs = place()
    n_changes = changes(lambda: work(runs), runs)
    results = []
    for moment in moments(n_changes):
        runs = place()
        hidden = next(iter(runs.glob(".*-*")), None) or runs / work(places.mktemp("name")).folder.name
        work_of_others = _leave_work(runs, hidden)
        assert killed(lambda: work(runs), moment, runs)  # noqa: B023
        kept = finished(hidden)
        done.clear()
        results.append(work(runs))
        assert len(done) == of - kept, moment
        assert {file: file.read_bytes() for file in work_of_others} == work_of_others
        assert _own(hidden) == wanted, moment
    return results


def _trials_kept(hidden: Path) -> int:
    if not (hidden / STUDY).is_file() or not (hidden / "work.json").is_file():
        return 0
    with tuning._study(hidden) as study:
        return len(tuning._ended(study))


@posix
@pytest.mark.parametrize("begun", [False, True])
def test_a_search_killed_before_any_change_ends_as_if_it_had_not_been(
    begun: bool, tried: list[str], config: engine.RunConfig, tiny_log_dir: Path, tmp_path_factory: Any
) -> None:
    def work(runs: Path, trials: int = 2) -> engine.Search:
        return engine.tune(tiny_log_dir, trials=trials, runs_dir=runs, config=config)

    expected = work(tmp_path_factory.mktemp("whole"))
    held = tmp_path_factory.mktemp("begun") if begun else None
    if held is not None:
        work(held, 1)
    found = _cut_and_finish(
        work, held, lambda n: [*range(2, n - 6, 4 if begun else 16), *range(n - 6 if begun else n, n + 1)],
        _trials_kept, tried, [STUDY, "work.json"], tmp_path_factory, 2,
    )  # fmt: skip
    assert len(found) >= (9 if begun else 5)
    for search in found:
        assert search.trials == expected.trials
        assert search.config == expected.config


@posix
def test_a_cross_validation_killed_before_any_change_ends_as_if_it_had_not_been(
    folded: list[str], config: engine.RunConfig, tiny_log_dir: Path, tmp_path_factory: Any
) -> None:
    def work(runs: Path) -> engine.CrossValidation:
        return engine.cross_validate(tiny_log_dir, folds=FOLDS, runs_dir=runs, config=config)

    expected = work(tmp_path_factory.mktemp("whole"))
    wanted = [*(f"fold-{number}.json" for number in range(1, FOLDS + 1)), "work.json"]
    found = _cut_and_finish(
        work, None, lambda n: list(range(1, n + 1)), lambda hidden: len(list(hidden.glob("fold-[0-9].json"))),
        folded, wanted, tmp_path_factory, FOLDS,
    )  # fmt: skip
    assert len(found) > 4 * FOLDS
    assert all(replace(one, folder=expected.folder) == expected for one in found)


def test_a_fold_that_is_none_is_made_again(
    folded: list[str], config: engine.RunConfig, tiny_log_dir: Path, tmp_path: Path
) -> None:
    first = engine.cross_validate(tiny_log_dir, folds=FOLDS, runs_dir=tmp_path, config=config)
    (first.folder / "fold-1.json").write_text("{}", encoding="utf-8")
    (first.folder / "fold-2.json").write_text("{", encoding="utf-8")
    folded.clear()
    assert engine.cross_validate(tiny_log_dir, folds=FOLDS, runs_dir=tmp_path, config=config) == first
    assert folded == ["fold-1.safetensors", "fold-2.safetensors"]


@posix
def test_a_run_of_the_best_settings_has_the_study_as_soon_as_it_replaces_another(
    tried: list[str], config: engine.RunConfig, tiny_log_dir: Path, tiny_run_dir: Path, tmp_path_factory: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """`tune --train --overwrite`, killed when all is trained: the old run is in sight, or the new one and its study."""

    def finish(name: str, folder: Path, *_: Any) -> Any:
        about = pipeline.read_about(folder / f".{name}.training")
        shutil.copytree(tiny_run_dir / TINY_RUN, folder / f".{name}.training", dirs_exist_ok=True)
        tiny = pipeline.read_about(tiny_run_dir / TINY_RUN)
        pipeline.write_about(folder / f".{name}.training", {**tiny, **about, "created": "2099-01-01T00:00:00+00:00"})
        return pipeline._put_in_place(name, folder, lambda _: None, overwrite=True)

    monkeypatch.setattr(pipeline, "_finish", finish)
    held = tmp_path_factory.mktemp("held")
    shutil.copytree(tiny_run_dir / TINY_RUN, held / "r")
    search = engine.tune(tiny_log_dir, trials=1, runs_dir=held, config=config)
    study = (search.folder / STUDY).read_bytes()

    def work(runs: Path) -> engine.Run:
        there = replace(search, folder=runs / search.folder.name)
        return engine.train_best(there, tiny_log_dir, name="r", runs_dir=runs, overwrite=True)

    runs = _copy(held, tmp_path_factory)
    n = changes(lambda: work(runs), runs)
    ends = set()
    for moment in [*range(1, n - 16, 6), *range(n - 16, n + 1, 2)]:
        runs = _copy(held, tmp_path_factory)
        mine = _leave_work(runs, runs / search.folder.name)
        assert killed(lambda: work(runs), moment, runs)  # noqa: B023
        (seen,) = engine.list_runs(runs)
        new = seen.created.startswith("2099")
        ends.add(new)
        assert new == (seen.path / STUDY).is_file()
        work(runs)
        assert (runs / "r" / STUDY).read_bytes() == study
        assert sorted(p.name for p in runs.iterdir()) == sorted(
            [search.folder.name, "mydata", "r", "trial-1.safetensors"]
        )
        assert {file: file.read_bytes() for file in mine} == mine
    assert ends == {False, True}


def _copy(runs: Path, places: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(runs, places.mktemp("moment") / "runs"))


class TestADiskThatIsFull:
    def told(self, work: Callable[[], object], room: int) -> str:
        """What work says where files may have so many bytes."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
            try:
                work()
                said = "nothing"
            except engine.EngineError as error:
                said = str(error)
            except BaseException as error:  # noqa: BLE001  all is told
                said = f"raw: {error!r}"
            os.write(writer, said.encode())
            os._exit(0)
        os.close(writer)
        os.waitpid(child, 0)
        with os.fdopen(reader, encoding="utf-8") as answer:
            return answer.read()

    @posix
    @pytest.mark.parametrize("room", [0, 4096, 60_000])
    def test_a_search_says_so_and_goes_on(
        self, room: int, tried: list[str], config: engine.RunConfig, tiny_log_dir: Path, tmp_path: Path
    ) -> None:
        said = self.told(lambda: engine.tune(tiny_log_dir, trials=2, runs_dir=tmp_path, config=config), room)
        for word in (str(tmp_path / ".tune-"), "MB free there", "make room", "the same command goes on"):
            assert word in said
        found = engine.tune(tiny_log_dir, trials=2, runs_dir=tmp_path, config=config)
        assert len(found.trials) == 2
        assert found.folder.name in said

    def test_files_beside_the_study_are_told_of_too(
        self, tried: list[str], config: engine.RunConfig, tiny_log_dir: Path, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(tuning, "write_json", full)
        with pytest.raises(engine.RunError, match=r"no room to write in .*\.tune-.*the same command goes on where"):
            engine.tune(tiny_log_dir, trials=1, runs_dir=tmp_path, config=config)

    @posix
    def test_finished_trials_are_kept(
        self, tried: list[str], config: engine.RunConfig, tiny_log_dir: Path, tmp_path: Path
    ) -> None:
        first = engine.tune(tiny_log_dir, trials=1, runs_dir=tmp_path, config=config)
        room = (first.folder / STUDY).stat().st_size
        more = {"runs_dir": tmp_path, "config": config, "trials": 90}
        monkeyed = [*tried]
        said = self.told(lambda: engine.tune(tiny_log_dir, **more), room)
        assert "Trials that were finished are kept" in said
        kept = _trials_kept(first.folder)
        assert kept > 1
        assert engine.tune(tiny_log_dir, **{**more, "trials": kept}).trials[0] == first.trials[0]
        assert tried == monkeyed  # none was trained again

    @posix
    @pytest.mark.parametrize("room", [0, 60])
    def test_a_cross_validation_says_so_and_goes_on(
        self, room: int, folded: list[str], config: engine.RunConfig, tiny_log_dir: Path, tmp_path: Path
    ) -> None:
        work = {"folds": FOLDS, "runs_dir": tmp_path, "config": config}
        said = self.told(lambda: engine.cross_validate(tiny_log_dir, **work), room)
        for word in (str(tmp_path / ".cross-validation-"), "MB free there", "the same command goes on"):
            assert word in said
        assert len(engine.cross_validate(tiny_log_dir, **work).epochs) == FOLDS

    @posix
    @pytest.mark.parametrize("room", [0, 100, 2000, 5000])
    def test_tables_of_a_training_that_find_no_room_say_so(
        self, room: int, config: engine.RunConfig, tiny_log_dir: Path, tmp_path: Path
    ) -> None:
        work = {"name": "r", "runs_dir": tmp_path, "config": config}
        said = self.told(lambda: engine.train_run(tiny_log_dir, **work), room)
        for word in ("There is no room", str(tmp_path / ".r.training"), "make room, then the same command begins"):
            assert word in said
        assert engine.list_runs(tmp_path) == ()


def test_a_study_that_may_only_be_read_says_so(
    tried: list[str], config: engine.RunConfig, tiny_log_dir: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    engine.tune(tiny_log_dir, trials=1, runs_dir=tmp_path, config=config)

    def read_only(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA query_only=ON")

    event.listen(Engine, "connect", read_only)
    request.addfinalizer(lambda: event.remove(Engine, "connect", read_only))
    with pytest.raises(engine.RunError, match=r"study.sqlite.*readonly.*make the folder writable, then the same"):
        engine.tune(tiny_log_dir, trials=2, runs_dir=tmp_path, config=config)


@pytest.mark.parametrize("what", ["text", "cut", "folder"])
def test_a_study_that_is_damaged_says_so(
    what: str, tried: list[str], config: engine.RunConfig, tiny_log_dir: Path, tmp_path: Path
) -> None:
    file = engine.tune(tiny_log_dir, trials=1, runs_dir=tmp_path, config=config).folder / STUDY
    if what == "folder":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(b"no database " * 99 if what == "text" else file.read_bytes()[:30_000])
    with pytest.raises(engine.RunError, match=rf"{STUDY}.*same command") as told:
        engine.tune(tiny_log_dir, trials=2, runs_dir=tmp_path, config=config)
    assert ("is damaged (" in str(told.value)) == (what != "folder")


def test_a_folder_of_runs_that_cannot_be_written_to_is_told_before_anything_is_read(
    config: engine.RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    for work in (engine.tune, engine.cross_validate):
        with pytest.raises(engine.RunError, match="cannot be written to; make it writable"):
            work(tmp_path / "no such log", runs_dir=tmp_path, config=config)
    assert not list(tmp_path.iterdir())
