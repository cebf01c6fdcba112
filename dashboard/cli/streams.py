"""Standard output and error as they come: of any encoding, closed early, full; and files that a command writes."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import typer

import engine

_PLAIN = {"–": "-", "—": "-", "−": "-", "…": "...", "±": "+/-", "≈": "~", "×": "x", "→": "->", "’": "'", "•": "*"}

_TOLD = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a disk or a stream may answer, and a person can mend."""


def _in_plain_signs(error: UnicodeError) -> tuple[str, int]:
    """What stands for signs that an encoding lacks: the like of it, else its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wanted = error.object[error.start : error.end]
    plain = "".join(_PLAIN.get(sign) or sign.encode("ascii", "backslashreplace").decode("ascii") for sign in wanted)
    return plain, error.end


codecs.register_error("tailscope", _in_plain_signs)


def prepare() -> None:
    """Let standard output and error take any text: one that is closed takes it in silence, one that is not UTF-8 in
    plain signs."""
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  for as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="tailscope")  # pyright: ignore[reportAttributeAccessIssue]


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream takes every sign."""
    return (stream.encoding or "").lower().replace("-", "").startswith("utf")


@contextmanager
def failures_reported() -> Iterator[None]:
    """Within this a command runs: what a disk or a stream refuses ends as a sentence, and a reader who left in silence.

    Raises:
        EngineError: something cannot be written.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _hush(sys.stdout)
        sys.exit(1)
    except OSError as error:
        if error.errno not in _TOLD:
            raise
        _hush(sys.stdout)
        reason = error.strerror or str(error)
        if error.filename is None:
            raise engine.EngineError(
                "The answer cannot be written to standard output ({reason}).", reason=reason
            ) from None
        raise engine.EngineError(
            "{path} cannot be written or read ({reason}); fix that, or choose another path.",
            path=error.filename,
            reason=reason,
        ) from error


def _hush(stream: TextIO) -> None:
    """Send what is still to be written nowhere, so that the end of the process does not complain of it again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def check_output(option: str, path: Path, is_ours: Callable[[Path], bool], kind: str, overwrite: bool) -> None:
    """Return if a command may write a file there, before any work is done for it.

    Args:
        option: that names it.
        path: the file.
        is_ours: whether a file that is there is one that this command wrote; nothing else is ever replaced.
        kind: what it then is, for people.
        overwrite: whether it may be replaced without `--overwrite`.
    """
    if path.is_dir():
        raise typer.BadParameter(f"{option} {path} is a folder; name a file in it.")
    if os.path.lexists(path):
        if not (path.is_file() and is_ours(path)):
            raise typer.BadParameter(f"{option} {path} is there already and is no {kind}; choose another name.")
        if not overwrite:
            raise typer.BadParameter(f"{option} {path} is there already; choose another name, or pass --overwrite.")
    elif not path.absolute().parent.is_dir():
        raise engine.EngineError(
            "{path} cannot be written (No such file or directory); make {folder} first.", path=path, folder=path.parent
        )


def write_output(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        EngineError: it cannot be written.
    """
    try:
        engine.write_text(path, text)
    except OSError as error:
        raise engine.EngineError(
            "{path} cannot be written ({reason}); choose another --output, or make room.",
            path=path,
            reason=error.strerror or str(error),
        ) from error
