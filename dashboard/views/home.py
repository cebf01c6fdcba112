"""The bare address leads to the overview."""

import streamlit as st

from dashboard import state

st.switch_page("views/overview.py", query_params=state.link())
