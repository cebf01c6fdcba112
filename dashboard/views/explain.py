"""Explain: which events of the history raised this item's score, and which lowered it?"""

from __future__ import annotations

import streamlit as st

import engine
from dashboard.cache import runs as run_cache
from dashboard.charts import explain as charts
from dashboard.elements.sheet import sheet
from dashboard.text import causes as causes_text, common as common_text
from dashboard.text.i18n import _, count, figure, signed
from dashboard.ui import components, state
from dashboard.ui.blocks import Note
from dashboard.ui.components import escape_markdown
from dashboard.views.parts.explain import counterfactual, faithfulness, features, many_users, whole_list
from dashboard.views.parts.explain.whole_list import OFFERED
from dashboard.views.parts.page_frame import Page, open_page, random_buttons
from engine import EngineError

# Sections below the waterfall: the address says which is open, and only that one is computed.
EVIDENCE = ("list", "instead", "features", "without", "many", "trust")


def choose_item(page: Page) -> str | None:
    """Choose one of the recommendations, the held-out item, or the item of the address."""
    answer = run_cache.recommend(page.key, page.user, OFFERED, page.view, page.lang)
    labels: dict[str, str] = {i.item_id: _("{rank}. {title}").format(rank=i.rank, title=i.title) for i in answer.items}
    if answer.held_out is not None and (answer.items or answer.held_out_rank is not None):
        known = labels.get(answer.held_out.item_id)
        held = _("{item} (held out)").format(item=known or answer.held_out.title)
        labels[answer.held_out.item_id] = held
    asked = state.chosen("item")
    if asked is not None and asked not in labels:
        labels[asked] = _("Item {item}").format(item=asked)
    if not labels:
        return None
    chosen = asked if asked is not None else next(iter(labels))
    state.settle("item", chosen)
    state.show_in_address("item")
    state.set_widget("pick_item", chosen)
    st.selectbox(
        _("Item to explain"),
        list(labels),
        format_func=labels.__getitem__,
        key="pick_item",
        width=560,
        on_change=state.choose_from,
        args=("item", "pick_item"),
    )
    return chosen


def explanation(page: Page, item: str) -> engine.Attribution:
    """The item's own, or that of the list, which holds it already and makes its nine neighbours free.

    Raises:
        EngineError: the item is not ranked, or nothing is known of the user.
    """
    offered = run_cache.recommend(page.key, page.user, OFFERED, page.view, page.lang)
    if item in {i.item_id for i in offered.items}:
        return next(a for a in whole_list.answers_of(page) if a.item_id == item)
    return run_cache.explain(page.key, page.user, item, page.view, page.lang)


def first_line(answer: engine.Attribution) -> None:
    """The chosen item as a headline, and in words what moved it."""
    if answer.rank is not None:
        text = _("Why “{title}” ranks {ordinal}").format(
            title=answer.title, ordinal=common_text.ordinal(answer.rank), rank=count(answer.rank)
        )
    else:
        text = _("What moves the score of “{title}”").format(title=answer.title)
    components.headline(text)
    st.markdown(escape_markdown(causes_text.of_score(answer)))


def additivity(answer: engine.Attribution) -> None:
    """Base plus events equals score, as figures."""
    moved = sum(player.value for player in answer.players)
    components.figures(
        [
            (_("Base"), figure(answer.base), None),
            (_("Events"), signed(moved), None),
            (_("Score"), figure(answer.score), None),
        ]
    )
    components.note(
        _("Base {base} + events {events} = score {score}. The base is the score with every event absent.").format(
            base=figure(answer.base), events=signed(moved), score=figure(answer.score)
        )
    )
    if answer.model == "ensemble":
        st.markdown(escape_markdown(common_text.shares(answer)))


