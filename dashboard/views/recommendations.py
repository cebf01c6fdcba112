"""Recommendations: what does the model offer this user, and is the held-out item among it?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.text import common as common_text
from dashboard.text.i18n import _, count, day, figure, ngettext
from dashboard.text.shown import labels, shown
from dashboard.text.spreadsheets import typed
from dashboard.ui import components, state
from dashboard.ui.components import escape_markdown
from dashboard.views.parts.page_frame import Page, open_page, random_buttons

EVENTS_SHOWN = 200
SCROLLS = 6  # beyond this many events the history scrolls by itself

FOUND_USERS = 200


def first_line(page: Page, who: engine.UserProfile, answer: engine.Recommendations, k: int) -> None:
    """The page's first line."""
    name = {
        "tail": _("For tail user {user}: {k} recommendations"),
        "head": _("For head user {user}: {k} recommendations"),
    }[who.cohort].format(user=page.user, k=count(len(answer.items)))
    components.headline(name)
    sentence = common_text.held_out(answer, k)
    if sentence:
        hit = any(item.is_held_out for item in answer.items[:k])
        icon, colour = (":material/check_circle:", "green") if hit else (":material/cancel:", "gray")
        st.markdown(f":{colour}[{icon}] {escape_markdown(sentence)}")
    elif page.view == "full":
        components.note(_("Every event is known to the model here, so nothing is held out to compare with."))
    elif page.run.split.cuts is not None:
        components.note(_("Nothing is held out for this user: there are no events on both sides of the cut in time."))
    else:
        components.note(_("Nothing is held out for this user: with fewer than three events a user only trains."))


def finder(page: Page) -> None:
    """Search by id, filter by cohort and attribute."""
    with st.expander(_("Find a user"), icon=":material/search:"):
        values = run_cache.attribute_values(page.key)
        names = {cohort: common_text.cohort_name(cohort) for cohort in ("all", "tail", "head")}
        with st.container(horizontal=True, vertical_alignment="bottom"):
            text = st.text_input(_("Part of the id"), key="find_text", width=200)
            cohort = st.selectbox(_("Cohort"), list(names), format_func=names.__getitem__, key="find_cohort", width=130)
            picked: list[tuple[str, str]] = []
            for column, options in list(values.items())[:4]:
                value = st.selectbox(
                    escape_markdown(common_text.attribute_name(column)),
                    options,
                    format_func=labels(options).__getitem__,
                    index=None,
                    placeholder=_("Any"),
                    key=f"find_{column}",
                    width=170,
                )
                if value is not None:
                    picked.append((column, value))
        found = run_cache.find_users(page.key, typed(text).strip(), cohort, tuple(picked), FOUND_USERS)
        if found.empty:
            components.note(_("No user fits. Clear a filter, or shorten the id."))
            return
        ids = found["user_id"].astype(str).tolist()
        components.frame(
            user_table(found),
            hide_index=True,
            height=260,
            key="found",
            on_select=lambda: choose_row("found", ids),
            selection_mode="single-row",
            alt=_("Users who fit the filters"),
        )
        components.note(
            ngettext(
                "{n} user shown; choose a row to see the recommendations.",
                "{n} users shown; choose a row to see the recommendations.",
                len(ids),
            ).format(n=count(len(ids)))
        )


def user_table(found: pd.DataFrame) -> pd.DataFrame:
    """The table of users with its columns named for people."""
    names = {"user_id": _("User"), "cohort": _("Cohort"), "history_length": _("Training events")}
    table = found.assign(cohort=found["cohort"].map(common_text.cohort_name))
    for column in table.columns.difference(list(names)):
        table[column] = [shown(each) if isinstance(each, str) else each for each in table[column]]
    return table.rename(columns=labels(table.columns, lambda c: names.get(c) or common_text.attribute_name(c)))


def choose_row(widget: str, ids: list[str]) -> None:
    """Callback of a table of users: choose the user of the selected row."""
    rows = state.widget(widget)["selection"]["rows"]
    if rows and rows[0] < len(ids):
        state.choose("user", ids[rows[0]])


