"""What is chosen stays chosen: over pages, in the address, in whichever thread a page is drawn."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.runtime.state.query_params import QueryParams
from streamlit.testing.v1 import AppTest

import dashboard
from dashboard.text import i18n
from dashboard.ui import state
from tests.conftest import TINY_RUN

APP = Path(dashboard.__file__).with_name("app.py")
VIEWS = ("recommendations", "attention", "explain", "what_if", "items", "overview", "gap", "compare")
ABOUT_A_USER = VIEWS[:5]

Open = Callable[..., AppTest]


@pytest.fixture
def open_app(tiny_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens the dashboard over two runs, TINY_RUN the second of them, with query parameters."""
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / TINY_RUN)
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / "a-newer-one")
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tmp_path))

    def open_(**query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=60)
        for key, value in query.items():
            app.query_params[key] = value
        return app.run()  # so that pages are known by their addresses

    return open_


def test_run_user_view_and_language_are_the_same_widgets_on_all_pages(open_app: Open) -> None:
    app = open_app(run=TINY_RUN, user="u017", view="full", lang="zh")
    for view in (*VIEWS, *reversed(VIEWS)):
        app.query_params.clear()  # the sidebar's links hold none
        app.switch_page(f"views/{view}.py").run()
        assert not app.exception
        assert app.selectbox(key="bar_run").value == TINY_RUN, view
        assert app.segmented_control(key="bar_lang").value == "zh", view
        if view in ABOUT_A_USER:
            assert app.selectbox(key="bar_user").value == "u017", view
            assert app.segmented_control(key="bar_view").value == "full", view
        expected = {"run": TINY_RUN, "lang": "zh", **({"user": "u017"} if view in ABOUT_A_USER else {})}
        assert expected.items() <= app.query_params.items()


