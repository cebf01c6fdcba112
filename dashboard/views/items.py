"""Items: who gets this item recommended, and what is near it?"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

import engine
from dashboard.cache import runs as run_cache, what_if as what_if_cache
from dashboard.elements.sheet import sheet
from dashboard.text import common as common_text
from dashboard.text.i18n import _, count, ngettext, percent
from dashboard.ui import components, state
from dashboard.ui.components import escape_markdown
from dashboard.views.parts.items import map
from dashboard.views.parts.items.search import OFFERED, Search
from dashboard.views.parts.page_frame import Page, open_page
from engine import EngineError

RECEIVERS = 200

ALIKE = 1.25  # ranks whose ratio is nearer to 1 than this are not told apart


def list_length(page: Page) -> int:
    """Ten, or the first list length the run was measured at."""
    ks = page.run.config.evaluation.ks
    return 10 if 10 in ks else ks[0]


def first_line(about: engine.ItemProfile) -> None:
    """The page's first line: how often the item is shown, and how that goes with how often it is met."""
    total = sum(about.n_lists.values())
    components.headline(
        ngettext(
            "“{title}” is in {n} of {total} lists: rank {shown} by lists, {met} by popularity",
            "“{title}” is in {n} of {total} lists: rank {shown} by lists, {met} by popularity",
            about.exposure,
        ).format(
            title=about.title,
            n=count(about.exposure),
            total=count(total),
            shown=count(about.exposure_rank),
            met=count(about.popularity_rank),
        )
    )
    st.markdown(escape_markdown(who_gets_it(about)))


def who_gets_it(about: engine.ItemProfile) -> str:
    """Head against tail users, and what the ranks say of each other."""
    if not about.is_candidate:
        return _("Nobody had it in the training part, so this run cannot recommend it.")
    parts = [
        _("{cohort} users: {n} of {total} lists ({share})").format(
            cohort=common_text.cohort_name(cohort),
            n=count(about.exposure_by[cohort]),
            total=count(about.n_lists[cohort]),
            share=percent(about.exposure_by[cohort] / about.n_lists[cohort]),
        )
        for cohort in ("tail", "head")
        if about.n_lists[cohort]
    ]
    if about.exposure == 0:
        how = _("No list of {k} holds it, though it has {n} training events.").format(
            k=count(about.k), n=count(about.popularity)
        )
    elif about.exposure_rank * ALIKE < about.popularity_rank:
        how = _("It is recommended more often than its popularity suggests.")
    elif about.exposure_rank > ALIKE * about.popularity_rank:
        how = _("It is recommended less often than its popularity suggests.")
    else:
        how = _("It is recommended about as often as its popularity suggests.")
    return _("{parts}. {how}").format(parts=common_text.listing(parts), how=how)


def facts(about: engine.ItemProfile, lang: str) -> None:
    """Cohort and attributes."""
    with st.container(horizontal=True, vertical_alignment="center"):
        components.cohort_badge(about.item_cohort)
        st.markdown(
            escape_markdown(
                ngettext("{n} training event", "{n} training events", about.popularity).format(
                    n=count(about.popularity)
                )
            ),
            width="content",
        )
        for name, value in list(about.attributes.items())[:8]:
            other = name.endswith(f"_{'en' if lang == 'zh' else 'zh'}") or f"{name}_{lang}" in about.attributes
            if len(value) <= 60 and not name.startswith("title") and not other:
                text = common_text.category(value) if name.startswith("category") else value
                fact = f":gray[{escape_markdown(common_text.attribute_name(name))}] {escape_markdown(text)}"
                st.markdown(fact, width="content")


def near(page: Page, about: engine.ItemProfile) -> None:
    """The nearest items in the model, and in content where the run has some."""
    left, right = st.columns(2, gap="large")
    with left:
        components.section(_("Nearest in the model"))
        components.note(_("By the cosine of the vectors that score items: who are offered to the same histories."))
        _neighbours(what_if_cache.neighbours(page.key, about.item_id, "model", page.lang), "model")
    with right:
        components.section(_("Nearest in content"))
        if not what_if_cache.has_content(page.key):
            components.note(_("This run read no categories or text of its items."))
            return
        components.note(_("By categories and text alone, whoever had them."))
        _neighbours(what_if_cache.neighbours(page.key, about.item_id, "content", page.lang), "content")


