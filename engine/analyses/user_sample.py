"""A sample of a run's test users, for analyses that would take long for all."""

from __future__ import annotations

import numpy as np

from engine.evaluation.report import COHORTS
from engine.runs.store import Run


def tested_users(run: Run, users: int, seed: int, shortest: int = 2) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Rows of the test holdout by cohort, and each cohort's share of all eligible users.

    Half are from the head and half from the tail; if one cohort has too few, the other fills up.

    Args:
        run: the run.
        users: at most so many.
        seed: of the draw.
        shortest: events that a history needs.
    """
    test = run.split.test
    able = np.flatnonzero(test.histories.lengths >= shortest)
    is_head = run.cohorts.user_is_head[test.users[able]]
    rng = np.random.default_rng(seed)
    by_cohort: dict[str, np.ndarray] = dict(
        zip(COHORTS, (rng.permutation(able[is_head]), rng.permutation(able[~is_head])), strict=True)
    )
    fewest = min(len(rows) for rows in by_cohort.values())
    most = max(users // 2, users - fewest)
    chosen = {
        c: np.sort(rows[: users // 2 if len(rows) == fewest else most]) for c, rows in by_cohort.items() if len(rows)
    }
    return chosen, {cohort: len(by_cohort[cohort]) / len(able) for cohort in chosen}