def test_a_metric_stays_chosen_between_two_pages_that_ask_for_one(open_app: Open) -> None:
    app = open_app(run=TINY_RUN).switch_page("views/gap.py").run()
    app.segmented_control(key="family").set_value("mrr").run()
    app.segmented_control(key="metric_k").set_value(5).run()
    for view in ("compare", "gap", "compare"):
        app.query_params.clear()
        app.switch_page(f"views/{view}.py").run()
        assert (app.segmented_control(key="family").value, app.segmented_control(key="metric_k").value) == ("mrr", 5)
        assert "MRR@5" in "\n".join(str(m.value) for m in app.markdown).replace("\\", "")


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What was sent to the browser as its address, write by write."""
    sent: list[dict[str, str]] = []
    send = QueryParams._send_query_param_msg

    def counted(self: QueryParams) -> None:
        sent.append(self.to_dict())
        send(self)

    monkeypatch.setattr(QueryParams, "_send_query_param_msg", counted)
    return sent


def test_a_page_writes_all_that_it_depends_on_into_its_address_at_once(
    open_app: Open, writes: list[dict[str, str]]
) -> None:
    app = open_app(run=TINY_RUN, user="u017", view="full", lang="en")
    about_a_user = {"run": TINY_RUN, "user": "u017", "view": "full", "lang": "en"}
    for view, own in (
        ("recommendations", {"length": "5"}),
        ("explain", {"item": "i07", "order": "size", "evidence": "features"}),
        ("items", {"item": "i07", "layout": "pca", "colour": "category"}),
    ):
        app.switch_page(f"views/{view}.py")
        for key, value in {**about_a_user, **own}.items():
            app.query_params[key] = value
        app.run()
        app.query_params.clear()  # as by a link of the sidebar
        writes.clear()
        app.switch_page(f"views/{view}.py").run()
        assert writes == [{**about_a_user, **own}]


def test_a_choice_and_what_it_makes_meaningless_are_one_write(open_app: Open, writes: list[dict[str, str]]) -> None:
    app = open_app(run=TINY_RUN, user="u017").switch_page("views/recommendations.py")
    for key, value in {"run": TINY_RUN, "user": "u017", "item": "i07", "cell": "3.1", "window": "1-3"}.items():
        app.query_params[key] = value
    app.run()
    writes.clear()
    app.selectbox(key="bar_user").select("u018").run()
    assert writes == [{"run": TINY_RUN, "user": "u018"}]


def test_the_run_that_compare_took_by_itself_is_in_the_address(open_app: Open) -> None:
    app = open_app(run=TINY_RUN).switch_page("views/compare.py").run()
    assert app.query_params["beside"] == "a-newer-one"
    assert not [m for m in app.markdown if "None@None" in m.value]


@pytest.mark.parametrize(
    ("view", "widget", "key", "value", "written", "default"),
    [
        ("recommendations", "list_length", "length", 20, "20", 10),
        ("explain", "order", "order", "size", "size", "time"),
        ("items", "map_colour", "colour", "category", "category", "popularity"),
        ("gap", "targets_by", "targets", "support", "support", "kind"),
    ],
)
def test_who_goes_back_to_before_a_choice_finds_it_not_made(
    open_app: Open, monkeypatch: pytest.MonkeyPatch,
    view: str, widget: str, key: str, value: object, written: str, default: object,
) -> None:  # fmt: skip
    app = open_app(run=TINY_RUN, user="u017").switch_page(f"views/{view}.py").run()
    assert app.segmented_control(key=widget).value == default
    app.segmented_control(key=widget).set_value(value).run()
    assert app.query_params[key] == written
    del app.query_params[key]
    app.run()
    assert app.segmented_control(key=widget).value == value  # as from a sidebar's link: it is chosen still
    del app.query_params[key]
    monkeypatch.setattr(state, "get_script_run_ctx", lambda **_: SimpleNamespace(is_history_navigation=True))
    app.run()
    assert app.segmented_control(key=widget).value == default
    assert key not in app.query_params


def test_each_tab_is_named_after_its_page_user_and_run(open_app: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    titles: list[str] = []
    monkeypatch.setattr(st, "set_page_config", lambda **config: titles.append(config["page_title"]))
    app = open_app(run=TINY_RUN, user="u017", lang="zh").switch_page("views/explain.py").run()
    assert titles[-1] == f"解释 · u017 · {TINY_RUN} · Tailscope"
    app.switch_page("views/gap.py").run()
    assert titles[-1] == f"头部与尾部 · {TINY_RUN} · Tailscope"


def _asked_in_another_thread() -> None:
    """A page whose words are made in a thread that app.py never ran in, as those of a fragment are."""
    import threading

    import streamlit as st
    from streamlit.runtime.scriptrunner import add_script_run_ctx

    from dashboard.text import i18n
    from dashboard.ui import state  # noqa: F401  (who knows the language)

    said: list[str] = []
    thread = add_script_run_ctx(threading.Thread(target=lambda: said.append(i18n._("Overview"))))
    thread.start()
    thread.join()
    st.write(said[0])


def test_a_fragment_that_is_drawn_in_another_thread_speaks_the_language_of_its_session() -> None:
    app = AppTest.from_function(_asked_in_another_thread)
    app.query_params["lang"] = "zh"
    assert app.run().markdown[0].value == "概览"
    app.query_params["lang"] = "en"
    assert app.run().markdown[0].value == "Overview"


def test_outside_a_page_the_language_is_english() -> None:
    i18n.use(None)
    assert (state.language(), i18n.language()) == ("en", "en")


@pytest.mark.parametrize(("lang", "said"), [("en", "cannot be read"), ("zh", "无法读取")])
def test_the_bar_offers_good_runs_and_tells_of_damaged_ones(
    open_app: Open, tmp_path: Path, lang: str, said: str
) -> None:
    about = json.loads((tmp_path / "a-newer-one" / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "a-newer-one" / "config.json").write_text(json.dumps({**about, "format_version": 99}), encoding="utf-8")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text("{", encoding="utf-8")
    app = open_app(lang=lang)
    assert not app.exception
    assert not app.error
    assert app.selectbox(key="bar_run").options == [TINY_RUN]
    told = [text.value for text in app.text]
    assert any(said in text for text in told)
    assert any(text.startswith("a-newer-one\n") and "99" in text for text in told)
    assert any(text.startswith("half\n") for text in told)
