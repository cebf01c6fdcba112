"""Pre-training and weights from another run: what is taken over, what it is good for, and that it can be cut off."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import engine
from engine.config import RunConfig
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.evaluation.ranking import ranks_of_targets
from engine.model.content.tables import Contents, table_content
from engine.model.content.tfidf import learn_text_space
from engine.model.network.content_storage import load_contents, save_contents
from engine.model.network.transformer import Transformer, blank
from engine.model.training.defaults import resolve
from engine.model.training.loop import Trained, network_config, train
from engine.model.training.warm_start import Start, begin_from, first_stage
from engine.pipeline.fitting import fit
from engine.pipeline.transfer import same_items
from engine.progress import Progress
from engine.recommender import TransformerRecommender

KINDS = ("tent", "kettle", "lantern", "rope", "boots", "compass")
COLOURS = ("red", "blue", "green", "tin", "copper", "grey", "white")


def test_texts_from_elsewhere_find_their_place_in_a_space() -> None:
    texts = [f"{colour} {kind}" for kind in KINDS for colour in COLOURS[:4]]
    space = learn_text_space(texts, 8, 0)
    assert space is not None
    known = space.directions(texts)
    np.testing.assert_allclose(np.linalg.norm(known, axis=1), 1, atol=1e-5)
    new = space.directions([f"white {kind}" for kind in KINDS] + ["zzz", ""])
    nearest = (new[: len(KINDS)] @ known.T).argmax(axis=1)
    assert (nearest // 4 == np.arange(len(KINDS))).all()
    assert not new[len(KINDS) :].any()
    assert learn_text_space(["", "alone"], 8, 0) is None


def shop(path: Path, prefix: str, colours: tuple[str, ...], n_users: int, seed: int) -> Path:
    """A log on disk: each user buys items of one kind, which only titles tell."""
    rng = np.random.default_rng(seed)
    items = [(f"{prefix}{kind}{i}", f"{colour} {kind}") for kind in KINDS for i, colour in enumerate(colours)]
    rows = []
    for user in range(n_users):
        own = items[(user % len(KINDS)) * len(colours) :][: len(colours)]
        rows += [(f"u{user}", own[i][0], t) for t, i in enumerate(rng.permutation(len(colours))[:5])]
    path.mkdir(parents=True)
    pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).to_csv(path / "interactions.csv", index=False)
    pd.DataFrame(items, columns=["item_id", "title"]).to_csv(path / "items.csv", index=False)
    return path


def settings(**training: object) -> RunConfig:
    base = {"max_epochs": 2, "learning_rate": 5e-3, "batch_tokens": 128, "validate_every": 2, "average": 0.9}
    model = {"d_model": 16, "max_len": 8, "dropout": 0.1, "text_size": 8, "id_dropout": 0.2}
    evaluation = {"baselines": (), "bootstrap_samples": 20}
    return RunConfig().replace({"model": model, "training": {**base, **training}, "evaluation": evaluation})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a large shop, which others can start from."""
    root = tmp_path_factory.mktemp("logs")
    data = shop(root / "large", "a", COLOURS, 240, seed=0)
    engine.train_run(data, name="large", runs_dir=root / "runs", config=settings(max_epochs=15, pretrain_epochs=3))
    return root / "runs"


def validation(run: engine.Run) -> float:
    return float(run.history["valid_ndcg"].dropna().iloc[-1])


def test_weights_from_another_log_serve_other_items_through_their_text(runs: Path, tmp_path: Path) -> None:
    small = shop(tmp_path / "small", "b", COLOURS[::-1], 30, seed=1)
    shutil.copytree(runs / "large", tmp_path / "runs" / "large")
    scratch, started = (
        engine.train_run(small, name=name, runs_dir=tmp_path / "runs", config=settings(start_from=start))
        for name, start in (("scratch", None), ("started", "large"))
    )
    assert validation(started) > validation(scratch) + 0.1
    assert started.config.training.start_from == "large"


def test_a_start_of_another_width_is_refused(runs: Path, tmp_path: Path) -> None:
    small = shop(tmp_path / "small", "b", COLOURS, 30, seed=1)
    wide = settings(start_from="large").replace({"model": {"d_model": 32}})
    with pytest.raises(engine.EngineError, match=r"model\.d_model = 32, but run 'large'"):
        engine.train_run(small, name="wide", runs_dir=runs, config=wide)
    with pytest.raises(engine.EngineError, match="No run called 'nowhere'"):
        engine.train_run(small, name="lost", runs_dir=runs, config=settings(start_from="nowhere"))
    assert sorted(path.name for path in runs.iterdir()) == ["large"]


def test_the_same_id_with_another_title_is_another_item(runs: Path) -> None:
    run = engine.load_run("large", runs)
    assert (same_items(run.dataset, run) == np.arange(run.dataset.n_items + 1)).all()
    table = run.dataset.item_table.copy()
    table.loc[3, "title"] = "a new thing"
    changed = replace(run.dataset, item_table=table)
    expected = np.arange(run.dataset.n_items + 1)
    expected[4] = 0
    assert (same_items(changed, run) == expected).all()


