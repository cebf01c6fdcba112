"""The five sections of settings, frozen, each field with its rule and what it is for.

A field that is None is chosen by the size of the data when a run starts (`engine.model.training.defaults`); the run
folder keeps what was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
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


class Section(BaseModel):
    """What all sections share: nothing changes in place, and an unknown or infinite value is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)


OLD_NAMES = {"own_dropout": "id_dropout"}
"""Settings of the model that version 0.1 called otherwise."""


def with_new_names(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under their names of now; an old name's value counts where the new name has none."""
    renamed = {new: fields[old] for old, new in OLD_NAMES.items() if old in fields and fields.get(new) is None}
    return {key: value for key, value in fields.items() if key not in OLD_NAMES} | renamed


def _each_once(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """The members, if none is there twice."""
    if twice := [value for i, value in enumerate(given) if value in given[:i]]:
        raise ValueError(f"{list(given)!r} names {twice[0]!r} twice; each may stand there once.")
    return given


class DataConfig(Section):
    """How a log becomes a dataset."""

    user: Annotated[str | None, Field(description="Column of user ids; guessed from usual names when not given.")] = (
        None
    )
    item: Annotated[str | None, Field(description="Column of item ids; guessed likewise.")] = None
    time: Annotated[
        str | None, Field(description="Column of times; guessed likewise. Without one, file order counts.")
    ] = None
    rating: Annotated[str | None, Field(description="Column of ratings; guessed likewise.")] = None
    min_rating: Annotated[float | None, Field(description="Ratings under this are no interaction. None keeps all.")] = (
        None
    )
    time_format: Annotated[
        str | None,
        Field(
            min_length=1,
            description=(
                "How times are written: a format of strptime such as %d/%m/%Y %H:%M, or one of day-first, "
                "month-first, years, seconds, milliseconds, microseconds, nanoseconds, days, spreadsheet-days, ticks, "
                "filetime. None: recognised from the column."
            ),
        ),
    ] = None
    no_time: Annotated[
        bool, Field(description="Leave times out: the order of the file is the order of each history.")
    ] = False

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


class ModelConfig(Section):
    """The network."""

    architecture: Annotated[
        Literal["causal", "masked", "encoder-decoder"],
        Field(
            description=(
                "causal: each event sees earlier ones (GPT style). masked: all see all, a [MASK] at the end reads "
                "out (BERT style). encoder-decoder: the history is encoded both ways, the next items decoded across it."
            )
        ),
    ] = "causal"
    max_len: Annotated[int | None, Field(ge=2, le=4096, description="Most recent events the network reads.")] = None
    d_model: Annotated[int | None, Field(ge=4, le=2048, description="Width of item vectors and hidden states.")] = None
    n_layers: Annotated[
        int | None, Field(ge=1, le=32, description="Transformer blocks; an encoder-decoder has as many in each half.")
    ] = None
    n_heads: Annotated[
        int | None, Field(ge=1, le=32, description="Attention heads in each block; must divide d_model.")
    ] = None
    d_ff: Annotated[int | None, Field(ge=4, le=8192, description="Width inside a block's feed-forward part.")] = None
    dropout: Annotated[float | None, Field(ge=0, lt=1, description="Share of activations dropped while training.")] = (
        None
    )
    event_dropout: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="Share of sequences trained with a random part of their events masked: SHAP hides events too.",
        ),
    ] = None
    output: Annotated[
        Literal["cosine", "dot"] | None, Field(description="How a hidden state meets an item's vector.")
    ] = None
    temperature: Annotated[
        float | None, Field(ge=1e-3, le=10, description="Divides cosine scores; smaller is sharper.")
    ] = None
    item_content: Annotated[
        bool, Field(description="Items' categories, text and numbers are part of their vectors.")
    ] = True
    id_dropout: Annotated[
        float | None, Field(ge=0, lt=1, description="Share of items that a training step knows by their content alone.")
    ] = None
    user_content: Annotated[
        bool, Field(description="Users' categories, text and numbers join every place they are read.")
    ] = True
    user_dropout: Annotated[
        float, Field(ge=0, lt=1, description="Share of windows trained as if nothing were known of their user.")
    ] = 0.2
    text_size: Annotated[
        int, Field(ge=1, le=1024, description="Dimensions that the text of items or users is cut to.")
    ] = 64
    text_model: Annotated[
        str | None,
        Field(
            min_length=1,
            description=(
                "What reads text: None, TF-IDF of its letters; minilm, the sentence BERT of tailscope[text]; or a "
                "folder of sentence-transformers."
            ),
        ),
    ] = None
    ensemble: Annotated[
        tuple[Literal["ease", "itemknn"], ...],
        Field(
            description=(
                "Models blended with the Transformer by weights learnt on validation; the blend answers where it "
                "is better there. none: no ensemble."
            )
        ),
    ] = ("ease", "itemknn")

    @model_validator(mode="before")
    @classmethod
    def _old_names_read_on(cls, given: Any) -> Any:
        return with_new_names(given) if isinstance(given, dict) else given

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


