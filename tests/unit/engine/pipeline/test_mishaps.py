"""Mishaps of a training: each ends in a message with the way out, leaves no broken run in sight, and can go on."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

import engine
import engine.model.training.checkpoint as checkpoint
import engine.model.training.loop as training
import engine.pipeline.fitting as fitting
import engine.pipeline.train as pipeline
from engine.model.training.losses import softmax_loss
from engine.pipeline import unfinished
from tests.conftest import tiny_config

EPOCHS = 6


@pytest.fixture(autouse=True)
def _save_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "CHECKPOINT_SECONDS", 0.0)


def config(**changes: object) -> engine.RunConfig:
    quick = {"training__max_epochs": EPOCHS, "training__validate_every": 1, "training__patience": 99}
    small = {"model__n_layers": 1, "model__d_model": 8, "evaluation__bootstrap_samples": 20}
    return tiny_config(**{**quick, **small, **changes})


def weights(runs: Path, name: str = "r") -> dict[str, np.ndarray]:
    return load_file(runs / name / "model.safetensors")


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


@pytest.fixture(scope="module")
def undisturbed(tiny_log_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("undisturbed")
    engine.train_run(tiny_log_dir, name="r", runs_dir=runs, config=config())
    return runs


def failing_in_epoch(monkeypatch: pytest.MonkeyPatch, number: int, fail: Callable[[], torch.Tensor]) -> None:
    """Steps of an epoch and later end in `fail` until the patch is undone."""
    run_epoch = training._Loop.run_epoch

    def counted(loop: training._Loop) -> None:
        if loop.epoch + 1 >= number:
            monkeypatch.setattr(training, "softmax_loss", lambda *_: fail())
        run_epoch(loop)

    monkeypatch.setattr(training._Loop, "run_epoch", counted)


def raises(error: Exception) -> Callable[[], torch.Tensor]:
    def fail() -> torch.Tensor:
        raise error

    return fail


OUT_OF_MEMORY = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:118] . DefaultCPUAllocator: not enough memory: you tried to allocate"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes. Error code 12"),
    MemoryError(),
)


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda e: f"{type(e).__name__} {e}"[:40])
def test_memory_that_runs_out_names_the_settings_and_what_was_learnt_is_kept(
    error: Exception, tiny_log_dir: Path, tmp_path: Path, undisturbed: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        failing_in_epoch(patch, 4, raises(error))
        with pytest.raises(engine.TrainingError) as told:
            engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=config())
    for word in (
        "batch_tokens (1024)", "d_model (8)", "batch_tokens=512", "--resume r", "up to epoch 3",
    ):  # fmt: skip
        assert word in str(told.value)
    assert engine.list_runs(tmp_path) == ()
    engine.resume_run("r", tmp_path)
    assert same(weights(tmp_path), weights(undisturbed))


def test_the_sample_counts_where_memory_runs_out_over_a_sample(tiny_log_dir: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        failing_in_epoch(patch, 1, raises(MemoryError()))
        sampled = config(training__loss="sampled", training__n_negatives=77)
        with pytest.raises(engine.TrainingError, match=r"n_negatives \(77\)"):
            engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=sampled)
    assert list(tmp_path.iterdir()) == []  # nothing was learnt, so nothing is kept


def test_another_runtime_error_stays_what_it_is(tiny_log_dir: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        failing_in_epoch(patch, 2, raises(RuntimeError("shapes do not match")))
        with pytest.raises(RuntimeError, match="shapes do not match"):
            engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=config())


def nan_loss() -> torch.Tensor:
    return torch.tensor(float("nan"), requires_grad=True)


def test_a_loss_that_is_no_number_keeps_what_was_learnt_and_another_setting_goes_on(
    tiny_log_dir: Path, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        failing_in_epoch(patch, 4, nan_loss)
        with pytest.raises(engine.TrainingError, match=r"nan in epoch 4.*epoch 3 is kept: .*--resume r --set training"):
            engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=config())
    run = engine.resume_run("r", tmp_path, changes=["training.learning_rate=1e-4"])
    assert run.history["epoch"].tolist() == list(range(1, EPOCHS + 1))
    assert run.config.training.learning_rate == 1e-4
    about = json.loads((run.path / "config.json").read_text())
    assert about["begun_with"]["training"]["learning_rate"] != 1e-4


def test_the_best_weights_before_a_loss_that_is_no_number_can_be_had_as_a_run(
    tiny_log_dir: Path, tmp_path: Path
) -> None:
    engine.train_run(tiny_log_dir, name="three", runs_dir=tmp_path, config=config(training__max_epochs=3))
    with pytest.MonkeyPatch.context() as patch:
        failing_in_epoch(patch, 4, nan_loss)
        with pytest.raises(engine.TrainingError):
            engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=config())
    run = engine.resume_run("r", tmp_path, changes=["training.max_epochs=3"])
    assert run.epochs == 3
    assert same(weights(tmp_path), weights(tmp_path, "three"))


def test_a_gradient_that_is_no_number_spoils_no_weights(tiny_log_dir: Path, tmp_path: Path, undisturbed: Path) -> None:
    """A finite loss whose gradient is not: it would be the checkpoint's weights that it spoils."""

    def spoilt(*given: object) -> torch.Tensor:
        loss = softmax_loss(*given)  # pyright: ignore[reportArgumentType]
        return loss + (loss - loss.detach()).sqrt()  # + 0, whose gradient is infinite

    run_epoch = training._Loop.run_epoch
    with pytest.MonkeyPatch.context() as patch:

        def counted(loop: training._Loop) -> None:
            if loop.epoch + 1 >= 3:
                patch.setattr(training, "softmax_loss", spoilt)
            run_epoch(loop)

        patch.setattr(training._Loop, "run_epoch", counted)
        with pytest.raises(engine.TrainingError, match=r"gradient became (inf|nan) in epoch 3"):
            engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=config())
    engine.resume_run("r", tmp_path)
    assert same(weights(tmp_path), weights(undisturbed))


