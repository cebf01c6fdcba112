"""Threads wait awake where a command works alone, and asleep in the server; the user's word stands."""

from __future__ import annotations

import os

import pytest

from benchmarks.waiting import environment
from dashboard import waiting


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (waiting.POLICY, waiting._OURS):
        monkeypatch.setenv(key, "")
        monkeypatch.delenv(key)


def test_a_command_alone_spins_and_the_server_that_it_starts_sleeps() -> None:
    waiting.awake()
    assert os.environ[waiting.POLICY] == "ACTIVE"
    assert waiting.asleep_in(os.environ)[waiting.POLICY] == "PASSIVE"
    waiting.asleep()
    assert os.environ[waiting.POLICY] == "PASSIVE"


def test_the_users_own_choice_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    for theirs in ("ACTIVE", "PASSIVE"):
        monkeypatch.setenv(waiting.POLICY, theirs)
        waiting.awake()
        waiting.asleep()
        assert os.environ[waiting.POLICY] == theirs
        assert waiting.asleep_in(os.environ)[waiting.POLICY] == theirs


def test_the_measurement_compares_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(waiting.POLICY, "PASSIVE")
    found = {policy: environment(policy, 2).get(waiting.POLICY) for policy in ("PASSIVE", "unset", "ACTIVE")}
    assert found == {"PASSIVE": "PASSIVE", "unset": None, "ACTIVE": "ACTIVE"}
