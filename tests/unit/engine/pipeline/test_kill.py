"""A killed training leaves either no run or a whole one, and can be finished as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import engine

ROOT = Path(__file__).resolve().parents[4]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 users who walk round a ring of 30 items, with a stumble now and then."""
    rng = np.random.default_rng(5)
    lines = ["user_id,item_id"]
    for user in range(40):
        at = int(rng.integers(30))
        for _ in range(int(rng.integers(5, 12))):
            lines.append(f"u{user},i{at}")
            at = (at + (1 if rng.random() < 0.9 else int(rng.integers(2, 30)))) % 30
    path = tmp_path_factory.mktemp("log") / "ring.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def changes(epochs: int) -> list[str]:
    settings = {
        "training.max_epochs": epochs,
        "training.patience": epochs,
        "training.validate_every": 1,
        "training.batch_tokens": 64,
        "model.d_model": 16,
        "model.d_ff": 32,
        "model.n_heads": 2,
        "model.n_layers": 1,
        "model.max_len": 12,
        "evaluation.bootstrap_samples": 20,
    }
    return [f"{key}={value}" for key, value in settings.items()]


def arguments(log: Path, epochs: int) -> list[str]:
    return ["train", str(log), "--name", "ring", *(f"--set={change}" for change in changes(epochs))]


def weights(runs: Path) -> dict[str, np.ndarray]:
    """Of the network and of the ensemble round it."""
    parts = (load_file(runs / "ring" / name) for name in ("model.safetensors", "ensemble.safetensors"))
    return {name: array for part in parts for name, array in part.items()}


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def begin_training(given: list[str], runs: Path) -> subprocess.Popen[str]:
    """The real command, as soon as it has reported an epoch."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard.cli", *given, "--runs", runs],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # who started the tests may ignore Ctrl-C
    )
    progress = runs / ".ring.training" / "progress.jsonl"
    deadline = time.monotonic() + 120
    while not (progress.is_file() and progress.stat().st_size) and process.poll() is None:
        assert time.monotonic() < deadline, "training did not begin"
        time.sleep(0.01)
    return process


def check_then_finish(runs: Path, expected: dict[str, np.ndarray], log: Path, epochs: int) -> None:
    """What a killed training left is invisible or whole, and finishing it gives the uninterrupted run's weights."""
    summaries = engine.list_runs(runs)
    visible = [path.name for path in runs.iterdir() if not path.name.startswith(".")] if runs.is_dir() else []
    assert [run.name for run in summaries] == visible
    if summaries:
        assert same(weights(runs), expected)
    if summaries or (runs / ".ring.training" / "config.json").is_file():
        finished = engine.resume_run("ring", runs)
    else:  # killed before it had written what it was to do: nothing to resume, so begin again
        with pytest.raises(engine.RunError, match="No run called 'ring'"):
            engine.resume_run("ring", runs)
        config = engine.load_config(changes=changes(epochs))
        finished = engine.train_run(log, name="ring", runs_dir=runs, config=config)
    assert same(weights(runs), expected)
    assert finished.epochs == len(finished.history)
    assert sorted(path.name for path in runs.iterdir()) == ["ring"]


def test_killed_before_any_change_to_the_disk(log: Path, tmp_path: Path):
    """Kills the command before its 1st, 2nd, … change, at moments spread over the whole of its work."""
    epochs = 4

    def kill(*moments: str) -> dict[str, dict]:
        command = [sys.executable, Path(__file__).with_name("killing.py"), tmp_path, *moments, "--"]
        done = subprocess.run(
            [*command, *arguments(log, epochs)],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=True,
            timeout=200,
        )
        return json.loads(done.stdout)

    whole = kill("count")["count"]
    assert whole["code"] == 0, whole
    assert whole["changes"] > 15
    expected = weights(tmp_path / "count")
    last = whole["changes"]
    spread = np.linspace(2, last - 3, 6).astype(int).tolist()
    moments = sorted({1, *spread, last - 2, last - 1, last})  # the last ones put the run in its place
    reached = kill(*map(str, moments))
    assert all(entry["killed"] for entry in reached.values()), reached
    for moment in moments:
        check_then_finish(tmp_path / str(moment), expected, log, epochs)


def test_killed_while_it_trains_then_resumed_by_the_command(log: Path, tmp_path: Path):
    """The real command, killed by the clock: `runs` works, `evaluate` names the way out, `--resume` finishes it."""
    kill_training(given := arguments(log, 30), tmp_path)

    def tailscope(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dashboard.cli", *words, "--runs", str(tmp_path)],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    listed = tailscope("runs", "--json")
    assert listed.returncode == 0
    assert json.loads(listed.stdout) == {"runs": []}
    missing = tailscope("evaluate", "ring")
    assert missing.returncode == 1
    assert missing.stdout == ""
    assert "tailscope train --resume ring" in missing.stderr

    resumed = tailscope("train", "--resume", "ring", "--json")
    assert resumed.returncode == 0, resumed.stderr
    document = json.loads(resumed.stdout)
    assert (document["run"], document["epochs"]) == ("ring", 30)

    uninterrupted = tmp_path / "uninterrupted"
    command = [sys.executable, "-m", "dashboard.cli", *given, "--runs", uninterrupted]
    subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True)
    assert same(weights(tmp_path), weights(uninterrupted))
    assert document["models"] == json.loads((uninterrupted / "ring" / "metrics.json").read_text())["models"]


@pytest.mark.parametrize("architecture", ["masked", "encoder-decoder"])
def test_the_other_architectures_go_on_after_a_kill_too(architecture: str, log: Path, tmp_path: Path):
    kill_training([*arguments(log, 30), "--set", f"model.architecture={architecture}"], tmp_path)
    assert engine.list_runs(tmp_path) == ()
    resumed = engine.resume_run("ring", tmp_path)
    config = engine.load_config(changes=[*changes(30), f"model.architecture={architecture}"])
    whole = engine.train_run(log, name="ring", runs_dir=tmp_path / "uninterrupted", config=config)
    assert resumed.epochs == whole.epochs == 30
    assert same(weights(tmp_path), weights(tmp_path / "uninterrupted"))


def kill_training(given: list[str], runs: Path) -> None:
    """Begin a training by the real command and kill it in the middle."""
    process = begin_training(given, runs)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_ctrl_c_ends_training_with_a_whole_run(log: Path, tmp_path: Path):
    """SIGINT to the real command: the best weights so far are measured and kept, and standard error says so."""
    process = begin_training([*arguments(log, 100_000), "--json"], tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    run = engine.load_run("ring", tmp_path)
    assert run.stopped_by == "interrupted"
    assert json.loads(out)["epochs"] == run.epochs < 100_000
    assert f"the best weights so far, of epoch {run.best_epoch}, are kept" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ring"]
