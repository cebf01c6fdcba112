"""Engine results as the JSON documents that `--json` prints. Their shapes are a promise to scripts.

That of `train` and `evaluate` is `engine.document`, since the run folder keeps the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from engine import (
        Attribution,
        CleaningReport,
        Contrast,
        Counterfactual,
        CrossValidation,
        DamagedRun,
        Dataset,
        Difference,
        Estimate,
        ExplainedUsers,
        FeatureAttribution,
        FeatureValue,
        Player,
        Recommendations,
        Run,
        RunComparison,
        RunConfig,
        RunSummary,
        Search,
    )


def cleaning(report: CleaningReport | None, dataset: Dataset | None = None) -> dict[str, Any] | None:
    """Of `validate`, and within others under "cleaning": the report, and the size of what is left."""
    if report is None:
        return None
    if dataset is None:
        return report.to_dict()
    size = {"users": dataset.n_users, "items": dataset.n_items, "interactions": dataset.n_interactions}
    return report.to_dict() | size


def recommendations(given: Recommendations) -> dict[str, Any]:
    """Of `recommend`: `user` is null for a new user."""
    history = [
        {
            "position": event.position,
            "item_id": event.item_id,
            "title": event.title,
            "time": None if event.time is None else event.time.isoformat(),
        }
        for event in given.history
    ]
    items = [{"item_id": i.item_id, "title": i.title, "score": i.score, "rank": i.rank} for i in given.items]
    return {"user": given.user_id, "history": history, "items": items, "model": given.model}


def attribution(given: Attribution, run: Run) -> dict[str, Any]:
    """Of `explain`: base plus values is the score. What stands for several events has neither item nor position."""
    values = [
        {"item_id": p.item_id, "title": player_title(p), "position": p.position, "value": p.value}
        for p in given.players
    ]
    return {
        "user": given.user_id,
        "item": given.item_id,
        "score": given.score,
        "base": given.base,
        "attributions": values,
        "attention": {"layers": run.config.model.n_layers, "heads": run.config.model.n_heads},
        "model": given.model,
        "shares": given.shares,
        "against": given.against and asdict(given.against),
    }


def attributions(given: Sequence[Attribution], run: Run) -> dict[str, Any]:
    """Of `explain --list`: what `explain` gives of each item, best first."""
    return {"items": [attribution(one, run) for one in given]}


def contrast(given: Contrast, run: Run) -> dict[str, Any]:
    """Of `explain --instead-of`: the difference of two items' scores; values are the first's less the second's."""
    first, second = given.first, given.second
    values = [
        {"item_id": p.item_id, "title": player_title(p), "position": p.position, "value": p.value, "spread": p.spread}
        for p in given.players
    ]
    return {
        "difference": first.score - second.score,
        "base": first.base - second.base,
        "attributions": values,
        "item": attribution(first, run),
        "instead_of": attribution(second, run),
        "against": given.against and asdict(given.against),
    }


def features(given: FeatureAttribution) -> dict[str, Any]:
    """Of `explain --features`: base plus values is the score."""
    return {
        "user": given.user_id,
        "item": given.item_id,
        "score": given.score,
        "base": given.base,
        "features": [_feature(feature) for feature in given.features],
        "exact": given.exact,
        "model": given.model,
    }


def _feature(given: FeatureValue) -> dict[str, Any]:
    """Of one feature; the key `told` is older than the name of the attribute."""
    return {"of": given.of, "name": given.name, "told": given.content, "value": given.value, "spread": given.spread}


def without(given: Counterfactual) -> dict[str, Any]:
    """Of `explain --without`: `events` is empty where no set was found."""
    return {
        "user": given.user_id,
        "item": given.item_id,
        "k": given.k,
        "rank": {"now": given.rank, "hidden": given.rank_hidden, "deleted": given.rank_deleted},
        "events": [asdict(event) for event in given.events],
        "replaced_by": [asdict(place) for place in given.replaced_by],
        "proven": given.proven,
        "tried_up_to": given.tried_up_to,
        "evaluations": given.n_evaluations,
        "model": given.model,
    }


def value_sizes(found: ExplainedUsers, sizes: pd.DataFrame, by: str) -> dict[str, Any]:
    """Of `explain-users`: one entry a group and cohort; sizes are means of absolute values, with their interval."""
    return {
        "by": by,
        "users": len(found.users),
        "model": found.model,
        "evaluations": found.n_evaluations,
        "seconds": found.seconds,
        "groups": sizes.assign(group=sizes["group"].astype(str)).to_dict("records"),
    }


