"""What if: how would the list change, had this person met other things, or were they somebody else?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

import engine
from dashboard import cache, cache_what_if, components, edits, state, words, words_what_if
from dashboard.charts import explain as explain_charts
from dashboard.charts import what_if as charts
from dashboard.components import escape_markdown
from dashboard.elements.rows import Act, Mark, Row, Tone, row_list
from dashboard.i18n import _, count, figure, ngettext, percent
from dashboard.views import what_if_growth
from dashboard.views.frame import Page, open_page
from dashboard.views.what_if_editor import (
    Draft,
    add_event,
    attributes,
    history,
    read_draft,
    reset,
    toolbar,
)
from engine import EngineError

K = 10


def first_line(page: Page, draft: Draft, found: engine.WhatIf) -> None:
    """The page's first line: what the edit did."""
    n = len(found.answer.history)
    if draft.start == "nobody":
        components.headline(words_what_if.newcomer(n, found.confidence))
    elif draft.is_edited:
        components.headline(words_what_if.verdict(found, K))
    else:
        components.headline(_("What if {user} had met other things? Nothing is changed yet").format(user=page.user))
    if draft.start == "user":
        known = cache_what_if.attributes_of(page.key, page.user)
        now = known if draft.edit.about is None else dict(draft.edit.about)
        n_changed = sum(known.get(key) != now.get(key) for key in {*known, *now})
        text = words_what_if.changes(*draft.edit.counts(len(draft.base.item_ids)), n_changed)
        hidden = _held_out(page, draft)
        held = next((one for one in found.moved if one.item_id == hidden), None)
        lines = [text, words_what_if.followed(held) if held is not None else ""]
        if any(lines):
            st.markdown(escape_markdown(" ".join(line for line in lines if line)))
    components.note(
        _(
            "Nothing is trained: the model as it is answers the edited history. The address carries the edit: copy it "
            "to share."
        )
    )


def _held_out(page: Page, draft: Draft) -> str | None:
    if draft.start == "nobody":
        return None
    held = cache.profile(page.key, page.user, page.view, page.lang).held_out
    return None if held is None else held.item_id


def _known_item(page: Page) -> str | None:
    """The chosen item, if the data has it."""
    item = state.chosen("item")
    return item if item is not None and page.run.dataset.items.number(item, missing=0) else None


def _explained(found: engine.WhatIf, asked: str | None) -> str | None:
    """The item whose reasons are told: the chosen one if it can be recommended, else the first."""
    ranked = {one.item_id for one in found.moved if one.now is not None}
    return asked if asked in ranked else next((item.item_id for item in found.answer.items), None)


def new_list(found: engine.WhatIf, explained: str | None) -> None:
    """The list as it is now, each item with its old rank and a way to its reasons; one's are told below."""
    components.section(_("What it would offer"))
    if not found.answer.items:
        components.note(_("There is nothing left to offer: this person has had every item."))
        return
    moved = {one.item_id: one for one in found.moved}
    items = found.answer.items
    row_list(
        [_offered(item, _step(moved[item.item_id]), item.item_id == explained) for item in items],
        "new_list",
        _("The list as it is now"),
        lambda _act, row: state.choose("item", items[row].item_id),
    )
    gone = [one for one in found.moved if (one.before or K + 1) <= K and (one.now is None or one.now > K)]
    if gone:
        titles = words.listing([f"{one.title} ({words_what_if.rank(one.now)})" for one in gone])
        components.note(_("No longer among them, with their ranks now: {titles}.").format(titles=titles))


def _offered(item: engine.RecommendedItem, step: Mark, is_explained: bool) -> Row:
    kind, cohort = words.category(item.category), words.cohort_name(item.item_cohort)
    tint: Tone = "orange" if item.item_cohort == "tail" else "blue"
    why = _("why?")
    return Row(
        title=item.title,
        lead=count(item.rank),
        below=((kind, "gray"), (cohort, tint)) if kind else ((cohort, tint),),
        mark=step,
        acts=(Act("why", f"{why} {item.title}", text=why, off=is_explained),),
    )


def _step(one: engine.Moved) -> Mark:
    """How far an item came."""
    if one.before is None:
        return Mark(_("offered again"), "violet", badge=True)
    if one.now is None or one.now == one.before:
        return Mark("=", label=_("Unmoved"))
    n = abs(one.before - one.now)
    if one.now < one.before:
        return Mark(count(n), "red", "up", ngettext("Up by {n} rank", "Up by {n} ranks", n).format(n=count(n)))
    return Mark(count(n), "blue", "down", ngettext("Down by {n} rank", "Down by {n} ranks", n).format(n=count(n)))


def moved_ranks(page: Page, draft: Draft, found: engine.WhatIf) -> None:
    """Ranks before and now, as a chart and a table."""
    components.section(_("Ranks that moved"))
    if draft.start == "nobody":
        components.note(_("Held against the list before the newest event."))
    alt = _("Each item's rank before the change, hollow, and now, filled; the first ranks have the most room.")
    components.chart(charts.ranks(found.moved, K, page.dark), "ranks", alt)
    components.note(
        _(
            "Hollow: before. Filled: now. Red came nearer the top, blue fell. Dotted: the end of the list of {k}."
        ).format(k=count(K))
    )
    rows = [
        (m.title, words_what_if.rank(m.before), words_what_if.rank(m.now), m.score_before, m.score_now, m.item_id)
        for m in found.moved
    ]
    columns = [_("Title"), _("Rank before"), _("Rank now"), _("Score before"), _("Score now"), _("Item")]
    components.table_twin(pd.DataFrame(rows, columns=columns), _("Ranks that moved"))


