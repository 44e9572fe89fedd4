"""The glossary page: the words of the app, and how each figure is computed."""

import streamlit as st

from bwp_client.metrics import METRICS
from bwp_client.metrics.glossary import WORDS
from bwp_client.ui.page import name_tab

name_tab("Glossary")
st.title("Glossary", anchor=False)
st.markdown("\n".join(f"- **{word}.** {meaning}" for word, meaning in WORDS.items()))
st.subheader("How the figures are computed", anchor=False)
st.markdown("\n\n".join(f"**{metric.title}.** {metric.meaning}" for metric in METRICS.values()))
