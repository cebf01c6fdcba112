"""The dashboard as an application for a web server: Streamlit's, guarded and tended. `dashboard.server` serves it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from dashboard.ui import unexpected
from dashboard.web import first_page, guard, sessions

app = st.App(
    Path(__file__).parents[1] / "app.py",
    lifespan=sessions.tended,
    middleware=[Middleware(guard.Guard, on_visit=sessions.make_room), Middleware(first_page.Shell)],
    on_script_error=unexpected.show,
)
