"""How a dataset is split: what the model learns from, and what it is tested on.

Leave-last-out, strict: for a user with three or more interactions the last item is the test target, the one before it
the validation target, the rest is training data. Users with fewer interactions are used for training alone. Training
never sees a target.

Temporal: one cutoff in time. What came before it is known, and every later interaction of a user with a training
history is a test target. Validation has an earlier cutoff of the same kind, where training ends. So no user's
future leaks into the prediction of another user's past, as it does with leave-last-out. Source of the concern:
arXiv 2507.16289.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.config import EvaluationConfig
from engine.data.dataset import Dataset, Histories
from engine.errors import DataError, EngineError, Message, TrainingError

Protocol = Literal["leave-last-out", "temporal"]

MIN_INTERACTIONS = 3
"""A user needs one item for training, one for validation and one for the test."""


@dataclass(frozen=True)
class Holdout:
    """Held-out users: their histories and the items that followed.

    Attributes:
        users: (U,) int64 user indices.
        histories: U rows; the events that are known when the targets are predicted.
        targets: U rows of the one or more item indices that followed.
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
        valid: used during training, to decide when to stop.
        test: used once, at the end; its histories include the validation targets.
        candidates: (n_items + 1,) bool; True for items of the training part, which alone are ranked.
        cuts: seconds since 1970 UTC at which validation and the test begin; None with leave-last-out.
    """

    protocol: Protocol
    train: Histories
    valid: Holdout
    test: Holdout
    candidates: np.ndarray
    cuts: tuple[int, int] | None = None

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
            "No user of {dataset_name!r} has {min_interactions} interactions or more (the longest history "
            "has {lengths}), so nothing can be held out for a test; use a log with longer histories, or "
            "loosen --min-rating.",
            dataset_name=dataset.name,
            min_interactions=MIN_INTERACTIONS,
            lengths=int(lengths.max(initial=0)),
        )
    kept = np.where(lengths >= MIN_INTERACTIONS, 2, 0)
    train = histories.drop_last(kept)
    chosen = histories.take(users)
    rows = np.arange(len(users) + 1, dtype=np.int64)
    valid = Holdout(users, chosen.drop_last(2), Histories(rows, chosen.items[chosen.offsets[1:] - 2]))
    test = Holdout(users, chosen.drop_last(1), Histories(rows, chosen.items[chosen.offsets[1:] - 1]))
    return Split("leave-last-out", train, valid, test, _items_of(train, dataset.n_items))


def user_folds(dataset: Dataset, n: int, seed: int) -> tuple[Split, ...]:
    """n splits, each of which keeps one part of the users out of training entirely; every user is in exactly one part.

    A user who is kept out is tested as a new user: the last item is the target and the events before it are the
    history. For the other users the last item is the validation target and the rest is training data. Users with
    fewer than three interactions are never tested; they only train in the splits that do not keep them out.

    Args:
        dataset: a log.
        n: two or more.
        seed: decides who is in which part; the numbers of tested users in the parts differ by one at most.

    Raises:
        DataError: there are fewer users to test than folds.
    """
    histories = dataset.histories
    asked = histories.lengths >= MIN_INTERACTIONS
    if not 2 <= n <= asked.sum():
        raise DataError(
            "{n} user folds cannot be made of the {asked:,} users of {dataset_name!r} with "
            "{min_interactions} interactions or more; ask for 2 to {asked:,}.",
            n=n,
            asked=int(asked.sum()),
            dataset_name=dataset.name,
            min_interactions=MIN_INTERACTIONS,
        )
    rng = np.random.default_rng(seed)
    part = np.empty(len(histories), dtype=np.int64)
    for users in (np.flatnonzero(asked), np.flatnonzero(~asked)):
        part[rng.permutation(users)] = np.arange(len(users)) % n
    known, last = histories.drop_last(1), histories.last(1)

    def holdout(users: np.ndarray) -> Holdout:
        return Holdout(users, known.take(users), last.take(users))

    splits: list[Split] = []
    for fold in range(n):
        out = part == fold
        train = histories.drop_last(np.where(out, histories.lengths, asked))
        valid, test = holdout(np.flatnonzero(asked & ~out)), holdout(np.flatnonzero(asked & out))
        splits.append(Split("leave-last-out", train, valid, test, _items_of(train, dataset.n_items)))
    return tuple(splits)


def temporal(dataset: Dataset, share: float) -> Split:
    """Split at one cutoff in time: the latest `share` of interactions is the test, as many before it are validation.

    Interactions with the same time stay together, after the cutoff, so that a part can be larger than its share. A user
    with training events is tested on all later items, each once, at its first time; the history is everything before
    the cutoff. Users without a later interaction only train. Users who first appear after the training part are not
    tested, since nothing was learnt about them.

    Args:
        dataset: a log with times.
        share: above 0 and below a half.

    Raises:
        DataError: the log has no times, or a part would be empty.
    """
    return windows_in_time(dataset, share, 1)[0]


def windows_in_time(dataset: Dataset, share: float, n: int) -> tuple[Split, ...]:
    """n temporal splits with consecutive test parts, oldest first; the last one is the split of `temporal`.

    Each test part is a `share` of all interactions and ends where the next begins; a split never sees what is later.
    The validation part is an equal share before the test part, and everything before that is training data.

    Raises:
        DataError: the log has no times, the windows leave nothing to train on, or one of them would be empty.
    """
    if dataset.timestamps is None:
        raise DataError(
            "{dataset_name!r} has no times, so it cannot be cut in time; name their column with --time "
            "COLUMN (data.time), or set evaluation.protocol = leave-last-out, which goes by the order of the "
            "file.",
            dataset_name=dataset.name,
        )
    if share * (n + 1) >= 1:
        raise DataError(
            "{n} windows and a validation part before them, each {share:g} of the interactions "
            "(evaluation.test_share), leave nothing to train on; ask for fewer windows or a smaller share.",
            n=n,
            share=share,
        )
    times = np.sort(dataset.timestamps)
    places = [round(len(times) * (1 - share * back)) for back in range(n + 1, 0, -1)]
    cuts = [int(times[min(max(place, 0), len(times) - 1)]) for place in places]
    ends = [*cuts[2:], None]
    return tuple(_in_time(dataset, *part) for part in zip(cuts[:-1], cuts[1:], ends, strict=True))


def _in_time(dataset: Dataset, valid_from: int, test_from: int, test_until: int | None) -> Split:
    """One temporal split: training before the first time, validation before the second, test before the third.

    Raises:
        DataError: a part would be empty.
    """
    times, histories = dataset.timestamps, dataset.histories
    assert times is not None
    train = _before(histories, times, valid_from)
    until_test = _before(histories, times, test_from)
    full = histories if test_until is None else _before(histories, times, test_until)
    valid = _later(train, until_test, train)
    test = _later(until_test, full, train)
    asked = (("validation", valid, valid_from, test_from), ("test", test, test_from, test_until))
    for name, part, start, end in asked:
        if len(part) == 0:
            until = "" if end is None else f" until {_day(end)}"
            raise DataError(
                "No user of {dataset_name!r} has interactions both in the training part (before {day}) and in "
                "the {name} part (from {day_2}{until}); set another evaluation.test_share (for a "
                "cross-validation also fewer folds), or evaluation.protocol = leave-last-out.",
                dataset_name=dataset.name,
                day=_day(valid_from),
                name=name,
                day_2=_day(start),
                until=until,
            )
    return Split("temporal", train, valid, test, _items_of(train, dataset.n_items), (valid_from, test_from))


def _before(histories: Histories, times: np.ndarray, cut: int) -> Histories:
    """Every row up to a time; rows are in time order, so this is a prefix of each."""
    earlier = np.concatenate([[0], np.cumsum(times < cut)])
    counts = earlier[histories.offsets[1:]] - earlier[histories.offsets[:-1]]
    return histories.ranges(histories.offsets[:-1], histories.offsets[:-1] + counts)


def _later(known: Histories, full: Histories, train: Histories) -> Holdout:
    """What users with a training history did after their known events: each item once, at its first time."""
    users = np.flatnonzero((train.lengths > 0) & (full.lengths > known.lengths))
    later = full.ranges(full.offsets[users] + known.lengths[users], full.offsets[users + 1], users)
    rows, n_columns = later.positions(), int(full.items.max(initial=0)) + 1
    first = np.sort(np.unique(rows * n_columns + later.items, return_index=True)[1])
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows[first], minlength=len(users)))]).astype(np.int64)
    return Holdout(users, known.take(users), Histories(offsets, later.items[first]))


def _items_of(train: Histories, n_items: int) -> np.ndarray:
    """(n_items + 1,) bool; True for items of the training part."""
    candidates = np.zeros(n_items + 1, dtype=bool)
    candidates[train.items] = True
    return candidates


def _day(seconds: int) -> str:
    """The day of a time in UTC: "2024-05-01"."""
    return str(np.datetime64(seconds, "s"))[:10]


def split_from_config(dataset: Dataset, config: EvaluationConfig) -> Split:
    """The split that the settings describe.

    Raises:
        DataError: the log cannot be split this way.
    """
    return temporal(dataset, config.test_share) if config.protocol == "temporal" else leave_last_out(dataset)


def require_next_items(split: Split) -> None:
    """Return if there is anything to learn: some user has two training interactions.

    Raises:
        TrainingError: no user has.
    """
    if not (split.train.lengths >= 2).any():
        raise TrainingError(
            "No user has two training interactions (after what is held out), so there is no next item to "
            "learn; use a log with longer histories."
        )


def untrainable(dataset: Dataset, config: EvaluationConfig) -> Message | None:
    """Why no model can be trained on a log, in the words of the training error; None where one can.

    >>> engine.untrainable(dataset, config.evaluation) is None
    True
    >>> _ = (folder / "log.csv").write_text("user_id,item_id,timestamp\\nu1,i1,1\\nu2,i2,2\\n")
    >>> short, _ = engine.load_dataset(folder / "log.csv")
    >>> print(engine.untrainable(short, config.evaluation))
    No user of 'log' has 3 interactions or more (the longest history has 1), so nothing can be held out for a
     test; use a log with longer histories, or loosen --min-rating.
    """
    try:
        require_next_items(split_from_config(dataset, config))
    except EngineError as error:
        return error.message
    return None
