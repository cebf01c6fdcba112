"""The space of a settings search, and settings as "section.key" -> value."""

from __future__ import annotations

from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from engine.config import RunConfig
from engine.errors import ConfigError


def search_space(config: RunConfig, resolved: RunConfig, has_content: bool) -> dict[str, BaseDistribution]:
    """The search space by "section.key": settings that matter, within bounds that suit any log.

    Args:
        config: settings as given; those that are set are not searched.
        resolved: the same with defaults filled in; the space is widened to include them.
        has_content: whether items have content, without which `model.id_dropout` does nothing.

    Raises:
        ConfigError: nothing is left to search.
    """
    heads = config.model.n_heads or 1
    floats = {
        "training.learning_rate": (3e-4, 6e-3, True),
        "training.weight_decay": (1e-4, 0.1, True),
        "model.dropout": (0.05, 0.6, False),
        "model.temperature": (0.03, 0.2, True),
        "model.id_dropout": (0.0, 0.5, False),
    }
    choices = {
        "model.d_model": [width for width in (32, 64, 96, 128, 192) if width % heads == 0],
        "training.batch_tokens": [512, 1024, 2048, 4096],
    }
    idle = {"model.id_dropout"} if not has_content else set()
    idle |= {"model.temperature"} if config.model.output == "dot" else set()
    space: dict[str, BaseDistribution] = {}
    for key, (low, high, log) in floats.items():
        default = value_of(resolved, key)
        low, high = min(low, default or low), max(high, default)  # a decay of 0 has no logarithm, and stays outside
        space[key] = FloatDistribution(low, high, log=log)
    for key, values in choices.items():
        space[key] = CategoricalDistribution(sorted({*values, value_of(resolved, key)}))
    space["model.n_layers"] = IntDistribution(1, max(3, value_of(resolved, "model.n_layers")))
    left = {key: space[key] for key in sorted(space) if value_of(config, key) is None and key not in idle}
    if not left:
        raise ConfigError(
            "Nothing is left to search, since all of {space} are set or do nothing here; leave at least one "
            "of them out of --set and --config.",
            space=", ".join(sorted(space)),
        )
    return left


def value_of(config: RunConfig, key: str) -> Any:
    """The value of "section.key"."""
    section, _, field = key.partition(".")
    return getattr(getattr(config, section), field)


def with_settings(config: RunConfig, settings: dict[str, Any]) -> RunConfig:
    """The configuration with some settings changed, by "section.key"."""
    changes: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        section, _, field = key.partition(".")
        changes.setdefault(section, {})[field] = value
    return config.replace(changes)


def as_written(params: dict[str, Any]) -> dict[str, Any]:
    """Proposed values rounded for display: floats to three significant digits."""
    return {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in sorted(params.items())}
