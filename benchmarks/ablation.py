"""What each ingredient of the recipe is worth: the base settings, and variants that differ from them in one thing.

python benchmarks/ablation.py PATH [--preset best] [--set section.key=value] [--seeds 3] [--only no-average crop ...]

Trains the base and every variant with the same seeds and prints a table: NDCG@10 of all, head and tail users, and how
much better than the base each variant serves the same users, with a bootstrap interval. Figures are of validation
targets, since it is for choosing; --part test is for reporting what was chosen. A user's figure is the mean over seeds.

Every finished training is a line of the file named by --out, with the figures of both parts, and is not done again: an
ablation that was cut off goes on with the same command.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.config import RunConfig, load_config
from engine.data.cleaning import load_dataset
from engine.data.dataset import Dataset
from engine.data.splits import Holdout, Split
from engine.evaluation.metrics.accuracy import per_user_metrics
from engine.evaluation.ranking import ranks_of_targets
from engine.evaluation.stats.bootstrap import Levels, interval, resampled_means
from engine.model.training.defaults import resolve
from engine.pipeline.fitting import contents_of, fit
from engine.recommender import TransformerRecommender
from engine.runs.folder import fingerprint
from engine.runs.store import candidates_of, cohorts_of, split_of

BASE = "base"
METRIC, K = "ndcg@10", 10
COHORTS = ("all", "head", "tail")

VARIANTS: dict[str, tuple[str, ...]] = {
    "no-item-content": ("model.item_content=false",),
    "no-user-content": ("model.user_content=false",),
    "no-average": ("training.average=0",),
    "no-own-dropout": ("model.id_dropout=0",),
    "no-event-dropout": ("model.event_dropout=0",),
    "no-dropout": ("model.dropout=0",),
    "no-weight-decay": ("training.weight_decay=0",),
    "no-warm-up": ("training.warmup_steps=0",),
    "dot-product": ("model.output=dot",),
    "pre-training": ("training.pretrain_epochs=10",),
    "content-loss": ("training.content_loss=1",),
    "label-smoothing": ("training.label_smoothing=0.1",),
    "l1": ("training.l1=0.01",),
    "cosine": ("training.schedule=cosine",),
    "linear": ("training.schedule=linear",),
    "crop": ("augmentation.crop=0.2",),
    "reorder": ("augmentation.reorder=0.2",),
    "substitute": ("augmentation.substitute=0.2",),
    "truncate-head": ("augmentation.truncate_head=0.2",),
    "input-noise": ("augmentation.input_noise=0.1",),
}
"""What each variant changes: first what the recipe holds, taken away; then what it does without, added."""


@dataclass(frozen=True)
class Outcome:
    """A variant over all seeds: each user's figure, and what one training took on average."""

    figures: np.ndarray
    seconds: float
    epochs: float


def main() -> None:
    """Train what is not in the file yet, then print."""
    asked = _arguments()
    dataset, _ = load_dataset(asked.path, load_config(None, asked.set).data)
    base = _config(asked, 0, ())
    split = split_of(dataset, base)
    names = [BASE, *(asked.only or VARIANTS)]
    done = _read(asked.out)
    outcomes: dict[str, Outcome] = {}
    for name in names:
        rows = [_row(asked, dataset, split, name, seed, done) for seed in range(asked.seeds)]
        figures = np.mean([row[asked.part] for row in rows], axis=0)
        seconds, epochs = (float(np.mean([row[key] for row in rows])) for key in ("seconds", "epochs"))
        outcomes[name] = Outcome(figures, seconds, epochs)
    is_head = cohorts_of(split, base).user_is_head[_holdouts(split)[asked.part].users]
    print(f"{METRIC} on {asked.part} targets, {asked.seeds} seed(s), {base.evaluation.confidence:.0%} intervals\n")
    print("\n".join(table(outcomes, is_head, base)))


