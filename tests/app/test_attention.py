"""The Attention page: three readings, one cell from lists and tables, the window, categories, and what heads do."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import engine
from dashboard.cache import faithfulness as faithfulness_cache, runs as run_cache
from dashboard.text import i18n
from dashboard.views.parts.attention import window as window_part
from tests.app.test_views import Open, keys_of_charts, open_view, shown

__all__ = ["open_view"]


def test_a_cell_chosen_from_lists_is_told_in_words_and_its_row_becomes_the_table(open_view: Open, tiny_run_dir) -> None:
    found = engine.attention(engine.load_run("tiny", tiny_run_dir), "u017", "full")
    app = open_view("attention", user="u017", view="full", layer="2", head="1")
    assert "What attention heads do over many users" in "\n".join(str(h.value) for h in app.header)
    app.selectbox(key="cell_query").select_index(1).run()  # the last but one: lists begin with the newest
    app.selectbox(key="cell_key").select_index(2).run()
    n = found.n_events
    weight = float(found.weights[1, 0, n - 2, n - 3])
    said = shown(app)
    assert f"While reading “{found.labels[n - 2]}”, the attention head put" in said
    assert f"on “{found.labels[n - 3]}”, {weight * (n - 1):.3g}" in said
    assert app.query_params["cell"] == f"{found.positions[n - 2]}.{found.positions[n - 3]}"
    app.selectbox(key="cell_key").select_index(0).run()
    assert "That event comes later, so it cannot be looked at." in shown(app)
    assert not app.exception


@pytest.mark.parametrize("reading", ["rollout", "gradient"])
def test_other_readings_speak_for_themselves(open_view: Open, tiny_run_dir, reading: str) -> None:
    run = engine.load_run("tiny", tiny_run_dir)
    item = engine.recommend(run, "u017", 3).items[2]
    found = engine.attention(run, "u017", reading=reading, item_id=item.item_id)  # pyright: ignore
    app = open_view("attention", user="u017", reading=reading, item=item.item_id)
    assert not app.exception
    title = app.title[0].value.replace("\\", "")
    assert found.labels[int(np.argmax(found.relevance))] in title
    assert (item.title in title) == (reading == "gradient")
    app.toggle(key="by_category").set_value(True).run()
    assert not app.exception
    assert keys_of_charts(app) == {"categories", "heads"}


def _data_table(app: AppTest, label: str) -> AppTest:
    (table,) = [e for e in app.expander if e.label == label]
    app.session_state["table_" + table.proto.id.partition("table_")[2]] = True
    return app.run()


def _words(found: engine.AttentionMap, at: tuple[int, int], q: int, k: int) -> str:
    weight = float(found.weights[at][q, k])
    return (
        f"While reading “{found.labels[q]}”, the attention head put {i18n.percent(weight)} on “{found.labels[k]}”, "
        f"{i18n.figure(weight * np.isfinite(found.weights[at][q]).sum())} times an even spread."
    )


@pytest.mark.parametrize("label", ["The row as a table", "The map as a table"])
def test_the_tables_show_which_cell_is_chosen_and_hold_its_weight_and_lift(
    open_view: Open, tiny_run_dir, label: str
) -> None:
    found = engine.attention(engine.load_run("tiny", tiny_run_dir), "u017", "full")
    q, k = found.n_events - 2, 1
    app = open_view("attention", user="u017", view="full", cell=f"{found.positions[q]}.{found.positions[k]}")
    assert _words(found, (1, 0), q, k) in shown(app)
    assert app.selectbox(key="cell_query").value == found.positions[q]
    _data_table(app, label)
    assert not app.exception
    (table,) = [t for t in app.dataframe if "Reading event" in t.value.columns]
    (row,) = json.loads(table.proto.selection_state)["selection"]["rows"]
    picked = table.value.iloc[row]
    assert (picked["Event"], picked["Reading event"]) == (found.positions[k], found.positions[q])
    assert picked["Weight"] == pytest.approx(float(found.weights[1, 0, q, k]))
    assert picked["Times uniform"] == pytest.approx(float(found.weights[1, 0, q, k]) * (q + 1))
    n = found.n_events
    assert len(table.value) == (q + 1 if label == "The row as a table" else n * (n + 1) / 2)
    assert table.value["Weight"].is_monotonic_decreasing


def test_a_cell_of_another_users_history_is_forgotten(open_view: Open) -> None:
    app = open_view("attention", user="u017", view="full", cell="3.2", window="1-12")
    app.selectbox(key="bar_user").select("u010").run()
    assert "cell" not in app.query_params
    assert "window" not in app.query_params
    for nonsense in ("x", "3", "99999.1", "-1.2", "1.2.3", "²."):
        app = open_view("attention", user="u017", cell=nonsense)
        assert not app.exception
        assert "Choose a cell to read it in words" in shown(app)


def test_points_of_a_score_are_no_shares_of_a_row(open_view: Open) -> None:
    app = _data_table(open_view("attention", user="u017", reading="gradient"), "The map as a table")
    (table,) = [t.value for t in app.dataframe if "Reading event" in t.value.columns]
    assert "Points of the score" in table.columns
    assert not {"Weight", "Times uniform"} & set(table.columns)


def test_a_link_carries_the_scale(open_view: Open) -> None:
    app = open_view("attention", user="u017", scale="raw")
    assert app.segmented_control(key="pick_scale").value == "raw"
    assert not app.exception
    app.segmented_control(key="pick_scale").set_value("lift").run()
    assert app.query_params["scale"] == "lift"
    assert open_view("attention", user="u017", scale="<b>").segmented_control(key="pick_scale").value == "lift"


def test_flow_through_layers_speaks_of_layers_alone(open_view: Open) -> None:
    app = open_view("attention", user="u017", reading="rollout")
    headers = [str(h.value) for h in app.header]
    assert "All layers, one scale" in headers
    assert "All attention heads, one scale" not in headers


# --- the window


@pytest.fixture(scope="module")
def long_history(tiny_run_dir) -> engine.AttentionMap:
    """Of a user whose history is longer than the model reads."""
    run = engine.load_run("tiny", tiny_run_dir)
    lengths = np.diff(run.dataset.histories.offsets)
    user = run.dataset.users.id_of(int(np.argmax(lengths)))
    found = engine.attention(run, user, "full")
    assert found.n_events == 16
    assert found.positions[0] > 1
    return found


def _window(app: AppTest) -> tuple[int, int]:
    return app.slider(key="pick_window").value


def test_a_window_is_placed_anywhere_by_address_steps_ends_and_size(
    open_view: Open, long_history: engine.AttentionMap
) -> None:
    first, last = long_history.positions[0], long_history.positions[-1]
    app = open_view("attention", user=str(long_history.user_id), view="full", window=f"{first + 2}-{first + 5}")
    assert _window(app) == (first + 2, first + 5)
    said = shown(app)
    assert re.search(rf"Shown: events {first + 2} to {first + 5} of {last}, .*\d{{4}}", said)
    assert "The model reads the newest 16." in said
    assert "12 events lie outside the window" in said
    app.button(key="window_later").click().run()
    assert app.query_params["window"] == f"{first + 6}-{first + 9}"
    app.button(key="window_earlier").click().run()
    app.button(key="window_earlier").click().run()
    assert _window(app) == (first, first + 3)
    assert app.button(key="window_earlier").disabled
    app.slider(key="pick_window").set_range(first + 4, last - 1).run()
    assert app.query_params["window"] == f"{first + 4}-{last - 1}"
    app.selectbox(key="pick_newest").select("10").run()
    assert "window" not in app.query_params
    assert app.query_params["newest"] == "10"
    assert _window(app) == (last - 9, last)
    app.slider(key="pick_window").set_range(first, last).run()
    assert app.selectbox(key="pick_newest").value == "all"
    assert "lie outside" not in shown(app)
    assert not app.exception


@pytest.mark.parametrize("window", ["x-y", "9-3", "5", "900-950", "1-²", "-", "0-0"])
def test_a_window_that_cannot_be_is_not_placed(open_view: Open, long_history: engine.AttentionMap, window: str) -> None:
    app = open_view("attention", user=str(long_history.user_id), view="full", window=window, newest="7")
    assert not app.exception
    assert _window(app) == (long_history.positions[0], long_history.positions[-1])


def test_a_window_that_reaches_beyond_the_history_ends_with_it(
    open_view: Open, long_history: engine.AttentionMap
) -> None:
    last = long_history.positions[-1]
    app = open_view("attention", user=str(long_history.user_id), view="full", window=f"{last - 2}-{last + 40}")
    assert _window(app) == (last - 2, last)


def test_a_cell_outside_the_window_is_told_and_brought_in(open_view: Open, long_history: engine.AttentionMap) -> None:
    first, last = long_history.positions[0], long_history.positions[-1]
    app = open_view(
        "attention",
        user=str(long_history.user_id),
        view="full",
        window=f"{last - 4}-{last - 1}",
        cell=f"{last}.{first + 3}",
    )
    assert _words(long_history, (1, 0), 15, 3) in shown(app)
    assert "This cell lies outside the events shown." in shown(app)
    app.button(key="cover").click().run()
    start, end = _window(app)
    assert start <= first + 3 <= end
    assert end - start == 3
    assert "outside the events shown" not in shown(app)


def test_the_window_and_the_categories_are_kept_in_the_address(
    open_view: Open, long_history: engine.AttentionMap
) -> None:
    first = long_history.positions[0]
    app = open_view("attention", user=str(long_history.user_id), view="full", window=f"{first}-{first + 4}")
    app.toggle(key="by_category").set_value(True).run()
    assert app.query_params["map"] == "categories"
    assert "All 16 events count here, not only those shown." in shown(app)
    app.query_params.clear()
    app.switch_page("views/overview.py").run()
    app.query_params.clear()
    app.switch_page("views/attention.py").run()
    assert app.toggle(key="by_category").value is True
    assert app.query_params["window"] == f"{first}-{first + 4}"
    assert app.query_params["map"] == "categories"
    app.toggle(key="by_category").set_value(False).run()
    assert "map" not in app.query_params


def test_a_short_history_has_no_window_to_place(open_view: Open, tiny_run_dir) -> None:
    run = engine.load_run("tiny", tiny_run_dir)
    lengths = np.diff(run.dataset.histories.offsets)
    user = run.dataset.users.id_of(int(np.argmin(lengths)))
    assert lengths.min() <= 10
    app = open_view("attention", user=user, view="full")
    assert not app.exception
    assert len(app.slider) == 0


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ([0.0, 0.6, 0.4], True),
        ([0.34, 0.33, 0.33], False),
        ([0.07] + 13 * [0.93 / 13], False),
        ([0.2] + 40 * [0.02], True),
        ([0.19] + 40 * [0.81 / 40], False),
        ([0.0, 0.0], False),
        ([1.0], False),
    ],
)
def test_only_an_event_that_stands_out_is_named_as_looked_at(row: list[float], named: bool) -> None:
    assert window_part.dominates(np.array(row)) == named


def test_the_map_opens_where_the_weight_is_and_the_headline_says_where_it_is_spread(
    open_view: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = faithfulness_cache.attention

    def placed(row: dict[int, float]) -> None:
        """Attention of a history of 90 events, of which the last row gives these shares, the rest alike."""

        def made(key: run_cache.RunKey, user: str, *rest: Any) -> engine.AttentionMap:
            found = real(key, user, *rest)
            n = 90
            weights = np.full((*found.weights.shape[:2], n, n), np.nan, dtype=np.float32)
            for at in range(n):
                weights[..., at, : at + 1] = 1 / (at + 1)
            weights[..., -1, :] = (1 - sum(row.values())) / (n - len(row))
            for at, share in row.items():
                weights[..., -1, at] = share
            titles = tuple(f"T{at + 1}" for at in range(n))
            return replace(
                found, weights=weights, labels=titles, item_ids=titles, positions=tuple(range(1, n + 1)), n_events=n,
                relevance=np.zeros(n), categories=(None,) * n,
            )  # fmt: skip

        monkeypatch.setattr(faithfulness_cache, "attention", made)

    monkeypatch.setattr(window_part, "_say", lambda *_: None)
    placed({11: 0.4})
    app = open_view("attention", user="u017")
    assert not app.exception
    assert "looked most at “T12”" in shown(app)
    low, high = app.slider(key="pick_window").value
    assert low <= 12 <= high
    placed({11: 0.07})
    app = open_view("attention", user="u017")
    assert "spread its attention over many events" in shown(app)
    assert "looked most" not in shown(app)
    assert f"the most, {i18n.percent(0.07)}, lay on “T12” (event 12)" in shown(app)
    placed({88: 0.7})
    assert open_view("attention", user="u017").slider(key="pick_window").value == (61, 90)
    placed({11: 0.4})
    assert open_view("attention", user="u017", newest="10").slider(key="pick_window").value == (81, 90)
