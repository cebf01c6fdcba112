"""Charts say what the results say, in the house's colours, in both themes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given, strategies as st

from dashboard.charts import (
    attention,
    compare as compare_charts,
    curve,
    ensemble,
    explain,
    gap,
    overview,
    scale,
    style,
    what_if,
)
from dashboard.text import i18n
from dashboard.ui.blocks import Chart, Shape
from engine import AttentionMap, Attribution, EnsembleWeights, Estimate, MovedItem, Player

HOSTILE = "<img src=x onerror=alert(1)> & a very long title that does not fit on any axis"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    i18n.use("en")
    yield
    i18n.use("en")


def _texts(fig: go.Figure) -> str:
    return fig.to_json()


# --- style


def _luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    parts = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(parts @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("dark", [False, True])
def test_colours_stand_out_from_the_ground(dark: bool) -> None:
    p = style.palette(dark)
    ground = _luminance(p.background)
    for name in ("text", "muted", "head", "tail", "model", "ensemble", "baseline", "raises", "lowers"):
        light, deep = sorted((_luminance(getattr(p, name)), ground), reverse=True)
        assert (light + 0.05) / (deep + 0.05) >= 4.5, name


@given(st.text(max_size=60), st.integers(1, 30))
def test_shortened_titles_fit(text: str, width: int) -> None:
    short = style.shorten(text, width)
    assert short == text or short.endswith("…")
    assert sum(2 if ord(c) > 0x2E7F else 1 for c in short) <= max(width, 2) + 1


def test_titles_reach_plotly_without_markup() -> None:
    assert style.plain("<b>&") == "&lt;b&gt;&amp;"
    assert "<" not in style.label(HOSTILE, 12)


# --- overview


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=200), st.data())
def test_activity_bins_hold_every_user_once_and_never_both_cohorts(lengths: list[int], data: st.DataObject) -> None:
    array = np.array(lengths)
    cut = data.draw(st.sampled_from(sorted(set(lengths))))
    table = overview.activity_bins(array, cut)
    assert table["n"].sum() == len(lengths)
    assert table.loc[table["cohort"] == "head", "n"].sum() == (array >= cut).sum()
    assert (table.loc[table["cohort"] == "tail", "high"].dropna() < cut).all()
    assert len(table) <= overview.BARS + 3


def test_the_activity_chart_names_both_cohorts_with_their_sizes() -> None:
    fig = overview.activity(np.array([1, 1, 2, 3, 9, 12]), 9, dark=False)
    notes = [note.text for note in fig.layout.annotations]
    assert notes == ["tail, 4 users", "head, 2 users,<br>9 events or more"]
    assert {bar.marker.color for bar in fig.data} == {style.LIGHT.head, style.LIGHT.tail}


def test_a_few_very_active_users_do_not_squeeze_the_tail() -> None:
    lengths = np.concatenate([np.arange(1, 10).repeat(40), np.full(60, 12), np.full(20, 40), np.full(9, 900)])
    table = overview.activity_bins(lengths, 10)
    assert (table["cohort"] == "tail").sum() == 9
    assert table["high"].isna().sum() == 1


SCORES = {
    "transformer": Estimate(0.05, 0.04, 0.06),
    "ease": Estimate(0.07, 0.06, 0.08),
    "popularity": Estimate(0.01, 0.0, 0.02),
}


@pytest.mark.parametrize("dark", [False, True])
def test_the_transformer_is_filled_and_baselines_are_hollow(dark: bool) -> None:
    p = style.palette(dark)
    fig = overview.models(SCORES, "ndcg@10", 0.12, dark)
    fills = {float(t.x[0]): t.marker.color for t in fig.data}
    assert fills == {0.05: p.model, 0.07: p.background, 0.01: p.background}
    assert [t.error_x.array[0] for t in fig.data] == pytest.approx([0.01] * 3)
    assert any(s.x0 == 0.12 and s.line.dash == "dot" for s in fig.layout.shapes)
    assert fig.layout.xaxis.range[1] >= 0.12


@pytest.mark.parametrize("dark", [False, True])
def test_the_ensemble_has_a_colour_and_a_shape_of_its_own(dark: bool) -> None:
    looks = [style.look(model, dark) for model in ("transformer", "ensemble", "ease")]
    assert len({look.colour for look in looks}) == 3
    assert looks[0].symbol != looks[1].symbol
    fig = overview.models(SCORES | {"ensemble": Estimate(0.08, 0.07, 0.09)}, "ndcg@10", None, dark, "ensemble")
    drawn = next(t for t in fig.data if float(t.x[0]) == 0.08)
    assert (drawn.marker.color, drawn.marker.symbol) == (style.palette(dark).ensemble, looks[1].symbol)
    assert list(fig.layout.yaxis.ticktext)[-1] == "<b>Ensemble</b>"  # bold: it answers
    assert "Transformer" in fig.layout.yaxis.ticktext


BLEND = EnsembleWeights(
    ("transformer", "ease", "itemknn"),
    np.array([2, 3]),
    np.array([[0.25, 0.75, 0.0], [0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]),
    np.array([3.0, 1.0, 2.0]),
    {"transformer": 0.05, "ease": 0.03, "itemknn": 0.02, "ensemble": 0.06},
    {name: np.array([0.1, 0.2, np.nan]) for name in ("transformer", "ease", "itemknn", "ensemble")},
    np.array([7, 5, 0]),
    True,
)


@pytest.mark.parametrize("dark", [False, True])
def test_bars_of_influence_fill_the_whole_and_name_the_lengths(dark: bool) -> None:
    fig = ensemble.influence(BLEND, dark)
    assert [t.name for t in fig.data] == ["Transformer", "EASE", "Item kNN"]
    shares, begins = (np.array([t[key] for t in fig.data], dtype=float) for key in ("x", "base"))
    np.testing.assert_allclose(shares.sum(axis=0), 1)
    np.testing.assert_allclose(begins, shares.cumsum(axis=0) - shares)
    np.testing.assert_allclose(shares[0], [0.5, 1.5 / 2.25, 1.0])
    assert list(fig.layout.yaxis.ticktext) == ["1–2", "3", "4+"]
    written = [note.text for note in fig.layout.annotations]
    assert written.count(i18n.percent(1.0)) == 1
    assert i18n.percent(0.0) not in written
    table = ensemble.blend_table(BLEND)
    assert table["n"].tolist() == [7, 5, 0]
    assert table["weight ease"].tolist() == [0.75, 0.25, 0.0]
    assert table["ndcg ensemble"].isna().tolist() == [False, False, True]


# --- head against tail


def test_cohorts_keep_their_colours_and_name_their_sizes() -> None:
    scores = {m: {"head": e, "tail": Estimate(e.value / 2, e.low / 2, e.high / 2)} for m, e in SCORES.items()}
    fig = gap.cohorts(scores, {"head": 1200, "tail": 4800}, "hr@5", False, {"head": 0.2, "tail": 0.1})
    assert [t.name for t in fig.data] == ["Head (n = 1,200)", "Tail (n = 4,800)"]
    head = fig.data[0]
    assert head.marker.line.color == style.LIGHT.head
    assert list(head.marker.color).count(style.LIGHT.head) == 1  # the Transformer's alone is filled
    assert fig.layout.xaxis.title.text == "HR@5"
    assert {s.x0 for s in fig.layout.shapes} == {0.2, 0.1}


def test_both_trained_models_are_filled_and_told_apart_by_shape() -> None:
    scores = {m: {"head": e, "tail": e} for m, e in (SCORES | {"ensemble": SCORES["ease"]}).items()}
    head = gap.cohorts(scores, {}, "hr@5", False, answers="ensemble").data[0]
    assert list(head.marker.color).count(style.LIGHT.head) == 2
    assert list(head.marker.symbol).count("square") == 1


def test_models_stand_in_the_order_given() -> None:
    scores = {m: {"head": e, "tail": e} for m, e in SCORES.items()}
    fig = gap.cohorts(scores, {}, "hr@5", False)
    assert list(fig.layout.yaxis.ticktext) == ["Popularity", "EASE", "<b>Transformer</b>"]  # from the bottom


def test_the_difference_has_a_zero_line_in_its_middle() -> None:
    fig = gap.difference(
        {"transformer": Estimate(-0.02, -0.03, -0.01), "ease": Estimate(0.01, -0.01, 0.02)}, "mrr@10", True
    )
    low, high = fig.layout.xaxis.range
    assert low == -high
    assert any(s.x0 == s.x1 == 0 for s in fig.layout.shapes)


BINS = pd.DataFrame(
    [(low, high, label, middle, 100, 0.05, 0.04, 0.06) for low, high, label, middle in (
        (1, 2, "1–2", 2.0), (3, 9, "3–9", 5.0), (10, 40, "10+", 16.0)
    )],
    columns=["low_length", "high_length", "label", "middle", "n", "value", "low", "high"],
)  # fmt: skip
CURVE = pd.DataFrame(
    [(m, x, v, v - 0.01, v + 0.01) for m, v in (("transformer", 0.05), ("ease", 0.04)) for x in (1.0, 4.0, 16.0)],
    columns=["model", "length", "value", "low", "high"],
)


@pytest.mark.parametrize(("cut", "is_marked"), [(10, True), (1, False), (99, False)])
def test_the_curve_marks_where_the_head_begins(cut: int, is_marked: bool) -> None:
    fig = curve.by_length(CURVE, BINS, "ndcg@10", cut, dark=False)
    assert [s.x0 for s in fig.layout.shapes] == (pytest.approx([math.log10(cut)], abs=0.01) if is_marked else [])
    ours = next(t for t in fig.data if t.line.width == 3)
    assert (ours.line.dash, ours.line.color) == ("solid", style.LIGHT.model)
    assert list(fig.layout.xaxis.ticktext) == ["1", "2", "3", "5", "10"]


def test_every_model_has_a_band_and_the_answering_ones_is_the_strongest() -> None:
    both = pd.concat([CURVE, CURVE.loc[CURVE["model"] == "ease"].assign(model="ensemble")])
    fig = curve.by_length(both, BINS, "ndcg@10", 99, dark=False, answers="ensemble")
    bands = [t.fillcolor for t in fig.data if t.fill == "toself"]
    assert len(bands) == 3
    assert bands[-1] == style.rgba(style.LIGHT.ensemble, curve.BAND)
    assert all(band.endswith(f"{curve.PALE_BAND})") for band in bands[:-1])


def test_a_dot_of_the_curve_knows_whose_it_is() -> None:
    fig = curve.by_length(CURVE, BINS, "ndcg@10", 10, dark=True)
    dots = next(t for t in fig.data if t.mode == "markers")
    rules = [datum[-1] for datum in dots.customdata]
    assert rules == ["history_length=1..2", "history_length=3..9", "history_length=10..40"]
    assert [round(10**x) for x in dots.x] == [2, 5, 16]
    scores = {"transformer": {"head": SCORES["transformer"], "tail": SCORES["ease"]}}
    head, tail = gap.cohorts(scores, {}, "hr@5", False, by="item_cohort").data
    assert (head.customdata[0][-1], tail.customdata[0][-1]) == ("item_cohort=head", "item_cohort=tail")


def test_labels_at_the_ends_of_lines_do_not_cover_each_other() -> None:
    fig = curve.by_length(CURVE.assign(value=0.05), BINS, "ndcg@10", 99, dark=False)
    heights = sorted(note.y for note in fig.layout.annotations)
    assert np.diff(heights).min() > 0.002


# --- attention


def _maps(size: int, layers: int = 2, heads: int = 2) -> np.ndarray:
    weights = np.random.default_rng(0).random((layers, heads, size, size)).astype(np.float32)
    weights[..., np.triu(np.ones((size, size), dtype=bool), 1)] = np.nan
    return weights / np.nansum(weights, axis=-1, keepdims=True)


def test_the_map_leaves_the_future_blank_and_sets_the_last_row_off() -> None:
    weights = _maps(5)[0, 0]
    fig = attention.chosen_map(weights, [f"t{i}" for i in range(4)] + [HOSTILE], range(7, 12), False, 1.0, dark=False)
    body, last = (t for t in fig.data if t.type == "heatmap")
    drawn = np.array(body.z, dtype=float)
    assert np.isnan(drawn[np.triu_indices(4, 1)]).all()
    np.testing.assert_allclose(np.array(last.z, dtype=float)[0], weights[-1])
    assert last.y[0] - body.y[-1] == pytest.approx(attention.SET_OFF)
    assert body.coloraxis == last.coloraxis == "coloraxis"
    assert "<img" not in _texts(fig)
    assert fig.layout.xaxis.ticktext[0] == "t0 7"
    assert fig.layout.yaxis.ticktext[4].startswith("<b>&lt;img")
    assert fig.layout.yaxis.range[0] > fig.layout.yaxis.range[1]  # the oldest on top


def test_every_past_cell_can_be_picked_and_no_future_one() -> None:
    weights = _maps(5)[1, 0]
    fig = attention.chosen_map(weights, list("abcde"), range(1, 6), True, 2.0, dark=True)
    cells = next(t for t in fig.data if t.customdata is not None)
    assert {c[-1] for c in cells.customdata} == {f"{q}.{k}" for q in range(1, 6) for k in range(1, q + 1)}
    at = {c[-1]: (x, y, c[2]) for c, x, y in zip(cells.customdata, cells.x, cells.y, strict=True)}
    assert at["4.2"] == (1, 3, i18n.figure(float(weights[3, 1])))
    assert at["5.2"][:2] == (1, 4 + attention.SET_OFF)  # the last row is set off


def test_a_long_map_draws_few_of_the_markers_that_make_its_cells_clickable() -> None:
    fig = attention.chosen_map(_maps(150)[0, 0], ["title"] * 150, range(1, 151), True, 2.0, dark=False)
    cells = next(t for t in fig.data if t.customdata is not None)
    assert len(cells.customdata) == 150 * 151 / 2
    assert cells.marker.maxdisplayed == 1
    assert fig.layout.height < 1300


def test_values_in_a_map_are_put_in_words_like_any_other() -> None:
    values = np.array([0.0123456, 0.0123459, 1.0, 12.04, 250.0, 0.0], dtype=np.float32)
    assert attention._numbers(values) == [i18n.figure(float(v)) for v in values]


def test_the_chosen_cell_is_framed_in_its_row_and_column() -> None:
    def frame(cell: tuple[int, int]) -> tuple[float, ...]:
        fig = attention.chosen_map(_maps(5)[0, 0], list("abcde"), range(1, 6), False, 1.0, False, cell)
        (found,) = [s for s in fig.layout.shapes if s.type == "rect" and s.line.width == 2.5]
        return found.x0, found.x1, found.y0, found.y1

    assert frame((3, 1)) == (0.5, 1.5, 2.5, 3.5)
    assert frame((4, 1)) == pytest.approx((0.5, 1.5, 3.5 + attention.SET_OFF, 4.5 + attention.SET_OFF))


def test_long_histories_show_positions_instead_of_titles() -> None:
    fig = attention.chosen_map(_maps(90)[0, 0], ["title"] * 90, range(1, 91), True, 2.0, dark=False)
    assert fig.layout.xaxis.ticktext[-1] == "90"
    assert len(fig.layout.xaxis.ticktext) <= 25


@pytest.mark.parametrize("more", [0, 1])
def test_a_map_without_a_future_has_no_border_and_a_decoders_row_has_no_column(more: int) -> None:
    weights = np.full((2, 2, 5 + more, 5), 0.2, dtype=np.float32)
    part = attention.window((5 + more, 5), 5, 2, 4).of(weights[0, 0])
    assert part.shape == (3 + more, 3)
    titles = ["a", "b", "c", "START"][: 3 + more]
    fig = attention.chosen_map(part, titles, range(3, 6 + more), False, 1.0, dark=False)
    assert not [t for t in fig.data if t.type == "scatter" and t.mode == "lines"]
    assert list(fig.layout.xaxis.ticktext) == ["a 3", "b 4", "c 5"]
    assert fig.layout.yaxis.ticktext[-1] == f"<b>{titles[-1]} {5 + more}</b>"
    cells = next(t for t in fig.data if t.customdata is not None).customdata
    assert {c[-1] for c in cells} == {f"{q}.{k}" for q in range(3, 6 + more) for k in range(3, 6)}
    frame = next(s for s in fig.layout.shapes if s.line.width == 1.5)
    assert (frame.x0, frame.x1) == (-0.5, 2.5)
    assert fig.layout.coloraxis.colorbar.yanchor == "bottom"  # above a map that has no blank half to hold it


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (1, 8), (2, 2), (3, 4), (6, 8)])
def test_all_heads_share_one_scale_and_the_chosen_one_is_framed(layers: int, heads: int) -> None:
    fig = attention.all_heads(_maps(4, layers, heads), (layers - 1, 0), False, 0.7, dark=False)
    assert len(fig.data) == layers * heads
    assert {t.coloraxis for t in fig.data} == {"coloraxis"}
    assert fig.layout.coloraxis.cmax == 0.7
    assert sum(s.line.width == 3 for s in fig.layout.shapes) == 1


def test_the_scale_ends_where_the_values_do() -> None:
    weights = _maps(6)
    assert attention.ceiling(weights, lifted=False) == pytest.approx(1.0)
    assert attention.ceiling(weights, lifted=True) == 2.0  # an even spread is never painted as a strong one
    assert attention.ceiling(np.full((1, 1), np.nan), lifted=True) == 1.0


@pytest.mark.parametrize(
    ("shape", "first", "last", "rows", "columns"),
    [
        ((6, 6), 3, 5, [3, 4, 5], [3, 4, 5]),
        ((6, 6), 1, 2, [1, 2, 5], [1, 2]),  # the row that reads out is always there
        ((7, 7), 4, 5, [4, 5, 6], [4, 5, 6]),  # [MASK] follows the newest event
        ((7, 7), 1, 2, [1, 2, 6], [1, 2]),
        ((7, 6), 4, 5, [4, 5, 6], [4, 5]),  # START has no column
        ((7, 6), 0, 0, [0, 6], [0]),
    ],
)
def test_a_window_lies_anywhere_and_keeps_the_row_that_reads_out(
    shape: tuple[int, int], first: int, last: int, rows: list[int], columns: list[int]
) -> None:
    window = attention.window(shape, 6, first, last)
    assert (window.rows.tolist(), window.columns.tolist()) == (rows, columns)
    values = np.arange(2 * 42).reshape(2, 7, 6) if shape == (7, 6) else np.arange(2 * shape[0] ** 2).reshape(2, *shape)
    np.testing.assert_array_equal(window.of(values), values[:, rows][:, :, columns])


def test_a_window_of_a_causal_map_keeps_what_its_rows_could_not_see_blank() -> None:
    weights = _maps(6)[0, 0]
    window = attention.window((6, 6), 6, 1, 3)
    fig = attention.chosen_map(window.of(weights), list("bcdf"), [2, 3, 4, 6], False, 1.0, dark=False)
    cells = next(t for t in fig.data if t.customdata is not None).customdata
    assert {c[-1] for c in cells} == {"2.2", "3.2", "3.3", "4.2", "4.3", "4.4", "6.2", "6.3", "6.4"}
    assert list(fig.layout.xaxis.ticktext) == ["b 2", "c 3", "d 4"]


def test_flow_through_layers_knows_no_heads() -> None:
    fig = attention.all_heads(_maps(4, 3, 1), (1, 0), False, 0.7, dark=False, flow=True)
    assert [note.text for note in fig.layout.annotations] == ["after layer 1", "after layer 2", "after layer 3"]


# --- explain

PLAYERS = (
    Player("", None, None, 4, 0.5, 0.1),
    Player("Tent", "i1", 5, 1, -0.25, 0.0),
    Player(HOSTILE, "i2", 6, 1, 2.0, 0.2),
)
ANSWER = Attribution("u1", "i9", "Lamp", 1, 1.25, -1.0, PLAYERS, False, 400, 0.1, "transformer", {"transformer": 1.25})


def _bars(chart: Chart) -> list[Shape]:
    return [shape for row in chart.rows for shape in row.shapes if shape.form == "bar"]


@pytest.mark.parametrize("order", ["time", "size"])
def test_the_waterfall_leads_from_base_to_score(order: str) -> None:
    chart = explain.waterfall(ANSWER, order, dark=False)  # pyright: ignore[reportArgumentType]
    first, *_between, last = chart.rows
    bars = _bars(chart)
    assert bars[0].start == first.shapes[-1].start
    assert [bar.start for bar in bars[1:]] == [bar.end for bar in bars[:-1]]
    assert bars[-1].end == last.shapes[-1].start
    widths = np.array([bar.end - bar.start for bar in bars])
    values = np.array([0.5, -0.25, 2.0] if order == "time" else [2.0, 0.5, -0.25])
    np.testing.assert_allclose(widths / widths.max(), values / values.max(), atol=1e-3)
    assert [row.value.text for row in chart.rows if row.value] == (
        ["−1", "+0.500", "−0.250", "+2", "1.25"] if order == "time" else ["−1", "+2", "+0.500", "−0.250", "1.25"]
    )
    assert all(0 <= place <= 1 for row in chart.rows for shape in row.shapes for place in (shape.start, shape.end))


def test_the_waterfall_uses_shaps_colours_and_shows_the_spread() -> None:
    chart = explain.waterfall(ANSWER, "time", dark=True)
    assert [bar.colour for bar in _bars(chart)] == [style.DARK.raises, style.DARK.lowers, style.DARK.raises]
    spreads = [
        shape.end - shape.start for row in chart.rows for shape in row.shapes if shape.form == "whisker"
    ]  # of two standard errors
    assert spreads[0] == pytest.approx(spreads[2] / 2, abs=1e-3)
    assert spreads[1] == 0
    assert [(row.label, row.number) for row in chart.rows] == [
        ("base", ""), ("4 earlier events", ""), ("Tent", "5"), (HOSTILE, "6"), ("score", "")
    ]  # fmt: skip
    assert chart.table.rows[2] == (6, HOSTILE, 1, 2.0, 0.2, "i2")


def test_a_history_of_one_event_can_be_drawn() -> None:
    one = Attribution(
        "u1", "i9", "Lamp", None, 0.0, 0.0, (Player("Tent", "i1", 1, 1, 0.0, 0.0),), True, 2, 0.1, "transformer", {}
    )
    assert len(explain.waterfall(one, "time", dark=False).rows) == 3


# --- what if


def test_the_last_rows_attention_stands_beside_the_players_and_earlier_events_count_together() -> None:
    weights = np.zeros((1, 2, 6, 6), dtype=np.float32)
    weights[0, :, -1] = [[0.1, 0.1, 0.1, 0.1, 0.2, 0.4], [0.25, 0.25, 0.25, 0.25, 0, 0]]
    labels, ids = tuple("abcdef"), tuple("123456")
    seen = AttentionMap(
        "u1",
        weights,
        labels,
        ids,
        (1, 2, 3, 4, 5, 6),
        pd.DataFrame(),
        "causal",
        6,
        "raw",
        np.zeros(6),
        (None,) * 6,
        "",
        "",
    )
    chart = what_if.readout(seen, PLAYERS, dark=False)
    assert [row.label for row in chart.rows] == ["4 earlier events", "Tent", HOSTILE]
    told = [[shape.tip.rsplit(": ", 1)[1] for shape in row.shapes] for row in chart.rows]
    assert told == [[i18n.percent(share) for share in row] for row in ((0.4, 1.0), (0.2, 0.0), (0.4, 0.0))]
    colours = [[shape.colour for shape in row.shapes] for row in chart.rows]
    strongest, weakest = style.LIGHT.attention[2], style.LIGHT.attention[0]
    assert colours[2] == [strongest, weakest]
    assert colours[0] == [strongest, strongest]  # as many events as there are: they do not set the scale
    assert [len(row) for row in chart.table.rows] == 6 * [4]
    assert chart.table.rows[0][:2] == (6, "f")


def test_ranks_before_and_now_have_their_own_marks_and_the_first_ones_the_most_room() -> None:
    moved = (
        MovedItem("a", "Up", None, "head", 40, 1, 0.1, 0.9),
        MovedItem("b", "Still", None, "head", 2, 2, 0.5, 0.5),
        MovedItem("c", "New", None, "tail", None, 3, None, 0.4),
        MovedItem("d", "Gone", None, "tail", 3, None, 0.4, None),
    )
    chart = what_if.ranks(moved, 10, dark=False)
    forms = [[shape.form for shape in row.shapes] for row in chart.rows]
    assert forms == [["line", "ring", "dot"], ["ring", "dot"], ["dot"], ["ring"]]
    assert {shape.colour for shape in chart.rows[0].shapes} == {style.LIGHT.raises}
    assert {shape.colour for shape in chart.rows[3].shapes} == {style.LIGHT.lowers}
    ring, dot = chart.rows[0].shapes[1:]
    assert 0 < dot.start < chart.rows[1].shapes[0].start < chart.rules[0].at < ring.start < 1
    assert chart.table.rows[3] == ("Gone", 3, None, 0.4, None, "d")


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.23), (-1.0, 2.5), (3.0, 3.0)])
def test_a_scale_keeps_its_ticks_within_itself_and_in_order(low: float, high: float) -> None:
    places = [at for at, _text in scale.Scale(low, high).ticks()]
    assert places == sorted(places)
    assert all(0 <= at <= 1 for at in places)


def test_a_colour_on_the_way_from_one_to_another() -> None:
    assert scale.between("#FFFFFF", "#000000", 0) == "#FFFFFF"
    assert scale.between("#FFFFFF", "#000000", 1) == "#000000"
    assert scale.between("#000000", "#64C832", 0.5) == "#326419"


@pytest.mark.parametrize("cohorts", [("head",), ("tail",), ()])
def test_a_comparison_where_nobody_is_of_a_cohort(cohorts: tuple[str, ...]) -> None:
    rows = [compare_charts.Row(name, "ease", {c: Estimate(0.1, 0.05, 0.2) for c in cohorts}) for name in ("one", "two")]
    fig = compare_charts.by_cohort(rows, "NDCG@10", dark=False, differences=True)
    drawn = [note.text for note in fig.layout.annotations]  # pyright: ignore[reportAttributeAccessIssue]
    assert len(drawn) == 2 * len(cohorts)


@pytest.mark.parametrize(
    ("lengths", "cut", "anchors"),
    [([4] * 80, 4, ("left", "left")), ([1] * 20 + [9] * 50, 9, ("right", "right")), ([1] * 90 + [30] * 9, 10, None)],
)
def test_words_at_the_cut_stand_above_bars_and_within_the_chart(
    lengths: list[int], cut: int, anchors: tuple[str, str] | None
) -> None:
    fig = overview.activity(np.array(lengths), cut, dark=False)
    tail, head = fig.layout.annotations
    assert anchors in (None, (tail.xanchor, head.xanchor))
    reach, top = 0.45 * (fig.layout.xaxis.range[1] - fig.layout.xaxis.range[0]), fig.layout.yaxis.range[1]
    for words, lines in ((tail, 1), (head, 3)):
        towards = 1 if words.xanchor == "left" else -1
        beside = [
            y for bar in fig.data for x, y in zip(bar.x, bar.y, strict=True) if 0 < (x - words.x) * towards < reach
        ]
        assert max(beside, default=0) < top * (1 - 0.09 * lines)
        assert fig.layout.xaxis.range[0] <= words.x + towards * reach <= fig.layout.xaxis.range[1] + 0.2
