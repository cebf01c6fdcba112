"""The settings of a run: five frozen sections, read from TOML, changed by `section.key=value`, kept as JSON.

A field that is None is chosen by the size of the data when a run starts (`engine.model.training.defaults`); the run
folder keeps what was chosen.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from engine.errors import ConfigError

TIME_WORDS = (
    "day-first", "month-first", "years", "seconds", "milliseconds", "microseconds", "nanoseconds", "days",
    "spreadsheet-days", "ticks", "filetime",
)  # fmt: skip
"""What `data.time_format` may be besides a format of strptime."""

MOST = 10**9
"""No count needs more; numbers that arithmetic cannot hold are refused before they meet it."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)


def _each_once(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """The members, if none is there twice."""
    if twice := [value for i, value in enumerate(given) if value in given[:i]]:
        raise ValueError(f"{list(given)!r} names {twice[0]!r} twice; each may stand there once.")
    return given


class DataConfig(_Section):
    """How a log becomes a dataset."""

    user: str | None = Field(None, description="Column of user ids; guessed from usual names when not given.")
    item: str | None = Field(None, description="Column of item ids; guessed likewise.")
    time: str | None = Field(None, description="Column of times; guessed likewise. Without one, file order counts.")
    rating: str | None = Field(None, description="Column of ratings; guessed likewise.")
    min_rating: float | None = Field(None, description="Ratings under this are no interaction. None keeps all.")
    time_format: str | None = Field(
        None,
        min_length=1,
        description="How times are written: a format of strptime such as %d/%m/%Y %H:%M, or one of day-first, "
        "month-first, years, seconds, milliseconds, microseconds, nanoseconds, days, spreadsheet-days, ticks, "
        "filetime. None: told from the column.",
    )
    no_time: bool = Field(False, description="Leave times out: the order of the file is the order of each history.")

    @field_validator("time_format")
    @classmethod
    def _times_can_be_read(cls, given: str | None) -> str | None:
        if given is None or given in TIME_WORDS:
            return given
        day = datetime(2020, 9, 25, 14, 30)
        try:
            read = datetime.strptime(day.strftime(given), given)
        except ValueError:
            read = None
        if read is None or read.year != day.year:
            raise ValueError(
                f"time_format ({given!r}) must be a format of strptime that names the year, such as %d/%m/%Y %H:%M, or "
                f"one of {', '.join(TIME_WORDS)}."
            )
        return given

    @model_validator(mode="after")
    def _times_are_read_or_left(self) -> DataConfig:
        if self.no_time and (self.time is not None or self.time_format is not None):
            raise ValueError("no_time leaves times out, so neither time nor time_format can be given beside it.")
        return self


class ModelConfig(_Section):
    """The network."""

    architecture: Literal["causal", "masked", "encoder-decoder"] = Field(
        "causal",
        description="causal: each event sees earlier ones (GPT style). masked: all see all, a [MASK] at the end reads "
        "out (BERT style). encoder-decoder: the history is encoded both ways, the next items decoded across it.",
    )
    max_len: int | None = Field(None, ge=2, le=4096, description="Most recent events the network reads.")
    d_model: int | None = Field(None, ge=4, le=2048, description="Width of item vectors and hidden states.")
    n_layers: int | None = Field(
        None, ge=1, le=32, description="Transformer blocks; an encoder-decoder has as many in each half."
    )
    n_heads: int | None = Field(None, ge=1, le=32, description="Attention heads in each block; must divide d_model.")
    d_ff: int | None = Field(None, ge=4, le=8192, description="Width inside a block's feed-forward part.")
    dropout: float | None = Field(None, ge=0, lt=1, description="Share of activations dropped while training.")
    event_dropout: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of sequences trained with a random part of their events masked: SHAP hides events too.",
    )
    output: Literal["cosine", "dot"] | None = Field(None, description="How a hidden state meets an item's vector.")
    temperature: float | None = Field(None, ge=1e-3, le=10, description="Divides cosine scores; smaller is sharper.")
    item_content: bool = Field(True, description="Items' categories, text and numbers are part of their vectors.")
    own_dropout: float | None = Field(
        None, ge=0, lt=1, description="Share of items that a training step knows by their content alone."
    )
    user_content: bool = Field(True, description="Users' categories, text and numbers join every place they are read.")
    user_dropout: float = Field(
        0.2, ge=0, lt=1, description="Share of windows trained as if nothing were known of their user."
    )
    text_size: int = Field(64, ge=1, le=1024, description="Dimensions that the text of items or users is cut to.")
    text_model: str | None = Field(
        None,
        min_length=1,
        description="What reads text: None, TF-IDF of its letters; minilm, the sentence BERT of tailscope[text]; or a "
        "folder of sentence-transformers.",
    )
    ensemble: tuple[Literal["ease", "itemknn"], ...] = Field(
        ("ease", "itemknn"),
        description="Models blended with the Transformer by weights learnt on validation; the blend answers where it "
        "is better there. none: no ensemble.",
    )

    @field_validator("ensemble", mode="before")
    @classmethod
    def _none_is_nothing(cls, given: Any) -> Any:
        return () if given is None else given

    @field_validator("ensemble")
    @classmethod
    def _members_differ(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return _each_once(given)

    @model_validator(mode="after")
    def _heads_divide_width(self) -> ModelConfig:
        if self.d_model is not None and self.n_heads is not None and self.d_model % self.n_heads:
            fits = [n for n in (1, 2, 4, 8, 16) if self.d_model % n == 0 and n <= 2 * self.n_heads]
            raise ValueError(
                f"n_heads ({self.n_heads}) must divide d_model ({self.d_model}); "
                f"try {' or '.join(map(str, fits[-2:]))}."
            )
        return self


class TrainingConfig(_Section):
    """How the weights are found."""

    preset: Literal["default", "best"] = Field(
        "default", description="What unset settings aim at: default, a sound model soon; best, quality before time."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="The same seed on the same machine gives the same weights.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="auto: cuda, else mps, else cpu.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Of products in a training step; weights stay float32. auto: bfloat16 on CUDA that has it, else "
        "float32.",
    )
    compile: bool = Field(
        False,
        description="Have torch compile the blocks: a minute at the start, then faster epochs; pays in long trainings.",
    )
    max_epochs: int | None = Field(None, ge=1, le=100_000, description="Passes over the data at most.")
    max_seconds: float | None = Field(
        None, gt=0, description="Stop after this long, best weights kept. None: no limit."
    )
    patience: int | None = Field(None, ge=1, le=MOST, description="Validations without gain before training stops.")
    validate_every: int | None = Field(None, ge=1, le=MOST, description="Epochs between validations.")
    validation_users: int = Field(
        6000, ge=1, le=MOST, description="Users asked at a validation, drawn once by the seed."
    )
    batch_tokens: int | None = Field(None, ge=8, le=MOST, description="Real events in a step; padding does not count.")
    learning_rate: float | None = Field(None, gt=0, le=1, description="Peak step size of AdamW.")
    weight_decay: float | None = Field(None, ge=0, le=100, description="AdamW's decoupled decay (L2).")
    l1: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Every step moves each number of items' own vectors this times the step size towards zero, and "
        "leaves it there once reached (L1, as a soft threshold); 0: none.",
    )
    pretrain_epochs: int | None = Field(
        None,
        ge=0,
        le=10_000,
        description="Epochs before the others in which the same weights fill in masked items, reading both ways, and "
        "find items from their content; 0: none.",
    )
    start_from: str | None = Field(
        None, description="Run whose weights training starts from; other items are met through their content."
    )
    content_loss: float = Field(
        0.0, ge=0, le=100, description="Weight of a second loss, by which an item is found from its content; 0: none."
    )
    label_smoothing: float | None = Field(
        None, ge=0, lt=1, description="Share of the softmax's target that all its items have in common; 0: none."
    )
    warmup_steps: int = Field(50, ge=0, le=MOST, description="Steps over which the step size rises from zero.")
    schedule: Literal["constant", "cosine", "linear"] = Field(
        "constant",
        description="After the warm-up: the peak throughout, or a fall along half a cosine wave or a line until the "
        "last of max_epochs.",
    )
    final_share: float = Field(
        0.1, ge=0, le=1, description="Share of the peak step size that a cosine or linear schedule ends at."
    )
    average: float | None = Field(
        None, ge=0, lt=1, description="Decay of the running average of weights that is validated and kept; 0: none."
    )
    clip_norm: float = Field(5.0, gt=0, le=1e9, description="Gradients longer than this are cut to it.")
    mask_share: float | None = Field(
        None, gt=0, lt=1, description="Share of a window's items hidden, which a masked network learns to fill in."
    )
    loss: Literal["full", "sampled"] | None = Field(None, description="Softmax over all items, or over a sample.")
    n_negatives: int | None = Field(
        None, ge=1, le=10**7, description="Shared uniform negatives a step (sampled softmax)."
    )

    @model_validator(mode="after")
    def _decay_leaves_weights_their_sign(self) -> TrainingConfig:
        rate, decay = self.learning_rate, self.weight_decay
        if rate is not None and decay is not None and rate * decay >= 1:
            raise ValueError(
                f"learning_rate ({rate:g}) times weight_decay ({decay:g}) must be under 1, or every step turns the "
                f"weights over; try weight_decay = 0.01."
            )
        return self


