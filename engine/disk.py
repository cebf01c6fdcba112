"""Files written whole or not at all, folders that change places in one step, and locks that a killed holder lets go."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

UNFINISHED = re.compile(r"\.tailscope-[0-9a-f]{16}\.new")
"""Names of files that are being written; one that stays was left by a kill."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What an error's `errno` is where there is no room."""

_EXCHANGE, _HERE = 2, -100  # RENAME_EXCHANGE, AT_FDCWD of Linux
_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A path to write a file to, of a name of its own beside `path`; it takes that place when the block ends well.

    Whoever reads `path` finds what was there before or all of what is new, whatever is killed, and whoever else writes
    it at the same time. What was written is on the disk before it takes its place.

    Raises:
        OSError: there is no room, or the folder cannot be written to; `path` is as it was.
    """
    beside = path.with_name(f".tailscope-{secrets.token_hex(8)}.new")
    try:
        with beside.open("xb"):
            mode = stat.S_IMODE(beside.stat().st_mode)  # as this process makes files
        yield beside
        if stat.S_IMODE(beside.stat().st_mode) != mode:
            beside.chmod(mode)  # safetensors makes files for their owner alone, whatever the umask
        flush(beside)
        os.replace(beside, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)  # on a full disk the room is needed
        if (os_error := _as_os_error(error, path)) is not None:
            raise os_error from error
        raise
    with contextlib.suppress(OSError):  # a file system that cannot flush a folder keeps it well enough
        flush(path.parent)


def _as_os_error(error: BaseException, path: Path) -> OSError | None:
    """What safetensors says of the disk in words of its own, as the error that it is."""
    if isinstance(error, OSError):
        return None
    found = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(found[1]), os.strerror(int(found[1])), str(path)) if found else None


def flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_text(path: Path, text: str) -> None:
    """Write a text atomically; see `atomic_write`.

    >>> engine.write_text(folder / "note.txt", "whole")
    >>> (folder / "note.txt").read_text()
    'whole'
    """
    with atomic_write(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all; see `atomic_write`.

    Raises:
        ValueError: a number in it is not finite.
    """
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False))


def exchange(left: Path, right: Path) -> bool:
    """Give two folders each other's names in one step; False where this system cannot, and nothing was done.

    Raises:
        OSError: it can, but not with these.
    """
    rename = getattr(_libc(), "renameat2", None)
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(left), _HERE, os.fsencode(right), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(left), None, str(right))


def _libc() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None, use_errno=True)
    except (OSError, TypeError):  # Windows
        return None


@contextmanager
def exclusive_lock(path: Path, patience: float = 0.0) -> Iterator[bool]:
    """Hold a lock file, which goes when the block ends; True if it could be had.

    A holder that is killed lets go by itself, whatever it leaves.

    Args:
        path: the lock file; its folder must be there.
        patience: seconds to wait for another holder.

    Raises:
        OSError: the file cannot be made.
    """
    lock = FileLock(path, timeout=patience, poll_interval=0.02, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)  # while it is held, so that nobody else's is taken away
        lock.release()
