"""Small runs whose figures have few hits and few resamples behind them: all that is kept or printed is finite or None.

`TAILSCOPE_SEEDS` says how many seeds are tried, each with the next world: 96 of them meet every world 24 times.
"""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import engine
from dashboard.cli import output
from engine import disk
from engine.analyses import faithfulness_check
from engine.data.cleaning import load_dataset
from engine.recommender import top_k
from engine.runs import kept
from tests.conftest import TINY_RUN, tiny_config
from tests.unit.dashboard.conftest import Tailscope

pytestmark = pytest.mark.trained

SEEDS = int(os.environ.get("TAILSCOPE_SEEDS", "2"))

N_USERS, N_ITEMS = 300, 90


def _lengths(rng: np.random.Generator) -> np.ndarray:
    return np.clip(rng.lognormal(1.4, 0.6, N_USERS).round().astype(int), 3, 20)


def few_hits(rng: np.random.Generator) -> pd.DataFrame:
    """Items at random: now and then somebody's next item is in a list."""
    return _log([rng.integers(0, N_ITEMS, n).tolist() for n in _lengths(rng)])


def no_hits(rng: np.random.Generator) -> pd.DataFrame:
    """Everybody's last item is one that nobody else ever had."""
    return _log([[*rng.integers(0, N_ITEMS, n).tolist(), N_ITEMS + u] for u, n in enumerate(_lengths(rng))])


def one_tail_user(rng: np.random.Generator) -> pd.DataFrame:
    """Everybody has as many events, and one user fewer."""
    return _log([rng.integers(0, N_ITEMS, 4 if u == 0 else 7).tolist() for u in range(N_USERS)])


def all_alike(rng: np.random.Generator) -> pd.DataFrame:
    """Everybody goes the same way, so that all figures are the same for everybody."""
    start = int(rng.integers(N_ITEMS))
    return _log([[(start + step) % N_ITEMS for step in range(n)] for n in _lengths(rng)])


WORLDS = (few_hits, one_tail_user, no_hits, all_alike)

CANNOT_BE_SAID = ("there is nothing to explain", "There is no head-tail gap by users")
"""Of what a command says where figures leave it nothing to tell."""


def _log(histories: list[list[int]]) -> pd.DataFrame:
    rows = [(f"u{u:03d}", f"i{item:03d}", 1_700_000_000 + 86_400 * at)
            for u, items in enumerate(histories) for at, item in enumerate(items)]  # fmt: skip
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


def write(seed: int, folder: Path) -> Path:
    """A log of the world that is a seed's, with tables of its items and users."""
    rng = np.random.default_rng(seed)
    log = WORLDS[seed % len(WORLDS)](rng)
    items, users = sorted(set(log["item_id"])), sorted(set(log["user_id"]))
    folder.mkdir()
    log.to_csv(folder / "interactions.csv", index=False)
    category = rng.choice(["a", "b", "c"], len(items))
    pd.DataFrame({"item_id": items, "category": category}).to_csv(folder / "items.csv", index=False)
    region = rng.choice(["north", "south"], len(users), p=[0.97, 0.03])
    pd.DataFrame({"user_id": users, "region": region}).to_csv(folder / "users.csv", index=False)
    return folder


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All values that are written as JSON, to a run folder or to standard output, as they are before they are plain."""
    seen: list[Any] = []

    def watch(home: Any, name: str, at: int) -> None:
        made = getattr(home, name)

        def watched(*given: Any, **options: Any) -> Any:
            seen.append(given[at])
            return made(*given, **options)

        monkeypatch.setattr(home, name, watched)

    watch(output, "to_json", 0)
    watch(kept, "finite", 0)
    watch(disk, "write_json", 1)
    return seen


def not_finite(value: Any, place: str = "") -> list[str]:
    """The places in plain values that hold a number which is none or has no end."""
    if isinstance(value, Mapping):
        return [found for key, one in value.items() for found in not_finite(one, f"{place}.{key}")]
    if isinstance(value, list | tuple):
        return [found for at, one in enumerate(value) for found in not_finite(one, f"{place}[{at}]")]
    if isinstance(value, np.ndarray):
        return not_finite(value.tolist(), place)
    return [f"{place} = {value}"] if isinstance(value, float | np.floating) and not math.isfinite(value) else []


def external_lists(run: engine.Run, log: Path, file: Path) -> Path:
    """The run's own lists, as another system would write them."""
    items, _ = top_k(run.recommender, run.split.test.histories, 10)
    dataset, _ = load_dataset(log, run.config.data)
    users = np.repeat(dataset.users.ids_of(run.split.test.users), items.shape[1])
    shown = items.ravel() > 0
    rank = np.tile(np.arange(1, items.shape[1] + 1), len(items))[shown]
    table = pd.DataFrame({"user": users[shown], "item": dataset.items.ids_of(items.ravel()[shown]), "rank": rank})
    table.to_csv(file, index=False)
    return file


