"""A run with an ensemble: trained, kept, loaded, asked and measured again; and the settings that decide on it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import engine
from engine.data.dataset import Histories
from engine.model.baselines import ItemKNN
from tests.conftest import BLENDED_RUN, TINY_RUN

SMALL = ("training.max_epochs=2", "model.d_model=16", "model.max_len=16", "evaluation.bootstrap_samples=20")


@pytest.fixture(scope="module")
def run(blended_run_dir: Path) -> engine.Run:
    return engine.load_run(BLENDED_RUN, blended_run_dir)


@pytest.fixture(scope="module")
def user(run: engine.Run) -> str:
    """The user with the longest history: longer than the network's window."""
    longest = int(run.dataset.histories.lengths.argmax())
    assert run.dataset.histories.lengths[longest] > run.recommender.max_len + 2
    return run.dataset.users.id_of(longest)


def train(log: Path, runs: Path, *changes: str) -> engine.Run:
    config = engine.load_config(changes=[*SMALL, *changes])
    return engine.train_run(log, name="made", runs_dir=runs, config=config)


def test_the_ensemble_serves_and_attention_stays_the_networks(run: engine.Run, user: str) -> None:
    assert run.ensemble is not None
    assert run.ensemble.weights.beats_transformer
    assert (run.ensemble.weights.weights > 0).any(axis=0).sum() > 1  # a mixture indeed, not one member alone
    assert run.answers == "ensemble"
    assert run.serving is run.ensemble
    assert run.ensemble.transformer is run.recommender
    assert run.serving.name == "ensemble"
    assert engine.attention(run, user).weights.shape[:2] == (2, 2)


