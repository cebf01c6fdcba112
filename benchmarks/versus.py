"""Tailscope against RecTools' SASRec on one log: epochs a second, recommending for all users, memory, time to quality.

python benchmarks/versus.py PATH --peer-python PEER/bin/python [--peer-epochs 40] [--threads 2]

Both train on the same interactions (leave-last-out) with a network of the same size, the one that Tailscope's defaults
choose for the log; each in a process of its own, one after the other, so that neither disturbs the other's time or
memory. RecTools' loss is the softmax over all items, its default, and Tailscope's is what its defaults say.

Without --peer-epochs, a part of one epoch of RecTools is timed, 3 batches to warm up and --peer-batches more, and
scaled to a whole epoch: its batches all have the same size, since it pads every history to the longest. With it, both
are validated as they train, by NDCG@10 over all items but those seen, and the time to RecTools' best is compared; the
clock leaves RecTools' validation out and Tailscope's in. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

SIZE = ("d_model", "n_layers", "n_heads", "max_len", "dropout")
K = 10
WARM_UP = 3


def ours(path: Path, folder: Path, threads: int, epochs: int, quality: bool) -> dict[str, Any]:
    """Our figures; leaves the training part, the validation targets and the size in `folder` for the peer."""
    import pandas as pd
    import torch

    from benchmarks.measuring import peak_megabytes, seconds_of
    from engine.config import RunConfig
    from engine.data.cleaning import load_dataset
    from engine.model.training.defaults import resolve
    from engine.model.training.loop import train
    from engine.recommender import TransformerRecommender, top_k
    from engine.runs.store import split_of

    torch.set_num_threads(threads)
    dataset, _cleaning = load_dataset(path)
    never = 10 * epochs
    fixed = {"max_epochs": epochs + 2, "validate_every": never, "patience": never}
    changes = {"training": {"validation_users": 10**9, **({} if quality else fixed)}}
    config = RunConfig().replace(changes)  # type: ignore[arg-type]
    split = split_of(dataset, config)
    config = resolve(config, split)
    trained = train(split, config)
    log = trained.log[:-1]  # the first epoch warms up, the last holds a validation
    steps = [b.seconds - a.seconds for a, b in pairwise(log) if b.valid_ndcg is None]
    model = TransformerRecommender(trained.network, split.candidates)

    def recommend() -> None:
        items, scores = top_k(model, split.train, K)
        users = dataset.users.ids.repeat(K)
        pd.DataFrame({"user_id": users, "item_id": dataset.items.ids[items.ravel() - 1], "score": scores.ravel()})

    recommending = min(seconds_of(recommend) for _ in range(2))
    rows = pd.DataFrame({"user_id": split.train.positions(), "item_id": split.train.items})
    rows.to_csv(folder / "train.csv", index=False)
    targets = pd.DataFrame({"user_id": split.valid.users, "item_id": split.valid.targets.items})
    targets.to_csv(folder / "valid.csv", index=False)
    size = {name: getattr(config.model, name) for name in SIZE}
    (folder / "size.json").write_text(json.dumps(size), encoding="utf-8")
    return {
        "seconds_an_epoch": statistics.median(steps),
        "epochs_timed": len(steps),
        "loss": config.training.loss,
        "recommend_seconds": recommending,
        "peak_megabytes": peak_megabytes(),
        "validations": [[e.seconds, e.valid_ndcg] for e in trained.log if e.valid_ndcg is not None],
        "users": len(split.train),
        "items": split.n_items,
        "interactions": len(split.train.items),
        **size,
    }


def peer(folder: Path, threads: int, epochs: int, batches: int, every: int) -> dict[str, Any]:
    """RecTools' figures; runs under the peer's own Python."""
    import resource

    import pandas as pd
    import torch
    from pytorch_lightning import Callback, Trainer
    from rectools.dataset import Dataset
    from rectools.models import SASRecModel

    torch.set_num_threads(threads)
    table = pd.read_csv(folder / "train.csv")
    table["datetime"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(range(len(table)), unit="s")
    table["weight"] = 1.0
    size = json.loads((folder / "size.json").read_text(encoding="utf-8"))
    ticks: list[list[float]] = []

    class Clock(Callback):
        def on_train_epoch_start(self, *_: Any) -> None:
            ticks.append([time.perf_counter()])

        def on_train_batch_end(self, *_: Any) -> None:
            ticks[-1].append(time.perf_counter())

    def trainer() -> Trainer:
        return Trainer(
            max_epochs=max(1, epochs),
            limit_train_batches=None if epochs else batches + WARM_UP,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[Clock()],
        )

    model = SASRecModel(
        n_factors=size["d_model"],
        n_blocks=size["n_layers"],
        n_heads=size["n_heads"],
        session_max_len=size["max_len"],
        dropout_rate=size["dropout"],
        get_trainer_func=trainer,
    )
    data = Dataset.construct(table)
    targets = pd.read_csv(folder / "valid.csv").set_index("user_id")["item_id"]
    validations: list[list[float]] = []

    def recommend(
        users: Any,
    ) -> pd.DataFrame:  # users whose items RecTools does not know, having met each once, get none
        return model.recommend(users, data, k=K, filter_viewed=True, on_unsupported_targets="ignore")

    if epochs:
        for done in range(0, epochs, every):
            model.fit_partial(data, min_epochs=1, max_epochs=min(every, epochs - done))
            lists = recommend(targets.index.to_numpy())
            hits = lists[lists["item_id"].to_numpy() == targets.loc[lists["user_id"]].to_numpy()]
            ndcg = sum(1 / math.log2(rank + 1) for rank in hits["rank"]) / len(targets)
            validations.append([sum(tick[-1] - tick[0] for tick in ticks), ndcg])
        whole = [tick[-1] - tick[0] for tick in ticks]
        an_epoch = statistics.median(whole[1:] or whole)
    else:
        model.fit(data)
        an_epoch = statistics.median(b - a for a, b in pairwise(ticks[0][WARM_UP:]))
        an_epoch *= math.ceil(int((table["user_id"].value_counts() > 1).sum()) / model.batch_size)
    took = []
    for _ in range(2):
        start = time.perf_counter()
        recommend(table["user_id"].unique())
        took.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds_an_epoch": an_epoch,
        "timed": f"{len(ticks)} whole epochs" if epochs else f"{len(ticks[0]) - 1 - WARM_UP} batches of one epoch",
        "loss": model.loss,
        "recommend_seconds": min(took),
        "peak_megabytes": peak / (1 << 20) if sys.platform == "darwin" else peak / (1 << 10),
        "validations": validations,
    }


def ratios(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float | None]:
    """How many times as fast or as small Tailscope is: above 1 is in its favour.

    `time_to_quality` compares the seconds to RecTools' best validation with those to Tailscope's first one that is at
    least as good; None where either was not asked for, or where that was never reached.
    """
    out: dict[str, float | None] = {
        "training": theirs["seconds_an_epoch"] / mine["seconds_an_epoch"],
        "recommending": theirs["recommend_seconds"] / mine["recommend_seconds"],
        "memory": theirs["peak_megabytes"] / mine["peak_megabytes"],
        "time_to_quality": None,
    }
    if theirs["validations"]:
        seconds, best = max(theirs["validations"], key=lambda pair: (pair[1], -pair[0]))
        reached = [own for own, ndcg in mine["validations"] if ndcg >= best]
        out["time_to_quality"] = seconds / reached[0] if reached else None
    return out


def main() -> None:
    """Measure both sides and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="a log in any format that `tailscope train` reads")
    parser.add_argument("--peer-python", required=True, help="Python of an environment that has rectools[torch]")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=5, help="epochs of ours to time, without --peer-epochs")
    parser.add_argument("--peer-epochs", type=int, default=0, help="epochs of RecTools; 0 times a part of one")
    parser.add_argument("--peer-batches", type=int, default=20, help="batches of RecTools to time, if a part is timed")
    parser.add_argument("--every", type=int, default=4, help="epochs of RecTools from one validation to the next")
    parser.add_argument("--side", choices=("ours", "peer"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side == "ours":
        print(json.dumps(ours(asked.path, asked.folder, asked.threads, asked.epochs, asked.peer_epochs > 0)))
        return
    if asked.side == "peer":
        print(json.dumps(peer(asked.folder, asked.threads, asked.peer_epochs, asked.peer_batches, asked.every)))
        return
    from benchmarks.measuring import in_own_process

    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(__file__).resolve()), *sys.argv[1:], "--folder", folder, "--side"]
        mine = in_own_process([sys.executable, *command, "ours"])
        theirs = in_own_process([asked.peer_python, *command, "peer"])
    print(json.dumps({"tailscope": mine, "rectools": theirs, "times_as_good": ratios(mine, theirs)}))


if __name__ == "__main__":
    main()
