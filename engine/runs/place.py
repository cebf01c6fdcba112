"""The place of a run: names, proof that a folder is ours, replacement in one step, locks.

A training works in a hidden folder, `.NAME.training`. When everything is written, the folder is marked as whole and
renamed to the run's name; a run that it replaces is exchanged with it. `settle` finishes whatever a kill leaves in
between: a run is missing at most until the next access.

Only folders that prove to be ours are replaced or deleted: they hold our files and no others.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import disk
from engine.errors import Message, RunError
from engine.runs.folder import CHECKPOINTS, CONFIG, OWN_FILES, OWN_FOLDERS, PROOF, RUN_NAME, check_name, read_json

WHOLE = "whole"
"""A mark in a folder in which everything is written, until it is in its place and cleaned up."""

_JUNK = (".DS_Store", "Thumbs.db", "desktop.ini")  # files of file managers, which are nobody's work
_MOST_NAMED = 3


def working_folder(name: str, runs_dir: Path) -> Path:
    """The working folder of a training of that name."""
    return runs_dir / f".{check_name(name)}.training"


def _aside(name: str, runs_dir: Path) -> Path:
    """The temporary place of a replaced run, on systems that cannot exchange two folders in one step."""
    return runs_dir / f".{name}.replaced"


def foreign_entries(folder: Path) -> list[str]:
    """Names of entries that no run has: other files, links, and what is neither file nor folder."""
    found: list[str] = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        own = _is_own_file(entry) or (entry.name in OWN_FOLDERS and entry.is_dir(follow_symlinks=False))
        if not own:
            found.append(entry.name)
        elif entry.is_dir(follow_symlinks=False):
            inside = OWN_FOLDERS[entry.name]
            found += [
                f"{entry.name}/{one.name}" for one in os.scandir(entry) if not (one.name in inside and _is_file(one))
            ]
    return found


def _is_file(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False)


def _is_own_file(entry: os.DirEntry[str]) -> bool:
    name = entry.name.removesuffix(".new")  # version 0.1's name for a file being written
    known = name in OWN_FILES or name in (WHOLE, "lock", *_JUNK) or disk.UNFINISHED.fullmatch(entry.name)
    return bool(known) and _is_file(entry)


def reason_not_a_run(folder: Path) -> Message | None:
    """Why a folder is not a run, and must not be replaced; None if it is one.

    A run holds its settings and results, as written by this program, and nothing else.
    """
    if folder.is_symlink():
        return Message("it is a link")
    if not folder.is_dir():
        return Message("it is no folder")
    missing = [name for name in PROOF if not (folder / name).is_file()]
    if missing:
        return Message("it has no {names}", {"names": ", ".join(missing[:_MOST_NAMED])})
    try:
        about = read_json(folder / CONFIG)
    except RunError as error:
        return error.message
    if not isinstance(about.get("format_version"), int) or not isinstance(about.get("fingerprint"), str):
        return Message("its {name} is not that of a run", {"name": CONFIG})
    if found := foreign_entries(folder):
        return _holds(found)
    return None


def _holds(found: list[str]) -> Message:
    more = " …" if len(found) > _MOST_NAMED else ""
    return Message("it holds {names}, which no run does", {"names": ", ".join(found[:_MOST_NAMED]) + more})


def check_free(name: str, runs_dir: Path, overwrite: bool) -> None:
    """Return if a run may take this name.

    Raises:
        RunError: something of that name exists and must not be replaced.

    >>> engine.check_free("tiny", runs, overwrite=True)
    >>> engine.check_free("tiny", runs, overwrite=False)
    Traceback (most recent call last):
        ...
    engine.errors.RunError: ...runs/tiny is there already; choose another --name, or pass --overwrite ...
    """
    place = runs_dir / check_name(name)
    if not os.path.lexists(place):
        return
    if (reason := reason_not_a_run(place)) is not None:
        raise RunError(
            "{place} is there already and is no run ({reason}), so that nothing replaces it; choose another --name.",
            place=place,
            reason=reason,
        )
    if not overwrite:
        raise RunError(
            "{place} is there already; choose another --name, or pass --overwrite to replace it.", place=place
        )


def empty(folder: Path) -> None:
    """Delete what a training wrote in its working folder.

    Raises:
        RunError: the folder also holds something else; nothing is deleted.
    """
    if folder.is_symlink() or not folder.is_dir():
        if os.path.lexists(folder):
            raise RunError(
                "{folder} is in the way, where a training would work, and is no folder; move it.", folder=folder
            )
        return
    if found := foreign_entries(folder):
        raise RunError(
            "{folder} is in the way, where a training would work: {reason}. Move it, or choose another --name.",
            folder=folder,
            reason=_holds(found),
        )
    for name in sorted(
        os.listdir(folder), key=lambda name: name == CONFIG
    ):  # what proves that it is ours is deleted last
        if name in OWN_FOLDERS:
            shutil.rmtree(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Delete a hidden folder of ours with its content.

    Raises:
        RunError: it also holds something else; nothing is deleted.
    """
    empty(folder)
    if folder.is_dir():
        folder.rmdir()


