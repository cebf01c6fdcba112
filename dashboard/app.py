"""Page configuration, navigation, and the bar that all pages share."""

from __future__ import annotations

import streamlit as st

from dashboard.elements import built_in
from dashboard.text.i18n import _
from dashboard.ui import state
from dashboard.ui.components import ICON, LOGO
from dashboard.views.parts import bar

PRODUCT = "Tailscope"
ABOUT_A_USER = ("recommendations", "attention", "explain", "what-if", "items")

state.begin()
st.set_page_config(page_title=PRODUCT, page_icon=ICON, layout="wide")
st.logo(LOGO, size="large")

overview = st.Page("views/overview.py", title=_("Overview"), icon=":material/dashboard:", url_path="overview")
pages = [
    overview,
    st.Page(
        "views/recommendations.py", title=_("Recommendations"), icon=":material/recommend:", url_path="recommendations"
    ),
    st.Page("views/attention.py", title=_("Attention"), icon=":material/grid_on:", url_path="attention"),
    st.Page("views/explain.py", title=_("Explain"), icon=":material/help_center:", url_path="explain"),
    st.Page("views/what_if.py", title=_("What if"), icon=":material/edit_note:", url_path="what-if"),
    st.Page("views/items.py", title=_("Items"), icon=":material/category:", url_path="items"),
    st.Page("views/gap.py", title=_("Head vs tail"), icon=":material/balance:", url_path="head-vs-tail"),
    st.Page("views/compare.py", title=_("Compare"), icon=":material/compare_arrows:", url_path="compare"),
]
home = st.Page("views/home.py", title=_("Overview"), default=True, visibility="hidden")
page = st.navigation([*pages, home])
if page.url_path:  # home, which has none, only leads on
    about_user = page.url_path in ABOUT_A_USER
    state.arrive(page.url_path, about_user)
    bar.draw(about_user)
    built_in.speak()
    state.show_page_in_address(page.url_path, about_user)
    about = (page.title, state.chosen("user") if about_user else None, state.chosen("run"), PRODUCT)
    st.set_page_config(page_title=" · ".join(part for part in about if part))
page.run()
