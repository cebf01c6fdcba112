"""The dashboard as an application for a web server: Streamlit's, guarded and tended. `dashboard.server` serves it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from dashboard import guarding, mishaps, sessions, shell

app = st.App(
    Path(__file__).with_name("app.py"),
    lifespan=sessions.tended,
    middleware=[Middleware(guarding.Guard, on_visit=sessions.make_room), Middleware(shell.Shell)],
    on_script_error=mishaps.show,
)
