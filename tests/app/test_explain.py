"""Further evidence on the Explain page: each part computes when it is opened, and a link opens it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import engine
from dashboard.cache import explain as explain_cache, runs as run_cache
from dashboard.text import i18n
from tests.app import sheets
from tests.app.test_views import APP, keys_of_charts, shown
from tests.conftest import TINY_RUN


def opened(runs: Path, monkeypatch: pytest.MonkeyPatch, **query: str) -> AppTest:
    """The Explain page over a folder of runs, with query parameters."""
    monkeypatch.setenv("TAILSCOPE_RUNS", str(runs))
    monkeypatch.setattr(run_cache, "WARM_UP_DELAY", 3600.0)  # none of it may be under way when the tests end
    app = AppTest.from_file(str(APP), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page("views/explain.py").run()


def test_why_this_and_not_that_is_drawn_for_a_linked_pair(tiny_run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    first, _second, third = engine.recommend(run, "u017", k=3).items
    app = opened(tiny_run_dir, monkeypatch, user="u017", item=first.item_id, other=third.item_id, evidence="instead")
    assert not app.exception
    assert keys_of_charts(app) == {"waterfall", "instead"}
    assert app.selectbox(key="pick_other").value == third.item_id
    (drawn,) = sheets.blocks(app, "chart", "instead")
    assert [row["label"] for row in drawn["rows"]][:2] == ["both alike", "difference of the bases"]
    *_about, one, two, apart, _errors = (np.array(column[1:]) for column in zip(*drawn["table"]["rows"], strict=True))
    bases, *_events = drawn["table"]["rows"]
    assert bases[4] == pytest.approx(bases[2] - bases[3])
    assert bases[4] + apart.sum() == pytest.approx(first.score - third.score, abs=1e-4)
    assert (bases[2] + one.sum(), bases[3] + two.sum()) == pytest.approx((first.score, third.score), abs=1e-4)
    assert f"scores {i18n.figure(first.score - third.score)} above" in shown(app)


def test_features_and_what_would_change_it_compute_when_opened(
    tiny_run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    item = engine.recommend(run, "u017", k=1).items[0].item_id
    app = opened(tiny_run_dir, monkeypatch, user="u017", evidence="features")
    assert not app.exception
    assert keys_of_charts(app) == {"waterfall", "features"}
    assert "Of all that moves this score" in shown(app)
    app = opened(tiny_run_dir, monkeypatch, user="u017", evidence="without")
    assert not app.exception
    found = engine.explain_without(run, "u017", item)
    ranks = {m.label: m.value for m in app.metric}
    assert ranks["Rank now"] == "1"
    assert ranks["With them hidden"] == i18n.count(found.rank_hidden)
    assert f"“{found.title}” would leave the top 10" in shown(app)


def test_many_users_are_drawn_once_they_are_explained(
    tiny_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / TINY_RUN)
    app = opened(tmp_path, monkeypatch, evidence="many")
    key = run_cache.run_key(TINY_RUN)
    assert key is not None
    thread = explain_cache.many_users(key).thread
    assert thread is not None
    thread.join(60)
    app.run()
    assert not app.exception
    assert keys_of_charts(app) == {"waterfall", "many_sizes", "many_dots"}
    assert "What moves the scores of tail users most: " in shown(app)
    app.segmented_control(key="many_by").set_value("feature").run()
    assert not app.exception
    assert "Head and tail users d" in shown(app)
