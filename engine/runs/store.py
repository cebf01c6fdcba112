"""Runs, loaded as values and checked. `engine.runs.folder` knows their files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from engine.config import RunConfig, parse_config
from engine.data.cleaning_report import CleaningReport
from engine.data.dataset import Dataset
from engine.data.repeats import resolve_exclude_seen
from engine.data.splits import Split, split_from_config
from engine.ensemble.ensemble import Ensemble
from engine.ensemble.storage import load_ensemble
from engine.evaluation.cohorts import Cohorts, make_cohorts
from engine.evaluation.compare import Measured, RunComparison, compare
from engine.evaluation.metrics.accuracy import log_ranks
from engine.evaluation.report import Evaluation
from engine.evaluation.targets import TargetFacts, target_facts
from engine.model.network.transformer import Transformer
from engine.model.training.checkpoint import load_network
from engine.recommender import Answering, TransformerRecommender
from engine.runs.documents import Epoch, RunDocument, RunLine, parse
from engine.runs.folder import (
    CONFIG,
    DAMAGE,
    ENSEMBLE,
    METRICS,
    MODEL,
    PER_USER,
    check_name,
    file_digest,
    load_data,
    load_lists,
    read_about,
    read_json,
    read_table,
)
from engine.runs.listing import answering_model, damaged, no_such_run, run_summary


@dataclass(frozen=True)
class Run:
    """A complete run: what was trained, on what, and how well it does.

    Attributes:
        name: the folder's name.
        path: the folder.
        created: when training began, ISO text in UTC.
        config: the settings, with the defaults chosen by the data filled in.
        dataset: the cleaned log.
        split: what was trained on and what was held out.
        cohorts: head and tail, of users and of items.
        cleaning: what cleaning did to the log.
        evaluation: figures for every model and cohort.
        oracle: the best attainable NDCG@10, if the data's generator knows it; see `sample_data`.
        epochs: passes over the training part.
        best_epoch: the pass whose weights were kept.
        stopped_by: "max_epochs", "patience", "max_seconds" or "interrupted".
        seconds: "train", "evaluate", and "ensemble" if there is one.
        versions: of the packages it was made with.
        device: it was trained on.
        history: one row for each epoch: `epoch`, `loss`, `valid_ndcg`, `seconds`.
        recommender: the trained Transformer, to which attention belongs.
        ensemble: of the Transformer, EASE and item kNN, if the run has one.
        answers: which of the two recommends and is explained: the ensemble where it was better on validation.
    """

    name: str
    path: Path
    created: str
    config: RunConfig
    dataset: Dataset
    split: Split
    cohorts: Cohorts
    cleaning: CleaningReport
    evaluation: Evaluation
    oracle: dict[str, Any] | None
    epochs: int
    best_epoch: int
    stopped_by: str
    seconds: dict[str, float]
    versions: dict[str, str]
    device: str
    history: pd.DataFrame
    recommender: TransformerRecommender
    ensemble: Ensemble | None
    answers: Answering

    @property
    def serving(self) -> TransformerRecommender | Ensemble:
        """The model that recommends and is explained."""
        return self.ensemble if self.answers == "ensemble" and self.ensemble is not None else self.recommender


def load_run(name: str, runs_dir: str | Path = "runs") -> Run:
    """A complete run by name.

    Raises:
        RunError: there is none of that name, or it is damaged or of another version.

    >>> run = engine.load_run("tiny", runs)
    >>> run.name, run.dataset.n_users, run.answers
    ('tiny', 120, 'transformer')
    """
    path = Path(runs_dir) / check_name(name)
    if not os.path.lexists(path / CONFIG):
        raise no_such_run(name, Path(runs_dir))
    about = read_about(path)
    try:
        run_summary(path)
        document = parse(RunDocument, about, CONFIG)
        config = parse_config(about["config"], str(path / CONFIG))
        dataset, cleaning = load_data(path)
        split = split_of(dataset, config)
        config = resolve_exclude_seen(config, [split])
        metrics = read_json(path / METRICS)
        network = load_network(path / MODEL)
        _check_belongs(network, dataset)
        if document.weights not in (None, file_digest(path / MODEL)):
            raise ValueError(f"{MODEL} does not hold the weights that this run was trained to; they are another run's")
        recommender = TransformerRecommender(network, candidates_of(split, config, network))
        return Run(
            name=name,
            path=path,
            created=about["created"],
            config=config,
            dataset=dataset,
            split=split,
            cohorts=cohorts_of(split, config),
            cleaning=cleaning,
            evaluation=_evaluation(path, metrics, dataset, split, config, recommender.candidates),
            oracle=document.oracle,
            epochs=document.epochs,
            best_epoch=document.best_epoch,
            stopped_by=document.stopped_by,
            seconds=document.seconds,
            versions=document.versions,
            device=document.device,
            history=pd.DataFrame([epoch.model_dump() for epoch in document.history], columns=list(Epoch.model_fields)),
            recommender=recommender,
            ensemble=load_ensemble(path / ENSEMBLE, recommender) if "ensemble" in metrics["models"] else None,
            answers=answering_model(metrics),
        )
    except DAMAGE as error:
        raise damaged(name, path, error) from error


def _check_belongs(network: Transformer, dataset: Dataset) -> None:
    """Return if the weights belong to this data.

    Raises:
        ValueError: they belong to another run's.
    """
    config = network.config
    if config.n_items != dataset.n_items or config.n_users not in (0, dataset.n_users):
        raise ValueError(
            f"its weights are of {config.n_items:,} items and {config.n_users:,} users, and its data of "
            f"{dataset.n_items:,} and {dataset.n_users:,}"
        )


def _per_user(path: Path, metrics: dict[str, Any]) -> pd.DataFrame:
    """The figures of each user, if they belong to the measured models."""
    table = read_table(path / PER_USER)
    if set(table["model"].astype(str).unique()) != set(metrics["models"]):
        raise ValueError(f"{PER_USER} is of other models than {METRICS}")
    if table["user_idx"].to_numpy().dtype.kind not in "iu":
        raise ValueError("user_idx is no whole number")
    return table


def _evaluation(
    path: Path, metrics: dict[str, Any], dataset: Dataset, split: Split, config: RunConfig, candidates: np.ndarray
) -> Evaluation:
    """The evaluation; an older run without `log_rank` or `lists` is completed as far as possible."""
    per_user = _per_user(path, metrics)
    if "log_rank" not in per_user:
        own = per_user["model"].isin(get_args(Answering)).to_numpy()
        sizes = np.where(own, candidates.sum(), split.candidates.sum())
        ranks = log_ranks(per_user["rank"].to_numpy(), sizes)
        per_user.insert(list(per_user.columns).index("rank") + 1, "log_rank", ranks)
    lists = load_lists(path, dataset, split.test.users, max(config.evaluation.ks), answering_model(metrics))
    if not np.isin(per_user["user_idx"].to_numpy(), split.test.users).all():
        raise ValueError(f"{PER_USER} is of users who were not tested")
    targets = _targets(metrics) or target_facts(split, config.evaluation.seen_left_out)
    return Evaluation.from_dict(metrics["models"], per_user, metrics["protocol"], lists, targets)


def _targets(metrics: dict[str, Any]) -> TargetFacts | None:
    """The stored facts about the targets; None for older runs."""
    return TargetFacts.from_dict(metrics["targets"]) if metrics.get("targets") else None


def compare_runs(names: Sequence[str], runs_dir: str | Path = "runs", metric: str = "ndcg@10") -> RunComparison:
    """The models of runs in one table, each against the first: see `engine.evaluation.compare`.

    It reads only the evaluations, neither data nor weights, so it takes moments however large the runs are.

    Args:
        names: runs on the same data; one of them gives its own models.
        runs_dir: where runs live.
        metric: one that all of them measured.

    Raises:
        RunError: there is no such run, or one is damaged.
        EngineError: they cannot be compared.

    >>> table = engine.compare_runs(["tiny"], runs)
    >>> table.runs, [row.model for row in table.models]
    (('tiny',), ['transformer', 'popularity', 'itemknn', 'ease'])
    """
    return compare([_measured(name, Path(runs_dir)) for name in names], metric)


def measured_run(name: str, runs_dir: str | Path = "runs") -> Measured:
    """The parts of a run that a comparison user by user needs: its figures and settings, without data and weights.

    For older runs without log-ranks, these are computed from the data.

    Raises:
        RunError: there is no such run, or it is damaged.

    >>> found = engine.measured_run("tiny", runs)
    >>> found.run, found.epochs, found.answers
    ('tiny', 2, 'transformer')
    """
    found = _measured(name, Path(runs_dir))
    if "log_rank" in found.evaluation.per_user:
        return found
    return replace(found, evaluation=load_run(name, runs_dir).evaluation)


def _measured(name: str, folder: Path) -> Measured:
    path = folder / check_name(name)
    if not (path / CONFIG).is_file():
        raise no_such_run(name, folder)
    about = read_about(path)
    try:
        metrics = read_json(path / METRICS)
        per_user, targets = _per_user(path, metrics), _targets(metrics)
        evaluation = Evaluation.from_dict(metrics["models"], per_user, metrics["protocol"], targets=targets)
        config = parse_config(about["config"], str(path / CONFIG))
        line, answers = parse(RunLine, about, CONFIG), answering_model(metrics)
        seconds = line.seconds["train"]
        return Measured(name, about["fingerprint"], config, seconds, line.epochs, evaluation, answers)
    except DAMAGE as error:
        raise damaged(name, path, error) from error


def split_of(dataset: Dataset, config: RunConfig) -> Split:
    """The split that the settings describe.

    Raises:
        DataError: the log cannot be split this way.
    """
    return split_from_config(dataset, config.evaluation)


def candidates_of(split: Split, config: RunConfig, network: Transformer) -> np.ndarray:
    """(n_items + 1,) bool; the items that the network ranks: those of the training part, and new ones with content."""
    if not config.evaluation.new_items:
        return split.candidates
    return split.candidates | network.item_vectors.described()


def cohorts_of(split: Split, config: RunConfig) -> Cohorts:
    """Head and tail according to the settings."""
    return make_cohorts(split, config.evaluation.head_share, config.evaluation.item_head_share)
