"""All settings of a run: read from TOML, changed by `section.key=value`, described as TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from engine.config.sections import (
    AugmentationConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    Section,
    TrainingConfig,
    with_new_names,
)
from engine.errors import ConfigError


class RunConfig(Section):
    """All settings of a run.

    >>> config = engine.RunConfig()
    >>> config.evaluation.protocol, config.evaluation.ks
    ('leave-last-out', (5, 10, 20))
    """

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    def replace(self, changes: Mapping[str, Mapping[str, Any]]) -> RunConfig:
        """A copy with fields of sections changed, validated anew."""
        merged = self.model_dump()
        for section, fields in changes.items():
            merged.setdefault(section, {}).update(with_new_names(fields))
        return parse_config(merged, "settings")


def parse_config(values: Mapping[str, Any], source: str) -> RunConfig:
    """A RunConfig from plain nested values.

    Raises:
        ConfigError: a key is unknown or a value breaks its rule; names the source and the key.
    """
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        problems = "\n".join(_explain(e, source) for e in error.errors())
        raise ConfigError(problems) from None


def _explain(error: Any, source: str) -> str:
    place = ".".join(str(p) for p in error["loc"])
    if error["type"] == "extra_forbidden":
        section = str(error["loc"][0])
        field = RunConfig.model_fields.get(section)
        sections = field.annotation.model_fields if field and len(error["loc"]) > 1 else RunConfig.model_fields  # pyright: ignore
        return f"{source}: there is no setting {place!r}; known here: {', '.join(sections)}. See `tailscope config`."
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return f"{source}: {place}: {message}"
    return f"{source}: {place} = {error['input']!r}: {message}. See `tailscope config`."


def load_config(path: str | Path | None = None, changes: Iterable[str] = ()) -> RunConfig:
    """Settings from a TOML file, then `section.key=value` changes on top.

    Raises:
        ConfigError: the file or a change cannot be used.

    >>> config = engine.load_config(changes=["model.d_model=32", "training.seed=7"])
    >>> config.model.d_model, config.training.seed, config.evaluation.protocol
    (32, 7, 'leave-last-out')
    """
    values: dict[str, Any] = {}
    source = "settings"
    if path is not None:
        source = str(path)
        try:
            values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(
                "{path} cannot be read ({strerror}); check the path given to --config.",
                path=path,
                strerror=error.strerror,
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(
                "{path} is not TOML: {error}. `tailscope config` prints a file to start from.", path=path, error=error
            ) from None
    for change in changes:
        key, equals, text = change.partition("=")
        section, dot, field = key.strip().partition(".")
        if not (equals and dot and section and field):
            raise ConfigError(
                "--set {change!r} must read section.key=value, for example model.d_model=128.", change=change
            )
        held = values.setdefault(section, {})
        if not isinstance(held, dict):
            raise ConfigError(
                "{source}: {section!r} must be a section such as [model], not {held!r}.",
                source=source,
                section=section,
                held=held,
            )
        held[field] = _plain(text.strip())
        source = source if path else "--set"
    return parse_config(values, source)


def _plain(text: str) -> Any:
    """The TOML value that a text spells, else the text itself; `none` is None."""
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def describe_config(config: RunConfig | None = None) -> str:
    """All settings as a commented TOML text, with their values and help.

    >>> print(*engine.describe_config(config).splitlines()[:2], sep="\\n")
    [data]
    # How a log becomes a dataset.
    """
    import tomlkit  # here, since nothing else needs it

    config = config or RunConfig()
    document = tomlkit.document()
    for name in RunConfig.model_fields:
        section: BaseModel = getattr(config, name)
        table = tomlkit.table()
        table.add(tomlkit.comment((type(section).__doc__ or "").strip()))
        for key, field in type(section).model_fields.items():
            value = getattr(section, key)
            if value is None:
                table.add(tomlkit.comment(f"{key} = ({_unset(name, key)})  # {field.description}"))
            else:
                written = tomlkit.item(list(value) if isinstance(value, tuple) else value)
                written.comment(field.description or "").trivia.comment_ws = "  "
                table.add(key, written)
        document.add(name, table)
    return tomlkit.dumps(document)


def _unset(section: str, key: str) -> str:
    """What holds where a setting has no value."""
    if section == "data":
        return "none"
    return "no limit" if key == "max_seconds" else "chosen by the data"
