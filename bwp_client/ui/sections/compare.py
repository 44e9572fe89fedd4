"""Failure rates laid over each other in one chart: two periods, business products, or error codes."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from bwp_client.charts import compared_rates
from bwp_client.charts.rate_descriptions import describe_compared
from bwp_client.metrics import Bucket, MetricName
from bwp_client.metrics.compared_rates import ComparedRate, comparison_rows, comparison_sentence, rate_by_position
from bwp_client.metrics.extent import SelectedData
from bwp_client.ui.components import count_column, draw_chart, draw_table, theme
from bwp_client.ui.filters import choose_bucket
from bwp_client.ui.markdown import plain
from bwp_client.ui.page import PageContext
from bwp_client.ui.sections.compare_choice import (
    FEWEST,
    OF_CODES,
    OF_PRODUCTS,
    PERIODS,
    Compared,
    draw_choice,
    draw_kind,
)

_TITLES = {
    PERIODS: "Failure rate of both periods, by {}",
    OF_PRODUCTS: "Failure rate of business products, by {}",
    OF_CODES: "Tasks that failed with each error code, of all finished tasks, by {}",
}
_FIRST_COLUMN = {PERIODS: "Period", OF_PRODUCTS: "Business product", OF_CODES: "Error code"}


def draw_compare(page: PageContext) -> None:
    """Draw the choice of what is compared, and the comparison."""
    kind = draw_kind(page)
    if kind is None:
        return
    chosen = draw_choice(page, kind)
    if (kind == OF_PRODUCTS and page.filters.business_products) or (kind == OF_CODES and page.filters.codes):
        st.caption("This choice takes the place of the sidebar's.")
    if len(chosen) < FEWEST:
        if kind != PERIODS:
            st.text(f"Choose at least {FEWEST}.")
        return
    own = replace(page, cache_key=f"{page.cache_key} {kind} {chosen!r}")
    bucket = own.cached("bucket", lambda: _bucket(page, chosen))
    rates = own.cached("rates", lambda: [_rate(page, item, bucket, is_period=kind == PERIODS) for item in chosen])
    sentence = comparison_sentence(rates)
    st.markdown(f"**{plain(sentence)}**")
    _draw_chart(own, kind, rates, bucket, sentence)
    _draw_table(own, kind, rates)


def _bucket(page: PageContext, chosen: list[Compared]) -> Bucket:
    """Return the page's bucket, or a longer one where the rate with fewest outcomes needs it to be rated."""
    rows = [page.metric_row(MetricName.PERIOD_COMPARISON, item.filters) for item in chosen]
    fewest = min((row["n"] for row in rows if row["n"] >= page.settings.min_n), default=0)
    days = (page.filters.to_time - page.filters.from_time).days
    buckets = list(Bucket)
    return max(page.bucket, choose_bucket("auto", days, fewest, page.settings.min_n), key=buckets.index)


def _rate(page: PageContext, item: Compared, bucket: Bucket, *, is_period: bool) -> ComparedRate:
    """Compute a rate of the comparison."""
    whole = page.metric_row(MetricName.PERIOD_COMPARISON, item.filters)
    if is_period:
        data = SelectedData.of(page.snapshot, item.filters)
        over_time = rate_by_position(
            lambda of_bucket: page.metric(MetricName.FAILURE_RATE, item.filters, of_bucket),
            item.filters, bucket, data, page.settings.min_n,
        )  # fmt: skip
    else:
        over_time = page.metric(MetricName.FAILURE_RATE, item.filters, bucket)
    return ComparedRate(item.name, item.where, item.filters, whole, over_time, item.not_compared)


def _draw_chart(page: PageContext, kind: str, rates: list[ComparedRate], bucket: Bucket, sentence: str) -> None:
    frames = {item.name: item.over_time for item in rates}
    if not any(frame["rate"].notna().any() for frame in frames.values()):
        st.text(f"No {bucket} has the {page.settings.min_n} finished tasks that a rate needs.")
        return
    shaded = "Shaded: the likely range. " if len(rates) == FEWEST else ""
    hollow = f"Hollow: partial {bucket}. " if any(map(_has_partial, frames.values())) else ""
    twice = " A task with two codes counts under each." if kind == OF_CODES else ""
    draw_chart(
        page,
        _TITLES[kind].format(bucket),
        lambda: compared_rates(frames, theme(), bucket),
        notes=f"{shaded}{hollow}Hover for the days and the counts. The last two columns of the table compare its first "
        f"row with the others, with the likely range of the difference.{twice}",
        alt=lambda: describe_compared(frames, sentence, bucket),
        data=lambda: _rows_of_chart(rates),
        key="compare_chart",
    )


def _has_partial(rates: pd.DataFrame) -> bool:
    return bool((rates["partial"] & rates["rate"].notna()).any())


def _draw_table(page: PageContext, kind: str, rates: list[ComparedRate]) -> None:
    columns = {
        "name": _FIRST_COLUMN[kind],
        "days": "Days (UTC)" if kind == PERIODS else None,
        "failed": count_column("Failed tasks"),
        "n": count_column("Finished tasks"),
        "rate": "Failure rate",
        "first_is": f"{rates[0].name} is",
        "difference": "By (points)",
    }
    draw_table(
        page.cached_table("compared", lambda: comparison_rows(rates)),
        hide_index=True, column_config=columns, key="compare_table",
        alt="The compared rates with failed and finished tasks, and the difference of the first from each",
    )  # fmt: skip


def _rows_of_chart(rates: list[ComparedRate]) -> pd.DataFrame:
    """Return the rows that the chart shows, with the name of each line."""
    return pd.concat([item.over_time.assign(name=item.name) for item in rates], ignore_index=True)
