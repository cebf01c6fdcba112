"""The Attention page: three readings, one cell in words from two lists, categories, and what heads do."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from tests.app.test_views import Open, keys_of_charts, open_view, shown

__all__ = ["open_view"]


def test_a_cell_chosen_from_lists_is_told_in_words_and_its_row_becomes_the_table(open_view: Open, tiny_run_dir) -> None:
    found = engine.attention(engine.load_run("tiny", tiny_run_dir), "u017", "full")
    app = open_view("attention", user="u017", view="full", layer="2", head="1")
    assert "What heads do over many users" in "\n".join(str(h.value) for h in app.header)
    app.selectbox(key="cell_query").select_index(1).run()  # the last but one: lists begin with the newest
    app.selectbox(key="cell_key").select_index(2).run()
    n = found.n_events
    weight = float(found.weights[1, 0, n - 2, n - 3])
    said = shown(app)
    assert f"While reading “{found.labels[n - 2]}”, the head put" in said
    assert f"on “{found.labels[n - 3]}”, {weight * (n - 1):.3g}" in said
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
