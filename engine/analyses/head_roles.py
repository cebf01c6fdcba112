"""The role of each attention head of a run, over many test users, by head and tail; kept in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.analyses.user_sample import tested_users
from engine.data.schema import CATEGORY
from engine.errors import EngineError
from engine.evaluation.stats.bootstrap import Estimate, Levels, interval, resampled_means
from engine.explanation.heads import FEATURES, Role, head_features, role_of
from engine.progress import OnProgress, Progress, ignore
from engine.runs.kept import Kept, settings_of
from engine.runs.store import Run

HEADS = "attention_heads.json"
"""File in the run folder with the result of `head_roles`. It can be deleted at any time."""

_USERS = 400
_SHORTEST = 3  # with two events there is little to select from
_VERSION = 1


@dataclass(frozen=True)
class HeadRole:
    """What one attention head does when the next item is predicted.

    Attributes:
        layer, head: from 1; in an encoder-decoder the decoder's cross-attention.
        role: in one word; see `engine.explanation.heads.role_of`.
        means: feature to mean over users, cohorts weighted by their shares among all test users; see
            `engine.explanation.heads.FEATURES`.
        by_cohort: "head" and "tail" to feature to mean with its interval over users.
        entropy_gap: the tail's mean entropy minus the head's; None without both cohorts.
        idle_gap: likewise the share of users for whom the head is idle.
    """

    layer: int
    head: int
    role: Role
    means: dict[str, float]
    by_cohort: dict[str, dict[str, Estimate]]
    entropy_gap: Estimate | None
    idle_gap: Estimate | None


@dataclass(frozen=True)
class HeadRoles:
    """All attention heads of a run's Transformer.

    Attributes:
        heads: layer by layer.
        n_users: users measured, by cohort.
        has_categories: whether the data has categories.
    """

    heads: tuple[HeadRole, ...]
    n_users: dict[str, int]
    has_categories: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HeadRoles:
        """The inverse of to_dict."""

        def gap(found: Mapping[str, float] | None) -> Estimate | None:
            return None if found is None else Estimate(**found)

        heads = tuple(
            HeadRole(
                h["layer"],
                h["head"],
                h["role"],
                h["means"],
                {c: {name: Estimate(**e) for name, e in part.items()} for c, part in h["by_cohort"].items()},
                gap(h["entropy_gap"]),
                gap(h["idle_gap"]),
            )
            for h in values["heads"]
        )
        return cls(heads, values["n_users"], values["has_categories"])


def head_roles(run: Run, on_progress: OnProgress = ignore) -> HeadRoles:
    """The role of each attention head, over up to 400 test users with at least three events, half from the head.

    The result is kept in the run folder, if that is writable.

    Raises:
        EngineError: no test user has so many events.

    >>> roles = engine.head_roles(run)
    >>> [(role.layer, role.head) for role in roles.heads], sorted(roles.n_users)
    ([(1, 1), (1, 2), (2, 1), (2, 2)], ['head', 'tail'])
    """
    depends_on = {"users": _USERS, "settings": settings_of(run)}
    held = _KEPT.load(run, **depends_on)
    return held if held is not None else _KEPT.save(run, _measured(run, on_progress), **depends_on)


_KEPT = Kept(HEADS, _VERSION, HeadRoles.to_dict, HeadRoles.from_dict)


def _measured(run: Run, on_progress: OnProgress) -> HeadRoles:
    seed = run.config.evaluation.seed
    chosen, shares = tested_users(run, _USERS, seed, _SHORTEST)
    if not chosen:
        raise EngineError(
            "No tested user has {shortest} events, so what attention heads do cannot be measured.", shortest=_SHORTEST
        )
    codes = _category_codes(run)
    tables: dict[str, np.ndarray] = {}
    total, done = sum(len(rows) for rows in chosen.values()), 0
    for cohort, rows in chosen.items():
        features = []
        for row in rows.tolist():
            history = run.split.test.histories[row][-run.recommender.max_len :]
            weights = run.recommender.attentions(history, int(run.split.test.users[row]))[:, :, -1, : len(history)]
            features.append(head_features(weights, history, None if codes is None else codes[history]))
            done += 1
            on_progress(Progress("explain", done / total, f"Attention heads, user {done:,} of {total:,}"))
        tables[cohort] = np.stack(features)  # (users, layers, heads, features)
    n_layers, n_heads = next(iter(tables.values())).shape[1:3]
    heads = [_head(run, tables, shares, layer, head) for layer in range(n_layers) for head in range(n_heads)]
    return HeadRoles(tuple(heads), {cohort: len(table) for cohort, table in tables.items()}, codes is not None)


def _head(run: Run, tables: Mapping[str, np.ndarray], shares: Mapping[str, float], layer: int, head: int) -> HeadRole:
    config = run.config.evaluation
    rng = np.random.default_rng(config.seed)
    own = {cohort: table[:, layer, head] for cohort, table in tables.items()}
    plain = {cohort: table.mean(axis=0) for cohort, table in own.items()}
    drawn = {
        c: resampled_means(Levels.of(table), np.ones(len(table), bool), config.bootstrap_samples, rng)
        for c, table in own.items()
    }

    def estimates(values: np.ndarray, resamples: np.ndarray) -> dict[str, Estimate]:
        low, high = interval(resamples, config.confidence)
        parts = zip(FEATURES, values.tolist(), low.tolist(), high.tolist(), strict=True)
        return {name: Estimate(value, least, most) for name, value, least, most in parts}

    gaps = estimates(plain["tail"] - plain["head"], drawn["tail"] - drawn["head"]) if len(own) == 2 else {}
    mean = sum((shares[c] * plain[c] for c in own), np.zeros(len(FEATURES)))
    means = dict(zip(FEATURES, mean.tolist(), strict=True))
    by_cohort = {c: estimates(plain[c], drawn[c]) for c in own}
    return HeadRole(layer + 1, head + 1, role_of(means), means, by_cohort, gaps.get("entropy"), gaps.get("idle"))


def _category_codes(run: Run) -> np.ndarray | None:
    """(n_items + 1,) code of each item's category, -1 for none; None where the data has no such column."""
    table = run.dataset.item_table
    if CATEGORY not in table.columns:
        return None
    codes, _ = pd.factorize(table[CATEGORY])
    return np.concatenate([[-1], codes])
