"""Every page, driven without a browser: what it says, what it offers when there is nothing, what it survives."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from babel.messages.pofile import read_po
from streamlit.testing.v1 import AppTest

import dashboard
import engine
from dashboard.cache import runs as run_cache
from dashboard.text import i18n
from dashboard.ui import state
from tests.app import sheets
from tests.conftest import TINY_RUN

APP = Path(dashboard.__file__).with_name("app.py")
VIEWS = ("overview", "recommendations", "attention", "explain", "gap", "compare")
USER_VIEWS = ("recommendations", "attention", "explain")

Open = Callable[..., AppTest]


@pytest.fixture
def open_view(tiny_run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a view over the tiny run, with query parameters."""
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tiny_run_dir))

    def open_(page: str, /, **query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=60)
        for key, value in query.items():
            app.query_params[key] = value
        if page == "gap":  # its address differs from its file's name, so the page must be known first
            app.run()
        return app.switch_page(f"views/{page}.py").run()

    return open_


def texts(app: AppTest) -> list[str]:
    """All that is written on the page, as Markdown or as labels."""
    said: list[str] = []
    for kind in (app.title, app.subheader, app.markdown, app.caption, app.error, app.info):
        said += [str(element.value) for element in kind]
    said += [m.label for m in app.metric] + [str(m.value) for m in app.metric]
    for kind in (app.selectbox, app.button, app.expander, app.text_input):
        said += [element.label for element in kind]
    return said + sheets.written(app)


def shown(app: AppTest) -> str:
    """The same as a person reads it."""
    return re.sub(r"\\(.)", r"\1", "\n".join(texts(app))).replace("\u2060", "")


def keys_of_charts(app: AppTest) -> set[str]:
    plotted = {str(e.proto.id).rsplit("-", 1)[-1] for e in app.get("plotly_chart")}
    return plotted | {block["key"] for block in sheets.blocks(app, "chart")}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_view_says_something_and_breaks_nothing(open_view: Open, view: str, lang: str) -> None:
    app = open_view(view, lang=lang)
    assert not app.exception
    assert not app.error
    assert len(app.title) == 1
    assert app.query_params["run"] == TINY_RUN


@pytest.mark.parametrize(
    ("view", "charts"),
    [
        ("overview", {"activity", "models"}),
        ("recommendations", set()),
        ("attention", {"map", "heads"}),
        ("explain", {"waterfall", "heatmap"}),
        ("gap", {"cohorts_users", "cohorts_items", "difference", "curve", "parts", "targets", "groups"}),
    ],
)
def test_a_view_draws_its_charts_and_describes_them(open_view: Open, view: str, charts: set[str]) -> None:
    app = open_view(view)
    drawn = app.get("plotly_chart")
    assert keys_of_charts(app) == charts
    assert all(len(e.proto.alt) > 15 for e in drawn)
    assert all(len(block["alt"]) > 15 for block in sheets.blocks(app, "chart"))


def test_the_bare_address_leads_to_the_overview(tiny_run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tiny_run_dir))
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not app.exception
    assert [m.label for m in app.metric] == ["Users", "Items", "Interactions", "NDCG@10"]
    assert [m.value for m in app.metric][:2] == ["120", "60"]


# --- nothing to show


@pytest.mark.parametrize("view", VIEWS)
def test_without_runs_a_view_says_how_to_train_one(
    open_view: Open, view: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tmp_path / "none"))
    app = open_view(view)
    assert not app.exception
    assert app.title[0].value == "There is no trained run yet"
    assert [c.value for c in app.code] == ["tailscope demo", "tailscope train PATH"]


def test_a_run_made_meanwhile_appears(
    open_view: Open, tiny_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tmp_path))
    app = open_view("overview")
    assert app.title[0].value == "There is no trained run yet"
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / "fresh")
    st.cache_data.clear()  # instead of waiting until the list is too old
    app.run()
    assert app.selectbox(key="bar_run").value == "fresh"


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ["nope", "../tiny", "/etc", "a" * 400])
def test_an_unknown_run_is_said_and_the_others_offered(open_view: Open, view: str, name: str) -> None:
    app = open_view(view, run=name)
    assert not app.exception
    assert f"There is no run named {name}" in shown(app)
    assert TINY_RUN in app.error[0].value
    app.selectbox(key="bar_run").select(TINY_RUN).run()
    assert not app.error
    assert app.query_params["run"] == TINY_RUN