class TrainingConfig(Section):
    """How the weights are found."""

    preset: Annotated[
        Literal["default", "best"],
        Field(description="What unset settings aim at: default, a sound model soon; best, quality before time."),
    ] = "default"
    seed: Annotated[
        int, Field(ge=0, lt=2**31, description="The same seed on the same machine gives the same weights.")
    ] = 0
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], Field(description="auto: cuda, else mps, else cpu.")] = (
        "auto"
    )
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Field(
            description=(
                "Of products in a training step; weights stay float32. auto: bfloat16 on CUDA that has it, else "
                "float32."
            )
        ),
    ] = "auto"
    compile: Annotated[
        bool,
        Field(
            description="Have torch compile the blocks: a minute at the start, then faster "
            "epochs; pays in long trainings."
        ),
    ] = False
    max_epochs: Annotated[int | None, Field(ge=1, le=100_000, description="Passes over the data at most.")] = None
    max_seconds: Annotated[
        float | None, Field(gt=0, description="Stop after this long, best weights kept. None: no limit.")
    ] = None
    patience: Annotated[
        int | None, Field(ge=1, le=MOST, description="Validations without gain before training stops.")
    ] = None
    validate_every: Annotated[int | None, Field(ge=1, le=MOST, description="Epochs between validations.")] = None
    validation_users: Annotated[
        int, Field(ge=1, le=MOST, description="Users asked at a validation, drawn once by the seed.")
    ] = 6000
    batch_tokens: Annotated[
        int | None, Field(ge=8, le=MOST, description="Real events in a step; padding does not count.")
    ] = None
    learning_rate: Annotated[float | None, Field(gt=0, le=1, description="Peak step size of AdamW.")] = None
    weight_decay: Annotated[float | None, Field(ge=0, le=100, description="AdamW's decoupled decay (L2).")] = None
    l1: Annotated[
        float,
        Field(
            ge=0,
            le=1e6,
            description=(
                "Every step moves each number of items' own vectors this times the step size towards zero, and "
                "leaves it there once reached (L1, as a soft threshold); 0: none."
            ),
        ),
    ] = 0.0
    pretrain_epochs: Annotated[
        int | None,
        Field(
            ge=0,
            le=10_000,
            description=(
                "Epochs before the others in which the same weights fill in masked items, reading both ways, and "
                "find items from their content; 0: none."
            ),
        ),
    ] = None
    start_from: Annotated[
        str | None,
        Field(description="Run whose weights training starts from; other items are met through their content."),
    ] = None
    content_loss: Annotated[
        float,
        Field(
            ge=0, le=100, description="Weight of a second loss, by which an item is found from its content; 0: none."
        ),
    ] = 0.0
    label_smoothing: Annotated[
        float | None,
        Field(ge=0, lt=1, description="Share of the softmax's target that all its items have in common; 0: none."),
    ] = None
    warmup_steps: Annotated[
        int, Field(ge=0, le=MOST, description="Steps over which the step size rises from zero.")
    ] = 50
    schedule: Annotated[
        Literal["constant", "cosine", "linear"],
        Field(
            description=(
                "After the warm-up: the peak throughout, or a fall along half a cosine wave or a line until the "
                "last of max_epochs."
            )
        ),
    ] = "constant"
    final_share: Annotated[
        float, Field(ge=0, le=1, description="Share of the peak step size that a cosine or linear schedule ends at.")
    ] = 0.1
    average: Annotated[
        float | None,
        Field(ge=0, lt=1, description="Decay of the running average of weights that is validated and kept; 0: none."),
    ] = None
    clip_norm: Annotated[float, Field(gt=0, le=1e9, description="Gradients longer than this are cut to it.")] = 5.0
    mask_share: Annotated[
        float | None,
        Field(gt=0, lt=1, description="Share of a window's items hidden, which a masked network learns to fill in."),
    ] = None
    loss: Annotated[
        Literal["full", "sampled"] | None, Field(description="Softmax over all items, or over a sample.")
    ] = None
    n_negatives: Annotated[
        int | None, Field(ge=1, le=10**7, description="Shared uniform negatives a step (sampled softmax).")
    ] = None

    @model_validator(mode="after")
    def _decay_leaves_weights_their_sign(self) -> TrainingConfig:
        rate, decay = self.learning_rate, self.weight_decay
        if rate is not None and decay is not None and rate * decay >= 1:
            raise ValueError(
                f"learning_rate ({rate:g}) times weight_decay ({decay:g}) must be under 1, or every step turns the "
                f"weights over; try weight_decay = 0.01."
            )
        return self


