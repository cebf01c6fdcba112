"""What the data decides, and that it never overrules a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine.config import RunConfig
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.model.content.tables import has_content, table_content
from engine.model.training.defaults import resolve


def split(length: int, n_items: int) -> Split:
    histories = Histories.of([[1] * length] * 20)
    empty = Holdout(np.arange(0), Histories.of([]), Histories.of([]))
    return Split("leave-last-out", histories, empty, empty, np.ones(n_items + 1, dtype=bool))


def test_every_setting_has_a_value_afterwards() -> None:
    for length, n_items in ((1, 1), (5, 12_000), (100, 1_700)):
        resolved = resolve(RunConfig(), split(length, n_items))
        held = resolved.model.model_dump() | resolved.training.model_dump()
        assert [k for k, v in held.items() if v is None and k not in ("max_seconds", "start_from", "text_model")] == []


def test_long_histories_get_a_deeper_network_and_small_catalogues_the_full_softmax() -> None:
    short, long = resolve(RunConfig(), split(5, 12_000)), resolve(RunConfig(), split(100, 1_700))
    assert (short.model.n_layers, long.model.n_layers) == (1, 2)
    assert (short.training.loss, long.training.loss) == ("sampled", "full")
    assert (long.model.max_len or 0) > (short.model.max_len or 0)


def test_what_is_set_stays() -> None:
    config = RunConfig().replace({"model": {"d_model": 6, "n_layers": 3}, "training": {"loss": "full"}})
    resolved = resolve(config, split(5, 12_000))
    assert (resolved.model.d_model, resolved.model.n_layers, resolved.training.loss) == (6, 3, "full")
    assert resolved.model.d_ff == 24
    assert resolve(RunConfig().replace({"model": {"d_model": 7}}), split(5, 9)).model.n_heads == 1
    assert resolve(resolved, split(100, 1_700)) == resolved


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({}, False),
        ({"category": [""] * 40}, False),
        ({"category": ["tents"] * 30 + [""] * 10}, True),
        ({"title": ["a light tent", "a warm stove"] * 20}, True),
        ({"price": [2.0, 4.0] * 20, "price__z": [-1.0, 1.0] * 20}, True),
    ],
)
def test_a_sparse_log_without_item_content_gets_a_recipe_of_its_own(columns: dict[str, list[Any]], told: bool) -> None:
    items = pd.DataFrame({"item_id": [f"i{i}" for i in range(40)], **columns})
    assert has_content(items) == told == (table_content(items, 4) is not None)
    best = RunConfig().replace({"training": {"preset": "best"}})
    sparse = replace(split(5, 12_000), train=Histories.of([[i, i + 1, i + 2] for i in range(1, 9_000)]))
    resolved = resolve(best, sparse, items)
    assert (resolved.training.pretrain_epochs, resolved.model.d_model) == ((10, 96) if told else (0, 64))
    assert resolve(best, split(100, 1_700), items) == resolve(best, split(100, 1_700))
    unread = best.replace({"model": {"item_content": False}})
    assert resolve(unread, sparse).training.learning_rate == 1e-3
