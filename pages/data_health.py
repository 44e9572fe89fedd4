"""Is the picture complete, how do I know, and what to do."""

import pandas as pd
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.ui import components
from bwp_client.ui import page as page_frame
from bwp_client.ui.data import not_stored, quarantine_table, runs_table, version_key
from bwp_client.ui.sections import archive_replays, data_gaps, data_trust, job_buttons, lookups

page = page_frame.page("Data health")
components.heading("Is the picture complete?", MetricName.GAPS, MetricName.COVERAGE)
st.caption("About the chosen period; below, about all that was loaded.")
data_trust.show_lines(page)
job_buttons.load_and_look_up(page.settings)
data_gaps.show(page)

coverage = components.ask_row(page, MetricName.COVERAGE)
components.heading("Reasons known", MetricName.COVERAGE, MetricName.LOOKUP_STATES)
st.caption("Failed tasks in the chosen period, by where their lookup stands.")
columns = st.columns(6)
for column, (label, name) in zip(
    columns,
    [
        ("Found", "found"), ("Not asked", "not_asked"), ("Pending", "pending"), ("Not found", "not_found"),
        ("Denied", "denied"), ("Lookup failed", "lookup_failed"),
    ],
    strict=True,
):  # fmt: skip
    column.metric(label, f"{coverage[name]:,}", border=True)

lookups.show(page)

archive_replays.show(page.settings, version_key(page.settings))

runs = runs_table(page.snapshot)
st.subheader("Runs", anchor=False)
st.caption("Every record read is stored, duplicate, ignored or quarantined; the counts add up.")
st.dataframe(
    components.table(page, "runs", lambda: pd.DataFrame(runs).drop(columns=["counts"])),
    hide_index=True,
    column_config={
        "finished": st.column_config.DatetimeColumn("Finished", format="DD MMM YYYY HH:mm", timezone="UTC", width=125),
        "run": st.column_config.TextColumn("Run", width=50), "source": st.column_config.TextColumn("Source", width=130),
        "read": components.count_column("Read or asked"), "stored": components.count_column("Stored or found"),
        "duplicate": components.count_column("Duplicate"), "ignored": components.count_column("Ignored"),
        "quarantined": components.count_column("Quarantined"),
        "seconds": st.column_config.NumberColumn("Seconds", format="%.1f", width=65),
        "state": st.column_config.TextColumn("State", width=70),
    },
    placeholder="–",
    key="runs",
    alt="The newest runs with their counts",
)  # fmt: skip
detail = components.table(page, "not stored", lambda: not_stored(runs))
if detail.num_rows:
    st.caption("What these runs did not store, and why.")
    st.dataframe(
        detail, hide_index=True, key="detail", column_config={"Records": components.count_column("Records")},
        alt="Duplicates by cause, ignored events by type, quarantined records by reason",
    )  # fmt: skip

st.subheader("Quarantine", anchor=False)
bad = components.table(page, "quarantined", lambda: quarantine_table(page.snapshot))
if not bad.num_rows:
    st.caption("No record was refused.")
else:
    st.caption(
        "Records that could not be read, newest first; excerpts are scrubbed. After a fix: "
        "python -m bwp_client quarantine retry."
    )
    st.dataframe(
        bad,
        hide_index=True,
        column_config={
            "seen_at": st.column_config.DatetimeColumn("Seen", format="DD MMM YYYY HH:mm", timezone="UTC", width=125),
            "reason": st.column_config.TextColumn("Reason", width=150), "file": "File",
            "offset": components.count_column("Byte offset"),
            "excerpt": st.column_config.TextColumn("Excerpt", width="large"), "source_uri": "Full address",
        },
        key="quarantine",
        alt="Quarantined records with reason, source, byte offset and excerpt",
    )  # fmt: skip
components.meaning(MetricName.COVERAGE, MetricName.LOOKUP_STATES)