def put_in_place(working: Path, name: str, runs_dir: Path, overwrite: bool) -> Path:
    """Rename a finished working folder in one step; its lock must be held.

    Raises:
        RunError: something of that name appeared meanwhile and must not be replaced; all work stays where it is.
    """
    place = runs_dir / name
    _mark(working)
    try:
        check_free(name, runs_dir, overwrite)
        if not place.is_dir():
            os.rename(working, place)
        else:
            _exchange(working, place, name)
    except (RunError, FileExistsError, NotADirectoryError) as error:
        raise _waits(working, place, name, error) from error
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        raise _waits(working, place, name, error) from error
    settle(name, runs_dir)
    return place


def _waits(working: Path, place: Path, name: str, error: Exception) -> RunError:
    reason = error.message if isinstance(error, RunError) else str(error)
    return RunError(
        "{place} appeared while {name!r} was trained: {reason} The new run is whole and waits in {working}; once the "
        "name is free, `tailscope train --resume {name}` puts it in its place, and with --overwrite in that of a run.",
        place=place,
        name=name,
        reason=reason,
        working=working,
    )


def _mark(working: Path) -> None:
    """Mark that everything is written, once it is on disk."""
    if is_whole(working):
        return
    for folder, _, names in os.walk(working):
        for path in (Path(folder, name) for name in names):
            if path.name.endswith(".new"):  # a kill left it half written
                path.unlink()
            else:
                disk.flush(path)
    disk.write_text(working / WHOLE, "")


def is_whole(folder: Path) -> bool:
    """Whether everything is written in a folder that waits to be renamed."""
    return (folder / WHOLE).is_file() and (folder / CONFIG).is_file()


def _exchange(working: Path, place: Path, name: str) -> None:
    """Put a finished run in the place of another, which stays visible until then."""
    if disk.exchange(working, place):
        return
    aside = _aside(name, working.parent)
    remove(aside)
    os.rename(place, aside)  # a kill after this leaves no run of that name until `settle`
    os.rename(working, place)


def settle(name: str, runs_dir: Path) -> None:
    """Finish a replacement that a kill interrupted; the name's lock must be held.

    Raises:
        RunError: a hidden folder holds something that is not ours.
    """
    place, working, aside = runs_dir / name, working_folder(name, runs_dir), _aside(name, runs_dir)
    if not os.path.lexists(place) and aside.is_dir():
        os.rename(working if is_whole(working) else aside, place)
    if is_whole(place):  # first the replaced run is deleted, then what only a training needs, last the mark
        if working.is_dir() and not is_whole(working):
            remove(working)
        for leftover in (*CHECKPOINTS, "lock"):
            (place / leftover).unlink(missing_ok=True)
        (place / WHOLE).unlink(missing_ok=True)
    if aside.is_dir() and place.is_dir():
        with contextlib.suppress(RunError):  # it holds files of somebody else
            remove(aside)


def interrupted_replacements(runs_dir: Path) -> list[str]:
    """Names of runs that are missing because a kill interrupted their replacement."""
    found = (path.name[1 : -len(".replaced")] for path in runs_dir.glob(".*.replaced") if path.is_dir())
    return [name for name in found if not os.path.lexists(runs_dir / name)]


def settle_all(runs_dir: Path) -> None:
    """Restore runs that are missing because of a kill, if the folder is writable."""
    for name in interrupted_replacements(runs_dir):
        settle_quietly(name, runs_dir)


