"""Elements of our own in the browser: what Streamlit would draw of many small ones, drawn as one."""