def test_without_one_the_network_serves(tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    assert run.ensemble is None
    assert not (run.path / "ensemble.safetensors").exists()
    assert run.answers == "transformer"
    assert run.serving is run.recommender
    user = engine.random_user(run, seed=1)
    found = engine.explain(run, user)
    assert (found.model, found.shares) == ("transformer", {"transformer": found.score})


def test_it_is_measured_beside_the_network_in_the_same_shape(run: engine.Run) -> None:
    metrics = json.loads((run.path / "metrics.json").read_text())
    models = metrics["models"]
    assert metrics["answers"] == "ensemble"
    assert list(models) == ["transformer", "ensemble", "popularity", "itemknn", "ease"]
    assert models["ensemble"].keys() == models["transformer"].keys()
    assert models["ensemble"]["overall"].keys() == models["transformer"]["overall"].keys()
    assert models["ensemble"]["overall"]["ndcg@10"] != models["transformer"]["overall"]["ndcg@10"]
    assert {"train", "ensemble", "evaluate"} == run.seconds.keys()


def test_what_is_loaded_is_what_was_measured(run: engine.Run) -> None:
    assert engine.evaluate_run(run).to_dict() == run.evaluation.to_dict()


def test_the_run_folder_holds_it_and_lists_quote_it(run: engine.Run, blended_run_dir: Path) -> None:
    assert (run.path / "ensemble.safetensors").is_file()
    (summary,) = engine.list_runs(blended_run_dir)
    assert summary.ndcg10 == run.evaluation.models["ensemble"].overall.metrics["ndcg@10"]


def test_recommendations_on_disk_are_the_ensembles(run: engine.Run) -> None:
    table = pd.read_parquet(run.path / "recommendations.parquet")
    for user in table["user_id"].unique()[:5]:
        ours, theirs = engine.recommend(run, user, k=20), table[table["user_id"] == user]
        assert [item.item_id for item in ours.items] == theirs["item_id"].tolist()
        assert [item.score for item in ours.items] == pytest.approx(theirs["score"].tolist(), abs=1e-4)


def test_the_rank_of_the_held_out_item_is_the_one_measured(run: engine.Run) -> None:
    per_user = run.evaluation.per_user
    measured = per_user[per_user["model"] == "ensemble"].set_index("user_idx")["rank"]
    for index in measured.index[:20]:
        answer = engine.recommend(run, run.dataset.users.id_of(int(index)))
        assert (answer.held_out_rank or 0) == measured[index]


@pytest.mark.parametrize("view", ["evaluated", "full"])
def test_an_explanation_adds_up_and_says_what_each_member_gave(run: engine.Run, user: str, view: engine.View) -> None:
    found = engine.explain(run, user, view=view, max_events=6)
    assert found.model == "ensemble"
    assert found.base + sum(player.value for player in found.players) == pytest.approx(found.score, abs=1e-4)
    assert found.score == pytest.approx(engine.recommend(run, user, view=view).items[0].score, abs=1e-4)
    assert list(found.shares) == ["transformer", "ease", "itemknn"]
    assert sum(found.shares.values()) == pytest.approx(found.score, abs=1e-4)
    length = len(engine.profile(run, user, view).events)
    assert sum(player.n_events for player in found.players) == length  # early events count for the set-models
    engine.warm_up(run)


@pytest.mark.parametrize("architecture", ["masked", "encoder-decoder"])
def test_it_goes_round_any_architecture(architecture: str, architecture_runs: Path, run: engine.Run, user: str) -> None:
    assert run.ensemble is not None
    network = engine.load_run(architecture, architecture_runs).recommender
    other = dataclasses.replace(
        run, recommender=network, ensemble=dataclasses.replace(run.ensemble, transformer=network)
    )
    found = engine.explain(other, user, max_events=5)
    assert found.base + sum(player.value for player in found.players) == pytest.approx(found.score, abs=1e-4)
    assert found.score == pytest.approx(engine.recommend(other, user).items[0].score, abs=1e-4)
    assert sum(found.shares.values()) == pytest.approx(found.score, abs=1e-4)


def test_members_are_fitted_on_the_training_part_alone(run: engine.Run) -> None:
    assert run.ensemble is not None
    again = ItemKNN(run.split.train, run.dataset.n_items).strongest()
    asked = Histories.of([[1, 2, 3]])
    kept = next(part for part in run.ensemble.parts if part.name == "itemknn")
    np.testing.assert_array_equal(kept.sums(asked).toarray(), again.sums(asked).toarray())


def test_the_same_seed_gives_the_same_ensemble(tiny_log_dir: Path, tmp_path: Path) -> None:
    one, two = (train(tiny_log_dir, tmp_path / name) for name in ("a", "b"))
    files = [(run.path / "ensemble.safetensors").read_bytes() for run in (one, two)]
    assert files[0] == files[1]


def test_members_can_be_chosen_and_need_not_be_measured(tiny_log_dir: Path, tmp_path: Path) -> None:
    run = train(tiny_log_dir, tmp_path, 'model.ensemble=["itemknn"]', "evaluation.baselines=[]")
    assert run.ensemble is not None
    assert run.ensemble.weights.members == ("transformer", "itemknn")
    assert list(run.evaluation.models) == ["transformer", "ensemble"]


def test_a_catalogue_too_large_for_ease_goes_without_it(tiny_log_dir: Path, tmp_path: Path) -> None:
    run = train(tiny_log_dir, tmp_path, "evaluation.ease_max_items=60")
    assert run.ensemble is not None
    assert run.ensemble.weights.members == ("transformer", "itemknn")


@pytest.mark.parametrize("off", ["none", "[]"])
def test_it_can_be_left_out(off: str, tiny_log_dir: Path, tmp_path: Path) -> None:
    run = train(tiny_log_dir, tmp_path, f"model.ensemble={off}")
    assert run.ensemble is None
    assert run.answers == "transformer"
    assert "ensemble" not in run.evaluation.models
    assert "ensemble" not in run.seconds
    assert not (run.path / "ensemble.safetensors").exists()


@pytest.mark.parametrize("beats_transformer", [True, False])
def test_it_answers_where_it_beats_the_transformer_on_validation_and_is_measured_either_way(
    beats_transformer: bool, tiny_log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.ensemble.learning._beats_transformer", lambda *_: beats_transformer)
    run = train(tiny_log_dir, tmp_path)
    model = "ensemble" if beats_transformer else "transformer"
    assert run.ensemble is not None
    assert run.answers == run.serving.name == model
    assert json.loads((run.path / "metrics.json").read_text())["answers"] == model
    assert {"transformer", "ensemble"} < run.evaluation.models.keys()
    (summary,) = engine.list_runs(tmp_path)
    assert summary.ndcg10 == run.evaluation.models[model].overall.metrics["ndcg@10"]
    table = pd.read_parquet(run.path / "recommendations.parquet")
    user = str(table["user_id"].iat[0])
    ours = engine.recommend(run, user, k=20)
    assert ours.model == engine.explain(run, user, max_events=3).model == model
    assert [item.item_id for item in ours.items] == table.loc[table["user_id"] == user, "item_id"].tolist()


def test_the_test_figure_does_not_decide(tiny_log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network that this trains does far worse on the test part than item kNN, all that the ensemble keeps."""
    monkeypatch.setattr("engine.ensemble.learning._beats_transformer", lambda *_: False)
    run = train(tiny_log_dir, tmp_path)
    figures = {name: model.overall.metrics["ndcg@10"].value for name, model in run.evaluation.models.items()}
    assert figures["ensemble"] > figures["transformer"] + 0.1
    assert run.answers == "transformer"


def test_a_lost_ensemble_is_named(blended_run_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(blended_run_dir / BLENDED_RUN, tmp_path / BLENDED_RUN)
    (tmp_path / BLENDED_RUN / "ensemble.safetensors").unlink()
    with pytest.raises(engine.RunError, match=r"ensemble\.safetensors cannot be read"):
        engine.load_run(BLENDED_RUN, tmp_path)


def test_a_run_made_before_there_were_ensembles_has_none(blended_run_dir: Path, tmp_path: Path) -> None:
    run = tmp_path / BLENDED_RUN
    shutil.copytree(blended_run_dir / BLENDED_RUN, run)
    (run / "ensemble.safetensors").unlink()
    for name, forget in (("config.json", lambda v: v["config"]["model"].pop("ensemble")), ("metrics.json", _forget)):
        value = json.loads((run / name).read_text())
        forget(value)
        (run / name).write_text(json.dumps(value))
    per_user = pd.read_parquet(run / "per_user.parquet")
    per_user.loc[per_user["model"] != "ensemble"].to_parquet(run / "per_user.parquet")
    found = engine.load_run(BLENDED_RUN, tmp_path)
    assert (found.ensemble, found.answers) == (None, "transformer")
    assert "ensemble" not in engine.evaluate_run(found).models
    assert engine.recommend(found, engine.random_user(found, seed=1)).model == "transformer"
    assert engine.list_runs(tmp_path)[0].ndcg10 == found.evaluation.models["transformer"].overall.metrics["ndcg@10"]


def _forget(metrics: dict[str, Any]) -> None:
    del metrics["answers"], metrics["models"]["ensemble"]


def test_a_member_named_twice_is_refused() -> None:
    with pytest.raises(engine.ConfigError, match="names 'ease' twice"):
        engine.load_config(changes=['model.ensemble=["ease", "ease"]'])


def test_recommending_takes_milliseconds(run: engine.Run, user: str) -> None:
    alone = dataclasses.replace(run, ensemble=None)
    best = [min(engine.recommend(which, user).seconds for _ in range(20)) for which in (alone, run)]
    assert best[1] < 0.010
