"""Users of a run, by id, cohort and attributes, or drawn at random."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.data.schema import display_columns
from engine.errors import EngineError, UnknownIdError
from engine.runs.store import Run


def find_users(
    run: Run, text: str = "", cohort: str = "all", attributes: dict[str, str] | None = None, limit: int = 200
) -> pd.DataFrame:
    """Users by id, cohort and attributes.

    Args:
        run: the run.
        text: part of a user id; an exact match comes first.
        cohort: "all", "head" or "tail".
        attributes: column to wanted value, as text.
        limit: rows at most.

    Returns:
        `user_id`, `cohort`, `history_length` (training part), and the users' attributes.

    Raises:
        UnknownIdError: there is no such attribute.

    >>> engine.find_users(run, "u00", cohort="head", attributes={"region": "North"})
      user_id cohort  history_length region age_band
    0    u006   head              15  North      50+
    1    u007   head              11  North    18-29
    """
    table = run.dataset.user_table
    shown = display_columns(table)
    ids = pd.Series(run.dataset.users.ids.astype(str))
    keep = np.ones(len(ids), dtype=bool)
    if text:
        keep &= ids.str.contains(text, regex=False, case=False).to_numpy(dtype=bool)
    if cohort != "all":
        keep &= run.cohorts.user_is_head == (cohort == "head")
    for column, value in (attributes or {}).items():
        if column not in shown:
            raise UnknownIdError(
                "Users have no attribute {column!r}; there are {shown}.",
                column=column,
                shown=", ".join(shown) or "none",
            )
        keep &= (table[column].astype(str) == value).to_numpy(dtype=bool)
    rows = np.flatnonzero(keep)
    exact = ids.iloc[rows].to_numpy() == text
    rows = np.concatenate([rows[exact], rows[~exact]])[:limit]
    found = pd.DataFrame(
        {
            "user_id": ids.iloc[rows].to_numpy(),
            "cohort": np.where(run.cohorts.user_is_head[rows], "head", "tail"),
            "history_length": run.split.train.lengths[rows],
        }
    )
    return pd.concat([found, table[shown].iloc[rows].reset_index(drop=True)], axis=1)


def random_user(run: Run, cohort: str = "all", seed: int | None = None) -> str:
    """The id of a user with a held-out event, drawn from a cohort: "all", "head" or "tail".

    Raises:
        EngineError: the cohort has no such user.

    >>> user = engine.random_user(run, cohort="tail", seed=7)
    >>> engine.profile(run, user).cohort
    'tail'
    """
    users = run.split.test.users
    if cohort != "all":
        users = users[run.cohorts.user_is_head[users] == (cohort == "head")]
    if len(users) == 0:
        raise EngineError("This run has no {cohort} users with a held-out event; choose another cohort.", cohort=cohort)
    return run.dataset.users.id_of(int(np.random.default_rng(seed).choice(users)))
