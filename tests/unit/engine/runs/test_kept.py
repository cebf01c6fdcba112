"""What is kept with a run: there and back, never stale, never half, and what version 0.1 kept is read on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import engine
from engine.runs.kept import Kept, finite, settings_of
from tests.conftest import TINY_RUN

KEPT: Kept[dict[str, Any]] = Kept("figures.json", 3, lambda found: found, lambda kept: {"value": kept["value"]})


@pytest.fixture
def run(tiny_run_dir: Path, tmp_path: Path) -> engine.Run:
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / TINY_RUN)
    return engine.load_run(TINY_RUN, tmp_path)


def test_what_is_saved_is_read_for_the_same_values_alone(run: engine.Run) -> None:
    assert KEPT.load(run, users=5) is None
    assert KEPT.save(run, {"value": 1.5}, users=5) == {"value": 1.5}
    assert KEPT.load(run, users=5) == {"value": 1.5}
    assert KEPT.load(run, users=6) is None
    assert KEPT.load(run) is None
    assert KEPT.asked(run)["users"] == 5
    newer = Kept("figures.json", 4, KEPT.to_dict, KEPT.from_dict)
    assert newer.load(run, users=5) is None
    assert [p.name for p in run.path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"depends_on": 3, "found": {}}', '{"work": []}', '{"found": {"value": 1}}']
)
def test_what_cannot_be_read_is_as_nothing(run: engine.Run, text: str) -> None:
    (run.path / KEPT.file).write_text(text, encoding="utf-8")
    assert KEPT.load(run, users=5) is None
    KEPT.save(run, {"value": 2}, users=5)
    assert KEPT.load(run, users=5) == {"value": 2}


@pytest.mark.parametrize("form", ["work and found", "beside the result"])
def test_what_version_0_1_kept_is_read_on(run: engine.Run, form: str) -> None:
    work = {"version": 3, "created": run.created, "users": 5}
    kept = {"work": work, "found": {"value": 7}} if form == "work and found" else {**work, "value": 7}
    (run.path / KEPT.file).write_text(json.dumps(kept), encoding="utf-8")
    assert KEPT.load(run, users=5) == {"value": 7}
    assert KEPT.load(run, users=6) is None


def test_a_number_that_is_none_or_has_no_end_is_kept_as_none(run: engine.Run) -> None:
    KEPT.save(run, {"value": [float("nan"), float("inf"), 1.0]}, users=5)
    text = (run.path / KEPT.file).read_text(encoding="utf-8")
    assert "NaN" not in text
    assert "Infinity" not in text
    assert KEPT.load(run, users=5) == {"value": [None, None, 1.0]}
    assert finite({"a": (float("-inf"), {"b": float("nan")}), "c": True}) == {"a": [None, {"b": None}], "c": True}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_only_be_read_still_gives_the_answer(run: engine.Run) -> None:
    run.path.chmod(0o500)
    try:
        assert KEPT.save(run, {"value": 1}, users=5) == {"value": 1}
    finally:
        run.path.chmod(0o700)
    assert KEPT.load(run, users=5) is None


def test_a_full_disk_still_gives_the_answer_and_leaves_what_was(
    run: engine.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    KEPT.save(run, {"value": 1}, users=5)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.disk.flush", full)
    assert KEPT.save(run, {"value": 2}, users=5) == {"value": 2}
    assert KEPT.load(run, users=5) == {"value": 1}


@pytest.mark.slow
def test_of_changes_made_at_once_by_processes_none_is_lost(run: engine.Run) -> None:
    code = textwrap.dedent(
        """
        import sys
        import engine
        from engine.runs.kept import Kept
        kept = Kept("many.json", 1, dict, dict)
        run = engine.load_run(sys.argv[1], sys.argv[2])
        for n in range(10):
            kept.update(run, lambda held, n=n: {**(held or {}), f"{sys.argv[3]}-{n}": n})
        """
    )
    command = [sys.executable, "-c", code, TINY_RUN, str(run.path.parent)]
    started = [subprocess.Popen([*command, str(who)]) for who in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    many: Kept[dict[str, int]] = Kept("many.json", 1, dict, dict)
    assert len(many.load(run) or {}) == 30


def test_settings_are_plain_values(run: engine.Run) -> None:
    assert json.loads(json.dumps(settings_of(run))) == settings_of(run)
