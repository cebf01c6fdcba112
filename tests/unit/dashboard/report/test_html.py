"""The report: one file without script, that says what the page says, whatever titles and names the data hold."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pandas as pd
import pytest
from markupsafe import escape

import engine
from dashboard.charts import scale
from dashboard.report.html import report
from dashboard.text import common as common_text, fairness as fairness_text, gap as gap_text, i18n
from engine import Estimate, GapDecomposition
from tests.conftest import HOSTILE_TITLE, TINY_RUN
from tests.unit.dashboard.conftest import Tailscope


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> engine.Run:
    """A run whose ids, attributes and data name are markup."""
    folder = tmp_path_factory.mktemp("hostile") / "shop<script>alert(1)<"
    folder.mkdir()
    users, items = 60, 12
    rows = [(f"u{u}<b>", f"i{(u + s) % items}{HOSTILE_TITLE}", s) for u in range(users) for s in range(3 + u % 9)]
    log = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    log.to_csv(folder / "interactions.csv", index=False)
    kinds = [HOSTILE_TITLE if u % 2 else "</table><script>alert(2)</script>" for u in range(users)]
    table = pd.DataFrame({"user_id": [f"u{u}<b>" for u in range(users)], "kind<i>": kinds})
    table.to_csv(folder / "users.csv", index=False)
    settings = ["training.max_epochs=1", "model.d_model=8", "model.ensemble=none", "evaluation.bootstrap_samples=50"]
    return engine.train_run(
        folder, name="hostile", runs_dir=folder.parent / "runs", config=engine.load_config(changes=settings)
    )


def test_no_text_of_the_data_becomes_markup(hostile_run: engine.Run):
    html = report(hostile_run)
    assert "alert(" in html  # it is shown
    assert not re.search(r"<(script|img|b|i)\b", html)
    assert "default-src 'none'" in html
    assert not re.search(r"<[^>]*\b(src|href)=", html)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_it_says_what_the_page_says(tiny_run_dir: Path, lang: str):
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    html = report(run, lang=lang)
    assert f'<html lang="{lang}">' in html
    assert len(html.encode()) < 5_000_000
    assert html.count("<svg") == 4
    assert run.versions["torch"] in html
    assert i18n.language() == "en"
    assert {"en": "Why is there a gap?", "zh": "为什么有差距？"}[lang] in html
    facts, answers = engine.run_facts(run), run.answers
    spread = engine.disparity(run.evaluation, facts, (), "ndcg@10", answers, run.config.evaluation)
    novelty = run.evaluation.models[answers].users["tail"].metrics["novelty@10"]
    assert f"<td>{i18n.figure(novelty.value)}" in html
    assert spread.gini is not None
    assert f"<td>{i18n.figure(spread.gini.value)}" not in html  # with one target a user it measures luck
    groups = engine.standard_groups(engine.user_columns(facts))
    assert html.count("<tr>") > len(groups) > 10


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_report_in_log_ranks_explains_them_and_is_not_inverted(tiny_run_dir: Path, lang: str):
    run = engine.load_run(TINY_RUN, tiny_run_dir)
    html = report(run, "log_rank", lang)
    found = engine.gap_by_all_metrics(run.evaluation, "log_rank", run.answers, "users", run.config.evaluation)
    i18n.use(lang)
    try:
        assert gap_text.verdict(found).text in html
        assert escape(common_text.metric_gloss("log_rank")) in html
        assert escape(common_text.metric_gloss("ndcg@10")) not in html
        assert common_text.ranked(run.config) in html
    finally:
        i18n.use("en")
    assert found.gap.ratio is None


def test_what_is_said_of_the_protocol_follows_the_settings():
    for seen, new in itertools.product((True, False), repeat=2):
        config = engine.load_config(None, [f"evaluation.exclude_seen={str(seen).lower()}",
                                           f"evaluation.new_items={str(new).lower()}"])  # fmt: skip
        assert ("left out" in common_text.ranked(config)) == seen
        assert ("Only items that occur in training" in common_text.recommendable(config)) == (not new)


def test_the_command_writes_it_and_keeps_what_is_there(tailscope: Tailscope, tiny_run_dir: Path, tmp_path: Path):
    out = tmp_path / "gap.html"
    done = tailscope("report", TINY_RUN, "--output", out, "--runs", tiny_run_dir, "--json")
    assert (done.code, done.document["bytes"]) == (0, out.stat().st_size)
    out.write_text(out.read_text() + "<!-- mine -->")
    again = tailscope("report", TINY_RUN, "--output", out, "--runs", tiny_run_dir)
    assert again.code == 2
    assert "pass --overwrite" in " ".join(again.err.replace("│", " ").split())
    assert "mine" in out.read_text()
    assert tailscope("report", TINY_RUN, "--output", out, "--runs", tiny_run_dir, "--overwrite").code == 0
    assert out.read_text().startswith("<!DOCTYPE html>")
    assert "mine" not in out.read_text()


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_what_is_no_report_is_never_replaced(
    more: tuple[str, ...], tailscope: Tailscope, tiny_run_dir: Path, tmp_path: Path
):
    out = tmp_path / "interactions.csv"
    out.write_text("user_id,item_id\n")
    done = tailscope("report", TINY_RUN, "--output", out, "--runs", tiny_run_dir, *more)
    assert done.code == 2
    told = " ".join(done.err.replace("│", " ").split())
    assert "is no report" in told
    assert "--overwrite" not in told
    assert out.read_text() == "user_id,item_id\n"
    assert [path.name for path in tmp_path.iterdir()] == ["interactions.csv"]


def test_a_folder_that_is_not_there_ends_with_a_message(tailscope: Tailscope, tiny_run_dir: Path, tmp_path: Path):
    done = tailscope("report", TINY_RUN, "--output", tmp_path / "none" / "gap.html", "--runs", tiny_run_dir)
    assert done.code == 1
    assert "cannot be written (No such file or directory)" in done.err


def _parts(verdict: str, length: float, users: float, dominant: str | None = None) -> GapDecomposition:
    def near(x: float) -> Estimate:
        return Estimate(x, x - 0.01, x + 0.01)

    head = 0.3
    numbers = [head, head + length, head + length + users, length + users, length, users]
    return GapDecomposition("ndcg@10", *map(near, numbers), None, None, verdict, dominant)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (_parts("length", -0.1, 0.0), "Short histories explain the gap"),
        (_parts("users", 0.0, -0.1), "Different users explain the gap"),
        (_parts("both", -0.1, -0.05, "length"), "Short histories are the larger part"),
        (_parts("both", 0.05, -0.1, "users"), "pull one way"),
        (_parts("neither", 0.0, 0.0), "no clear gap"),
        (_parts("unclear", -0.1, -0.1), "cannot be told"),
    ],
)
def test_every_verdict_has_its_sentence(parts: GapDecomposition, said: str):
    text = fairness_text.parts(parts)
    assert said in text
    assert i18n.figure(parts.truncated.value) in text


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("", "all users"),
        ("user_cohort=tail", "Tail"),
        ("history_length=3..5", "3–5 events"),
        ("history_length=..3 & region=North", "up to 3 events, Region: North"),
        ("history_length=7..", "7 or more events"),
        ("history_length=4..4", "4 events"),
        ("history_length=..1", "up to 1 event"),
        ("mainstream=0.25..0.5", "popular items: 25\u202f%–50\u202f%"),
        ("recency_days=10..", "last event 10 or more days ago"),
        ("item_cohort=head", "head item"),
    ],
)
def test_a_rule_reads_as_words(rule: str, name: str):
    assert fairness_text.group_name(rule) == name


def test_the_worst_group_is_named_only_if_it_is_clear():
    rows = [("region=A", -0.2, True, 40), ("region=B", -0.3, False, 4), ("region=C", 0.1, True, 40)]
    gaps = pd.DataFrame(rows, columns=["rule", "difference", "significant", "n"]).assign(low=-0.4, high=-0.1)
    assert "Worst served: Region: A." in fairness_text.worst_group(gaps, "ndcg@10")
    assert "Worst served: Region: C." in fairness_text.worst_group(gaps, "log_rank")
    assert "No group fares clearly worse" in fairness_text.worst_group(gaps.loc[~gaps["significant"]], "ndcg@10")


@pytest.mark.parametrize(("low", "high"), [(0, 0.23), (-0.4, 0.1), (0, 0), (12, 17), (0, 1e-7)])
def test_ticks_hold_what_is_drawn_and_are_few(low: float, high: float):
    ticks = scale.nice_ticks(low, high)
    assert ticks[0] <= low + 1e-12
    assert ticks[-1] >= high - 1e-12
    assert 2 <= len(ticks) <= 8
