"""How long an edit of a history takes: new list, moved ranks, attention and Shapley values, edit by edit.

python benchmarks/what_if_times.py RUN [RUN ...] [--edits 40] [--threads 1]

RUN is the folder of a run. Users are drawn from short and long histories alike; each edit removes, moves or adds an
event, and every other one changes an attribute where the run reads some. Prints one JSON document: median and 95th
percentile of the whole in milliseconds, and medians of its parts.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np

import engine
from benchmarks.measuring import seconds_of

WARM_UP = 4


def edited(
    run: engine.Run, own: engine.HypotheticalUser, about: dict[str, str], turn: int, rng: random.Random
) -> engine.HypotheticalUser:
    """A person with one thing changed."""
    items = list(own.item_ids)
    at = rng.randrange(len(items))
    if turn % 3 == 0 and len(items) > 1:
        del items[at]
    elif turn % 3 == 1:
        items.insert(rng.randrange(len(items)), items.pop(at))
    else:
        items.append(run.dataset.items.id_of(1 + rng.randrange(run.dataset.n_items)))
    if turn % 2 and about:
        column = rng.choice(sorted(about))
        values = engine.attributes_used(run)[column]
        if values:
            return engine.HypotheticalUser(tuple(items), None, tuple({**about, column: rng.choice(values)}.items()))
    return engine.HypotheticalUser(tuple(items), own.as_user)


def times(path: Path, n: int) -> dict[str, object]:
    """Times of n edits."""
    run = engine.load_run(path.name, path.parent)
    heat = engine.fitted_temperatures(run)
    rng, users = random.Random(0), run.split.test.users
    lengths = run.split.test.histories.lengths
    order = users[np.argsort(lengths, kind="stable")]
    chosen = order[np.linspace(0, len(order) - 1, WARM_UP + n).astype(int)].tolist()
    rng.shuffle(chosen)
    whole: list[float] = []
    parts: list[dict[str, float]] = []
    for turn, user in enumerate(chosen):
        name = run.dataset.users.id_of(user)
        own, about = engine.hypothetical_user(run, name), engine.attributes_of(run, name)
        now = edited(run, own, about, turn, rng)

        before = engine.score_hypothetical(run, own)  # once for a user, however many edits follow

        def ask(now: engine.HypotheticalUser = now, before: engine.ScoredUser = before) -> None:
            scored = engine.score_hypothetical(run, now)
            found, why = engine.what_if(run, scored, before, temperatures=heat), engine.explain_quick(run, scored)
            parts.append({"rank": found.seconds, **(why.seconds if why else {"attention": 0.0, "explanation": 0.0})})

        whole.append(1000 * seconds_of(ask))
    told = {f"{part}_ms": round(1000 * float(np.median([p[part] for p in parts[WARM_UP:]])), 1) for part in parts[0]}
    median, late = np.quantile(whole[WARM_UP:], [0.5, 0.95])
    return {
        "run": path.name,
        "model": run.answers,
        "items": run.dataset.n_items,
        "longest_history": int(lengths.max()),
        "edits": n,
        "median_ms": round(float(median), 1),
        "p95_ms": round(float(late), 1),
        **told,
    }


def main() -> None:
    """Load, edit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--edits", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    import torch

    torch.set_num_threads(asked.threads)
    print(json.dumps([times(path, asked.edits) for path in asked.runs], indent=1))


if __name__ == "__main__":
    main()
