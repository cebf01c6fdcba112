"""Every page on every kind of log: with tables and without, films, odd columns, sequences."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.test_views import APP, shown
from tests.conftest import KINDS

PAGES = ("overview", "recommendations", "attention", "explain", "what_if", "items", "gap", "compare")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_page_is_drawn_of_every_kind_of_log(
    kinds_of_runs: Path, monkeypatch: pytest.MonkeyPatch, kind: str, lang: str
) -> None:
    monkeypatch.setenv("TAILSCOPE_RUNS", str(kinds_of_runs))
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params["run"], app.query_params["lang"] = kind, lang
    app.run()
    for page in PAGES:
        app.switch_page(f"views/{page}.py").run()
        assert not app.exception, page
        assert page == "compare" or not app.error, page  # which is told that these runs are of different logs
        assert app.query_params["run"] == kind, page
        assert len(shown(app)) > 200, page
