"""Charts and sentences of the Explain page beside one item's waterfall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dashboard.charts import explain, explain_list, explain_many
from dashboard.text import explain as words
from dashboard.ui.blocks import Table
from engine import Attribution, Contrast, Counterfactual, FeatureAttribution, FeatureValue, HiddenEvent, Place, Player


def answer(item: str, *values: float) -> Attribution:
    players = tuple(Player(f"Event {i}", f"e{i}", i + 1, 1, value, 0.01) for i, value in enumerate(values))
    score = 1 + sum(values)
    return Attribution("u1", item, f"<b>{item}</b>", 1, score, 1.0, players, False, 9, 0.1, "transformer", {})


LIST = (answer("a", 1.0, -0.5, 0.0), answer("b", 2.0, 0.25, -4.0))


def test_a_cell_is_what_an_event_adds_to_an_item() -> None:
    fig = explain_list.heatmap(LIST, dark=False, chosen="b")
    (cells,) = fig.data
    np.testing.assert_array_equal(cells.z, [[1.0, 2.0], [-0.5, 0.25], [0.0, -4.0]])
    assert cells.zmax == -cells.zmin == 4.0
    assert "Event 2" in cells.customdata[2][1][0]
    assert "&lt;b&gt;b" in cells.customdata[2][1][1]
    assert fig.layout.xaxis.ticktext[1].startswith("<b>2. ")
    assert not fig.layout.xaxis.ticktext[0].startswith("<b>")
    assert fig.layout.yaxis.range[0] > fig.layout.yaxis.range[1]  # the oldest at the top


def test_which_event_a_list_leans_on() -> None:
    leaning = (answer("a", 3.0, 0.5), answer("b", 2.0, 0.5), answer("c", 2.0, 0.0))
    assert words.whole_list(leaning).startswith("“Event 0” moves 3 of the 3 items most")
    assert "leads for 1 of the 2 items" in words.whole_list((answer("a", 3.0, 0.5), answer("b", 0.1, 0.5)))
    assert words.whole_list((answer("a", 0.0),)) == "The history moves none of these scores."


def test_a_contrast_is_the_explanation_of_a_difference() -> None:
    moved = tuple(replace(p, value=p.value - q.value) for p, q in zip(LIST[0].players, LIST[1].players, strict=True))
    made = words.difference(Contrast(LIST[0], LIST[1], moved))
    assert made.base + sum(p.value for p in made.players) == pytest.approx(made.score)
    assert words.contrast(Contrast(LIST[0], LIST[1], moved)).endswith("2.25 above “<b>b</b>”.")
    assert "below" in words.contrast(Contrast(LIST[1], LIST[0], moved))


@pytest.mark.parametrize("bases", [(1.0, 3.5), (3.5, 1.0), (2.0, 2.0)])
def test_the_bars_of_a_contrast_begin_with_the_bases_and_add_up_to_the_difference(bases: tuple[float, float]) -> None:
    held = [
        replace(one, base=base, score=base + sum(p.value for p in one.players))
        for one, base in zip(LIST, bases, strict=True)
    ]
    moved = tuple(replace(p, value=p.value - q.value) for p, q in zip(held[0].players, held[1].players, strict=True))
    made = words.difference(Contrast(held[0], held[1], moved))
    frame = explain.Frame("instead", "alt", "axis", Table((), ()), ("both alike", "difference of the scores"))
    chart = explain.instead(made, False, frame)
    assert [row.label for row in chart.rows] == [
        "both alike", "difference of the bases", "Event 0", "Event 1", "Event 2", "difference of the scores"
    ]  # fmt: skip
    bars = [next(shape for shape in row.shapes if shape.form == "bar") for row in chart.rows[1:-1]]
    (start,), (end,) = ([s.start for s in chart.rows[at].shapes if "diamond" in s.form] for at in (0, -1))
    unit = (bars[1].end - bars[1].start) / moved[0].value  # of the width
    assert bars[0].start == start
    assert bars[0].end - bars[0].start == pytest.approx((bases[0] - bases[1]) * unit, abs=2e-4)
    assert sum(bar.end - bar.start for bar in bars) == pytest.approx(end - start, abs=1e-3)
    assert end - start == pytest.approx((held[0].score - held[1].score) * unit, abs=1e-3)


def test_dots_lie_near_their_line_and_apart_where_they_are_many() -> None:
    codes = np.repeat([0, 1], [200, 5])
    x = np.concatenate([np.full(200, 0.5), np.linspace(0, 1, 5)])
    offsets = explain_many.swarm(codes, x, 0.0, 1.0)
    assert np.abs(offsets).max() == pytest.approx(explain_many.REACH)
    assert len(np.unique(offsets[:200])) == 200
    assert (offsets[200:] == 0).all()


def test_bars_and_dots_share_rows_and_the_cohorts_keep_their_colours() -> None:
    values = pd.DataFrame(
        {
            "group": pd.Categorical(["1", "1", "2", "earlier"], ["1", "2", "earlier"]),
            "cohort": ["head", "tail", "tail", "head"],
            "user_id": ["u1", "<u2>", "u3", "u4"],
            "value": [0.5, -0.25, 0.125, 2.0],
        }
    )
    sizes = pd.DataFrame(
        [("1", "head", 1, 1, 0.5, 0.4, 0.7, 0.5), ("2", "tail", 1, 1, 0.125, 0.1, 0.2, 0.125)],
        columns=["group", "cohort", "n_users", "n_values", "size", "low", "high", "mean"],
    )
    names = {group: words.value_group(group, "recency") for group in ("1", "2", "earlier")}
    head, tail = explain_many.beeswarm(values, names, dark=False).data
    assert list(head.x) == [0.5, 2.0]
    assert np.round(head.y).tolist() == [0, 2]
    assert np.round(tail.y).tolist() == [0, 1]
    assert tail.customdata[0][1] == "&lt;u2&gt;"
    bars, others = explain_many.sizes(sizes, names, dark=False).data
    assert np.round(list(bars.y)).tolist() == [0]
    assert np.round(list(others.y)).tolist() == [1]
    assert bars.error_x.array[0] == pytest.approx(0.2)
    assert (bars.marker.color, others.marker.color) == (head.marker.color, tail.marker.color)
    more = pd.concat([sizes, sizes.assign(cohort="tail", size=0.3, low=0.25, high=0.35).iloc[:1]])
    assert words.many(more, "recency").endswith(
        "differ most in: newest event, by 0.300 for tail and 0.500 for head users."
    )
    near = pd.concat([sizes, sizes.assign(cohort="tail").iloc[:1]])
    assert words.many(near, "recency").endswith("every pair of intervals overlaps.")
    assert words.many(sizes, "recency") == "What moves the scores of tail users most: 2 back, by 0.125 on average."


UNDONE = Counterfactual(
    "u1", "a", "Lamp", 10, 1, (HiddenEvent(3, "e3", "Tent"), HiddenEvent(5, "e5", "Stove")), 12, 4,
    (Place(7, "b", "Rope"),), True, 1, 20, 300, 0.5, "transformer",
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Proven smallest: hiding any single event does not do it."),
        ({"proven": False, "tried_up_to": 0}, "The smallest found; smaller sets were not all tried."),
        (
            {"proven": False, "tried_up_to": 2},
            "The smallest found, not proven smallest: no set of up to 2 events does it, but not all larger sets were "
            "tried.",
        ),
        ({"events": UNDONE.events[:1], "tried_up_to": 0}, "Proven smallest: one event is enough."),
        ({"events": ()}, "Proven: every set of events was tried."),
    ],
)
def test_it_is_said_whether_a_set_is_proven_smallest(changes: dict[str, object], text: str) -> None:
    assert words.how_small(replace(UNDONE, **changes)) == text


def test_what_would_change_it_in_words() -> None:
    assert words.without(UNDONE) == "Without “Tent” and “Stove”, “Lamp” would leave the top 10."
    assert words.takes_its_place(UNDONE) == "In its place comes “Rope” (7th)."
    assert "it would rank 4th: it would stay in the list" in words.had_they_never_been(UNDONE)
    assert "it leaves then too" in words.had_they_never_been(replace(UNDONE, rank_deleted=11))
    assert words.without(replace(UNDONE, events=())).startswith("No set of events keeps “Lamp” in the top 10")
    unproven = replace(UNDONE, events=(), proven=False)
    assert words.without(unproven).startswith("No set of events was found")


def test_shares_of_what_is_known_add_up_to_all() -> None:
    features = (
        FeatureValue("items", "own", "", 1.0, 0.0),
        FeatureValue("items", "price", "5", -0.6, 0.0),
        FeatureValue("user", "age_band", "18-29", 0.2, 0.0),
        FeatureValue("member", "ease", "", 0.2, 0.0),
    )
    found = FeatureAttribution("u1", "a", "Lamp", 1, 2.0, 1.0, features, True, 16, 0.1, "ensemble")
    said = words.features(found).replace("\u202f", " ")
    assert said == (
        "Of all that moves this score: which items they are 50 %, what the items are like 30 %, what is known of the "
        "user 10 % and the other members 10 %."
    )
    assert [words.feature_name(f) for f in features] == [
        "Which items they are", "Items: Price", "User: Age band 18-29", "EASE",
    ]  # fmt: skip
