"""Items found by title, each a button."""

from __future__ import annotations

from collections.abc import Callable, Collection

import streamlit as st

from dashboard import cache_what_if, components, words
from dashboard.components import escape_markdown
from dashboard.i18n import _, count
from dashboard.views.frame import Page

OFFERED = 8
LONGEST_TEXT = 100
STEP = 100  # items asked for beyond those that are offered come in such steps


def item_search(
    page: Page, key: str, icon: str, pick: Callable[[str], None], without: Collection[str] = (), many: bool = False
) -> None:
    """A box to search titles in, and what was found as buttons; popular items while nothing is typed.

    Args:
        page: the page.
        key: tells the widgets of several searches apart.
        icon: on the buttons.
        pick: called with the id of the item that is pressed.
        without: items that are not offered.
        many: offer twice as many.
    """
    text = st.text_input(
        _("Search titles"),
        key=f"{key}_text",
        placeholder=_("Part of a title or an id, then Enter"),
        icon=":material/search:",
        label_visibility="collapsed",
    )
    n = 2 * OFFERED if many else OFFERED
    enough = n + -(-len(without) // STEP) * STEP  # in steps, so that one event more or fewer finds its answer made
    found = cache_what_if.find_items(page.key, text.strip()[:LONGEST_TEXT], page.lang, enough)
    found = found.loc[~found["item_id"].isin(list(without))].head(n)
    if found.empty:
        components.note(_("No title or id holds that."))
        return
    components.note(_("Found, the most popular first:") if text.strip() else _("Popular items, or search above:"))
    with st.container(horizontal=True, gap="small"):
        for item_id, title, category, met in zip(
            found["item_id"], found["title"], found["category"], found["popularity"], strict=True
        ):
            kind = words.category(category)
            st.button(
                escape_markdown(title if len(title) <= 40 else title[:39] + "…"),
                key=f"{key}_{item_id}",
                icon=icon,
                help=escape_markdown(
                    _("{title}: {n} training events").format(title=title, n=count(met)) + (f" · {kind}" if kind else "")
                ),
                on_click=pick,
                args=(str(item_id),),
            )
