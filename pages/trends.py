"""Is it getting worse, why, and since when?"""

import pandas as pd
import streamlit as st

from bwp_client.charts import outcomes_over_time
from bwp_client.charts.rates import describe_outcomes
from bwp_client.metrics import MetricName
from bwp_client.metrics.comparison import verdict
from bwp_client.metrics.wording import percent
from bwp_client.ui import components
from bwp_client.ui import page as page_frame
from bwp_client.ui.sections import products, trends

page = page_frame.page("Trends")
filters = page.choice.filters
row = components.ask_row(page, MetricName.PERIOD_COMPARISON)
components.heading("This period against the one before", MetricName.PERIOD_COMPARISON)
columns = st.columns(3)
for column, label, prefix in zip(columns, ("This period", "Period before"), ("", "previous_"), strict=False):
    rate, low, high = (row[f"{prefix}{name}"] for name in ("rate", "low", "high"))
    column.metric(
        label,
        percent(rate) if pd.notna(rate) else "too few" if row[f"{prefix}n"] else "not rated",
        f"{row[f'{prefix}failed']:,} of {row[f'{prefix}n']:,}"
        + ("" if pd.isna(rate) else f" ({low * 100:.1f}–{high * 100:.1f} %)"),
        delta_color="off",
        delta_arrow="off",
        border=True,
    )
is_compared = pd.notna(row["difference"])
columns[2].metric(
    "Difference",
    f"{row['difference'] * 100:+.1f} points" if is_compared else "–",
    verdict(row)
    + (f" ({row['difference_low'] * 100:+.1f} to {row['difference_high'] * 100:+.1f})" if is_compared else ""),
    delta_color="off",
    delta_arrow="off",
    border=True,
)
st.caption(
    f"{filters.from_time:%d %b %Y} to {filters.to_time - pd.Timedelta(days=1):%d %b %Y}, "
    f"against {filters.before_time:%d %b %Y} to {filters.from_time - pd.Timedelta(days=1):%d %b %Y}, "
    f"{components.as_of(page)}."
)
if page.snapshot.span() is None:
    st.stop()
trends.show_what_changed(page)
whole = components.all_data(page)
weekly = trends.show_since_when(page, whole)
if weekly.empty:
    products.show_nothing_rated(page)
    st.stop()
components.show_chart(
    page,
    "Failed and completed tasks by week, all data",
    lambda: outcomes_over_time(weekly, components.theme()),
    caption="Lighter: partial week. More failures with an unchanged rate mean more requests. "
    f"n {int(weekly['n'].sum()):,} outcomes, {components.as_of(page)}.",
    alt=lambda: describe_outcomes(weekly, "week"),
    key="trend_outcomes",
)
trends.show_more(page, whole)
components.meaning(
    MetricName.PERIOD_COMPARISON, MetricName.CONTRIBUTORS, MetricName.CHANGE_POINTS, MetricName.WEEKDAY_HOUR,
    MetricName.TIME_TO_OUTCOME,
)  # fmt: skip
