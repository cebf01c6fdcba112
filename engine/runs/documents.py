"""What is read back from a run folder's JSON, as models: types, ranges and finite numbers are checked on the way in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from engine.errors import RunError

Count = Annotated[int, Field(ge=0, lt=2**53)]
"""A whole number that JSON holds exactly."""

Figure = float | None
"""A finite number; None is a figure that is undefined."""


class _Document(BaseModel):
    """Nothing is converted, and what a later version adds is passed over."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)


class Size(_Document):
    """How much a run was trained on."""

    users: Count
    items: Count
    interactions: Count


class RunLine(_Document):
    """What a list of runs says of one, from config.json."""

    created: str
    dataset: str
    size: Size
    epochs: Count
    seconds: dict[str, float]

    @field_validator("created")
    @classmethod
    def _iso(cls, value: str) -> str:
        return datetime.fromisoformat(value).isoformat()

    @field_validator("seconds")
    @classmethod
    def _of_training(cls, value: dict[str, float]) -> dict[str, float]:
        if "train" not in value:
            raise ValueError("the seconds of training are missing")
        return value


class Epoch(_Document):
    """One pass over the training part."""

    epoch: Figure
    loss: Figure
    valid_ndcg: Figure
    seconds: Figure


class RunDocument(RunLine):
    """What config.json says of a whole run, beside its settings."""

    best_epoch: Count
    stopped_by: str
    versions: dict[str, str]
    device: str
    history: list[Epoch]
    oracle: dict[str, Any] | None = None
    weights: str | None = None


class Interval(_Document):
    """A figure with its interval."""

    value: Figure
    low: Figure
    high: Figure


_D = TypeVar("_D", bound=_Document)


def parse(model: type[_D], values: Mapping[str, Any], file: str) -> _D:
    """The values as that model.

    Args:
        model: one of this module.
        values: a JSON object.
        file: name of the file, for the message.

    Raises:
        RunError: they break its rules; it names the file, the place and the value.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise RunError(
            "{file}: {place} = {value}: {rule}",
            file=file,
            place=".".join(map(str, first["loc"])),
            value=f"{first['input']!r:.50}",
            rule=first["msg"],
        ) from None
