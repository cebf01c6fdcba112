"""`tailscope compare` against real runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import engine
from tests.conftest import TINY_RUN
from tests.unit.dashboard.conftest import Tailscope


@pytest.fixture(scope="module")
def runs(tiny_run_dir: Path, tiny_log_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three runs: the tiny one, a wider one on the same data, and one on other data."""
    folder = tmp_path_factory.mktemp("compared")
    shutil.copytree(tiny_run_dir / TINY_RUN, folder / TINY_RUN)
    changes = [
        "training.max_epochs=1",
        "model.d_model=24",
        "model.n_heads=2",
        "model.ensemble=none",
        "evaluation.exclude_seen=true",
        "evaluation.bootstrap_samples=100",
    ]
    engine.train_run(tiny_log_dir, name="wide", runs_dir=folder, config=engine.load_config(changes=changes))
    ring = "\n".join(f"u{u},i{(u + step) % 9}" for u in range(12) for step in range(5))
    (folder / "ring.csv").write_text(f"user_id,item_id\n{ring}\n")
    engine.train_run(folder / "ring.csv", name="ring", runs_dir=folder, config=engine.load_config(changes=changes))
    return folder


def test_json(tailscope: Tailscope, runs: Path):
    done = tailscope("compare", TINY_RUN, "wide", "--runs", runs, "--json")
    assert done.code == 0, done.err
    document = done.document
    assert list(document) == ["metric", "protocol", "confidence", "runs", "n", "models", "settings"]
    assert (document["metric"], document["runs"]) == ("ndcg@10", [TINY_RUN, "wide"])
    first, second, *baselines = document["models"]
    assert (first["run"], first["model"], first["difference"]) == (TINY_RUN, "transformer", None)
    assert (second["run"], second["model"]) == ("wide", "transformer")
    assert [row["model"] for row in baselines] == ["popularity", "itemknn", "ease"]
    for name, row in ((TINY_RUN, first), ("wide", second)):
        kept = json.loads((runs / name / "metrics.json").read_text())["models"]["transformer"]
        wanted = [kept["overall"], kept["users"]["head"], kept["users"]["tail"]]
        assert [row[part] for part in ("overall", "head", "tail")] == [part["ndcg@10"] for part in wanted]
        assert row["seconds"]["train"] > 0
    assert set(second["difference"]["tail"]) == {
        *("value", "low", "high"), "p_value", "p_holm", "effect_size", "significant",
    }  # fmt: skip
    assert document["settings"]["model.d_model"] == {TINY_RUN: 16, "wide": 24}
    assert "model.n_heads" not in document["settings"]


def test_one_run_and_another_metric_as_a_table(tailscope: Tailscope, runs: Path):
    done = tailscope("compare", "wide", "--metric", "HR@5", "--runs", runs)
    assert done.code == 0, done.err
    assert "HR@5" in done.out
    assert "Item kNN" in done.out
    assert "Settings" not in done.out
    kept = json.loads((runs / "wide" / "metrics.json").read_text())["models"]["transformer"]
    assert f"n = {kept['users']['tail']['n']}" in done.out


def test_a_table_of_two_names_runs_and_settings(tailscope: Tailscope, runs: Path):
    out = tailscope("compare", "wide", TINY_RUN, "--runs", runs).out
    assert "Settings that differ" in out
    row = next(line for line in out.splitlines() if "model.d_model" in line)
    assert row.split() == ["model.d_model", "24", "16"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([TINY_RUN, "ring"], "'tiny' and 'ring' were trained on different data"),
        ([TINY_RUN, "nope"], "No run called 'nope'"),
        ([TINY_RUN, "--metric", "auc"], "has not measured 'auc'; it has hr@5"),
    ],
)
def test_what_cannot_be_compared(tailscope: Tailscope, runs: Path, arguments: list[str], words: str):
    done = tailscope("compare", *arguments, "--runs", runs, "--json")
    assert (done.code, done.out) == (1, "")
    assert words in done.err


def test_weights_and_data_are_not_read(tailscope: Tailscope, runs: Path, tmp_path: Path):
    shutil.copytree(runs / "wide", tmp_path / "wide")
    (tmp_path / "wide" / "model.safetensors").unlink()
    shutil.rmtree(tmp_path / "wide" / "dataset")
    assert tailscope("compare", "wide", "--runs", tmp_path).code == 0
    (tmp_path / "wide" / "per_user.parquet").write_text("no parquet")
    assert "'wide'" in tailscope("compare", "wide", "--runs", tmp_path).err