def test_the_command_that_began_a_changed_training_goes_on_with_the_change(tiny_log_dir: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        failing_in_epoch(patch, 3, raises(MemoryError()))
        with pytest.raises(engine.TrainingError):
            engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=config())
        with pytest.raises(engine.TrainingError, match="batch_tokens=256"):
            engine.resume_run("r", tmp_path, changes=["training.batch_tokens=512"])
        patch.undo()
        used: list[engine.RunConfig] = []
        fit = pipeline.fit
        patch.setattr(pipeline, "fit", lambda split, config, *more: (used.append(config), fit(split, config, *more))[1])
        run = engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=config())
    assert [each.training.batch_tokens for each in (*used, run.config)] == [512, 512]
    assert run.epochs == EPOCHS


@pytest.mark.parametrize("change", ["model.d_model=16", "training.seed=2", "training.average=0.5", "data.user=u"])
def test_what_cannot_change_on_the_way_is_refused(change: str, tmp_path: Path) -> None:
    with pytest.raises(engine.ConfigError, match=change.split("=")[0]):
        engine.resume_run("r", tmp_path, changes=[change])


def no_room(path: object = None, *_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def half_written(tensors: object, path: Path, metadata: object = None) -> None:
    Path(path).write_bytes(b"half")
    raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


class FullFile:
    """An open file on a full disk."""

    def __enter__(self) -> FullFile:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def fill_checkpoint(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checkpoint, "save_file", half_written)


def fill_progress(patch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def opened(path: Path, *given: str, **more: str):
        return FullFile() if path.name == "progress.jsonl" else real(path, *given, **more)  # pyright: ignore

    patch.setattr(Path, "open", opened)


def fill_results(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pipeline, "save_results", no_room)


def fill_json(patch: pytest.MonkeyPatch) -> None:
    real = Path.write_text

    def written(path: Path, text: str, **more: str) -> int:
        if '"models"' not in text:  # metrics.json, under the name that it has until it is whole
            return real(path, text, **more)
        real(path, text[:20], **more)
        raise OSError(errno.ENOSPC, "No space left on device")

    patch.setattr(Path, "write_text", written)


@pytest.mark.parametrize("fill", [fill_checkpoint, fill_progress, fill_results, fill_json])
def test_a_full_disk_is_named_and_the_run_goes_on_once_there_is_room(
    fill: Callable[[pytest.MonkeyPatch], None], tiny_log_dir: Path, tmp_path: Path, undisturbed: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fill(patch)
        with pytest.raises(engine.RunError) as told:
            engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=config())
    working = tmp_path / ".r.training"
    for word in (str(working), "No space left", "MB free", "tailscope train --resume r"):
        assert word in str(told.value)
    assert engine.list_runs(tmp_path) == ()
    assert list(working.glob("*.new")) == []
    engine.resume_run("r", tmp_path)
    assert same(weights(tmp_path), weights(undisturbed))


def test_a_disk_that_is_full_from_the_start_says_to_begin_again(tiny_log_dir: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unfinished, "save_data", no_room)
        with pytest.raises(engine.RunError, match="the same command begins again"):
            engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=config())
    assert engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=config()).epochs == EPOCHS


