"""Threads wait asleep in the server and beside it alone; a training is slower by half with such threads."""

from __future__ import annotations

import os
import sys

import pytest

from benchmarks.waiting import environment
from dashboard import server
from dashboard.cli import main
from dashboard.web import kinship, open_files

POLICY = "OMP_WAIT_POLICY"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(POLICY, "")  # so that it is put back
    monkeypatch.delenv(POLICY)
    monkeypatch.setattr(kinship, "heed", lambda: None)
    monkeypatch.setattr(open_files, "raise_limit", lambda: None)
    monkeypatch.setattr(server, "NEEDED", ("ends_here",))


def test_a_command_leaves_the_policy_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tailscope", "--version"])
    with pytest.raises(SystemExit):
        main.main()
    assert POLICY not in os.environ


def test_the_server_and_what_it_starts_wait_asleep() -> None:
    with pytest.raises(AttributeError, match="ends_here"):
        server.main()
    assert os.environ[POLICY] == "PASSIVE"


def test_the_users_own_choice_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(POLICY, "ACTIVE")
    with pytest.raises(AttributeError, match="ends_here"):
        server.main()
    assert os.environ[POLICY] == "ACTIVE"


def test_the_measurement_compares_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(POLICY, "PASSIVE")
    found = {policy: environment(policy, 2).get(POLICY) for policy in ("PASSIVE", "unset", "ACTIVE")}
    assert found == {"PASSIVE": "PASSIVE", "unset": None, "ACTIVE": "ACTIVE"}