def test_a_damaged_run_is_an_error_with_a_way_out(
    open_view: Open, tiny_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / "hurt")
    (tmp_path / "hurt" / "per_user.parquet").write_bytes(b"no parquet")
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tmp_path))
    app = open_view("overview")
    assert not app.exception
    assert "The run hurt cannot be used" in shown(app)
    assert "train it again" in shown(app)


@pytest.mark.parametrize("view", USER_VIEWS)
def test_an_unknown_user_is_said_and_a_pick_offered(open_view: Open, view: str) -> None:
    app = open_view(view, user="nobody")
    assert not app.exception
    assert app.title[0].value == "This run knows no user nobody"
    app.button(key="draw_tail").click().run()
    assert not app.error
    assert app.query_params["user"] != "nobody"


def test_an_unknown_item_is_said(open_view: Open) -> None:
    app = open_view("explain", user="u010", item="no-such-item")
    assert not app.exception
    assert "This item cannot be explained" in shown(app)


@pytest.mark.parametrize("view", USER_VIEWS)
@pytest.mark.parametrize("user", ["u000", "u001"])
@pytest.mark.parametrize("seen", ["evaluated", "full"])
def test_users_with_one_or_two_events_are_served(open_view: Open, view: str, user: str, seen: str) -> None:
    app = open_view(view, user=user, view=seen)
    assert not app.exception
    assert not app.error


def test_nonsense_in_the_address_falls_back(open_view: Open) -> None:
    app = open_view("attention", lang="xx", view="sideways", layer="99", head="-1", user="u010")
    assert not app.exception
    assert app.selectbox(key="pick_layer").value == "2"
    assert app.segmented_control(key="bar_view").value == "evaluated"


