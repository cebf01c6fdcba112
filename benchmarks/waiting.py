"""What it costs a training that threads wait asleep: OMP_WAIT_POLICY passive, unset and active, in turn.

python -m benchmarks.waiting [PATH] [--rounds 3] [--epochs 2] [--threads 2]

PATH is a log; without one it is the sample shop. Items are learnt from ids alone. Each training runs in a process of
its own, one after the other, policies interleaved, so that a machine that slows down slows all of them. Leave the
machine alone meanwhile. Prints one JSON document: seconds by round, and each median as a multiple of active's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

POLICIES = ("PASSIVE", "unset", "ACTIVE")


def environment(policy: str, threads: int) -> dict[str, str]:
    """This process's environment with the policy, or none, and so many threads."""
    held = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    return {**held, "OMP_NUM_THREADS": str(threads)} | ({} if policy == "unset" else {"OMP_WAIT_POLICY": policy})


def trained(path: str, epochs: int) -> float:
    """Seconds in training alone, in this process."""
    import engine
    from engine.data.cleaning import load_dataset
    from engine.model.training.defaults import resolve
    from engine.pipeline.fitting import fit
    from engine.runs.store import split_of

    changes = [f"training.max_epochs={epochs}", "training.validate_every=1000", "model.item_content=false"]
    config = engine.load_config(None, [*changes, "model.user_content=false"])
    dataset, _ = load_dataset(Path(path), config.data)
    split = split_of(dataset, config)
    return fit(split, resolve(config, split)).seconds


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("path", nargs="?", default=str(Path(__file__).resolve().parents[1] / "sample_data"))
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--epochs", type=int, default=2)
    asked.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    asked.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.one:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            print(trained(given.path, given.epochs))
        return
    path = str(Path(given.path).resolve())
    seconds: dict[str, list[float]] = {policy: [] for policy in POLICIES}
    command = [sys.executable, "-m", "benchmarks.waiting", path, "--epochs", str(given.epochs), "--one"]
    for _ in range(given.rounds):
        for policy in POLICIES:
            done = subprocess.run(
                command, env=environment(policy, given.threads), capture_output=True, text=True, check=True
            )
            seconds[policy].append(float(done.stdout.split()[-1]))
    middle = {policy: statistics.median(found) for policy, found in seconds.items()}
    against = {policy: found / middle["ACTIVE"] for policy, found in middle.items()}
    print(json.dumps({"path": path, "epochs": given.epochs, "seconds": seconds, "against_active": against}, indent=1))


if __name__ == "__main__":
    main()
