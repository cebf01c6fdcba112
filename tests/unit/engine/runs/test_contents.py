"""What a run's network reads of items and users, of logs that say nothing of them and of columns with odd names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import engine
from engine.model.content.tables import Contents
from engine.model.network.content_storage import load_contents, save_contents
from engine.runs.contents import contents_of
from engine.runs.folder import CONTENTS
from tests.conftest import ODD_COLUMN, tiny_config

BROKEN = b'\x18\x00\x00\x00\x00\x00\x00\x00{},"__metadata__":{}}   '
"""What version 0.1 wrote of a log that says nothing of items and users."""


@pytest.fixture(params=["as it is written", "as version 0.1 wrote it"])
def plain(request: pytest.FixtureRequest, kinds_of_runs: Path, tmp_path: Path) -> engine.Run:
    """A run of users, items and times alone."""
    shutil.copytree(kinds_of_runs / "plain", tmp_path / "plain")
    if request.param == "as version 0.1 wrote it":
        (tmp_path / "plain" / CONTENTS).write_bytes(BROKEN)
    return engine.load_run("plain", tmp_path)


def test_nothing_known_can_be_asked_about(plain: engine.Run):
    assert contents_of(plain) == Contents()
    assert engine.attributes_used(plain) == {}
    user = str(plain.dataset.users.ids[3])
    person = engine.hypothetical_user(plain, user)
    edited = engine.HypotheticalUser(person.item_ids[:-1], user)
    assert engine.what_if(plain, edited, person).answer.items
    assert engine.explain_quick(plain, edited) is not None
    assert engine.explain_features(plain, user).features
    assert not engine.has_content(plain)
    with pytest.raises(engine.EngineError, match="read no categories or text of its items"):
        engine.neighbours(plain, "1", "content")
    with pytest.raises(engine.EngineError, match="read nothing of its users but events, so 'region' would"):
        engine.recommend_for(plain, ["1"], attributes={"region": "x"})


def test_training_starts_from_a_run_that_knows_nothing_of_items_or_users(plain: engine.Run, kinds_of_runs: Path):
    log = plain.path.parent / "log.csv"
    log.write_text("user_id,item_id\n" + "".join(f"u{n % 20},{n % 15 + 1}\n" for n in range(100)), encoding="utf-8")
    config = tiny_config(training__max_epochs=1, model__n_layers=1, training__start_from="plain")
    assert engine.train_run(log, name="after", runs_dir=plain.path.parent, config=config).name == "after"


def test_the_file_of_no_contents_can_be_read_by_others(tmp_path: Path):
    from safetensors import safe_open

    save_contents(Contents(), tmp_path / "none.safetensors")
    with safe_open(tmp_path / "none.safetensors", framework="np") as file:
        assert list(file.keys()) == []


def test_a_column_may_hold_an_equals_sign(kinds_of_runs: Path):
    run = engine.load_run("odd", kinds_of_runs)
    read = engine.attributes_used(run)
    assert read[ODD_COLUMN] == ("M", "S=small")
    assert read["size"] == ("L", "eu=S")
    known = engine.attributes_of(run, str(run.dataset.users.ids[0]))
    assert known[ODD_COLUMN] in read[ODD_COLUMN]
    about = {ODD_COLUMN: "S=small", "size": "eu=S"}
    assert engine.recommend_for(run, ["1"], attributes=about).items != engine.recommend_for(run, ["1"]).items
    with pytest.raises(
        engine.EngineError, match="size=eu = 'XL' does not occur in the training data; known are M, S=small"
    ):
        engine.recommend_for(run, ["1"], attributes={ODD_COLUMN: "XL"})
    names = {feature.name for feature in engine.explain_features(run, str(run.dataset.users.ids[0])).features}
    assert {ODD_COLUMN, "size", "a=b"} <= names


def test_a_column_may_hold_an_equals_sign_in_files_of_version_0_1(kinds_of_runs: Path, tmp_path: Path):
    shutil.copytree(kinds_of_runs / "odd", tmp_path / "odd")
    path = tmp_path / "odd" / CONTENTS
    path.write_bytes(path.read_bytes().replace(b'\\"columns\\"', b'\\"unknown\\"'))  # they do not say where it ends
    items = contents_of(engine.load_run("odd", tmp_path)).items
    assert items is not None
    assert items.values()["a=b"] == ("x=y", "z")


def test_a_file_that_is_needed_and_broken_is_told(kinds_of_runs: Path, tmp_path: Path):
    run = engine.load_run("odd", kinds_of_runs)
    (tmp_path / CONTENTS).write_bytes(BROKEN)
    with pytest.raises(engine.RunError, match="cannot be read"):
        load_contents(tmp_path / CONTENTS, run.recommender.network)
