"""The errors that reach a user as a message. Anything else that is raised is a bug and shows as one."""


class EngineError(Exception):
    """A problem that the caller can mend. The message says what, the value, the rule and the next step."""


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
