"""How often deletions fail, over time and by product."""

import pandas as pd
import streamlit as st

from bwp_client.charts import outcomes_over_time, rates_by_product
from bwp_client.charts.rates import describe_outcomes, describe_products
from bwp_client.metrics import MetricName
from bwp_client.metrics.wording import rate_with_interval
from bwp_client.ui import components
from bwp_client.ui import page as page_frame
from bwp_client.ui.sections import products, rate_chart, submission_rate

page = page_frame.page("Failure rates")
bucket = page.choice.bucket
rates = components.ask(page, MetricName.FAILURE_RATE)
if rates.empty:
    products.show_nothing_rated(page)
    st.stop()
n = int(rates["n"].sum())
marks = rate_chart.show(page, rates, "rates")
components.show_chart(
    page,
    f"Failed and completed tasks by {bucket}",
    lambda: outcomes_over_time(rates, components.theme()),
    caption=f"Lighter: partial {bucket}. n {n:,} outcomes, {components.as_of(page)}.",
    alt=lambda: describe_outcomes(rates, bucket),
    key="outcomes",
    opens=components.of_period(page, bucket),
)
components.heading("By business product", MetricName.PERIOD_COMPARISON)
products.show(page, products.compare(page))
weekly = products.weekly(page)
named = components.kept(
    page,
    "products rated by week",
    lambda: {page.names(product): frame for product, frame in weekly.items() if frame["rate"].notna().any()},
)
if named:
    components.show_chart(
        page,
        "Failure rate by business product and week",
        lambda: rates_by_product(named, components.theme()),
        caption=f"This period and the one before. Hollow: partial week. A week with fewer than {page.settings.min_n} "
        f"outcomes is not rated. n {sum(int(frame['n'].sum()) for frame in named.values()):,} outcomes, "
        f"{components.as_of(page)}.",
        alt=lambda: describe_products(named, "week"),
        key="products_by_week",
        about=(MetricName.FAILURE_RATE,),
    )
products.show_kinds_and_regions(page)
submission_rate.show(page, components.all_data(page))
st.subheader(f"By {bucket}", anchor=False)
starts = f"{bucket.capitalize()} from (UTC)"


def by_time() -> pd.DataFrame:
    """Give the rates as rows, the newest first."""
    return pd.DataFrame(
        {
            starts: rates["period_start"],
            "Failed": rates["failed"],
            "Completed": rates["completed"],
            "Outcomes (n)": rates["n"],
            "Failure rate": [rate_with_interval(row) for row in rates.to_dict("records")],
            "Baseline": marks,
            "Partial": ["partial" if partial else "" for partial in rates["partial"]],
        }
    ).iloc[::-1]


st.dataframe(
    components.table(page, "rates by time", by_time),
    hide_index=True,
    column_config={
        starts: st.column_config.DatetimeColumn(
            format="DD MMM YYYY HH:mm" if bucket == "hour" else "DD MMM YYYY", timezone="UTC"
        ),
        **{name: components.count_column(name) for name in ("Failed", "Completed", "Outcomes (n)")},
    },
    key="rates_table",
    alt=f"Failed, completed and failure rate for each {bucket}",
)
components.meaning(MetricName.FAILURE_RATE, MetricName.PERIOD_COMPARISON, MetricName.SUBMISSION_RATE)
