"""Every page on every kind of log: with tables and without, films, odd columns, sequences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import engine
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


def test_a_user_who_has_had_every_item_is_told_so_on_every_page(
    kinds_of_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILSCOPE_RUNS", str(kinds_of_runs))
    run = engine.load_run("plain", kinds_of_runs)
    user = run.dataset.users.id_of(int(run.dataset.histories.lengths.argmax()))
    real = engine.recommend

    def nothing(*args: Any, **more: Any) -> engine.Recommendations:
        return replace(real(*args, **more), items=())

    def no_list(*_args: Any, **_more: Any) -> tuple[engine.Attribution, ...]:
        raise engine.EngineError("There is nothing left to recommend.")

    monkeypatch.setattr(engine, "recommend", nothing, raising=False)
    monkeypatch.setattr(engine, "explain_list", no_list, raising=False)
    st.cache_data.clear()
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params["run"], app.query_params["user"] = "plain", user
    app.run()
    for page in ("recommendations", "attention", "explain"):
        app.switch_page(f"views/{page}.py").run()
        assert not app.exception, page
    st.cache_data.clear()