class AugmentationConfig(_Section):
    """Training windows changed at random, anew in every epoch; 0 is off. Masking is model.event_dropout."""

    crop: float = Field(
        0.0, ge=0, le=1, description="Share of windows of which a random stretch is kept, two items or more."
    )
    reorder: float = Field(
        0.0, ge=0, le=1, description="Share of windows in which up to four neighbours, but not the last, are shuffled."
    )
    substitute: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of windows read with a fifth of their events replaced by similar items (cosine of their "
        "training users); what is sought stays.",
    )
    truncate_head: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of head users' windows (evaluation.head_share) cut to the newest items, as many as a tail "
        "user has, drawn from the training part.",
    )
    input_noise: float = Field(
        0.0, ge=0, le=10, description="Gaussian noise added to each vector read, as a share of the vector's length."
    )


class EvaluationConfig(_Section):
    """What is measured."""

    protocol: Literal["leave-last-out", "temporal"] = Field(
        "leave-last-out",
        description="How targets are held out. leave-last-out: each user's last event. temporal: all after one time.",
    )
    test_share: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="Temporal protocol: share of interactions, the latest, to test on; as many before them validate.",
    )
    ks: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = Field(
        (5, 10, 20), description="List lengths at which metrics are quoted."
    )
    head_share: float = Field(0.2, gt=0, lt=1, description="Share of users, by history length, that is 'head'.")
    item_head_share: float = Field(0.2, gt=0, lt=1, description="Share of items, by popularity, that is 'head'.")
    new_items: bool = Field(
        False, description="Rank items that training never met too, by their content; the baselines cannot."
    )
    exclude_seen: Literal["auto"] | bool = Field(
        "auto",
        description="Leave out items that the history already holds. auto: true, but false where repeats are a tenth "
        "of the validation targets or more.",
    )
    bootstrap_samples: int = Field(1000, ge=10, le=100_000, description="Resamples of users behind every interval.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Coverage of every interval.")
    baselines: tuple[Literal["popularity", "itemknn", "ease"], ...] = Field(
        ("popularity", "itemknn", "ease"), description="Models trained and measured beside the Transformer."
    )
    ease_max_items: int = Field(
        20_000, ge=1, le=MOST, description="EASE is left out at this many items: it inverts a square."
    )
    ease_l2: float = Field(200.0, ge=1e-3, le=1e9, description="EASE's ridge penalty.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the bootstrap.")

    @field_validator("exclude_seen", mode="before")
    @classmethod
    def _auto_or_bool(cls, given: Any) -> Any:
        if given == "auto":
            return given
        try:
            return TypeAdapter(bool).validate_python(given)
        except ValidationError:
            raise ValueError(f"{given!r} must be auto, true or false.") from None

    @field_validator("ks")
    @classmethod
    def _some_length(cls, given: tuple[int, ...]) -> tuple[int, ...]:
        if not given:
            raise ValueError("[] leaves nothing to measure; name list lengths, such as [5, 10, 20].")
        return given

    @field_validator("ks", "baselines")
    @classmethod
    def _none_twice(cls, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return _each_once(given)

    @property
    def seen_left_out(self) -> bool:
        """Whether lists leave out what the history holds.

        Raises:
            ConfigError: that is still to be decided by the data (`engine.data.repeats.with_seen_decided`); a run's own
                settings have it decided.
        """
        if self.exclude_seen == "auto":
            raise ConfigError("evaluation.exclude_seen is 'auto', to be decided by the data first; say true or false.")
        return self.exclude_seen


class RunConfig(_Section):
    """All settings of a run."""

    data: DataConfig = DataConfig()  # pyright: ignore[reportCallIssue]
    model: ModelConfig = ModelConfig()  # pyright: ignore[reportCallIssue]
    training: TrainingConfig = TrainingConfig()  # pyright: ignore[reportCallIssue]
    augmentation: AugmentationConfig = AugmentationConfig()  # pyright: ignore[reportCallIssue]
    evaluation: EvaluationConfig = EvaluationConfig()  # pyright: ignore[reportCallIssue]

    def replace(self, changes: Mapping[str, Mapping[str, Any]]) -> RunConfig:
        """A copy with fields of sections changed, validated anew."""
        merged = self.model_dump()
        for section, fields in changes.items():
            merged.setdefault(section, {}).update(fields)
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
    """All settings as a commented TOML text, with their values and help."""
    config = config or RunConfig()
    lines: list[str] = []
    for name in RunConfig.model_fields:
        section: BaseModel = getattr(config, name)
        lines += [f"[{name}]", f"# {(type(section).__doc__ or '').strip()}"]
        for key, field in type(section).model_fields.items():
            value = getattr(section, key)
            shown = f"{key} = {_toml(value)}" if value is not None else f"# {key} = (chosen by the data)"
            if value is None and name == "data":
                shown = f"# {key} = (none)"
            if value is None and key == "max_seconds":
                shown = f"# {key} = (no limit)"
            lines += [f"{shown}  # {field.description}"]
        lines.append("")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return repr(value)