def test_a_bug_shows_as_a_bug(open_view: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(engine, "recommend", broken, raising=False)
    st.cache_data.clear()
    app = open_view("recommendations")
    assert len(app.exception) == 1


# --- choices


def test_run_and_user_stay_chosen_from_page_to_page(open_view: Open) -> None:
    app = open_view("recommendations", user="u017", view="full")
    for view in ("attention", "overview", "explain"):
        app.query_params.clear()  # what a change of page does in a browser
        app.switch_page(f"views/{view}.py").run()
        assert not app.exception
    assert app.selectbox(key="bar_user").value == "u017"
    assert app.query_params["user"] == "u017"
    assert app.query_params["view"] == "full"


def test_the_language_switch_speaks_chinese_and_stays(open_view: Open) -> None:
    app = open_view("recommendations", user="u017")
    english = shown(app)
    app.segmented_control(key="bar_lang").set_value("zh").run()
    assert app.query_params["lang"] == "zh"
    assert "推荐" in app.title[0].value
    assert re.search(r"[帐睡炉头靴绳]\S*\d+号", shown(app)), "titles come in the chosen language too"
    assert english != shown(app)
    app.query_params.clear()
    app.switch_page("views/overview.py").run()
    assert app.metric[0].label == "用户"


@pytest.mark.parametrize("view", VIEWS)
def test_no_english_is_left_on_a_chinese_page(open_view: Open, view: str) -> None:
    with (i18n.LOCALE_DIR / "zh" / "LC_MESSAGES" / "tailscope.po").open("rb") as file:
        entries = [(m.id, m.string) for m in read_po(file, locale="zh") if m.id]
    english = {i for ids, s in entries for i in ([ids] if isinstance(ids, str) else ids) if i != s and "{" not in i}
    lines = {line.strip() for line in shown(open_view(view, lang="zh", user="u017")).splitlines()}
    assert not lines & english


def test_pages_begin_with_the_tail_user_who_has_most_to_see(open_view: Open, tiny_run_dir: Path) -> None:
    tail = engine.find_users(engine.load_run(TINY_RUN, tiny_run_dir), cohort="tail")
    user = open_view("recommendations").query_params["user"]
    assert tail.set_index("user_id")["history_length"][user] == tail["history_length"].max()


def test_random_tail_user_is_of_the_tail_and_changes(open_view: Open, tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    app = open_view("recommendations", user="u017")
    seen = set()
    for _ in range(4):
        app.button(key="draw_tail").click().run()
        user = app.query_params["user"]
        assert engine.profile(run, user).cohort == "tail"
        seen.add(user)
    assert len(seen) > 1


def test_users_are_found_by_id_cohort_and_attribute(open_view: Open, tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    app = open_view("recommendations")
    app.text_input(key="find_text").input("u01").run()
    app.selectbox(key="find_cohort").select("tail").run()
    app.selectbox(key="find_region").select("North").run()
    expected = engine.find_users(run, "u01", "tail", {"region": "North"})["user_id"].tolist()
    found = next(d.value for d in app.dataframe if "Training events" in d.value.columns)
    assert found["User"].tolist() == expected
    assert len(expected) > 0
    app.text_input(key="find_text").input("no such").run()
    assert "No user fits. Clear a filter, or shorten the id." in shown(app)


def test_the_held_out_item_is_placed_as_the_engine_ranks_it(open_view: Open, tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    answer = engine.recommend(run, "u017", k=10)
    assert answer.held_out is not None
    app = open_view("recommendations", user="u017")
    assert f"Held-out item: {answer.held_out.title}, ranked " in shown(app)
    full = open_view("recommendations", user="u017", view="full")
    assert "nothing is held out to compare with" in shown(full)


def test_every_recommendation_leads_to_its_explanation(open_view: Open, tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    items = [item.item_id for item in engine.recommend(run, "u017", k=10).items]
    app = open_view("recommendations", user="u017")
    links = [e.proto.query_string for e in app.get("page_link") if "item=" in e.proto.query_string]
    assert [re.search(r"item=([^&]+)", link)[1] for link in links] == items  # pyright: ignore[reportOptionalSubscript]
    assert all("user=u017" in link and f"run={TINY_RUN}" in link for link in links)


def test_the_explanation_adds_up_on_the_page(open_view: Open, tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    answer = engine.explain(run, "u017")
    app = open_view("explain", user="u017")
    assert [m.label for m in app.metric] == ["Base", "Events", "Score"]
    assert [m.value for m in app.metric] == [
        i18n.figure(answer.base),
        i18n.signed(answer.score - answer.base),
        i18n.figure(answer.score),
    ]
    assert app.query_params["item"] == answer.item_id


def test_a_linked_item_is_the_one_explained(open_view: Open, tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    third = engine.recommend(run, "u017", k=3).items[2]
    app = open_view("explain", user="u017", item=third.item_id)
    assert app.selectbox(key="pick_item").value == third.item_id
    assert "ranks 3rd" in shown(app)


def test_a_linked_head_is_the_one_shown(open_view: Open) -> None:
    app = open_view("attention", user="u017", layer="1", head="2")
    assert "Layer 1, attention head 2" in shown(app)
    app.selectbox(key="pick_head").select("1").run()
    assert app.query_params["head"] == "1"
    assert "Layer 1, attention head 1" in shown(app)


def test_attention_says_what_it_is_not(open_view: Open) -> None:
    assert "not why an item ranks where it does" in shown(open_view("attention"))


@pytest.mark.parametrize("family", ["hr", "mrr", "precision", "recall", "f1"])
def test_every_metric_can_be_chosen(open_view: Open, family: str) -> None:
    app = open_view("gap")
    app.segmented_control(key="family").set_value(family).run()
    app.segmented_control(key="metric_k").set_value(5).run()
    assert not app.exception
    assert any(i18n.LANGUAGES and "@5: " in c for c in shown(app).splitlines())


def test_the_gap_says_when_there_are_too_few_users(open_view: Open) -> None:
    assert app_title(open_view("gap")).startswith("Too few users to tell: the smaller cohort, head, has ")


def app_title(app: AppTest) -> str:
    return re.sub(r"\\(.)", r"\1", str(app.title[0].value))


def test_the_users_behind_a_point_are_those_of_its_bin(open_view: Open, tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    bins = engine.quality_by_length(run.evaluation, "ndcg@10", ["transformer"])
    app = open_view("gap")
    behind = next(d.value for d in app.dataframe if "Rank" in d.value.columns)
    assert len(behind) == bins["n"].iloc[0]
    assert behind["Training events"].between(bins["low_length"].iloc[0], bins["high_length"].iloc[0]).all()
    assert behind["NDCG@10"].is_monotonic_increasing
    ranks = [int(rank.replace(",", "")) if rank != "miss" else 10**9 for rank in behind["Rank"]]
    assert ranks == sorted(ranks, reverse=True)


def test_cleaning_is_told_on_the_overview(open_view: Open) -> None:
    said = shown(open_view("overview"))
    assert re.search(r"[\d,]+ interactions read, [\d,]+ kept, 2 dropped", said)


# --- hostile titles


@pytest.mark.parametrize("view", USER_VIEWS)
def test_a_title_cannot_bring_its_own_markup(open_view: Open, tiny_run_dir: Path, view: str) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    histories = [engine.profile(run, f"u{i:03d}", "full") for i in range(2, 120)]
    met = 0
    for who in histories:
        bad = [e for e in who.events if e.item_id in ("i03", "i04")]
        if bad and met < 3:
            met += 1
            app = open_view(view, user=who.user_id, view="full", item=bad[0].item_id)
            assert not app.exception
            for text in texts(app):
                assert not re.search(r"(?<!\\)<img", text), text
                assert not re.search(r"(?<!\\)\]\(javascript", text), text
                assert ":red[red]" not in text
                assert "www.example" not in text
    assert met == 3


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_data_table_is_drawn_once_it_is_opened(open_view: Open, view: str, lang: str) -> None:
    app = open_view(view, lang=lang)
    before = len(app.dataframe)
    tables = [e for e in app.expander if "table_" in e.proto.id]
    assert tables
    for table in tables:
        app.session_state["table_" + table.proto.id.partition("table_")[2]] = True
    app.run()
    assert not app.exception
    assert len(app.dataframe) == before + len(tables)
    headers = {str(name) for table in app.dataframe for name in table.value.columns}
    assert not (lang == "zh" and headers & {"User", "Users", "Model", "Low", "High", "Title", "Event", "Value"})


def test_the_server_loads_the_newest_run_before_anybody_asks(
    tiny_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / "newest")
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tmp_path))
    st.cache_data.clear()
    asked: list[str] = []
    load_run = engine.load_run
    monkeypatch.setattr(engine, "load_run", lambda name, runs: asked.append(name) or load_run(name, runs))
    run_cache.prepare_newest()
    assert asked == ["newest"]

    (tmp_path / "newest" / "per_user.parquet").write_bytes(b"no parquet")
    st.cache_data.clear()
    st.cache_resource.clear()
    run_cache.prepare_newest()  # says nothing: the page will
    assert asked == ["newest", "newest"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("masked", "The framed row is that of [MASK], which stands where the next item would be."),
        ("encoder-decoder", "from START, it looks at what the encoder's last layer made of each event."),
    ],
)
def test_the_attention_page_says_what_the_rows_of_each_architecture_are(
    open_view: Open, architecture_runs: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.setenv("TAILSCOPE_RUNS", str(architecture_runs))
    app = open_view("attention", run=name, user="u017", view="full")
    assert not app.exception
    assert not app.error
    assert says in shown(app)
    assert keys_of_charts(app) >= {"map", "heads"}
    for view in ("recommendations", "explain"):
        assert not open_view(view, run=name, user="u017").exception


def test_the_attention_page_of_a_causal_run_does_not_speak_of_masks(open_view: Open) -> None:
    assert "framed row is" not in shown(open_view("attention", user="u017"))


def test_head_vs_tail_tells_why_who_and_what_the_figures_mean(open_view: Open) -> None:
    app = open_view("gap")
    said = shown(app)
    headers = {re.sub(r"\\(.)", r"\1", str(header.value)) for header in app.header}
    assert headers >= {"Why is there a gap?", "Groups of users", "What the lists are like", "Share it"}
    assert "What the figures mean" in said
    assert re.search(r"NDCG@10: gap .+ = short histories .+ \+ different users", said)


def test_a_group_in_the_address_shows_its_users(open_view: Open, tiny_run_dir: Path) -> None:
    app = open_view("gap")
    app.query_params["group"] = "region=North & user_cohort=tail"
    app.run()
    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "Training events" in frame.value.columns)
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    facts = engine.run_facts(run)
    chosen = facts.loc[(facts["region"] == "North") & (facts["user_cohort"] == "tail"), "user_idx"]
    assert set(table["User"]) == set(run.dataset.users.ids_of(chosen.to_numpy()))


def test_a_group_that_cannot_be_is_told(open_view: Open) -> None:
    app = open_view("gap")
    app.query_params["group"] = "no_such_column=1"
    app.run()
    assert not app.exception
    assert "no_such_column" in shown(app)


def at_the_gap(open_view: Open, **query: str) -> AppTest:
    """The page Head vs tail with query parameters, which are lost on the way there where they are given earlier."""
    app = open_view("gap")
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def test_the_metric_stands_in_the_address(open_view: Open) -> None:
    app = at_the_gap(open_view, family="mrr", metric_k="5")
    assert app.segmented_control(key="family").value == "mrr"
    assert "MRR@5" in {str(name) for frame in app.dataframe for name in frame.value.columns}
    app.segmented_control(key="metric_k").set_value(20).run()
    assert app.query_params["metric_k"] == "20"
    app = at_the_gap(open_view, family="nonsense", metric_k="7")
    assert not app.exception
    assert app.segmented_control(key="family").value == "ndcg"


def test_a_clicked_dot_chooses_its_users(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[tuple[str, str]] = []
    monkeypatch.setattr(state, "choose", lambda key, value: chosen.append((key, value)))
    clicked = {"selection": {"points": [{"customdata": ["3–5 events", "history_length=3..5"]}]}}
    for held in (clicked, {"selection": {"points": []}}, None):
        monkeypatch.setattr(state.st, "session_state", {"curve": held})
        state.choose_point("group", "curve")
    assert chosen == [("group", "history_length=3..5")]


def test_a_group_is_saved_offered_by_name_and_forgotten(
    open_view: Open, tiny_run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_run_dir / TINY_RUN, tmp_path / TINY_RUN)
    monkeypatch.setenv("TAILSCOPE_RUNS", str(tmp_path))
    rule = "region=North & user_cohort=tail"
    app = at_the_gap(open_view, group=rule)
    app.text_input(key="group_name").input("northern tail")
    app.button(key="FormSubmitter:save_group-Save").click().run()
    assert not app.exception
    run = engine.load_run(TINY_RUN, tmp_path)
    assert [(group.name, str(group.rule)) for group in engine.load_groups(run)] == [("northern tail", rule)]
    assert any(option.startswith("northern tail, n = ") for option in app.selectbox(key="group_rule").options)
    app = at_the_gap(open_view, group=rule, by="saved")
    assert app.selectbox(key="groups_by").value == "saved"
    app.button(key="forget_group").click().run()
    assert not app.exception
    assert engine.load_groups(run) == ()
    app.text_input(key="group_name").input("<b>no such</b>")
    app.button(key="FormSubmitter:save_group-Save").click().run()
    assert "A group cannot be called" in shown(app)


def test_lists_that_are_brought_are_measured_or_refused(open_view: Open, tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    rows = "".join(f"{user},i01,1\n" for user in run.dataset.users.ids_of(run.split.test.users))
    app = open_view("gap")
    app.file_uploader(key="own_lists").upload(
        "../mine<b>.csv", f"user_id,item_id,rank\n{rows}".encode(), "text/csv"
    ).run()
    assert not app.exception
    assert "mine-b-" in shown(app)
    assert keys_of_charts(app) >= {"own_cohorts", "own_curve"}
    assert shown(app).count("At equal popularity of what they seek") == 2, "of the run's model, and of the lists"
    app.file_uploader(key="own_lists").upload("bad.csv", b"a,b\n1,2\n", "text/csv").run()
    assert not app.exception
    assert "no column with a usual name for users" in shown(app)
    assert "bad.csv" in shown(app)
    assert "Column of user ids" in shown(app)
    assert not re.search(r"--user|--item|NAME|/tmp|tmp/", shown(app)), "neither options of a command nor our places"


def test_whose_columns_have_unusual_names_says_which_they_are(open_view: Open, tiny_run_dir: Path) -> None:
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    rows = "".join(f"{user},i01,1\n" for user in run.dataset.users.ids_of(run.split.test.users))
    app = open_view("gap")
    app.file_uploader(key="own_lists").upload("odd.csv", f"wer,was,rank\n{rows}".encode(), "text/csv").run()
    boxes = [box for box in app.selectbox if str(box.key).startswith("own_")]
    assert [(box.label, box.value, box.options) for box in boxes] == [
        ("Column of user ids", None, ["wer", "was", "rank"]),
        ("Column of item ids", None, ["wer", "was", "rank"]),
    ]
    boxes[0].select("wer")
    boxes[1].select("was").run()
    assert not app.exception
    assert keys_of_charts(app) >= {"own_cohorts", "own_curve"}
