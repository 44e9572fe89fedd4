"""The server, the frame and the sections of the pages. Only this package, `pages/` and `app.py` import Streamlit."""
