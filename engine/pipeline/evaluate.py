"""Evaluating a run again, and its figures as one document."""

from __future__ import annotations

from typing import Any

from engine.config import RunConfig
from engine.errors import ConfigError
from engine.evaluation.report import Evaluation
from engine.pipeline.fitting import measure
from engine.progress import OnProgress, ignore
from engine.recommender import Answering
from engine.runs.store import Run

FIXED = ("protocol", "test_share", "new_items")
"""Settings of `evaluation` that decide what was trained on, so that they cannot change for a trained run."""


def evaluate_run(run: Run, config: RunConfig | None = None, on_progress: OnProgress = ignore) -> Evaluation:
    """The run's figures measured again, with baselines fitted again; the run folder is not changed.

    Args:
        run: a whole run.
        config: settings, of which the `evaluation` section is used; the run's own when not given.
        on_progress: called as the work proceeds.

    Raises:
        ConfigError: a setting that was fixed when the run was trained has another value.

    >>> again = engine.evaluate_run(run)
    >>> list(again.models), again.protocol
    (['transformer', 'popularity', 'itemknn', 'ease'], 'leave-last-out')
    >>> sorted(again.models["transformer"].users), again.models["transformer"].users["tail"].n
    (['head', 'tail'], 92)
    """
    for key in FIXED:
        now, then = (getattr(c.evaluation, key) for c in (config or run.config, run.config))
        if now != then:
            raise ConfigError(
                "evaluation.{key} = {now!r} cannot be measured on run {name!r}, which was trained with {then!r}: it "
                "decides what training may see. Leave it out, or train anew with it: `tailscope train PATH --set "
                "evaluation.{key}={now} --name ANOTHER`.",
                key=key,
                now=now,
                then=then,
                name=run.name,
            )
    config = (config or run.config).replace({"model": run.config.model.model_dump()})
    return measure(run.recommender, run.split, config, on_progress, run.ensemble, dataset=run.dataset)


def document(
    name: str, epochs: int, seconds: dict[str, float], evaluation: Evaluation, answers: Answering
) -> dict[str, Any]:
    """The JSON document of `train --json` and `evaluate --json`, which is also metrics.json.

    >>> found = engine.document("tiny", run.epochs, run.seconds, evaluation, run.answers)
    >>> sorted(found)
    ['answers', 'epochs', 'models', 'protocol', 'run', 'seconds', 'targets']
    """
    return {
        "run": name,
        "epochs": epochs,
        "seconds": seconds,
        "protocol": evaluation.protocol,
        "answers": answers,
        "models": evaluation.to_dict(),
        "targets": None if evaluation.targets is None else evaluation.targets.to_dict(),
    }
