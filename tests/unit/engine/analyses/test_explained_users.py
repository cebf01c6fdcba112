"""Many users are explained as each alone, kept with the run, and put side by side by cohort."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.analyses.explained_users import EXPLAINED
from tests.conftest import TINY_RUN


@pytest.fixture(scope="module")
def run(tiny_run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> engine.Run:
    runs = tmp_path_factory.mktemp("explained")
    shutil.copytree(tiny_run_dir / TINY_RUN, runs / TINY_RUN)
    return engine.load_run(TINY_RUN, runs)


@pytest.fixture(scope="module")
def found(run: engine.Run) -> engine.ExplainedUsers:
    told: list[float] = []
    given = engine.explain_users(run, users=24, on_progress=lambda progress: told.append(progress.done))
    assert told == sorted(told)
    assert told[-1] == 1
    return given


def test_each_user_has_the_values_that_they_have_alone(run: engine.Run, found: engine.ExplainedUsers) -> None:
    assert found.users["cohort"].value_counts().to_dict() == {"head": 12, "tail": 12}
    for row in (0, 23):
        user, item = found.users["user_id"][row], found.users["item_id"][row]
        assert item == engine.recommend(run, user, k=1).items[0].item_id
        alone, parts = engine.explain(run, user), engine.explain_features(run, user)
        events = found.events.loc[found.events["row"] == row]
        assert events["value"].tolist() == pytest.approx([p.value for p in alone.players], abs=1e-4)
        assert events["item_id"].tolist() == [p.item_id or "" for p in alone.players]
        assert events["back"].iloc[-1] == 1
        features = found.features.loc[found.features["row"] == row]
        assert features["value"].tolist() == pytest.approx([f.value for f in parts.features], abs=1e-4)


def test_it_is_kept_until_the_question_changes(run: engine.Run, found: engine.ExplainedUsers) -> None:
    held = engine.kept_explained_users(run, users=24)
    assert held is not None
    assert held.events.equals(found.events)
    assert engine.kept_explained_users(run, users=26) is None
    (run.path / EXPLAINED).write_text("{", encoding="utf-8")
    assert engine.kept_explained_users(run, users=24) is None


def test_groups_hold_every_value_and_means_are_over_users(run: engine.Run, found: engine.ExplainedUsers) -> None:
    by = {name: engine.values_by(run, found, name) for name in ("recency", "category", "feature")}
    assert len(by["recency"]) == len(found.events)
    assert len(by["feature"]) == len(found.features)
    known = {part.strip() for text in run.dataset.item_table["category"] for part in text.split("|")}
    assert set(by["category"]["group"]) == known
    assert list(by["recency"]["group"].cat.categories)[:4] == ["1", "2", "3", "4-5"]
    sizes = engine.value_sizes(by["recency"], samples=200)
    for cohort in ("head", "tail"):
        mine = by["recency"].loc[(by["recency"]["group"] == "4-5") & (by["recency"]["cohort"] == cohort)]
        wanted = mine.assign(value=mine["value"].abs()).groupby("user_id")["value"].mean()
        (told,) = sizes.loc[(sizes["group"] == "4-5") & (sizes["cohort"] == cohort)].to_dict("records")
        assert told["size"] == pytest.approx(wanted.mean())
        assert told["n_users"] == len(wanted)
        assert told["low"] <= told["size"] <= told["high"]
        assert told["n_values"] == len(mine)
    assert np.isfinite(sizes[["size", "low", "high", "mean"]].to_numpy()).all()
