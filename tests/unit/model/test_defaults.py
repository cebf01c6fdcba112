"""What the data decides, and that it never overrules a person."""

from __future__ import annotations

import numpy as np

from engine.config import RunConfig
from engine.data.dataset import Histories
from engine.data.splits import Holdout, Split
from engine.model.defaults import resolve


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
