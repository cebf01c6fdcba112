"""Content of items: what becomes of each kind of column, and that items nobody has met can be ranked by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from engine.config import RunConfig
from engine.data.attributes import clean_attributes
from engine.data.dataset import Histories, Vocabulary
from engine.data.splits import Holdout, Split
from engine.evaluation.ranking import ranks_of_targets
from engine.model.content.tables import MOST_TOKENS, Content, Contents, table_content
from engine.model.training.checkpoint import load_network, save_network
from engine.model.training.defaults import resolve
from engine.model.training.loop import train
from engine.recommender import TransformerRecommender


def clean(**columns: list) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    ids = Vocabulary(np.array([f"i{i}" for i in range(n)], dtype=object))
    raw = pd.DataFrame({"item_id": ids.ids, **columns, "line": range(2, n + 2)})
    return clean_attributes(raw, "items", ids, {})[0]


def names_of(content: Content, item_idx: int) -> set[str]:
    return {content.token_names[t - 1] for t in content.tokens[item_idx] if t}


def test_categories_become_tokens_and_lists_are_taken_apart() -> None:
    content = table_content(clean(category=["A|B", "A", "B|A", "unknown", "A", "B"], title=["x"] * 6), 4)
    assert content is not None
    assert content.token_names == ("category=A", "category=B")
    assert [names_of(content, i) for i in range(1, 7)] == [
        {"category=A", "category=B"},
        {"category=A"},
        {"category=A", "category=B"},
        set(),
        {"category=A"},
        {"category=B"},
    ]
    assert not content.tokens[0].any()


def test_a_column_that_names_items_is_no_category() -> None:
    assert table_content(clean(sku=[f"s{i}" for i in range(20)]), 4) is None
    assert table_content(pd.DataFrame({"item_id": ["a", "b"]}), 4) is None


def test_a_value_that_one_item_has_alone_is_left_out() -> None:
    content = table_content(clean(brand=["a"] * 9 + ["b"]), 4)
    assert content is not None
    assert content.token_names == ("brand=a",)


def test_a_long_list_is_cut() -> None:
    content = table_content(clean(category=["|".join(f"c{i}" for i in range(40))] * 5), 4)
    assert content is not None
    assert content.tokens.shape == (6, MOST_TOKENS)


def test_numbers_are_standardised_and_cut_at_five_deviations() -> None:
    content = table_content(clean(price=[1.0] * 99 + [1e6], constant=[3.0] * 100), 4)
    assert content is not None
    assert content.dense_names == ("price",)
    assert content.dense.shape == (101, 1)
    assert content.dense.max() == 5.0
    assert content.dense[0] == 0.0


@pytest.mark.parametrize(
    "titles",
    [
        ["red tent", "blue tent", "big red tent", "tin kettle", "copper kettle", "old kettle"],
        ["红色帐篷", "蓝色帐篷", "大红帐篷", "小铁水壶", "大铜水壶", "旧铁水壶"],
    ],
)
def test_like_titles_get_like_directions_in_any_script(titles: list[str]) -> None:
    content = table_content(clean(title=titles), 3)
    assert content is not None
    cosines = content.dense[1:] @ content.dense[1:].T
    np.testing.assert_allclose(np.diag(cosines), 1, atol=1e-5)
    same = np.arange(6)[:, None] // 3 == np.arange(6) // 3
    assert cosines[same].mean() > cosines[~same].mean() + 0.3


def test_text_without_anything_in_common_is_no_content() -> None:
    assert table_content(clean(title=["ab", "cd", "ef"]), 4) is None
    assert table_content(clean(title=["unknown"] * 4), 4) is None


def test_the_same_table_gives_the_same_content() -> None:
    table = clean(title=[f"thing {i % 7} of {i % 3}" for i in range(60)], price=list(range(60)))
    first, second = table_content(table, 8), table_content(table, 8)
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.dense, second.dense)


def shelves(n_users: int = 240, n_shelves: int = 6, per_shelf: int = 8, seed: int = 0) -> tuple[Split, Content]:
    """Each user stays on one shelf. The last item of every shelf is a test target and never in training."""
    rng = np.random.default_rng(seed)
    rows, targets = [], []
    for user in range(n_users):
        first = 1 + (user % n_shelves) * per_shelf
        rows.append((first + rng.permutation(per_shelf - 1)).tolist())
        targets.append([first + per_shelf - 1])
    histories = Histories.of(rows)
    n_items = n_shelves * per_shelf
    met = np.zeros(n_items + 1, dtype=bool)
    met[np.unique(histories.items)] = True
    users, ends = np.arange(n_users), np.arange(n_users + 1)
    valid = Holdout(users, histories.drop_last(1), Histories(ends, histories.items[histories.offsets[1:] - 1]))
    split = Split(
        "leave-last-out", histories.drop_last(1), valid, Holdout(users, histories, Histories.of(targets)), met
    )
    content = table_content(clean(category=[f"shelf {(i // per_shelf)}" for i in range(n_items)]), 4)
    assert content is not None
    return split, content


def test_items_that_nobody_has_met_are_ranked_by_content_and_better_than_chance() -> None:
    split, content = shelves()
    config = RunConfig().replace(
        {
            "model": {"d_model": 16, "max_len": 8, "dropout": 0.1, "id_dropout": 0.2},
            "training": {"max_epochs": 15, "learning_rate": 3e-3, "batch_tokens": 256, "validate_every": 5},
        }
    )
    network = train(split, resolve(config, split), contents=Contents(content)).network
    new = ~split.candidates
    new[0] = False
    assert new.sum() == 6
    model = TransformerRecommender(network, split.candidates | network.item_vectors.described())
    ranks = ranks_of_targets(model, split.test)
    assert (ranks > 0).all()  # ranked at all
    chance = (len(new) - split.test.histories.lengths[0]) / 2
    assert ranks.mean() < 0.25 * chance
    without = TransformerRecommender(network, split.candidates)
    assert not ranks_of_targets(without, split.test).any()


def test_content_is_saved_with_the_weights(tmp_path: Path) -> None:
    split, content = shelves(n_users=24)
    config = resolve(RunConfig().replace({"model": {"d_model": 8}, "training": {"max_epochs": 1}}), split)
    network = train(split, config, contents=Contents(content)).network
    save_network(network, tmp_path / "model.safetensors")
    loaded = load_network(tmp_path / "model.safetensors")
    assert torch.equal(loaded.item_vectors.all(), network.item_vectors.all())
    np.testing.assert_array_equal(loaded.item_vectors.described(), network.item_vectors.described())


def test_one_item_or_all_the_same_vectors() -> None:
    split, content = shelves(n_users=24)
    config = resolve(RunConfig().replace({"model": {"d_model": 8}, "training": {"max_epochs": 1}}), split)
    vectors = train(split, config, contents=Contents(content)).network.item_vectors
    some = torch.tensor([[0, 3], [7, 48]])
    torch.testing.assert_close(vectors(some), vectors.all()[some])
    hidden = torch.zeros(49, dtype=torch.bool)
    hidden[3] = True
    with vectors.hiding(hidden):
        torch.testing.assert_close(vectors(some), vectors.all()[some])
        inside = vectors(torch.tensor([3, 7]))
    outside = vectors(torch.tensor([3, 7]))
    assert not torch.equal(inside[0], outside[0])
    assert torch.equal(inside[1], outside[1])
    assert not vectors.all()[0].any()
