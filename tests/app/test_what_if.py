"""The pages What if and Items: what an edit does, what an address may say, and what a click leads to."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from streamlit.testing.v1 import AppTest

import engine
from dashboard.cache import runs as run_cache, what_if as what_if_cache
from dashboard.text import i18n
from tests.app import sheets
from tests.app.sheets import press, press_chip
from tests.app.test_views import APP, Open, app_title, keys_of_charts, shown
from tests.conftest import TINY_RUN

USER = "u017"


@pytest.fixture
def open_view(tiny_run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a page over the tiny run, with query parameters."""
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tiny_run_dir))

    def open_(page: str, /, **query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=60)
        if page == "what_if":  # its address differs from its file's name, so the page must be known first
            app.run()
        app.switch_page(f"views/{page}.py")
        for key, value in {"run": TINY_RUN, "user": USER, **query}.items():
            app.query_params[key] = value
        return app.run()

    return open_


@pytest.fixture(scope="module")
def run(tiny_run_dir: Path) -> engine.Run:
    return engine.load_run(TINY_RUN, tiny_run_dir)


def rows_of(app: AppTest, key: str) -> list[dict[str, Any]]:
    return next(sheets.blocks(app, "rows", key))["rows"]


def first_line(app: AppTest) -> str:
    return next(sheets.blocks(app, "headline"))["text"]


def ranked(app: AppTest) -> list[str]:
    """Titles of the list on the page."""
    return [row["title"] for row in rows_of(app, "new_list")]


def titles(answer: engine.Recommendations) -> list[str]:
    return [item.title for item in answer.items]


def test_events_are_removed_moved_and_added_and_every_step_can_be_undone(open_view: Open, run: engine.Run) -> None:
    own = engine.hypothetical_user(run, USER)
    n = len(own.item_ids)
    app = open_view("what_if")
    assert "Nothing is changed yet" in first_line(app)
    assert ranked(app) == titles(engine.recommend(run, USER))
    assert not sheets.buttons(app, "said")["undo"]
    stamp = sheets.stamp(app, "history")
    press(app, "history", "events", "remove", 0)
    assert app.query_params["events"] == f"1-{n - 1}"
    assert ranked(app) == titles(engine.what_if(run, engine.HypotheticalUser(own.item_ids[:-1], USER)).answer)
    assert "1 event removed." in shown(app)
    assert keys_of_charts(app) == {"waterfall", "readout", "ranks"}
    press(
        app, "history", "events", "remove", 0, stamp
    )  # a second press before the first was answered: meant for what is gone
    assert app.query_params["events"] == f"1-{n - 1}"
    press(app, "history", "events", "earlier", n - 3)  # the second event, newest first
    assert "1 event removed and 1 event moved." in shown(app)
    app.text_input(key="add_text").input("Tent no. 48").run()
    press_chip(app, "history", "found", "Tent no. 48")
    assert app.query_params["events"].endswith(".~i48")
    now = engine.HypotheticalUser((own.item_ids[1], own.item_ids[0], *own.item_ids[2:-1], "i48"), USER)
    assert ranked(app) == titles(engine.what_if(run, now).answer)
    for _ in range(3):
        press_chip(app, "said", "tools", "Undo")
    assert not app.exception
    assert "events" not in app.query_params
    assert "Nothing is changed yet" in first_line(app)


def test_the_item_whose_reasons_are_told_is_chosen_in_the_list(open_view: Open, run: engine.Run) -> None:
    app = open_view("what_if")
    off = [row["acts"][0]["off"] for row in rows_of(app, "new_list")]
    assert off == [True] + 9 * [False]
    press(app, "new_list", "offered", "why", 3)
    fourth = engine.recommend(run, USER).items[3]
    assert app.query_params["item"] == fourth.item_id
    assert f"Why “{fourth.title}” ranks 4th" in [block["text"] for block in sheets.blocks(app, "heading")]
    assert [row["acts"][0]["off"] for row in rows_of(app, "new_list")].index(True) == 3


def test_reasons_are_told_though_the_scores_behind_the_list_are_held_no_more(
    open_view: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_cache, "one_explanation", OnlyOnce())
    app = open_view("what_if")
    what_if_cache.scored.clear()  # as when another press came before the reasons, and many edits after it
    what_if_cache.explain_quick.clear()
    app.run()
    assert not app.exception
    assert keys_of_charts(app) == {"waterfall", "readout"}


class OnlyOnce:
    """A lock that says so where a thread would wait for itself."""

    def __init__(self) -> None:
        self._lock, self._holder = threading.Lock(), 0

    def __enter__(self) -> None:
        assert self._holder != threading.get_ident(), "held by this very thread"
        self._lock.acquire()
        self._holder = threading.get_ident()

    def __exit__(self, *_raised: object) -> None:
        self._holder = 0
        self._lock.release()


