"""Run folders that somebody changed: each is told in a sentence, for that run alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import engine
from tests.conftest import BLENDED_RUN
from tests.unit.dashboard.conftest import Tailscope, tailscope  # noqa: F401  a fixture

Break = Callable[[Path, np.random.Generator], None]


@pytest.fixture
def copy(blended_run_dir: Path, tmp_path: Path) -> Path:
    """A runs directory that a test may break, with a sound run beside it."""
    shutil.copytree(blended_run_dir / BLENDED_RUN, tmp_path / "broken")
    shutil.copytree(blended_run_dir / BLENDED_RUN, tmp_path / "sound")
    return tmp_path


def touch(runs: Path) -> None:
    """Load the broken run and ask it for a little of everything."""
    engine.list_runs(runs)
    engine.damaged_runs(runs)
    engine.compare_runs(["broken", "sound"], runs)
    run = engine.load_run("broken", runs)
    user = run.dataset.users.id_of(int(run.split.test.users[0]))
    engine.recommend(run, user, k=5)
    engine.attention(run, user)
    engine.explain(run, user)
    engine.explain_features(run, user)
    engine.item_profile(run, run.dataset.items.id_of(1))
    engine.find_users(run)
    engine.load_groups(run)
    engine.gap(run.evaluation, "ndcg@10", run.answers, "users", run.config.evaluation)
    engine.group_tables(
        run.evaluation,
        engine.run_facts(run),
        engine.standard_groups(engine.user_columns(engine.run_facts(run))),
        ["ndcg@10"],
        [run.answers],
        run.config.evaluation,
    )


def change_json(path: Path, rng: np.random.Generator, value: object) -> None:
    """Put a value in the place of one in a JSON file, somewhere not far from its top."""
    document = json.loads(path.read_text(encoding="utf-8"))
    held, key = document, rng.choice(list(document))
    for _ in range(int(rng.integers(0, 4))):
        inner = held[key]
        if isinstance(inner, dict) and inner:
            held, key = inner, str(rng.choice(list(inner)))
        elif isinstance(inner, list) and inner:
            held, key = inner, int(rng.integers(len(inner)))
        else:
            break
    held[key] = value
    path.write_text(json.dumps(document), encoding="utf-8")


def change_table(path: Path, rng: np.random.Generator) -> None:
    table = pd.read_parquet(path)
    column = str(rng.choice(list(table.columns)))
    how = int(rng.integers(5))
    if how == 0:
        table = table.drop(columns=column)
    elif how == 1:
        table[column] = "nonsense"
    elif how == 2:
        table = table.iloc[: len(table) // 2]
    elif how == 3:
        table[column] = float("nan")
    else:
        table[column] = 10**9
    table.to_parquet(path)


def change_arrays(path: Path, rng: np.random.Generator) -> None:
    with safe_open(path, framework="np") as file:
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        words = file.metadata()
    name = str(rng.choice(list(arrays)))
    how = int(rng.integers(5))
    if how == 0:
        del arrays[name]
    elif how == 1:
        arrays[name] = arrays[name].astype(np.float32) * np.float32("nan")
    elif how == 2:
        arrays[name] = arrays[name].reshape(-1)[: arrays[name].size // 2].copy()
    elif how == 3:
        arrays[name] = np.full_like(arrays[name], 10**4)
    else:
        words = dict.fromkeys(words or {}, "{")
    save_file(arrays, path, metadata=words)


VALUES = (None, True, -1, 10**30, "x", [], {}, [[]], "NaN", 1e308, {"a": [1]})


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_changed_ends_in_a_sentence(copy: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    paths = sorted(path for path in (copy / "broken").rglob("*") if path.is_file() and path.suffix != ".jsonl")
    path = paths[seed % len(paths)]
    kind = int(rng.integers(4))
    if kind == 0:
        path.write_bytes(path.read_bytes()[: int(rng.integers(0, path.stat().st_size))])
    elif kind == 1:
        held = bytearray(path.read_bytes())
        for at in rng.integers(0, len(held), 20):
            held[at] = int(rng.integers(256))
        path.write_bytes(bytes(held))
    elif path.suffix == ".json":
        change_json(path, rng, VALUES[int(rng.integers(len(VALUES)))])
    else:
        change = change_table if path.suffix == ".parquet" else change_arrays
        change(path, rng)
    with contextlib.suppress(engine.EngineError):
        touch(copy)
    assert "sound" in [run.name for run in engine.list_runs(copy)]
    assert engine.load_run("sound", copy)


def deep(path: Path) -> None:
    path.write_text("[" * 200_000 + "]" * 200_000)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def elsewhere(path: Path) -> None:
    path.rename(path.parents[1] / "elsewhere")
    path.symlink_to(path.parents[1] / "elsewhere")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices")
@pytest.mark.parametrize(
    "name", ["config.json", "metrics.json", "per_user.parquet", "model.safetensors", "cohorts.json"]
)
@pytest.mark.parametrize("make", [deep, pipe, device, elsewhere, folder])
def test_what_is_no_plain_file_is_not_read(copy: Path, name: str, make: Callable[[Path], None]) -> None:
    path = copy / "broken" / name
    if name == "cohorts.json":
        path.write_text('{"groups": []}')
    make(path)
    with pytest.raises(engine.RunError):
        engine.load_groups(engine.load_run("broken", copy))
    assert [run.name for run in engine.list_runs(copy) if run.name != "broken"] == ["sound"]


def test_an_index_of_a_thousand_million_takes_no_room(copy: Path) -> None:
    for file, column in (("dataset/interactions.parquet", "user_idx"), ("vocabulary.parquet", "index")):
        path = copy / "broken" / file
        before = path.read_bytes()
        table = pd.read_parquet(path)
        table.loc[len(table) - 1, column] = 10**9
        table.to_parquet(path)
        with pytest.raises(engine.RunError, match="damaged"):
            engine.load_run("broken", copy)
        path.write_bytes(before)


def test_a_network_that_claims_to_be_huge_takes_no_room(copy: Path) -> None:
    path = copy / "broken" / "model.safetensors"
    with safe_open(path, framework="np") as file:
        arrays, words = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    for key, value in (
        ("n_items", 10**9),
        ("n_layers", 10**6),
        ("d_model", 10**8),
        ("max_len", 10**9),
        ("d_ff", 10**9),
    ):
        shape = {**json.loads(words["shape"]), key: value}
        save_file(arrays, path, metadata={"shape": json.dumps(shape)})
        with pytest.raises(engine.RunError, match="shape is not that of its weights"):
            engine.load_run("broken", copy)


def test_the_weights_of_another_run_are_told(copy: Path, runs_of_others: Path) -> None:
    shutil.copy(runs_of_others / "other" / "model.safetensors", copy / "broken" / "model.safetensors")
    with pytest.raises(engine.RunError, match="its weights are of 30 items"):
        engine.load_run("broken", copy)


def test_weights_of_the_very_same_sizes_are_told_too_and_old_runs_without_a_digest_load(copy: Path) -> None:
    path = copy / "broken" / "model.safetensors"
    with safe_open(path, framework="np") as file:
        arrays, words = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    name = next(key for key, value in arrays.items() if value.dtype.kind == "f")
    save_file({**arrays, name: -arrays[name]}, path, metadata=words)
    with pytest.raises(engine.RunError, match="another run's"):
        engine.load_run("broken", copy)
    about = json.loads((copy / "broken" / "config.json").read_text())
    assert len(about.pop("weights")) == 64
    (copy / "broken" / "config.json").write_text(json.dumps(about))
    assert engine.load_run("broken", copy).name == "broken"  # version 0.1 kept no digest


@pytest.fixture
def runs_of_others(tmp_path: Path) -> Path:
    """A run of 30 items."""
    from tests.conftest import tiny_config

    log = tmp_path / "ring.csv"
    log.write_text("user_id,item_id\n" + "".join(f"u{u},i{(u + t) % 30}\n" for u in range(40) for t in range(6)))
    small = {"training__max_epochs": 1, "model__d_model": 8, "evaluation__bootstrap_samples": 20}
    engine.train_run(log, name="other", runs_dir=tmp_path / "others", config=tiny_config(**small))
    return tmp_path / "others"


def test_damaged_runs_and_those_of_another_version_are_told(copy: Path, tailscope: Tailscope) -> None:  # noqa: F811
    about = json.loads((copy / "broken" / "config.json").read_text())
    (copy / "broken" / "config.json").write_text(json.dumps({**about, "format_version": 99}))
    (copy / "half").mkdir()
    (copy / "half" / "config.json").write_text("{")
    (copy / "none").mkdir()
    found = engine.damaged_runs(copy)
    assert [run.name for run in found] == ["broken", "half"]
    assert "format 99" in str(found[0].reason)
    assert [run.name for run in engine.list_runs(copy)] == ["sound"]
    told = tailscope("runs", "--runs", copy)
    assert told.code == 0
    assert "format 99" in told.out
    assert [run["name"] for run in tailscope("runs", "--runs", copy, "--json").document["damaged"]] == [
        "broken",
        "half",
    ]


def test_a_run_that_is_deleted_meanwhile_is_no_traceback(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.runs import listing as module

    read = module.read_json

    def gone(path: Path) -> dict:
        if path.parent.name == "broken":
            shutil.rmtree(path.parent, ignore_errors=True)
        return read(path)

    monkeypatch.setattr(module, "read_json", gone)
    assert [run.name for run in engine.list_runs(copy)] == ["sound"]
    assert engine.damaged_runs(copy) == ()
    with pytest.raises(engine.RunError, match="No run called 'broken'"):
        engine.load_run("broken", copy)
