"""Work that goes on beside the pages, for all sessions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dashboard.text import i18n, unexpected as unexpected_text
from dashboard.ui import unexpected
from engine import EngineError, Progress

Found = TypeVar("Found")

TRY_AGAIN_AFTER = 60.0
"""Seconds after which what failed may be begun anew; sooner, every look of every session would begin it."""


@dataclass
class Work(Generic[Found]):
    """Where a piece of work stands, as its thread tells.

    Attributes:
        thread: that does it; None until it is begun.
        done: share, between 0 and 1.
        error: what stopped it; None while it goes on, and when it is done.
        found: the answer; None until it is there.
    """

    thread: threading.Thread | None = None
    done: float = 0.0
    error: Exception | None = None
    found: Found | None = field(default=None, repr=False)
    _failed_at: float = field(default=0.0, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def goes_on(self) -> bool:
        """Whether its thread is at it."""
        return self.thread is not None and self.thread.is_alive()

    @property
    def may_begin(self) -> bool:
        """Whether it is neither done nor under way, nor failed a moment ago, nor for a reason that stays."""
        if self.found is not None or self.goes_on or isinstance(self.error, EngineError):
            return False
        return self.error is None or time.monotonic() - self._failed_at > TRY_AGAIN_AFTER

    def trouble(self) -> str | None:
        """What stopped it, in the reader's language; None where nothing did."""
        if self.error is None:
            return None
        return (
            i18n.translate(self.error)
            if isinstance(self.error, EngineError)
            else unexpected_text.broke(self.error, unexpected.LOG)
        )

    def begin(self, name: str, find: Callable[[Callable[[Progress], None]], Found]) -> None:
        """Do it in a thread of its own, unless that is under way.

        However the thread ends, the work is found or says what stopped it: pages wait for one of the two.

        Args:
            name: of the thread, for who reads what was written down.
            find: does the work; is handed what to report its progress to.
        """

        def report(progress: Progress) -> None:
            self.done = progress.done

        def work() -> None:
            try:
                self.found = find(report)
            except EngineError as error:
                self._fail(error)
            except Exception as error:  # noqa: BLE001 - whatever it is, pages must not wait for ever
                unexpected.log.exception("%s ended", name)
                self._fail(error)

        with self._lock:
            if self.goes_on or self.found is not None:
                return
            self.error, self.done = None, 0.0
            self.thread = threading.Thread(target=work, name=name, daemon=True)
            self.thread.start()

    def _fail(self, error: Exception) -> None:
        self._failed_at = time.monotonic()
        self.error = error.with_traceback(None)  # which would hold on to all that the work had at hand
