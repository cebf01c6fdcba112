"""What nobody foresaw: written to a file beside the runs and to standard error, and said on the page in calm words."""

from __future__ import annotations

import logging
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path

import streamlit as st

from dashboard.text import unexpected as unexpected_text

LOG = "dashboard.log"
"""The file's name, in the folder of runs."""

MOST_BYTES = 1_000_000
"""Of the file; one older file as large is kept beside it."""

log = logging.getLogger("tailscope")

LOGGERS = ("streamlit.error_util", "uvicorn.error", "asyncio")
"""Who tells of mishaps beside ourselves: Streamlit of pages, the web server of requests, the loop of its tasks."""

_FORM = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


class _Beside(RotatingFileHandler):
    """A file that is made when there is something to write; where it cannot be, standard error has it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8", delay=True)
        self.setFormatter(_FORM)
        self.setLevel(logging.ERROR)

    def handleError(self, record: logging.LogRecord) -> None:
        """The folder of runs is not there or may not be written to: no reason to end what goes on."""


def keep_log(runs: Path) -> None:
    """Write mishaps beside the runs from now on; called again, it mends what others have taken away.

    Streamlit says on standard error what went wrong in a page; threads of ours and those of others end there too.
    """
    path = runs.resolve() / LOG
    for name in (*LOGGERS, log.name):
        logger = logging.getLogger(name)
        for old in [handler for handler in logger.handlers if isinstance(handler, _Beside)]:
            logger.removeHandler(old)
            old.close()
        logger.addHandler(_Beside(path))
    if not any(type(handler) is logging.StreamHandler for handler in log.handlers):
        aloud = logging.StreamHandler()
        aloud.setFormatter(_FORM)
        log.addHandler(aloud)
    log.propagate = False
    threading.excepthook = _thread_ended


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is SystemExit or ended.exc_value is None:
        return
    name = ended.thread.name if ended.thread is not None else "?"
    log.error("Thread %s ended", name, exc_info=(ended.exc_type, ended.exc_value, ended.exc_traceback))


def show(error: Exception) -> bool:
    """Say on the page that it broke; Streamlit, which calls this, then says nothing of its own."""
    st.error(unexpected_text.broke(error, LOG).replace("_", r"\_"), icon=":material/report:")
    return True
