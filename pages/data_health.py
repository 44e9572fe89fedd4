"""Is the picture complete, how do I know, and what to do."""

import pandas as pd
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.ui import actions, parts, shell
from bwp_client.ui.data import completeness, quarantine_table, runs_table, version_key
from bwp_client.ui.plain import plain

page = shell.page("Data health")
actions.load_and_look_up(page.settings)

coverage = parts.ask_row(page, MetricName.COVERAGE)
st.subheader("Reasons known", anchor=False)
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

warehouse, key = page.snapshot.warehouse, version_key(page.settings)
heard, missing, twice = completeness(page.snapshot, key)
st.subheader("Is anything missing?", anchor=False)
silent = [
    f"{page.names(row.business_product_id)} ({row.task_kind.lower()}): no {name} event ever"
    for row in heard.itertuples()
    for name, last in (("FAILED", row.last_failed_at), ("COMPLETED", row.last_completed_at))
    if pd.isna(last)
]
if silent:
    st.warning(
        plain("Silent, which is not zero: " + "; ".join(silent) + ". Check that these event types are subscribed to.")
    )
if missing:
    shown = [
        f"{gap.first_day:%d %b %Y}" + (f" to {gap.last_day:%d %b %Y}" if gap.last_day > gap.first_day else "")
        for gap in missing[:5]
    ]
    st.warning(
        plain(
            f"No event at all, where some were expected: {', '.join(shown)}"
            + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            + ". Load these days again with --from and --to, or find out whether the archive holds them."
        )
    )
else:
    st.caption("No day without events where its weekday usually has five or more.")
never = st.column_config.DatetimeColumn(format="DD MMM YYYY HH:mm", timezone="UTC")
st.dataframe(
    pd.DataFrame(
        {
            "Business product": [page.names(product) for product in heard["business_product_id"]],
            "Task kind": heard["task_kind"].str.capitalize(),
            "Failed": heard["failed"],
            "Completed": heard["completed"],
            "Last failed": heard["last_failed_at"],
            "Last completed": heard["last_completed_at"],
        }
    ),
    hide_index=True,
    column_config={
        "Failed": parts.count_column("Failed"),
        "Completed": parts.count_column("Completed"),
        "Last failed": never,
        "Last completed": never,
    },
    placeholder="never",
    key="heard",
    alt="Business products with failed and completed tasks and when each was last heard of",
)
if not twice.empty:
    st.caption(
        f"{len(twice):,} events say the same as another one that has a different ID. All are stored; rates count each "
        "task once, so they change nothing."
    )
    st.dataframe(
        twice.head(50).rename(columns={"task_id": "Task ID", "event_type": "Event type", "events": "Events"}),
        hide_index=True,
        column_config={
            "occurred_at": st.column_config.DatetimeColumn("Event time", format="DD MMM YYYY HH:mm", timezone="UTC"),
            "sources": st.column_config.NumberColumn("From objects"),
        },
        key="twins",
        alt="Events that may be the same one twice",
    )

runs = runs_table(warehouse.uri, key)
st.subheader("Runs", anchor=False)
st.caption("Every record read is stored, duplicate, ignored or quarantined; the counts add up.")
st.dataframe(
    pd.DataFrame(runs).drop(columns=["counts"]),
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
detail = [
    {"Count": what, "Kind": kind, "Records": count}
    for what in ("duplicate", "ignored", "quarantined")
    for kind, count in actions.summed(runs, what).items()
]
if detail:
    st.caption("What these runs did not store, and why.")
    st.dataframe(
        pd.DataFrame(detail), hide_index=True, key="detail", column_config={"Records": parts.count_column("Records")},
        alt="Duplicates by cause, ignored events by type, quarantined records by reason",
    )  # fmt: skip

st.subheader("Quarantine", anchor=False)
bad = quarantine_table(warehouse.uri, key, page.snapshot.versions.get("quarantine", 0))
if bad.empty:
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
parts.meaning(MetricName.COVERAGE)
