"""The failure rate by week of submission, which more requests alone don't change; or the lookups missing to compute it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bwp_client.charts import rate_over_time
from bwp_client.charts.rate_descriptions import describe_rates
from bwp_client.metrics import Bucket, MetricName
from bwp_client.metrics.catalog import KNOWN_SHARE
from bwp_client.metrics.wording import counted, duration, percent, rate_legend
from bwp_client.ui.components import draw_chart, draw_heading, theme
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.job_buttons import draw_look_up_completed


def draw_submission_rate(page: PageContext) -> None:
    """Draw the rate over all data if enough tasks were looked up; else the looked-up shares and a button that looks up."""
    rates = page.metric(MetricName.SUBMISSION_RATE, page.filters_of_all_data, Bucket.WEEK)
    known = rates[(rates["failed_known"] >= KNOWN_SHARE) & (rates["completed_known"] >= KNOWN_SHARE)]
    if known["rate"].isna().all():
        draw_heading("By submission", MetricName.SUBMISSION_RATE)
        _draw_missing(page, rates)
        return
    legend = rate_legend(known, "week", page.settings.min_n)
    settles = duration(rates["settles_seconds"].iloc[0])
    draw_chart(
        page,
        "Failure rate by week of submission, all data",
        lambda: rate_over_time(known, theme()),
        notes="Of the tasks submitted in a week, whenever they ended. More requests don't change this rate. "
        f"{legend} Partial: until {settles} after the week. "
        f"n {counted(int(known['n'].sum()), 'looked-up task')}.",
        alt=lambda: describe_rates(known, "week"),
        data=lambda: known,
        key="submission_rate",
    )


def _draw_missing(page: PageContext, rates: pd.DataFrame) -> None:
    failed, completed = rates[["failed_known", "completed_known"]].iloc[0] if len(rates) else (0.0, 0.0)
    st.text(
        "Failures are reported sooner than completions. When many new requests come in, the rate looks too "
        f"high for a while. To correct this, {KNOWN_SHARE * 100:.0f} % of the failed and of the completed tasks must be "
        f"looked up. So far, {percent(failed)} of the failed and {percent(completed)} of the completed ones are."
    )
    if completed < KNOWN_SHARE:
        draw_look_up_completed(page)
