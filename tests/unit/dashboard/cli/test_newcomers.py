"""`recommend --events` and `explain --events`: somebody who is not in the data."""

from __future__ import annotations

from pathlib import Path

import pytest

import engine
from tests.conftest import ODD_COLUMN, TINY_RUN
from tests.unit.dashboard.conftest import Tailscope


@pytest.fixture(scope="module")
def run(tiny_run_dir: Path) -> engine.Run:
    return engine.load_run(TINY_RUN, tiny_run_dir)


def test_recommend_json(tailscope: Tailscope, tiny_run_dir: Path, run: engine.Run):
    done = tailscope("recommend", TINY_RUN, "--events", "i03, i04", "-k", 3, "--runs", tiny_run_dir, "--json")
    assert done.code == 0, done.err
    document = done.document
    assert document["user"] is None
    assert [(e["item_id"], e["position"], e["time"]) for e in document["history"]] == [
        ("i03", 1, None),
        ("i04", 2, None),
    ]
    given = engine.recommend_for(run, ["i03", "i04"], k=3)
    assert [(i["item_id"], i["score"]) for i in document["items"]] == [(i.item_id, i.score) for i in given.items]


def test_nothing_known(tailscope: Tailscope, tiny_run_dir: Path):
    command = ("recommend", TINY_RUN, "--events", "", "--runs", tiny_run_dir)
    out = tailscope(*command).out
    assert "New user: no event is known" in out
    assert "Recommended next" in out
    assert (
        len(tailscope("recommend", TINY_RUN, "--events", "", "--runs", tiny_run_dir, "--json").document["items"]) == 10
    )


def test_explain(tailscope: Tailscope, tiny_run_dir: Path):
    command = ("explain", TINY_RUN, "--events", "i03,i04,i05", "--item", "i06", "--runs", tiny_run_dir)
    document = tailscope(*command, "--json").document
    assert (document["user"], document["item"]) == (None, "i06")
    assert [part["item_id"] for part in document["attributions"]] == ["i03", "i04", "i05"]
    total = document["base"] + sum(part["value"] for part in document["attributions"])
    assert total == pytest.approx(document["score"], abs=1e-4)
    assert "for a new user?" in tailscope(*command).out


@pytest.mark.parametrize(
    ("events", "code", "words"),
    [("i03,x9,x8", 1, "No item 'x9', 'x8'"), ('"i03,i04"', 1, "No item 'i03,i04'"), ("", 1, "at least one item id")],
)
def test_events_that_cannot_be_explained(tailscope: Tailscope, tiny_run_dir: Path, events: str, code: int, words: str):
    done = tailscope("explain", TINY_RUN, "--events", events, "--runs", tiny_run_dir, "--json")
    assert (done.code, done.out) == (code, "")
    assert words in done.err


@pytest.mark.parametrize("command", ["recommend", "explain"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give either --user ID or --events"),
        (["--user", "u005", "--events", "i01"], "give either --user ID or --events"),
        (["--events", "i01", "--held-out"], "with --events just leave it out"),
        (["--user", "u005", "--about", "region=north"], "--about describes a new user: give --events too"),
        (["--events", "i01", "--about", "north"], "--about 'north' must read COLUMN=VALUE"),
    ],
)
def test_who_is_asked_about_must_be_clear(
    tailscope: Tailscope, monkeypatch: pytest.MonkeyPatch, command: str, arguments: list[str], words: str
):
    monkeypatch.setenv("COLUMNS", "300")
    done = tailscope(command, TINY_RUN, *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_what_is_known_of_somebody_new_changes_their_scores(tailscope: Tailscope, tiny_run_dir: Path):
    def scores(*about: str) -> list[float]:
        command = ("recommend", TINY_RUN, "--events", "i03,i04", *about, "--runs", tiny_run_dir, "--json")
        return [item["score"] for item in tailscope(*command).document["items"]]

    told = scores("--about", "region=South", "--about", "age_band=50+")
    assert told != scores()
    assert told != scores("--about", "region=西部")
    wrong = tailscope("explain", TINY_RUN, "--events", "i03", "--about", "region=East", "--runs", tiny_run_dir)
    assert wrong.code == 1
    assert "region = 'East' does not occur in the training data; known are North, South, 西部." in wrong.err


def test_about_a_column_that_holds_an_equals_sign(tailscope: Tailscope, kinds_of_runs: Path):
    command = ("recommend", "odd", "--events", "1", "--runs", kinds_of_runs, "--json")
    told = tailscope(*command, "--about", f"{ODD_COLUMN}=S=small", "--about", "size=L")
    assert told.code == 0, told.err
    run = engine.load_run("odd", kinds_of_runs)
    given = engine.recommend_for(run, ["1"], attributes={ODD_COLUMN: "S=small", "size": "L"})
    assert [(i["item_id"], i["score"]) for i in told.document["items"]] == [(i.item_id, i.score) for i in given.items]
    assert "read nothing of its users but events" in tailscope("explain", "plain", *command[2:], "--about", "a=b").err


def test_nothing_left_to_recommend_is_said(tailscope: Tailscope, kinds_of_runs: Path):
    everything = ",".join(str(item + 1) for item in range(30))
    done = tailscope("recommend", "plain", "--events", everything, "--runs", kinds_of_runs)
    assert "Nothing is left to recommend" in done.out
    assert (
        "nothing left to recommend"
        in tailscope("explain", "plain", "--events", everything, "--list", "--runs", kinds_of_runs).err
    )
