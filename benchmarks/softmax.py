"""Where the sampled softmax pays: seconds of a step over all items and over a sample, by the size of the catalogue.

python benchmarks/softmax.py [--items 1000 3000 10000] [--threads 2]

Every size and loss in a process of its own. The full softmax is left out where its (tokens, items) matrices would not
fit into the memory that is free. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.measuring import free_bytes, in_own_process, peak_megabytes
from benchmarks.steps import seconds_a_step

ITEMS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
TOKENS = 1024
MATRICES = 3.5
"""How many float32 (tokens, items) matrices a step over all items holds at its peak."""


def crossing(sizes: list[int], full: list[float | None], sampled: list[float]) -> float | None:
    """The catalogue size from which the sampled softmax is the faster one; None where that is never seen.

    Between two measured sizes the ratio is taken to follow a power law; a size without a full figure ends the search.
    """
    import math

    before: tuple[float, float] | None = None
    for size, whole, part in zip(sizes, full, sampled, strict=True):
        if whole is None:
            return None
        at = math.log(size), math.log(whole / part)
        if at[1] > 0:
            if before is None:
                return float(size)
            share = before[1] / (before[1] - at[1])
            return math.exp(before[0] + share * (at[0] - before[0]))
        before = at
    return None


def main() -> None:
    """Measure every size and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=ITEMS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20, help="steps of an epoch; fewer where a step is long")
    parser.add_argument("--one", nargs=2, metavar=("ITEMS", "LOSS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        import torch

        torch.set_num_threads(asked.threads)
        n_items, loss = int(asked.one[0]), asked.one[1]
        long = n_items >= 100_000
        steps = max(2, asked.steps // (10 if long else 1))
        seconds = seconds_a_step(n_items, loss, steps, epochs=1 if long else 3)
        print(json.dumps({"seconds": seconds, "peak_megabytes": peak_megabytes()}))
        return
    rows: list[dict[str, float | None]] = []
    for n_items in asked.items:
        row: dict[str, float | None] = {"items": n_items}
        for loss in ("sampled", "full"):
            free = free_bytes()
            fits = loss == "sampled" or free is None or 4 * MATRICES * TOKENS * n_items + (2 << 30) < free
            command = [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], "--one", str(n_items), loss]
            row[loss] = in_own_process(command)["seconds"] if fits else None
        rows.append(row)
    sizes = [int(row["items"] or 0) for row in rows]
    pays = crossing(sizes, [row["full"] for row in rows], [row["sampled"] or 0.0 for row in rows])
    print(json.dumps({"rows": rows, "tokens": TOKENS, "sampled_pays_from": pays}))


if __name__ == "__main__":
    main()
