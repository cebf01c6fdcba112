"""Seconds that an epoch takes, here and in RecTools' SASRec: the same interactions, a network of the same size.

python benchmarks/epochs.py PATH [--peer-python PEER/bin/python] [--threads 2] [--epochs 3]

Prints one JSON document. RecTools' side runs in an environment of its own, in a second process, after ours has ended.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

SIZE = {"d_model": 64, "n_layers": 1, "n_heads": 1, "max_len": 50, "dropout": 0.4}


def ours(path: Path, threads: int, epochs: int, export: Path) -> dict[str, Any]:
    """Time our epochs; write the training part for the peer."""
    import torch

    from engine.config import RunConfig
    from engine.data.cleaning import load_dataset
    from engine.model.defaults import resolve
    from engine.model.training import train
    from engine.runs import split_of

    torch.set_num_threads(threads)
    dataset, _cleaning = load_dataset(path)
    never = 10 * epochs
    config = RunConfig().replace(
        {"model": SIZE, "training": {"max_epochs": epochs + 2, "validate_every": never, "patience": never}}
    )
    split = split_of(dataset, config)
    config = resolve(config, split)
    log = train(split, config).log
    rows = zip(split.train.positions().tolist(), split.train.items.tolist(), strict=True)
    export.write_text("".join(f"{user},{item}\n" for user, item in rows), encoding="utf-8")
    steps = [b.seconds - a.seconds for a, b in pairwise(log[:-1])]  # the first warms up, the last holds a validation
    return {
        "seconds_an_epoch": statistics.median(steps),
        "epochs_timed": len(steps),
        "interactions": len(split.train.items),
        "loss": config.training.loss,
        "batch_tokens": config.training.batch_tokens,
        "threads": threads,
        **SIZE,
    }


def peer(export: Path, threads: int, epochs: int, loss: str, n_negatives: int) -> dict[str, Any]:
    """Time RecTools' epochs; runs under the peer's own Python."""
    import pandas as pd
    import torch
    from pytorch_lightning import Callback, Trainer
    from rectools.dataset import Dataset
    from rectools.models import SASRecModel

    torch.set_num_threads(threads)
    table = pd.read_csv(export, names=["user_id", "item_id"])
    table["datetime"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(range(len(table)), unit="s")
    table["weight"] = 1.0
    seconds: list[float] = []

    class Clock(Callback):
        def on_train_epoch_start(self, *_: Any) -> None:
            self.start = time.perf_counter()

        def on_train_epoch_end(self, *_: Any) -> None:
            seconds.append(time.perf_counter() - self.start)

    def trainer() -> Trainer:
        return Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[Clock()],
        )

    model = SASRecModel(
        n_factors=SIZE["d_model"],
        n_blocks=SIZE["n_layers"],
        n_heads=SIZE["n_heads"],
        session_max_len=SIZE["max_len"],
        dropout_rate=SIZE["dropout"],
        loss=loss,
        n_negatives=n_negatives,
        epochs=epochs,
        get_trainer_func=trainer,
    )
    model.fit(Dataset.construct(table))
    return {
        "seconds_an_epoch": statistics.median(seconds),
        "epochs_timed": len(seconds),
        "interactions": len(table),
        "loss": loss,
        "batch_sequences": model.batch_size,
        "threads": threads,
        **SIZE,
    }


def main() -> None:
    """Time both sides and print their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="a log in any format that `tailscope train` reads")
    parser.add_argument("--peer-python", help="Python of an environment that has rectools[torch]")
    parser.add_argument("--peer-epochs", type=int, default=1, help="epochs of the peer to time")
    parser.add_argument("--peer-loss", default="softmax", help="RecTools' own default, over all items")
    parser.add_argument("--peer-negatives", type=int, default=1, help="negatives of its sampled losses")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--epochs", type=int, default=5, help="epochs of ours to time")
    parser.add_argument("--as-peer", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.as_peer:
        print(json.dumps(peer(asked.path, asked.threads, asked.peer_epochs, asked.peer_loss, asked.peer_negatives)))
        return
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "training.csv"
        result: dict[str, Any] = {"tailscope": ours(asked.path, asked.threads, asked.epochs, export)}
        if asked.peer_python:
            command = [asked.peer_python, str(Path(__file__).resolve()), str(export), "--as-peer"]
            for flag in ("threads", "peer_epochs", "peer_loss", "peer_negatives"):
                command += [f"--{flag.replace('_', '-')}", str(getattr(asked, flag))]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            result["rectools"] = json.loads(done.stdout.strip().splitlines()[-1])
            spent = result["rectools"]["seconds_an_epoch"], result["tailscope"]["seconds_an_epoch"]
            result["times_as_fast"] = spent[0] / spent[1]
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    sys.exit(main())
