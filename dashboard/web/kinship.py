"""A process that ends when the one that started it does, however that ended: the pipe between them breaks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

TIED = "TAILSCOPE_TIED"
"""Environment variable that tells a process to heed its standard input so; not handed on."""

GRACE = 5.0
"""Seconds in which a process may end as it would when told to."""


def start(
    command: Sequence[str],
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    stderr: int | IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process that calls `heed`; nothing is read from what it writes to its standard output."""
    return subprocess.Popen(
        command,
        cwd=cwd,
        env={**(os.environ if env is None else env), TIED: "1"},
        stdin=subprocess.PIPE,  # never written to: it closes when we end, even by a kill
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )


def heed() -> None:
    """In the process that was started so: end when whoever started it is gone."""
    if os.environ.pop(TIED, None) is None:
        return
    threading.Thread(target=_wait, name="parent", daemon=True).start()


def _wait() -> None:
    # The file itself, not Python's reader of it, whose lock would be held when the interpreter ends.
    while os.read(sys.__stdin__.fileno() if sys.__stdin__ else 0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)