def confidence(draft: Draft, found: engine.WhatIf, growth: engine.Growth | None, page: Page) -> None:
    """How sure the list is, and what that is worth."""
    if found.confidence is None:
        return
    components.section(_("How sure the list is"))
    before = found.confidence_before if draft.is_edited else None
    if draft.start == "nobody" and draft.person.item_ids:
        steps = cache_what_if.confidence_by_event(page.key, draft.person, K)
        alt = _("Share of the softmax on the first ten after each event.")
        components.chart(charts.confidence(steps, page.dark), "confidence", alt)
        table = pd.DataFrame(
            [(n, percent(c.share), round(c.spread, 1)) for n, c in steps],
            columns=[_("Events known"), _("Confidence"), _("As if over so many items")],
        )
        components.table_twin(table, _("How sure the list is"))
    points = words_what_if.sure(found.confidence, before, growth)
    st.markdown("\n".join(f"- {escape_markdown(point)}" for point in points))


def reasons(page: Page, found: engine.Reasons | None) -> None:
    """Attention and Shapley values of the history as it is now."""
    if found is None or found.explanation is None:
        components.section(_("Why"))
        components.note(_("Without an event there is nothing to look at and nothing to explain with."))
        return
    left, right = st.columns(2, gap="large")
    with left:
        answer = found.explanation
        components.section(
            _("Why “{title}” ranks {ordinal}").format(
                title=answer.title, ordinal=words.ordinal(answer.rank or 1), rank=count(answer.rank or 1)
            )
        )
        st.markdown(escape_markdown(words.mostly(answer)))
        alt = _("Waterfall from the base value over the events of the history to the item's score.")
        components.chart(explain_charts.waterfall(answer, "time", page.dark), "waterfall", alt)
        components.note(
            _(
                "Quick Shapley values: {n} evaluations, so that they follow each edit; Explain takes more. {steadiness}"
            ).format(n=count(answer.n_evaluations), steadiness=words.steadiness(answer))
        )
        rows = [(p.position, words.player_label(p), p.n_events, p.value, p.spread) for p in answer.players]
        columns = [_("Event"), _("Title"), _("Number"), _("Value"), _("Standard error")]
        components.table_twin(pd.DataFrame(rows, columns=columns), _("Explain"))
    with right:
        seen = found.attention
        components.section(_("Where the last row looks"))
        alt = _("For every head, how much of its last row's attention lies on each of the newest events.")
        components.chart(charts.readout(seen, page.dark), "readout", alt)
        components.note(
            _(
                "Where each head looks before it guesses, over the newest {n} events. That is no reason: a weight can "
                "be high and change nothing."
            ).format(n=count(min(seen.n_events, charts.READOUT_EVENTS)))
        )
        n_heads = seen.weights.shape[1]
        columns = [f"{i // n_heads + 1}.{i % n_heads + 1}" for i in range(seen.weights.shape[0] * n_heads)]
        last = seen.weights[:, :, -1, : seen.n_events].reshape(len(columns), -1).T
        table = pd.DataFrame(last.round(4), columns=[_("Layer.head {name}").format(name=c) for c in columns])
        table.insert(0, _("Title"), seen.labels[: seen.n_events])
        table.insert(0, _("Event"), seen.positions[: seen.n_events])
        components.table_twin(table.iloc[::-1], _("Where the last row looks"))


def cannot(text: str) -> None:
    """An address that names no edit of this history: say so, and offer the history as it is."""
    components.headline(_("This link's edit does not fit"))
    components.error_panel(text, _("The history as it is can still be edited:"))
    st.button(_("Drop the edit"), key="drop", icon=":material/restart_alt:", on_click=reset)
    st.stop()


@st.fragment
def answer(page: Page) -> None:
    """What the model says to the draft; an edit draws this anew, and not the bar above it."""
    if state.too_long("events", "about"):
        cannot(_("It is longer than any edit made here, so it was not read."))
    try:
        draft = read_draft(page)
        person = draft.person
        nobody = draft.start == "nobody"
        shorter = engine.Person(person.item_ids[:-1], person.as_user, person.about)
        asked = _known_item(page)
        follow = tuple(item for item in (_held_out(page, draft), asked) if item is not None)
        with st.spinner(_("Asking the model…")):
            found = cache_what_if.what_if(page.key, person, shorter if nobody else draft.base, K, page.lang, follow)
    except (edits.BadEditError, EngineError) as error:
        cannot(str(error))
        return
    state.show_in_address("start", "events", "about")
    growth = what_if_growth.held(page)
    first_line(page, draft, found)
    toolbar(draft)
    left, right = st.columns([5, 6], gap="large")
    with right:
        new_list(found, _explained(found, asked))
    with left:
        if nobody:
            attributes(page, draft)
        add_event(page, draft)
        history(draft, found.answer.history)
        if not nobody:
            attributes(page, draft)
    with right:
        confidence(draft, found, growth, page)
    why = cache_what_if.reasons(page.key, person, asked, page.lang)  # while this is made, the browser draws the lists
    reasons(page, why)
    if draft.is_edited:
        moved_ranks(page, draft, found)
    what_if_growth.section(page, growth, len(person.item_ids))
    took = found.seconds + (sum(why.seconds.values()) if why else 0.0)
    components.note(_("The model took {ms} ms for this answer.").format(ms=figure(1000 * took)))


answer(open_page(about_user=True))
