"""The template escapes every text of every kind of block; a drawing alone is taken as it is."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from dashboard.report import blocks
from dashboard.report.html import _templates

HOSTILE = "<img src=x onerror=alert(1)> & \"more\" 'still'"


@pytest.mark.parametrize(
    "block",
    [
        blocks.title(HOSTILE),
        blocks.heading(HOSTILE),
        blocks.paragraph(HOSTILE, "note"),
        blocks.points([HOSTILE]),
        blocks.table([HOSTILE], [[HOSTILE]]),
        blocks.folded(HOSTILE, blocks.table([HOSTILE], [[HOSTILE]])),
        blocks.footer(HOSTILE),
    ],
    ids=lambda block: block.kind,
)
def test_every_text_is_escaped(block: blocks.Block) -> None:
    html = _templates().get_template("report.html").render(language="en", title=HOSTILE, blocks=[block])
    assert html.startswith("<!DOCTYPE html>")
    assert "<img" not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt; &amp; &#34;more&#34;") >= 2  # the tab's title is one


def test_a_drawing_is_drawn() -> None:
    html = (
        _templates()
        .get_template("report.html")
        .render(language="en", title="", blocks=[blocks.drawing(Markup("<svg><text>a &lt; b</text></svg>"))])
    )
    assert "<svg><text>a &lt; b</text></svg>" in html
