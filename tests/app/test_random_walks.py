"""Random walks over all pages of four kinds of runs: nothing breaks, nothing chosen is lost, Chinese stays Chinese.

The walks are the same ones each time. `TAILSCOPE_WALKS=200` takes more of them, `TAILSCOPE_WALK_SEED=7` others.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, seed, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from dashboard.ui import unexpected
from tests.app.walking import ABOUT_A_USER, PAGES, deeds, faults
from tests.conftest import KINDS, TINY_RUN
from tests.server_process import serving
from tests.websocket_client import Gone, Reader

WALKS = int(os.environ.get("TAILSCOPE_WALKS", "10"))
SEED = int(os.environ.get("TAILSCOPE_WALK_SEED", "20261130"))
STEPS = 30

RUNS = (TINY_RUN, *KINDS)
VIEWS = {"evaluated": ("As evaluated", "评估时视角"), "full": ("All events", "全部事件")}
LANGUAGES = {"en": "English", "zh": "中文"}


@pytest.fixture(scope="module")
def address(
    tiny_run_dir: Path, kinds_of_runs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A server over a run of each kind of log, and where it writes down what goes wrong."""
    runs = tmp_path_factory.mktemp("walked") / "runs"
    shutil.copytree(kinds_of_runs, runs)
    shutil.copytree(tiny_run_dir / TINY_RUN, runs / TINY_RUN)
    with serving(runs) as url:
        yield url, runs / unexpected.LOG


class Walk(RuleBasedStateMachine):
    """A reader who goes about, and remembers what they chose."""

    address: str
    log: Path

    def __init__(self) -> None:
        super().__init__()
        self.reader = Reader(self.address)
        self.steps: list[str] = []
        self.user: str | None = None
        self.been: list[tuple[str, str]] = []

    def teardown(self) -> None:
        self.reader.close()

    @initialize(page=st.sampled_from(PAGES), run=st.sampled_from(RUNS), lang=st.sampled_from(["en", "zh", "zh"]))
    def come(self, page: str, run: str, lang: str) -> None:
        """By a link from somebody."""
        self.run, self.lang, self.view = run, lang, "evaluated"
        self.step(f"come to {page} of {run} in {lang}")
        self.reader.open(page, urlencode({"run": run, "lang": lang}))
        self.check()

    @rule(page=st.sampled_from(PAGES))
    def go(self, page: str) -> None:
        """By the sidebar."""
        self.step(f"go to {page}")
        self.reader.go(page)
        self.check()

    @rule(run=st.sampled_from(RUNS))
    def choose_run(self, run: str) -> None:
        self.step(f"choose run {run}")
        if run != self.run:
            self.run, self.user = run, None
        self.reader.select(self.reader.find("selectbox", "bar_run"), run)
        self.check()

    @precondition(lambda self: self.reader.path in ABOUT_A_USER)
    @rule(number=st.integers(0, 40))
    def choose_user(self, number: int) -> None:
        box = self.reader.find("selectbox", "bar_user")
        self.user = box.shown.options[number % len(box.shown.options)]
        self.step(f"choose user {self.user}")
        self.reader.select(box, self.user)
        self.check()

    @precondition(lambda self: self.reader.path in ABOUT_A_USER)
    @rule(view=st.sampled_from(["evaluated", "full"]))
    def choose_view(self, view: str) -> None:
        self.step(f"choose view {view}")
        self.view = view
        self.reader.choose(self.reader.find("button_group", "bar_view"), [VIEWS[view][self.lang == "zh"]])
        self.check()

    @rule(lang=st.sampled_from(["en", "zh", "zh"]))
    def choose_language(self, lang: str) -> None:
        self.step(f"choose {lang}")
        self.lang = lang
        self.reader.choose(self.reader.find("button_group", "bar_lang"), [LANGUAGES[lang]])
        self.check()

    @rule(number=st.integers(0, 10_000))
    def do_something(self, number: int) -> None:
        self.do(number)

    @rule(number=st.integers(0, 10_000))
    def do_something_else(self, number: int) -> None:
        self.do(number)

    @rule(number=st.integers(0, 10_000))
    def do_a_third_thing(self, number: int) -> None:
        self.do(number)

    @precondition(lambda self: len(self.been) > 1)
    @rule()
    def come_back(self) -> None:
        """By the browser's button."""
        self.been.pop()
        path, query = self.been.pop()
        self.step(f"back to {path}?{query}")
        self.reader.back(path, query)
        said = self.reader.choices()
        self.run, self.lang = said["run"], said.get("lang", self.lang)
        if path in ABOUT_A_USER:
            self.view = said.get("view", "evaluated")
        self.user = None
        self.check()

    def do(self, number: int) -> None:
        """Any of what can be done on the page."""
        possible = deeds(self.reader)
        if not possible:
            return
        # By its name first, so that a list of two hundred options is not all that is ever tried.
        names = sorted({deed.name for deed in possible})
        name = names[number % len(names)]
        alike = [deed for deed in possible if deed.name == name]
        deed = alike[number // len(names) % len(alike)]
        self.step(f"{deed.how} {deed.name} {deed.value if deed.value is not None else ''} on {self.reader.path}")
        try:
            deed.do(self.reader)
        except Gone as gone:
            raise AssertionError(self.told([str(gone), str(self.reader.ends[-6:])])) from None
        if self.reader.choices().get("run") != self.run:
            assert deed.how == "link", self.told(["another run though none was chosen"])
            self.run = self.reader.choices()["run"]
        if self.reader.path in ABOUT_A_USER:
            self.user = self.reader.choices().get("user")  # which is what many buttons are for
            if deed.how == "link":
                self.view = self.reader.choices().get("view", self.view)
        else:
            self.user = None
        self.check()

    def step(self, what: str) -> None:
        self.steps.append(what)

    def check(self) -> None:
        """What was chosen is what is shown, and nothing is wrong."""
        reader, found = self.reader, faults(self.reader)
        said = reader.choices()
        if said.get("run") != self.run:
            found.append(f"run {self.run} was lost: {said.get('run')}")
        if said.get("lang") != self.lang:
            found.append(f"language {self.lang} was lost: {said.get('lang')}")
        if reader.path in ABOUT_A_USER:
            if self.user is not None and said.get("user") != self.user:
                found.append(f"user {self.user} was lost: {said.get('user')}")
            self.user = said.get("user")
            if said.get("view", "evaluated") != self.view:
                found.append(f"view {self.view} was lost: {said.get('view')}")
        self.been.append((reader.path, reader.query))
        assert not found, self.told(found)

    def told(self, found: list[str]) -> str:
        """What is wrong, and the way there."""
        way = "\n  ".join(self.steps)
        written = self.log.read_text(encoding="utf-8")[-1500:] if self.log.exists() else ""
        return "\n".join(found) + f"\n{written}\non {self.reader.path}?{self.reader.query}, after\n  {way}"


def test_wherever_a_walk_leads_nothing_breaks_and_nothing_is_lost(address: tuple[str, Path]) -> None:
    machine = type("Walk", (Walk,), {"address": address[0], "log": address[1]})
    how = settings(
        max_examples=WALKS,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=False,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(SEED)(machine), settings=how)
