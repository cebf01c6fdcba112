"""Atomic writes of files, the exchange of two folders in one step, and locks that end with their process."""

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
"""Names of files that are being written; one that remains was left by a kill."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The `errno` of errors because of a full disk."""

_EXCHANGE, _HERE = 2, -100  # RENAME_EXCHANGE, AT_FDCWD of Linux
_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write a file to; it replaces `path` if the block ends without an error.

    A reader of `path` finds the old content or all of the new one, whatever is killed, and even if others write it at
    the same time. The new content is on the disk before it replaces the old one.

    Raises:
        OSError: the disk is full, or the folder cannot be written to; `path` is as it was.
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
            beside.unlink(missing_ok=True)  # on a full disk the space is needed
        if (os_error := _as_os_error(error, path)) is not None:
            raise os_error from error
        raise
    with contextlib.suppress(OSError):  # a file system that cannot flush a folder keeps it well enough
        flush(path.parent)


def _as_os_error(error: BaseException, path: Path) -> OSError | None:
    """The OSError behind an error of safetensors, which reports disk errors as text; None if there is none."""
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
    """Write JSON atomically; see `atomic_write`.

    Raises:
        ValueError: a number in it is not finite.
    """
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False))


def exchange(left: Path, right: Path) -> bool:
    """Exchange the names of two folders in one step; False if this system cannot, and then nothing was done.

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
