"""Page configuration and navigation, nothing else."""

from __future__ import annotations

import streamlit as st

from dashboard import i18n, state
from dashboard.components import ICON, LOGO
from dashboard.i18n import _

st.set_page_config(page_title="Tailscope", page_icon=ICON, layout="wide")
i18n.use(state.language())
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
st.navigation([*pages, home]).run()
