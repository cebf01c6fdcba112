"""Text files of sequences: one user on each line, `user item item ...`, oldest first, separated by white space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute

from engine.data.cleaning_report import FIRST_LINES, CleaningIssue, shorten
from engine.data.formats.dialect import preface_of
from engine.data.formats.files import read_text
from engine.data.oracle import load_json
from engine.data.schema import ATTRIBUTES, ITEM_ID, LINE, LIST_SEPARATOR, USER_ID
from engine.errors import DataError, Message

pc: Any = pyarrow.compute  # its functions are made at import, where a type checker cannot see them


def read_sequences(log: Path) -> tuple[pd.DataFrame, tuple[CleaningIssue, ...], list[Message]]:
    """Interactions, malformed rows and notes of a file of sequences.

    Every item is an interaction, in the order of the line. A line with a user and no item is a malformed row.

    Raises:
        DataError: the file is not readable text.
    """
    text = read_text(log)
    above = preface_of(log, text.data, has_header=False)
    data = text.data[above.start :]
    lines = pc.utf8_trim_whitespace(pa.array(data.decode().split("\n"), type=pa.large_string()))
    numbers = np.flatnonzero(pc.not_equal(lines, "").to_numpy(zero_copy_only=False))  # blank lines are not rows
    words = pc.utf8_split_whitespace(lines.take(pa.array(numbers)))
    counts = pc.list_value_length(words).to_numpy(zero_copy_only=False)
    flat = pc.list_flatten(words)
    starts = np.cumsum(counts) - counts
    is_item = np.ones(len(flat), dtype=bool)
    is_item[starts] = False
    users = flat.take(pa.array(starts))
    frame = pd.DataFrame(
        {
            USER_ID: users.take(pa.array(np.repeat(np.arange(len(counts)), counts - 1))).to_pandas(),
            ITEM_ID: flat.filter(pa.array(is_item)).to_pandas(),
            LINE: np.repeat(numbers + above.line, counts - 1),
        }
    )
    alone = np.flatnonzero(counts == 1)
    malformed: tuple[CleaningIssue, ...] = ()
    if len(alone):
        first_lines = tuple(int(n) + above.line for n in numbers[alone[:FIRST_LINES]])
        example = shorten(users[int(alone[0])].as_py())
        malformed = (
            CleaningIssue("interactions", "a user without items", "dropped", len(alone), first_lines, example),
        )
    file = {"file": log.name}
    notes = [*text.notes, *above.notes]
    notes.append(Message("{file} read as sequences: each line a user and then that user's items, oldest first", file))
    if repeated := len(users) - pc.count_distinct(users).as_py():
        notes.append(
            Message("{n:,} lines name the user of an earlier line; their items follow that line's", {"n": repeated})
        )
    return frame, malformed, notes


def read_item_attributes(log: Path, stem: str) -> pd.DataFrame | None:
    """The `item2attributes.json` beside a log, a map of item to attribute ids, as a text column such as "1|2|3".

    Raises:
        DataError: the file exists but is not such a map.
    """
    beside = (log.with_name(name) for name in (f"{stem}_item2attributes.json", "item2attributes.json"))
    path = next((p for p in beside if p.exists()), None)
    if path is None:
        return None
    plain = load_json(path)
    pairs = plain.items() if isinstance(plain, dict) else [("the whole", str(plain))]
    for item, values in pairs:
        if not isinstance(values, list) or any(isinstance(v, list | dict) for v in values):
            raise DataError(
                "{path}, {item!r}: {values!r} is no list of attribute ids; the file must read "
                '{{"4": [1, 2], ...}}, item by item. Mend it, or take it away to go without attributes.',
                path=path,
                item=item,
                values=shorten(values),
            )
    texts = [LIST_SEPARATOR.join(map(str, values)) for _, values in pairs]
    frame = pd.DataFrame({ITEM_ID: [item for item, _ in pairs], ATTRIBUTES: texts}, dtype="str")
    return frame.assign(**{LINE: np.arange(1, len(frame) + 1)})
