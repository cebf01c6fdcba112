"""One seeded tiny training with every setting spelt out, whose figures were written down.

A change that moves them is meant, or it is a bug.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import engine

SETTINGS = """
model.max_len=16 model.d_model=16 model.n_layers=2 model.n_heads=2 model.d_ff=32 model.dropout=0.1
model.item_content=false model.user_content=false model.event_dropout=0.1 model.output=cosine model.temperature=0.1
training.seed=5 training.device=cpu training.max_epochs=12 training.patience=12 training.validate_every=3
training.batch_tokens=64 training.learning_rate=0.005 training.weight_decay=0.01 training.warmup_steps=10
training.loss=full evaluation.bootstrap_samples=50 evaluation.exclude_seen=true
"""

LOSSES = {1: 5.0681, 12: 2.0021}
NDCG = {"transformer": 0.60817, "ensemble": 0.63591, "popularity": 0.29961, "itemknn": 0.48895, "ease": 0.45737}


def test_the_figures_of_a_seeded_run(tiny_log_dir: Path, tmp_path: Path) -> None:
    config = engine.load_config(None, SETTINGS.split())
    run = engine.train_run(tiny_log_dir, name="golden", runs_dir=tmp_path, config=config)
    losses = run.history.set_index("epoch")["loss"]
    measured = {name: model.overall.metrics["ndcg@10"].value for name, model in run.evaluation.models.items()}
    for epoch, loss in LOSSES.items():
        assert losses[epoch] == pytest.approx(loss, rel=0.01)  # another processor rounds otherwise
    for model in ("transformer", "ensemble"):
        assert measured.pop(model) == pytest.approx(NDCG[model], abs=0.03)
    for model, value in measured.items():
        assert value == pytest.approx(NDCG[model], abs=1e-5), model
