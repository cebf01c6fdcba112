"""The Explain page says how faithful explanations are, once that has been measured."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import engine
from dashboard.cache import faithfulness as faithfulness_cache, runs as run_cache
from dashboard.charts import faithfulness as charts
from dashboard.text import faithfulness as faithfulness_text
from engine.analyses.faithfulness_check import FAITHFULNESS
from tests.app.test_views import Open, keys_of_charts, open_view, shown

__all__ = ["open_view"]


@pytest.fixture
def folder(tiny_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_view: Open) -> Path:
    """A copy of the tiny run, which the pages open."""
    shutil.copytree(tiny_run_dir / "tiny", tmp_path / "tiny", ignore=shutil.ignore_patterns(FAITHFULNESS))
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tmp_path))
    faithfulness_cache._measurement.clear()  # the copy is as old as the run it was made from
    return tmp_path


def test_it_is_measured_when_somebody_asks_for_it_and_then_shown(
    open_view: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_view("explain", evidence="trust", user="u017")
    assert not app.exception
    assert "It takes a minute or two, once per run." in shown(app)
    plain = engine.faithfulness_of
    monkeypatch.setattr("engine.faithfulness_of", lambda run, on_progress: plain(run, 12, 0, on_progress))
    app.button(key="measure_trust").click().run()
    key = run_cache.run_key("tiny")
    assert key is not None
    work = faithfulness_cache.faithfulness(key)
    assert work.thread is not None
    work.thread.join(60)
    assert work.error is None
    app.run()
    assert not app.exception
    assert keys_of_charts(app) >= {"areas", "trust_curves"}
    assert faithfulness_text.verdict(engine.kept_faithfulness(engine.load_run("tiny", folder))) in shown(app)  # pyright: ignore


def test_charts_hold_every_method_with_its_interval_for_both_cohorts(folder: Path) -> None:
    found = engine.faithfulness_of(engine.load_run("tiny", folder), 12)
    fig = charts.areas(found, dark=True)
    assert len(fig.data) == 2 * 2 * len(found.methods)  # cohorts, curves
    first, tail = fig.data[0], found.methods["shap"].users["tail"]
    head = found.methods["shap"].users["head"]
    assert first.x[0] == head.deletion_auc.value
    assert first.x[0] + first.error_x.array[0] == pytest.approx(head.deletion_auc.high)
    assert fig.data[3].x[0] == tail.insertion_auc.value
    drawn = charts.curves(found, insertion=True, dark=False)
    np.testing.assert_array_equal(drawn.data[0].y, found.methods["shap"].insertion)
    assert [line.name for line in drawn.data] == [faithfulness_text.method_name(name) for name in found.methods]
