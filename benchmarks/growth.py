"""How time and memory grow with the log: 10 thousand to 10 million interactions, up to 1 million items.

python benchmarks/growth.py [--sizes 10000 100000] [--seconds 60] [--format csv] [--threads 2]

Every size in a process of its own: read and clean the file, train, recommend 10 items to 1,000 users, and fit item kNN.
Training stops after --seconds if an epoch takes longer; its time is then scaled to a whole epoch by the share that was
done, and `trained_share` says so. Memory is the most that the process has held by the end of a stage. The logs are
those of `benchmarks/synthetic.py`, with ten interactions to an item. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring import in_own_process, peak_megabytes, seconds_of
from benchmarks.synthetic import EVENTS_AN_ITEM, fitted_exponent, write_log

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
USERS = 1_000
STAGES = ("read", "epoch", "recommend", "itemknn")


def one(path: Path, seconds: float, threads: int) -> dict[str, Any]:
    """Time and memory of every stage for one log."""
    import numpy as np
    import torch

    from engine.config import RunConfig
    from engine.data.cleaning import load_dataset
    from engine.model.baselines import ItemKNN
    from engine.model.training.defaults import resolve
    from engine.model.training.loop import Checkpoint, train
    from engine.progress import Progress
    from engine.recommender import TransformerRecommender, top_k
    from engine.runs.store import split_of

    torch.set_num_threads(threads)
    out: dict[str, Any] = {"megabytes_before": peak_megabytes()}

    def note(stage: str, taken: float) -> None:
        out[f"{stage}_seconds"], out[f"{stage}_megabytes"] = taken, peak_megabytes()

    start = time.perf_counter()
    dataset, _cleaning = load_dataset(path)
    split = split_of(dataset, RunConfig())
    note("read", time.perf_counter() - start)
    config = resolve(RunConfig(), split)
    config = config.replace({"training": {"max_epochs": 10, "validate_every": 10}})
    told: list[tuple[float, float]] = []

    def watch(progress: Progress) -> None:
        told.append((progress.done * 10, progress.seconds or 0.0))
        if told[-1][1] > seconds:
            raise KeyboardInterrupt  # training ends as by Ctrl-C

    def stop(_: Callable[[], Checkpoint]) -> None:
        raise KeyboardInterrupt

    network = train(split, config, watch, stop).network
    share, taken = told[-1]
    note("epoch", taken / share)
    asked = split.train.take(np.random.default_rng(0).integers(0, len(split.train), USERS))
    model = TransformerRecommender(network, split.candidates)
    note("recommend", seconds_of(lambda: top_k(model, asked, 10)))
    note("itemknn", seconds_of(lambda: ItemKNN(split.train, split.n_items)))
    size = {"users": dataset.n_users, "items": dataset.n_items, "interactions": dataset.n_interactions}
    return {**size, **out, "trained_share": share, "loss": config.training.loss}


def exponents(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The fitted exponent of every stage's time and of the memory above a bare process; 1 is linear."""
    sizes = [float(row["interactions"]) for row in rows]
    out = {stage: fitted_exponent(sizes, [row[f"{stage}_seconds"] for row in rows]) for stage in STAGES}
    most = [max(row[f"{stage}_megabytes"] for stage in STAGES) - row["megabytes_before"] for row in rows]
    return {**out, "memory": fitted_exponent(sizes, most)}


def main() -> None:
    """Measure every size and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--seconds", type=float, default=60.0, help="longest training")
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(one(asked.one, asked.seconds, asked.threads)))
        return
    rows = []
    for size in asked.sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"log.{asked.format}"
            write_log(path, size, size // EVENTS_AN_ITEM)
            rows.append(
                in_own_process([sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], "--one", str(path)])
            )
    found = {"rows": rows, "exponents": exponents(rows), "last_exponents": exponents(rows[-2:])}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
