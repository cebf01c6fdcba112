"""Pages over a run that an ensemble answers: it is named and drawn beside the others, and attention is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from streamlit.testing.v1 import AppTest

import engine
from dashboard.text import i18n
from tests.app.test_views import APP, VIEWS, Open, keys_of_charts, shown
from tests.conftest import BLENDED_RUN


@pytest.fixture
def open_view(blended_run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a view over the blended run, with query parameters."""
    monkeypatch.setenv("TAILSCOPE_RUNS", str(blended_run_dir))

    def open_(page: str, /, **query: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=60)
        for key, value in query.items():
            app.query_params[key] = value
        if page == "gap":
            app.run()
        return app.switch_page(f"views/{page}.py").run()

    return open_


@pytest.fixture(scope="module")
def run(blended_run_dir: Path) -> engine.Run:
    return engine.load_run(BLENDED_RUN, blended_run_dir)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("view", VIEWS)
def test_no_page_breaks_and_no_english_is_left_on_a_chinese_one(open_view: Open, view: str, lang: str) -> None:
    app = open_view(view, lang=lang)
    assert not app.exception
    assert not app.error
    if lang == "zh":
        with (i18n.LOCALE_DIR / "zh" / "LC_MESSAGES" / "tailscope.po").open("rb") as file:
            entries = [(m.id, m.string) for m in read_po(file, locale="zh") if isinstance(m.id, str) and m.id]
        english = {i for i, text in entries if i != text and "{" not in i}
        assert not {line.strip() for line in shown(app).splitlines()} & english


@pytest.mark.parametrize("view", ["overview", "gap"])
def test_pages_say_which_model_answers(open_view: Open, view: str) -> None:
    assert "The ensemble answers in this run: on validation its NDCG@10 is" in shown(open_view(view))


def test_the_overviews_figures_are_those_of_the_model_that_answers(open_view: Open, run: engine.Run) -> None:
    app = open_view("overview")
    figure = run.evaluation.models["ensemble"].overall.metrics["ndcg@10"].value
    assert app.metric[3].value == i18n.figure(figure)
    assert "The Ensemble is ahead of the best baseline" in shown(app)
    gap = engine.gap(run.evaluation, "ndcg@10", "ensemble", "users", run.config.evaluation)
    assert f"{i18n.figure(gap.tail.value)} (" in shown(app)


def test_head_vs_tail_shows_how_much_each_member_counts(open_view: Open, run: engine.Run) -> None:
    app = open_view("gap")
    assert "influence" in keys_of_charts(app)
    assert "How much each model counts in the ensemble" in [header.value for header in app.header]
    assert "NDCG@10 on validation: Ensemble " in shown(app)
    app.session_state["table_How much each model counts in the ensemble"] = True
    app.run()
    assert not app.exception
    (table,) = [t.value for t in app.dataframe if "Transformer: weight" in t.value.columns]
    assert run.ensemble is not None
    blend = run.ensemble.weights
    assert table["EASE: weight"].tolist() == pytest.approx(blend.weights[:, 1].tolist())
    assert table["Item kNN: share"].tolist() == pytest.approx(blend.influence[:, 2].tolist())
    assert table["Ensemble: NDCG@10"].tolist() == pytest.approx(blend.by_length["ensemble"].tolist())
    assert table["Validation users"].tolist() == blend.n_users.tolist()
    behind = next(t.value for t in app.dataframe if "Rank" in t.value.columns)
    per_user = run.evaluation.per_user
    ours = per_user.loc[per_user["model"] == "ensemble", "rank"].tolist()
    assert {int(rank) for rank in behind["Rank"]} <= set(ours)
    assert len(behind) > 3


def test_the_explanation_adds_up_and_says_what_each_member_gives(open_view: Open, run: engine.Run) -> None:
    app = open_view("explain")
    assert not app.exception
    user = app.query_params["user"]
    answer = engine.explain(run, user, view="evaluated")
    base, events, score = (float(m.value.replace("−", "-").replace("+", "")) for m in app.metric)
    assert base + events == pytest.approx(score, abs=0.02)
    said = shown(app)
    for name in ("Transformer", "EASE", "Item kNN"):
        assert f"{name} {i18n.signed(answer.shares[name.lower().replace(' ', '')])}" in said
    assert "raw logit" not in said
    assert "What is explained is the ensemble's score" in said


def test_attention_is_said_to_be_the_transformers(open_view: Open) -> None:
    assert "these attentions are those of its Transformer" in shown(open_view("attention"))


def test_the_score_of_a_recommendation_is_said_to_be_the_ensembles(open_view: Open, run: engine.Run) -> None:
    app = open_view("recommendations")
    assert "Score: the ensemble's" in shown(app)
    first = engine.recommend(run, app.query_params["user"], k=1).items[0]
    assert first.title in shown(app)
