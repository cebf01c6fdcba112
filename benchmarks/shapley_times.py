"""How long explanations take: one item over 20 events, a list of ten, and many users.

python benchmarks/shapley_times.py RUN [--runs runs] [--asked 20] [--users 200] [--threads 2]

Loads a run as the dashboard would, warms up, and explains tested users with more than 20 events (or the longest there
are). Many users are explained anew, and nothing is kept in the run. Prints one JSON document: medians, the slowest and
the mean processor time of all threads, in seconds, and the largest error of additivity met.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import engine
from benchmarks.measuring import seconds_of

EVENTS = 20


def main() -> None:
    """Load, explain, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--asked", type=int, default=20)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    import torch

    torch.set_num_threads(asked.threads)
    run = engine.load_run(asked.run, asked.runs)
    lengths = run.split.test.histories.lengths
    long = np.flatnonzero(lengths > EVENTS)
    rows = long if len(long) >= asked.asked else np.argsort(-lengths)[: asked.asked]
    rows = np.random.default_rng(0).permutation(rows)[: asked.asked]
    users = [run.dataset.users.id_of(int(user)) for user in run.split.test.users[rows]]
    engine.warm_up(run)
    ways = {"20 events": engine.explain, "list of ten": engine.explain_list, "features": engine.explain_features,
            "without": engine.explain_without}  # fmt: skip
    out: dict[str, object] = {"run": run.name, "model": run.answers, "threads": asked.threads, "asked": len(users)}
    for name, way in ways.items():
        began = time.process_time()
        taken = [seconds_of(lambda user=user, way=way: way(run, user)) for user in users]
        work = (time.process_time() - began) / len(users)  # what other programs on the machine do not add to
        figures = {"median": float(np.median(taken)), "slowest": max(taken), "processor": work}
        out[name] = {key: round(value, 3) for key, value in figures.items()}
    off = [abs(a.base + sum(p.value for p in a.players) - a.score) for u in users for a in engine.explain_list(run, u)]
    out["additivity"] = max(off)
    with TemporaryDirectory() as folder:  # what was found is kept there, not in the run
        elsewhere = replace(run, path=Path(folder))
        for file in run.path.glob("contents*"):
            (elsewhere.path / file.name).symlink_to(file.resolve())
        began = time.perf_counter()
        found = engine.explain_users(elsewhere, asked.users)
        seconds = round(time.perf_counter() - began, 1)
    out["many users"] = {"users": len(found.users), "seconds": seconds}
    print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
