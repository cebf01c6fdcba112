"""What is worked out of lists that somebody brings to the page Head vs tail, cached as in `dashboard.cache.runs`."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.cache.runs import RunKey
from dashboard.text import fairness as fairness_text

LARGEST = 200
"""MB of a file that is brought; .streamlit/config.toml says it to the server."""

LIMIT = engine.ReadLimit(max_bytes=400_000_000, max_rows=5_000_000)
"""What is read of it, for what is packed may be a thousand times as large: 20 items for 250,000 users."""

_one_file = threading.Lock()
"""Files are read and measured one at a time, so that those of several readers are not in memory together."""


@dataclass(frozen=True)
class Brought:
    """A file that somebody brought.

    Attributes:
        id: tells it from every other.
        name: as its owner calls it.
        content: its bytes; the id stands for them where results are cached.
    """

    id: str
    name: str
    content: bytes = field(repr=False, compare=False)

    @property
    def plain_name(self) -> str:
        """The last part of its name, without what could mean something to a file system."""
        last = self.name.replace("\\", "/").rpartition("/")[2]
        return re.sub(r"[^\w.-]+", "-", last).lstrip(".")[-80:] or "lists"


_BY_ID: dict[str | type, Callable[[Any], Any]] = {Brought: lambda file: (file.id, file.name)}


@st.cache_data(max_entries=16, show_spinner=False, hash_funcs=_BY_ID)
def columns(file: Brought) -> tuple[str, ...]:
    """The names of the columns of a file.

    Raises:
        EngineError: the file is no table, or larger than it may be.
    """
    with _one_file, _on_disk(file) as path:
        return engine.columns_of_lists(path, LIMIT)


@st.cache_data(max_entries=4, show_spinner=False, hash_funcs=_BY_ID)
def outside(key: RunKey, file: Brought, user: str | None, item: str | None) -> engine.ExternalDiagnosis:
    """Another system's lists, measured on the users who were tested in a run.

    Args:
        key: of the run.
        file: that holds the lists.
        user: column of user ids; None to guess it.
        item: column of item ids; None to guess it.

    Raises:
        EngineError: the file holds no lists for this run's users, or is larger than it may be.
    """
    run = run_cache.load(key)
    with _one_file, _on_disk(file) as path:
        return engine.diagnose_lists(path, run.dataset, run.config, user, item, LIMIT)


@contextmanager
def _on_disk(file: Brought) -> Iterator[Path]:
    """The file on disk for as long as it takes to read; what goes wrong speaks of its name, not of that place."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file.plain_name
        path.write_bytes(file.content)
        try:
            yield path
        except engine.EngineError as error:
            raise engine.DataError(_without(error.message, str(path), file.plain_name)) from None


def _without(message: engine.Message, place: str, name: str) -> engine.Message:
    def clean(value: object) -> object:
        if isinstance(value, engine.Message):
            return _without(value, place, name)
        return str(value).replace(place, name) if isinstance(value, str | Path) else value

    return engine.Message(
        message.template.replace(place, name), {key: clean(value) for key, value in message.values.items()}
    )


@st.cache_data(max_entries=8, show_spinner=False, hash_funcs=_BY_ID)
def more(
    key: RunKey, file: Brought, user: str | None, item: str | None, metric: str, lang: str
) -> tuple[list[str], pd.DataFrame, pd.DataFrame]:
    """Findings in the language in use, which is `lang`; curves of the lists and of the run's model; bins of the lists.

    Raises:
        EngineError: the file holds no lists for this run's users.
    """
    run, found = run_cache.load(key), outside(key, file, user, item)
    config, own = run.config.evaluation, found.lists.name
    said = fairness_text.of_lists(found, run_cache.facts(key), run.config, metric)
    ours = run_cache.quality_curve(key, metric)
    theirs = engine.quality_curve(found.evaluation, metric, config)
    curves = pd.concat([ours.loc[ours["model"] == run.answers], theirs.loc[theirs["model"] == own]], ignore_index=True)
    return said, curves, engine.quality_by_length(found.evaluation, metric, [own], config)
