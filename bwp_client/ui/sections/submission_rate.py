"""The failure rate by submission, which a surge of requests leaves as it is; or what it takes to see it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from bwp_client.charts import rate_over_time
from bwp_client.charts.rates import describe_rates
from bwp_client.metrics import Bucket, Filters, MetricName
from bwp_client.metrics.catalog import KNOWN_SHARE
from bwp_client.metrics.wording import duration, percent, rate_legend
from bwp_client.ui import components
from bwp_client.ui.page import Page
from bwp_client.ui.sections import job_buttons


def show(page: Page, whole: Filters) -> None:
    """Draw the rate by week of submission where enough was looked up; else say what is missing, and offer to look it up.

    Args:
        page: The page.
        whole: Its filters over all data.
    """
    rates = components.ask(page, MetricName.SUBMISSION_RATE, whole, Bucket.WEEK)
    known = _known(rates)
    if known["rate"].isna().all():
        components.heading("By submission", MetricName.SUBMISSION_RATE)
        _tell_missing(page, rates)
        return
    legend = rate_legend(known, "week", page.settings.min_n)
    settles = duration(rates["settles_seconds"].iloc[0])
    components.show_chart(
        page,
        "Failure rate by week of submission, all data",
        lambda: rate_over_time(known, components.theme()),
        caption="Of the tasks submitted in a week, whenever they ended: more requests alone change nothing here. "
        f"{legend} A week is partial until {settles} after it: 1 in 100 completed tasks "
        "took longer. The sidebar's period does not apply. "
        f"n {int(known['n'].sum()):,} looked-up tasks, {components.as_of(page)}.",
        alt=lambda: describe_rates(known, "week"),
        key="submission_rate",
        about=(MetricName.SUBMISSION_RATE,),
    )


def _known(rates: pd.DataFrame) -> pd.DataFrame:
    """Leave the weeks of which enough was looked up."""
    return rates[(rates["failed_known"] >= KNOWN_SHARE) & (rates["completed_known"] >= KNOWN_SHARE)]


def _tell_missing(page: Page, rates: pd.DataFrame) -> None:
    failed, completed = rates[["failed_known", "completed_known"]].iloc[0] if len(rates) else (0.0, 0.0)
    st.text(
        "Failures come sooner than completions, so more requests alone raise the rate for a while; the rate by submission "
        f"they leave as it is. For it {KNOWN_SHARE * 100:.0f} % of both have to be looked up: of the failed tasks "
        f"{percent(failed)} are, of the completed ones {percent(completed)}."
    )
    if completed < KNOWN_SHARE:
        job_buttons.offer_completed(page)
