"""Explanations of the top recommendations of many users, by head and tail; computed once and kept with the run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from engine.analyses.faithfulness_check import questions
from engine.data.schema import CATEGORY, LIST_SEPARATOR, UNKNOWN
from engine.errors import EngineError
from engine.evaluation.report import COHORTS
from engine.evaluation.stats.bootstrap import interval, resampled_group_means
from engine.explanation.shap_summary import RECENCIES, many_values, recency
from engine.progress import OnProgress, Progress, ignore
from engine.queries.explain_features import features_of, run_parts
from engine.recommender import Answering
from engine.runs.kept import Kept, settings_of
from engine.runs.store import Run

EXPLAINED = "explained.json"
"""File in the run folder with the result of `explain_users`. It can be deleted at any time."""

USERS = 200
"""Default number of users."""

MOST_CATEGORIES = 10
"""Number of categories distinguished: those with the most events among the users."""

ValuesBy = Literal["recency", "category", "feature"]

_VERSION = 1


@dataclass(frozen=True)
class ExplainedUsers:
    """Shapley values behind the top recommendations of many test users.

    Attributes:
        users: one row for each user: `user_id`, `cohort`, and the id of the item explained, `item_id`.
        events: one row for each event, and for each user's group of earlier ones: `row` in `users`, `back` (1 is the
            newest event, 0 the group), `item_id` (empty for the group), `value`, `spread`.
        features: one row for each feature of a user: `row`, `of` and `name` (see `FeatureValue`), `value`, `spread`.
        seed: of the users and of the sampled orders.
        n_evaluations: how many partly hidden histories were scored.
        seconds: time it took.
        model: the explained model; values are in units of its score.
    """

    users: pd.DataFrame
    events: pd.DataFrame
    features: pd.DataFrame
    seed: int
    n_evaluations: int
    seconds: float
    model: Answering

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        tables = {name: getattr(self, name).to_dict("list") for name in ("users", "events", "features")}
        return {**vars(self), **tables}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ExplainedUsers:
        """The inverse of to_dict."""
        tables: dict[str, Any] = {name: pd.DataFrame(values[name]) for name in ("users", "events", "features")}
        return cls(**{**values, **tables})


def explain_users(run: Run, users: int = USERS, seed: int = 0, on_progress: OnProgress = ignore) -> ExplainedUsers:
    """Values of events and features behind the top recommendation of test users, half of them from the tail.

    The histories are those of the evaluation. The result is kept in the run folder, if that is writable,
    and read from there the next time.

    Args:
        run: a whole run.
        users: how many at most.
        seed: of the users and of the sampled orders.
        on_progress: called as the work proceeds.

    Raises:
        EngineError: `users` is under 2, or no tested user has two events and something left to recommend.

    >>> found = engine.explain_users(run, users=4)
    >>> len(found.users), list(found.events.columns)
    (4, ['row', 'back', 'item_id', 'value', 'spread'])
    """
    if users < 2:
        raise EngineError("users ({users}) must be 2 or more: with one there is nothing to compare.", users=users)
    held = kept_explained_users(run, users, seed)
    if held is not None:
        return held
    start = time.perf_counter()
    asked, _ = questions(run, users, seed)
    parts = run_parts(run)

    def report(done: int) -> None:
        on_progress(Progress("explain", done / len(asked), f"Explained {done:,} of {len(asked):,} users"))

    found = many_values(
        run.serving,
        asked,
        lambda question: features_of(run, parts, question.history, question.item, question.user, seed),
        seed=seed,
        on_progress=report,
    )
    term = run.dataset.items.id_of
    events = found.events.assign(item_id=[term(item) if item else "" for item in found.events["item"].tolist()])
    result = ExplainedUsers(
        pd.DataFrame(
            {
                "user_id": [run.dataset.users.id_of(question.user) for question in asked],
                "cohort": [question.cohort for question in asked],
                "item_id": [term(question.item) for question in asked],
            }
        ),
        pd.DataFrame({name: events[name] for name in ("row", "back", "item_id", "value", "spread")}),
        found.features,
        seed,
        found.n_evaluations,
        time.perf_counter() - start,
        run.answers,
    )
    return _KEPT.save(run, result, **_depends_on(run, users, seed))


def kept_explained_users(run: Run, users: int = USERS, seed: int = 0) -> ExplainedUsers | None:
    """The kept result for the run as it is, this number of users and this seed; None if there is none.

    >>> engine.kept_explained_users(run, users=6) is None
    True
    >>> _ = engine.explain_users(run, users=6)
    >>> engine.kept_explained_users(run, users=6).seed
    0
    """
    return _KEPT.load(run, **_depends_on(run, users, seed))


def values_by(run: Run, found: ExplainedUsers, by: ValuesBy, lang: str = "en") -> pd.DataFrame:
    """Every value with its group.

    Args:
        run: the run.
        found: its explained users.
        by: "recency": places counted back from the newest event; "category": of the event's item, where an event with
            several counts in each, and the rarest are left out; "feature": "items:own", "user:age", "member:ease" and
            so on.
        lang: of the categories.

    Returns:
        `group` (in display order), `cohort`, `user_id`, `value`; no rows if the data has no categories.

    >>> found = engine.explain_users(run, users=4)
    >>> engine.values_by(run, found, "age").columns.tolist()
    ['group', 'cohort', 'user_id', 'value']
    """
    if by == "feature":
        table = found.features.assign(group=found.features["of"] + ":" + found.features["name"])
        order = list(dict.fromkeys(table["group"].tolist()))
    elif by == "recency":
        table = found.events.assign(group=recency(found.events["back"].to_numpy()))
        order = [str(a) if a == b else f"{a}-{b}" for a, b in RECENCIES] + ["earlier"]
    else:
        table, order = _by_category(run, found, lang)
    whose = found.users.iloc[table["row"].to_numpy()]
    out = pd.DataFrame(
        {
            "group": pd.Categorical(table["group"], [group for group in order if group in set(table["group"])]),
            "cohort": whose["cohort"].to_numpy(),
            "user_id": whose["user_id"].to_numpy(),
            "value": table["value"].to_numpy(),
        }
    )
    return out.sort_values("group", kind="stable", ignore_index=True)


def value_sizes(values: pd.DataFrame, samples: int = 1000, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """How much each group of values moves scores, for head and tail users: means and intervals over users.

    A user's figure is the mean over their values in the group, absolute values for `size`.

    Args:
        values: from `values_by`.
        samples: resamples of users.
        confidence: of the intervals.
        seed: of the resamples.

    Returns:
        `group`, `cohort`, `n_users`, `n_values`, `size` (mean absolute value), `low`, `high` of it, and `mean`.

    >>> found = engine.values_by(run, engine.explain_users(run, users=4), "age")
    >>> engine.value_sizes(found, samples=100).columns.tolist()
    ['group', 'cohort', 'n_users', 'n_values', 'size', 'low', 'high', 'mean']
    """
    groups = list(values["group"].cat.categories)
    rows: list[tuple[Any, ...]] = []
    absolute = values.assign(value=values["value"].abs())
    users = values.drop_duplicates("user_id")
    ids = users["user_id"].tolist()
    wide = {
        name: table.pivot_table(index="user_id", columns="group", values="value", aggfunc="mean", observed=False)
        .reindex(index=ids, columns=groups)
        .to_numpy(dtype=np.float64)
        for name, table in (("size", absolute), ("mean", values))
    }
    inside = np.stack([users["cohort"].to_numpy() == cohort for cohort in COHORTS])
    drawn, _ = resampled_group_means(wide["size"], inside, samples, seed)
    with np.errstate(invalid="ignore"):
        low, high = interval(drawn, confidence)  # (cohorts, groups)
    counts = values.groupby(["group", "cohort"], observed=True).size().to_dict()
    for column, group in enumerate(groups):
        for row, cohort in enumerate(COHORTS):
            own = wide["size"][inside[row], column]
            known = ~np.isnan(own)
            if known.any():
                mean = float(np.nanmean(wide["mean"][inside[row], column]))
                ends = float(low[row, column]), float(high[row, column])
                n_values = counts[group, cohort]
                rows.append((group, cohort, int(known.sum()), n_values, float(own[known].mean()), *ends, mean))
    return pd.DataFrame(rows, columns=["group", "cohort", "n_users", "n_values", "size", "low", "high", "mean"])


def _by_category(run: Run, found: ExplainedUsers, lang: str) -> tuple[pd.DataFrame, list[str]]:
    """One row for each event and category, and the categories with the most events, the most frequent first."""
    table = run.dataset.item_table
    column = next((name for name in (f"{CATEGORY}_{lang}", CATEGORY) if name in table.columns), None)
    events = found.events.loc[found.events["item_id"] != ""]
    if column is None:
        return events.iloc[:0].assign(group=[]), []
    number = run.dataset.items.indices_of(events["item_id"].tolist())
    said = table[column].astype(str).to_numpy()[number - 1]
    each = events.assign(group=[text.split(LIST_SEPARATOR) for text in said]).explode("group", ignore_index=True)
    each["group"] = each["group"].astype(str).str.strip()
    each = each.loc[~each["group"].isin(["", UNKNOWN])]
    order = each["group"].value_counts().index[:MOST_CATEGORIES].tolist()
    return each.loc[each["group"].isin(order)], order


def _depends_on(run: Run, users: int, seed: int) -> dict[str, Any]:
    return {"model": run.answers, "settings": settings_of(run), "users": users, "seed": seed}


_KEPT = Kept(EXPLAINED, _VERSION, ExplainedUsers.to_dict, ExplainedUsers.from_dict)
