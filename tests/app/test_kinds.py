"""Every page on every kind of log: with tables and without, films, odd columns, sequences, and logs at the edge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

import engine
from tests.app.test_views import APP, shown
from tests.conftest import KINDS, tiny_config

PAGES = ("overview", "recommendations", "attention", "explain", "what_if", "items", "gap", "compare")

LONG = re.compile(rb"w{301}|k{61}")
"""Of titles and values, and of names of columns, more than is ever drawn."""

EDGES: dict[str, tuple[int, ...]] = {
    "same length": (6,) * 12,
    "all tested are head": (2, 2, *(6, 7, 8, 9) * 3),
    "everything met": (12,) * 10,
    "one user": (20,),
    "one item": (5,) * 10,
}
"""Logs at the edge of what can be measured: how many events each user has."""

N_ITEMS = {"everything met": 12, "one item": 1}


def sent(app: AppTest) -> Iterator[bytes]:
    """What the browser is given of each element of the page."""
    blocks: list[Block] = [app._tree]
    while blocks:
        for child in blocks.pop().children.values():
            if isinstance(child, Block):
                blocks.append(child)
            if getattr(child, "proto", None) is not None:
                proto = deepcopy(child.proto)
                if "id" in proto.DESCRIPTOR.fields_by_name:
                    proto.ClearField("id")  # not drawn
                yield proto.SerializeToString()


@pytest.fixture(scope="session")
def edge_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs directory with one small run of each of EDGES. To be read, not written to."""
    runs = tmp_path_factory.mktemp("edges")
    config = tiny_config(
        training__max_epochs=1, model__n_layers=1, evaluation__bootstrap_samples=50, evaluation__head_share=0.8
    )
    for name, lengths in EDGES.items():
        rows = [
            (f"u{user}", f"i{(user * 3 + at) % N_ITEMS.get(name, 24)}", 1_700_000_000 + (user + 7 * at) * 86_400)
            for user, length in enumerate(lengths)
            for at in range(length)
        ]
        log = tmp_path_factory.mktemp("edge") / "log.csv"
        pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]).to_csv(log, index=False)
        engine.train_run(log, name=name.replace(" ", "-"), runs_dir=runs, config=config)
    return runs


@pytest.mark.parametrize("kind", EDGES)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_page_opens_where_there_is_hardly_anything_to_measure(
    edge_runs: Path, monkeypatch: pytest.MonkeyPatch, kind: str, lang: str
) -> None:
    monkeypatch.setenv("TAILSCOPE_RUNS", str(edge_runs))
    name = kind.replace(" ", "-")
    run = engine.load_run(name, edge_runs)
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params["run"], app.query_params["lang"], app.query_params["view"] = name, lang, "full"
    app.run()
    for page in PAGES:
        app.switch_page(f"views/{page}.py").run()
        assert not app.exception, page
        assert app.query_params["run"] == name, page
        assert len(shown(app)) > 60, page
        assert page == "items" or not app.error, page  # which can be told of lists without an item alone
        if page in ("overview", "gap"):
            assert f"evaluation.head_share = {run.config.evaluation.head_share}" in shown(app), page
            assert len(app.info) == 1, page
            assert ("--set evaluation.head_share=" in shown(app)) == (kind == "all tested are head"), page
    assert not run.evaluation.models[run.answers].users["tail"].n  # what makes these logs what they are


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
        assert not LONG.findall(b"".join(sent(app))), page


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
