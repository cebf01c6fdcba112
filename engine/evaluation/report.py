"""evaluate(): every recommender's figures, for all users and by cohort, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from engine.config import EvaluationConfig, RunConfig
from engine.data.repeats import resolve_exclude_seen
from engine.data.splits import Split
from engine.errors import EngineError
from engine.evaluation.cohorts import Cohorts
from engine.evaluation.metrics.accuracy import log_ranks, per_user_metrics
from engine.evaluation.metrics.beyond_accuracy import PER_USER, history_popularity, per_user_lists
from engine.evaluation.metrics.beyond_accuracy_intervals import RankedLists, list_estimates
from engine.evaluation.metrics.item_facts import ItemFacts, item_facts
from engine.evaluation.ranking import Ranking, rank_targets
from engine.evaluation.stats.bootstrap import Estimate, Levels, resampled_means
from engine.evaluation.stats.intervals import mean_ends
from engine.evaluation.targets import WORTH_SAYING, TargetFacts, target_facts
from engine.recommender import Recommender

COHORTS = ("head", "tail")

_SCORING_SHARE = 0.95  # share of the progress; intervals are quick


@dataclass(frozen=True)
class CohortReport:
    """The figures of some users.

    Attributes:
        n: how many users.
        metrics: mean over them of "ndcg@10" and the like and of "log_rank"; and, except for cohorts by items, of their
            lists, such as "aplt@10" and "coverage@10" (see `engine.evaluation.metrics.beyond_accuracy`). Empty when n
            is 0; figures that are undefined for all of these users are left out.
    """

    n: int
    metrics: dict[str, Estimate]

    def to_dict(self) -> dict[str, Any]:
        """Plain values: "n", and each metric beside it."""
        return {"n": self.n} | {name: estimate.to_dict() for name, estimate in self.metrics.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CohortReport:
        """The inverse of to_dict."""
        return cls(int(values["n"]), {name: Estimate(**value) for name, value in values.items() if name != "n"})


@dataclass(frozen=True)
class ModelReport:
    """The figures of one recommender.

    Attributes:
        overall: all test users.
        users: "head" and "tail" users, by the length of their training history.
        items: test users whose (first) target is a "head" or a "tail" item.
        coverage: "coverage@k": share of the candidates that at least one test user gets in a list of k.
        tail_exposure: "tail_exposure@k": share of the places in those lists that tail items hold.
    """

    overall: CohortReport
    users: dict[str, CohortReport]
    items: dict[str, CohortReport]
    coverage: dict[str, float]
    tail_exposure: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "overall": self.overall.to_dict(),
            "users": {name: report.to_dict() for name, report in self.users.items()},
            "items": {name: report.to_dict() for name, report in self.items.items()},
            **self.coverage,
            **self.tail_exposure,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelReport:
        """The inverse of to_dict."""
        return cls(
            CohortReport.from_dict(values["overall"]),
            {name: CohortReport.from_dict(report) for name, report in values["users"].items()},
            {name: CohortReport.from_dict(report) for name, report in values["items"].items()},
            {key: float(value) for key, value in values.items() if key.startswith("coverage@")},
            {key: float(value) for key, value in values.items() if key.startswith("tail_exposure@")},
        )


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        protocol: how targets were held out, such as "leave-last-out".
        models: a report for each recommender, by name, in the order they were given.
        per_user: one row a model and user: `model`, `user_idx`, `history_length` (training part), `user_cohort`,
            `target_idx` (the first target), `item_cohort` (of that target), `rank` (the best of the user's targets;
            0 is a miss), `log_rank` (see `engine.evaluation.metrics.accuracy`), then a column a metric and a column a
            figure of the user's list, NaN where that is undefined (see `engine.evaluation.metrics.beyond_accuracy`).
        lists: what each model recommends to each user: (n_test_users, longest k) int32 item indices, best first, 0
            where there was nothing more; rows in the order of `per_user`. Older runs hold only those of the model that
            answers.
        targets: facts about the targets, and whether seen items were excluded; None where that is unknown, as in
            comparisons of older runs.
    """

    protocol: str
    models: dict[str, ModelReport]
    per_user: pd.DataFrame
    lists: dict[str, np.ndarray] = field(default_factory=dict)
    targets: TargetFacts | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics of accuracy, such as "ndcg@10"."""
        return tuple(c for c in self.per_user.columns if "@" in c and c.partition("@")[0] not in PER_USER)

    @property
    def list_metrics(self) -> tuple[str, ...]:
        """Names of the figures of users' lists, such as "aplt@10"; none in older runs."""
        return tuple(c for c in self.per_user.columns if "@" in c and c.partition("@")[0] in PER_USER)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values of `models`; holds no NaN."""
        return {name: report.to_dict() for name, report in self.models.items()}

    @classmethod
    def from_dict(
        cls,
        models: Mapping[str, Any],
        per_user: pd.DataFrame,
        protocol: str = "leave-last-out",
        lists: Mapping[str, np.ndarray] | None = None,
        targets: TargetFacts | None = None,
    ) -> Evaluation:
        """The inverse of to_dict, given the parts that it leaves out."""
        reports = {name: ModelReport.from_dict(report) for name, report in models.items()}
        return cls(protocol, reports, per_user, dict(lists or {}), targets)


def evaluate(
    recommenders: Sequence[Recommender],
    split: Split,
    cohorts: Cohorts,
    config: EvaluationConfig,
    on_progress: Callable[[str, float], None] | None = None,
    facts: ItemFacts | None = None,
) -> Evaluation:
    """The figures of recommenders on the test part of a split.

    Intervals are over users: Wilson's of rates and of few hits, BCa bootstraps of other metrics (see
    `engine.evaluation.stats.intervals`), percentile bootstraps of the figures of lists. They are drawn within each
    cohort; a model's metrics share their draws, and so do the figures of its lists.

    Args:
        recommenders: of different names.
        split: its test part is used.
        cohorts: of the same split.
        config: list lengths, intervals, seed.
        on_progress: called with what is being done and the share done, from 0 to 1.
        facts: of the items, with their categories where the data has some; without categories when not given.

    Raises:
        EngineError: a score is not a number, or two recommenders share a name.
    """
    names = [recommender.name for recommender in recommenders]
    if len(set(names)) < len(names):
        raise EngineError(
            "Two recommenders share a name: {names}; reports are kept by name, so rename one.", names=", ".join(names)
        )
    announce = on_progress or (lambda message, share: None)
    config = resolve_exclude_seen(RunConfig(evaluation=config), [split]).evaluation
    targets = target_facts(split, config.seen_left_out)
    both = targets.seen >= WORTH_SAYING or not config.seen_left_out
    facts = facts or item_facts(None, split, cohorts)
    reports: dict[str, ModelReport] = {}
    frames: list[pd.DataFrame] = []
    lists: dict[str, np.ndarray] = {}
    for turn, recommender in enumerate(recommenders):

        def report_share(share: float, turn: int = turn, name: str = recommender.name) -> None:
            announce(f"Ranking with {name}", (turn + _SCORING_SHARE * share) / len(names))

        ranking = rank_targets(
            recommender, split.test, max(config.ks), config.seen_left_out, on_progress=report_share, both=both
        )
        announce(f"Intervals of {recommender.name}", (turn + _SCORING_SHARE) / len(names))
        frame, report = measured(recommender.name, ranking, recommender.candidates, split, cohorts, config, facts)
        frames.append(frame)
        reports[recommender.name] = report
        lists[recommender.name] = ranking.top
        if ranking.otherwise is not None:
            targets.otherwise[recommender.name] = _otherwise(ranking.otherwise, frame, split, config)
    announce("Evaluated", 1.0)
    per_user = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return Evaluation(split.protocol, reports, per_user, lists, targets)


def measured(
    name: str,
    ranking: Ranking,
    candidates: np.ndarray,
    split: Split,
    cohorts: Cohorts,
    config: EvaluationConfig,
    facts: ItemFacts,
) -> tuple[pd.DataFrame, ModelReport]:
    """The rows of `Evaluation.per_user` and the report of one model, from its ranking.

    Args:
        name: of the model.
        ranking: of the test part.
        candidates: (n_items + 1,) bool; the items that it could have recommended.
        split: its test part was used.
        cohorts: of the same split.
        config: list lengths, intervals, seed.
        facts: of the items.
    """
    frame = _per_user(name, ranking, int(candidates.sum()), split, cohorts, config.ks)
    figures = per_user_lists(ranking.top, split.test, facts, config.ks, config.seen_left_out)
    shown = RankedLists(ranking.top, history_popularity(split.test.histories, facts), candidates, facts)
    report = _report(frame, figures, shown, cohorts, config)
    return pd.concat([frame, pd.DataFrame(figures)], axis=1), report


def _per_user(
    name: str, ranking: Ranking, n_candidates: int, split: Split, cohorts: Cohorts, ks: Sequence[int]
) -> pd.DataFrame:
    """The rows of `Evaluation.per_user` of one model."""
    test = split.test
    offsets = test.targets.offsets
    first_target = test.targets.items[offsets[:-1]]
    cohort_names = np.array(["tail", "head"])
    # A miss is the worst rank, so it must sort last in the search for the best one.
    best = np.minimum.reduceat(np.where(ranking.ranks > 0, ranking.ranks, np.iinfo(np.int32).max), offsets[:-1])
    best = np.where(best == np.iinfo(np.int32).max, 0, best).astype(np.int32)
    return pd.DataFrame(
        {
            "model": np.repeat(name, len(test)),
            "user_idx": test.users,
            "history_length": split.train.lengths[test.users],
            "user_cohort": cohort_names[cohorts.user_is_head[test.users].astype(int)],
            "target_idx": first_target,
            "item_cohort": cohort_names[cohorts.item_is_head[first_target].astype(int)],
            "rank": best,
            "log_rank": log_ranks(best, n_candidates),
            **per_user_metrics(ranking.ranks, offsets, ks),
        }
    )


def _report(
    frame: pd.DataFrame,
    figures: Mapping[str, np.ndarray],
    shown: RankedLists,
    cohorts: Cohorts,
    config: EvaluationConfig,
) -> ModelReport:
    metrics = [column for column in frame.columns if "@" in column]
    levels = Levels.of(frame[metrics].to_numpy())
    # One random stream per cohort: adding a model or a cohort leaves the other intervals as they are. Figures with as
    # many values as users have streams of their own, since they are resampled user by user.
    root = np.random.default_rng(config.seed)
    streams, others = iter(root.spawn(1 + 2 * len(COHORTS))), iter(root.spawn(1 + 2 * len(COHORTS)))
    log_rank = {"log_rank": frame["log_rank"].to_numpy()}

    def cohort(rows: np.ndarray, with_lists: bool = True) -> CohortReport:
        found = _cohort_report(metrics, levels, rows, config, next(streams))
        chosen = {name: each[rows] for name, each in (log_rank | dict(figures if with_lists else {})).items()}
        extra = list_estimates(chosen, shown.take(rows) if with_lists else None, config, next(others))
        return CohortReport(found.n, found.metrics | extra)

    coverage, exposure = _lists(shown.top, shown.candidates, cohorts, config.ks)
    return ModelReport(
        cohort(np.ones(len(frame), dtype=bool)),
        {name: cohort((frame["user_cohort"] == name).to_numpy()) for name in COHORTS},
        {name: cohort((frame["item_cohort"] == name).to_numpy(), with_lists=False) for name in COHORTS},
        coverage,
        exposure,
    )


def _otherwise(
    ranks: np.ndarray, frame: pd.DataFrame, split: Split, config: EvaluationConfig
) -> dict[str, dict[str, Estimate]]:
    """A model's accuracy under the other rule for seen items, for `TargetFacts.otherwise`."""
    figures = per_user_metrics(ranks, split.test.targets.offsets, config.ks)
    levels = Levels.of(np.column_stack(list(figures.values())))
    user_cohorts = frame["user_cohort"].to_numpy()
    streams = np.random.default_rng(config.seed).spawn(1 + len(COHORTS))
    parts = {"all": np.ones(len(frame), dtype=bool)} | {cohort: user_cohorts == cohort for cohort in COHORTS}
    return {
        name: _cohort_report(list(figures), levels, rows, config, rng).metrics
        for (name, rows), rng in zip(parts.items(), streams, strict=True)
    }