def _neighbours(found: Sequence[engine.Neighbour], key: str) -> None:
    if not found:
        components.note(_("Nothing is known of this item there, so nothing is near it."))
        return
    rows = [
        (
            n.title,
            n.similarity,
            n.popularity,
            common_text.category(n.category) or None,
            common_text.cohort_name(n.item_cohort),
        )
        for n in found
    ]
    columns = [_("Title"), _("Cosine"), _("Training events"), _("Category"), _("Item cohort")]
    table = pd.DataFrame(rows, columns=columns).dropna(axis=1, how="all")
    ids = [n.item_id for n in found]
    alts = {
        "model": _("Nearest in the model; choose a row to go to an item"),
        "content": _("Nearest in content; choose a row to go to an item"),
    }
    components.frame(
        table,
        hide_index=True,
        key=f"near_{key}",
        on_select=lambda: choose_row(f"near_{key}", ids),
        selection_mode="single-row",
        column_config={_("Cosine"): st.column_config.NumberColumn(format="%.3f", width=70)},
        alt=alts[key],
    )


def choose_row(widget: str, ids: list[str]) -> None:
    """Callback of a table of items: choose the selected row's."""
    rows = state.widget(widget)["selection"]["rows"]
    if rows and rows[0] < len(ids):
        state.choose("item", ids[rows[0]])


def who_gets(page: Page, about: engine.ItemProfile) -> None:
    """The users whose lists hold the item."""
    components.section(_("Who gets it recommended"))
    found = what_if_cache.receivers(page.key, about.item_id, about.k).head(RECEIVERS)
    if found.empty:
        components.note(_("No test user's list of {k} holds it.").format(k=count(about.k)))
        return
    ids = found["user_id"].astype(str).tolist()
    table = pd.DataFrame(
        {
            _("User"): ids,
            _("Cohort"): found["cohort"].map(common_text.cohort_name),
            _("Training events"): found["history_length"],
            _("Place in the list"): found["place"],
            _("Had it next"): found["is_held_out"],
        }
    )

    def go() -> None:
        rows = state.widget("receivers")["selection"]["rows"]
        if rows and rows[0] < len(ids):
            item = state.chosen("item")
            state.choose("user", ids[rows[0]])
            state.choose("item", item)

    components.frame(
        table,
        hide_index=True,
        height=min(300, 38 + 35 * len(table)),
        key="receivers",
        on_select=go,
        selection_mode="single-row",
        alt=_("Who gets it recommended"),
    )
    components.note(
        ngettext(
            "{n} user shown, the item's best places first; choose a row to see them on the map.",
            "{n} users shown, the item's best places first; choose a row to see them on the map.",
            len(ids),
        ).format(n=count(len(ids)))
    )
    with st.container(horizontal=True):
        for user in ids[:5]:
            st.page_link(
                "views/recommendations.py",
                label=escape_markdown(_("List of {user}").format(user=user)),
                icon=":material/recommend:",
                query_params=state.link(user=user),
                width="content",
            )


def _chosen(page: Page) -> str:
    """The item of the address, else the first that the user is recommended, else the most popular."""
    asked = state.chosen("item")
    if asked is not None:
        return asked
    answer = run_cache.recommend(page.key, page.user, 10, page.view, page.lang)
    first = answer.items[0].item_id if answer.items else None
    item = first or what_if_cache.find_items(page.key, "", page.lang, 1)[0].item_id
    state.settle("item", item)
    return item


def draw() -> None:
    """Draw the page."""
    page = open_page(about_user=True)
    top = st.container()
    with st.expander(_("Find an item"), icon=":material/search:"):
        search = Search(page, "find_item", _("Search titles"), icon=None, n=2 * OFFERED)
        sheet([search.blocks()], "found", lambda _list, _act, row: state.choose("item", search.item_at(row)))
    item = _chosen(page)
    try:
        about = what_if_cache.item_profile(page.key, item, list_length(page), page.lang)
    except EngineError as error:
        with top:
            components.headline(_("This item cannot be shown"))
            components.error_panel(error, _("Find another one below."))
        st.stop()
    state.show_in_address("item")
    with top:
        first_line(about)
        facts(about, page.lang)
    near(page, about)
    map.section(page, about)
    who_gets(page, about)
    components.note(
        _("Lists are those of {n} test users, of {k} items each, by the model that answers.").format(
            n=count(sum(about.n_lists.values())), k=count(about.k)
        )
    )


draw()
