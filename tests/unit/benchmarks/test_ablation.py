"""The ablation trains what is not in its file, and its differences are paired by user and cohort."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import engine

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "ablation.py"
SMALL = (
    "training.max_epochs=1", "model.d_model=8", "model.n_layers=1", "model.max_len=8",
    "evaluation.bootstrap_samples=50",
)  # fmt: skip


@pytest.fixture
def ablation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("ablation", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "ablation", module)
    spec.loader.exec_module(module)
    return module


def test_what_is_in_the_file_is_not_trained_again(
    ablation: ModuleType, tiny_log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    trained: list[engine.RunConfig] = []
    fit = ablation.fit
    monkeypatch.setattr(
        ablation, "fit", lambda split, config, content: (trained.append(config), fit(split, config, content))[1]
    )
    given = ["ablation.py", str(tiny_log_dir), "--out", str(tmp_path / "rows.jsonl"), "--seeds", "2"]
    given += [word for change in SMALL for word in ("--set", change)]

    def run(*names: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", [*given, "--only", *names])
        ablation.main()
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]

    first = run("crop", "no-average")
    assert len(trained) == 6
    assert [(c.training.seed, c.augmentation.crop, c.training.average) for c in trained] == [
        (seed, crop, average) for crop, average in ((0, 0.999), (0.2, 0.999), (0, 0)) for seed in (0, 1)
    ]
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["variant"] for row in rows] == ["base", "base", "crop", "crop", "no-average", "no-average"]
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"variant": "no-drop')  # killed while it wrote
    assert run("crop", "no-average") == first
    assert len(trained) == 6
    run("crop", "no-average", "cosine")
    run("crop", "no-average", "cosine")
    assert len(trained) == 8  # the new lines are whole, though they come after half a line
    assert [line.split(" | ")[0] for line in run("crop")] == ["| variant", "| base", "| crop"]


def test_differences_are_the_users_own_and_by_cohort(ablation: ModuleType) -> None:
    rng = np.random.default_rng(0)
    base = rng.random(400)
    is_head = np.arange(400) < 100
    better = base + np.where(is_head, 0.25, -0.5)
    outcomes = {"base": ablation.Outcome(base, 1.0, 3), "other": ablation.Outcome(better, 2.0, 4)}
    *_, plain, other = ablation.table(outcomes, is_head, engine.RunConfig())
    cells = [cell.strip() for cell in other.strip("|").split("|")]
    assert cells[1:4] == [f"{better[users].mean():.4f}" for users in (slice(None), is_head, ~is_head)]
    assert cells[5] == "+0.2500 (+0.2500 to +0.2500)"  # unpaired, users' spread would show
    assert cells[6] == "-0.5000 (-0.5000 to -0.5000)"
    assert cells[4].startswith("-0.3125 (")
    assert cells[7:] == ["2.0", "4"]
    assert plain.count("–") == 3


def test_a_cohort_without_users_is_a_dash(ablation: ModuleType) -> None:
    outcomes = {"base": ablation.Outcome(np.ones(5), 1.0, 1)}
    *_, row = ablation.table(outcomes, np.ones(5, dtype=bool), engine.RunConfig())
    assert row.split("|")[4].strip() == "–"


def test_every_variant_changes_one_setting_that_exists(ablation: ModuleType) -> None:
    for changes in ablation.VARIANTS.values():
        assert len(changes) == 1
        assert engine.load_config(None, changes) != engine.RunConfig()
