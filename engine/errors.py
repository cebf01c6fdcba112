"""What the engine says to people: messages as a template and its values, and the errors that carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Message:
    """A sentence or phrase for a reader, which a user interface can word in another language.

    Attributes:
        template: English, a literal with named fields such as "no user {user!r}"; it is the key for translations.
        values: what stands in the fields. A value may be a Message itself, which is translated too.
    """

    template: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format_map(self.values) if self.values else self.template


class EngineError(Exception):
    """A problem that the caller can mend. The message says what, the value, the rule and the next step.

    Args:
        message: a template with named fields for `values`; without values it is taken as it stands, braces and all.
        values: what stands in the fields, beside what a Message brings.

    Attributes:
        message: template and values, to be worded in another language.
    """

    def __init__(self, message: str | Message, /, **values: object) -> None:
        template, own = (message.template, message.values) if isinstance(message, Message) else (message, {})
        self.message = Message(template, {**own, **values})
        super().__init__(str(self.message))


class DataError(EngineError):
    """An interaction log that cannot be read or used."""


class ConfigError(EngineError):
    """A setting outside its rule."""


class RunError(EngineError):
    """A run folder that is missing, unfinished, damaged or made by another version."""


class UnknownIdError(EngineError):
    """A user, item or name that the run or the vocabulary does not hold."""


class TrainingError(EngineError):
    """Training that cannot go on, such as a loss that is not a number."""
