"""How long one user waits for recommendations: `engine.recommend` on a catalogue of 12,000 items, user by user.

python benchmarks/latency.py [--items 12000] [--users 500] [--threads 2]

Trains one epoch on a synthetic log, loads the run as a dashboard would, and asks for one user at a time. Prints one
JSON document: median and 99th percentile in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

import engine
from benchmarks.measuring import middle_and_end, seconds_of
from benchmarks.synthetic import EVENTS_AN_ITEM, write_log

WARM_UP = 20


def main() -> None:
    """Train, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=12_000)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    import torch

    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        write_log(path, EVENTS_AN_ITEM * asked.items, asked.items)
        changes = ["training.max_epochs=1", "evaluation.baselines=['popularity']", "evaluation.bootstrap_samples=100"]
        run = engine.train_run(path, name="latency", runs_dir=folder, config=engine.load_config(changes=changes))
        chosen = np.random.default_rng(0).choice(run.dataset.n_users, WARM_UP + asked.users, replace=False)
        users = [run.dataset.users.id_of(int(user)) for user in chosen]
        taken = [1000 * seconds_of(lambda user=user: engine.recommend(run, user, 10)) for user in users]
    median, late = middle_and_end(taken[WARM_UP:])
    print(json.dumps({"items": run.dataset.n_items, "users": asked.users, "median_ms": median, "p99_ms": late}))


if __name__ == "__main__":
    main()
