"""A pipe can be read only once: it is copied to a file, which can be read as often as a reader needs."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import DataError, EngineError, Message
from engine.progress import OnProgress, Progress, ignore

CHUNK = 1 << 20


@contextmanager
def on_disk(path: Path, on_progress: OnProgress = ignore) -> Iterator[Path]:
    """The path itself or, if it is a pipe, a temporary copy of what it delivers.

    Errors raised inside name the given path, not the copy.

    Args:
        path: as given: a file, a folder, a pipe such as `<(zcat log.gz)` or `/dev/stdin`.
        on_progress: called with how much was read from a pipe.

    Raises:
        DataError: the path is a device.
    """
    if not _is_pipe(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="tailscope-") as folder:
        copy = Path(folder) / ("stdin" if path.name in ("0", "stdin") else "pipe")
        _copy(path, copy, on_progress)
        try:
            yield copy
        except EngineError as error:
            raise type(error)(_renamed(error.message, copy, path)) from None


def _is_pipe(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False  # the reader says what is wrong
    if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
        raise DataError("{path} is a device; give a file, a folder or a pipe.", path=path)
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _copy(pipe: Path, copy: Path, on_progress: OnProgress) -> None:
    size = 0
    with pipe.open("rb") as source, copy.open("wb") as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)
            size += len(chunk)
            on_progress(Progress("read", 0.0, f"{size / 1e6:,.0f} MB came out of {pipe}"))


def _renamed(message: Message, old: Path, new: Path) -> Message:
    """The message with another path in it."""

    def other(value: object) -> object:
        if isinstance(value, Message):
            return _renamed(value, old, new)
        return str(value).replace(str(old), str(new)) if str(old) in str(value) else value

    template = message.template.replace(str(old), str(new))
    return Message(template, {key: other(value) for key, value in message.values.items()})
