"""The dashboard's server as a process of its own, for tests that ask it over the network."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(
    runs: Path,
    errors: Path | None = None,
    start: Sequence[str] = ("-m", "dashboard.server"),
    env: Mapping[str, str] | None = None,
    limit: float = 90,
    cwd: Path = ROOT,
) -> Iterator[str]:
    """The address of a server over a folder of runs, for as long as it is wanted.

    Args:
        runs: the folder.
        errors: file for its standard error.
        start: Python's arguments that start it.
        env: changes to the environment.
        limit: seconds to wait for it.
        cwd: the folder that it starts in.
    """
    port = free_port()
    command = [sys.executable, *start, "--server.port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TAILSCOPE_RUNS": str(runs), **(env or {})}
    with open(errors or os.devnull, "wb") as said:
        server = subprocess.Popen(
            command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
        )
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health", server, limit)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(url: str, server: subprocess.Popen[bytes], limit: float) -> None:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"the dashboard's server ended with exit code {server.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the dashboard did not answer at {url} within {limit:.0f} s")
