"""The history that is edited on the page What if, and what is known of whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import streamlit as st

import engine
from dashboard import cache_what_if, components, edits, state, words
from dashboard.components import escape_markdown
from dashboard.edits import Edit
from dashboard.elements.rows import Act, Row, Tone, row_list
from dashboard.i18n import _, count, ngettext
from dashboard.views.frame import Page
from dashboard.views.item_search import item_search

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
    base: engine.Person
    edit: Edit

    @property
    def person(self) -> engine.Person:
        """As they are now."""
        items = self.edit.item_ids(self.base.item_ids)
        if self.edit.about is None:
            return engine.Person(items, self.base.as_user, self.base.about)
        return engine.Person(items, None, self.edit.about)

    @property
    def is_edited(self) -> bool:
        """Whether anything was changed."""
        return self.edit != edits.unchanged(len(self.base.item_ids))


def read_draft(page: Page) -> Draft:
    """The draft that the address and the session name.

    Raises:
        BadEditError: they name none.
        EngineError: the user is unknown.
    """
    start = "nobody" if state.chosen("start") == "nobody" else "user"
    base = engine.Person() if start == "nobody" else cache_what_if.person(page.key, page.user, page.view)
    edit = edits.read(state.chosen("events"), state.chosen("about"), len(base.item_ids))
    return Draft(start, base, edit)


def apply(draft: Draft, edit: Edit) -> None:
    """Callback: choose an edit, if an address has room for it."""
    choices = edits.written(edit, len(draft.base.item_ids))
    added = sum(isinstance(step, str) for step in edit.steps)
    room = all(len(value or "") <= state.longest(key) for key, value in choices.items())
    if room and added <= edits.MOST_ADDED:
        state.choose_all(choices)
    else:
        st.toast(escape_markdown(_("A link has no room for this edit. Undo or reset first.")), icon=":material/info:")


def reset() -> None:
    """Callback: take every edit back at once."""
    state.choose_all({"events": None, "about": None})


def begin(widget: str) -> None:
    """Callback: begin with the user, or with nobody."""
    value = state.widget(widget)
    state.choose_all({"start": "nobody" if value == "nobody" else None, "events": None, "about": None})


def toolbar(draft: Draft) -> None:
    """Where to begin, undo, reset."""
    names = {"user": _("This user"), "nobody": _("Nobody yet")}
    state.set_widget("what_if_start", draft.start)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            _("Begin with"),
            list(names),
            format_func=names.__getitem__,
            key="what_if_start",
            required=True,
            on_change=begin,
            args=("what_if_start",),
            label_visibility="collapsed",
        )
        st.button(
            _("Undo"),
            key="undo",
            icon=":material/undo:",
            on_click=state.undo_choices,
            disabled=not state.can_undo(),
        )
        st.button(
            _("Reset"),
            key="reset",
            icon=":material/restart_alt:",
            on_click=reset,
            disabled=not draft.is_edited,
        )


def add_event(page: Page, draft: Draft) -> None:
    """Search for an item and add it as the newest event."""
    components.section(_("Add an event"))
    item_search(
        page,
        "add",
        ":material/add:",
        lambda item_id: apply(draft, draft.edit.with_item(item_id)),
        without=draft.person.item_ids if page.run.config.evaluation.exclude_seen else (),
    )


def history(draft: Draft, events: tuple[engine.Event, ...]) -> None:
    """The events, newest first, each with its buttons."""
    components.section(
        ngettext("{n} event, newest first", "{n} events, newest first", len(events)).format(n=count(len(events)))
    )
    if not events:
        components.note(_("No event yet: the model answers from what it knows of everybody. Add one above."))
        return
    n_parts = -(-len(events) // ROWS)
    part = 0
    if n_parts > 1:
        firsts = {i: _part_name(len(events), i) for i in range(n_parts)}
        held = state.widget("events_part")
        state.set_widget("events_part", held if held in firsts else 0)
        part = st.selectbox(
            _("Events shown"),
            list(firsts),
            format_func=firsts.__getitem__,
            key="events_part",
            label_visibility="collapsed",
            width=200,
        )
    last = len(events) - part * ROWS
    places = list(reversed(range(max(0, last - ROWS), last)))

    def press(act: str, row: int) -> None:
        at = places[row]
        to = {"later": at + 1, "earlier": at - 1}.get(act)
        apply(draft, draft.edit.without(at) if to is None else draft.edit.moved(at, to))

    rows = [_row(draft, events[at], at, len(events)) for at in places]
    row_list(rows, "history", _("Events, newest first"), press)


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
    kind = words.category(event.category)
    return Row(
        title=event.title,
        below=(place, (kind, "gray")) if kind else (place,),
        acts=(
            Act("later", _("Make it one event newer"), "up", off=at == n - 1, follows=-1),
            Act("earlier", _("Make it one event older"), "down", off=at == 0, follows=1),
            Act("remove", _("Remove this event"), "cross"),
        ),
    )


def attributes(page: Page, draft: Draft) -> None:
    """What is known of the person, to be changed."""
    read = cache_what_if.attributes_read(page.key)
    components.section(_("What is known of them"))
    if not read:
        components.note(_("This run reads nothing of its users but their events."))
        return
    known = dict(draft.person.about)
    if draft.person.as_user is not None:
        known = cache_what_if.attributes_of(page.key, draft.person.as_user)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for column, values in list(read.items())[:MOST_ATTRIBUTES]:
            _attribute(draft, known, column, values)


def _attribute(draft: Draft, known: dict[str, str], column: str, values: tuple[str, ...]) -> None:
    widget, name = f"attribute_{column}", escape_markdown(words.attribute_name(column))

    def changed() -> None:
        value = str(state.widget(widget) or "").strip()
        rest = {key: held for key, held in known.items() if key != column}
        apply(draft, draft.edit.knowing({**rest, column: value} if value else rest))

    state.set_widget(widget, known.get(column) if values else known.get(column, ""))
    if values:
        held = known.get(column)
        options = list(values) if held is None or held in values else [held, *values]
        st.selectbox(name, options, key=widget, index=None, placeholder=_("Unknown"), width=170, on_change=changed)
    else:
        st.text_input(name, key=widget, placeholder=_("Unknown"), width=170, on_change=changed)
