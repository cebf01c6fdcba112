"""What a run's network reads of items and of users besides who met whom."""

from __future__ import annotations

from engine.model.content.tables import Contents
from engine.model.network.content_storage import load_contents
from engine.runs.folder import CONTENTS
from engine.runs.store import Run


def contents_of(run: Run) -> Contents:
    """What is known of a run's items and users; None for those of which its network reads nothing.

    Raises:
        RunError: the file that says so is missing or damaged.
    """
    tables = run.dataset.item_table, run.dataset.user_table
    return load_contents(run.path / CONTENTS, run.recommender.network, *(list(table.columns) for table in tables))
