"""The content of items and users that a run's network uses."""

from __future__ import annotations

from engine.model.content.tables import Contents
from engine.model.network.content_storage import load_contents
from engine.runs.folder import CONTENTS
from engine.runs.store import Run


def contents_of(run: Run) -> Contents:
    """The content of a run's items and users; None where its network uses none.

    Raises:
        RunError: its file is missing or damaged.
    """
    tables = run.dataset.item_table, run.dataset.user_table
    return load_contents(run.path / CONTENTS, run.recommender.network, *(list(table.columns) for table in tables))
