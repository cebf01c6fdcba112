"""How long the figures and gaps of all standard groups take, on an evaluation as large as Amazon Beauty's.

python -m benchmarks.groups [MODELS]
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pandas as pd

from engine.config import EvaluationConfig
from engine.evaluation.fairness.group_table import group_tables
from engine.evaluation.groups.standard import Group, standard_groups
from engine.evaluation.metrics.accuracy import per_user_metrics
from engine.evaluation.report import CohortReport, Evaluation, ModelReport

N_USERS, N_ITEMS, SAMPLES, METRICS = 22_363, 12_101, 1_000, 10


def synthetic(n_models: int, seed: int = 0) -> tuple[Evaluation, pd.DataFrame, tuple[Group, ...]]:
    """An evaluation of 22,363 users who find about a tenth of their targets, facts about them, and standard groups."""
    rng = np.random.default_rng(seed)
    lengths = 2 + rng.geometric(0.2, N_USERS)
    facts = pd.DataFrame(
        {
            "user_idx": np.arange(N_USERS),
            "history_length": lengths,
            "user_cohort": np.where(lengths >= np.quantile(lengths, 0.8), "head", "tail"),
            "recency_days": rng.exponential(200, N_USERS).round(2),
            "mainstream": rng.beta(4, 2, N_USERS).round(3),
            "region": rng.choice(list("ABCDEFGH"), N_USERS, p=np.array([30, 20, 15, 12, 10, 8, 4, 1]) / 100),
            "age_band": rng.choice(["18-24", "25-34", "35-49", "50-64", "65+"], N_USERS),
        }
    )
    frames = []
    for model in range(n_models):
        hit = rng.random(N_USERS) < 0.08 + 0.02 * np.log(lengths)
        ranks = np.where(hit, rng.geometric(0.2, N_USERS), rng.integers(1, N_ITEMS, N_USERS)).astype(np.int32)
        metrics = per_user_metrics(ranks, np.arange(N_USERS + 1), (5, 10))
        own = {name: metrics[name] for name in list(metrics)[: METRICS - 1]} | {"log_rank": np.log(ranks)}
        frames.append(pd.DataFrame({"model": f"model {model}", "user_idx": np.arange(N_USERS), **own}))
    nothing = ModelReport(CohortReport(0, {}), {}, {}, {}, {})
    models = {f"model {model}": nothing for model in range(n_models)}
    return Evaluation("leave-last-out", models, pd.concat(frames, ignore_index=True)), facts, standard_groups(facts)


def main() -> None:
    """Print the seconds."""
    n_models = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    evaluation, facts, groups = synthetic(n_models)
    config = EvaluationConfig(bootstrap_samples=SAMPLES)  # pyright: ignore[reportCallIssue]
    start = time.perf_counter()
    tables = group_tables(evaluation, facts, groups, config=config)
    seconds = time.perf_counter() - start
    about = {"users": N_USERS, "samples": SAMPLES, "models": n_models, "metrics": METRICS, "groups": len(groups)}
    print(json.dumps({**about, "figures": len(tables.figures), "gaps": len(tables.gaps), "seconds": round(seconds, 1)}))


if __name__ == "__main__":
    main()
