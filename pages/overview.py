"""How bad is it, is it getting worse, why, and can I trust this?"""

import pandas as pd
import streamlit as st

from bwp_client.charts import rate_over_time
from bwp_client.charts.rates import describe_rates
from bwp_client.metrics import MetricName
from bwp_client.metrics.statement import find_rise, percent, statement, verdict
from bwp_client.ui import parts, shell

page = shell.page("Overview")
filters = page.choice.filters
row = parts.ask_row(page, MetricName.PERIOD_COMPARISON)
products = parts.compare_products(page)
days = (filters.to_time - filters.from_time).total_seconds() / 86400
rise = find_rise(
    products,
    lambda product: parts.ask(page, MetricName.ERROR_CODES, filters.with_(business_products=(product,))),
    page.names,
)
with st.container(border=True):
    st.text(statement(row, days, rise))

rated = pd.notna(row["rate"])
coverage = parts.ask_row(page, MetricName.COVERAGE)
columns = st.columns(4)
columns[0].metric(
    "Failure rate",
    percent(row["rate"]) if rated else "too few to rate",
    None if pd.isna(row["difference"]) else f"{row['difference'] * 100:+.1f} points, {verdict(row)}",
    delta_color="inverse" if verdict(row) in {"higher", "lower"} else "off",
    help=f"95 % interval {row['low'] * 100:.1f}–{row['high'] * 100:.1f} %, n {row['n']:,}" if rated else None,
    border=True,
)
columns[1].metric(
    "Failed tasks", f"{row['failed']:,}", f"{row['failed'] - row['previous_failed']:+,} vs. period before",
    delta_color="off", border=True,
)  # fmt: skip
columns[2].metric(
    "Completed tasks", f"{row['completed']:,}",
    f"{row['completed'] - row['previous_completed']:+,} vs. period before", delta_color="off", border=True,
)  # fmt: skip
columns[3].metric(
    "Reasons known", f"{coverage['coverage']:.0%}" if coverage["failed"] else "–",
    f"{coverage['found']:,} of {coverage['failed']:,} failed tasks", delta_color="off", delta_arrow="off", border=True,
)  # fmt: skip

rates = parts.ask(page, MetricName.FAILURE_RATE)
parts.show_chart(
    f"Failure rate by {page.choice.bucket}",
    rate_over_time(rates, parts.theme(), baseline=row["previous_rate"] if pd.notna(row["previous_rate"]) else None),
    caption=f"Shaded: 95 % interval. Hollow: partial {page.choice.bucket}. Dotted: the period before. "
    f"n {row['n']:,} outcomes, {parts.as_of(page)}",
    alt=describe_rates(rates, page.choice.bucket),
    key="overview_rate",
)
st.subheader("Where it fails", anchor=False)
parts.show_products(page, products)
st.subheader("Why it fails", anchor=False)
codes = parts.ask(page, MetricName.ERROR_CODES)
st.dataframe(
    codes[codes["tasks"] > 0][["code", "state", "tasks", "tasks_before", "share", "action"]].head(8).assign(
        share=lambda frame: frame["share"] * 100
    ),
    hide_index=True,
    column_config={
        "code": "Error code", "state": "State", "tasks": "Failed tasks", "tasks_before": "Period before",
        "share": st.column_config.NumberColumn("Share of failed", format="%.0f %%"),
        "action": st.column_config.TextColumn("Next action", width="large"),
    },
    key="overview_codes",
    alt="Top error codes with state, tasks, share and next action",
)  # fmt: skip
parts.meaning(MetricName.FAILURE_RATE, MetricName.PERIOD_COMPARISON, MetricName.ERROR_CODES, MetricName.COVERAGE)
