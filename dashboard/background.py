"""Work that goes on beside the pages, for all sessions."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Found = TypeVar("Found")


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
    error: str | None = None
    found: Found | None = field(default=None, repr=False)
