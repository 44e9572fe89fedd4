"""The failure rate over the chosen period, as the overview and the failure rates page draw it."""

from __future__ import annotations

import pandas as pd

from bwp_client.charts import rate_over_time
from bwp_client.charts.rates import describe_rates
from bwp_client.metrics import MetricName
from bwp_client.metrics.baseline import baseline_of, outside
from bwp_client.metrics.wording import baseline_name, rate_legend
from bwp_client.ui import components
from bwp_client.ui.page import Page


def show(page: Page, rates: pd.DataFrame, key: str) -> pd.Series[str]:
    """Draw the chart.

    Args:
        page: The page.
        rates: Its `failure_rate` frame, not empty.
        key: The element's key.

    Returns:
        `above`, `below` or the empty text for each period: where its rate lies beyond the baseline.
    """
    bucket = page.choice.bucket
    baseline = baseline_of(components.ask_row(page, MetricName.PERIOD_COMPARISON))
    marks = components.kept(page, "marks", lambda: outside(rates, baseline))
    name = None if baseline is None else baseline_name(baseline)
    legend = components.kept(
        page, "legend", lambda: rate_legend(rates, bucket, page.settings.min_n, baseline=name, marks=marks)
    )
    components.show_chart(
        page,
        f"Failure rate by {bucket}",
        lambda: rate_over_time(
            rates,
            components.theme(),
            baseline=baseline.rate if baseline else None,
            outside=marks,
            baseline_name=name or "",
        ),
        caption=f"{legend} n {int(rates['n'].sum()):,} outcomes, {components.as_of(page)}.",
        alt=lambda: describe_rates(rates, bucket),
        key=key,
        about=(MetricName.FAILURE_RATE,),
        opens=components.of_period(page, bucket),
    )
    return marks
