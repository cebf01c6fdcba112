"""Every setting at and beyond its bounds: it trains, or it is refused by name before anything is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import engine
from engine.config import RunConfig, load_config, parse_config
from engine.errors import ConfigError, EngineError
from tests.conftest import TINY_RUN, tiny_config

SECTIONS: dict[str, type[BaseModel]] = {name: type(getattr(RunConfig(), name)) for name in RunConfig.model_fields}
FIELDS = [(section, key, field) for section, model in SECTIONS.items() for key, field in model.model_fields.items()]
ODD: tuple[Any, ...] = (
    math.nan, math.inf, -math.inf, -1, 0, 1, 1e-300, 1e300, 10**9, 10**30, -(10**30), "", "x", "\x00", [], [0], [-5],
    [5, 5], [10**9], ["ease", "ease"], {}, {"a": 1}, True, False, None,
)  # fmt: skip


def _edges(field: FieldInfo) -> Iterator[Any]:
    """At each bound, and a little to both sides of it."""
    for rule in field.metadata:
        for kind, name in ((Ge, "ge"), (Gt, "gt"), (Le, "le"), (Lt, "lt")):
            if isinstance(rule, kind):
                bound: Any = getattr(rule, name)
                yield from (
                    bound,
                    bound - 1,
                    bound + 1,
                    math.nextafter(bound, -math.inf),
                    math.nextafter(bound, math.inf),
                )


def _read(section: str, key: str, value: Any) -> RunConfig | str:
    """The settings, or the words in which they are refused."""
    try:
        return parse_config({section: {key: value}}, "test")
    except ConfigError as error:
        return str(error)


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _numbers(part)
    elif isinstance(value, int | float):
        yield value


@pytest.mark.parametrize(("section", "key", "field"), FIELDS, ids=[f"{s}.{k}" for s, k, _ in FIELDS])
def test_a_value_is_refused_by_name_or_kept_as_a_finite_number(section: str, key: str, field: FieldInfo) -> None:
    for value in (*ODD, *_edges(field)):
        config = _read(section, key, value)
        if isinstance(config, str):
            assert f"{section}.{key}" in config, value  # the setting; and the value or the rule that it breaks
            assert len(config) > len(f"test: {section}.{key}: ") + 10, value
            continue
        held = getattr(getattr(config, section), key)
        assert all(math.isfinite(number) and abs(number) <= 10**12 for number in _numbers(held)) or (
            key in ("max_seconds", "min_rating") and math.isfinite(held)
        ), value
        assert parse_config(config.model_dump(mode="json"), "test") == config


def test_every_number_has_a_rule() -> None:
    """At both ends, but for a time that may be as long as it likes and a rating, which may be any finite number."""
    for section, key, field in FIELDS:
        kinds = {field.annotation, *get_args(field.annotation)}
        if kinds & {int, float} and key not in ("ks", "min_rating", "max_seconds", "learning_rate"):
            rules = {type(rule) for rule in field.metadata}
            assert rules & {Ge, Gt}, (section, key)
            assert rules & {Le, Lt}, (section, key)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("evaluation.ks=[]", ["evaluation.ks", "[]", "such as"]),
        ("evaluation.ks=[0]", ["evaluation.ks", "0", "greater"]),
        ("evaluation.ks=[-5]", ["evaluation.ks", "-5", "greater"]),
        ("evaluation.ks=[5, 5]", ["evaluation.ks", "[5, 5]", "once"]),
        ('evaluation.baselines=["ease", "ease"]', ["evaluation.baselines", "ease", "once"]),
        ('model.ensemble=["ease", "ease"]', ["model.ensemble", "ease", "once"]),
        ("training.clip_norm=inf", ["training.clip_norm", "inf", "finite"]),
        ("data.min_rating=nan", ["data.min_rating", "nan", "finite"]),
        ("training.max_seconds=inf", ["training.max_seconds", "inf", "finite"]),
        ("evaluation.exclude_seen=maybe", ["evaluation.exclude_seen", "maybe", "auto, true or false"]),
    ],
)
def test_what_cannot_work_is_refused_with_value_and_rule(change: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(None, [change])
    for word in words:
        assert word in str(error.value)


def test_a_step_that_turns_weights_over_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"learning_rate \(1\) times weight_decay \(50\) must be under 1"):
        load_config(None, ["training.learning_rate=1", "training.weight_decay=50"])


@pytest.mark.parametrize(
    "changes",
    [
        {"model__dropout": 0.999, "model__own_dropout": 0.998, "model__event_dropout": 1.0},
        {"model__dropout": 0.001, "evaluation__ks": "[10000]", "evaluation__head_share": 1e-9},
        {"model__temperature": 0.001, "evaluation__confidence": 0.999999, "evaluation__ease_l2": 1e9},
        {"evaluation__ease_l2": 0.001, "evaluation__item_head_share": 0.999999, "evaluation__baselines": '["ease"]'},
        {"training__clip_norm": 1e-300, "training__l1": 1e6, "training__weight_decay": 100},
    ],
)  # fmt: skip
def test_what_is_let_through_trains(changes: dict[str, Any], tiny_log_dir: Path, tmp_path: Path) -> None:
    config = tiny_config(**{"training__max_epochs": 1, **changes})
    run = engine.train_run(tiny_log_dir, name="edge", runs_dir=tmp_path, config=config)
    figures = run.evaluation.models["transformer"].overall.metrics
    assert all(math.isfinite(estimate.value) for estimate in figures.values())


@pytest.mark.parametrize(
    ("key", "value"), [("protocol", "temporal"), ("new_items", True), ("test_share", 0.2)], ids=lambda v: str(v)
)
def test_what_training_fixed_cannot_be_measured_otherwise(key: str, value: Any, tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, runs_dir=tiny_run_dir)
    with pytest.raises(EngineError, match=rf"evaluation\.{key} = .*{value}.*trained with .*--set evaluation\.{key}"):
        engine.evaluate_run(run, run.config.replace({"evaluation": {key: value}}))
