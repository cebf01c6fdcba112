"""What cleaning did: every row kept, mended or dropped, by reason, with the first lines where it happened."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.errors import Message

FIRST_LINES = 5
"""How many line numbers an issue quotes."""
EXAMPLE_LENGTH = 80
"""Longer example values are cut; a line may be ten megabytes long."""

TableName = Literal["interactions", "users", "items", "lists"]


def shorten(value: object, length: int = EXAMPLE_LENGTH) -> str:
    """A value as one line of text, cut to a readable length."""
    text = str(value)[: length * 2].replace("\r", "\\r").replace("\n", "\\n")
    return text if len(text) <= length else text[: length - 1] + "…"


@dataclass(frozen=True)
class CleaningIssue:
    """One reason for which rows of one table were dropped or mended.

    Attributes:
        table: where: "interactions", "users", "items", or "lists" of recommendations.
        reason: what was wrong, as a phrase; `str()` of it is English. Runs that version 0.1 wrote hold plain text.
        action: "dropped" rows are gone; "mended" rows were changed and kept.
        rows: how many.
        lines: first line numbers in the file (row numbers in Parquet), at most FIRST_LINES; empty where no line says
            it, as for a row that is not there.
        example: one offending value.
    """

    table: TableName
    reason: Message | str
    action: Literal["dropped", "mended"]
    rows: int
    lines: tuple[int, ...] = ()
    example: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `reason` is English, `said` the same as a template and its values."""
        return {
            "table": self.table,
            "reason": str(self.reason),
            "action": self.action,
            "rows": self.rows,
            "lines": list(self.lines),
            "example": self.example,
            "said": _plain(self.reason),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> CleaningIssue:
        """The issue that `to_dict` wrote down."""
        fields = {**plain, "reason": _message(plain.get("said"), plain["reason"]), "lines": tuple(plain["lines"])}
        fields.pop("said", None)
        return cls(**fields)


@dataclass(frozen=True)
class CleaningReport:
    """What happened to a log on its way into a Dataset.

    Attributes:
        source: the file or folder read, as given.
        format: "folder", "movielens", "atomic", "sequences" or "table".
        rows_read: interactions in the file. A blank line is no row. Always `rows_kept` plus the interactions dropped.
        rows_kept: interactions in the Dataset.
        issues: what was dropped and mended, interactions first.
        notes: what was guessed or left unused, one sentence each; `str()` of one is English.
    """

    source: str
    format: str
    rows_read: int
    rows_kept: int
    issues: tuple[CleaningIssue, ...] = field(default=())
    notes: tuple[Message | str, ...] = field(default=())

    @property
    def dropped(self) -> int:
        """Interactions dropped, for all reasons."""
        return self._count("dropped")

    @property
    def mended(self) -> int:
        """Interactions changed and kept; a row mended for two reasons counts twice."""
        return self._count("mended")

    def _count(self, action: str) -> int:
        return sum(i.rows for i in self.issues if i.table == "interactions" and i.action == action)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `notes` are English, `notes_said` the same as templates and their values."""
        return {
            "source": self.source,
            "format": self.format,
            "rows_read": self.rows_read,
            "rows_kept": self.rows_kept,
            "issues": [issue.to_dict() for issue in self.issues],
            "notes": [str(note) for note in self.notes],
            "notes_said": [_plain(note) for note in self.notes],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> CleaningReport:
        """The report that `to_dict` wrote down."""
        said = plain.get("notes_said") or [None] * len(plain["notes"])
        notes = tuple(_message(one, text) for one, text in zip(said, plain["notes"], strict=True))
        issues = tuple(CleaningIssue.from_dict(issue) for issue in plain["issues"])
        fields = {key: value for key, value in plain.items() if key != "notes_said"}
        return cls(**{**fields, "issues": issues, "notes": notes})


_SPECS = re.compile(r",?(\.\d)?[fgd%]?")
_DEEPEST = 3


def _plain(said: Message | str) -> dict[str, Any] | None:
    """A message as JSON values; None for text that has no template."""
    if isinstance(said, str):
        return None
    values = {k: _plain(v) if isinstance(v, Message) else v for k, v in said.values.items()}
    return {"template": said.template, "values": values}


def _message(said: Any, text: str) -> Message | str:
    """The message that `_plain` wrote down, if it says what the text says; else the text.

    A run folder may be a stranger's, and a template can be made to reach into Python or to fill the memory: only plain
    fields are taken.
    """
    message = _checked(said, _DEEPEST)
    try:
        return message if message is not None and str(message) == text else text
    except (ValueError, TypeError, LookupError):
        return text


def _checked(said: Any, deeper: int) -> Message | None:
    if not isinstance(said, dict) or not isinstance(said.get("template"), str) or deeper == 0:
        return None
    values: dict[str, object] = {}
    for key, value in dict(said.get("values") or {}).items():
        inner = _checked(value, deeper - 1) if isinstance(value, dict) else value
        if not isinstance(inner, Message | str | int | float):
            return None
        values[str(key)] = inner
    template = said["template"]
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        return None
    for _text, name, spec, conversion in parts:
        if name is not None and (
            name not in values or not _SPECS.fullmatch(spec or "") or conversion not in (None, "r")
        ):
            return None
    return Message(template, values)
