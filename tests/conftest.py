"""A small log, and a run trained on it once for all tests that need one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pandas as pd
import pytest

import engine

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run beside each other; none needs more

hypothesis.settings.register_profile("beside others", deadline=None)  # what is slow then need not be slow
hypothesis.settings.load_profile("beside others")

HOSTILE_TITLE = "<img src=x onerror=alert(1)>"
LONG_TITLE = "The long and winding title of a thing, " * 100
TINY_RUN = "tiny"
BLENDED_RUN = "blended"

TRAINED = {"tiny_run_dir", "blended_run_dir", "architecture_runs", "kinds_of_runs", "browser"}
"""Fixtures that train, or that wait for a browser."""

TRAINING = (
    "tests/app/test_kinds.py",
    "tests/unit/test_wheel.py",
    "tests/unit/dashboard/cli/test_main.py::TestTrain",
    "tests/unit/engine/model/content/test_sentence_bert.py",
    "tests/unit/engine/pipeline/",
    "tests/unit/engine/ensemble/test_runs.py",
    "tests/unit/engine/model/training/test_loop.py",
    "tests/unit/engine/model/training/test_lazy_adamw.py",
    "tests/unit/engine/model/content/test_user_content.py",
    "tests/unit/dashboard/cli/test_tune.py",
    "tests/unit/dashboard/cli/test_cross_validate.py",
    "tests/unit/dashboard/cli/test_server_process.py",
    "tests/unit/dashboard/test_server.py",
)
"""Tests that train for themselves, build a wheel or start a server."""

FIRST = (
    "tests/e2e/",
    "tests/unit/engine/pipeline/test_kill.py",
    "tests/app/test_views.py",
    "tests/app/test_random_walks.py",
)
"""What takes longest begins first, so that no process is left alone with it at the end."""

N_USERS, N_ITEMS = 120, 60
_THINGS = ("tent", "sleeping bag", "stove", "lamp", "boots", "rope")
_THINGS_ZH = ("帐篷", "睡袋", "炉子", "头灯", "靴子", "绳索")
_CATEGORIES = ("Camping", "Kitchen", "Light", "Shoes", "Climbing", "Sale | 50 % *off*")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what trains, which `make quick` leaves out, and begin with what takes long."""
    for item in items:
        if TRAINED & set(getattr(item, "fixturenames", ())) or item.nodeid.startswith(TRAINING):
            item.add_marker("trained")
    items.sort(key=lambda item: next((at for at, path in enumerate(FIRST) if item.nodeid.startswith(path)), len(FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests stay in one process, since they share what it sets up; so do all that share the browser.

    pytest-xdist's own marks for that do nothing under pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return FIRST[0] if file.startswith(FIRST[0]) else file

    return Together(config, log)


def tiny_tables(seed: int = 0) -> dict[str, pd.DataFrame]:
    """Tables of a small shop: 120 users, 60 items, histories from 1 to some 40 events, the next item often item + 1."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(1.9, 0.7, N_USERS).round().astype(int), 3, 40)
    lengths[:2] = (1, 2)  # too short to hold anything out
    rows = []
    for user, length in enumerate(lengths):
        item, now = int(rng.integers(N_ITEMS)), int(rng.integers(0, 200))
        for _ in range(length):
            rows.append((f"u{user:03d}", f"i{item:02d}", 1_700_000_000 + now * 86_400))
            item = (item + 1) % N_ITEMS if rng.random() < 0.75 else int(rng.zipf(1.4) % N_ITEMS)
            now += int(rng.integers(0, 9))
    titles = [f"{_THINGS[i % 6].capitalize()} no. {i}" for i in range(N_ITEMS)]
    titles[3] = HOSTILE_TITLE
    titles[4] = "**bold** [link](javascript:alert(1)) $x$ :red[red] www.example.com"
    items = pd.DataFrame(
        {
            "item_id": [f"i{i:02d}" for i in range(N_ITEMS)],
            "title": titles,
            "title_zh": [f"{_THINGS_ZH[i % 6]}{i}号" for i in range(N_ITEMS)],
            "category": [_CATEGORIES[i % 6] for i in range(N_ITEMS)],
            "price": rng.uniform(5, 200, N_ITEMS).round(2),
        }
    )
    users = pd.DataFrame(
        {
            "user_id": [f"u{i:03d}" for i in range(N_USERS)],
            "region": rng.choice(["North", "South", "西部"], N_USERS),
            "age_band": rng.choice(["18-29", "30-49", "50+"], N_USERS),
        }
    )
    interactions = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    broken = pd.DataFrame([("u000", "", 1_700_000_000), ("u001", "i01", "yesterday-ish")], columns=interactions.columns)
    return {"interactions": pd.concat([interactions, broken], ignore_index=True), "items": items, "users": users}


@pytest.fixture(scope="session")
def tiny_log_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `interactions.csv`, `items.csv` and `users.csv` of the small shop."""
    folder = tmp_path_factory.mktemp("tiny-shop")
    for name, table in tiny_tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def tiny_config(**changes: object) -> engine.RunConfig:
    """Settings of a small, quick run; `section__key` changes them."""
    settings = {
        "training__max_epochs": 2,
        "model__d_model": 16,
        "model__n_layers": 2,
        "model__n_heads": 2,
        "model__max_len": 16,
        "model__ensemble": "[]",
        "evaluation__bootstrap_samples": 100,
        "evaluation__exclude_seen": "true",  # a seventh of its validation targets are repeats
    }
    return engine.load_config(
        changes=[f"{key.replace('__', '.')}={value}" for key, value in {**settings, **changes}.items()]
    )


@pytest.fixture(scope="session")
def tiny_run_dir(tiny_log_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs directory that holds one run, TINY_RUN: two epochs on the small shop. To be read, not written to."""
    runs = tmp_path_factory.mktemp("runs")
    engine.train_run(tiny_log_dir, name=TINY_RUN, runs_dir=runs, config=tiny_config())
    return runs


@pytest.fixture(scope="session")
def blended_run_dir(tiny_log_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs directory that holds one run, BLENDED_RUN: the tiny one trained for longer, answered by an ensemble."""
    runs = tmp_path_factory.mktemp("blended-runs")
    config = tiny_config(
        model__ensemble='["ease", "itemknn"]',
        model__user_content="false",
        model__dropout=0.1,
        training__max_epochs=12,
        training__batch_tokens=64,
        training__learning_rate=0.005,
        training__warmup_steps=10,
    )
    engine.train_run(tiny_log_dir, name=BLENDED_RUN, runs_dir=runs, config=config)
    return runs


@pytest.fixture(scope="session")
def architecture_runs(tiny_log_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs directory with a run "masked" and a run "encoder-decoder". To be read, not written to."""
    runs = tmp_path_factory.mktemp("architectures")
    for name in ("masked", "encoder-decoder"):
        engine.train_run(tiny_log_dir, name=name, runs_dir=runs, config=tiny_config(model__architecture=name))
    return runs


KINDS = ("plain", "film", "odd", "sequences")
"""Runs of `kinds_of_runs`, by the kind of log that they are of."""

ODD_COLUMN = "size=eu"
"""A column whose name holds what parts a column from its value, in the tables of the run "odd"."""

LONG_COLUMN = "k" * 200
"""A column whose values are of five thousand letters and differ in the last one alone, in tables of the run "odd"."""

_KIND_USERS, _KIND_ITEMS = 40, 30


def _kind_events(seed: int) -> pd.DataFrame:
    """Some 320 events of 40 users with 30 items; the longest histories meet every item there is but one."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(_KIND_USERS):
        start, length = int(rng.integers(_KIND_ITEMS)), _KIND_ITEMS - 1 if user == 0 else 3 + user % 9
        times = 1_700_000_000 + np.sort(rng.integers(0, 300 * 86_400, length))
        rows += [(f"{user + 1}", f"{(start + step) % _KIND_ITEMS + 1}", int(t)) for step, t in enumerate(times)]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])


def _plain_log(folder: Path) -> Path:
    """A log of users, items and times, and nothing else."""
    _kind_events(1).to_csv(folder / "plain.csv", index=False)
    return folder / "plain.csv"


def _film_log(folder: Path) -> Path:
    """Ratings in MovieLens' first layout: films with years and genres, users with age, gender and occupation."""
    events = _kind_events(2)
    rated = events.assign(rating=np.arange(len(events)) % 5 + 1)[["user_id", "item_id", "rating", "timestamp"]]
    rated.to_csv(folder / "u.data", sep="\t", header=False, index=False)
    flags = [[int((item + genre) % 7 == 0) for genre in range(19)] for item in range(_KIND_ITEMS)]
    films = [
        f"{item + 1}|Film {item + 1}, The ({1960 + item})|01-Jan-{1960 + item}||http://example.org/{item}|"
        + "|".join(map(str, flags[item]))
        for item in range(_KIND_ITEMS)
    ]
    (folder / "u.item").write_text("\n".join(films) + "\n", encoding="latin-1")
    people = [
        f"{user + 1}|{18 + user}|{'MF'[user % 2]}|{('writer', 'student', 'lawyer')[user % 3]}|{10000 + user}"
        for user in range(_KIND_USERS)
    ]
    (folder / "u.user").write_text("\n".join(people) + "\n", encoding="latin-1")
    return folder


def _odd_log(folder: Path) -> Path:
    """Columns under unusual names: with an equals sign, quotes, commas, line breaks, pictures, and at great length."""
    _kind_events(3).rename(columns={"user_id": "Customer ID", "item_id": "SKU", "timestamp": "ts"}).to_csv(
        folder / "interactions.csv", index=False
    )
    number = np.arange(_KIND_USERS)
    pd.DataFrame(
        {
            "Customer ID": number + 1,
            ODD_COLUMN: [("S=small", "M")[n % 2] for n in number],
            "size": [("eu=S", "L")[n // 2 % 2] for n in number],
            'she said "a, b"': [("yes", "no")[n // 4 % 2] for n in number],
            "two\nlines": [("up", "down")[n // 8 % 2] for n in number],
            "🎵": [("rock", "jazz")[n // 16 % 2] for n in number],
            "long " * 60: number % 5,
            LONG_COLUMN: ["w" * 5_000 + str(n % 3) for n in number],
        }
    ).to_csv(folder / "users.csv", index=False)
    number = np.arange(_KIND_ITEMS)
    pd.DataFrame(
        {
            "SKU": number + 1,
            "title": [LONG_TITLE if n == 3 else "w" * 30_000 if n == 5 else f"Thing {n + 1}" for n in number],
            "a=b": [("x=y", "z")[n % 2] for n in number],
            "own": number % 4,
            "weight, kg": number / 7,
            f"{LONG_COLUMN} too": ["w" * 5_000 + str(n % 3) for n in number],
        }
    ).to_csv(folder / "items.csv", index=False)
    return folder


def _sequences_log(folder: Path) -> Path:
    """One user a line and then the user's items; no times."""
    lines = [
        " ".join([f"user{user}", *items])
        for user, items in _kind_events(4).groupby("user_id", sort=False)["item_id"].agg(list).items()
    ]
    (folder / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "lines.txt"


@pytest.fixture(scope="session")
def kinds_of_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs directory with one small run of each of KINDS. To be read, not written to."""
    runs = tmp_path_factory.mktemp("kinds")
    config = tiny_config(training__max_epochs=1, model__n_layers=1, evaluation__bootstrap_samples=100)
    for name, write in zip(KINDS, (_plain_log, _film_log, _odd_log, _sequences_log), strict=True):
        engine.train_run(write(tmp_path_factory.mktemp(name)), name=name, runs_dir=runs, config=config)
    return runs
