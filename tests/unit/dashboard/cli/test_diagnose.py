"""`tailscope diagnose` on lists made elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import engine
from engine.data.cleaning import load_dataset
from engine.recommender import top_k
from tests.conftest import TINY_RUN
from tests.unit.dashboard.conftest import Tailscope


@pytest.fixture(scope="module")
def lists(tiny_run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny run's own lists, as another system would write them."""
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    items, scores = top_k(run.recommender, run.split.test.histories, 20)
    users = np.repeat(run.dataset.users.ids_of(run.split.test.users), 20)
    path = tmp_path_factory.mktemp("lists") / "theirs.csv"
    shown = items.ravel() > 0
    table = pd.DataFrame({"user": users[shown], "item": run.dataset.items.ids_of(items.ravel()[shown])})
    table.assign(score=scores.ravel()[shown]).to_csv(path, index=False)
    return path


def test_a_runs_own_lists_get_its_own_figures(
    tailscope: Tailscope, lists: Path, tiny_log_dir: Path, tiny_run_dir: Path
):
    samples = engine.load_run(TINY_RUN, tiny_run_dir).config.evaluation.bootstrap_samples
    settings = ("--set", f"evaluation.bootstrap_samples={samples}", "--set", "evaluation.exclude_seen=true")
    document = tailscope("diagnose", lists, "--data", tiny_log_dir, *settings, "--json").document
    run = tailscope("evaluate", TINY_RUN, "--runs", tiny_run_dir, "--json").document
    assert set(run) <= set(document)
    (name,) = document["models"]
    assert name == document["answers"] == "theirs"
    theirs, ours = document["models"][name], run["models"]["transformer"]
    assert {k: v for k, v in theirs["overall"].items() if k in document_metrics(ours)} == document_metrics(ours)
    for cohort in ("head", "tail"):
        assert theirs["users"][cohort]["ndcg@10"] == ours["users"][cohort]["ndcg@10"]
    assert theirs["coverage@10"] == ours["coverage@10"]
    assert theirs["tail_exposure@10"] == ours["tail_exposure@10"]


def document_metrics(report: dict) -> dict:
    """The figures of accuracy for all users; log-rank is not known of a list that ends."""
    return {name: figure for name, figure in report["overall"].items() if name == "n" or "@" in name}


def test_a_person_reads_the_verdict_and_what_was_noticed(
    tailscope: Tailscope, lists: Path, tiny_log_dir: Path, tmp_path: Path
):
    half = pd.read_csv(lists).iloc[:1200]
    half.loc[0, "user"] = "nobody"
    half.to_csv(tmp_path / "half.csv", index=False)
    done = tailscope("diagnose", tmp_path / "half.csv", "--data", tiny_log_dir)
    assert done.code == 0, done.err
    out = " ".join(done.out.split())
    assert "tested users have no list; each target of theirs counts as a miss" in out
    assert "1 rows, whose user is not in the log (line 2: nobody)" in out
    assert "tail (n = " in out
    assert "At equal popularity of what they seek, tail minus head is " in out
    assert "would measure luck" in out.replace("\u202f", " ")


def test_seen_items_are_told(tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path):
    dataset, _ = load_dataset(tiny_log_dir)
    user = int(np.argmax(dataset.histories.lengths))
    first = dataset.items.id_of(int(dataset.histories[user][0]))
    (tmp_path / "seen.csv").write_text(f"user_id,item_id,rank\n{dataset.users.id_of(user)},{first},1\n")
    document = tailscope("diagnose", tmp_path / "seen.csv", "--data", tiny_log_dir, "--json").document
    assert any(note.startswith("1 recommendations were in their user's history") for note in document["lists"]["notes"])


def test_lists_for_nobody_who_is_tested(tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path):
    (tmp_path / "few.csv").write_text("user_id,item_id,rank\nu000,i01,1\n")  # has one event, so nothing is held out
    done = tailscope("diagnose", tmp_path / "few.csv", "--data", tiny_log_dir, "--json")
    assert (done.code, done.out) == (1, "")
    assert "tested users has a list" in done.err


def test_an_error_about_the_logs_columns_names_the_options_of_the_log(
    tailscope: Tailscope, lists: Path, tmp_path: Path
):
    log = tmp_path / "log.csv"
    log.write_text("wer,was\na,b\n", encoding="utf-8")
    done = tailscope("diagnose", lists, "--data", log)
    assert done.code == 1
    assert "--set data.user=NAME" in done.err
    assert "--user" not in done.err
    done = tailscope("diagnose", lists, "--data", log, "--set", "data.user=who")
    assert "data.user must be one of its columns" in done.err
    assert "--user" not in done.err
