"""Is the picture complete, how do I know, and what to do."""

import pandas as pd
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.ui import actions, archives, lookups, missing, parts, shell, trust
from bwp_client.ui.data import not_stored, quarantine_table, runs_table, version_key

page = shell.page("Data health")
parts.heading("Is the picture complete?", MetricName.GAPS, MetricName.COVERAGE)
st.caption("About the chosen period; below, about all that was loaded.")
trust.show_lines(page)
actions.load_and_look_up(page.settings)
missing.show(page)

coverage = parts.ask_row(page, MetricName.COVERAGE)
parts.heading("Reasons known", MetricName.COVERAGE, MetricName.LOOKUP_STATES)
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

archives.show(page.settings, version_key(page.settings))

runs = runs_table(page.snapshot)
st.subheader("Runs", anchor=False)
st.caption("Every record read is stored, duplicate, ignored or quarantined; the counts add up.")
st.dataframe(
    parts.table(page, "runs", lambda: pd.DataFrame(runs).drop(columns=["counts"])),
    hide_index=True,
    column_config={
        "finished": st.column_config.DatetimeColumn("Finished", format="DD MMM YYYY HH:mm", timezone="UTC", width=125),
        "run": st.column_config.TextColumn("Run", width=50), "source": st.column_config.TextColumn("Source", width=130),
        "read": parts.count_column("Read or asked"), "stored": parts.count_column("Stored or found"),
        "duplicate": parts.count_column("Duplicate"), "ignored": parts.count_column("Ignored"),
        "quarantined": parts.count_column("Quarantined"),
        "seconds": st.column_config.NumberColumn("Seconds", format="%.1f", width=65),
        "state": st.column_config.TextColumn("State", width=70),
    },
    placeholder="–",
    key="runs",
    alt="The newest runs with their counts",
)  # fmt: skip
detail = parts.table(page, "not stored", lambda: not_stored(runs))
if detail.num_rows:
    st.caption("What these runs did not store, and why.")
    st.dataframe(
        detail, hide_index=True, key="detail", column_config={"Records": parts.count_column("Records")},
        alt="Duplicates by cause, ignored events by type, quarantined records by reason",
    )  # fmt: skip

st.subheader("Quarantine", anchor=False)
bad = parts.table(page, "quarantined", lambda: quarantine_table(page.snapshot))
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
            "offset": parts.count_column("Byte offset"),
            "excerpt": st.column_config.TextColumn("Excerpt", width="large"), "source_uri": "Full address",
        },
        key="quarantine",
        alt="Quarantined records with reason, source, byte offset and excerpt",
    )  # fmt: skip
parts.meaning(MetricName.COVERAGE, MetricName.LOOKUP_STATES)
