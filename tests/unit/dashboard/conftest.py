"""The `tailscope` command, run within the test's process, and charts whose every value plotly looks at."""

from __future__ import annotations

import json
from dataclasses import dataclass

import plotly.graph_objects as go
import pytest

from dashboard.cli import main


@pytest.fixture(autouse=True)
def validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are made without plotly's look at their values, which is slow; in tests it looks."""
    make = go.Figure.__init__

    def made(self: go.Figure, *arguments: object, **options: object) -> None:
        make(self, *arguments, **{**options, "_validate": True})

    monkeypatch.setattr(go.Figure, "__init__", made)


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict:
        return json.loads(self.out)


class Tailscope:
    """Runs the command within this process, as the console entry point does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> Done:
        self.monkeypatch.setattr("sys.argv", ["tailscope", *map(str, arguments)])
        self.capsys.readouterr()
        code: object = 0
        try:
            main.main()
        except SystemExit as end:
            code = end.code or 0
        assert isinstance(code, int)
        return Done(code, *self.capsys.readouterr())


@pytest.fixture
def tailscope(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tailscope:
    monkeypatch.delenv("TAILSCOPE_RUNS", raising=False)
    return Tailscope(monkeypatch, capsys)