def bars(page: Page, answer: engine.Attribution) -> None:
    """The waterfall and its table."""
    names = {"time": _("As they happened"), "size": _("Largest first")}
    state.set_widget("order", state.one_of("order", names))
    order = st.segmented_control(
        _("Order of events"),
        list(names),
        format_func=lambda o: names[o],
        key="order",
        required=True,
        on_change=state.choose_from,
        args=("order", "order"),
    )
    note = _("Red raises the score, blue lowers it. Thin bars: the standard error over random orders of the events.")
    sheet([[charts.waterfall(answer, "size" if order == "size" else "time", page.dark), Note(note)]], "bars")


def score_and_masking(answer: engine.Attribution) -> list[str]:
    """What the score is, and what it means that an event is absent."""
    absent = _(
        "An absent event is masked at its place: no other event can attend to it and its vector is zero. "
        "Deleting it would shift the others."
    )
    if answer.model == "transformer":
        return [
            _(
                "What is explained is the item's raw logit: the figure that ranks it, before any softmax. "
                "It compares items of this user, not users."
            ),
            absent,
        ]
    return [
        _(
            "What is explained is the ensemble's score, the figure that ranks the item: the Transformer's logit and "
            "the scores of the other members, weighted for a history of this length. It compares items of this user, "
            "not users."
        ),
        absent,
        _(
            "The other members know no order: for them an absent event is left out, while weights and scales stay "
            "those of the whole history."
        ),
    ]


def trust(answer: engine.Attribution) -> None:
    """How the values were found and how far they go."""
    components.section(_("How far to trust this"))
    points = [
        common_text.steadiness(answer),
        *score_and_masking(answer),
        _(
            "These are Shapley values of the model, not of the world: "
            "they say what moved this score, not what the user likes."
        ),
        _("Found with {n} evaluations of the model in {seconds} seconds.").format(
            n=count(answer.n_evaluations), seconds=figure(answer.seconds, 2)
        ),
    ]
    st.markdown("\n".join(f"- {escape_markdown(point)}" for point in points))
    st.page_link(
        "views/attention.py", label=_("Where did the model look?"), icon=":material/grid_on:", query_params=state.link()
    )
    st.page_link(
        "views/recommendations.py",
        label=_("Back to the recommendations"),
        icon=":material/recommend:",
        query_params=state.link(),
    )


def evidence(page: Page, answer: engine.Attribution) -> None:
    """Further questions about the item, of which one at a time is answered."""
    components.section(_("Look further"))
    names = {
        "list": _("The whole list"),
        "instead": _("This and not that"),
        "features": _("Features"),
        "without": _("What would change it"),
        "many": _("Many users"),
        "trust": _("Can it be trusted?"),
    }
    asked = state.chosen("evidence")
    state.set_widget("evidence", asked if asked in EVIDENCE else EVIDENCE[0])
    chosen = st.segmented_control(
        _("Look further"),
        EVIDENCE,
        format_func=lambda key: names[key],
        key="evidence",
        required=True,
        label_visibility="collapsed",
        on_change=state.choose_from,
        args=("evidence", "evidence"),
    )
    if chosen == "instead":
        whole_list.instead(page, answer.item_id, answer.title)
    elif chosen == "features":
        features.features(page, answer.item_id)
    elif chosen == "without":
        counterfactual.without(page, answer)
    elif chosen == "many":
        many_users.many(page)
    elif chosen == "trust":
        faithfulness.scoreboard(page)
    else:
        whole_list.whole_list(page, answer.item_id)


def draw() -> None:
    """Draw the page."""
    page = open_page(about_user=True)
    top = st.container()
    item = choose_item(page)
    if item is None:
        components.headline(_("There is nothing to explain"))
        components.note(_("This user has had every item, so nothing is recommended. Choose another user."))
        with st.container(horizontal=True):
            random_buttons(page.key)
        st.stop()
    try:
        with top, st.spinner(_("Asking the model with events left out…")):
            answer = explanation(page, item)
    except EngineError as error:
        with top:
            components.headline(_("This item cannot be explained"))
            components.error_panel(error, _("Choose one of the recommendations below."))
        st.stop()
    with top:
        first_line(answer)
    left, right = st.columns([8, 5], gap="large")
    with left:
        bars(page, answer)
    with right:
        additivity(answer)
        trust(answer)
    evidence(page, answer)


draw()