def test_a_link_carries_the_whole_edit(open_view: Open, run: engine.Run) -> None:
    own = engine.hypothetical_user(run, USER)
    app = open_view("what_if", events="2.~i48", about="region=North.age_band=50+")
    assert not app.exception
    edited = engine.HypotheticalUser((own.item_ids[1], "i48"), None, (("region", "North"), ("age_band", "50+")))
    assert ranked(app) == titles(engine.what_if(run, edited).answer)
    app.selectbox(key="attribute_region").select("South").run()
    assert app.query_params["about"] == "age_band=50+.region=South"
    press_chip(app, "said", "tools", "Reset")
    assert {"events", "about"} & set(app.query_params) == set()


@pytest.mark.parametrize(
    "query",
    [
        {"events": "0-3"},
        {"events": ".".join(["1-2"] * 300)},
        {"events": "~<script>alert(1)</script>"},
        {"events": "1-3" * 800},
        {"about": "region=Atlantis"},
        {"about": "shoe=44"},
        {"start": "nobody", "events": "1"},
    ],
)
def test_an_address_that_names_no_edit_is_told_and_can_be_dropped(open_view: Open, query: dict[str, str]) -> None:
    app = open_view("what_if", **query)
    assert not app.exception
    assert app_title(app) == "This link's edit does not fit"
    assert len(app.error) == 1
    assert "<script" not in app.error[0].value.replace("\\<", "")
    app.button(key="drop").click().run()
    assert not app.exception
    assert not app.error


def test_somebody_made_up_from_nothing_grows_event_by_event(open_view: Open, run: engine.Run) -> None:
    app = open_view("what_if", start="nobody")
    assert first_line(app).startswith("A new user, no events yet: the first 10 hold ")
    assert "Without an event there is nothing to look at" in shown(app)
    popular = engine.find_items(run, limit=1)["item_id"].iloc[0]
    press(app, "history", "found", "pick", 0)
    assert first_line(app).startswith("After 1 event the first 10 hold ")
    assert app.query_params["events"] == f"~{popular}"
    assert ranked(app) == titles(engine.recommend_for(run, [popular]))
    assert keys_of_charts(app) == {"waterfall", "readout", "ranks", "confidence"}
    press_chip(app, "said", "tools", "This user")
    assert "Nothing is changed yet" in first_line(app)


def test_another_user_in_the_address_does_not_inherit_an_edit(open_view: Open) -> None:
    app = open_view("what_if", events="1")
    app.query_params["user"] = "u020"
    del app.query_params["events"]
    app.run()
    assert "What if u020 had a different history?" in first_line(app)


def test_an_items_page_says_who_gets_it_and_leads_on(open_view: Open, run: engine.Run) -> None:
    item = run.dataset.items.id_of(int(run.evaluation.lists[run.answers][0, 0]))
    about = engine.item_profile(run, item)
    app = open_view("items", item=item)
    assert not app.exception
    assert f"is in {about.exposure} of {sum(about.n_lists.values())} lists" in app_title(app)
    assert keys_of_charts(app) == {"catalogue", "exposure"}
    tables = [d.value for d in app.dataframe]
    near = engine.neighbours(run, item)
    assert any(list(t["Title"]) == [n.title for n in near] for t in tables if "Cosine" in t.columns)
    users = engine.receivers(run, item)["user_id"].tolist()[:200]
    assert next(t["User"].tolist() for t in tables if "Had it next" in t.columns) == users
    links = [e.proto.query_string for e in app.get("page_link")]
    assert [re.search(r"user=([^&]+)", link)[1] for link in links] == users[:5]  # pyright: ignore[reportOptionalSubscript]
    app.text_input(key="find_item_text").input("Stove no. 2").run()
    press_chip(app, "found", "found", "Stove no. 2")
    assert app.query_params["item"] == "i02"
    assert "“Stove no. 2”" in app_title(app)


@pytest.mark.parametrize("item", ["<img src=x>", "a" * 400])
def test_an_unknown_item_is_told_and_another_can_be_found(open_view: Open, item: str) -> None:
    app = open_view("items", item=item)
    assert not app.exception
    assert app_title(app) == "This item cannot be shown"
    press(app, "found", "found", "pick", 0)
    assert not app.error


@pytest.mark.parametrize("page", ["what_if", "items"])
def test_no_english_is_left_on_a_chinese_page(open_view: Open, page: str) -> None:
    app = open_view(page, lang="zh", events="1-3.~i48", about="region=North")
    assert not app.exception
    assert not app.error
    with (i18n.LOCALE_DIR / "zh" / "LC_MESSAGES" / "tailscope.po").open("rb") as file:
        entries = [(m.id, m.string) for m in read_po(file, locale="zh") if isinstance(m.id, str) and m.id]
    english = {i for i, text in entries if i != text and "{" not in i}
    assert not {line.strip() for line in shown(app).splitlines()} & english


@pytest.mark.parametrize("page", ["what_if", "items"])
def test_without_runs_a_page_says_how_to_train_one(
    open_view: Open, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tmp_path / "none"))
    assert open_view(page).title[0].value == "There is no trained run yet"
