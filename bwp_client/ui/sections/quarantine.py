"""The newest records that could not be read, with the reason and a scrubbed excerpt of each."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from bwp_client.ui.components import count_column, draw_heading, draw_table, time_column
from bwp_client.ui.data import cached, to_arrow
from bwp_client.ui.page import PageContext
from bwp_client.warehouse.quarantine import list_quarantined
from bwp_client.warehouse.schema import TableName
from bwp_client.warehouse.snapshot import Snapshot

MAX_RECORDS: Final = 200


def draw_quarantine(page: PageContext) -> None:
    """Draw the quarantined records, or a caption when there are none."""
    draw_heading(
        "Quarantine",
        notes="Records that could not be read, newest first; excerpts are scrubbed. After a fix: python -m bwp_client "
        "quarantine retry.",
    )
    records = cached(page.snapshot, "quarantined", lambda: to_arrow(_records(page.snapshot)))
    if not records.num_rows:
        st.caption("No record is in quarantine.")
        return
    draw_table(
        records,
        hide_index=True,
        column_config={
            "seen_at": time_column("Seen", width=125),
            "reason": st.column_config.TextColumn("Reason", width=150), "file": "File",
            "offset": count_column("Byte offset"),
            "excerpt": st.column_config.TextColumn("Excerpt", width="large"), "source_uri": "Full address",
        },
        key="quarantine",
        alt="Quarantined records with reason, source, byte offset and excerpt",
    )  # fmt: skip


def _records(snapshot: Snapshot) -> pd.DataFrame:
    """Return seen_at (datetime64[us, UTC]), reason, file, offset (int64), excerpt and source_uri (str), newest first."""
    version = snapshot.versions.get(TableName.QUARANTINE.value, 0)
    rows = [
        row | {"file": row["source_uri"].rpartition("/")[2]}
        for row in list_quarantined(snapshot.warehouse, version=version, limit=MAX_RECORDS)
    ]
    return pd.DataFrame(rows, columns=["seen_at", "reason", "file", "offset", "excerpt", "source_uri"])
