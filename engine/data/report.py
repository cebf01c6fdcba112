"""What cleaning did: every row kept, mended or dropped, by reason, with the first lines where it happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

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
        reason: what was wrong, as a phrase.
        action: "dropped" rows are gone; "mended" rows were changed and kept.
        rows: how many.
        lines: first line numbers in the file (row numbers in Parquet), at most FIRST_LINES; empty where no line says
            it, as for a row that is not there.
        example: one offending value.
    """

    table: TableName
    reason: str
    action: Literal["dropped", "mended"]
    rows: int
    lines: tuple[int, ...] = ()
    example: str = ""


@dataclass(frozen=True)
class CleaningReport:
    """What happened to a log on its way into a Dataset.

    Attributes:
        source: the file or folder read, as given.
        format: "folder", "movielens", "atomic", "sequences" or "table".
        rows_read: interactions in the file. A blank line is no row. Always `rows_kept` plus the interactions dropped.
        rows_kept: interactions in the Dataset.
        issues: what was dropped and mended, interactions first.
        notes: what was guessed or left unused, one sentence each.
    """

    source: str
    format: str
    rows_read: int
    rows_kept: int
    issues: tuple[CleaningIssue, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

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
        """Plain JSON values."""
        plain = asdict(self)
        plain["notes"] = list(self.notes)
        plain["issues"] = [{**asdict(issue), "lines": list(issue.lines)} for issue in self.issues]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> CleaningReport:
        """The report that `to_dict` wrote down."""
        issues = tuple(CleaningIssue(**{**issue, "lines": tuple(issue["lines"])}) for issue in plain["issues"])
        return cls(**{**plain, "issues": issues, "notes": tuple(plain["notes"])})