def _cohort_report(
    metrics: Sequence[str], levels: Levels, rows: np.ndarray, config: EvaluationConfig, rng: np.random.Generator
) -> CohortReport:
    n = int(rows.sum())
    if n == 0:
        return CohortReport(0, {})
    values = levels.values[levels.codes[rows]].mean(axis=0)
    counts = np.bincount(levels.codes[rows], minlength=len(levels.values))
    drawn = resampled_means(levels, rows, config.bootstrap_samples, rng)
    lows, highs = mean_ends(metrics, levels.values, counts, drawn, config.confidence)
    return CohortReport(
        n,
        {
            metric: Estimate(float(value), float(low), float(high))
            for metric, value, low, high in zip(metrics, values, lows, highs, strict=True)
        },
    )


def _lists(
    top: np.ndarray, candidates: np.ndarray, cohorts: Cohorts, ks: Sequence[int]
) -> tuple[dict[str, float], dict[str, float]]:
    """Coverage and exposure of tail items in the lists, at each length."""
    coverage: dict[str, float] = {}
    exposure: dict[str, float] = {}
    for k in ks:
        shown = top[:, :k]
        shown = shown[shown > 0]
        coverage[f"coverage@{k}"] = int(candidates[np.unique(shown)].sum()) / max(int(candidates.sum()), 1)
        exposure[f"tail_exposure@{k}"] = float((~cohorts.item_is_head[shown]).mean()) if len(shown) else 0.0
    return coverage, exposure
