"""Engine results as plotly figures, a module a page. Nothing here knows Streamlit."""
