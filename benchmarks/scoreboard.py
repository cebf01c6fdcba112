"""The scoreboard of explanations as a Markdown table: areas under deletion and insertion curves of runs.

python -m benchmarks.scoreboard RUN... --runs DIR
"""

from __future__ import annotations

import argparse

import engine


def main() -> None:
    """Measure the runs, or read what they keep, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", metavar="RUN")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--users", type=int, default=200)
    given = parser.parse_args()
    print("| run | order of events | deletion, lower is better | insertion, higher is better |\n|---|---|---|---|")
    for name in given.names:
        found = engine.faithfulness_of(engine.load_run(name, given.runs), given.users)
        for method, score in found.methods.items():
            areas = score.overall.deletion_auc, score.overall.insertion_auc
            print(
                f"| {name} | {method} | "
                + " | ".join(f"{e.value:.3f} ({e.low:.3f}–{e.high:.3f})" for e in areas)
                + " |"
            )


if __name__ == "__main__":
    main()
