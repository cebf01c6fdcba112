"""The whole engine on a log with a planted pattern: the Transformer finds it, popularity cannot."""

from __future__ import annotations

import numpy as np

from engine.config import RunConfig
from engine.data.dataset import Dataset, Histories, Vocabulary
from engine.data.splits import leave_last_out
from engine.evaluation.cohorts import make_cohorts
from engine.evaluation.report import evaluate
from engine.model.baselines import Popularity
from engine.model.training.defaults import resolve
from engine.model.training.loop import train
from engine.recommender import TransformerRecommender


def planted(n_users: int = 300, n_items: int = 40, seed: int = 0) -> Dataset:
    """Each item is followed by one partner four times in five, whatever its popularity."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    partner = rng.permutation(n_items) + 1
    rows = []
    for _ in range(n_users):
        row = [int(rng.integers(1, n_items + 1))]
        while len(row) < 8:
            row.append(int(partner[row[-1] - 1]) if rng.random() < 0.8 else int(rng.integers(1, n_items + 1)))
        rows.append(row)
    users = Vocabulary(np.array([f"u{i}" for i in range(n_users)], dtype=object), 0, "user")
    items = Vocabulary(np.array([f"i{i}" for i in range(1, n_items + 1)], dtype=object))
    tables = pd.DataFrame({"user_id": users.ids}), pd.DataFrame({"item_id": items.ids})
    return Dataset("planted", users, items, Histories.of(rows), None, None, *tables)


def test_the_transformer_finds_a_pattern_that_popularity_cannot() -> None:
    split = leave_last_out(planted())
    config = RunConfig().replace(
        {
            "model": {"d_model": 32, "max_len": 8},
            "training": {"max_epochs": 40, "learning_rate": 3e-3, "batch_tokens": 256},
            "evaluation": {"bootstrap_samples": 200},
        }
    )
    network = train(split, resolve(config, split)).network
    models = [TransformerRecommender(network, split.candidates), Popularity(split.train, split.n_items)]
    found = evaluate(models, split, make_cohorts(split, 0.2, 0.2), config.evaluation).models
    ours, theirs = (found[name].overall.metrics["ndcg@10"] for name in ("transformer", "popularity"))
    assert ours.low > theirs.high
    assert ours.value > 0.5
