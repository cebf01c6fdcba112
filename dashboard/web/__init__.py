"""The web server around Streamlit's: what is answered to whom, and how long a reader's session is kept."""
