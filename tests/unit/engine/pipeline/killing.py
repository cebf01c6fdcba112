"""Runs `tailscope` as often as asked and kills it (SIGKILL) just before its n-th change to the disk; see test_kill.py.

    python killing.py FOLDER MOMENT… -- ARGUMENTS

Each moment gets a folder of runs of its own, FOLDER/MOMENT. A moment is a number, or `count`, which kills nothing.
Prints one JSON object: moment -> {"changes": how many were reached, "killed": bool, "code": exit code or null}.

The command runs in a fork of this process, so that torch is imported once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pandera.pandas  # noqa: F401  like torch._dynamo, loaded by a training: once here, not in every fork
import torch._dynamo  # noqa: F401

import engine.pipeline.fitting
from dashboard.cli.main import main

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}


def watch(folder: str, moment: int | None, pipe: int) -> None:
    """Count this process's changes under a folder from now on, and die before the moment's."""
    seen = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event == "open":
            path, mode, flags = arguments
            change = (isinstance(mode, str) and mode[:1] in "wxa") or bool(
                isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
            )
        else:
            change, path = event in CHANGES, arguments[0] if arguments else ""
        if change and folder in str(path):
            seen += 1
            os.pwrite(pipe, f"{seen:8}".encode(), 0)
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def run(folder: Path, moment: str, arguments: list[str]) -> dict[str, object]:
    runs = folder / moment
    record = folder / f"{moment}.changes"
    record.write_text("0")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            pipe = os.open(record, os.O_WRONLY)
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            sys.argv = ["tailscope", *arguments, "--runs", str(runs)]
            watch(str(runs), None if moment == "count" else int(moment), pipe)
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return {
        "changes": int(record.read_text()),
        "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
        "code": None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
    }


if __name__ == "__main__":
    engine.pipeline.fitting.CHECKPOINT_SECONDS = 0.0  # a checkpoint after every epoch: more moments to die at
    cut = sys.argv.index("--")
    place, *moments = sys.argv[1:cut]
    print(json.dumps({moment: run(Path(place), moment, sys.argv[cut + 1 :]) for moment in moments}))
