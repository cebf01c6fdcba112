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

    >>> said = engine.Message("{n} users have no history", {"n": 3})
    >>> str(said)
    '3 users have no history'
    >>> said.template
    '{n} users have no history'
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

    >>> try:
    ...     engine.load_run("nowhere", folder)
    ... except engine.EngineError as error:
    ...     print(type(error).__name__)
    RunError
    """

    def __init__(self, message: str | Message, /, **values: object) -> None:
        template, own = (message.template, message.values) if isinstance(message, Message) else (message, {})
        self.message = Message(template, {**own, **values})
        super().__init__(str(self.message))


class DataError(EngineError):
    """An interaction log that cannot be read or used.

    >>> engine.load_dataset("nothing.csv")
    Traceback (most recent call last):
        ...
    engine.errors.DataError: nothing.csv does not exist; check the path. It may be: a folder with ...
    """


class ConfigError(EngineError):
    """A setting outside its rule.

    >>> engine.load_config(changes=["model.d_model=0"])
    Traceback (most recent call last):
        ...
    engine.errors.ConfigError: --set: model.d_model = 0: Input should be greater than or equal to 4. ...
    """


class RunError(EngineError):
    """A run folder that is missing, unfinished, damaged or made by another version.

    >>> engine.load_run("nowhere", "no-such-folder")
    Traceback (most recent call last):
        ...
    engine.errors.RunError: No run called 'nowhere' in no-such-folder; there is none yet; `tailscope ...
    """


class UnknownIdError(EngineError):
    """A user, item or name that the run or the vocabulary does not hold.

    >>> engine.recommend(run, "nobody")
    Traceback (most recent call last):
        ...
    engine.errors.UnknownIdError: No user 'nobody' among the 120 users of this data; ids are text, for ...
    """


class TrainingError(EngineError):
    """Training that cannot go on, such as a loss that is not a number.

    >>> _ = (folder / "log.csv").write_text("user_id,item_id,timestamp\\nu1,i1,1\\nu1,i2,2\\nu1,i3,3\\n")
    >>> engine.train_run(folder / "log.csv", name="short", runs_dir=folder)
    Traceback (most recent call last):
        ...
    engine.errors.TrainingError: No user has two training interactions (after what is held out), so ...
    """
