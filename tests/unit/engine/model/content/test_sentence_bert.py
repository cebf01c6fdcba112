"""Text read by a sentence BERT: meaning without a letter in common, kept in a run, and what is said where it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.errors import ConfigError
from engine.model.content import sentence_bert
from engine.model.content.sentence_bert import MINILM, SentenceSpace, learn_sentence_space, sentence_vectors
from engine.model.network.content_storage import load_contents
from engine.runs.folder import CONTENTS
from tests.conftest import TINY_RUN, tiny_config

SLEEPING = ("tent", "a shelter for nights outdoors", "sleeping bag")
EATING = ("skillet", "frying pan", "a pot to cook soup in")


def test_texts_of_like_meaning_lie_close_without_a_word_in_common() -> None:
    space = learn_sentence_space([*SLEEPING, *EATING, ""], 4, 0, MINILM)
    assert space is not None
    found = space.directions(["camping", "", "kitchen pan"])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 0, 1], atol=1e-5)
    known = space.directions([*SLEEPING, *EATING])
    near = found @ known.T
    assert near[0, :3].mean() > near[0, 3:].mean() + 0.3
    assert near[2, 3:].mean() > near[2, :3].mean() + 0.3


def test_nothing_to_learn_from_is_no_space() -> None:
    assert learn_sentence_space(["tent", "tent", " "], 4, 0, MINILM) is None


@pytest.mark.parametrize(
    ("model", "rule"), [("no/such/folder", "no folder with a sentence-transformers model"), ("", "no folder")]
)
def test_a_model_that_is_not_there_is_named_with_the_way_out(model: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule) as told:
        sentence_vectors(model, ["tent"])
    assert MINILM in str(told.value)


def test_a_folder_that_holds_no_weights_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ConfigError, match="no sentence-transformers model"):
        sentence_vectors(str(tmp_path), ["tent"])


def test_without_the_extra_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence_bert._loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ConfigError, match=r"tailscope\[text\]"):
        sentence_vectors(MINILM, ["tent"])


def test_a_run_keeps_the_space_and_loads_without_the_model(
    tiny_log_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence_bert._loaded.cache_clear()
    config = tiny_config(model__text_model=MINILM, model__text_size=8, training__max_epochs=1)
    run = engine.train_run(tiny_log_dir, name=TINY_RUN, runs_dir=tmp_path, config=config)
    sentence_bert._loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    held = load_contents(run.path / CONTENTS, engine.load_run(TINY_RUN, tmp_path).recommender.network).items
    assert held is not None
    assert isinstance(held.text, SentenceSpace)
    assert held.text.model == MINILM
    assert held.text.components.shape == (8, 384)
    assert held.dense_names[:8] == tuple(f"text:{i}" for i in range(1, 9))
    monkeypatch.undo()
    table = run.dataset.item_table
    texts = [f"{title} {zh}" for title, zh in zip(table["title"], table["title_zh"], strict=True)]
    np.testing.assert_allclose(held.text.directions(texts), held.dense[1:, :8], atol=1e-5)
