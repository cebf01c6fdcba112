"""The one definition of head and tail, of users and of items.

They are cut on the training part alone, so that held-out events have no influence. Ties at the cut all belong to the
head, so that users with equally long histories are never separated; the head can therefore be larger than its share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.data.splits import Split


@dataclass(frozen=True)
class Cohorts:
    """Which users and items are head; the others are tail.

    Attributes:
        user_is_head: (n_users,) bool.
        item_is_head: (n_items + 1,) bool; padding is False.
        user_cut: length of the shortest training history in the head.
        item_cut: training interactions of the least popular item in the head.
        user_share: the share of users that was requested; the actual sizes are in `user_sizes`.
        item_share: likewise of items.
    """

    user_is_head: np.ndarray
    item_is_head: np.ndarray
    user_cut: int
    item_cut: int
    user_share: float
    item_share: float

    @property
    def user_sizes(self) -> dict[str, int]:
        """Users in "head" and "tail"."""
        head = int(self.user_is_head.sum())
        return {"head": head, "tail": len(self.user_is_head) - head}

    @property
    def item_sizes(self) -> dict[str, int]:
        """Items in "head" and "tail"; an item that does not occur in training is tail."""
        head = int(self.item_is_head.sum())
        return {"head": head, "tail": len(self.item_is_head) - 1 - head}


def make_cohorts(split: Split, head_share: float, item_head_share: float) -> Cohorts:
    """Head and tail of a split.

    Users: the `head_share` of users with the longest training histories. Items: the `item_head_share` of items with the
    most training interactions. Only users and items with a training part count towards a share; those without one are
    tail. Where all users have one length, all are head and the tail is empty.

    Args:
        split: its training part is used.
        head_share: between 0 and 1.
        item_head_share: between 0 and 1.
    """
    lengths = split.train.lengths
    popularity = np.bincount(split.train.items, minlength=split.n_items + 1)
    user_cut = _cut(lengths, head_share)
    item_cut = _cut(popularity, item_head_share)
    return Cohorts(lengths >= user_cut, popularity >= item_cut, user_cut, item_cut, head_share, item_head_share)


def _cut(sizes: np.ndarray, share: float) -> int:
    """The smallest size in the head; at least 1, which excludes empty ones."""
    present = np.sort(sizes[sizes > 0])[::-1]
    if len(present) == 0:
        return 1
    wanted = math.ceil(share * len(present) - 1e-9)  # 0.07 of 100 is 7, though in floating point it is slightly more
    return int(present[max(wanted, 1) - 1])