def player_title(player: Player) -> str:
    """An event's title, or how many events a group of earlier ones holds."""
    return player.label if player.item_id is not None else f"{player.n_events:,} earlier events"


def runs(found: Sequence[RunSummary], damaged: Sequence[DamagedRun] = ()) -> dict[str, Any]:
    """Of `runs`."""
    return {
        "runs": [
            {
                "name": run.name,
                "path": str(run.path),
                "created": run.created,
                "dataset": run.dataset,
                "users": run.n_users,
                "items": run.n_items,
                "interactions": run.n_interactions,
                "epochs": run.epochs,
                "seconds": {"train": run.train_seconds},
                "ndcg@10": _estimate(run.ndcg10),
            }
            for run in found
        ]
    } | ({"damaged": [{"name": run.name, "reason": str(run.reason)} for run in damaged]} if damaged else {})


def comparison(given: RunComparison) -> dict[str, Any]:
    """Of `compare`: a model's `difference` is null in the first row, which is what the others are held against."""
    models = [
        {
            "run": row.run,
            "model": row.model,
            "seconds": None if row.train_seconds is None else {"train": row.train_seconds},
            **{_users(cohort): _estimate(figure) for cohort, figure in row.figures.items()},
            "difference": {_users(cohort): _difference(cell) for cohort, cell in row.differences.items()} or None,
        }
        for row in given.models
    ]
    return {
        "metric": given.metric,
        "protocol": given.protocol,
        "confidence": given.confidence,
        "runs": list(given.runs),
        "n": {_users(cohort): n for cohort, n in given.sizes.items()},
        "models": models,
        "settings": {key: dict(zip(given.runs, values, strict=True)) for key, values in given.settings.items()},
    }


def cross_validation(given: CrossValidation) -> dict[str, Any]:
    """Of `cross-validate`: for each model and cohort every metric's mean, spread and figure in each fold."""
    return {
        "by": given.by,
        "protocol": given.protocol,
        "folds": len(given.epochs),
        "n": {_users(cohort): list(sizes) for cohort, sizes in given.sizes.items()},
        "tested_from": [time_text(cut) for cut in given.cuts] or None,
        "epochs": list(given.epochs),
        "seconds": {"train": list(given.seconds)},
        "models": {
            model: {
                _users(cohort): {metric: asdict(spread) for metric, spread in metrics.items()}
                for cohort, metrics in cohorts.items()
            }
            for model, cohorts in given.models.items()
        },
        "kept_in": str(given.folder),
        "cleaning": cleaning(given.cleaning),
    }


def search(given: Search, run: str | None) -> dict[str, Any]:
    """Of `tune`: every trial, and all settings with the best in them; `run` was trained with these, if asked for."""
    return {
        "metric": "validation ndcg@10",
        "protocol": given.protocol,
        "trials": [asdict(trial) for trial in given.trials],
        "best": asdict(given.best),
        "importances": given.importances,
        "config": given.config.model_dump(mode="json"),
        "kept_in": str(given.folder),
        "run": run,
        "cleaning": cleaning(given.cleaning),
    }


def time_text(seconds: int) -> str:
    """Seconds since 1970 UTC as ISO text."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _users(cohort: str) -> str:
    return "overall" if cohort == "all" else cohort


def _difference(given: Difference) -> dict[str, Any]:
    one = given.comparison
    return {
        "value": one.difference.value,
        "low": one.difference.low,
        "high": one.difference.high,
        "p_value": one.p_value,
        "p_holm": given.p_holm,
        "effect_size": one.effect_size,
        "significant": given.significant,
    }


def _estimate(given: Estimate | None) -> dict[str, float] | None:
    return None if given is None else {"value": given.value, "low": given.low, "high": given.high}


def settings(config: RunConfig) -> dict[str, Any]:
    """Of `config`: every setting by section, with its value and help."""
    sections = {name: getattr(config, name) for name in type(config).model_fields}
    return {
        name: {
            key: {"value": getattr(section, key), "help": field.description}
            for key, field in type(section).model_fields.items()
        }
        for name, section in sections.items()
    }


def fetched(name: str, path: Path) -> dict[str, Any]:
    """Of `data`."""
    return {"name": name, "path": str(path)}
