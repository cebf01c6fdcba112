"""A log of repeats: the rule that is quoted, both rules' figures, and a run that keeps them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import engine
from dashboard.text import targets as targets_text
from engine.evaluation.ranking import ranks_of_targets
from engine.evaluation.targets import TargetFacts, target_facts
from engine.runs.store import load_run
from tests.conftest import TINY_RUN, tiny_config


def _log(folder: Path, rows: list[tuple[str, str]]) -> Path:
    frame = pd.DataFrame([(u, i, 1_700_000_000 + n * 1000) for n, (u, i) in enumerate(rows)])
    folder.mkdir(exist_ok=True)
    frame.to_csv(folder / "log.csv", index=False, header=["user_id", "item_id", "timestamp"])
    return folder / "log.csv"


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, engine.Run]:
    """A log in which everybody comes back to two songs of their own, and a run on it."""
    folder = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    rows = []
    for user in range(40):
        own = rng.choice(30, 2, replace=False)
        rows += [(f"u{user}", f"song{rng.choice(own) if rng.random() < 0.8 else rng.integers(30)}") for _ in range(9)]
    return folder, engine.train_run(
        _log(folder, rows),
        name="music",
        runs_dir=folder / "runs",
        config=tiny_config(training__max_epochs=1, evaluation__exclude_seen="auto"),
    )


def test_a_log_of_repeats_is_measured_with_seen_items_left_in(music: tuple[Path, engine.Run]) -> None:
    _, run = music
    assert run.config.evaluation.exclude_seen is False
    kept = json.loads((run.path / "config.json").read_text())["config"]["evaluation"]["exclude_seen"]
    assert kept is False
    facts = run.evaluation.targets
    assert facts is not None
    assert facts.seen > 0.5
    assert facts.seen_left_out is False
    told = json.loads((run.path / "metrics.json").read_text())["targets"]
    assert told["seen"] == facts.seen
    assert TargetFacts.from_dict(told) == facts
    again = engine.recommend(run, "u0", k=30)
    assert {item.item_id for item in again.items} & {event.item_id for event in again.history}


def test_both_rules_are_measured_by_the_same_scores(music: tuple[Path, engine.Run]) -> None:
    _, run = music
    facts = run.evaluation.targets
    assert facts is not None
    assert set(facts.otherwise) == set(run.evaluation.models)
    ranks = ranks_of_targets(run.recommender, run.split.test, exclude_seen=True)
    hits = (ranks > 0) & (ranks <= 10)
    other = facts.otherwise["transformer"]
    assert other["all"]["hr@10"].value == pytest.approx(hits.mean())
    head = run.cohorts.user_is_head[run.split.test.users]
    assert other["head"]["hr@10"].value == pytest.approx(hits[head].mean())
    assert run.evaluation.models["transformer"].overall.metrics["hr@10"].value > hits.mean()
    # the other way round: what was not quoted there is quoted here, and the lists follow
    turned = engine.evaluate_run(run, run.config.replace({"evaluation": {"exclude_seen": True}}))
    assert turned.targets is not None
    assert turned.targets.seen_left_out
    quoted = turned.models["transformer"].overall.metrics
    assert {m: e.value for m, e in other["all"].items()} == pytest.approx({m: quoted[m].value for m in other["all"]})
    back = turned.targets.otherwise["transformer"]["all"]["ndcg@10"].value
    assert back == pytest.approx(run.evaluation.models["transformer"].overall.metrics["ndcg@10"].value)
    seen = run.split.test.histories
    assert not any(set(row) & set(held) for row, held in zip(turned.lists["ease"].tolist(), seen, strict=True))


def test_repeats_are_told_with_the_rule_that_is_quoted(music: tuple[Path, engine.Run]) -> None:
    _, run = music
    (said,) = targets_text.remarks(run.evaluation, run.answers, "ndcg@10")
    facts = run.evaluation.targets
    assert facts is not None
    assert f"{100 * facts.seen:.0f}\u202f% of the targets" in said
    assert "seen items left in (quoted)" in said
    turned = engine.evaluate_run(run, run.config.replace({"evaluation": {"exclude_seen": True}}))
    (said,) = targets_text.remarks(turned, run.answers, "ndcg@10")
    assert "seen items left out (quoted)" in said
    assert "leave seen items out of every list" in said


def test_a_log_without_repeats_is_as_it_was(tiny_run_dir: Path, tmp_path: Path) -> None:
    rows = [(f"u{u}", f"i{(u * 7 + n * n) % 41}") for u in range(30) for n in range(5)]
    run = engine.train_run(
        _log(tmp_path, rows),
        name="shop",
        runs_dir=tmp_path,
        config=tiny_config(training__max_epochs=1, evaluation__exclude_seen="auto"),
    )
    facts = run.evaluation.targets
    assert run.config.evaluation.exclude_seen is True
    assert facts is not None
    assert facts == target_facts(run.split, True)
    assert facts.seen == 0
    assert targets_text.remarks(run.evaluation, run.answers, "ndcg@10") == []


def test_a_run_of_before_opens_with_what_its_data_say(music: tuple[Path, engine.Run], tmp_path: Path) -> None:
    _, run = music
    old = tmp_path / "runs" / "music"
    shutil.copytree(run.path, old)
    metrics = json.loads((old / "metrics.json").read_text())
    del metrics["targets"]
    (old / "metrics.json").write_text(json.dumps(metrics))
    facts = load_run("music", tmp_path / "runs").evaluation.targets
    assert facts is not None
    assert run.evaluation.targets is not None
    assert facts.seen == run.evaluation.targets.seen
    assert facts.otherwise == {}
    assert len(targets_text.remarks(load_run("music", tmp_path / "runs").evaluation, "transformer", "ndcg@10")) == 1


@pytest.mark.parametrize(
    ("rows", "left_out", "said"),
    [
        ([(f"u{u}", "a") for u in range(5) for _ in range(5)], "auto", "holds one item: every list is the same"),
        ([(f"u{u}", "a") for u in range(5) for _ in range(5)], "true", "the training part holds one item"),
        ([(f"u{u}", "ab"[n % 2]) for u in range(5) for n in range(6)], "true", "the training part holds two items"),
        (
            [(f"u{u}", f"i{u}-{n}") for u in range(5) for n in range(5)],
            "auto",
            "100\u202f% of the targets were never trained on",
        ),
    ],
)
def test_figures_that_say_nothing_come_with_their_reason(
    rows: list[tuple[str, str]], left_out: str, said: str, tmp_path: Path
) -> None:
    config = tiny_config(training__max_epochs=1, evaluation__exclude_seen=left_out)
    run = engine.train_run(_log(tmp_path, rows), name="odd", runs_dir=tmp_path, config=config)
    told = " ".join(targets_text.remarks(run.evaluation, run.answers, "ndcg@10"))
    assert said in told


def test_the_tiny_shop_says_nothing_false(tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, runs_dir=tiny_run_dir)
    facts = run.evaluation.targets
    assert facts is not None
    again = [t in set(h) for h, (t, *_) in zip(run.split.test.histories, run.split.test.targets, strict=True)]
    assert facts.seen == pytest.approx(np.mean(again))
    assert facts.n == len(again)
