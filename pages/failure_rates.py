"""How often deletions fail, over time and by product."""

import pandas as pd
import streamlit as st

from bwp_client.charts import failures_over_time, rate_over_time
from bwp_client.charts.rates import describe_rates
from bwp_client.metrics import MetricName
from bwp_client.ui import parts, shell

page = shell.page("Failure rates")
bucket = page.choice.bucket
rates = parts.ask(page, MetricName.FAILURE_RATE)
if rates.empty:
    st.info("No task of this kind ended in this period. Choose another period or fewer filters in the sidebar.")
    st.stop()
n = int(rates["n"].sum())
before = parts.ask_row(page, MetricName.PERIOD_COMPARISON)["previous_rate"]
parts.show_chart(
    f"Failure rate by {bucket}",
    rate_over_time(rates, parts.theme(), baseline=before if pd.notna(before) else None),
    caption=f"Shaded: 95 % interval. Hollow: partial {bucket}. Dotted: the period before. A {bucket} with fewer than "
    f"{page.settings.min_n} outcomes is not rated. n {n:,} outcomes, {parts.as_of(page)}",
    alt=describe_rates(rates, bucket),
    key="rates",
)
parts.show_chart(
    f"Failed tasks by {bucket}",
    failures_over_time(rates, parts.theme()),
    caption=f"Lighter: partial {bucket}. {int(rates['failed'].sum()):,} failed tasks, {parts.as_of(page)}",
    alt=f"{int(rates['failed'].sum()):,} failed tasks in {len(rates)} periods, at most {int(rates['failed'].max()):,}.",
    key="failures",
)
left, right = st.columns(2)
with left:
    st.subheader(f"By {bucket}", anchor=False)
    st.dataframe(
        pd.DataFrame(
            {
                f"{bucket.capitalize()} from": rates["period_start"],
                "Failed": rates["failed"],
                "Completed": rates["completed"],
                "Outcomes (n)": rates["n"],
                "Failure rate": [parts.rate_text(row) for _, row in rates.iterrows()],
                "Partial": ["partial" if partial else "" for partial in rates["partial"]],
            }
        ).iloc[::-1],
        hide_index=True,
        column_config={
            f"{bucket.capitalize()} from": st.column_config.DatetimeColumn(
                format="DD MMM YYYY HH:mm" if bucket == "hour" else "DD MMM YYYY", timezone="UTC"
            )
        },
        key="rates_table",
        alt=f"Failed, completed and failure rate for each {bucket}",
    )
with right:
    st.subheader("By business product", anchor=False)
    parts.show_products(page, parts.compare_products(page))
parts.meaning(MetricName.FAILURE_RATE, MetricName.PERIOD_COMPARISON)
