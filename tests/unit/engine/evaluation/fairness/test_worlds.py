"""The truncation experiment in worlds whose truth is known: it tells short histories from different people."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from engine.config import RunConfig
from engine.data.dataset import Dataset, Histories, Vocabulary
from engine.data.splits import leave_last_out
from engine.evaluation.cohorts import make_cohorts
from engine.evaluation.fairness.gap_decomposition import GapDecomposition
from engine.evaluation.fairness.truncation import Truncation, truncation_experiment
from engine.evaluation.report import evaluate
from engine.model.baselines import EASE, ItemKNN
from engine.model.training.defaults import resolve
from engine.model.training.loop import train
from engine.recommender import TransformerRecommender
from sample_data.behaviour import Kind
from sample_data.generate import Shop, main, make_files, make_shop

pytestmark = pytest.mark.slow

N_CUSTOMERS = 800
MODELS = ("transformer", "itemknn", "ease")


@pytest.fixture(scope="module")
def shops() -> dict[str, Shop]:
    return {kind: make_shop(kind=kind, n_customers=N_CUSTOMERS) for kind in get_args(Kind)}


@pytest.fixture(scope="module")
def cut(shops: dict[str, Shop]) -> dict[str, dict[str, Truncation]]:
    """The experiment in each world; where the record is short, what is cut off is forgotten."""
    return {kind: experiment(shop, forget=kind == "short-records") for kind, shop in shops.items()}


def experiment(shop: Shop, forget: bool) -> dict[str, Truncation]:
    users = Vocabulary(np.array([c.user_id for c in shop.customers], dtype=object), 0, "user")
    items = Vocabulary(np.array([p.item_id for p in shop.world.catalogue.products], dtype=object))
    rows = Histories.of([np.array(p.items) + 1 for p in shop.log], range(len(users)))
    tables = pd.DataFrame({"user_id": users.ids}), pd.DataFrame({"item_id": items.ids})
    split = leave_last_out(Dataset("shop", users, items, rows, None, None, *tables))
    config = RunConfig().replace(
        {
            "model": {"d_model": 32, "max_len": 50},
            "training": {"max_epochs": 8, "learning_rate": 3e-3},
            "evaluation": {"bootstrap_samples": 500},
        }
    )
    network = train(split, resolve(config, split)).network
    models = [
        TransformerRecommender(network, split.candidates),
        ItemKNN(split.train, split.n_items),
        EASE(split.train, split.n_items, 100.0),
    ]
    evaluation = evaluate(models, split, make_cohorts(split, 0.2, 0.2), config.evaluation)
    return truncation_experiment(models, split, evaluation, config.evaluation, forget=forget)


def parts(cut: dict[str, dict[str, Truncation]], kind: str, model: str) -> GapDecomposition:
    return cut[kind][model].parts["log_rank"]


@pytest.mark.parametrize("model", MODELS)
def test_where_only_the_record_is_short_users_explain_nothing(cut: dict[str, dict[str, Truncation]], model: str):
    found = parts(cut, "short-records", model)
    assert found.users.low <= 0 <= found.users.high
    assert found.verdict in ("length", "neither")


@pytest.mark.parametrize("model", MODELS)
def test_where_the_tail_has_other_tastes_users_explain_the_gap(cut: dict[str, dict[str, Truncation]], model: str):
    found = parts(cut, "different-tails", model)
    assert found.dominant == "users"
    assert found.gap.low > 0  # a log-rank: the tail fares worse
    assert found.users_share is not None
    assert found.users_share.low > 0.7


@pytest.mark.parametrize("other", ["sample", "short-records"])
@pytest.mark.parametrize("model", MODELS)
def test_the_worlds_are_told_apart(cut: dict[str, dict[str, Truncation]], model: str, other: str):
    assert parts(cut, "different-tails", model).users.low > parts(cut, other, model).users.high + 0.2


def test_the_worlds_differ_from_the_sample_in_what_they_say_alone(shops: dict[str, Shop]):
    sample, short, tails = (shops[kind] for kind in ("sample", "short-records", "different-tails"))
    for one, short_one, other in zip(sample.log, short.log, tails.log, strict=True):
        assert len(one) == len(short_one) == len(other)
    busy = [len(p) >= 12 for p in sample.log]
    assert 0.19 < np.mean(busy) < 0.25
    assert [p.items for p, b in zip(sample.log, busy, strict=True) if b] == [
        p.items for p, b in zip(tails.log, busy, strict=True) if b
    ]
    for customer, is_busy in zip(short.customers, busy, strict=True):
        assert customer.n_purchases >= 12
        assert (customer.n_recorded < customer.n_purchases) != is_busy
    sold = sample.world.catalogue.popularity
    tail = [
        np.mean([sold[list(p.items)].mean() for p, b in zip(s.log, busy, strict=True) if not b])
        for s in (sample, tails)
    ]
    assert tail[1] < 0.5 * tail[0]
    assert tails.prior.sum() == pytest.approx(1)


def test_a_shop_with_a_short_record_has_no_oracle_and_other_tails_a_lower_ceiling(shops: dict[str, Shop]):
    import json

    assert set(make_files(shops["short-records"])) == {"interactions.csv", "items.csv", "users.csv"}
    truth = {kind: json.loads(make_files(shops[kind])["oracle.json"]) for kind in ("sample", "different-tails")}
    assert truth["different-tails"]["tail"]["value"] < 0.6 * truth["sample"]["tail"]["value"]
    assert truth["different-tails"]["head"]["value"] == pytest.approx(truth["sample"]["head"]["value"], abs=0.02)


def test_another_world_is_never_written_over_the_sample(
    shops: dict[str, Shop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from sample_data import generate

    with pytest.raises(SystemExit):
        main(["--world", "short-records"])
    with pytest.raises(SystemExit):
        main(["--world", "different-tails", "--check", "--out", str(tmp_path)])
    assert "is not committed" in capsys.readouterr().err
    monkeypatch.setattr(generate, "make_shop", lambda kind: shops[kind])
    assert main(["--world", "short-records", "--out", str(tmp_path / "new")]) == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["interactions.csv", "items.csv", "users.csv"]