@pytest.mark.parametrize("seed", range(SEEDS))
def test_all_figures_are_finite_or_cannot_be_said(
    tailscope: Tailscope, written: list[Any], tmp_path: Path, seed: int
) -> None:
    log = write(seed, tmp_path / "log")
    config = tiny_config(
        training__max_epochs=1,
        model__d_model=8,
        model__n_layers=1,
        evaluation__bootstrap_samples=50,
        evaluation__seed=seed,
        evaluation__baselines='["popularity", "itemknn"]',
        evaluation__head_share=(0.2, 0.02, 0.6)[seed % 3],
        training__seed=seed,
    )
    run = engine.train_run(log, name="r", runs_dir=tmp_path, config=config)
    lists = external_lists(run, log, tmp_path / "lists.csv")
    settings = [f"--set=evaluation.{key}={value}" for key, value in (("bootstrap_samples", 50), ("seed", seed))]
    commands = [
        ("evaluate", "r"),
        ("compare", "r"),
        ("faithfulness", "r", "--users", 20),
        *(("explain-users", "r", "--users", 20, "--by", by) for by in ("recency", "category", "feature")),
        ("report", "r", "-o", tmp_path / "r.html", "--overwrite"),
        ("report", "r", "-o", tmp_path / "r.html", "--overwrite", "--metric", "log_rank", "--lang", "zh"),
        ("diagnose", lists, "--data", log, *settings),
    ]
    wrong: list[str] = []
    for command in commands:
        at = [] if command[0] == "diagnose" else ["--runs", tmp_path]
        for form in (["--json"], []):
            done = tailscope(*command, *at, *form)
            assert done.code == 0 or any(reason in done.err for reason in CANNOT_BE_SAID), (command, done.err)
            wrong += [f"{command} says {word}" for word in re.findall(r"\b(?:nan|inf|infinity)\b", done.out.lower())]
    page = tmp_path / "r.html"
    text = page.read_text(encoding="utf-8") if page.exists() else ""  # without a gap there is no report
    wrong += re.findall(r"[^<>]{0,40}\b(?:nan|inf|NaN)\b[^<>]{0,40}", text)
    run = engine.load_run("r", tmp_path)
    for metric in ("ndcg@10", "hr@5", "log_rank"):
        found = engine.diagnose_run(run, metric)
        again = engine.diagnose_run(run, metric)
        wrong += [] if again.to_dict() == found.to_dict() else [f"diagnosis by {metric} is not read again"]
    growth = engine.measure_cold_start(run)
    wrong += [] if engine.kept_cold_start(run) == growth else ["the growth curve is not read again"]
    roles = engine.head_roles(run)
    wrong += [] if engine.head_roles(run) == roles else ["roles of attention heads are not read again"]
    wrong += [place for value in written for place in not_finite(value)]
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert len(written) > len(commands)


@pytest.mark.parametrize(("head", "tail"), [(0.0, 0.0), (-1.0, -2.0), (1.0, 0.0), (-0.1, 1.0)])
def test_histories_that_add_nothing_or_less_are_no_share_of_anything(
    tailscope: Tailscope, written: list[Any], tiny_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    head: float, tail: float,
) -> None:  # fmt: skip
    """What histories add divides the areas: of a cohort whose histories add nothing, none can be told."""
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / TINY_RUN)
    measure = faithfulness_check.question_curves

    def adding(model: Any, question: Any, *given: Any) -> Any:
        found = measure(model, question, *given)
        return replace(found, full=found.base + {"head": head, "tail": tail}[question.cohort])

    monkeypatch.setattr(faithfulness_check, "question_curves", adding)
    command = ("faithfulness", TINY_RUN, "--users", 20, "--runs", tmp_path)
    done = tailscope(*command, "--json")
    if head <= 0 and tail <= 0:
        assert (done.code, done.out) == (1, "")
        assert "there is nothing to explain" in done.err
        return
    told = {"head"} if tail <= 0 else {"tail"}
    assert all(set(score["users"]) == told for score in done.document["methods"].values())
    assert done.document == tailscope(*command, "--json").document  # kept, and read again
    assert "cannot be said" in tailscope(*command).out
    assert [place for value in written for place in not_finite(value)] == []
