"""The history that is edited on the page What if, and what is known of whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

import engine
from dashboard.cache import what_if as what_if_cache
from dashboard.elements.sheet import sheet
from dashboard.text import common as common_text
from dashboard.text.i18n import _, count, ngettext
from dashboard.text.shown import labels
from dashboard.ui import components, edit_address, state
from dashboard.ui.blocks import Block, Button, Chips, Heading, Note, Row, Rows, Tone
from dashboard.ui.components import escape_markdown
from dashboard.ui.edit_address import Edit
from dashboard.views.parts.items.search import Search
from dashboard.views.parts.page_frame import Page

ROWS = 10  # events that are drawn at a time

MOST_ATTRIBUTES = 6


@dataclass(frozen=True)
class Draft:
    """A person as they were, and what was edited.

    Attributes:
        start: "user": a user of the data; "nobody": somebody who is made up from nothing.
        base: as they were.
        edit: what was edited.
    """

    start: Literal["user", "nobody"]
    base: engine.HypotheticalUser
    edit: Edit

    @property
    def person(self) -> engine.HypotheticalUser:
        """As they are now."""
        items = self.edit.item_ids(self.base.item_ids)
        if self.edit.about is None:
            return engine.HypotheticalUser(items, self.base.as_user, self.base.attributes)
        return engine.HypotheticalUser(items, None, self.edit.about)

    def name_of(self, player: engine.Player) -> str:
        """An event's number in the history as it was, as in the list of events; a word for what was added."""
        if player.position is None:
            return ""
        step = self.edit.steps[player.position - 1]
        return _("added") if isinstance(step, str) else count(step)

    @property
    def is_edited(self) -> bool:
        """Whether anything was changed."""
        return self.edit != edit_address.unchanged(len(self.base.item_ids))


def read_draft(page: Page) -> Draft:
    """The draft that the address and the session name.

    Raises:
        BadEditError: they name none.
        EngineError: the user is unknown.
    """
    start = "nobody" if state.chosen("start") == "nobody" else "user"
    base = engine.HypotheticalUser() if start == "nobody" else what_if_cache.person(page.key, page.user, page.view)
    edit = edit_address.read(state.chosen("events"), state.chosen("about"), len(base.item_ids))
    return Draft(start, base, edit)


def apply(draft: Draft, edit: Edit) -> None:
    """Callback: choose an edit, if an address has room for it."""
    choices = edit_address.written(edit, len(draft.base.item_ids))
    added = sum(isinstance(step, str) for step in edit.steps)
    room = all(len(value or "") <= state.longest(key) for key, value in choices.items())
    if room and added <= edit_address.MOST_ADDED:
        state.choose_all(choices)
    else:
        st.toast(escape_markdown(_("A link has no room for this edit. Undo or reset first.")), icon=":material/info:")


def reset() -> None:
    """Callback: take every edit back at once."""
    state.choose_all({"events": None, "about": None})


def begin(start: str) -> None:
    """Callback: begin with the user, or with nobody."""
    state.choose_all({"start": "nobody" if start == "nobody" else None, "events": None, "about": None})


def toolbar(above: Sequence[Block], draft: Draft) -> None:
    """Where to begin, undo, reset, under what is said of the edit."""
    nobody = draft.start == "nobody"
    presses = {"user": lambda: begin("user"), "nobody": lambda: begin("nobody")}
    presses |= {"undo": state.undo_choices, "reset": reset}
    tools = (
        Button("user", _("This user"), text=_("This user"), on=not nobody),
        Button("nobody", _("New user"), text=_("New user"), on=nobody),
        Button("undo", _("Undo"), "undo", _("Undo"), off=not state.can_undo()),
        Button("reset", _("Reset"), "reset", _("Reset"), off=not draft.is_edited),
    )
    sheet(
        [[*above, Chips("tools", tools, _("Where to begin, and the ways back"))]],
        "said",
        lambda _l, act, _r: presses[act](),
    )