def settle_quietly(name: str, runs_dir: Path) -> None:
    """`settle` one name, if nobody else holds it and the folder is writable."""
    if RUN_NAME.fullmatch(name) and runs_dir.is_dir():
        with contextlib.suppress(RunError, OSError), lock_name(name, runs_dir):
            settle(name, runs_dir)


@contextmanager
def lock_name(name: str, runs_dir: Path) -> Iterator[Path]:
    """Lock a name for one training; gives its working folder.

    Raises:
        RunError: another process is training this run, or the folder cannot be created.
    """
    check_name(name)
    make_folder(runs_dir)
    with disk.exclusive_lock(runs_dir / f".{name}.lock") as mine:
        if not mine:
            raise RunError(
                "Another process is training {name!r} right now; wait for it, or choose another --name.", name=name
            )
        yield working_folder(name, runs_dir)


def make_folder(folder: Path) -> None:
    """Create a folder for runs, unless it exists.

    Raises:
        RunError: it cannot be created, or something else has that name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise RunError(
            "{folder} is no folder, so that no run can be kept in it; name another --runs.", folder=folder
        ) from None
    except OSError as error:
        raise RunError(
            "The folder {folder} cannot be made ({reason}); name another --runs, or make it yourself.",
            folder=folder,
            reason=error.strerror or str(error),
        ) from error


def require_writable(folder: Path) -> None:
    """Return if runs can be kept in a folder, as far as can be checked without writing.

    Raises:
        RunError: they cannot.
    """
    there = folder.absolute()
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise RunError("{folder} is no folder, so that no run can be kept in it; name another --runs.", folder=there)
    if not os.access(there, os.W_OK | os.X_OK):
        raise RunError("{folder} cannot be written to; make it writable, or name another --runs.", folder=there)


@contextmanager
def lock(folder: Path, name: str, instead: str = "choose other settings") -> Iterator[None]:
    """Lock a hidden working folder, created if necessary; the lock of a killed process is released by itself.

    Args:
        folder: the folder.
        name: of the work, for messages.
        instead: what the user can do instead of waiting.

    Raises:
        RunError: another process does the same work, or the folder cannot be created.
    """
    make_folder(folder)
    with disk.exclusive_lock(folder / "lock") as mine:
        if not mine:
            raise RunError(
                "Another process is at {name} right now; wait for it, or {instead}.", name=name, instead=instead
            )
        sweep(folder)
        yield


def sweep(folder: Path) -> None:
    """Delete half-written files of a kill in a hidden folder whose lock is held."""
    for path in folder.iterdir():
        if disk.UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink()


@contextmanager
def room_on_disk(working: Path, name: str | None = None) -> Iterator[None]:
    """Within this, a full or read-only disk raises a RunError that says how to go on.

    Args:
        working: the hidden working folder.
        name: of the run that is trained there; None for work that the same command resumes.

    Raises:
        RunError: the disk is full, or cannot be written to.
    """
    try:
        yield
    except OSError as error:
        runs_dir = working.parent
        way: dict[str, object] = {
            "way": _way_on(working, name),
            "folder": working,
            "reason": error.strerror or str(error),
        }
        if error.errno in disk.NO_ROOM:
            free = shutil.disk_usage(runs_dir if runs_dir.is_dir() else Path()).free
            raise RunError(
                "There is no room to write in {folder} ({reason}; {free:,.1f} MB free there). What was written whole "
                "is kept; make room, then {way}.",
                free=free / 1e6,
                **way,
            ) from error
        if not _is_within(error.filename, runs_dir):
            raise
        raise RunError(
            "{folder} cannot be written to ({reason}). What was written whole is kept; make it writable or name "
            "another --runs, then {way}.",
            **way,
        ) from error


def _way_on(working: Path, name: str | None) -> Message:
    if name is None:
        return Message("the same command goes on where it was")
    if (working / CONFIG).is_file():
        return Message("`tailscope train --resume {name}` goes on where it was", {"name": name})
    return Message("the same command begins again")


def _is_within(path: object, folder: Path) -> bool:
    """Whether an error is about a file under a folder."""
    if not isinstance(path, str | os.PathLike):
        return False
    return folder.absolute() in (Path(path).absolute(), *Path(path).absolute().parents)
