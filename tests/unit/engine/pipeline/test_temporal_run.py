"""A run cut in time: several targets a user, all the way from the log to the pages and the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import dashboard
import engine
from dashboard.cli import tables
from tests.conftest import tiny_config, tiny_tables


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs directory with one run, "later": the small shop, everybody active all the time, cut in time."""
    folder = tmp_path_factory.mktemp("temporal")
    tables = tiny_tables()
    log = tables["interactions"].iloc[:-2]
    when = pd.Series(np.random.default_rng(0).integers(1_700_000_000, 1_720_000_000, len(log)))
    log = log.assign(timestamp=when.groupby(log["user_id"].to_numpy()).transform(np.sort))
    (folder / "shop").mkdir()
    log.to_csv(folder / "shop" / "interactions.csv", index=False)
    tables["items"].to_csv(folder / "shop" / "items.csv", index=False)
    config = tiny_config(evaluation__protocol="temporal", evaluation__test_share=0.2)
    engine.train_run(folder / "shop", name="later", runs_dir=folder, config=config)
    return folder


@pytest.fixture
def run(runs: Path) -> engine.Run:
    return engine.load_run("later", runs)


def several(run: engine.Run) -> str:
    """A user with more than one held-out item."""
    row = int(run.split.test.targets.lengths.argmax())
    return run.dataset.users.id_of(int(run.split.test.users[row]))


def test_a_loaded_run_keeps_its_protocol_and_its_cut(run: engine.Run) -> None:
    assert (run.evaluation.protocol, run.split.protocol) == ("temporal", "temporal")
    assert run.split.cuts is not None
    times = run.dataset.timestamps
    assert times is not None
    assert (times >= run.split.cuts[1]).sum() == pytest.approx(0.2 * len(times), rel=0.1)
    assert run.split.test.targets.lengths.max() > 1


def test_metrics_tell_several_targets_apart(run: engine.Run) -> None:
    frame = run.evaluation.per_user
    many = frame[np.tile(run.split.test.targets.lengths > 1, len(run.evaluation.models))]
    assert (many["hr@10"] > many["recall@10"]).any()  # one of several was found: a hit, but not all that was right
    assert (many["map@10"] != many["mrr@10"]).any()
    assert (many["history_length"] > 0).all()
    assert (frame["precision@5"] > 1 / 5 + 1e-9).any()


def test_cohorts_are_cut_on_the_training_part(run: engine.Run) -> None:
    lengths = run.split.train.lengths
    assert run.cohorts.user_is_head.tolist() == (lengths >= run.cohorts.user_cut).tolist()
    assert not run.cohorts.user_is_head[lengths == 0].any()


def test_every_later_item_is_marked_in_a_list(run: engine.Run) -> None:
    user = several(run)
    answer = engine.recommend(run, user, k=run.dataset.n_items)
    row = int(np.flatnonzero(run.split.test.users == run.dataset.users.index_of(user))[0])
    later = run.split.test.targets[row].tolist()
    known = run.split.test.histories[row].tolist()
    marked = {run.dataset.items.index_of(item.item_id) for item in answer.items if item.is_held_out}
    assert answer.n_held_out == len(later) > 1
    assert marked == {item for item in later if item not in known and run.split.candidates[item]}
    assert answer.held_out is not None
    assert answer.held_out.item_id == run.dataset.items.id_of(later[0])
    assert answer.held_out.position == len(known) + 1


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("view", ["overview", "recommendations", "attention", "explain", "gap"])
def test_a_page_says_how_it_was_measured(runs: Path, run: engine.Run, monkeypatch, view: str, lang: str) -> None:
    monkeypatch.setenv("TAILSCOPE_RUNS", str(runs))
    app = AppTest.from_file(str(Path(dashboard.__file__).with_name("app.py")), default_timeout=60)
    app.query_params["lang"] = lang
    app.query_params["user"] = several(run)
    app.run()
    app.switch_page(f"views/{view}.py").run()
    assert not app.exception
    assert [error.value for error in app.error] == []
    said = "\n".join(str(e.value) for kind in (app.markdown, app.caption, app.title) for e in kind).replace("\\", "")
    if (view, lang) == ("overview", "en"):
        assert "temporal (tested from" in said
        assert "leave-last-out" not in said
    if (view, lang) == ("recommendations", "en"):
        assert "held-out items are in the top" in said


def test_the_table_of_the_command_line_counts_several_right_items(run: engine.Run) -> None:
    (table,) = tables.several_targets(run.evaluation, "transformer")
    assert [column.header for column in table.columns] == [
        "model", "Precision@10\nall users", "Recall@10\nall users", "F1@10\nall users", "MAP@10\nall users"
    ]  # fmt: skip
    assert "temporal" in tables.evaluation_note(run.evaluation, run.config).plain


def test_a_log_without_times_is_refused_with_a_way_out(tiny_log_dir: Path, tmp_path: Path) -> None:
    log = pd.read_csv(tiny_log_dir / "interactions.csv").drop(columns="timestamp")
    log.to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(engine.DataError, match=r"no times.*--time COLUMN.*leave-last-out"):
        engine.train_run(tmp_path / "log.csv", runs_dir=tmp_path, config=tiny_config(evaluation__protocol="temporal"))


def test_other_times_are_other_work(tiny_log_dir: Path, tmp_path: Path) -> None:
    """The order of events alone does not say which of them were tested."""
    log = pd.read_csv(tiny_log_dir / "interactions.csv", dtype=str)
    log = log[log["timestamp"].str.isdigit()].copy()
    seconds = log["timestamp"].astype(int)
    fingerprints = []
    for name, times in (("a", seconds), ("b", seconds + seconds % 7)):
        log.assign(timestamp=times).to_csv(tmp_path / "log.csv", index=False)
        config = tiny_config(evaluation__protocol="temporal", training__max_epochs=1, evaluation__baselines="[]")
        run = engine.train_run(tmp_path / "log.csv", name=name, runs_dir=tmp_path, config=config)
        fingerprints.append((run.path / "config.json").read_text(encoding="utf-8").split('"fingerprint": "')[1][:64])
    assert fingerprints[0] != fingerprints[1]
