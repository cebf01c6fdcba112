"""`tailscope tune` against a small log."""

from __future__ import annotations

from pathlib import Path

import pytest

import engine
from tests.unit.dashboard.conftest import Tailscope

FAST = [
    f"--set={change}"
    for change in ("training.max_epochs=1", "model.d_model=8", "model.n_heads=2", "evaluation.bootstrap_samples=10")
]


def test_a_search_prints_settings_that_train(tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path) -> None:
    given = ("tune", tiny_log_dir, "--trials", 3, "--runs", tmp_path, *FAST)
    done = tailscope(*given, "--json")
    assert done.code == 0, done.err
    document = done.document
    assert list(document) == [
        *("metric", "protocol", "trials", "best", "importances", "config", "kept_in", "run", "cleaning"),
    ]  # fmt: skip
    assert (document["metric"], document["run"], document["importances"]) == ("validation ndcg@10", None, None)
    assert len(document["trials"]) == 3
    assert document["best"] in document["trials"]
    assert "Trials: 3 of 3 trials done" in done.err
    assert tailscope("runs", "--runs", tmp_path, "--json").document == {"runs": []}

    shown = tailscope(*given)  # from the study that is kept
    assert "epoch" not in shown.err
    assert "the test part was not asked" in shown.out
    (tmp_path / "printed.toml").write_text(shown.out[shown.out.index("[data]") :], encoding="utf-8")
    written = tailscope(*given, "--output", tmp_path / "best.toml", "--train", "--name", "best")
    assert written.code == 0, written.err
    assert "[data]" not in written.out
    assert "Transformer" in written.out
    config = engine.load_config(tmp_path / "best.toml")
    assert config == engine.load_config(tmp_path / "printed.toml")
    assert config.model_dump(mode="json") == document["config"]
    assert config.model.dropout == document["best"]["settings"]["model.dropout"]
    assert engine.load_run("best", tmp_path).config.model.dropout == config.model.dropout
    assert (tmp_path / "best" / "study.sqlite").is_file()

    taken = tailscope(*given, "--train", "--name", "best")
    assert (taken.code, taken.out) == (2, "")
    assert "pass --overwrite" in " ".join(taken.err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("--name", "x"), "add --train"), (("--overwrite",), "add --train"), (("--trials", "0"), "--trials")],
)
def test_mistakes_in_the_command(
    tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = tailscope("tune", tiny_log_dir, "--runs", tmp_path, *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
