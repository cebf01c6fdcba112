"""Defaults that depend on the size of the data, for settings that are unset."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from engine.config import RunConfig
from engine.data.repeats import resolve_exclude_seen
from engine.data.splits import Split
from engine.model.content.tables import has_content

LONG_HISTORY = 40
"""Mean training length from which histories count as long, as in film logs."""

DENSE_ITEMS = 20
"""Mean training interactions per item from which item vectors need less dropout."""

FULL_SOFTMAX_ITEMS = 3_000
"""Up to this many items the softmax covers all of them."""


def resolve(config: RunConfig, split: Split, items: pd.DataFrame | None = None) -> RunConfig:
    """The configuration with every unset field of `model` and `training` filled in, and `exclude_seen` resolved.

    The values depend on the size of the training part, on whether items have content, and on `training.preset`. They
    were chosen by NDCG@10 on validation targets: of 5-core shop logs for short histories, of film logs for long ones.

    Args:
        config: as given.
        split: its training part is measured.
        items: the clean table of items; without one, items are assumed to have content if the settings use it.
    """
    config = resolve_exclude_seen(config, [split])
    lengths = split.train.lengths[split.train.lengths > 0]  # users who come later say nothing about the training part
    long = _mean(lengths[lengths >= 2]) >= LONG_HISTORY
    dense = _mean(np.bincount(split.train.items)[1:]) >= DENSE_ITEMS
    sparse = not long and not dense and config.training.preset == "best"
    described = config.model.item_content and (items is None or has_content(items))
    rich = sparse and described
    model = _model(lengths, long, dense, rich)
    training = _training(split.n_items, long, sparse, rich)
    width = config.model.d_model or model["d_model"]
    model["n_heads"] = 2 if width % 2 == 0 else 1
    model["d_ff"] = 4 * width
    if config.model.output == "dot":
        model["temperature"] = 1.0
    return config.replace(
        {
            "model": {k: v for k, v in model.items() if getattr(config.model, k) is None},
            "training": {k: v for k, v in training.items() if getattr(config.training, k) is None},
        }
    )


def _model(lengths: np.ndarray, long: bool, dense: bool, rich: bool) -> dict[str, Any]:
    reach = int(np.ceil(np.quantile(lengths, 0.99)))
    return {
        "max_len": int(np.clip(reach, 16, 100 if long else 50)),
        "d_model": 96 if rich else 64,
        "n_layers": 2 if long else 1,
        "dropout": 0.3 if long else 0.2 if dense else 0.4,
        "event_dropout": 0.1,
        "id_dropout": 0.0 if long or dense else 0.1,
        "output": "cosine",
        "temperature": 0.1 if long else 0.07,
    }


def _training(n_items: int, long: bool, sparse: bool, rich: bool) -> dict[str, Any]:
    """`sparse`: few events per item, and the best preset; `rich`: the same, and items have content."""
    return {
        "max_epochs": 44 if rich else 32 if long else 60,
        "pretrain_epochs": 10 if rich else 0,
        "label_smoothing": 0.1 if sparse else 0.0,
        "patience": 3,
        "validate_every": 4,
        "batch_tokens": 2048 if long else 1024,
        "learning_rate": 1e-3 if long or (sparse and not rich) else 2e-3,
        "weight_decay": 0.01,
        "mask_share": 0.2,
        "average": 0.999,
        "loss": "full" if n_items <= FULL_SOFTMAX_ITEMS else "sampled",
        "n_negatives": 1024,
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
