"""What the model may learn from, and what it is asked afterwards.

Leave-last-out, strict: for a user with three or more interactions the last item is the test target, the one before it
the validation target, the rest is training. A user with fewer only trains. Training never sees a target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.data.dataset import Dataset, Histories
from engine.errors import DataError

Protocol = Literal["leave-last-out"]

MIN_INTERACTIONS = 3
"""A user needs one item to learn from, one to validate on and one to test on."""


@dataclass(frozen=True)
class Holdout:
    """Questions with known answers.

    Attributes:
        users: (U,) int64 user indices.
        histories: U rows; what is known of each user when the question is put.
        targets: U rows of one or more item indices that came afterwards.
    """

    users: np.ndarray
    histories: Histories
    targets: Histories

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: np.ndarray) -> Holdout:
        """The chosen rows."""
        return Holdout(self.users[rows], self.histories.take(rows), self.targets.take(rows))


@dataclass(frozen=True)
class Split:
    """A dataset, split.

    Attributes:
        protocol: name of the protocol, as reports quote it.
        train: one row for every user of the dataset, validation and test targets removed.
        valid: asked while training, to choose when to stop.
        test: asked once, at the end; the history includes the validation target.
        candidates: (n_items + 1,) bool; True for items in the training part, which are what is ranked.
    """

    protocol: Protocol
    train: Histories
    valid: Holdout
    test: Holdout
    candidates: np.ndarray

    @property
    def n_items(self) -> int:
        return len(self.candidates) - 1


def leave_last_out(dataset: Dataset) -> Split:
    """Split by each user's own last two interactions.

    Raises:
        DataError: no user has three interactions.
    """
    histories = dataset.histories
    lengths = histories.lengths
    users = np.flatnonzero(lengths >= MIN_INTERACTIONS)
    if len(users) == 0:
        raise DataError(
            f"No user of {dataset.name!r} has {MIN_INTERACTIONS} interactions or more (the longest history has "
            f"{int(lengths.max(initial=0))}), so nothing can be held out for a test; "
            "use a log with longer histories, or loosen --min-rating."
        )
    kept = np.where(lengths >= MIN_INTERACTIONS, 2, 0)
    train = histories.drop_last(kept)
    chosen = histories.take(users)
    rows = np.arange(len(users) + 1, dtype=np.int64)
    valid = Holdout(users, chosen.drop_last(2), Histories(rows, chosen.items[chosen.offsets[1:] - 2]))
    test = Holdout(users, chosen.drop_last(1), Histories(rows, chosen.items[chosen.offsets[1:] - 1]))
    candidates = np.zeros(dataset.n_items + 1, dtype=bool)
    candidates[np.unique(train.items)] = True
    return Split("leave-last-out", train, valid, test, candidates)
