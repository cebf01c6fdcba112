"""The sample shop is what its data card says it is, and its oracle tells the truth."""

from __future__ import annotations

import importlib
import itertools
import json
import math
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "sample_data"


@pytest.fixture(scope="module")
def modules() -> dict[str, Any]:
    sys.path.insert(0, str(ROOT))
    try:
        return {n: importlib.import_module(f"sample_data.{n}") for n in ("generate", "behaviour", "oracle", "draws")}
    finally:
        sys.path.remove(str(ROOT))


@pytest.fixture(scope="module")
def shop(modules: dict[str, Any]) -> Any:
    return modules["generate"].make_shop()


@pytest.fixture(scope="module")
def files(modules: dict[str, Any], shop: Any) -> dict[str, bytes]:
    return modules["generate"].make_files(shop)


@pytest.fixture(scope="module")
def interactions() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "interactions.csv")


@pytest.fixture(scope="module")
def items() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "items.csv")


@pytest.fixture(scope="module")
def users() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "users.csv")


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return json.loads((FOLDER / "oracle.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def histories(interactions: pd.DataFrame) -> dict[str, list[str]]:
    return {str(user): list(rows) for user, rows in interactions.groupby("user_id")["item_id"]}


def test_regenerating_gives_the_committed_bytes(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        assert (FOLDER / name).read_bytes() == data, f"{name}: run python sample_data/generate.py"


def test_the_data_card_quotes_the_generated_facts(modules: dict[str, Any], shop: Any, files: dict[str, bytes]) -> None:
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    table = modules["generate"].facts(shop, files)
    assert modules["generate"].with_facts(card, table) == card
    assert table in card


def test_another_seed_gives_another_shop(modules: dict[str, Any], shop: Any) -> None:
    world = modules["behaviour"].make_world(importlib.import_module("sample_data.catalogue").make_catalogue(8))
    assert world.catalogue.products[0] != shop.world.catalogue.products[0]


def test_the_folder_is_small() -> None:
    size = sum(p.stat().st_size for p in FOLDER.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    assert size < 1_500_000


def test_sizes_and_activity(interactions: pd.DataFrame, items: pd.DataFrame, users: pd.DataFrame) -> None:
    counts = interactions["user_id"].value_counts()
    assert len(users) == 3000
    assert len(items) == 1200
    assert set(counts.index) == set(users["user_id"])
    assert 40_500 <= len(interactions) <= 49_500
    assert 0.78 <= (counts <= 10).mean() <= 0.85
    assert 0 < (counts < 3).mean() < 0.15
    assert counts.max() <= 250


def test_interactions_are_one_tidy_year(interactions: pd.DataFrame, items: pd.DataFrame, users: pd.DataFrame) -> None:
    times = pd.Series(pd.to_datetime(interactions["timestamp"], unit="s", utc=True))
    assert bool(times.is_monotonic_increasing)
    assert set(times.dt.year) == {2025}
    assert set(interactions["item_id"]) <= set(items["item_id"])
    assert not interactions.duplicated(["user_id", "item_id"]).any(), "nothing is bought twice"
    assert not interactions.duplicated(["user_id", "timestamp"]).any(), "no order is left to the file"
    months = interactions.assign(month=times.dt.strftime("%Y-%m"))
    first = months.drop_duplicates("user_id")  # rows are in order of time
    joined = users.merge(first, on="user_id", validate="one_to_one")
    assert np.all(joined["month"] >= joined["signup_month"]), "nobody buys before signing up"


def test_items_and_users_are_complete_but_for_the_documented_gaps(items: pd.DataFrame, users: pd.DataFrame) -> None:
    for column in ("item_id", "title", "title_zh"):
        assert items[column].is_unique, column
    assert dict(items.isna().sum()) == {column: 12 * (column == "price") for column in items.columns}
    assert dict(users.isna().sum()) == {column: 30 * (column == "age_band") for column in users.columns}
    assert (items["price"].dropna().to_numpy() > 0).all()
    assert len(set(items["category"])) == len(items[["category", "category_zh"]].drop_duplicates()) == 16
    assert all(re.search(r"[\u4e00-\u9fff]", str(title)) for title in items["title_zh"])
    assert all(str(text).endswith("。") for text in items["description_zh"])
    assert len(set(users["region"])) == 8


def test_popularity_has_a_long_tail(interactions: pd.DataFrame) -> None:
    sold = interactions["item_id"].value_counts()
    assert 0.3 < sold.head(120).sum() / len(interactions) < 0.55


def test_a_tent_leads_to_a_sleeping_bag_and_not_the_other_way_round(
    histories: dict[str, list[str]], items: pd.DataFrame
) -> None:
    category = dict(zip(items["item_id"], items["category"], strict=True))
    steps = pd.DataFrame(
        [(category[a], category[b]) for row in histories.values() for a, b in itertools.pairwise(row)],
        columns=["before", "after"],
    )
    base = steps["after"].value_counts(normalize=True)

    def lift(before: str, after: str) -> float:
        return (steps.loc[steps["before"] == before, "after"] == after).mean() / base[after]

    assert lift("Tents", "Sleeping bags") > 2
    assert lift("Tents", "Sleeping bags") > 1.5 * lift("Sleeping bags", "Tents")
    assert lift("Tents", "Cookware") < 1


def test_snow_gear_sells_in_winter(interactions: pd.DataFrame, items: pd.DataFrame) -> None:
    sales = interactions.merge(items, on="item_id")
    month = pd.DatetimeIndex(pd.to_datetime(sales["timestamp"], unit="s", utc=True)).month.to_numpy()
    snow = (sales["category"] == "Snow gear").to_numpy()
    assert snow[month == 1].mean() > 1.5 * snow[month == 7].mean()


def test_probabilities_sum_to_one_and_exclude_what_was_bought(modules: dict[str, Any], shop: Any) -> None:
    next_item = modules["behaviour"].next_item
    busiest = max(range(len(shop.log)), key=lambda row: len(shop.log[row]))
    for row in (0, 1, 2, busiest):
        purchases, customer = shop.log[row], shop.customers[row]
        for n in {0, len(purchases) // 2, len(purchases) - 1}:
            chances = next_item(shop.world, purchases.items[:n], purchases.times[n], customer.taste)
            assert chances.sum() == pytest.approx(1.0)
            assert (chances >= 0).all()
            assert (chances[list(purchases.items[:n])] == 0).all()
            assert chances[purchases.items[n]] > 0


def test_draws_follow_the_stated_probabilities(modules: dict[str, Any]) -> None:
    draws = modules["draws"].Draws("a fair test")
    weights = np.array([0.0, 1.0, 0.0, 3.0, 6.0, 0.0])
    found = np.bincount([draws.pick(weights) for _ in range(20_000)], minlength=6)
    assert found[[0, 2, 5]].sum() == 0
    np.testing.assert_allclose(found / 20_000, weights / 10, atol=0.015)
    assert sorted(draws.shuffled(50)) == list(range(50))


def test_the_oracle_knows_as_much_as_the_purchases_show(modules: dict[str, Any], shop: Any) -> None:
    """Calibration: purchases that the truth calls likely with mean probability p happen in a share p of cases."""
    chances, bought = [], []
    for customer, purchases in zip(shop.customers, shop.log, strict=True):
        p = modules["behaviour"].next_item(shop.world, purchases.items[:-1], purchases.times[-1], customer.taste)
        best = int(np.argmax(p))
        chances.append(p[best])
        bought.append(purchases.items[-1] == best)
    spread = math.sqrt(sum(p * (1 - p) for p in chances))
    assert abs(sum(bought) - sum(chances)) < 4 * spread


def test_the_bayesian_average_agrees_with_the_plain_formula(modules: dict[str, Any], shop: Any) -> None:
    """`expected_next` takes a short cut; here every taste is gone through with `next_item`."""
    behaviour, oracle = modules["behaviour"], modules["oracle"]
    row = next(n for n, p in enumerate(shop.log) if 5 <= len(p) <= 8)
    purchases, world = shop.log[row], shop.world
    total = np.zeros(world.n_items)
    for taste in range(len(shop.prior)):
        weight = shop.prior[taste]
        for n in range(len(purchases) - 1):
            step = behaviour.next_item(world, purchases.items[:n], purchases.times[n], taste)
            weight *= step[purchases.items[n]]
        total += weight * behaviour.next_item(world, purchases.items[:-1], purchases.times[-1], taste)
    found = oracle.expected_next(world, shop.prior, oracle.taste_by_category(world), purchases)
    np.testing.assert_allclose(found, total / total.sum(), rtol=1e-8, atol=1e-15)


def _popularity_ndcg(histories: dict[str, list[str]]) -> dict[str, tuple[float, int]]:
    """NDCG@10 of popularity and cohort sizes, written from the protocol alone."""
    training = {u: row[:-2] if len(row) >= 3 else row for u, row in histories.items()}
    popularity = Counter(i for row in training.values() for i in row)
    counts = np.sort(list(popularity.values()))
    lengths = sorted(map(len, training.values()), reverse=True)
    cut = lengths[math.ceil(0.2 * len(lengths)) - 1]
    gains: dict[str, list[float]] = {"all": [], "head": [], "tail": []}
    for user, row in histories.items():
        if len(row) < 3:
            continue
        sold = popularity[row[-1]]
        rivals = len(counts) - int(np.searchsorted(counts, sold)) - sum(popularity[i] >= sold for i in row if sold)
        gain = 1 / math.log2(2 + rivals) if sold and rivals < 10 else 0.0
        gains["all"].append(gain)
        gains["head" if len(training[user]) >= cut else "tail"].append(gain)
    return {name: (float(np.mean(values)), len(values)) for name, values in gains.items()}


def test_the_ceilings_stand_far_above_popularity(histories: dict[str, list[str]], truth: dict[str, Any]) -> None:
    popularity = _popularity_ndcg(histories)
    assert (truth["metric"], truth["protocol"], truth["head_share"]) == ("ndcg@10", "leave-last-out", 0.2)
    assert 0.25 <= truth["all"]["value"] <= 0.40
    for cohort, (value, n) in popularity.items():
        assert truth[cohort]["n"] == truth["history_only"][cohort]["n"] == n
        assert truth[cohort]["value"] > truth["history_only"][cohort]["value"] > 2.5 * value > 0.05


def test_short_histories_hide_more_of_the_taste(truth: dict[str, Any]) -> None:
    fair = truth["history_only"]
    hidden = {cohort: truth[cohort]["value"] - fair[cohort]["value"] for cohort in ("head", "tail")}
    assert hidden["tail"] > hidden["head"] > 0
    assert fair["tail"]["value"] < fair["head"]["value"]


def test_check_says_what_differs(
    modules: dict[str, Any],
    shop: Any,
    files: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    generate = modules["generate"]
    monkeypatch.setattr(generate, "make_shop", lambda: shop)
    monkeypatch.setattr(generate, "make_files", lambda _: dict(files))
    assert generate.main(["--out", str(tmp_path)]) == 0
    assert generate.main(["--check", "--out", str(tmp_path)]) == 0
    (tmp_path / "users.csv").write_bytes(files["users.csv"] + b"c9999,,,\n")
    capsys.readouterr()
    assert generate.main(["--check", "--out", str(tmp_path)]) == 1
    assert "Differs: users.csv." in capsys.readouterr().out
