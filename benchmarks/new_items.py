"""How well items that training never met are ranked by their content alone.

python benchmarks/new_items.py PATH [--share 0.05] [--set model.id_dropout=0.2]

Takes a random share of the items out of training altogether, then asks for them wherever one is a user's validation
target: its rank among all items, by the content of items, against the rank that chance would give. Test targets are not
looked at. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.config import load_config
from engine.data.cleaning import load_dataset
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.evaluation.ranking import ranks_of_targets
from engine.model.content.tables import Contents, table_content
from engine.model.training.defaults import resolve
from engine.model.training.loop import train
from engine.recommender import TransformerRecommender
from engine.runs.store import split_of


def without(histories: Histories, items: np.ndarray) -> Histories:
    """The histories with some items taken out; `items` is (n_items + 1,) bool."""
    kept = ~items[histories.items]
    offsets = np.concatenate([[0], np.cumsum(kept)])[histories.offsets]
    return Histories(offsets, histories.items[kept])


def main() -> None:
    """Train without the chosen items, rank them, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="a log in any format that `tailscope train` reads")
    parser.add_argument("--share", type=float, default=0.05, help="share of items taken out of training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    asked = parser.parse_args()
    config = load_config(None, asked.set)
    dataset, _cleaning = load_dataset(asked.path, config.data)
    contents = Contents(table_content(dataset.item_table, config.model.text_size, config.training.seed))
    if contents.items is None:
        parser.error(f"{asked.path} tells nothing of its items, so new ones cannot be ranked.")
    whole = split_of(dataset, config)
    rng = np.random.default_rng(asked.seed)
    new = whole.candidates & (rng.random(len(whole.candidates)) < asked.share)
    train_part = without(whole.train, new)
    rows = np.flatnonzero(new[whole.valid.targets.items])
    others = whole.valid.take(np.flatnonzero(~new[whole.valid.targets.items]))
    strict = replace(others, histories=without(others.histories, new))
    asked_for = whole.valid.take(rows)
    asked_for = Holdout(asked_for.users, without(asked_for.histories, new), asked_for.targets)
    split = Split(whole.protocol, train_part, strict, asked_for, whole.candidates & ~new)
    network = train(split, resolve(config, split), contents=contents).network
    model = TransformerRecommender(network, split.candidates | (new & network.item_vectors.described()))
    ranks = ranks_of_targets(model, asked_for).astype(float)
    ranks[ranks == 0] = np.inf
    n_ranked = model.candidates.sum() - asked_for.histories.lengths
    percentile = np.where(np.isinf(ranks), 1.0, (ranks - 0.5) / n_ranked)
    means = np.array([rng.choice(percentile, len(percentile)).mean() for _ in range(2000)])
    print(
        json.dumps(
            {
                "new_items": int(new.sum()),
                "targets": len(ranks),
                "mean_percentile": {
                    "value": percentile.mean(),
                    "low": np.quantile(means, 0.025),
                    "high": np.quantile(means, 0.975),
                    "chance": 0.5,
                },
                "hr@10": {"value": float((ranks <= 10).mean()), "chance": float((10 / n_ranked).mean())},
                "id_dropout": config.model.id_dropout,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
