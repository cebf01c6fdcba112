"""The bare address leads to the overview."""

import streamlit as st

from dashboard.ui import state

st.switch_page("views/overview.py", query_params=state.link())