def table(outcomes: dict[str, Outcome], is_head: np.ndarray, config: RunConfig) -> list[str]:
    """Lines of a Markdown table: each variant's means by cohort, and its paired differences against the base."""
    sizes = {"all": len(is_head), "head": int(is_head.sum()), "tail": int((~is_head).sum())}
    means = [f"{cohort}, n = {sizes[cohort]:,}" for cohort in COHORTS]
    header = ["variant", *means, *(f"Δ {cohort}" for cohort in COHORTS), "seconds", "epochs"]
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for name, outcome in outcomes.items():
        cells = [name]
        for cohort in COHORTS:
            users = _users(cohort, is_head)
            cells.append(f"{outcome.figures[users].mean():.4f}" if users.any() else "–")
        for cohort in COHORTS:
            users = _users(cohort, is_head)
            shown = name != BASE and users.any()
            change = (outcome.figures - outcomes[BASE].figures)[users]
            cells.append("{:+.4f} ({:+.4f} to {:+.4f})".format(*difference(change, config)) if shown else "–")
        cells += [f"{outcome.seconds:.1f}", f"{outcome.epochs:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def difference(change: np.ndarray, config: RunConfig) -> tuple[float, float, float]:
    """Mean of users' differences, and the lower and upper ends of its bootstrap interval."""
    e = config.evaluation
    rng = np.random.default_rng(e.seed)
    drawn = resampled_means(Levels.of(change[:, None]), np.arange(len(change)), e.bootstrap_samples, rng)
    low, high = interval(drawn[:, 0], e.confidence)
    return float(change.mean()), float(low), float(high)


def _row(
    asked: argparse.Namespace, dataset: Dataset, split: Split, name: str, seed: int, done: list[dict[str, Any]]
) -> dict[str, Any]:
    """One training's line of the file, out of `done`; trained and added to both where it is not there yet."""
    config = resolve(_config(asked, seed, VARIANTS.get(name, ())), split, dataset.item_table)
    key = {"data": fingerprint(dataset), "config": config.model_dump(mode="json")}
    for row in done:
        if all(row[field] == value for field, value in key.items()):
            if row["variant"] != name:
                print(f"{name} (seed {seed}): the same settings as {row['variant']}", file=sys.stderr)
            return row
    trained = fit(split, config, contents_of(dataset, config))
    recommender = TransformerRecommender(trained.network, candidates_of(split, config, trained.network))
    row = {"variant": name, "seed": seed, "seconds": trained.seconds, "epochs": len(trained.log), **key}
    for part, holdout in _holdouts(split).items():
        ranks = ranks_of_targets(recommender, holdout, config.evaluation.seen_left_out)
        row[part] = per_user_metrics(ranks, holdout.targets.offsets, [K])[METRIC].round(6).tolist()
    mean = np.mean(row[asked.part])
    print(f"{name} (seed {seed}): {mean:.4f} in {trained.seconds:.0f} s", file=sys.stderr, flush=True)
    _append(asked.out, row)
    done.append(row)
    return row


def _append(path: Path, row: dict[str, Any]) -> None:
    """Add a line, behind one that was cut off in the middle if need be."""
    with path.open("a+b") as file:
        file.seek(max(0, file.tell() - 1))
        whole = file.read() in (b"", b"\n")
        file.write((b"" if whole else b"\n") + json.dumps(row).encode() + b"\n")


def _read(path: Path) -> list[dict[str, Any]]:
    """The file's lines; one that was cut off in the middle is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            print(f"{path}: a line that is not whole is left out", file=sys.stderr)
    return rows


def _config(asked: argparse.Namespace, seed: int, changes: tuple[str, ...]) -> RunConfig:
    given = [f"training.preset={asked.preset}", *asked.set, f"training.seed={seed}", *changes]
    return load_config(None, given)


def _holdouts(split: Split) -> dict[str, Holdout]:
    return {"validation": split.valid, "test": split.test}


def _users(cohort: str, is_head: np.ndarray) -> np.ndarray:
    return {"all": np.ones(len(is_head), dtype=bool), "head": is_head, "tail": ~is_head}[cohort]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="a log in any format that `tailscope train` reads")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="of the base")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of the base and of each variant")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), metavar="NAME", help=", ".join(VARIANTS))
    parser.add_argument("--part", choices=["validation", "test"], default="validation")
    parser.add_argument("--out", type=Path, default=Path("ablation.jsonl"), help="file of finished trainings")
    return parser.parse_args()


if __name__ == "__main__":
    main()
