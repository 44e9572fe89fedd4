"""The banner over sample data, and the page without data."""

from __future__ import annotations

import streamlit as st

from bwp_client.settings import Settings
from bwp_client.ui.data import warehouse_in_use
from bwp_client.ui.jobs import JobStatus, jobs


def draw_sample_banner() -> None:
    """Draw a banner: the data are made up, and these commands connect real data."""
    banner = st.expander("Sample data, invented. Use your own data", icon=":material/science:", key="sample_banner")
    with banner:
        st.markdown(
            "Load events from a folder or from S3, then start the app again. They go to `./warehouse`, and the sample is no "
            "longer shown. With credentials, the app looks up why tasks failed."
        )
        st.code(
            "python -m bwp_client load s3://your-bucket/your-prefix\n"
            'export BWP_API__CREDENTIALS=\'{"*": {"client_id": "…", "client_secret": "…"}}\'\n'
            "python -m bwp_client enrich\nmake run",
            language=None,
            wrap_lines=True,
        )


def draw_no_data(settings: Settings) -> None:
    """Draw the state of the first load, or the command that loads events."""
    state = jobs().state("load")
    if state is not None and state.status is JobStatus.FAILED:
        st.title("Loading failed", anchor=False)
        st.error("No events could be loaded.")
        st.text(state.text)
        return
    if (state is not None and state.status is JobStatus.RUNNING) or settings.is_sample:
        st.title("Loading sample data" if settings.is_sample else "Loading", anchor=False)
        st.write("The first charts appear here in a few seconds.")
        return
    st.title("No events yet", anchor=False)
    st.text(f"The warehouse {warehouse_in_use(settings).uri} holds no events yet. Load archived events first:")
    st.code("python -m bwp_client load s3://your-bucket/your-prefix", language=None, wrap_lines=True)
