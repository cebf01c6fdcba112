"""Diagnose a run in a process of its own, and keep what was found in the run folder.

python -m dashboard.jobs.diagnose RUNS NAME METRIC

On a large catalogue baselines are fitted in pieces of many seconds during which their process does nothing else. In the
server's own, no page would be answered meanwhile.
"""

from __future__ import annotations

import os
import sys
import tempfile

import engine
from dashboard.ui import unexpected
from dashboard.web import kinship

MOST_SAID = 20_000
"""Bytes of the end of what it said that are written down."""


def diagnose_aside(runs_dir: str, name: str, metric: str) -> None:
    """Have another process diagnose a run, and wait for it.

    What goes wrong there is written down, and met again by whoever asks next. It ends with us.
    """
    command = [sys.executable, "-m", "dashboard.jobs.diagnose", runs_dir, name, metric]
    with tempfile.TemporaryFile() as said:
        code = kinship.start(command, stderr=said).wait()
        if code:
            said.seek(max(said.tell() - MOST_SAID, 0))
            unexpected.log.error(
                "Diagnosis of %s ended with %s: %s", name, code, said.read().decode("utf-8", "replace")
            )


def main() -> None:
    """Diagnose, after everybody else who wants the processor."""
    kinship.heed()
    if hasattr(os, "nice"):
        os.nice(5)
    runs_dir, name, metric = sys.argv[1:]
    engine.diagnose_run(engine.load_run(name, runs_dir), metric)


if __name__ == "__main__":
    main()
