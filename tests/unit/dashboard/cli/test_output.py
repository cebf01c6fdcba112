"""What the command line prints: JSON that is JSON, figures a person can read, progress that says where work stands."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from rich.console import Console
from rich.progress import Progress as Bars

from dashboard.cli import output
from dashboard.cli.output import Answer, ProgressView, complain, describe, duration, figure, to_json
from engine.progress import Progress


class TestJson:
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=8,
        )
    )
    def test_reads_back_as_the_same_value(self, value: object):
        text = to_json(value)
        text.encode("utf-8")
        assert json.loads(text) == value

    def test_numbers_of_numpy_keep_their_whole_precision(self):
        assert json.loads(to_json({"a": np.float64(0.1 + 0.2), "b": np.int32(7), "c": np.bool_(True)})) == {
            "a": 0.1 + 0.2,
            "b": 7,
            "c": True,
        }
        assert json.loads(to_json(np.float32(0.1))) == float(np.float32(0.1))

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan")])
    def test_what_is_not_finite_becomes_null(self, value: float):
        assert to_json([value]).split() == ["[", "null", "]"]

    def test_chinese_stays_readable(self):
        assert "帐篷" in to_json({"title": "帐篷"})

    def test_nothing_printed_meanwhile_reaches_standard_output(self, capsys: pytest.CaptureFixture[str]):
        answer = Answer(as_json=True)
        with answer.working():
            print("a library talks")
        answer.give({"x": 1}, "for people")
        out, err = capsys.readouterr()
        assert json.loads(out) == {"x": 1}
        assert "a library talks" in err

    def test_people_get_the_other_form(self, capsys: pytest.CaptureFixture[str]):
        Answer(as_json=False).give({"x": 1}, "for [people] :smile:")
        assert capsys.readouterr().out == "for [people] :smile:\n"


def test_a_problem_is_printed_whole_and_as_it_is(capsys: pytest.CaptureFixture[str]):
    message = "line 3: [model] " + "x" * 300
    complain(message)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == message + "\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.04123, "0.0412"),
        (0.4, "0.400"),
        (1.0, "1.00"),
        (12.345, "12.3"),
        (123.4, "123"),
        (22363.0, "22,363"),
        (-0.0213, "-0.0213"),
        (0.0, "0"),
        (1e-9, "0.000000"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_figures_have_three_significant_digits(value: float | None, text: str):
    assert figure(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (8.24, "8.2 s"), (75.4, "75 s"), (725, "12 min 5 s"), (7380, "2 h 3 min"), (math.inf, "unknown")],
)
def test_durations_are_words(seconds: float, text: str):
    assert duration(seconds) == text


TRAINING = Progress("train", 0.25, "epoch 3 of 12", 3, 12, 4.3211, 0.04211, 6.0, 18.0)


class TestProgress:
    def test_says_epoch_loss_validation_and_time_left(self):
        assert describe(TRAINING) == "epoch 3/12  loss 4.321  validation NDCG@10 0.0421  18 s left"
        assert describe(TRAINING, over=True).endswith("took 6.0 s")

    def test_other_stages_speak_for_themselves(self):
        assert describe(Progress("read", 0.5, "interactions.csv")) == "interactions.csv"

    def test_lines_when_there_is_no_terminal(self, capsys: pytest.CaptureFixture[str]):
        with ProgressView() as view:
            view(Progress("read", 0.0, "log.csv"))
            view(Progress("read", 0.5, "half of it"))  # too soon after the first line
            view(TRAINING)
            view(Progress("train", 1.0, "epoch 12 of 12", 12, 12, 4.0, 0.05, 24.0, 0.0))
        out, err = capsys.readouterr()
        assert out == ""
        assert [line.split("  ")[0] for line in err.splitlines()] == [
            "Reading: log.csv",
            "Training: epoch 3/12",
            "Training: epoch 12/12",
        ]

    def test_bars_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch):
        screen = Console(force_terminal=True, width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
        monkeypatch.setattr(output, "console", lambda stderr=False: screen)
        with ProgressView() as view:
            view(Progress("read", 0.2, "log.csv"))
            view(TRAINING)
            assert isinstance(view._bars, Bars)
            read, train = view._bars.tasks
            assert (read.completed, train.completed) == (1.0, 0.25)
            assert "validation NDCG@10 0.0421" in train.fields["detail"]
            view(Progress("evaluate", 0.1, "transformer"))
            assert train.completed == 1.0  # training ended early: its bar is full
        shown = screen.export_text()
        assert "Reading" in shown
        assert "Evaluating" in shown
