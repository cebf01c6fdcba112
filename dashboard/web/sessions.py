"""Ends the sessions of readers who are gone, so that the system's room for open files lasts for those who are there."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dashboard.ui import unexpected
from dashboard.web import open_files

KEEP_SECONDS = 30.0
"""For which a session outlives its connection: a reader whose network failed for a moment finds what they chose."""

LOOK_EVERY = 5.0


class Keeper:
    """Closes sessions that have been without a connection for a while.

    Streamlit forgets such sessions, but does not close them, and forgets none while nobody comes: when files run out
    nobody can, and it stays so.

    Args:
        runtime: Streamlit's.
        files: how many files may be open; None for any number.
    """

    def __init__(self, runtime: Any, files: int | None = None) -> None:
        self.runtime = runtime
        self.files = files
        self._left: dict[str, float] = {}
        self._short = False

    def look(self, now: float, files_open: int | None) -> list[str]:
        """Close who has been gone for long enough, or who is gone at all where room is short.

        Args:
            now: seconds on a clock that does not go back.
            files_open: how many files are.

        Returns:
            The sessions that were closed.
        """
        gone = [stored.session.id for stored in self.runtime._session_mgr._session_storage.list()]
        self._left = {session: self._left.get(session, now) for session in gone}
        short = self.files is not None and files_open is not None and files_open > 0.7 * self.files
        if short and not self._short:
            unexpected.log.error(
                "%s of %s files are open: there is room for few more readers. Serve with a higher limit (ulimit -n).",
                files_open,
                self.files,
            )
        self._short = short
        closed = [session for session, since in self._left.items() if short or now - since >= KEEP_SECONDS]
        for session in closed:
            self.runtime.close_session(session)
            del self._left[session]
        return closed

    async def keep(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.look_safely()

    def look_safely(self) -> None:
        """Look now; whatever goes wrong is written down, since to go on serving matters more."""
        try:
            self.look(time.monotonic(), open_files.count())
        except Exception:  # noqa: BLE001 - written down
            unexpected.log.exception("Sessions could not be looked after")


_keeper: list[Keeper] = []
"""The one of this server, while it runs."""


def make_room() -> None:
    """Somebody comes: look now, since a crowd would not wait."""
    for keeper in _keeper:
        keeper.look_safely()


@asynccontextmanager
async def tended(_app: object) -> AsyncIterator[None]:
    """Sessions are looked after, and mishaps written down, as long as the server runs."""
    from streamlit import runtime

    unexpected.keep_log(
        Path(os.environ.get("TAILSCOPE_RUNS") or "runs")
    )  # the web server set up its own logs meanwhile
    keeper = Keeper(runtime.get_instance(), open_files.raise_limit())
    task = asyncio.create_task(keeper.keep())
    _keeper[:] = [keeper]
    try:
        yield
    finally:
        _keeper.clear()
        task.cancel()
