"""The figures of `tailscope train`, over several seeds.

python benchmarks/seeds.py PATH [--preset best] [--seeds 5] [--set section.key=value]

Prints one JSON document: each seed's test figures and seconds, and their mean and standard deviation.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

import engine

FIGURES = ("ndcg@10", "hr@10")


def main() -> None:
    """Train once for each seed and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="a log in any format that `tailscope train` reads")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    asked = parser.parse_args()
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(asked.seeds):
            changes = [f"training.preset={asked.preset}", f"training.seed={seed}", *asked.set]
            config = engine.load_config(None, changes)
            run = engine.train_run(asked.path, name=f"seed-{seed}", runs_dir=folder, config=config)
            row: dict[str, float] = {"seed": seed, "epochs": run.epochs, "train_seconds": run.seconds["train"]}
            for name in (n for n in ("transformer", "ensemble") if n in run.evaluation.models):
                report = run.evaluation.models[name]
                for cohort, part in (("all", report.overall), *report.users.items()):
                    row |= {f"{name} {cohort} {figure}": part.metrics[figure].value for figure in FIGURES}
            rows.append(row)
            print(json.dumps(row), file=sys.stderr)
    keys = [key for key in rows[0] if key != "seed"]
    values = {key: np.array([row[key] for row in rows]) for key in keys}
    mean = {key: float(v.mean()) for key, v in values.items()}
    spread = {key: float(v.std(ddof=1)) if len(v) > 1 else 0.0 for key, v in values.items()}
    print(json.dumps({"seeds": rows, "mean": mean, "standard_deviation": spread}, indent=2))


if __name__ == "__main__":
    main()