def who_this_is(who: engine.UserProfile, answer: engine.Recommendations) -> None:
    """Cohort, attributes and the history as a timeline."""
    components.section(_("Who this is"))
    with st.container(horizontal=True, vertical_alignment="center"):
        components.cohort_badge(who.cohort)
        st.markdown(
            escape_markdown(
                ngettext("{n} event in training", "{n} events in training", who.train_length).format(
                    n=count(who.train_length)
                )
            ),
            width="content",
        )
    if who.attributes:
        with st.container(horizontal=True):
            for name, value in who.attributes.items():
                fact = f":gray[{escape_markdown(common_text.attribute_name(name))}] {escape_markdown(shown(value))}"
                st.markdown(fact, width="content")
    history = answer.history
    components.section(_("History, newest first"))
    with st.container(height=470 if len(history) > SCROLLS else "content", border=True):
        st.page_link(
            "views/attention.py",
            label=_("Where did the model look?"),
            icon=":material/grid_on:",
            query_params=state.link(),
        )
        st.page_link(
            "views/what_if.py",
            label=_("What would they be offered with a different history?"),
            icon=":material/edit_note:",
            query_params=state.link(),
        )
        lines = [event_line(event) for event in reversed(history[-EVENTS_SHOWN:])]
        if answer.held_out is not None:
            lines.insert(0, ":violet-badge[" + escape_markdown(_("Held out")) + "] " + event_line(answer.held_out))
        if answer.n_held_out > 1:
            more = ngettext("{n} later item, held out too", "{n} later items, held out too", answer.n_held_out - 1)
            lines.insert(0, f":gray[{escape_markdown(more.format(n=count(answer.n_held_out - 1)))}]")
        st.markdown("\n\n".join(lines) if lines else escape_markdown(_("No events yet.")))
        if len(history) > EVENTS_SHOWN:
            components.note(
                ngettext("{n} earlier event", "{n} earlier events", len(history) - EVENTS_SHOWN).format(
                    n=count(len(history) - EVENTS_SHOWN)
                )
            )
    rows = [
        (e.position, e.time, e.title, e.category, common_text.cohort_name(e.item_cohort), e.item_id) for e in history
    ]
    columns = [_("Event"), _("Time"), _("Title"), _("Category"), _("Item cohort"), _("Item")]
    components.data_table(
        pd.DataFrame(rows, columns=columns).dropna(axis=1, how="all"), _("History, newest first"), has_chart=False
    )


def event_line(event: engine.Event) -> str:
    """An event as Markdown: its title, and when and what under it."""
    small = [day(event.time) if event.time is not None else f"{event.position}", common_text.category(event.category)]
    below = " · ".join(escape_markdown(part) for part in small if part)
    return f"{escape_markdown(event.title)}  \n:small[:gray[{below}]]"


def ranked_list(page: Page, answer: engine.Recommendations) -> None:
    """The recommendations, best first, each with its score and a way to its explanation."""
    components.section(_("What it would offer"))
    if not answer.items:
        components.note(_("There is nothing left to offer: this user has had every item."))
        return
    scores = [item.score for item in answer.items]
    why_text = _("why?")
    floor, top = min(0.0, min(scores)), max(scores)
    with st.container(border=True, gap="xsmall"):
        for item in answer.items:
            with st.container(horizontal=True, vertical_alignment="center", wrap=False, key=f"row_{item.rank}"):
                st.markdown(f"**{count(item.rank)}**", width=24)
                mark = " :violet-badge[" + escape_markdown(_("Held out")) + "]" if item.is_held_out else ""
                colour = "orange" if item.item_cohort == "tail" else "blue"
                small = common_text.category(item.category)
                kind = f":gray[{escape_markdown(small)} ·] " if small else ""
                cohort = f":{colour}[{escape_markdown(common_text.cohort_name(item.item_cohort))}]"
                share = (item.score - floor) / (top - floor) if top > floor else 1.0
                with st.container(gap=None):
                    st.markdown(f"{escape_markdown(item.title)}{mark}  \n:small[{kind}{cohort}]")
                    st.progress(min(max(share, 0.0), 1.0))
                st.markdown(figure(item.score), width=44)
                why = f":violet[{escape_markdown(why_text)}]"
                st.page_link("views/explain.py", label=why, query_params=state.link(item=item.item_id), width="content")
    components.note(
        _("Score: the model's raw logit, which ranks items for this user alone. Bars are relative to the first.")
        if answer.model == "transformer"
        else _(
            "Score: the ensemble's, a weighted sum of its members' scores, which ranks items for this user alone. "
            "Bars are relative to the first."
        )
    )
    rows = [
        (i.rank, i.title, i.category, i.score, common_text.cohort_name(i.item_cohort), i.item_id, i.is_held_out)
        for i in answer.items
    ]
    columns = [_("Rank"), _("Title"), _("Category"), _("Score"), _("Item cohort"), _("Item"), _("Held out")]
    components.data_table(
        pd.DataFrame(rows, columns=columns).dropna(axis=1, how="all"), _("What it would offer"), has_chart=False
    )


def draw() -> None:
    """Draw the page."""
    page = open_page(about_user=True)
    ks = page.run.config.evaluation.ks
    asked = state.chosen("length")
    k = next((k for k in ks if str(k) == asked), 10 if 10 in ks else ks[0])
    with st.spinner(_("Ranking…")):
        who = run_cache.profile(page.key, page.user, page.view, page.lang)
        answer = run_cache.recommend(page.key, page.user, k, page.view, page.lang)
    first_line(page, who, answer, k)
    tops = {n: _("top {k}").format(k=n) for n in ks}
    with st.container(horizontal=True, vertical_alignment="center"):
        random_buttons(page.key)
        state.set_widget("list_length", k)
        st.segmented_control(
            _("List length"),
            ks,
            key="list_length",
            required=True,
            format_func=tops.__getitem__,
            label_visibility="collapsed",
            on_change=state.choose_from,
            args=("length", "list_length"),
        )
    finder(page)
    left, right = st.columns([5, 7], gap="large")
    with left:
        who_this_is(who, answer)
    with right:
        ranked_list(page, answer)


draw()
