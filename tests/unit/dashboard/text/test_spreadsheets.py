"""No table that is saved makes a spreadsheet run what a title says."""

from __future__ import annotations

import ast
import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, strategies as st

import dashboard
from dashboard.text import spreadsheets
from dashboard.ui import state

HOSTILE = [
    "=1+1",
    "+1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    "＋1",
    "－1",
    "＠x",
    "-",
]
HARMLESS = ["", "a=1", " =1", "1-2", "'=1", "-5", "+0.25", "-1e-5", "−0.03", "3"]
TEXTS = st.text(st.characters(codec="utf-8")) | st.sampled_from(HOSTILE + HARMLESS)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_that_a_spreadsheet_would_run_is_marked(text: str) -> None:
    assert spreadsheets.defuse(text) == "'" + text


@pytest.mark.parametrize("value", [*HARMLESS, -5, -0.5, None, True])
def test_all_else_is_left_alone(value: object) -> None:
    assert spreadsheets.defuse(value) is value


@given(st.lists(TEXTS, min_size=1), st.sampled_from(["str", "object", "category"]))
def test_no_cell_of_a_csv_file_begins_a_formula(texts: list[str], kind: str) -> None:
    table = pd.DataFrame({"=evil": pd.Series(texts, dtype=kind), "n": [-float(i) for i in range(len(texts))]})
    read = list(csv.reader(io.StringIO(spreadsheets.as_csv(table).decode("utf-8-sig"), newline="")))
    assert read[0] == ["'=evil", "n"]
    assert [float(row[-1]) for row in read[1:]] == table["n"].tolist()
    for row in read[1:]:
        assert not row[0].startswith(spreadsheets.BEGINS_A_FORMULA) or float(row[0]) is not None


def test_a_table_keeps_its_numbers_and_is_not_changed_itself() -> None:
    table = pd.DataFrame({"title": ["=1", "b"], "x": [-1.5, 2.0], "n": [-1, 2], "mixed": [-3, "@a"]})
    before = table.copy()
    shown = spreadsheets.defused(table, spreadsheets.UNSEEN_MARK)
    pd.testing.assert_frame_equal(table, before)
    assert shown["title"].tolist() == ["\u2060=1", "b"]
    assert shown["mixed"].tolist() == [-3, "\u2060@a"]
    pd.testing.assert_frame_equal(shown[["x", "n"]], table[["x", "n"]])


def test_every_table_that_the_browser_can_save_is_defused() -> None:
    """Streamlit's data frames have a button that saves them, and ours of a chart is made in the browser."""
    home = Path(dashboard.__file__).parent
    direct = [
        f"{path.name}: {node.attr}"
        for path in home.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("dataframe", "data_editor", "to_csv")
    ]
    assert sorted(direct) == ["components.py: dataframe", "spreadsheets.py: to_csv"]
    script = (home / "elements" / "chart.js").read_text(encoding="utf-8")
    assert "/^[=+\\-@\\t\\r\\n＝＋－＠]/" in script


@pytest.mark.parametrize(
    ("pasted", "meant"),
    [
        ("\u2060=1", "=1"),
        (" \u2060-u7 ", "-u7"),
        ("\u2060@a", "@a"),
        ("=1", "=1"),
        ("u7", "u7"),
        (" u7", " u7"),
        ("\u2060u7", "\u2060u7"),
    ],
)
def test_a_cell_copied_from_a_table_is_the_id_that_it_shows(
    monkeypatch: pytest.MonkeyPatch, pasted: str, meant: str
) -> None:
    assert spreadsheets.typed(pasted) == meant
    chosen: list[tuple[str, str]] = []
    monkeypatch.setattr(state.st, "session_state", {"bar_user": pasted})
    monkeypatch.setattr(state, "choose", lambda key, value: chosen.append((key, value)))
    state.choose_from("user", "bar_user")
    assert chosen == [("user", meant)]
