"""Diagnose a run in a process of its own, and keep what was found in the run folder.

python -m dashboard.diagnosing RUNS NAME METRIC

On a large catalogue baselines are fitted in pieces of many seconds during which their process does nothing else. In the
server's own, no page would be answered meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys

import engine


def diagnose_aside(runs_dir: str, name: str, metric: str) -> None:
    """Have another process diagnose a run, and wait for it; what goes wrong there is left to whoever asks next."""
    command = [sys.executable, "-m", "dashboard.diagnosing", runs_dir, name, metric]
    quiet = subprocess.DEVNULL
    subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, check=False)


def main() -> None:
    """Diagnose, after everybody else who wants the processor."""
    if hasattr(os, "nice"):
        os.nice(5)
    runs_dir, name, metric = sys.argv[1:]
    engine.diagnose_run(engine.load_run(name, runs_dir), metric)


if __name__ == "__main__":
    main()
