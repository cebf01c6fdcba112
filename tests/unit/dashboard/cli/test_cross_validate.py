"""`tailscope cross-validate` against a small log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.dashboard.conftest import Tailscope

FAST = [
    f"--set={change}"
    for change in ("training.max_epochs=1", "model.d_model=8", "model.n_heads=2", "evaluation.bootstrap_samples=10")
]


def test_json(tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path) -> None:
    given = ("cross-validate", tiny_log_dir, "--folds", 2, "--runs", tmp_path, *FAST)
    done = tailscope(*given, "--json")
    assert done.code == 0, done.err
    document = done.document
    assert list(document) == [
        *("by", "protocol", "folds", "n", "tested_from", "epochs", "seconds", "models", "kept_in", "cleaning"),
    ]  # fmt: skip
    assert (document["by"], document["folds"], document["tested_from"]) == ("users", 2, None)
    for cohorts in document["models"].values():
        assert {"overall", "head", "tail"} <= set(cohorts)
        figure = cohorts["overall"]["ndcg@10"]
        assert list(figure) == ["mean", "sd", "low", "high", "folds"]
        assert figure["low"] <= figure["mean"] <= figure["high"]
    assert "Folds: 2 of 2 folds done" in done.err
    table = tailscope(*given)  # from the folds that are kept
    assert "NDCG@10" in table.out
    assert "Transformer" in table.out
    assert "epoch" not in table.err
    assert tailscope("runs", "--runs", tmp_path, "--json").document == {"runs": []}


def test_windows_in_time_say_when_they_begin(tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path) -> None:
    share = "--set=evaluation.test_share=0.2"
    given = ("cross-validate", tiny_log_dir, "--folds", 2, "--by", "time", share, "--runs", tmp_path, *FAST)
    done = tailscope(*given)
    assert done.code == 0, done.err
    assert "tested from" in done.out
    assert "2024-" in done.out
    assert tailscope(*given, "--json").document["protocol"] == "temporal"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--metric", "auc@10"), 2, "auc@10 is not measured"),
        (("--folds", "500"), 1, "500 user folds cannot be made of the 118 users"),
        (("--by", "time", "--folds", "9"), 1, "fewer windows or a smaller share"),
    ],
)
def test_what_cannot_be_done(
    tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = tailscope("cross-validate", tiny_log_dir, "--runs", tmp_path, *arguments, "--json")
    assert (done.code, done.out) == (code, "")
    assert message in done.err
