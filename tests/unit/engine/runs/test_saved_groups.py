"""Groups kept with a run: there and back, whole or not at all, and a damaged file is told with the way out."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

import engine
from engine import Group, Rule, Run, disk

TAIL = Group("Tail in the west", Rule.parse("user_cohort=tail & region=西部"))


@pytest.fixture
def run(tiny_run_dir: Path, tmp_path: Path) -> Run:
    """The tiny run, with a folder of its own to write in."""
    return dataclasses.replace(engine.load_run("tiny", tiny_run_dir), path=tmp_path)


def test_facts_of_a_run_are_those_of_its_test_users(run: Run):
    facts = engine.run_facts(run)
    assert facts["user_idx"].tolist() == run.split.test.users.tolist()
    own = run.evaluation.per_user.loc[run.evaluation.per_user["model"] == "transformer"]
    for column in ("history_length", "user_cohort", "item_cohort"):
        assert facts[column].tolist() == own[column].tolist()
    assert {"recency_days", "mainstream", "region", "age_band", "target_popularity", "target_category"} <= set(facts)
    assert facts.columns.is_unique
    groups = (*engine.standard_groups(facts), *engine.item_groups(facts))
    assert (engine.group_sizes(groups, facts)["n"] > 0).all()


def test_groups_come_back_in_the_order_saved(run: Run):
    assert engine.load_groups(run) == ()
    long = Group("长", Rule.parse("history_length=5.."))
    for group in (TAIL, long):
        engine.save_group(run, group)
    assert engine.load_groups(run) == (TAIL, long)
    other = Group(TAIL.name, Rule.parse("region=North"))
    with pytest.raises(engine.EngineError, match=r"called 'Tail in the west' is saved with run 'tiny' already"):
        engine.save_group(run, other)
    engine.save_group(run, other, overwrite=True)
    assert engine.load_groups(run) == (other, long)
    engine.delete_group(run, TAIL.name)
    assert engine.load_groups(run) == (long,)
    with pytest.raises(engine.UnknownIdError, match=r"No group 'Tail in the west' .* there are '长'"):
        engine.delete_group(run, TAIL.name)
    assert [path.name for path in run.path.iterdir()] == ["cohorts.json"]


@pytest.mark.parametrize("name", ["", " a", "a ", "../a", "/etc/passwd", ".hidden", "a\nb", "a\x00b", "x" * 81])
def test_a_name_that_may_not_be_is_refused(run: Run, name: str):
    with pytest.raises(engine.EngineError, match="cannot be called"):
        engine.save_group(run, Group(name, Rule()))
    assert list(run.path.iterdir()) == []


def test_a_name_never_becomes_a_path(run: Run):
    engine.save_group(run, Group("a/../../b", Rule()))
    assert [path.name for path in run.path.iterdir()] == ["cohorts.json"]
    assert engine.load_groups(run) == (Group("a/../../b", Rule()),)


def test_a_rule_that_fits_nobody_of_the_run_is_not_saved(run: Run):
    with pytest.raises(engine.EngineError, match="region=West, a value that nobody has"):
        engine.save_group(run, Group("west", Rule.parse("region=West")))
    assert engine.load_groups(run) == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read"),
        ("[]", "no JSON object"),
        ("{}", 'no list "groups"'),
        ('{"groups": [3]}', "Group 1 in .*no object"),
        ('{"groups": [{"name": "a", "rule": "b"}]}', "Group 1 in .*cannot be read at 'b'"),
        ('{"groups": [{"name": "a", "rule": ""}, {"name": "..", "rule": ""}]}', "Group 2 in .*cannot be called"),
        ('{"groups": [{"name": "a", "rule": ""}, {"name": "a", "rule": ""}]}', "two groups called 'a'"),
    ],
)
def test_a_damaged_file_is_told_and_never_overwritten(run: Run, text: str, told: str):
    path = run.path / "cohorts.json"
    path.write_text(text, encoding="utf-8")
    for act in (engine.load_groups, lambda r: engine.save_group(r, TAIL), lambda r: engine.delete_group(r, "a")):
        with pytest.raises(engine.RunError, match=told) as caught:
            act(run)
        assert "mend" in str(caught.value)
        assert "train" not in str(caught.value)
    assert path.read_text(encoding="utf-8") == text


def test_a_write_that_fails_leaves_what_was_saved(run: Run, monkeypatch: pytest.MonkeyPatch):
    engine.save_group(run, TAIL)
    before = (run.path / "cohorts.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(engine.RunError, match=r"cohorts.json cannot be written \(No space left on device\)"):
        engine.save_group(run, Group("b", Rule()))
    assert (run.path / "cohorts.json").read_bytes() == before
    assert json.loads(before) == {"groups": [{"name": TAIL.name, "rule": "user_cohort=tail & region=西部"}]}


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_groups_that_many_save_at_once_are_all_kept(run: Run):
    def save(who: int) -> int:
        """Saves twelve groups in a fork, deletes half of them again; gives the process."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for number in range(12):
                    engine.save_group(run, Group(f"{who} {number}", Rule()))
                    if number % 2:
                        engine.delete_group(run, f"{who} {number}")
                code = 0
            finally:
                os._exit(code)
        return child

    ends = [os.waitpid(child, 0)[1] for child in [save(who) for who in range(4)]]
    assert ends == [0] * 4
    kept = {group.name for group in engine.load_groups(run)}
    assert kept == {f"{who} {number}" for who in range(4) for number in range(0, 12, 2)}
    assert [path.name for path in run.path.iterdir()] == ["cohorts.json"]


@pytest.mark.parametrize(
    ("number", "way"), [(28, "make room"), (13, "make the folder writable"), (2, "still there"), (27, "make room")]
)
def test_a_failed_write_says_what_helps(run: Run, monkeypatch: pytest.MonkeyPatch, number: int, way: str):
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(engine.RunError, match=way):
        engine.save_group(run, TAIL)
    assert list(run.path.iterdir()) == []


def test_who_waits_too_long_is_told(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engine.runs.saved_groups.PATIENCE", 0.05)
    with (
        disk.exclusive_lock(run.path / ".cohorts.lock"),
        pytest.raises(engine.RunError, match="Somebody else is changing"),
    ):
        engine.save_group(run, TAIL)


def test_a_saved_rule_means_the_same_users(run: Run):
    engine.save_group(run, TAIL)
    facts = engine.run_facts(run)
    wanted = (facts["user_cohort"] == "tail") & (facts["region"] == "西部")
    assert wanted.any()
    assert np.array_equal(engine.members(engine.load_groups(run)[0].rule, facts), wanted)
