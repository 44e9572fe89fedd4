"""The time that tasks took until they failed or completed."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from bwp_client.charts import time_to_outcome
from bwp_client.metrics import Bucket, MetricName
from bwp_client.metrics.wording import counted, duration
from bwp_client.ui.components import draw_chart, draw_heading, theme
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.job_buttons import draw_look_up_completed


def draw_time_to_outcome(page: PageContext) -> None:
    """Draw how long tasks took until they failed, and until they completed."""
    bucket = Bucket.WEEK if page.bucket in (Bucket.DAY, Bucket.HOUR) else page.bucket
    frame = page.metric(MetricName.TIME_TO_OUTCOME, bucket=bucket)
    whole_period = frame[frame["period_start"].isna()]
    for outcome, title in (("FAILED", "Time until a task failed"), ("COMPLETED", "Time until a task completed")):
        rows = whole_period[whole_period["outcome"] == outcome].to_dict("records")
        if rows and pd.notna(rows[0]["median_seconds"]):
            quantiles = _quantiles(rows[0])
            draw_chart(
                page,
                f"{title}, by {bucket}",
                partial(time_to_outcome, frame, theme(), outcome=outcome),
                notes=f"{quantiles}. From submission; n {counted(int(rows[0]['tasks']), 'looked-up task')}.",
                alt=partial("{}.".format, quantiles),
                data=lambda: frame,
                key=f"time_to_{outcome.lower()}",
            )
            continue
        draw_heading(title, MetricName.TIME_TO_OUTCOME)
        st.caption(f"Too few tasks were looked up to say (n {rows[0]['tasks'] if rows else 0:,}).")
        if outcome == "COMPLETED":
            draw_look_up_completed(page)


def _quantiles(row: Mapping[Hashable, Any]) -> str:
    text = (
        f"Half took no longer than {duration(row['median_seconds'])}, "
        f"9 of 10 no longer than {duration(row['p90_seconds'])}"
    )
    if pd.isna(row["p99_seconds"]):
        return text
    return f"{text}, 99 of 100 no longer than {duration(row['p99_seconds'])}"
