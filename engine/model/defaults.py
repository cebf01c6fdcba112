"""Settings that the data's size decides, where nobody has set them."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.config import RunConfig
from engine.data.splits import Split

LONG_HISTORY = 40
"""Mean training length from which users count as having long histories, as in film logs."""

FULL_SOFTMAX_ITEMS = 3_000
"""Up to this many items the softmax runs over all of them."""


def resolve(config: RunConfig, split: Split) -> RunConfig:
    """The configuration with every unset field of `model` and `training` filled in from the training part's size."""
    lengths = split.train.lengths
    typical = float(lengths[lengths >= 2].mean()) if (lengths >= 2).any() else 2.0
    long = typical >= LONG_HISTORY
    chosen: dict[str, dict[str, Any]] = {
        "model": {
            "max_len": int(np.clip(_power_of_two(np.quantile(lengths, 0.99)), 16, 200)),
            "d_model": 64,
            "n_layers": 2 if long else 1,
            "n_heads": 2,
            "dropout": 0.3 if long else 0.4,
            "event_dropout": 0.1,
            "output": "cosine",
            "temperature": 0.07,
        },
        "training": _training(split, typical, long),
    }
    model = {k: v for k, v in chosen["model"].items() if getattr(config.model, k) is None}
    training = {k: v for k, v in chosen["training"].items() if getattr(config.training, k) is None}
    width = config.model.d_model or model["d_model"]
    if "n_heads" in model:
        model["n_heads"] = 2 if width % 2 == 0 else 1
    if config.model.d_ff is None:
        model["d_ff"] = 4 * width
    if (config.model.output or model.get("output")) == "dot" and config.model.temperature is None:
        model["temperature"] = 1.0
    return config.replace({"model": model, "training": training})


def _training(split: Split, typical: float, long: bool) -> dict[str, Any]:
    return {
        "max_epochs": 60,
        "patience": 4,
        "validate_every": 2,
        "batch_tokens": 2048,
        "learning_rate": 1e-3,
        "weight_decay": 0.01,
        "loss": "full" if split.n_items <= FULL_SOFTMAX_ITEMS else "sampled",
        "n_negatives": 1024,
    }


def _power_of_two(x: float) -> int:
    return int(2 ** np.ceil(np.log2(max(2.0, x))))
