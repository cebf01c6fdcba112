"""Room for open files: a session of a reader takes four, and a server that has none left answers nobody."""

from __future__ import annotations

import contextlib
import os

FILES_OF_A_SESSION = 4
"""Its connection, and the three of the event loop that Streamlit makes for its script."""

FILES_BESIDE = 128
"""What the server itself has open: libraries, runs, requests under way."""

MANY_FILES = 65_536


def raise_limit() -> int | None:
    """Take as much room for open files as the system gives without asking anybody.

    Returns:
        How many may be open now; None where the system has no such limit.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft == resource.RLIM_INFINITY:
        return None
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def readers_at_once(files: int | None) -> int | None:
    """How many sessions so many open files are enough for; None for any number."""
    return None if files is None else max((files - FILES_BESIDE) // FILES_OF_A_SESSION, 1)


def count() -> int | None:
    """How many files this process has open; None where the system does not tell."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return len(os.listdir(folder))
    return None