class AugmentationConfig(Section):
    """Training windows changed at random, anew in every epoch; 0 is off. Masking is model.event_dropout."""

    crop: Annotated[
        float, Field(ge=0, le=1, description="Share of windows of which a random stretch is kept, two items or more.")
    ] = 0.0
    reorder: Annotated[
        float,
        Field(
            ge=0, le=1, description="Share of windows in which up to four neighbours, but not the last, are shuffled."
        ),
    ] = 0.0
    substitute: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description=(
                "Share of windows read with a fifth of their events replaced by similar items (cosine of their "
                "training users); what is sought stays."
            ),
        ),
    ] = 0.0
    truncate_head: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description=(
                "Share of head users' windows (evaluation.head_share) cut to the newest items, as many as a tail "
                "user has, drawn from the training part."
            ),
        ),
    ] = 0.0
    input_noise: Annotated[
        float,
        Field(ge=0, le=10, description="Gaussian noise added to each vector read, as a share of the vector's length."),
    ] = 0.0


class EvaluationConfig(Section):
    """What is measured."""

    protocol: Annotated[
        Literal["leave-last-out", "temporal"],
        Field(
            description="How targets are held out. leave-last-out: each user's last event. "
            "temporal: all after one time."
        ),
    ] = "leave-last-out"
    test_share: Annotated[
        float,
        Field(
            gt=0,
            lt=0.5,
            description="Temporal protocol: share of interactions, the latest, to test on; as "
            "many before them validate.",
        ),
    ] = 0.1
    ks: Annotated[
        tuple[Annotated[int, Field(ge=1, le=10_000)], ...],
        Field(description="List lengths at which metrics are quoted."),
    ] = (5, 10, 20)
    head_share: Annotated[
        float, Field(gt=0, lt=1, description="Share of users, by history length, that is 'head'.")
    ] = 0.2
    item_head_share: Annotated[
        float, Field(gt=0, lt=1, description="Share of items, by popularity, that is 'head'.")
    ] = 0.2
    new_items: Annotated[
        bool, Field(description="Rank items that training never met too, by their content; the baselines cannot.")
    ] = False
    exclude_seen: Annotated[
        Literal["auto"] | bool,
        Field(
            description=(
                "Leave out items that the history already holds. auto: true, but false where repeats are a tenth "
                "of the validation targets or more."
            )
        ),
    ] = "auto"
    bootstrap_samples: Annotated[
        int, Field(ge=10, le=100_000, description="Resamples of users behind every interval.")
    ] = 1000
    confidence: Annotated[float, Field(gt=0.5, lt=1, description="Coverage of every interval.")] = 0.95
    baselines: Annotated[
        tuple[Literal["popularity", "itemknn", "ease"], ...],
        Field(description="Models trained and measured beside the Transformer."),
    ] = ("popularity", "itemknn", "ease")
    ease_max_items: Annotated[
        int, Field(ge=1, le=MOST, description="EASE is left out at this many items: it inverts a square.")
    ] = 20_000
    ease_l2: Annotated[float, Field(ge=1e-3, le=1e9, description="EASE's ridge penalty.")] = 200.0
    seed: Annotated[int, Field(ge=0, lt=2**31, description="Seed of the bootstrap.")] = 0

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
            ConfigError: "auto" has not been resolved yet by the data (`engine.data.repeats.resolve_exclude_seen`); in
                the settings of a run it always has.
        """
        if self.exclude_seen == "auto":
            raise ConfigError("evaluation.exclude_seen is 'auto', to be decided by the data first; say true or false.")
        return self.exclude_seen