def planted(n_users: int = 120) -> Split:
    """Rings: after item i comes i + 1, among 24."""
    rows = [[1 + (user + t) % 24 for t in range(5)] for user in range(n_users)]
    whole = Histories.of(rows, range(n_users))
    users, ends = np.arange(n_users), np.arange(n_users + 1)
    known = whole.drop_last(1)
    asked = Holdout(users, known, Histories(ends, whole.items[whole.offsets[1:] - 1]))
    met = np.ones(25, dtype=bool)
    met[0] = False
    return Split("leave-last-out", known, asked, asked, met)


@pytest.mark.parametrize("architecture", ["causal", "masked", "encoder-decoder"])
def test_training_goes_on_from_what_pre_training_left(architecture: str) -> None:
    split = planted()
    config = resolve(settings(pretrain_epochs=6).replace({"model": {"architecture": architecture}}), split)
    first = train(split, first_stage(config)).network
    network = blank(network_config(config, split))
    network.initialise(torch.Generator().manual_seed(5))
    drawn = {name: weights.clone() for name, weights in network.state_dict().items()}
    begin_from(network, Start(first, Contents(), np.arange(25)), Contents())
    taken = {name for name, weights in network.state_dict().items() if not torch.equal(weights, drawn[name])}
    for name in taken:
        assert torch.equal(network.state_dict()[name], first.state_dict()[name])
    assert {"item_vectors.own.weight", "norm.weight"} <= taken
    assert all(name in taken for name in drawn if name.startswith("blocks.") and name in first.state_dict())
    assert ("position_vectors.weight" in taken) == (architecture == "masked")


def test_a_pre_trained_network_ranks_before_it_is_fine_tuned() -> None:
    split = planted()
    config = resolve(settings(pretrain_epochs=40), split)
    first = train(split, first_stage(config)).network
    assert first.config.architecture == "masked"
    ranks = ranks_of_targets(TransformerRecommender(first, split.candidates), split.test)
    assert np.mean(ranks) < 4  # of 20 unseen ones; chance is 10


class Cut(Exception):
    """Stands for a kill."""


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return trained.network.state_dict()


@pytest.mark.parametrize("cut_at", [("pretrain", 2), ("pretrain", 4), ("train", 1), ("train", 3)])
def test_cut_off_anywhere_it_goes_on_to_the_same_weights(
    cut_at: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.pipeline.fitting.CHECKPOINT_SECONDS", 0.0)
    split = planted()
    config = resolve(settings(pretrain_epochs=4, max_epochs=4), split)
    whole = fit(split, config)

    def kill(progress: Progress) -> None:
        if (progress.stage, progress.epoch) == cut_at and progress.message.startswith("epoch"):
            raise Cut

    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(Cut):
        fit(split, config, on_progress=kill, checkpoint=checkpoint)
    stages: list[str] = []
    again = fit(split, config, on_progress=lambda p: stages.append(p.stage), checkpoint=checkpoint)
    assert all(
        torch.equal(left, right) for left, right in zip(*(weights(t).values() for t in (whole, again)), strict=True)
    )
    assert ("pretrain" in stages) == (cut_at[0] == "pretrain")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_contents_are_kept_with_their_names(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"item_id": list("abcdef"), "title": [f"{c} tent" for c in COLOURS[:3]] * 2, "kind": ["x", "y"] * 3}
    )
    items = table_content(table, 4)
    assert items is not None
    asked = Holdout(np.arange(4), Histories.of([[1]] * 4), Histories.of([[1]] * 4))
    split = Split("leave-last-out", Histories.of([[1, 2, 3]] * 4), asked, asked, np.ones(7, dtype=bool))
    config = resolve(settings(max_epochs=1), split)
    network = train(split, config, contents=Contents(items)).network
    save_contents(Contents(items), tmp_path / "contents.safetensors")
    held = load_contents(tmp_path / "contents.safetensors", network)
    assert held.users is None
    assert held.items is not None
    assert (held.items.token_names, held.items.dense_names) == (items.token_names, items.dense_names)
    np.testing.assert_array_equal(held.items.tokens, items.tokens)
    np.testing.assert_array_equal(held.items.dense, items.dense)
    assert held.items.text is not None
    assert items.text is not None
    np.testing.assert_array_equal(held.items.text.directions(["red tent"]), items.text.directions(["red tent"]))


def test_content_must_find_its_item() -> None:
    split = planted(48)
    items = table_content(pd.DataFrame({"item_id": range(24), "kind": [f"k{i // 3}" for i in range(24)]}), 4)
    losses: list[float] = []
    for weight in (0.0, 1.0):
        config = resolve(settings(max_epochs=12, content_loss=weight), split)
        network: Transformer = train(split, config, contents=Contents(items)).network
        content = network.item_vectors.content
        assert content is not None
        with torch.inference_mode():
            logits = network.logits(content(None))[1:, 1:]
            losses.append(float(torch.nn.functional.cross_entropy(logits, torch.arange(24))))
    assert losses[1] < 0.9 * losses[0]