def editor(page: Page, draft: Draft, events: tuple[engine.Event, ...]) -> None:
    """Search for an item to add, and the events, newest first, each with its buttons."""
    seen = draft.person.item_ids if page.run.config.evaluation.seen_left_out else ()
    found = Search(page, "add", _("Add an event"), without=seen)
    title = ngettext("{n} event, newest first", "{n} events, newest first", len(events)).format(n=count(len(events)))
    n_parts = -(-len(events) // ROWS)
    blocks, part = [*found.blocks(), Heading(title)], 0
    if n_parts > 1:
        sheet([blocks], "found", lambda _list, _act, row: add(draft, found.item_at(row)))
        blocks, part = [], _choose_part(len(events), n_parts)
    last = len(events) - part * ROWS
    places = list(reversed(range(max(0, last - ROWS), last)))

    def press(listed: str, act: str, row: int) -> None:
        if listed == "found":
            add(draft, found.item_at(row))
            return
        to = {"later": places[row] + 1, "earlier": places[row] - 1}.get(act)
        apply(draft, draft.edit.without(places[row]) if to is None else draft.edit.moved(places[row], to))

    rows = tuple(_row(draft, events[at], at, len(events)) for at in places)
    none = Note(_("No event yet: the model answers from what it knows of everybody. Add one above."))
    sheet([[*blocks, Rows("events", rows, _("Events, newest first")) if rows else none]], "history", press)


def add(draft: Draft, item_id: str) -> None:
    """Callback: one event more, the newest."""
    apply(draft, draft.edit.with_item(item_id))


def _choose_part(n: int, n_parts: int) -> int:
    """Which ten events are shown."""
    firsts = {i: _part_name(n, i) for i in range(n_parts)}
    held = state.widget("events_part")
    state.set_widget("events_part", held if held in firsts else 0)
    return st.selectbox(
        _("Events shown"),
        list(firsts),
        format_func=firsts.__getitem__,
        key="events_part",
        label_visibility="collapsed",
        width=200,
    )


def _part_name(n: int, part: int) -> str:
    last = n - part * ROWS
    first = max(1, last - ROWS + 1)
    return _("events {last} to {first}").format(last=count(last), first=count(first))


def _row(draft: Draft, event: engine.Event, at: int, n: int) -> Row:
    """One event: its title, and the buttons that move or remove it."""
    step = draft.edit.steps[at]
    place: tuple[str, Tone] = (
        (_("added"), "violet") if isinstance(step, str) else (_("event {n}").format(n=count(step)), "gray")
    )
    kind = common_text.category(event.category)
    return Row(
        title=event.title,
        below=(place, (kind, "gray")) if kind else (place,),
        acts=(
            Button("later", _("Make it one event newer"), "up", off=at == n - 1, follows=-1),
            Button("earlier", _("Make it one event older"), "down", off=at == 0, follows=1),
            Button("remove", _("Remove this event"), "cross"),
        ),
    )


def attributes(page: Page, draft: Draft) -> None:
    """What is known of the person, to be changed."""
    read = what_if_cache.attributes_used(page.key)
    components.section(_("What is known of them"))
    if not read:
        components.note(_("This run reads nothing of its users but their events."))
        return
    known = dict(draft.person.attributes)
    if draft.person.as_user is not None:
        known = what_if_cache.attributes_of(page.key, draft.person.as_user)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for column, values in list(read.items())[:MOST_ATTRIBUTES]:
            _attribute(draft, known, column, values)


def _attribute(draft: Draft, known: dict[str, str], column: str, values: tuple[str, ...]) -> None:
    widget, name = f"attribute_{column}", escape_markdown(common_text.attribute_name(column))

    def changed() -> None:
        value = str(state.widget(widget) or "").strip()
        rest = {key: held for key, held in known.items() if key != column}
        apply(draft, draft.edit.knowing({**rest, column: value} if value else rest))

    state.set_widget(widget, known.get(column) if values else known.get(column, ""))
    if values:
        held = known.get(column)
        options = list(values) if held is None or held in values else [held, *values]
        st.selectbox(
            name,
            options,
            format_func=labels(options).__getitem__,
            key=widget,
            index=None,
            placeholder=_("Unknown"),
            width=170,
            on_change=changed,
        )
    else:
        st.text_input(name, key=widget, placeholder=_("Unknown"), width=170, on_change=changed)
