"""Work that is killed (SIGKILL) just before its n-th change to the disk, be it of a file or within an SQLite file."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
_LOOKS = ("SELECT", "PRAGMA")


def killed(work: Callable[[], object], moment: int, folder: Path) -> bool:
    """Do something in a fork that is killed before its n-th change under a folder; whether it was.

    Raises:
        AssertionError: it ended by an error of its own.
    """
    return _in_a_fork(work, moment, folder)[0]


def changes(work: Callable[[], object], folder: Path) -> int:
    """How many changes something makes under a folder; it is done in a fork, from beginning to end."""
    return _in_a_fork(work, 0, folder)[1]


def _in_a_fork(work: Callable[[], object], moment: int, folder: Path) -> tuple[bool, int]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _die_before(moment, folder, writer)
            work()
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        seen = len(told.read())
    status = os.waitpid(child, 0)[1]
    stopped = os.WIFSIGNALED(status)
    assert stopped or os.waitstatus_to_exitcode(status) == 0, f"an error where it was to be killed at {moment}"
    return stopped, seen


def _die_before(moment: int, folder: Path, writer: int) -> None:
    seen = 0

    def count() -> None:
        nonlocal seen
        seen += 1
        os.write(writer, b".")
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(name: str, arguments: tuple[object, ...]) -> None:
        writes = name == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (writes or name in _CHANGES) and str(folder) in str(arguments[0]):
            count()

    sys.addaudithook(hook)  # SQLite opens and writes its files itself, so that its statements are counted instead
    event.listen(
        Engine, "before_cursor_execute", lambda *given: None if given[2].lstrip().startswith(_LOOKS) else count()
    )
    event.listen(Engine, "commit", lambda _: count())
