"""The settings of a run: five frozen sections, read from TOML, changed by `section.key=value`, kept as JSON."""

from engine.config.run import RunConfig, describe_config, load_config, parse_config
from engine.config.sections import (
    TIME_WORDS,
    AugmentationConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    TrainingConfig,
)

__all__ = [
    "TIME_WORDS",
    "AugmentationConfig",
    "DataConfig",
    "EvaluationConfig",
    "ModelConfig",
    "RunConfig",
    "TrainingConfig",
    "describe_config",
    "load_config",
    "parse_config",
]
