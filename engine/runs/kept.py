"""Results computed for a run and kept in its folder, with what they depend on, so that nothing stale is shown.

A file holds `depends_on`, the values that the result follows from, and `found`, the result. It is used only if its
`depends_on` equals the current values; what cannot be read is computed again. Version 0.1 wrote the same values under
`work`, or beside the result; those files are still read.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from engine import disk
from engine.errors import RunError
from engine.runs.folder import read_json
from engine.runs.store import Run

T = TypeVar("T")

UNREADABLE = (RunError, KeyError, TypeError, ValueError, AttributeError, IndexError)
"""Exceptions of reading values that were not written by this module."""

PATIENCE = 10.0
"""Seconds to wait for another process that changes the same file; each takes moments."""


@dataclass(frozen=True)
class Kept(Generic[T]):
    """One kind of result, and its file in the run folder.

    Attributes:
        file: its name.
        version: of the computation; results of other versions are ignored.
        to_dict: a result as plain values.
        from_dict: the inverse; may raise any of `UNREADABLE`.
    """

    file: str
    version: int
    to_dict: Callable[[T], dict[str, Any]]
    from_dict: Callable[[Mapping[str, Any]], T]

    def load(self, run: Run, **depends_on: Any) -> T | None:
        """The kept result for the run as it is and these values; None if there is none that can be read."""
        try:
            return self.from_dict(_found(read_json(run.path / self.file), self._key(run, depends_on)))
        except UNREADABLE:
            return None

    def asked(self, run: Run) -> Mapping[str, Any]:
        """The values that the kept result depends on; empty if there is none."""
        try:
            kept = read_json(run.path / self.file)
            return dict(kept.get("depends_on") or kept.get("work") or {})
        except UNREADABLE:
            return {}

    def save(self, run: Run, found: T, **depends_on: Any) -> T:
        """The result, which is kept if the folder is writable."""
        self.update(run, lambda _: found, **depends_on)
        return found

    def update(self, run: Run, change: Callable[[T | None], T], **depends_on: Any) -> None:
        """Keep what `change` makes of the currently kept result; concurrent updates are both applied.

        A read-only folder or a full disk is ignored: the result has been returned all the same.
        """
        key = self._key(run, depends_on)
        with contextlib.suppress(OSError), disk.exclusive_lock(run.path / f".{self.file}.lock", PATIENCE) as mine:
            if mine:
                found = self.to_dict(change(self.load(run, **depends_on)))
                disk.write_json(run.path / self.file, {"depends_on": key, "found": finite(found)})

    def _key(self, run: Run, depends_on: Mapping[str, Any]) -> dict[str, Any]:
        return {"version": self.version, "created": run.created, **depends_on}


def settings_of(run: Run) -> dict[str, Any]:
    """The evaluation settings as plain values, which most results depend on."""
    return run.config.evaluation.model_dump(mode="json")


def finite(value: Any) -> Any:
    """Plain values as JSON can hold them: None for NaN and infinity.

    >>> finite({"low": float("-inf"), "values": [1.0, float("nan")]})
    {'low': None, 'values': [1.0, None]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return value


def _found(kept: Mapping[str, Any], key: Mapping[str, Any]) -> Mapping[str, Any]:
    """The result that a file holds, if it depends on these values.

    Raises:
        KeyError: it depends on other values.
    """
    depends_on = kept.get("depends_on", kept.get("work"))
    if depends_on is None:  # version 0.1 kept them beside the result
        depends_on = {name: kept.get(name) for name in key}
        found: Mapping[str, Any] = {name: value for name, value in kept.items() if name not in key}
    else:
        found = kept["found"]
    if dict(depends_on) != dict(key):
        raise KeyError("it depends on other values")
    return found
