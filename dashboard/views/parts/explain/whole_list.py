"""Parts of the Explain page: the whole list against the events, and one item against another."""

from __future__ import annotations

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import explain as explain_cache, runs as run_cache
from dashboard.charts import explain as charts, explain_list as list_charts
from dashboard.elements.sheet import sheet
from dashboard.text import causes as causes_text, common as common_text, explain as explain_text
from dashboard.text.i18n import _, signed
from dashboard.ui import components, state
from dashboard.ui.blocks import Note, Table
from dashboard.ui.components import escape_markdown
from dashboard.views.parts.page_frame import Page

OFFERED = 10  # items of the list that is explained as a whole


def answers_of(page: Page) -> tuple[engine.Attribution, ...]:
    """One explanation for each item of the list; the first costs as much as all ten."""
    return explain_cache.explain_list(page.key, page.user, OFFERED, page.view, page.lang)


def whole_list(page: Page, chosen: str) -> None:
    """Events against the recommended items."""
    try:
        answers = answers_of(page)
    except engine.EngineError:
        components.note(_("This user has had every item, so there is no list to explain."))
        return
    st.markdown(escape_markdown(explain_text.whole_list(answers)))
    fig = list_charts.heatmap(answers, page.dark, chosen)
    components.chart(fig, "heatmap", _("Events of the history against the recommended items, by what one adds."))
    components.note(
        _(
            "Red raises an item's score, blue lowers it; a column adds up to the item's score less its base. "
            "All items are asked of the same hidden histories."
        )
    )
    rows = {
        common_text.player_label(player) if player.position is None else f"{player.position}. {player.label}": [
            answer.players[row].value for answer in answers
        ]
        for row, player in enumerate(answers[0].players)
    }
    names = [f"{place}. {answer.title}" for place, answer in enumerate(answers, start=1)]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis(_("Event")).reset_index()
    components.data_table(table, _("Events against the list"))


def instead(page: Page, item: str, title: str) -> None:
    """Why this and not that: the difference of two items' scores."""
    other = _choose_other(page, item)
    if other is None:
        components.note(_("There is no other item to hold it against."))
        return
    try:
        with st.spinner(_("Asking the model with events left out…")):
            found = explain_cache.explain_instead(page.key, page.user, item, other, page.view, page.lang)
    except engine.EngineError as error:
        components.error_panel(error, _("Choose another item."))
        return
    answer = explain_text.difference(found)
    st.markdown(escape_markdown(f"{explain_text.contrast(found)} {causes_text.of_difference(found, answer)}"))
    note = _(
        "Red speaks for “{first}”, blue for “{second}”. Base {base}: how far apart the two are with every event "
        "absent. Thin bars: the standard error of the difference, paired order by order."
    ).format(first=title, second=found.second.title, base=signed(answer.base))
    alt = _("Waterfall from no difference over that of the bases and the events to the difference of the scores.")
    ends = _("both alike"), _("difference of the scores")
    frame = charts.Frame("instead", alt, _("difference of the two scores"), _both(found), ends)
    sheet([[charts.instead(answer, page.dark, frame), Note(note)]], "instead")


def _both(found: engine.Contrast) -> Table:
    """The values for either item, and their differences; each column adds up to a score or to their difference."""
    first, second = found.first.base, found.second.base
    bases = (None, _("base"), first, second, first - second, 0.0)
    rows = tuple(
        (player.position, common_text.player_label(player), one.value, two.value, player.value, player.spread)
        for player, one, two in zip(found.players, found.first.players, found.second.players, strict=True)
    )
    rows = (bases, *rows)
    titles = (found.first.title, found.second.title)
    if titles[0] == titles[1]:  # a table's columns need different names
        titles = tuple(f"{each.title} ({each.item_id})" for each in (found.first, found.second))
    return Table((_("Event"), _("Title"), *titles, _("Difference"), _("Standard error")), rows)


def _choose_other(page: Page, item: str) -> str | None:
    """The item to hold it against: one of the list, or the held-out one."""
    offered = run_cache.recommend(page.key, page.user, OFFERED, page.view, page.lang)
    labels = {
        i.item_id: _("{rank}. {title}").format(rank=i.rank, title=i.title) for i in offered.items if i.item_id != item
    }
    held = offered.held_out
    if held is not None and held.item_id != item and offered.held_out_rank is not None:
        labels[held.item_id] = _("{item} (held out)").format(item=labels.get(held.item_id, held.title))
    asked = state.chosen("other")
    if asked is not None and asked not in labels and asked != item:
        labels[asked] = _("Item {item}").format(item=asked)
    if not labels:
        return None
    chosen = asked if asked in labels else next(iter(labels))
    state.settle("other", chosen)
    state.show_in_address("other")
    state.set_widget("pick_other", chosen)
    st.selectbox(
        _("Held against"),
        list(labels),
        format_func=labels.__getitem__,
        key="pick_other",
        width=560,
        on_change=state.choose_from,
        args=("other", "pick_other"),
    )
    return chosen
