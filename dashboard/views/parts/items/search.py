"""Items found by title, each a button."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import streamlit as st

from dashboard.cache import what_if as what_if_cache
from dashboard.charts.style import shorten
from dashboard.text import common as common_text
from dashboard.text.i18n import _, count
from dashboard.text.spreadsheets import typed
from dashboard.ui.blocks import Block, Button, Chips, Note
from dashboard.views.parts.page_frame import Page

OFFERED = 8
LONGEST_TEXT = 100
STEP = 100  # items asked for beyond those that are offered come in such steps


class Search:
    """A box to search titles in, and what was found as buttons; popular items while nothing is typed."""

    def __init__(
        self,
        page: Page,
        key: str,
        label: str,
        icon: Literal["plus"] | None = "plus",
        without: Collection[str] = (),
        n: int = OFFERED,
    ) -> None:
        """Draw the box and look.

        Args:
            page: the page.
            key: tells the boxes of several searches apart.
            label: of the box.
            icon: on the buttons.
            without: items that are not offered.
            n: how many are.
        """
        self._icon: Literal["plus"] | None = icon
        text = st.text_input(
            label,
            key=f"{key}_text",
            placeholder=_("Part of a title or an id, then Enter"),
            icon=":material/search:",
        )
        self._text = typed(text).strip()
        enough = n + -(-len(without) // STEP) * STEP  # in steps, so that one event more or fewer finds its answer made
        barred = set(without)
        found = what_if_cache.find_items(page.key, self._text[:LONGEST_TEXT], page.lang, enough)
        self._offered = [item for item in found if item.item_id not in barred][:n]

    def blocks(self) -> list[Block]:
        """What was found; its presses come from the list "found"."""
        if not self._offered:
            return [Note(_("No title or id holds that."))]
        note = _("Found, the most popular first:") if self._text else _("Popular items, or search above:")
        return [Note(note), Chips("found", tuple(_chip(item, self._icon) for item in self._offered), note)]

    def item_at(self, row: int) -> str:
        """The id of the item that was pressed."""
        return self._offered[row].item_id


def _chip(item: what_if_cache.Found, icon: Literal["plus"] | None) -> Button:
    kind = common_text.category(item.category)
    about = _("{title}: {n} training events").format(title=item.title, n=count(item.popularity))
    return Button("pick", f"{about} · {kind}" if kind else about, icon, shorten(item.title, 40))
