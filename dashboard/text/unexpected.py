"""Calm words for what nobody foresaw."""

from __future__ import annotations

from dashboard.text.i18n import _


def broke(error: BaseException, file: str) -> str:
    """What a reader is told: that it is not their doing, and in which file the rest stands."""
    return _(
        "This could not be shown: something went wrong inside Tailscope ({kind}). It is written down in {file}, in the "
        "folder of runs. The other pages and what you chose are as they were; load the page again to try once more."
    ).format(kind=type(error).__name__, file=file)
