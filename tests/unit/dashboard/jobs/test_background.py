"""Work beside the pages: it is done or says what stopped it, however its thread ends, and is begun once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import engine
from dashboard.cache import explain as explain_cache, faithfulness as faithfulness_cache, runs as run_cache
from dashboard.jobs import background
from dashboard.jobs.background import Work
from dashboard.ui import unexpected
from engine import EngineError, Progress
from tests.conftest import TINY_RUN


def ended(work: Work[int]) -> None:
    assert work.thread is not None
    work.thread.join(10)
    assert not work.goes_on


@pytest.mark.parametrize("error", [MemoryError("planted"), ZeroDivisionError("planted"), EngineError("It says why.")])
def test_whatever_ends_the_thread_is_told(
    error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unexpected.log, "propagate", True)
    work = Work[int]()

    def fail(tell: object) -> int:
        raise error

    work.begin("planted work", fail)
    ended(work)
    foreseen = isinstance(error, EngineError)
    assert work.found is None
    assert (work.trouble() == "It says why.") is foreseen
    assert ("planted work ended" in caplog.text) is not foreseen
    if not foreseen:
        assert type(error).__name__ in (work.trouble() or "")
        assert unexpected.LOG in (work.trouble() or "")


def test_work_is_begun_once_and_again_only_after_what_may_have_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = [], threading.Event()
    work = Work[int]()

    def find(tell: object) -> int:
        begun.append(1)
        assert go_on.wait(10)
        if len(begun) == 1:
            raise MemoryError
        return 7

    for _time in range(3):
        work.begin("work", find)
    assert not work.may_begin
    go_on.set()
    ended(work)
    assert len(begun) == 1
    assert not work.may_begin  # not at once
    monkeypatch.setattr(background, "TRY_AGAIN_AFTER", -1.0)
    assert work.may_begin
    work.begin("work", find)
    ended(work)
    assert (work.found, work.error, len(begun)) == (7, None, 2)
    assert not work.may_begin
    work.begin("work", find)
    assert len(begun) == 2


def test_the_share_done_is_told() -> None:
    work, progress = Work[int](), Progress("explaining", 0.25, "A quarter is done.")

    def find(tell: object) -> int:
        assert callable(tell)
        tell(progress)
        return 1

    work.begin("work", find)
    ended(work)
    assert work.done == 0.25


@pytest.mark.parametrize("part", ["faithfulness_of", "explain_users"])
def test_pages_do_not_wait_for_work_that_died(part: str, tiny_run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_given: object, **_options: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(engine, part, die)
    monkeypatch.setattr(engine, "kept_faithfulness", lambda run: None)
    monkeypatch.setattr(engine, "kept_explained_users", lambda run: None)
    monkeypatch.setattr(run_cache, "WARM_UP_DELAY", 3600.0)
    key = (str(tiny_run_dir), TINY_RUN, -1.0)  # of nobody else
    if part == "faithfulness_of":
        faithfulness_cache.measure(key)
        work = faithfulness_cache.faithfulness(key)
    else:
        work = explain_cache.many_users(key)
    assert work.thread is not None
    work.thread.join(10)
    assert "ZeroDivisionError" in (work.trouble() or "")
