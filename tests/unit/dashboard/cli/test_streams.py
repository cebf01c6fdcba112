"""Output that is full, closed early or of an odd encoding, folders that cannot be written: a sentence, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import engine
from dashboard.cli import output, streams
from engine import disk
from tests.conftest import TINY_RUN
from tests.unit.dashboard.conftest import Tailscope

ROOT = Path(__file__).resolve().parents[4]

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")


def command(words: str, runs: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line for the shell in which `tailscope` is the real command."""
    return subprocess.run(
        ["bash", "-c", f'tailscope() {{ "{sys.executable}" -m dashboard.cli "$@"; }}; set -o pipefail; {words}'],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TAILSCOPE_RUNS": str(runs), **environment},
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "words",
    [
        "tailscope --help >/dev/full",
        "tailscope --version >/dev/full",
        "tailscope config >/dev/full",
        "tailscope config --json >/dev/full",
        "tailscope runs --json >/dev/full",
    ],
)
def test_a_full_disk_under_the_answer_is_told(words: str, tiny_run_dir: Path):
    done = command(words, tiny_run_dir)
    assert done.returncode == 1
    assert "cannot be written to standard output (No space left on device)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "tailscope --help | true",
        "tailscope config | head -n 1",
        "tailscope config --json | true",
        "tailscope nonsense 2>&1 | true",
        "tailscope config >&-",
        "tailscope config 2>&-",
        "tailscope runs --json 2>/dev/full",
        "tailscope evaluate nonsense 2>/dev/full",
    ],
)
def test_who_stops_reading_gets_no_traceback(words: str, tiny_run_dir: Path):
    done = command(words, tiny_run_dir)
    assert done.returncode in (0, 1, 2)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    "words", ["tailscope --help", "tailscope train --help", "tailscope config", "tailscope nonsense"]
)
def test_a_terminal_that_is_not_utf_8_is_written_to_in_plain_signs(words: str, tiny_run_dir: Path):
    done = command(words, tiny_run_dir, PYTHONIOENCODING="ascii", LC_ALL="C", LANG="C")
    assert done.returncode == (2 if "nonsense" in words else 0), done.stderr
    assert (done.stdout + done.stderr).isascii()
    assert "Traceback" not in done.stderr


class TestInProcess:
    def test_json_for_another_encoding_is_json_still(self):
        text = output.to_json({"user": "商店 – 1"}, ascii_only=True)
        assert text.isascii()
        assert json.loads(text) == {"user": "商店 – 1"}

    def test_signs_that_an_encoding_lacks_become_the_like_of_them(self):
        assert "a – b ± 1 … 商".encode("ascii", "tailscope") == rb"a - b +/- 1 ... \u5546"
        assert "\udcff".encode("utf-8", "tailscope") == rb"\udcff"

    @pytest.mark.parametrize("words", [("runs",), ("train", "log.csv"), ("evaluate", "x"), ("serve",)])
    def test_runs_that_is_a_file(self, words: tuple[str, ...], tailscope: Tailscope, tmp_path: Path):
        (tmp_path / "file").write_text("mine")
        done = tailscope(*words, "--runs", tmp_path / "file")
        assert done.code == 2
        assert "is a file; name a folder" in " ".join(done.err.replace("│", " ").split())

    def test_runs_that_cannot_be_made(self, tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path):
        (tmp_path / "file").write_text("mine")
        done = tailscope("train", tiny_log_dir, "--runs", tmp_path / "file" / "runs")
        assert done.code == 1
        assert "is no folder" in done.err

    def test_a_folder_that_may_only_be_read_is_told_before_anything_is_read(
        self, tailscope: Tailscope, tiny_log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        access = os.access  # root may write anywhere
        monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and access(path, mode))
        done = tailscope("train", tiny_log_dir, "--runs", tmp_path)
        assert done.code == 1
        assert f"{tmp_path} cannot be written to" in done.err
        assert "reading" not in done.err

    def test_a_report_of_a_run_that_may_only_be_read(
        self, tailscope: Tailscope, tiny_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        real = disk.write_text

        def write(path: Path, text: str) -> None:
            if tiny_run_dir in path.parents:
                raise PermissionError(13, "Permission denied", str(path))
            real(path, text)

        monkeypatch.setattr(disk, "write_text", write)
        done = tailscope("report", TINY_RUN, "--output", tmp_path / "a.html", "--runs", tiny_run_dir)
        assert done.code == 0, done.err
        full = tailscope("report", TINY_RUN, "--output", "/dev/full", "--runs", tiny_run_dir)
        assert full.code == 2
        assert "is no report" in " ".join(full.err.replace("│", " ").split())

    def test_another_place_that_may_not_be_written_is_a_sentence(self):
        told = pytest.raises(engine.EngineError, match=r"/x/y cannot be written or read \(Permission denied\)")
        with told, streams.failures_reported():
            raise PermissionError(13, "Permission denied", "/x/y")

    def test_a_bug_stays_one(self):
        with pytest.raises(FileNotFoundError), streams.failures_reported():
            raise FileNotFoundError(2, "No such file or directory", "/x/y")
