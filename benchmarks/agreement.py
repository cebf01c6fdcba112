"""Tailscope's figures against RecTools' own metrics, on lists that RecTools made.

python benchmarks/agreement.py PATH --peer-python PEER/bin/python [--model ease] [--set evaluation.protocol=temporal]

Tailscope splits the log; RecTools, in its own environment, fits a model on what is known at test time, recommends, and
measures its lists. `tailscope diagnose` then reads that same file. Prints both figures of every metric and the largest
difference, and fails where one is above 1e-9. --keep FOLDER keeps the lists and figures, for a golden test.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TOLERANCE = 1e-9


def main() -> int:
    """Measure, print, and fail where the two disagree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="a log, or with --peer the folder to work in")
    parser.add_argument("--peer-python", help="Python of an environment that has rectools")
    parser.add_argument("--model", choices=("ease", "popular"), default="ease")
    parser.add_argument("--set", action="append", default=[], help="SECTION.KEY=VALUE; evaluation and data count")
    parser.add_argument("--keep", type=Path, help="folder for the lists and RecTools' figures")
    parser.add_argument("--peer", type=int, nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peer:
        peer(asked.path, asked.model, asked.peer)
        return 0
    if not asked.peer_python:
        parser.error("--peer-python is needed: the Python of an environment that has rectools.")
    with tempfile.TemporaryDirectory() as made:
        folder = asked.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        found = agreement(asked.path, folder, asked.peer_python, asked.model, asked.set)
    print(json.dumps(found, indent=1))
    return int(found["largest_difference"] > TOLERANCE)


def agreement(path: Path, folder: Path, peer_python: str, model: str, changes: list[str]) -> dict[str, Any]:
    """Every figure here and there, and the largest difference between them."""
    import engine
    from engine.data.cleaning import load_dataset
    from engine.runs.store import split_of

    config = engine.load_config(None, changes)
    dataset, _ = load_dataset(path, config.data)
    split = split_of(dataset, config)
    for name, part in (("known", split.test.histories), ("targets", split.test.targets), ("train", split.train)):
        users = split.test.users[part.positions()] if name != "train" else part.positions()
        rows = {"user_id": dataset.users.ids_of(users), "item_id": dataset.items.ids_of(part.items)}
        _table(rows).to_csv(folder / f"{name}.csv", index=False)
    ks = [str(k) for k in config.evaluation.ks]
    command = [peer_python, str(Path(__file__).resolve()), str(folder), "--model", model, "--peer", *ks]
    subprocess.run(command, check=True)
    theirs = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
    diagnosed = engine.diagnose_lists(folder / "rectools.csv", dataset, config)
    overall = next(iter(diagnosed.evaluation.models.values()))
    ours = {name: estimate.value for name, estimate in overall.overall.metrics.items() if name in theirs}
    ours |= {name: value for name, value in overall.coverage.items() if name in theirs}
    return {
        "figures": {name: {"tailscope": ours[name], "rectools": theirs[name]} for name in ours},
        "largest_difference": max(abs(ours[name] - theirs[name]) for name in ours),
        "users": len(split.test),
    }


def _table(columns: dict[str, Any]) -> Any:
    import pandas as pd

    return pd.DataFrame(columns)


def peer(folder: Path, model: str, ks: list[int]) -> None:
    """RecTools' part, under its own Python: lists in rectools.csv, figures in figures.json."""
    import pandas as pd
    from rectools import metrics
    from rectools.dataset import Dataset
    from rectools.models import EASEModel, PopularModel

    known, targets, train = (
        pd.read_csv(folder / f"{name}.csv", dtype=str).assign(weight=1.0) for name in ("known", "targets", "train")
    )
    # A user who is asked is known by the history at test time; all others by what they gave to training.
    rows = pd.concat([known, train[~train["user_id"].isin(known["user_id"])]], ignore_index=True)
    rows["datetime"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(range(len(rows)), unit="s")
    data = Dataset.construct(rows)
    fitted = (EASEModel(regularization=100.0) if model == "ease" else PopularModel()).fit(data)
    lists = fitted.recommend(known["user_id"].unique(), data, k=max(ks), filter_viewed=True)
    lists.to_csv(folder / "rectools.csv", index=False)
    asked: dict[str, Any] = {}
    for k in ks:
        asked |= {
            f"hr@{k}": metrics.HitRate(k),
            f"ndcg@{k}": metrics.NDCG(k, divide_by_achievable=True),
            f"mrr@{k}": metrics.MRR(k),
            f"precision@{k}": metrics.Precision(k),
            f"recall@{k}": metrics.Recall(k),
            f"f1@{k}": metrics.F1Beta(k),
            f"arp@{k}": metrics.AvgRecPopularity(k),
            f"novelty@{k}": metrics.MeanInvUserFreq(k),
            f"coverage@{k}": metrics.CatalogCoverage(k, normalize=True),
        }
    if not targets["user_id"].duplicated().any():  # with more targets than places, RecTools divides by another number
        asked |= {f"map@{k}": metrics.MAP(k) for k in ks}
    figures = metrics.calc_metrics(
        asked, lists, interactions=targets, prev_interactions=train, catalog=train["item_id"].unique()
    )
    (folder / "figures.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
