"""A run over a large catalogue is diagnosed by another process, so that pages are answered meanwhile."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import engine
from dashboard.cache import runs as run_cache
from dashboard.jobs.diagnose import diagnose_aside
from dashboard.ui import unexpected
from tests.conftest import TINY_RUN


@pytest.fixture
def runs_dir(tiny_run_dir: Path, tmp_path: Path) -> Path:
    """A runs directory whose run nobody has diagnosed yet."""
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / TINY_RUN, ignore=shutil.ignore_patterns("diagnosis.json"))
    return tmp_path


def test_another_process_keeps_what_it_found_in_the_run_folder(runs_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, runs_dir)
    assert not engine.is_diagnosed(run)
    diagnose_aside(str(runs_dir), TINY_RUN, "hr@10")
    assert engine.is_diagnosed(run)
    assert engine.diagnose_run(run, "hr@10").metric == "hr@10"


@pytest.mark.parametrize(("few", "aside"), [(10, True), (1_000, False)])
def test_only_large_catalogues_are_sent_there_and_only_once(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, few: int, aside: bool
) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(run_cache, "WARM_UP_DELAY", 3600.0)
    monkeypatch.setattr(run_cache, "FEW_ITEMS", few)
    monkeypatch.setattr(run_cache, "diagnose_aside", lambda *key: asked.append(key))
    monkeypatch.setenv("TAILSCOPE_RUNS", str(runs_dir))
    key = run_cache.run_key(TINY_RUN)
    assert key is not None
    assert run_cache.diagnosis(key, "ndcg@10").metric == "ndcg@10"  # which does not count on the other process
    assert asked == ([(str(runs_dir), TINY_RUN, "ndcg@10")] if aside else [])
    assert run_cache.diagnosis(key, "hr@10").metric == "hr@10"
    assert len(asked) == int(aside)


def test_a_diagnosis_that_is_kept_waits_for_none_that_is_under_way(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_cache, "WARM_UP_DELAY", 3600.0)
    monkeypatch.setenv("TAILSCOPE_RUNS", str(runs_dir))
    shutil.copytree(runs_dir / TINY_RUN, runs_dir / "other")
    engine.diagnose_run(engine.load_run(TINY_RUN, runs_dir))
    kept, other = (str(runs_dir), TINY_RUN, 0.0), (str(runs_dir), "other", 0.0)
    begun, end = threading.Event(), threading.Event()
    whole = engine.diagnose_run

    def slow(run: engine.Run, metric: str = "ndcg@10") -> engine.Diagnosis:
        if run.name == "other":
            begun.set()
            assert end.wait(30)
        return whole(run, metric)

    monkeypatch.setattr(engine, "diagnose_run", slow)
    with ThreadPoolExecutor(2) as pool:
        waited_for = pool.submit(run_cache._diagnose, other)
        try:
            assert begun.wait(30)
            assert pool.submit(run_cache._diagnose, kept).result(timeout=10).metric == "ndcg@10"
            assert run_cache._diagnoses[other].locked()  # but two that ask for the same wait for one another
        finally:
            end.set()
        assert waited_for.result(timeout=60).metric == "ndcg@10"


def test_what_goes_wrong_in_the_other_process_is_written_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unexpected.log, "propagate", True)
    diagnose_aside(str(tmp_path), "gone", "ndcg@10")
    assert "Diagnosis of gone ended with 1" in caplog.text
    assert "RunError" in caplog.text