def test_another_error_of_the_disk_stays_what_it_is(tiny_log_dir: Path, tmp_path: Path) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "save_results", refused)
        with pytest.raises(PermissionError):
            engine.train_run(tiny_log_dir, name="r", runs_dir=tmp_path, config=config())


def write_log(folder: Path, histories: list[list[str]]) -> Path:
    lines = [f"u{u},{item}" for u, history in enumerate(histories) for item in history]
    (folder / "log.csv").write_text("user_id,item_id\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return folder / "log.csv"


@pytest.mark.parametrize("architecture", ["causal", "masked", "encoder-decoder"])
class TestOddLogs:
    def test_a_catalogue_of_one_item(self, architecture: str, tmp_path: Path) -> None:
        log = tmp_path / "log.csv"
        rows = [f"u{u},only,{1_600_000_000 + 86_400 * t}" for u in range(9) for t in range(5)]
        log.write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n", encoding="utf-8")
        seen = config(model__architecture=architecture, evaluation__exclude_seen="false")
        run = engine.train_run(log, name="r", runs_dir=tmp_path, config=seen)
        assert run.history["loss"].tolist() == pytest.approx([0.0] * EPOCHS, abs=1e-6)
        assert run.evaluation.models["transformer"].overall.metrics["hr@5"].value == 1.0

    def test_histories_longer_than_the_network_reads(self, architecture: str, tmp_path: Path) -> None:
        log = write_log(tmp_path, [[f"i{(u + t) % 40}" for t in range(20 + u)] for u in range(15)])
        short = config(model__architecture=architecture, model__max_len=6)
        run = engine.train_run(log, name="r", runs_dir=tmp_path, config=short)
        assert run.epochs == EPOCHS
        assert len(engine.recommend(run, "u14", k=3).items) == 3

    @pytest.mark.parametrize(
        ("length", "error", "words"),
        [
            (2, engine.DataError, "No user of 'log' has 3 interactions or more .*longer histories"),
            (3, engine.TrainingError, "No user has two training interactions .*longer histories"),
        ],
    )
    def test_users_who_are_all_below_the_threshold(
        self, architecture: str, length: int, error: type[Exception], words: str, tmp_path: Path
    ) -> None:
        log = write_log(tmp_path, [[f"i{(u + t) % 7}" for t in range(length)] for u in range(12)])
        with pytest.raises(error, match=words):
            engine.train_run(log, name="r", runs_dir=tmp_path / "runs", config=config(model__architecture=architecture))
        assert not (tmp_path / "runs").is_dir() or list((tmp_path / "runs").iterdir()) == []
