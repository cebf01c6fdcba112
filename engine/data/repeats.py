"""Whether people come back to what they had: the share of repeats, and whether lists leave out what was seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.config import RunConfig
from engine.data.splits import Holdout, Split

MUCH = 0.1
"""Share of repeats among validation targets from which `evaluation.exclude_seen = auto` leaves seen items in.

Leaving them out makes every repeat a certain miss; leaving them in spends places of every list on what was seen. In the
sample shop with repeats put in, the second cost less than the first from a share of .10 (popularity) and .17 (EASE) of
the targets on, and at none the first did. Film and shop logs that keep one event an item have no repeat at all.
"""


def is_repeat(holdout: Holdout) -> np.ndarray:
    """(n_targets in all,) bool; True where the history holds the target already."""
    histories, targets = holdout.histories, holdout.targets
    width = int(max(histories.items.max(initial=0), targets.items.max(initial=0))) + 1
    held = histories.positions().astype(np.int64) * width + histories.items
    return np.isin(targets.positions().astype(np.int64) * width + targets.items, held)


def repeat_share(holdouts: Sequence[Holdout]) -> float:
    """Share of the targets that their histories hold already; 0 where there is no target."""
    found = [is_repeat(holdout) for holdout in holdouts]
    return float(np.concatenate(found).mean()) if sum(map(len, found)) else 0.0


def resolve_exclude_seen(config: RunConfig, splits: Sequence[Split]) -> RunConfig:
    """The settings with `evaluation.exclude_seen` true or false: auto is decided on the validation part, never on test.

    Args:
        config: as given.
        splits: one, or the folds of one log, for which there is one answer.
    """
    if config.evaluation.exclude_seen != "auto":
        return config
    leave_out = repeat_share([split.valid for split in splits]) < MUCH
    return config.replace({"evaluation": {"exclude_seen": leave_out}})
