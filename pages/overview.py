"""How bad is it, is it getting worse and since when, why, what do I do today, can I trust this?"""

import pandas as pd
import streamlit as st

from bwp_client.metrics import MetricName
from bwp_client.metrics.comparison import verdict
from bwp_client.metrics.wording import interval, percent
from bwp_client.ui import components
from bwp_client.ui import page as page_frame
from bwp_client.ui.sections import data_trust, narrative, products, rate_chart, today

page = page_frame.page("Overview")
row = components.ask_row(page, MetricName.PERIOD_COMPARISON)
compared = products.compare(page)
unrated = products.unrated_failures(page)
with st.container(border=True):
    if row["n"] or not unrated:
        st.text(components.kept(page, "sentence", lambda: narrative.sentence(page, row, compared)))
    else:
        st.text(f"{unrated:,} failed, and no rate can be given: no COMPLETED event was ever loaded for these products.")
    if episode := components.kept(page, "episode", lambda: narrative.tell_episode(page, products.weekly(page))):
        st.text(episode)
    if rising := components.kept(page, "rising codes", lambda: narrative.tell_codes(page)):
        st.text(rising)
    if newest := components.kept(page, "lately", lambda: narrative.lately(page)):
        st.text(newest)
    st.text(today.sentence(page))

rated = pd.notna(row["rate"])
coverage = components.ask_row(page, MetricName.COVERAGE)
columns = st.columns(4)
columns[0].metric(
    "Failure rate",
    percent(row["rate"]) if rated else "not rated" if unrated and not row["n"] else "too few",
    f"{row['failed']:,} of {row['n']:,}"
    if pd.isna(row["difference"])
    else f"{row['difference'] * 100:+.1f} points, {'not clear' if verdict(row) == 'no clear change' else verdict(row)}",
    delta_arrow="off" if pd.isna(row["difference"]) else "auto",
    delta_color="inverse" if verdict(row) in {"higher", "lower"} else "off",
    help=components.meaning_of(MetricName.FAILURE_RATE, MetricName.PERIOD_COMPARISON),
    border=True,
)
columns[1].metric(
    "Failed tasks", f"{row['failed'] + unrated:,}",
    f"{unrated:,} of them not rated" if unrated else f"{row['failed'] - row['previous_failed']:+,} vs. period before",
    delta_color="off", border=True,
    delta_arrow="off" if unrated or row["failed"] == row["previous_failed"] else "auto",
    help="Tasks whose outcome in this period is FAILED. Those of products without a denominator are not rated.",
)  # fmt: skip
columns[2].metric(
    "Completed tasks", f"{row['completed']:,}",
    f"{row['completed'] - row['previous_completed']:+,} vs. period before", delta_color="off", border=True,
    delta_arrow="off" if row["completed"] == row["previous_completed"] else "auto",
    help="Tasks whose outcome in this period is COMPLETED.",
)  # fmt: skip
columns[3].metric(
    "Reasons known", f"{coverage['coverage']:.0%}" if coverage["failed"] else "–",
    f"{coverage['found']:,} of {coverage['failed']:,} failed tasks", delta_color="off", delta_arrow="off", border=True,
    help=components.meaning_of(MetricName.COVERAGE)
    + " Products that are not rated are included; a choice of error codes does not narrow it.",
)  # fmt: skip
if rated:
    other = ", other failures among them" if page.choice.filters.codes else ""
    st.caption(
        f"{row['failed']:,} failed of {row['n']:,} outcomes{other}, 95 % interval "
        f"{interval(row['low'], row['high'])}, {components.as_of(page)}"
    )

rates = components.ask(page, MetricName.FAILURE_RATE)
if not rates.empty:
    rate_chart.show(page, rates, "overview_rate")
components.heading("Why it fails", MetricName.ERROR_CODES)
codes = components.kept(page, "top codes", lambda: narrative.top_codes(page))
if not codes.num_rows:
    st.text("No task of this kind failed in this period.")
else:
    st.dataframe(
        codes,
        hide_index=True,
        column_config={
            "code": st.column_config.TextColumn("Error code", width=190),
            "state": st.column_config.TextColumn("State", width=70),
            "tasks": "Failed tasks", "tasks_before": "Period before",
            "share": st.column_config.NumberColumn("Share", format="%.0f %%"),
            "action": st.column_config.TextColumn("Next action", width=360),
        },
        placeholder="–",
        on_select=components.code_rows("overview_codes", codes),
        selection_mode="single-row",
        key="overview_codes",
        alt="Top error codes with state, tasks, share and next action",
    )  # fmt: skip
    st.caption(
        "A task with two codes counts under each. Tick a row to see its tasks. "
        f"n {coverage['failed']:,} failed tasks{' with any code' if page.choice.filters.codes else ''}, "
        f"{components.as_of(page)}."
    )
components.heading("Where it fails", MetricName.FAILURE_RATE, MetricName.PERIOD_COMPARISON)
if compared.empty:
    products.show_unrated(page)
else:
    products.show(page, compared)
today.show(page)
data_trust.show(page)
components.meaning(MetricName.FAILURE_RATE, MetricName.PERIOD_COMPARISON, MetricName.ERROR_CODES, MetricName.COVERAGE)
