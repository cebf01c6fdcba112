"""The page Compare: what it sets side by side, what its address asks for, whom it leads to, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import engine
from tests.app.test_views import APP, Open, keys_of_charts, shown


@pytest.fixture
def open_compare(tiny_run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens the page over the tiny run, with query parameters."""
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tiny_run_dir))

    def open_(**query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=60)
        for key, value in query.items():
            app.query_params[key] = value
        return app.switch_page("views/compare.py").run()

    return open_


def opened(app) -> list[str]:
    """Query strings of the links to users."""
    return [e.proto.query_string for e in app.get("page_link") if "user=" in e.proto.query_string]


def test_two_runs_stand_side_by_side_with_who_moved_most(
    open_compare: Open, architecture_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILSCOPE_RUNS", str(architecture_runs))
    app = open_compare(run="masked", family="mrr", metric_k="5")
    assert not app.exception
    assert not app.error
    asked = {key: app.query_params[key] for key in ("before", "after", "family", "metric_k")}
    assert asked == {
        "before": "encoder-decoder/transformer", "after": "masked/transformer", "family": "mrr", "metric_k": "5"
    }  # fmt: skip
    assert keys_of_charts(app) == {"compare_figures", "compare_gains"}
    assert "Too few users to tell whether Transformer of masked closes the gap" in shown(app)

    measured = [engine.measured_run(name, architecture_runs) for name in ("encoder-decoder", "masked")]
    facts = engine.run_facts(engine.load_run("masked", architecture_runs))
    moved = engine.rank_changes(*(engine.ModelRun(m.evaluation, "transformer") for m in measured), facts, 8)
    users = engine.load_run("masked", architecture_runs).dataset.users
    links = [f"user={user}" for user in users.ids_of(moved["user_idx"].to_numpy())]
    assert [next(part for part in link.split("&") if "user=" in part) for link in opened(app)] == links
    assert all("run=masked" in link for link in opened(app))
    differ = next(frame.value for frame in app.dataframe if "masked" in frame.value.columns)
    assert "model.architecture" in set(differ["Setting"])

    app.selectbox(key="compare_before").select("masked/popularity").run()
    assert app.query_params["before"] == "masked/popularity"
    assert "that Popularity of masked leaves" in shown(app)


def test_baselines_of_one_run_are_compared_where_there_is_no_other(open_compare: Open) -> None:
    app = open_compare()
    assert not app.exception
    assert app.query_params["after"] == "tiny/transformer"
    assert app.query_params["before"].removeprefix("tiny/") in ("popularity", "itemknn", "ease")
    assert "Settings that differ" not in shown(app)


def test_runs_on_other_data_are_refused_in_words(
    open_compare: Open, tiny_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        shutil.copytree(tiny_run_dir / "tiny", tmp_path / name)
    about = json.loads((tmp_path / "two" / "config.json").read_text())
    (tmp_path / "two" / "config.json").write_text(json.dumps(about | {"fingerprint": "f" * 64}))
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tmp_path))
    app = open_compare(run="one")
    assert not app.error, "a run on other data is not taken by itself"
    app.multiselect(key="compare_beside").select("two").run()
    assert not app.exception
    assert app.title[0].value == "These runs cannot be compared"
    assert "were trained on different data" in shown(app)
