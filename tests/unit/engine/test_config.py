"""Settings: defaults, files, changes on the command line, and errors that name the key, the value and the way out."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.config import RunConfig, describe_config, load_config, parse_config
from engine.errors import ConfigError


def test_a_file_and_changes_on_top_of_it(tmp_path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('[model]\nd_model = 32\n[training]\ndevice = "cpu"\nseed = 4\n', encoding="utf-8")
    config = load_config(file, ["training.seed=7", "model.output=dot", "evaluation.ks=[1, 3]", "data.min_rating=3.5"])
    assert (config.model.d_model, config.training.seed, config.training.device) == (32, 7, "cpu")
    assert (config.model.output, config.evaluation.ks, config.data.min_rating) == ("dot", (1, 3), 3.5)


def test_none_unsets_a_setting() -> None:
    assert load_config(None, ["training.max_seconds=9", "training.max_seconds=none"]).training.max_seconds is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("model.widht=3", ["model.widht", "d_model"]),
        ("modle.d_model=3", ["modle", "training"]),
        ("model.dropout=1.5", ["model.dropout", "1.5"]),
        ("model.d_model=wide", ["model.d_model", "wide"]),
        ("training.device=tpu", ["training.device", "tpu", "cuda"]),
        ("d_model=3", ["d_model=3", "section.key=value"]),
        ("model.d_model", ["section.key=value"]),
        ("evaluation.head_share=0", ["evaluation.head_share", "0"]),
    ],
)
def test_a_wrong_change_is_refused_by_name(change: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(None, [change])
    for word in words:
        assert word in str(error.value)


def test_heads_must_divide_the_width_and_the_message_says_what_would() -> None:
    with pytest.raises(ConfigError, match=r"n_heads \(3\) must divide d_model \(64\); try 2 or 4"):
        load_config(None, ["model.n_heads=3", "model.d_model=64"])


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        load_config(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("[model\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bad\.toml is not TOML"):
        load_config(tmp_path / "bad.toml")


def test_settings_survive_json_and_cannot_be_changed_in_place() -> None:
    config = load_config(None, ["model.d_model=32", "evaluation.ks=[3]"])
    assert parse_config(config.model_dump(mode="json"), "test") == config
    with pytest.raises(ValidationError):
        config.model.d_model = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_the_printed_settings_are_a_file_that_reads_back_and_explains_every_field() -> None:
    config = load_config(None, ["model.d_model=32", "data.user=uid"])
    text = describe_config(config)
    assert load_config_from(text) == config
    for section in RunConfig.model_fields:
        for key, field in type(getattr(config, section)).model_fields.items():
            assert key in text
            assert field.description
            assert field.description in text


def load_config_from(text: str) -> RunConfig:
    return parse_config(tomllib.loads(text), "printed")


def test_a_setting_under_its_old_name_reads_on(tmp_path: Path) -> None:
    assert load_config(changes=["model.own_dropout=0.2"]).model.id_dropout == 0.2
    (tmp_path / "old.toml").write_text("[model]\nown_dropout = 0.3\n", encoding="utf-8")
    kept = load_config(tmp_path / "old.toml")
    assert kept.model.id_dropout == 0.3
    assert kept.replace({"model": {"own_dropout": 0.4}}).model.id_dropout == 0.4
    assert parse_config({"model": {"own_dropout": None, "id_dropout": 0.1}}, "settings").model.id_dropout == 0.1
