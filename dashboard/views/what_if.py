"""What if: how would the list change with a different history, or for somebody else?"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

import engine
from dashboard.cache import runs as run_cache, what_if as what_if_cache
from dashboard.charts import explain as explain_charts, what_if as charts
from dashboard.elements.sheet import sheet
from dashboard.text import causes as causes_text, common as common_text, i18n, what_if as what_if_text
from dashboard.text.i18n import _, count, figure, ngettext
from dashboard.ui import components, edit_address, state
from dashboard.ui.blocks import Badge, Block, Button, Heading, Headline, Note, Points, Row, Rows, Text, Tone
from dashboard.views.parts.page_frame import Page, open_page
from dashboard.views.parts.what_if import cold_start
from dashboard.views.parts.what_if.editor import Draft, attributes, editor, read_draft, reset, toolbar
from engine import EngineError

K = 10


def first_line(page: Page, draft: Draft, found: engine.WhatIf) -> None:
    """What the edit did, and the ways back."""
    n = len(found.answer.history)
    lines: list[str] = []
    if draft.start == "nobody":
        headline = what_if_text.newcomer(n, found.confidence)
    elif draft.is_edited:
        headline = what_if_text.verdict(found, K)
    else:
        headline = _("What if {user} had a different history? Nothing is changed yet").format(user=page.user)
    if draft.start == "user":
        known = what_if_cache.attributes_of(page.key, page.user)
        now = known if draft.edit.about is None else dict(draft.edit.about)
        n_changed = sum(known.get(key) != now.get(key) for key in {*known, *now})
        text = what_if_text.changes(*draft.edit.counts(len(draft.base.item_ids)), n_changed)
        hidden = _held_out(page, draft)
        held = next((one for one in found.moved if one.item_id == hidden), None)
        lines += [text, what_if_text.followed(held) if held is not None else ""]
    summary = " ".join(line for line in lines if line)
    note = _(
        "Nothing is trained: the model as it is answers the edited history. The address carries the edit: copy it "
        "to share."
    )
    toolbar([Headline(headline), *([Text(summary)] if summary else []), Note(note)], draft)


def _held_out(page: Page, draft: Draft) -> str | None:
    if draft.start == "nobody":
        return None
    held = run_cache.profile(page.key, page.user, page.view, page.lang).held_out
    return None if held is None else held.item_id


def _known_item(page: Page) -> str | None:
    """The chosen item, if the data has it."""
    item = state.chosen("item")
    return item if item is not None and page.run.dataset.items.index_of(item, missing=0) else None


def _explained(found: engine.WhatIf, asked: str | None) -> str | None:
    """The item whose reasons are told: the chosen one if it can be recommended, else the first."""
    ranked = {one.item_id for one in found.moved if one.now is not None}
    return asked if asked in ranked else next((item.item_id for item in found.answer.items), None)


def new_list(
    page: Page, draft: Draft, found: engine.WhatIf, growth: engine.ColdStartCurve | None, asked: str | None
) -> None:
    """The list as it is now, each item with its old rank and a way to its reasons, and how sure it is."""
    items, explained = found.answer.items, _explained(found, asked)
    blocks: list[Block] = [Heading(_("What it would offer"))]
    if not items:
        note = _("There is nothing left to offer: this user has had every item.")
        sheet([[*blocks, Note(note)]], "new_list")
        return
    moved = {one.item_id: one for one in found.moved}
    rows = tuple(_offered(item, _step(moved[item.item_id]), item.item_id == explained) for item in items)
    blocks.append(Rows("offered", rows, _("The list as it is now")))
    gone = [one for one in found.moved if (one.before or K + 1) <= K and (one.now is None or one.now > K)]
    if gone:
        titles = common_text.listing([f"{one.title} ({what_if_text.rank(one.now)})" for one in gone])
        blocks.append(Note(_("No longer among them, with their ranks now: {titles}.").format(titles=titles)))
    blocks += _confidence(page, draft, found, growth)
    sheet([blocks], "new_list", lambda _list, _act, row: state.choose("item", items[row].item_id))


def _confidence(page: Page, draft: Draft, found: engine.WhatIf, growth: engine.ColdStartCurve | None) -> list[Block]:
    """How sure the list is, and what that is worth."""
    if found.confidence is None:
        return []
    blocks: list[Block] = [Heading(_("How sure the list is"))]
    if draft.start == "nobody" and draft.person.item_ids:
        steps = what_if_cache.confidence_by_event(page.key, draft.person, K)
        blocks.append(charts.confidence(steps, page.dark))
    before = found.confidence_before if draft.is_edited else None
    return [*blocks, Points(tuple(what_if_text.sure(found.confidence, before, growth)))]


def _offered(item: engine.RankedItem, step: Badge, is_explained: bool) -> Row:
    kind, cohort = common_text.category(item.category), common_text.cohort_name(item.item_cohort)
    tint: Tone = "orange" if item.item_cohort == "tail" else "blue"
    why = _("why?")
    return Row(
        title=item.title,
        lead=count(item.rank),
        below=((kind, "gray"), (cohort, tint)) if kind else ((cohort, tint),),
        mark=step,
        acts=(Button("why", f"{why} {item.title}", text=why, off=is_explained),),
    )


def _step(one: engine.MovedItem) -> Badge:
    """How far an item came."""
    if one.before is None:
        return Badge(_("offered again"), "violet", badge=True)
    if one.now is None or one.now == one.before:
        return Badge("=", label=_("Unmoved"))
    n = abs(one.before - one.now)
    if one.now < one.before:
        return Badge(count(n), "red", "up", ngettext("Up by {n} rank", "Up by {n} ranks", n).format(n=count(n)))
    return Badge(count(n), "blue", "down", ngettext("Down by {n} rank", "Down by {n} ranks", n).format(n=count(n)))


def reasons(
    page: Page,
    draft: Draft,
    found: engine.WhatIf,
    why: engine.QuickExplanation | None,
    growth: engine.ColdStartCurve | None,
) -> None:
    """Shapley values and attention of the history as it is now, the ranks that moved, and how many events it takes."""
    if why is None or why.explanation is None:
        note = _("Without an event there is nothing to look at and nothing to explain with.")
        columns = [[Heading(_("Why")), Note(note)]]
    else:
        numbered = draft.name_of
        columns = [
            _shapley(why.explanation, page.dark, numbered),
            _looked(why.attention, why.explanation, page.dark, numbered),
        ]
    took = found.seconds + (sum(why.seconds.values()) if why else 0.0)
    below = [
        *(_moved_ranks(page, draft, found) if draft.is_edited else []),
        Note(_("The model took {ms} ms for this answer.").format(ms=figure(1000 * took))),
        *cold_start.answer(growth, len(draft.person.item_ids)),
    ]
    sheet(columns, "reasons", below=below)


def _shapley(answer: engine.Attribution, dark: bool, numbered: Callable[[engine.Player], str]) -> list[Block]:
    rank = answer.rank or 1
    return [
        Heading(
            _("Why “{title}” ranks {ordinal}").format(
                title=answer.title, ordinal=common_text.ordinal(rank), rank=count(rank)
            )
        ),
        Text(causes_text.of_score(answer)),
        explain_charts.waterfall(answer, "time", dark, numbered=numbered),
        Note(
            _(
                "Quick Shapley values: {n} evaluations, so that they follow each edit; Explain takes more. {steadiness}"
            ).format(n=count(answer.n_evaluations), steadiness=common_text.steadiness(answer))
        ),
    ]


def _looked(
    seen: engine.AttentionMap, answer: engine.Attribution, dark: bool, numbered: Callable[[engine.Player], str]
) -> list[Block]:
    return [
        Heading(_("Where the last row looks")),
        Text(_("How much of its weight each attention head gives to the same events, before it guesses.")),
        charts.readout(seen, answer.players, dark, numbered),
        Note(
            _(
                "A column is an attention head: the stronger the colour, the more it looks; the earlier events have "
                "the weight of all of them. That is no reason: a weight can be high and change nothing."
            )
        ),
    ]


def _moved_ranks(page: Page, draft: Draft, found: engine.WhatIf) -> list[Block]:
    """Ranks before and now, as a chart and a table."""
    newcomer = [Note(_("Held against the list before the newest event."))] if draft.start == "nobody" else []
    return [
        Heading(_("Ranks that moved")),
        *newcomer,
        charts.ranks(found.moved, K, page.dark),
        Note(
            _(
                "Hollow: before. Filled: now. Red came nearer the top, blue fell. Dotted: the end of the list of {k}."
            ).format(k=count(K))
        ),
    ]


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
        shorter = engine.HypotheticalUser(person.item_ids[:-1], person.as_user, person.attributes)
        asked = _known_item(page)
        follow = tuple(item for item in (_held_out(page, draft), asked) if item is not None)
        with st.spinner(_("Asking the model…")):
            found = what_if_cache.what_if(page.key, person, shorter if nobody else draft.base, K, page.lang, follow)
    except (edit_address.BadEditError, EngineError) as error:
        cannot(i18n.translate(error) if isinstance(error, EngineError) else str(error))
        return
    state.show_in_address("start", "events", "about")
    growth = cold_start.held(page)
    first_line(page, draft, found)
    left, right = st.columns([5, 6], gap="large")
    with right:
        new_list(page, draft, found, growth, asked)
    with left:
        if nobody:
            attributes(page, draft)
        editor(page, draft, found.answer.history)
        if not nobody:
            attributes(page, draft)
    why = what_if_cache.explain_quick(
        page.key, person, asked, page.lang
    )  # while this is made, the browser draws the lists
    reasons(page, draft, found, why, growth)
    cold_start.evidence(page, growth)


answer(open_page(about_user=True))
