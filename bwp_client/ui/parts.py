"""Pieces that several pages show: a chart with its words, rates as text, the table of products."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from bwp_client.charts import Theme, code_colors
from bwp_client.metrics import METRICS, Filters, MetricName
from bwp_client.metrics.statement import percent, verdict
from bwp_client.ui.data import metric, unrated
from bwp_client.ui.filters import all_codes
from bwp_client.ui.plain import plain
from bwp_client.ui.shell import Page

MAX_PRODUCTS = 20


def theme() -> Theme:
    """Give the visitor's theme."""
    return Theme.DARK if st.context.theme.type == "dark" else Theme.LIGHT


def show_chart(title: str, chart: go.Figure, *, caption: str, alt: str, key: str) -> None:
    """Draw a chart under a title that says the measure, with n and as-of below it."""
    st.subheader(title, anchor=False)
    st.plotly_chart(chart, theme=None, key=key, alt=alt, config={"displayModeBar": False})
    st.caption(caption)


def as_of(page: Page) -> str:
    """Say how fresh the figures are."""
    return f"as of {page.snapshot.run.finished_at:%d %b %Y %H:%M} UTC"


def ask(page: Page, name: MetricName, filters: Filters | None = None, bucket: Any = None) -> pd.DataFrame:
    """Compute a metric with the page's filters unless told otherwise."""
    return metric(
        page.snapshot, name, filters or page.choice.filters, bucket=bucket or page.choice.bucket,
        min_n=page.settings.min_n,
    )  # fmt: skip


def ask_row(page: Page, name: MetricName) -> dict[Hashable, Any]:
    """Compute a metric that has one row; whole numbers stay whole."""
    (row,) = ask(page, name).to_dict("records")
    return row


def meaning(*names: MetricName) -> None:
    """Offer what the numbers mean."""
    with st.expander("What these numbers mean"):
        for name in names:
            st.markdown(f"**{METRICS[name].title}.** {METRICS[name].meaning}")


def rate_text(row: Any) -> str:
    """Give a rate with its interval, or say that there are too few to rate."""
    if pd.isna(row["rate"]):
        return "too few to rate"
    return f"{percent(row['rate'])} ({row['low'] * 100:.1f}–{row['high'] * 100:.1f} %)"


def colors(page: Page) -> dict[str, str]:
    """Give every code its colour."""
    return code_colors(all_codes(page.snapshot))


def compare_products(page: Page) -> pd.DataFrame:
    """Compare each product with itself in the period before; most failures first.

    Returns:
        `period_comparison` rows with a column business_product_id, only products with outcomes in either period.
    """
    filters = page.choice.filters
    listed = page.snapshot.rows(
        """
        select business_product_id from product_kinds where task_kind = $kind and has_denominator
        order by tasks desc
        """,
        {"kind": filters.task_kind.value},
    )
    wanted = [row[0] for row in listed if filters.business_products is None or row[0] in filters.business_products]
    frames = []
    for product in wanted[:MAX_PRODUCTS]:
        frame = ask(page, MetricName.PERIOD_COMPARISON, filters.with_(business_products=(product,)))
        frames.append(frame.assign(business_product_id=product))
    if not frames:
        return ask(page, MetricName.PERIOD_COMPARISON).head(0).assign(business_product_id=pd.Series(dtype="str"))
    table = pd.concat(frames, ignore_index=True)
    return table[table["n"] + table["previous_n"] > 0].sort_values("failed", ascending=False, ignore_index=True)


def show_products(page: Page, products: pd.DataFrame) -> None:
    """Show products with their rates and how these compare with the period before."""
    shown = pd.DataFrame(
        {
            "Business product": [page.names(product) for product in products["business_product_id"]],
            "Failed": products["failed"],
            "Outcomes (n)": products["n"],
            "Failure rate": products["rate"] * 100,
            "95 % interval": [
                "too few to rate" if pd.isna(row["rate"]) else f"{row['low'] * 100:.1f}–{row['high'] * 100:.1f} %"
                for _, row in products.iterrows()
            ],
            "Period before": products["previous_rate"] * 100,
            "Compared": [verdict(row) for _, row in products.iterrows()],
        }
    )
    rate = st.column_config.NumberColumn(format="%.1f %%")
    st.dataframe(
        shown, hide_index=True, column_config={"Failure rate": rate, "Period before": rate}, key="products", placeholder="–",
        alt="Business products with failed tasks, outcomes, failure rate and comparison with the period before",
    )  # fmt: skip
    for row in unrated(page.snapshot, page.choice.filters).itertuples():
        st.info(
            f"{plain(page.names(str(row.business_product_id)))}: {row.failed:,} outcomes, not rated. Not one COMPLETED "
            "event was ever loaded for it, so its failures have no denominator; subscribe it to the COMPLETED events.",
            icon="ℹ️",
        )
