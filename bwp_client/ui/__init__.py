"""The Streamlit pages' shared parts; together with `pages/` and `app.py` the only code that knows Streamlit."""
